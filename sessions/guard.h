/*
 * The limits that a spec sets: wall clock, idleness, silence, output. On the session's strand.
 *
 * A limit that is reached ends the session gracefully, once, and is told as the ender of its
 * record. Nothing is done for each chunk but a comparison of the output limit: when there was
 * activity last is known anyway, and when the timer fires early it is set anew. Idle and silent
 * time does not run while the consumer is waited for, and not while something lies in a stream that
 * nobody has read yet (no memory, no slab).
 *
 *    OFF --the program runs--> RUNS --a limit is reached, or the exit--> OVER
 */
#ifndef SESSIONS_GUARD_H
#define SESSIONS_GUARD_H

#include "sessions/spec.h"

#include <stdbool.h>

struct sess_session;

enum sess_guard_phase { SESS_GUARD_OFF, SESS_GUARD_RUNS, SESS_GUARD_OVER };

/* In the block of a session that has limits; the others have none. */
struct sess_guard {
    struct sess_limits limits;
    uint64_t resumed_ns; /* when the consumer was waited for last; 0: never */
    enum sess_guard_phase phase;
};

/* Whether a spec's limits limit anything. Any thread. */
bool sess_limits_are_set(const struct sess_limits *limits);

/* The program runs: time counts from its start. */
void sess_guard_begin(struct sess_session *session);

/* There was output. */
void sess_guard_output(struct sess_session *session);

/* The consumer is not waited for any more. */
void sess_guard_go(struct sess_session *session);

/* The deadline has come. */
void sess_guard_due(struct sess_session *session);

/* The program has exited. */
void sess_guard_end(struct sess_session *session);

#endif
