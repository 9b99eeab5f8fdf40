/*
 * Ending a session's tree of processes. On the session's strand.
 *
 *                graceful                      walked                    all dead
 *    OFF, DONE  ----------> TERMINATING ------------> WAITING <-------> COUNTING ----------> DONE
 *        |                       |                       |  the leader exited  |               ^
 *        |  force                |  force                |  force or time-out  |               |
 *        +-----------------------+-----------------------+---------------------+-> KILLING ----+
 *
 * While a stop is under way the leader is not reaped, so its id and its group's id are its own. A
 * walk that does not move (the helpers hang) does not stop the leader's group from being killed;
 * one that is only slow is waited for, since who descends from a leader that has ended is not
 * found.
 */
#ifndef SESSIONS_STOP_H
#define SESSIONS_STOP_H

#include "sessions/record.h"
#include "sessions/request.h"
#include "sessions/tree.h"

enum sess_stop_phase {
    SESS_STOPPING_OFF,
    SESS_STOPPING_TERMINATING, /* walking the tree, asking all to end */
    SESS_STOPPING_WAITING,     /* giving them time */
    SESS_STOPPING_COUNTING,    /* walking the tree: is anybody left? */
    SESS_STOPPING_KILLING,     /* walking the tree, killing */
    SESS_STOPPING_DONE
};

struct sess_stop {
    struct sess_tree tree;
    uint64_t kill_due_ns; /* when patience ends; 0: now */
    uint64_t moves_seen;  /* of the host's walks, when the deadline was set */
    uint32_t look_ms;     /* time between two looks for survivors */
    enum sess_stop_phase phase : 8;
    enum sess_ender ender : 8; /* who asked first; SESS_ENDER_NOBODY: nobody */
};

/* Begins to stop, or goes over to the harder mode. Nothing if the session is gone. */
void sess_stop_ask(struct sess_session *session, enum sess_stop_mode mode, unsigned timeout_ms,
                   enum sess_ender ender);

/* The leader has exited. */
void sess_stop_exited(struct sess_session *session);

/* The deadline has come. */
void sess_stop_due(struct sess_session *session);

/* Whether no signal will follow. */
bool sess_stop_is_over(const struct sess_session *session);

#endif
