/*
 * Draining after the exit: see drain.h.
 */
#include "sessions/drain.h"

#include "sessions/orphan.h"
#include "sessions/session_struct.h"

#include <assert.h>

enum { NS_PER_MS = 1000 * 1000 };

static uint64_t quiet_ns(const struct sess_session *session)
{
    return (uint64_t)session->host->options.drain_quiet_ms * NS_PER_MS;
}

static uint64_t now(const struct sess_session *session)
{
    return iocp_now_ns(session->host->port);
}

static bool is_open(const struct sess_output *output)
{
    return output->phase == SESS_OUTPUT_OPEN;
}

static void set_clock(struct sess_session *session)
{
    const struct sess_drain *drain = &session->drain;
    uint64_t due_ns = drain->quiet_due_ns;
    if (drain->hard_due_ns != 0 && drain->hard_due_ns < due_ns)
        due_ns = drain->hard_due_ns;
    if (drain->stopped_ns == 0)
        sess_clock_set(session, SESS_DEADLINE_DRAIN, due_ns);
}

/* Begins the hard cap when everything that was there at the exit has been read. */
static void begin_hard_cap(struct sess_session *session)
{
    struct sess_drain *drain = &session->drain;
    for (int i = 0; i < 2; i++) {
        struct sess_output *output = &session->outputs[i];
        if (is_open(output) && iocp_read_is_waiting(&output->io))
            output->unread_bytes = 0; /* it was found empty */
        if (is_open(output) && output->unread_bytes > 0)
            return;
    }
    if (drain->hard_due_ns == 0)
        drain->hard_due_ns =
            now(session) + (uint64_t)session->host->options.drain_max_ms * NS_PER_MS;
}

void sess_drain_begin(struct sess_session *session)
{
    struct sess_drain *drain = &session->drain;
    assert(drain->phase == SESS_DRAIN_OFF);
    drain->phase = SESS_DRAIN_RUNS;
    drain->quiet_due_ns = now(session) + quiet_ns(session);
    for (int i = 0; i < 2; i++) {
        struct sess_output *output = &session->outputs[i];
        if (is_open(output))
            output->unread_bytes = sess_handle_buffered(session->host->platform, output->io.handle);
    }
    if (atomic_load(&session->waits))
        sess_drain_hold(session);
    begin_hard_cap(session);
    set_clock(session);
}

void sess_drain_data(struct sess_session *session, struct sess_output *output, uint32_t size_bytes)
{
    struct sess_drain *drain = &session->drain;
    if (drain->phase == SESS_DRAIN_OFF)
        return;
    output->unread_bytes -= size_bytes < output->unread_bytes ? size_bytes : output->unread_bytes;
    drain->quiet_due_ns = now(session) + quiet_ns(session);
    drain->found = true;
    if (drain->hard_due_ns != 0)
        return;
    begin_hard_cap(session);
    if (drain->hard_due_ns != 0 && drain->phase == SESS_DRAIN_RUNS)
        set_clock(session); /* it may be due before the quiet gap ends */
}

void sess_drain_hold(struct sess_session *session)
{
    if (session->drain.phase != SESS_DRAIN_OFF && session->drain.stopped_ns == 0)
        session->drain.stopped_ns = now(session);
}

void sess_drain_go(struct sess_session *session)
{
    struct sess_drain *drain = &session->drain;
    if (drain->stopped_ns == 0)
        return;
    uint64_t stood_ns = now(session) - drain->stopped_ns;
    drain->stopped_ns = 0;
    drain->quiet_due_ns += stood_ns;
    if (drain->hard_due_ns != 0)
        drain->hard_due_ns += stood_ns;
    if (drain->phase == SESS_DRAIN_RUNS)
        set_clock(session);
}

/* ---- The last look ---- */

/* Somebody else has the stream open: it goes on being read, by the host. */
static void give_away(struct sess_session *session, struct sess_output *output)
{
    struct sess_host *host = session->host;
    bool tty = output->stream == SESS_PTY;
    iocp_handle handle;
    if (sess_handle_dup(host->platform, output->io.handle, &handle) == 0)
        sess_orphan_adopt(host, handle, tty ? IOCP_STREAM_TERMINAL : IOCP_STREAM_PIPE);
    else
        atomic_fetch_add(&host->orphans.refused, 1);
    sess_output_end(output);
}

static void finish(struct sess_session *session)
{
    session->drain.phase = SESS_DRAIN_OVER;
    for (int i = 0; i < 2; i++) {
        if (!is_open(&session->outputs[i]))
            continue;
        session->close_reason = SESS_CLOSE_DRAIN_TIMEOUT;
        give_away(session, &session->outputs[i]);
    }
}

/* Every stream was looked at, or has ended. */
static void decide(struct sess_session *session)
{
    struct sess_drain *drain = &session->drain;
    if (drain->last || !drain->found) {
        finish(session);
        return;
    }
    drain->phase = SESS_DRAIN_RUNS;
    session->outputs[0].looked = session->outputs[1].looked = false;
    drain->quiet_due_ns = now(session) + quiet_ns(session);
    set_clock(session);
    sess_outputs_resume(session);
}

static void decide_if_looked(struct sess_session *session)
{
    for (int i = 0; i < 2; i++) {
        if (is_open(&session->outputs[i]) && !session->outputs[i].looked)
            return;
    }
    decide(session);
}

void sess_drain_looked(struct sess_session *session, struct sess_output *output)
{
    assert(session->drain.phase == SESS_DRAIN_LOOKS);
    output->looked = true;
    decide_if_looked(session);
}

static void look(struct sess_session *session)
{
    struct sess_drain *drain = &session->drain;
    drain->phase = SESS_DRAIN_LOOKS;
    drain->found = false;
    for (int i = 0; i < 2; i++) {
        struct sess_output *output = &session->outputs[i];
        if (!is_open(output))
            continue;
        output->looked = !iocp_pending(&output->io.read);
        iocp_read_cancel(&output->io); /* answers on the strand, later */
    }
    decide_if_looked(session);
}

void sess_drain_due(struct sess_session *session)
{
    struct sess_drain *drain = &session->drain;
    if (drain->phase != SESS_DRAIN_RUNS || drain->stopped_ns != 0)
        return;
    uint64_t now_ns = now(session);
    if (drain->hard_due_ns == 0)
        begin_hard_cap(session);
    drain->last = drain->hard_due_ns != 0 && drain->hard_due_ns <= now_ns;
    if (drain->quiet_due_ns <= now_ns && !drain->last && !sess_outputs_are_empty(session))
        drain->quiet_due_ns = now_ns + quiet_ns(session); /* data has come, nobody read it yet */
    if (drain->last || drain->quiet_due_ns <= now_ns)
        look(session);
    else
        set_clock(session);
}
