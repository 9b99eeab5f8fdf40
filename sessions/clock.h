/*
 * The deadlines of a session, on one timer that is started only when there is one: a session
 * without deadlines costs no timer and no wake-up. On the session's strand.
 */
#ifndef SESSIONS_CLOCK_H
#define SESSIONS_CLOCK_H

#include "iocp/iocp.h"

struct sess_session;

enum sess_deadline {
    SESS_DEADLINE_DRAIN,
    SESS_DEADLINE_STOP,
    SESS_DEADLINE_RETRY, /* of what the system refused for want of resources */
    SESS_DEADLINE_GUARD, /* a limit of the spec */
    SESS_DEADLINE_WATCH, /* the nearest one of all watches */
    SESS_DEADLINES
};

struct sess_clock {
    struct iocp_timer timer;
    uint64_t due_ns[SESS_DEADLINES]; /* 0: not set */
};

/* Prepares it; nothing is set. */
void sess_clock_init(struct sess_session *session);

/* Sets a deadline; 0 takes it back. It is called back once. */
void sess_clock_set(struct sess_session *session, enum sess_deadline which, uint64_t due_ns);

/* Takes all deadlines back. Whether the timer is idle; if not the session settles when it is. */
bool sess_clock_stop(struct sess_session *session);

#endif
