/*
 * A tap records what a session's owner hears, and checks the order of it. See support.h.
 */
#include "support.h"

#include <errno.h>
#include <time.h>

static struct timespec deadline(void)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_REALTIME, &at);
    at.tv_sec += SUP_DEADLINE_MS / 1000;
    return at;
}

static void add(struct sup_bytes *bytes, const void *data, size_t size)
{
    if (bytes->size + size + 1 > bytes->capacity) {
        bytes->capacity = (bytes->size + size + 1) * 2;
        bytes->data = realloc(bytes->data, bytes->capacity);
        if (bytes->data == NULL)
            abort();
    }
    memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
    bytes->data[bytes->size] = '\0';
}

/* ---- Events, on the session's strand ---- */

static void lock(struct sup_tap *tap)
{
    (void)pthread_mutex_lock(&tap->lock);
}

static void unlock(struct sup_tap *tap)
{
    (void)pthread_cond_broadcast(&tap->changed);
    (void)pthread_mutex_unlock(&tap->lock);
}

static void check(struct sup_tap *tap, bool right, const char *what)
{
    if (!right && tap->mistake[0] == '\0')
        (void)snprintf(tap->mistake, sizeof(tap->mistake), "%s", what);
}

static void count(struct sup_tap *tap, uint64_t seq)
{
    check(tap, seq == tap->last_seq + 1, "a number is missing or came twice");
    check(tap, tap->started && tap->result == 0, "an event before the start's answer");
    check(tap, !tap->closed, "an event after closed");
    tap->last_seq = seq;
}

static void on_start(struct sess_session *session, void *context,
                     const struct sess_started *started)
{
    struct sup_tap *tap = context;
    (void)session;
    lock(tap);
    check(tap, !tap->started, "two answers to a start");
    tap->started = true;
    tap->result = started->result;
    tap->os_error = started->os_error;
    tap->shortage = started->shortage;
    tap->os_pid = started->os_pid;
    (void)snprintf(tap->text, sizeof(tap->text), "%s", started->text);
    unlock(tap);
}

static void on_output(struct sess_session *session, void *context, const struct sess_chunk *chunk)
{
    struct sup_tap *tap = context;
    uint32_t size = chunk->slice.size_bytes;
    lock(tap);
    count(tap, chunk->seq);
    check(tap, size > 0 && size <= SESS_CHUNK_MAX_BYTES, "a chunk of a wrong size");
    check(tap, chunk->time_ns > 0, "a chunk without time");
    tap->chunks++;
    if (size > tap->largest_chunk)
        tap->largest_chunk = size;
    add(&tap->out[chunk->stream], chunk->slice.data, size);
    bool hold = tap->hold;
    if (hold)
        tap->held_bytes += size;
    unlock(tap);
    if (!hold)
        sess_session_consumed(session, size);
}

static void on_exited(struct sess_session *session, void *context, uint64_t seq,
                      const struct sess_record *record)
{
    struct sup_tap *tap = context;
    (void)session;
    lock(tap);
    count(tap, seq);
    check(tap, !tap->exited, "two exits");
    tap->exited = true;
    tap->exited_seq = seq;
    tap->exit_record = *record;
    unlock(tap);
}

static void on_closed(struct sess_session *session, void *context, uint64_t seq,
                      enum sess_close_reason reason, const struct sess_record *record)
{
    struct sup_tap *tap = context;
    (void)session;
    lock(tap);
    count(tap, seq);
    check(tap, tap->exited, "closed before exited");
    tap->closed = true;
    tap->closed_seq = seq;
    tap->reason = reason;
    tap->close_record = *record;
    unlock(tap);
}

static void on_gone(struct sess_session *session, void *context)
{
    struct sup_tap *tap = context;
    (void)session;
    lock(tap);
    check(tap, tap->started, "gone before the start's answer");
    check(tap, tap->closed || tap->result != 0, "gone before closed");
    check(tap, !tap->gone, "gone twice");
    tap->gone = true;
    unlock(tap);
}

static const struct sess_events tap_events = {
    .on_start = on_start,
    .on_output = on_output,
    .on_exited = on_exited,
    .on_closed = on_closed,
    .on_gone = on_gone,
};

/* ---- Starting and freeing ---- */

struct sess_spec sup_spec(const char *const *argv, enum sess_stdio stdio)
{
    static const char *const no_env[] = {NULL};
    return (struct sess_spec){
        .id = "",
        .argv = argv,
        .env = no_env,
        .stdio = stdio,
        .window_bytes = SESS_HOST_DEFAULT,
        .retain_bytes = SESS_HOST_DEFAULT,
        .stdin_queue_bytes = SESS_HOST_DEFAULT,
    };
}

static struct sup_tap *start(struct sup_world *world, const struct sess_spec *spec, bool hold)
{
    struct sup_tap *tap = calloc(1, sizeof(*tap));
    struct sess_shortage shortage = {0};
    assert_non_null(tap);
    tap->hold = hold;
    (void)pthread_mutex_init(&tap->lock, NULL);
    (void)pthread_cond_init(&tap->changed, NULL);
    if (sess_session_start(world->host, spec, &tap_events, tap, &tap->session, &shortage) == 0)
        return tap;
    (void)pthread_mutex_destroy(&tap->lock);
    (void)pthread_cond_destroy(&tap->changed);
    free(tap);
    return NULL;
}

struct sup_tap *sup_try_start(struct sup_world *world, const struct sess_spec *spec)
{
    return start(world, spec, false);
}

struct sup_tap *sup_start(struct sup_world *world, const struct sess_spec *spec)
{
    struct sup_tap *tap = start(world, spec, false);
    assert_non_null(tap);
    return tap;
}

struct sup_tap *sup_start_held(struct sup_world *world, const struct sess_spec *spec)
{
    struct sup_tap *tap = start(world, spec, true);
    assert_non_null(tap);
    return tap;
}

/* Waits, under the lock, until a flag of the tap is set. */
static void wait_flag(struct sup_tap *tap, const bool *flag, const char *what)
{
    struct timespec at = deadline();
    bool late = false;
    (void)pthread_mutex_lock(&tap->lock);
    while (!*flag && !late)
        late = pthread_cond_timedwait(&tap->changed, &tap->lock, &at) == ETIMEDOUT;
    late = !*flag;
    (void)pthread_mutex_unlock(&tap->lock);
    if (late)
        fail_msg("never %s", what);
}

void sup_wait_started(struct sup_tap *tap)
{
    wait_flag(tap, &tap->started, "started");
}

void sup_wait_exited(struct sup_tap *tap)
{
    wait_flag(tap, &tap->exited, "exited");
}

void sup_wait_closed(struct sup_tap *tap)
{
    wait_flag(tap, &tap->closed, "closed");
}

void sup_wait_gone(struct sup_tap *tap)
{
    wait_flag(tap, &tap->gone, "gone");
}

struct sup_tap *sup_run(struct sup_world *world, const struct sess_spec *spec)
{
    struct sup_tap *tap = sup_start(world, spec);
    sup_wait_gone(tap);
    return tap;
}

void sup_free(struct sup_tap *tap)
{
    char mistake[200];
    sup_wait_gone(tap);
    sess_session_unref(tap->session);
    (void)pthread_mutex_lock(&tap->lock);
    (void)snprintf(mistake, sizeof(mistake), "%s", tap->mistake);
    (void)pthread_mutex_unlock(&tap->lock);
    for (int i = 0; i < SESS_STREAMS; i++)
        free(tap->out[i].data);
    (void)pthread_mutex_destroy(&tap->lock);
    (void)pthread_cond_destroy(&tap->changed);
    free(tap);
    assert_string_equal(mistake, "");
}

/* ---- Output ---- */

static const char *text_of(const struct sup_tap *tap, enum sess_stream stream)
{
    return tap->out[stream].data != NULL ? (const char *)tap->out[stream].data : "";
}

/* Until the bytes were heard, or an exit, if that ends the wait too. */
static bool wait_bytes(struct sup_tap *tap, enum sess_stream stream, size_t bytes, bool or_exit)
{
    struct timespec at = deadline();
    bool late = false;
    (void)pthread_mutex_lock(&tap->lock);
    while (tap->out[stream].size < bytes && !late && !(or_exit && tap->exited))
        late = pthread_cond_timedwait(&tap->changed, &tap->lock, &at) == ETIMEDOUT;
    size_t got = tap->out[stream].size;
    bool exited = tap->exited;
    (void)pthread_mutex_unlock(&tap->lock);
    if (got < bytes && !(or_exit && exited))
        fail_msg("%zu of %zu bytes", got, bytes);
    return got >= bytes;
}

void sup_wait_bytes(struct sup_tap *tap, enum sess_stream stream, size_t bytes)
{
    (void)wait_bytes(tap, stream, bytes, false);
}

bool sup_hears(struct sup_tap *tap, enum sess_stream stream, size_t bytes)
{
    return wait_bytes(tap, stream, bytes, true);
}

void sup_wait_text(struct sup_tap *tap, enum sess_stream stream, const char *text)
{
    struct timespec at = deadline();
    bool late = false;
    (void)pthread_mutex_lock(&tap->lock);
    while (strstr(text_of(tap, stream), text) == NULL && !late)
        late = pthread_cond_timedwait(&tap->changed, &tap->lock, &at) == ETIMEDOUT;
    bool found = strstr(text_of(tap, stream), text) != NULL;
    (void)pthread_mutex_unlock(&tap->lock);
    if (!found)
        fail_msg("never heard \"%s\"", text);
}

bool sup_heard(struct sup_tap *tap, enum sess_stream stream, const char *text)
{
    (void)pthread_mutex_lock(&tap->lock);
    bool found = strstr(text_of(tap, stream), text) != NULL;
    (void)pthread_mutex_unlock(&tap->lock);
    return found;
}

const char *sup_text(struct sup_tap *tap, enum sess_stream stream)
{
    (void)pthread_mutex_lock(&tap->lock);
    const char *text = text_of(tap, stream);
    (void)pthread_mutex_unlock(&tap->lock);
    return text;
}

size_t sup_size(struct sup_tap *tap, enum sess_stream stream)
{
    (void)pthread_mutex_lock(&tap->lock);
    size_t size = tap->out[stream].size;
    (void)pthread_mutex_unlock(&tap->lock);
    return size;
}

int64_t sup_wait_number(struct sup_tap *tap, enum sess_stream stream, const char *word)
{
    struct timespec at = deadline();
    long long number = -1;
    bool late = false;
    (void)pthread_mutex_lock(&tap->lock);
    while (number < 0) {
        const char *found = strstr(text_of(tap, stream), word);
        if (found != NULL && strchr(found, '\n') != NULL)
            number = strtoll(found + strlen(word), NULL, 10);
        else if (late)
            break;
        else
            late = pthread_cond_timedwait(&tap->changed, &tap->lock, &at) == ETIMEDOUT;
    }
    (void)pthread_mutex_unlock(&tap->lock);
    if (number < 0)
        fail_msg("never heard a number behind \"%s\"", word);
    return number;
}

void sup_give_back(struct sup_tap *tap, size_t bytes)
{
    (void)pthread_mutex_lock(&tap->lock);
    bool enough = bytes <= tap->held_bytes;
    if (enough)
        tap->held_bytes -= bytes;
    (void)pthread_mutex_unlock(&tap->lock);
    assert_true(enough);
    sess_session_consumed(tap->session, bytes);
}

/* ---- Requests ---- */

static void copy_retained(struct sup_ask *ask, const struct sess_headtail *retained)
{
    struct sess_piece piece;
    for (uint32_t cursor = 0; sess_headtail_next(retained, &cursor, &piece);)
        add(piece.in_tail ? &ask->tail : &ask->head, piece.data, piece.size_bytes);
    ask->omitted_bytes = sess_headtail_omitted(retained);
    ask->omitted_chunks = retained->omitted_chunks;
    ask->held_bytes = retained->held_bytes;
}

static void on_answer(struct sess_request *request)
{
    struct sup_ask *ask = request->context;
    (void)pthread_mutex_lock(&ask->lock);
    sess_session_view(request->session, &ask->view);
    if (request->kind == SESS_REQUEST_VIEW)
        copy_retained(ask, ask->view.retained);
    ask->view.retained = NULL;
    ask->answered = true;
    (void)pthread_cond_broadcast(&ask->changed);
    (void)pthread_mutex_unlock(&ask->lock);
}

void sup_ask_begin(struct sup_ask *ask, enum sess_request_kind kind)
{
    memset(ask, 0, sizeof(*ask));
    (void)pthread_mutex_init(&ask->lock, NULL);
    (void)pthread_cond_init(&ask->changed, NULL);
    sess_request_init(&ask->request, kind, on_answer, ask);
}

void sup_ask_post(struct sup_ask *ask, struct sup_tap *tap)
{
    sess_request_post(&ask->request, tap->session);
}

bool sup_ask_is_answered(struct sup_ask *ask)
{
    (void)pthread_mutex_lock(&ask->lock);
    bool answered = ask->answered;
    (void)pthread_mutex_unlock(&ask->lock);
    return answered;
}

int sup_ask_wait(struct sup_ask *ask)
{
    struct timespec at = deadline();
    bool late = false;
    (void)pthread_mutex_lock(&ask->lock);
    while (!ask->answered && !late)
        late = pthread_cond_timedwait(&ask->changed, &ask->lock, &at) == ETIMEDOUT;
    late = !ask->answered;
    (void)pthread_mutex_unlock(&ask->lock);
    if (late)
        fail_msg("a request of kind %d was never answered", (int)ask->request.kind);
    return ask->request.result;
}

void sup_ask_end(struct sup_ask *ask)
{
    free(ask->head.data);
    free(ask->tail.data);
    (void)pthread_mutex_destroy(&ask->lock);
    (void)pthread_cond_destroy(&ask->changed);
}

static int ask_and_end(struct sup_ask *ask, struct sup_tap *tap)
{
    sup_ask_post(ask, tap);
    int result = sup_ask_wait(ask);
    sup_ask_end(ask);
    return result;
}

void sup_fill_write(struct sup_world *world, struct sup_ask *ask, const void *data, size_t size,
                    bool may_wait)
{
    struct iocp_slice *slice = &ask->request.ask.write.slice;
    assert_int_equal(iocp_lease(world->port, (uint32_t)size, slice), 0);
    memcpy(slice->data, data, size);
    ask->request.ask.write.may_wait = may_wait;
}

int sup_write(struct sup_world *world, struct sup_tap *tap, const void *data, size_t size)
{
    struct sup_ask ask;
    sup_ask_begin(&ask, SESS_REQUEST_WRITE);
    sup_fill_write(world, &ask, data, size, true);
    return ask_and_end(&ask, tap);
}

int sup_close_stdin(struct sup_tap *tap)
{
    struct sup_ask ask;
    sup_ask_begin(&ask, SESS_REQUEST_CLOSE_STDIN);
    return ask_and_end(&ask, tap);
}

int sup_interrupt(struct sup_tap *tap)
{
    struct sup_ask ask;
    sup_ask_begin(&ask, SESS_REQUEST_INTERRUPT);
    return ask_and_end(&ask, tap);
}

int sup_resize(struct sup_tap *tap, uint16_t rows, uint16_t columns)
{
    struct sup_ask ask;
    sup_ask_begin(&ask, SESS_REQUEST_RESIZE);
    ask.request.ask.resize.rows = rows;
    ask.request.ask.resize.columns = columns;
    return ask_and_end(&ask, tap);
}

bool sup_stop(struct sup_tap *tap, enum sess_stop_mode mode, unsigned timeout_ms)
{
    struct sup_ask ask;
    sup_ask_begin(&ask, SESS_REQUEST_STOP);
    ask.request.ask.stop.mode = mode;
    ask.request.ask.stop.timeout_ms = timeout_ms;
    ask.request.ask.stop.ender = SESS_ENDER_CLIENT;
    (void)ask_and_end(&ask, tap);
    return ask.request.was_running;
}

void sup_detach(struct sup_tap *tap, enum sess_stop_mode mode)
{
    struct sup_ask ask;
    sup_ask_begin(&ask, SESS_REQUEST_DETACH);
    ask.request.ask.stop.mode = mode;
    ask.request.ask.stop.ender = SESS_ENDER_DISCONNECT;
    (void)ask_and_end(&ask, tap);
}

struct sess_view sup_view(struct sup_tap *tap)
{
    struct sup_ask ask;
    sup_ask_begin(&ask, SESS_REQUEST_VIEW);
    (void)ask_and_end(&ask, tap);
    return ask.view;
}
