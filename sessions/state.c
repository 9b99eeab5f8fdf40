/*
 * The tables of state.h. Rows and columns in the order of the enums.
 */
#include "sessions/state.h"

#include <assert.h>

enum { NEVER = SESS_STATES };

static const uint8_t transitions[SESS_STATES][SESS_HAPPENINGS] = {
    /*                  SPAWNED       FAILED     EXITED       DRAINED      RELEASED */
    [SESS_STARTING] = {SESS_RUNNING, SESS_GONE, NEVER, NEVER, NEVER},
    [SESS_RUNNING] = {NEVER, NEVER, SESS_EXITED, NEVER, NEVER},
    [SESS_EXITED] = {NEVER, NEVER, NEVER, SESS_CLOSED, NEVER},
    [SESS_CLOSED] = {NEVER, NEVER, NEVER, NEVER, SESS_GONE},
    [SESS_GONE] = {NEVER, NEVER, NEVER, NEVER, NEVER},
};

static const int8_t admissions[SESS_REQUESTS][SESS_STATES] = {
    /* STARTING, RUNNING, EXITED, CLOSED, GONE */
    [SESS_REQUEST_WRITE] = {SESS_E_STARTING, 0, SESS_E_EXITED, SESS_E_EXITED, SESS_E_EXITED},
    [SESS_REQUEST_CLOSE_STDIN] = {SESS_E_STARTING, 0, SESS_E_EXITED, SESS_E_EXITED, SESS_E_EXITED},
    [SESS_REQUEST_INTERRUPT] = {SESS_E_STARTING, 0, SESS_E_EXITED, SESS_E_EXITED, SESS_E_EXITED},
    [SESS_REQUEST_RESIZE] = {SESS_E_STARTING, 0, SESS_E_EXITED, SESS_E_EXITED, SESS_E_EXITED},
    [SESS_REQUEST_STOP] = {0, 0, 0, 0, 0},
    [SESS_REQUEST_DETACH] = {0, 0, 0, 0, 0},
    [SESS_REQUEST_VIEW] = {0, 0, 0, 0, 0},
    [SESS_REQUEST_WATCH] = {0, 0, 0, 0, 0},
};

enum sess_state sess_state_after(enum sess_state state, enum sess_happening happening)
{
    assert((unsigned)state < SESS_STATES && (unsigned)happening < SESS_HAPPENINGS);
    uint8_t next = transitions[state][happening];
    assert(next != NEVER);
    return (enum sess_state)next;
}

int sess_state_admits(enum sess_state state, enum sess_request_kind kind)
{
    assert((unsigned)state < SESS_STATES && (unsigned)kind < SESS_REQUESTS);
    return admissions[kind][state];
}

const char *sess_state_text(enum sess_state state)
{
    static const char *const texts[SESS_STATES] = {
        [SESS_STARTING] = "starting", [SESS_RUNNING] = "running", [SESS_EXITED] = "exited",
        [SESS_CLOSED] = "closed",     [SESS_GONE] = "gone",
    };
    assert((unsigned)state < SESS_STATES);
    return texts[state];
}
