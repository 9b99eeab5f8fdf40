/*
 * Acknowledgement over WebSocket: what output the client is known to have taken.
 *
 * A ping is a mark behind everything that was written before it; its pong says that the client has
 * read that far, since clients answer pings where they read. So a connection that is cut owes its
 * sessions exactly what no pong has covered, and that is what a resuming client may ask for again.
 *
 *    written  -->  unmarked (by process)  -- ping -->  mark  -- pong -->  given back to the session
 *
 * On the connection's strand. Framings without pings give back what was written at once.
 */
#ifndef RUN_CONN_ACK_H
#define RUN_CONN_ACK_H

#include "wire/span.h"

struct run_conn;
struct run_mark;
struct run_proc;

enum {
    RUN_MARK_BYTES = 256 * 1024, /* of output between two pings */
    RUN_MARK_PROCS = 64,         /* their memory stays until the pong, also when they are gone */
    RUN_MARK_CHUNKS = 64         /* a quarter of what one process may have on the way (ring.h) */
};

struct run_acks {
    struct run_proc *unmarked; /* a list of those with bytes since the last ping; references */
    size_t unmarked_bytes, unmarked_count, unmarked_chunks;
    bool is_urgent;                   /* a program may wait for the pong */
    struct run_mark *oldest, *newest; /* pings without a pong */
    uint64_t last_number;
    uint64_t heard_ns; /* when a pong last took a mark away; 0: never */
};

/* Output of the process was written, or, with a read_seq above 0, a reply that gives what its
 * client missed up to that number. The caller's reference to the process is taken. */
void run_acks_written(struct run_conn *conn, struct run_proc *proc, uint32_t bytes,
                      uint64_t read_seq);

/* Whether so much was written that a ping is worth it. */
bool run_acks_want_ping(const struct run_conn *conn);

/* Sends a ping that marks what was written; its number is then last_number. */
void run_acks_ping(struct run_conn *conn);

/* Takes a pong with its payload. Returns the number of the ping that it answers; 0 if it answers
 * none of ours. */
uint64_t run_acks_pong(struct run_conn *conn, struct wire_span payload);

/* Since when a pong is waited for; 0: there is no ping without one. It counts from the pong before,
 * if that came later than the ping was sent: a client that reads slowly answers late, but on. */
uint64_t run_acks_waiting_since_ns(const struct run_conn *conn);

/* Forgets everything; what was not acknowledged stays owed. Before the tenure is given up. */
void run_acks_forget(struct run_conn *conn);

#endif
