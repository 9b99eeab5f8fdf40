/*
 * From a spec to a running program, and from the last reference to free memory.
 *
 * sess_session_start checks, takes resources and memory, and hands a copy of the spec to a helper;
 * it runs on whatever thread calls it, while nothing of the session's strand is started. The rest
 * runs on the strand, when the helper has answered.
 */
#include "sessions/session.h"

#include "sessions/session_struct.h"

#include <assert.h>
#include <string.h>

/* ---- Checking ---- */

static bool is_environment(const char *const *env)
{
    for (; env != NULL && *env != NULL; env++) {
        const char *equals = strchr(*env, '=');
        if (equals == NULL || equals == *env)
            return false;
    }
    return true;
}

static bool are_labels(const struct sess_label *labels, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (labels == NULL || labels[i].name == NULL || labels[i].value == NULL)
            return false;
    }
    return true;
}

static int check_spec(const struct sess_host *host, const struct sess_spec *spec)
{
    if (spec->argv == NULL || spec->argv[0] == NULL || !is_environment(spec->env) ||
        (unsigned)spec->stdio > SESS_STDIO_TTY || !are_labels(spec->labels, spec->label_count))
        return SESS_E_INVALID;
    uint64_t label_bytes = sess_labels_bytes(spec->labels, spec->label_count);
    if (spec->id_size_bytes > SESS_ID_MAX_BYTES || label_bytes > SESS_LABELS_MAX_BYTES ||
        sess_spawn_spec_bytes(spec) + label_bytes > host->options.spec_max_bytes)
        return SESS_E_TOO_LARGE;
    return 0;
}

/* Descriptors: our ends of the streams, the pidfd, and one by which a wrap hears of the program;
 * while starting also the program's ends. */
struct sess_need sess_session_needs(enum sess_stdio stdio, bool wrapped, bool starting)
{
    bool tty = stdio == SESS_STDIO_TTY;
    uint32_t streams = tty ? 1 : stdio == SESS_STDIO_PIPES ? 3 : 2;
    return (struct sess_need){{
        [SESS_RESOURCE_SESSIONS] = 1,
        [SESS_RESOURCE_DESCRIPTORS] = streams + 1 + wrapped + (starting ? streams : 0),
        [SESS_RESOURCE_TTYS] = tty,
        [SESS_RESOURCE_PROCESSES] = 1,
    }};
}

/* ---- The end ---- */

static void on_freed(struct iocp_op *op)
{
    struct sess_session *session = IOCP_OWNER(op, struct sess_session, end);
    struct sess_host *host = session->host;
    sess_tally_move(session, SESS_GONE, SESS_STATES);
    if (session->waits)
        sess_tally_wait(session, false); /* what it was owed was never given back */
    sess_memory_free(host->memory, session);
    atomic_fetch_sub(&host->objects, 1);
    sess_host_unref(host);
}

/* Nobody has a reference. Runs again if the clock or the host's strand has to let go first. */
static void on_end(struct iocp_op *op)
{
    struct sess_session *session = IOCP_OWNER(op, struct sess_session, end);
    assert(session->state == SESS_GONE && atomic_load(&session->refs) == 0);
    if (!sess_clock_stop(session)) { /* a watch had a time while the start failed */
        iocp_post(&session->end);    /* comes back behind the timer */
        return;
    }
    if (sess_reclaim_leave(&session->reclaim, &session->end))
        return;
    assert(!iocp_pending(&session->wake) && session->spawn == NULL);
    sess_headtail_deinit(&session->retained);
    sess_tree_deinit(&session->stop.tree, session->host->memory);
    iocp_strand_end(&session->strand, &session->end, on_freed);
}

static void on_wake(struct iocp_op *op)
{
    struct sess_session *session = IOCP_OWNER(op, struct sess_session, wake);
    uint64_t omitted = sess_headtail_omitted(&session->retained);
    sess_reclaim_give(&session->reclaim, &session->retained);
    sess_tally_reclaim(session, sess_headtail_omitted(&session->retained) - omitted);
    sess_outputs_wake(session);
}

/* ---- Answering ---- */

static void drop_spawn(struct sess_session *session)
{
    sess_spawn_free(session->spawn, session->host->memory);
    session->spawn = NULL;
}

static struct sess_started answer_of(const struct sess_session *session, int result, int os_error,
                                     const char *text)
{
    return (struct sess_started){
        .result = result,
        .os_error = os_error,
        .text = text,
        .shortage = session->spawn->shortage,
        .os_pid = session->os_pid,
    };
}

static const char *text_of(const struct sess_session *session, int result)
{
    const char *text = session->spawn->text;
    if (text[0] != '\0')
        return text;
    return result == SESS_E_CANCELLED ? "the start was cancelled" : sess_error_text(result);
}

/* There is no process and will be none. */
static void fail(struct sess_session *session, int result)
{
    const struct sess_spawn *spawn = session->spawn;
    struct sess_started started =
        answer_of(session, result, spawn->os_error, text_of(session, result));
    struct sess_need all = sess_session_needs(session->stdio, session->is_wrapped, true);
    atomic_fetch_add(&session->host->failed, 1);
    sess_capacity_give_all(&session->host->capacity, &all);
    sess_event_start(session, &started);
    drop_spawn(session);
    sess_session_change(session, SESS_HAPPENS_FAILED);
    sess_event_gone(session);
    sess_session_unref(session); /* its own reference */
}

/* There is a process that nobody shall have: it is killed, and only its end is told. */
static void abort_start(struct sess_session *session, int result, int os_error)
{
    struct sess_started started = answer_of(session, result, os_error, text_of(session, result));
    atomic_fetch_add(&session->host->failed, 1);
    sess_event_start(session, &started);
    if (session->voice == SESS_VOICE_ALL)
        session->voice = SESS_VOICE_GONE_ONLY;
    drop_spawn(session);
    (void)sess_outputs_close(session); /* as far as they were opened */
    sess_stop_ask(session, SESS_STOP_FORCE, 0, SESS_ENDER_CLIENT);
}

static void succeed(struct sess_session *session)
{
    struct sess_started started = answer_of(session, 0, 0, "");
    atomic_fetch_add(&session->host->started, 1);
    sess_event_start(session, &started);
    drop_spawn(session);
    sess_guard_begin(session);
    sess_outputs_resume(session);
}

/* ---- Taking over what the helper made ---- */

static bool open_output(struct sess_session *session, int index, enum sess_stream stream,
                        int *out_os_error)
{
    iocp_handle *handle = &session->spawn->output[index];
    if (!sess_output_open(session, index, *handle, stream, out_os_error))
        return false;
    *handle = IOCP_NO_HANDLE;
    return true;
}

static bool open_streams(struct sess_session *session, int *out_os_error)
{
    iocp_handle *input = &session->spawn->input;
    if (session->stdio == SESS_STDIO_TTY) {
        if (!open_output(session, 0, SESS_PTY, out_os_error))
            return false;
        sess_stdin_open_tty(session);
        return true;
    }
    if (*input != IOCP_NO_HANDLE) {
        if (!sess_stdin_open_pipe(session, *input, out_os_error))
            return false;
        *input = IOCP_NO_HANDLE;
    }
    return open_output(session, 0, SESS_STDOUT, out_os_error) &&
           open_output(session, 1, SESS_STDERR, out_os_error);
}

static void take_process(struct sess_session *session)
{
    struct sess_spawn *spawn = session->spawn;
    struct sess_need all = sess_session_needs(session->stdio, session->is_wrapped, true);
    struct sess_need life = sess_session_needs(session->stdio, session->is_wrapped, false);
    uint32_t start_only =
        all.amounts[SESS_RESOURCE_DESCRIPTORS] - life.amounts[SESS_RESOURCE_DESCRIPTORS];
    sess_capacity_give(&session->host->capacity, SESS_RESOURCE_DESCRIPTORS, start_only);
    session->os_pid = spawn->os_pid;
    session->started_ns = spawn->started_ns;
    session->server_peak_bytes = spawn->server_peak_bytes;
    session->record.started_wall_ms = spawn->started_wall_ms;
    session->stop.tree.cgroup = spawn->cgroup;
    session->exit.handle = spawn->process;
    session->wrap = spawn->wrap;
    spawn->wrap = NULL;
    spawn->process = IOCP_NO_HANDLE;
    sess_session_change(session, SESS_HAPPENS_SPAWNED);
    sess_session_wait_exit(session);
}

static void on_spawned(struct iocp_op *op)
{
    struct sess_spawn *spawn = IOCP_OWNER(op, struct sess_spawn, help.op);
    struct sess_session *session = spawn->session;
    int os_error = 0;
    if (op->result != 0) { /* the helpers' queue is full */
        spawn->shortage = (struct sess_shortage){"starts", 0, 1};
        fail(session, SESS_E_NO_CAPACITY);
        return;
    }
    if (spawn->result != 0) {
        fail(session, spawn->result);
        return;
    }
    take_process(session);
    if (session->stop.ender != SESS_ENDER_NOBODY) {
        abort_start(session, SESS_E_CANCELLED, 0);
    } else if (!open_streams(session, &os_error)) {
        sess_spawn_fail(spawn, SESS_E_START, os_error, "use the program's streams", NULL);
        abort_start(session, SESS_E_START, os_error);
    } else {
        succeed(session);
    }
}

/* ---- Starting ---- */

static size_t or_default(size_t size_bytes, size_t host_default)
{
    return size_bytes == SESS_HOST_DEFAULT ? host_default : size_bytes;
}

/* Where the session's guard is in its block: behind id and labels. */
static size_t guard_offset(const struct sess_spec *spec)
{
    size_t offset = sizeof(struct sess_session) + spec->id_size_bytes +
                    (size_t)sess_labels_bytes(spec->labels, spec->label_count);
    return (offset + _Alignof(struct sess_guard) - 1) / _Alignof(struct sess_guard) *
           _Alignof(struct sess_guard);
}

static void init_session(struct sess_session *session, struct sess_host *host,
                         const struct sess_spec *spec)
{
    const struct sess_host_options *options = &host->options;
    memset(session, 0, sizeof(*session));
    session->host = host;
    session->stdio = spec->stdio;
    session->is_wrapped = spec->wrap != NULL;
    session->next_seq = 1;
    session->window_bytes = or_default(spec->window_bytes, options->window_bytes);
    session->input.limit_bytes = or_default(spec->stdin_queue_bytes, options->stdin_queue_bytes);
    atomic_init(&session->refs, 2); /* the caller's and its own */
    iocp_strand_init(&session->strand, host->port);
    iocp_op_init(&session->wake, &session->strand, on_wake);
    iocp_op_init(&session->end, &session->strand, on_end);
    sess_clock_init(session);
    sess_headtail_init(&session->retained, or_default(spec->retain_bytes, options->retain_bytes),
                       &host->budget, host->memory);
    sess_reclaim_init(&session->reclaim, &host->reclaimer, &session->wake);
    session->id_size_bytes = (uint32_t)spec->id_size_bytes;
    if (spec->id_size_bytes > 0)
        memcpy(session->id, spec->id, spec->id_size_bytes);
    session->labels_size_bytes = (uint32_t)sess_labels_bytes(spec->labels, spec->label_count);
    sess_labels_copy(spec->labels, spec->label_count, session->id + spec->id_size_bytes);
    if (sess_limits_are_set(&spec->limits)) {
        session->guard = (struct sess_guard *)((char *)session + guard_offset(spec));
        *session->guard = (struct sess_guard){.limits = spec->limits};
    }
}

/* A session with its copy of the spec; NULL: no memory. */
static struct sess_session *new_session(struct sess_host *host, const struct sess_spec *spec)
{
    size_t size = guard_offset(spec);
    if (sess_limits_are_set(&spec->limits))
        size += sizeof(struct sess_guard);
    struct sess_session *session = sess_memory_take(host->memory, size);
    if (session == NULL)
        return NULL;
    init_session(session, host, spec);
    session->spawn = sess_spawn_new(spec, host->port, host->platform, host->memory);
    if (session->spawn == NULL) {
        sess_memory_free(host->memory, session);
        return NULL;
    }
    session->spawn->session = session;
    return session;
}

int sess_session_start(struct sess_host *host, const struct sess_spec *spec,
                       const struct sess_events *events, void *context,
                       struct sess_session **out_session, struct sess_shortage *out_shortage)
{
    struct sess_need need = sess_session_needs(spec->stdio, spec->wrap != NULL, true);
    int result = check_spec(host, spec);
    if (result == 0 && atomic_load(&host->closing))
        result = SESS_E_CLOSING;
    if (result == 0)
        result = sess_capacity_take(&host->capacity, &need, out_shortage);
    if (result != 0)
        return result;
    struct sess_session *session = new_session(host, spec);
    if (session == NULL) {
        sess_capacity_give_all(&host->capacity, &need);
        *out_shortage = (struct sess_shortage){"memory", 0, sizeof(*session)};
        return SESS_E_NO_CAPACITY;
    }
    session->events = events;
    session->context = context;
    sess_host_ref(host);
    atomic_fetch_add(&host->objects, 1);
    sess_tally_move(session, SESS_STATES, SESS_STARTING);
    *out_session = session;
    iocp_help_start(&session->spawn->help, &session->strand, IOCP_POOL_STARTS, sess_spawn_work,
                    on_spawned);
    return 0;
}
