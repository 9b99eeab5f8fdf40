/*
 * One timer for all deadlines of a session: see clock.h. The timer is set to the earliest one; when
 * a later one is taken back it may fire in vain, once.
 */
#include "sessions/clock.h"

#include "sessions/session_struct.h"

#include <assert.h>

static uint64_t earliest(const struct sess_clock *clock)
{
    uint64_t due_ns = 0;
    for (int i = 0; i < SESS_DEADLINES; i++) {
        if (clock->due_ns[i] != 0 && (due_ns == 0 || clock->due_ns[i] < due_ns))
            due_ns = clock->due_ns[i];
    }
    return due_ns;
}

static void adjust(struct sess_clock *clock)
{
    uint64_t due_ns = earliest(clock);
    if (due_ns == 0)
        return;
    if (!iocp_pending(&clock->timer.op))
        iocp_timer_start(&clock->timer, due_ns);
    else if (due_ns < clock->timer.deadline_ns)
        iocp_timer_cancel(&clock->timer); /* started again when that has completed */
}

static void retry(struct sess_session *session)
{
    if (session->exit_wait == SESS_EXIT_WAIT_FAILED)
        sess_session_wait_exit(session);
    sess_outputs_resume(session);
}

static void call(struct sess_session *session, enum sess_deadline which)
{
    switch (which) {
    case SESS_DEADLINE_DRAIN:
        sess_drain_due(session);
        break;
    case SESS_DEADLINE_STOP:
        sess_stop_due(session);
        break;
    case SESS_DEADLINE_RETRY:
        retry(session);
        break;
    case SESS_DEADLINE_GUARD:
        sess_guard_due(session);
        break;
    case SESS_DEADLINE_WATCH:
        sess_watches_due(session);
        break;
    case SESS_DEADLINES:
        assert(false);
    }
}

static void on_timer(struct iocp_op *op)
{
    struct sess_session *session = IOCP_OWNER(op, struct sess_session, clock.timer.op);
    struct sess_clock *clock = &session->clock;
    uint64_t now_ns = iocp_now_ns(session->host->port);
    for (int i = 0; i < SESS_DEADLINES; i++) {
        if (clock->due_ns[i] == 0 || clock->due_ns[i] > now_ns)
            continue;
        clock->due_ns[i] = 0;
        call(session, (enum sess_deadline)i);
    }
    adjust(clock);
    sess_session_settle(session);
}

void sess_clock_init(struct sess_session *session)
{
    session->clock = (struct sess_clock){.due_ns = {0}};
    iocp_timer_init(&session->clock.timer, &session->strand, on_timer);
}

void sess_clock_set(struct sess_session *session, enum sess_deadline which, uint64_t due_ns)
{
    session->clock.due_ns[which] = due_ns;
    adjust(&session->clock);
}

bool sess_clock_stop(struct sess_session *session)
{
    struct sess_clock *clock = &session->clock;
    for (int i = 0; i < SESS_DEADLINES; i++)
        clock->due_ns[i] = 0;
    iocp_timer_cancel(&clock->timer);
    return !iocp_pending(&clock->timer.op);
}
