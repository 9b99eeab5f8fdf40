/*
 * Large answers that wait until their client has taken what it was sent. Seventy bytes ask for a
 * reply of two megabytes, and a client may ask faster than it reads: whoever would make such a
 * reply looks first whether there is room, and else waits here, as a request of a few hundred
 * bytes.
 *
 *   wait (any thread) -> in the connection's list -> go_on (on its strand): there is room, or the
 *                                                    connection is over
 */

/*
 * Whoever goes on makes an answer or waits again; each answer that is written lets the next ones go
 * on. Room is looked at before an answer is made, so as many answers as there are workers, and
 * RUN_ROOM_AT_ONCE, may be made beyond the limit.
 *
 * Life: the call lies in its owner's memory, which keeps the connection.
 */
#ifndef RUN_ROOM_H
#define RUN_ROOM_H

#include "iocp/iocp.h"

enum { RUN_ROOM_AT_ONCE = 2 }; /* go on together: one is made while the other is written */

struct run_conn;
struct run_room_call;
typedef void run_room_callback(struct run_room_call *call, bool is_wanted);

struct run_room_call {
    struct iocp_op op;
    struct run_room_call *next;
    struct run_conn *conn;
    run_room_callback *go_on;
};

/* Those of one connection, in the order in which they came; of its strand. All zero: none. */
struct run_room {
    struct run_room_call *first, *last;
};

/* Whether an answer may be made: fewer replies wait than RUN_REPLY_QUEUE_BYTES. Any thread. */
bool run_room_is_there(const struct run_conn *conn);

/* Calls go_on once, on the connection's strand: when there is room, or, with is_wanted false, when
 * the connection is over and nobody wants the answer any more. Any thread. */
void run_room_wait(struct run_room_call *call, struct run_conn *conn, run_room_callback *go_on);

/* The client has taken something. On the strand. */
void run_room_go_on(struct run_conn *conn);

/* The connection is over. On the strand. */
void run_room_over(struct run_conn *conn);

#endif
