/*
 * Calls of a connection that wait for a session without an end in sight: process/read with a time,
 * process/wait, process/waitAny. A request dies with its connection, so what waits is kept in a
 * list of the connection, and cancelled together when the connection is over or gives its tenure
 * up. Else a client that comes again and again with a long wait would leave one each time.
 *
 *   add -> the call posts its watches -> answered on a session's strand -> remove -> free
 *                 | cancel, at most once |
 *
 * Life: from add to free the memory is there, so the connection's strand may cancel at any moment.
 * An added call keeps its connection.
 */
#ifndef RUN_WAITING_H
#define RUN_WAITING_H

#include "iocp/iocp.h"
#include "wire/span.h"

/* Watches of one connection, all its calls together: several waits for every process of a full
 * server, and some 25 MB. */
enum { RUN_WAITING_MAX = 64 * 1024 };

struct run_conn;
struct run_waiting;
typedef void run_waiting_callback(struct run_waiting *waiting);

/* Why a call was cancelled. */
enum run_waiting_end {
    RUN_WAITING_GOES_ON,
    RUN_WAITING_OVER,    /* its connection is over: nobody wants an answer */
    RUN_WAITING_GIVEN_UP /* its tenure went to another connection: RESUMED is the answer */
};

/* The part of a call that waits. */
struct run_waiting {
    struct run_conn *conn; /* one reference; any thread */
    /* Written on the connection's strand before `cancel`; so whoever was cancelled may read it. */
    enum run_waiting_end end;
    /* Private. */
    struct run_waiting *prev, *next; /* of the connection's strand */
    run_waiting_callback *cancel, *free;
    uint32_t watches;
    struct iocp_op op;
};

/* What of a connection waits; of its strand. All zero: nothing. */
struct run_waitings {
    struct run_waiting *first;
    uint32_t watches;
};

/* Adds a call that makes so many watches. `cancel` is called at most once, on the connection's
 * strand, and asks for the answer now (sess_watch_cancel); `free` ends the call's memory, there
 * too, after the remove. false: too many wait already, nothing was added. On the connection's
 * strand, before the first watch is posted. */
bool run_waiting_add(struct run_waiting *waiting, struct run_conn *conn, uint32_t watches,
                     run_waiting_callback *cancel, run_waiting_callback *free);

/* The call was answered, and nothing will touch it any more but this and a cancel. Once; any
 * thread. `free` follows. */
void run_waiting_remove(struct run_waiting *waiting);

/* Cancels every call that waits. On the connection's strand. */
void run_waiting_cancel_all(struct run_conn *conn, enum run_waiting_end end);

/* Answers a call that was cancelled: nothing if its connection is over. Any thread. */
void run_waiting_answer_cancelled(const struct run_waiting *waiting, struct wire_span request_id);

/* Answers a request of which too much waits already. On the connection's strand. */
void run_waiting_refuse(struct run_conn *conn, struct wire_span request_id);

#endif
