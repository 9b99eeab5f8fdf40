/*
 * A session's life after its start: the exit, settling step by step, references, the end.
 *
 * Whatever may have been the last thing to happen calls sess_session_settle, which looks at what is
 * there and goes on. So no order between exit, ends of streams, closes, timers and walks of the
 * process table is relied on.
 */
#include "sessions/session.h"

#include "sessions/session_struct.h"

#include <assert.h>

enum {
    NS_PER_MS = 1000 * 1000,
    RETRY_NS = 100 * NS_PER_MS /* when the system refused to watch the process */
};

void sess_session_change(struct sess_session *session, enum sess_happening happening)
{
    enum sess_state before = session->state;
    session->state = sess_state_after(before, happening);
    sess_tally_move(session, before, session->state);
}

/* ---- The exit ---- */

static void reap(struct sess_session *session, struct iocp_usage *out_usage)
{
    assert(session->exit_wait == SESS_EXIT_WAIT_SEEN);
    iocp_exit_reap(&session->exit, out_usage);
    session->exit_wait = SESS_EXIT_WAIT_NONE;
}

/* If no signal to its group can follow the leader is reaped with that. */
static void record_usage(struct sess_session *session)
{
    struct sess_record *record = &session->record;
    struct iocp_usage usage;
    if (sess_outputs_ended(session) && sess_stop_is_over(session))
        reap(session, &usage);
    else
        sess_process_usage(session->host->platform, session->exit.handle, &usage);
    /* A program cannot have been started without any of both: nothing there means nothing known. */
    record->has_cpu = usage.peak_rss_bytes > 0 || usage.user_us + usage.system_us > 0;
    record->cpu_user_us = usage.user_us;
    record->cpu_system_us = usage.system_us;
    /* The child ran in our memory before exec, so its peak is ours unless it went beyond. */
    record->has_peak = usage.peak_rss_bytes > session->server_peak_bytes;
    record->peak_rss_bytes = record->has_peak ? usage.peak_rss_bytes : 0;
}

/* A wrapper ends with a number where the program had a signal. */
static int signal_of(const struct sess_session *session)
{
    struct sess_wrap *wrap = session->wrap;
    if (session->exit.signal != 0 || wrap == NULL || wrap->ended_by == NULL)
        return session->exit.signal;
    int signal = wrap->ended_by(wrap);
    return signal > 0 && session->exit.code == 128 + signal ? signal : 0;
}

static void record_exit(struct sess_session *session)
{
    struct sess_record *record = &session->record;
    enum sess_ender ender = session->stop.ender;
    record->exited = true;
    record->signal = signal_of(session);
    record->code = record->signal != 0 ? 0 : session->exit.code;
    record->exit_code = record->signal != 0 ? 128 + record->signal : record->code;
    record->ender = ender != SESS_ENDER_NOBODY ? ender : SESS_ENDER_ITSELF;
    record->exited_wall_ms = iocp_wall_ms(session->host->port);
    record->duration_ns = iocp_now_ns(session->host->port) - session->started_ns;
    record_usage(session);
    sess_tally_exit(session, record->ender);
}

static void on_exit(struct iocp_op *op)
{
    struct sess_session *session = IOCP_OWNER(op, struct sess_session, exit.op);
    struct sess_output *first = &session->outputs[0];
    if (op->result != 0) {
        session->exit_wait = SESS_EXIT_WAIT_FAILED;
        sess_clock_set(session, SESS_DEADLINE_RETRY, iocp_now_ns(session->host->port) + RETRY_NS);
        return;
    }
    session->exit_wait = SESS_EXIT_WAIT_SEEN;
    record_exit(session);
    sess_session_change(session, SESS_HAPPENS_EXITED);
    sess_guard_end(session);
    sess_stdin_end(session);
    if (first->phase == SESS_OUTPUT_OPEN && first->hung_up)
        iocp_read_cancel(&first->io); /* it tells whether there was more, or ends the stream */
    sess_event_exited(session);
    if (!sess_outputs_ended(session))
        sess_drain_begin(session);
    sess_stop_exited(session);
    sess_session_settle(session);
}

void sess_session_wait_exit(struct sess_session *session)
{
    assert(session->exit_wait != SESS_EXIT_WAIT_ON && session->exit_wait != SESS_EXIT_WAIT_SEEN);
    session->exit_wait = SESS_EXIT_WAIT_ON;
    iocp_exit_start(&session->exit, &session->strand, session->exit.handle, on_exit);
}

/* ---- Settling ---- */

static void give_resources(struct sess_session *session)
{
    struct sess_need life = sess_session_needs(session->stdio, session->is_wrapped, false);
    sess_capacity_give_all(&session->host->capacity, &life);
}

/* Lets go of everything the system has for it, as far as nothing is under way. */
static void release(struct sess_session *session)
{
    bool closed = sess_outputs_close(session) && sess_stdin_is_over(session);
    if (!closed || !sess_stop_is_over(session) || !sess_clock_stop(session))
        return;
    if (session->exit_wait == SESS_EXIT_WAIT_SEEN)
        reap(session, NULL);
    give_resources(session);
    sess_platform_give_cgroup(session->host->platform, session->stop.tree.cgroup);
    sess_session_change(session, SESS_HAPPENS_RELEASED);
    sess_event_gone(session);
    sess_session_unref(session); /* its own reference */
}

static void release_wrap(struct iocp_help *help)
{
    struct sess_wrap *wrap = IOCP_OWNER(help, struct sess_wrap, help);
    wrap->release(wrap);
}

static void on_unwrapped(struct iocp_op *op)
{
    struct sess_wrap *wrap = IOCP_OWNER(op, struct sess_wrap, help.op);
    struct sess_session *session = wrap->session;
    if (op->result != 0) /* the helpers' queue is full: better late than never */
        wrap->release(wrap);
    session->wrap = NULL;
    wrap->drop(wrap);
    sess_session_settle(session);
}

static void unwrap(struct sess_session *session)
{
    struct sess_wrap *wrap = session->wrap;
    session->is_unwrapping = true;
    wrap->session = session;
    wrap->help.what = "end of a sandbox";
    iocp_help_start(&wrap->help, &session->strand, IOCP_POOL_GENERAL, release_wrap, on_unwrapped);
}

/* What was made for the program is undone before its close is told. Whether that is so. */
static bool is_unwrapped(struct sess_session *session)
{
    if (session->wrap != NULL && !session->is_unwrapping)
        unwrap(session);
    return session->wrap == NULL;
}

void sess_session_settle(struct sess_session *session)
{
    bool drained = session->state == SESS_EXITED && sess_outputs_ended(session);
    if (drained && is_unwrapped(session)) {
        session->drain.phase = SESS_DRAIN_OVER;
        sess_clock_set(session, SESS_DEADLINE_DRAIN, 0);
        sess_session_change(session, SESS_HAPPENS_DRAINED);
        sess_event_closed(session);
    }
    if (session->state == SESS_CLOSED)
        release(session);
}

/* ---- References and the end ---- */

struct sess_session *sess_session_ref(struct sess_session *session)
{
    uint32_t before = atomic_fetch_add_explicit(&session->refs, 1, memory_order_relaxed);
    assert(before > 0);
    (void)before;
    return session;
}

void sess_session_unref(struct sess_session *session)
{
    if (session == NULL)
        return;
    uint32_t before = atomic_fetch_sub_explicit(&session->refs, 1, memory_order_acq_rel);
    assert(before > 0);
    if (before == 1)
        iocp_post(&session->end); /* behind every kick that was made with a reference */
}

/* ---- Looking ---- */

const char *sess_session_id(const struct sess_session *session, size_t *out_size_bytes)
{
    if (out_size_bytes != NULL)
        *out_size_bytes = session->id_size_bytes;
    return session->id;
}

void *sess_session_context(const struct sess_session *session)
{
    return session->context;
}

struct iocp_strand *sess_session_strand(struct sess_session *session)
{
    return &session->strand;
}

bool sess_session_is_tty(const struct sess_session *session)
{
    return session->stdio == SESS_STDIO_TTY;
}

iocp_handle sess_session_tty(const struct sess_session *session)
{
    const struct sess_output *output = &session->outputs[0];
    bool there = output->phase == SESS_OUTPUT_OPEN || output->phase == SESS_OUTPUT_ENDED;
    return there && output->stream == SESS_PTY ? output->io.handle : IOCP_NO_HANDLE;
}

uint64_t sess_session_output_ns(const struct sess_session *session)
{
    uint64_t output_ns = atomic_load_explicit(&session->reclaim.active_ns, memory_order_relaxed);
    return output_ns > session->started_ns ? output_ns : session->started_ns;
}

uint64_t sess_session_activity_ns(const struct sess_session *session)
{
    uint64_t output_ns = sess_session_output_ns(session), input_ns = session->input.taken_ns;
    return input_ns > output_ns ? input_ns : output_ns;
}

/* The wall time of a moment since the start; it stays the same at every look. 0 stays 0. */
static uint64_t wall_ms(const struct sess_session *session, uint64_t at_ns)
{
    if (at_ns < session->started_ns || session->started_ns == 0)
        return 0;
    return session->record.started_wall_ms + (at_ns - session->started_ns) / NS_PER_MS;
}

void sess_session_view(const struct sess_session *session, struct sess_view *out_view)
{
    *out_view = (struct sess_view){
        .state = session->state,
        .os_pid = session->os_pid,
        .next_seq = session->next_seq,
        .exited_seq = session->exited_seq,
        .closed_seq = session->closed_seq,
        .close_reason = session->close_reason,
        .record = session->record,
        .owed_bytes = atomic_load(&session->owed_bytes),
        .waiting_since_ns = session->waiting_since_ns,
        .waiting_since_wall_ms = wall_ms(session, session->waiting_since_ns),
        .last_activity_ns = sess_session_activity_ns(session),
        .stdin_queued_bytes = session->input.queued_bytes,
        .stdin_waiting_since_ns = sess_stdin_waiting_since_ns(session),
        .stdin_open = session->input.phase == SESS_STDIN_OPEN,
        .retained = &session->retained,
    };
    out_view->last_activity_wall_ms = wall_ms(session, out_view->last_activity_ns);
    out_view->stdin_waiting_since_wall_ms = wall_ms(session, out_view->stdin_waiting_since_ns);
    for (int stream = 0; stream < SESS_STREAMS; stream++) {
        uint64_t omitted_bytes = session->retained.omitted_bytes[stream];
        out_view->omitted_bytes[stream] = omitted_bytes;
        out_view->retained_bytes[stream] = session->record.bytes_out[stream] - omitted_bytes;
    }
}
