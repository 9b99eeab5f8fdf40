/*
 * Draining: what happens to output between the exit and the close. On the session's strand.
 *
 * What was in a stream at the exit is always delivered. Beyond that others may hold it open, so two
 * clocks bound the wait: a quiet gap, and a hard cap that begins when everything that was there at
 * the exit has been read. Both stand still while the consumer is waited for. When one is due each
 * stream is looked at a last time (cancel delivers what is there); data found by the quiet clock's
 * look starts that clock again.
 *
 *    OFF --exit--> RUNS --due--> LOOKS --every stream looked--> OVER
 *                   ^              |
 *                   +--------------+  the quiet clock, and there was data
 */
#ifndef SESSIONS_DRAIN_H
#define SESSIONS_DRAIN_H

#include "iocp/iocp.h"

struct sess_session;
struct sess_output;

enum sess_drain_phase { SESS_DRAIN_OFF, SESS_DRAIN_RUNS, SESS_DRAIN_LOOKS, SESS_DRAIN_OVER };

struct sess_drain {
    uint64_t quiet_due_ns;
    uint64_t hard_due_ns; /* 0: has not begun */
    uint64_t stopped_ns;  /* the clocks stand still since then; 0: they run */
    enum sess_drain_phase phase : 8;
    bool found; /* LOOKS: there was data */
    bool last;  /* LOOKS: for the hard cap */
};

/* The exit was seen and a stream is still open. */
void sess_drain_begin(struct sess_session *session);

/* A stream gave data of that size. */
void sess_drain_data(struct sess_session *session, struct sess_output *output, uint32_t size_bytes);

/* LOOKS: the last look at a stream is over. */
void sess_drain_looked(struct sess_session *session, struct sess_output *output);

/* The consumer is waited for from now on, or not any more. */
void sess_drain_hold(struct sess_session *session);
void sess_drain_go(struct sess_session *session);

/* The deadline has come. */
void sess_drain_due(struct sess_session *session);

#endif
