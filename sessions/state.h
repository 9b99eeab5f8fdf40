/*
 * The states of a session as tables: what may happen when, and which request is answered how.
 * Plain data, any thread.
 */
#ifndef SESSIONS_STATE_H
#define SESSIONS_STATE_H

#include "sessions/request.h"

enum sess_happening {
    SESS_HAPPENS_SPAWNED,  /* there is a process */
    SESS_HAPPENS_FAILED,   /* there is none and will be none */
    SESS_HAPPENS_EXITED,   /* the process exit was seen */
    SESS_HAPPENS_DRAINED,  /* every stream ended, or the drain timed out */
    SESS_HAPPENS_RELEASED, /* handles closed, leader reaped */
    SESS_HAPPENINGS
};

/* The state that follows. It is asserted that this can happen in this state. */
enum sess_state sess_state_after(enum sess_state state, enum sess_happening happening);

/* 0 if a request of this kind may be tried in this state, else its answer. */
int sess_state_admits(enum sess_state state, enum sess_request_kind kind);

#endif
