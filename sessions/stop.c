/*
 * Ending a session's tree of processes: see stop.h.
 */
#include "sessions/stop.h"

#include "sessions/session_struct.h"

#include <assert.h>

enum {
    NS_PER_MS = 1000 * 1000,
    LOOK_FIRST_MS = 20, /* for survivors of a leader that has exited; doubled each time */
    LOOK_MOST_MS = 500
};

static uint64_t now(const struct sess_session *session)
{
    return iocp_now_ns(session->host->port);
}

static void on_walked(struct iocp_op *op);

static uint64_t moves(const struct sess_session *session)
{
    return atomic_load_explicit(&session->host->trees.moves, memory_order_relaxed);
}

/* Should the walk hang, the leader's group is killed without it, not before patience ends. */
static void be_sure(struct sess_session *session)
{
    uint64_t due_ns = now(session) + (uint64_t)session->host->options.walk_patience_ms * NS_PER_MS;
    if (due_ns < session->stop.kill_due_ns)
        due_ns = session->stop.kill_due_ns;
    session->stop.moves_seen = moves(session);
    sess_clock_set(session, SESS_DEADLINE_STOP, due_ns);
}

static void start_walk(struct sess_session *session, enum sess_stop_phase phase,
                       enum sess_tree_action action)
{
    session->stop.phase = phase;
    session->stop.tree.leader = session->os_pid;
    sess_tree_start(&session->stop.tree, &session->host->trees, action, &session->strand,
                    on_walked);
    be_sure(session);
}

static void start_kill(struct sess_session *session)
{
    start_walk(session, SESS_STOPPING_KILLING, SESS_TREE_KILL);
}

static bool is_impatient(const struct sess_session *session)
{
    return session->stop.kill_due_ns <= now(session);
}

/* Gives them time: until the end of patience, or, when the leader has exited, until the next look.
 */
static void wait(struct sess_session *session)
{
    struct sess_stop *stop = &session->stop;
    uint64_t due_ns = stop->kill_due_ns;
    stop->phase = SESS_STOPPING_WAITING;
    if (session->state >= SESS_EXITED) {
        uint64_t look_ns = now(session) + (uint64_t)stop->look_ms * NS_PER_MS;
        due_ns = look_ns < due_ns ? look_ns : due_ns;
        stop->look_ms = stop->look_ms * 2 < LOOK_MOST_MS ? stop->look_ms * 2 : LOOK_MOST_MS;
    }
    sess_clock_set(session, SESS_DEADLINE_STOP, due_ns);
}

/* Nobody is left, or all have been told to go. A leader that has not gone is looked after. */
static void finish(struct sess_session *session)
{
    session->stop.phase = SESS_STOPPING_DONE;
    sess_tree_deinit(&session->stop.tree, session->host->memory);
    if (session->state < SESS_EXITED)
        be_sure(session);
    else
        sess_clock_set(session, SESS_DEADLINE_STOP, 0);
}

static void on_walked(struct iocp_op *op)
{
    struct sess_session *session = IOCP_OWNER(op, struct sess_session, stop.tree.op);
    struct sess_stop *stop = &session->stop;
    bool exited = session->state >= SESS_EXITED;
    if (stop->phase == SESS_STOPPING_KILLING)
        finish(session);
    else if (exited && stop->tree.alive == 0)
        finish(session);
    else if (is_impatient(session))
        start_kill(session);
    else
        wait(session);
    sess_session_settle(session);
}

static void kill_group(struct sess_session *session)
{
    if (session->exit_wait != SESS_EXIT_WAIT_NONE)
        sess_process_kill_group(session->host->platform, session->os_pid);
    if (session->state < SESS_EXITED)
        be_sure(session);
}

void sess_stop_due(struct sess_session *session)
{
    switch (session->stop.phase) {
    case SESS_STOPPING_WAITING:
        if (is_impatient(session))
            start_kill(session);
        else
            start_walk(session, SESS_STOPPING_COUNTING, SESS_TREE_COUNT);
        break;
    case SESS_STOPPING_KILLING:
    case SESS_STOPPING_TERMINATING:
    case SESS_STOPPING_COUNTING:
        if (moves(session) != session->stop.moves_seen)
            be_sure(session);
        else
            kill_group(session);
        break;
    case SESS_STOPPING_DONE:
        kill_group(session);
        break;
    case SESS_STOPPING_OFF:
        break;
    }
}

/* Begins, or shortens the patience of what is under way. */
static void begin(struct sess_session *session)
{
    struct sess_stop *stop = &session->stop;
    bool rests = stop->phase == SESS_STOPPING_OFF || stop->phase == SESS_STOPPING_DONE;
    stop->look_ms = LOOK_FIRST_MS;
    if (rests && !is_impatient(session))
        start_walk(session, SESS_STOPPING_TERMINATING, SESS_TREE_TERMINATE);
    else if (rests || (stop->phase == SESS_STOPPING_WAITING && is_impatient(session)))
        start_kill(session);
    else if (stop->phase == SESS_STOPPING_WAITING)
        wait(session);
    else if (is_impatient(session)) /* a walk is under way; when it comes back it will see that */
        be_sure(session);
}

void sess_stop_ask(struct sess_session *session, enum sess_stop_mode mode, unsigned timeout_ms,
                   enum sess_ender ender)
{
    struct sess_stop *stop = &session->stop;
    bool first = stop->ender == SESS_ENDER_NOBODY;
    assert(mode != SESS_STOP_NONE && ender != SESS_ENDER_NOBODY);
    if (session->state == SESS_GONE)
        return;
    uint64_t due_ns = 0;
    if (mode == SESS_STOP_GRACEFUL)
        due_ns = now(session) + (uint64_t)timeout_ms * NS_PER_MS;
    if (first || due_ns < stop->kill_due_ns || stop->phase == SESS_STOPPING_DONE)
        stop->kill_due_ns = due_ns;
    if (first)
        stop->ender = ender;
    if (session->state == SESS_STARTING)
        atomic_store(&session->spawn->cancelled, true);
    else if (session->exit_wait != SESS_EXIT_WAIT_NONE)
        begin(session);
}

void sess_stop_exited(struct sess_session *session)
{
    if (session->stop.phase == SESS_STOPPING_WAITING)
        start_walk(session, SESS_STOPPING_COUNTING, SESS_TREE_COUNT);
    else if (session->stop.phase == SESS_STOPPING_DONE)
        sess_clock_set(session, SESS_DEADLINE_STOP, 0);
}

bool sess_stop_is_over(const struct sess_session *session)
{
    return session->stop.phase == SESS_STOPPING_OFF || session->stop.phase == SESS_STOPPING_DONE;
}
