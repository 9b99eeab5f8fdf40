/*
 * The limits that a spec sets: see guard.h.
 */
#include "sessions/guard.h"

#include "sessions/session_struct.h"

#include <assert.h>

enum { NS_PER_MS = 1000 * 1000 };

/* What will be reached next. */
struct next {
    uint64_t due_ns; /* 0: nothing */
    enum sess_ender ender;
};

bool sess_limits_are_set(const struct sess_limits *limits)
{
    return limits->wall_ms != 0 || limits->idle_ms != 0 || limits->no_output_ms != 0 ||
           limits->output_bytes != 0;
}

static bool runs(const struct sess_session *session)
{
    return session->guard != NULL && session->guard->phase == SESS_GUARD_RUNS;
}

static void consider(struct next *next, uint64_t from_ns, uint64_t limit_ms, enum sess_ender ender)
{
    if (limit_ms == 0 || limit_ms > (UINT64_MAX - from_ns) / NS_PER_MS)
        return; /* none, or in centuries */
    uint64_t due_ns = from_ns + limit_ms * NS_PER_MS;
    if (next->due_ns == 0 || due_ns < next->due_ns)
        *next = (struct next){due_ns, ender};
}

static uint64_t later(uint64_t a_ns, uint64_t b_ns)
{
    return a_ns > b_ns ? a_ns : b_ns;
}

/* The wait for the consumer begins with a chunk, so counting from its end leaves out all of it. */
static struct next find_next(const struct sess_session *session)
{
    const struct sess_guard *guard = session->guard;
    const struct sess_limits *limits = &guard->limits;
    struct next next = {0, SESS_ENDER_NOBODY};
    consider(&next, session->started_ns, limits->wall_ms, SESS_ENDER_TIME_LIMIT);
    if (atomic_load(&session->waits))
        return next;
    uint64_t active_ns = later(sess_session_activity_ns(session), guard->resumed_ns);
    uint64_t output_ns = later(sess_session_output_ns(session), guard->resumed_ns);
    consider(&next, active_ns, limits->idle_ms, SESS_ENDER_IDLE_LIMIT);
    consider(&next, output_ns, limits->no_output_ms, SESS_ENDER_NO_OUTPUT_LIMIT);
    return next;
}

static void set_clock(struct sess_session *session)
{
    sess_clock_set(session, SESS_DEADLINE_GUARD, find_next(session).due_ns);
}

static void reach(struct sess_session *session, enum sess_ender ender)
{
    sess_guard_end(session);
    sess_stop_ask(session, SESS_STOP_GRACEFUL, session->host->options.limit_grace_ms, ender);
}

void sess_guard_begin(struct sess_session *session)
{
    if (session->guard == NULL)
        return;
    assert(session->guard->phase == SESS_GUARD_OFF);
    session->guard->phase = SESS_GUARD_RUNS;
    set_clock(session);
}

void sess_guard_output(struct sess_session *session)
{
    if (!runs(session) || session->guard->limits.output_bytes == 0)
        return;
    uint64_t bytes = 0;
    for (int stream = 0; stream < SESS_STREAMS; stream++)
        bytes += session->record.bytes_out[stream];
    if (bytes > session->guard->limits.output_bytes)
        reach(session, SESS_ENDER_OUTPUT_LIMIT);
}

void sess_guard_go(struct sess_session *session)
{
    if (session->guard == NULL)
        return;
    session->guard->resumed_ns = iocp_now_ns(session->host->port);
    if (runs(session))
        set_clock(session);
}

void sess_guard_due(struct sess_session *session)
{
    if (!runs(session))
        return;
    uint64_t now_ns = iocp_now_ns(session->host->port);
    struct next next = find_next(session);
    if (next.due_ns != 0 && next.due_ns <= now_ns && next.ender != SESS_ENDER_TIME_LIMIT &&
        !sess_outputs_are_empty(session)) {
        session->guard->resumed_ns = now_ns; /* data has come, nobody read it yet */
        next = find_next(session);
    }
    if (next.due_ns != 0 && next.due_ns <= now_ns)
        reach(session, next.ender);
    else
        set_clock(session);
}

void sess_guard_end(struct sess_session *session)
{
    if (session->guard == NULL)
        return;
    session->guard->phase = SESS_GUARD_OVER;
    sess_clock_set(session, SESS_DEADLINE_GUARD, 0);
}
