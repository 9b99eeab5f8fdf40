/*
 * An observer: a connection that sees what a process writes and does not own it. It cannot write to
 * it, signal it or end it, and nothing ever waits for it.
 *
 *   ASKED ------ found, on the session's strand ------> ATTACHED ------> over
 *     |                                                  closed, gone, unobserved, cut
 *     +--> CANCELLED (its connection is over) --+
 *     +-----------------------------------------+--> refused, over
 */

/*
 * What it holds: a place in the process's events (a reader of what is retained, source.h), and as
 * many bytes in its connection's queue as --observer-queue says, and one frame more. Where it has
 * seen everything and there is room, it gets each event as it happens. Else it is behind, and takes
 * nothing until half of its queue has gone out; then it reads on from its place, a turn at a time.
 * What was evicted meanwhile is a gap, which it is told with exact counts.
 */

/*
 * Threads: asking goes from the connection's strand over the server's (which tenure has this key?)
 * and that of the tenure's holder (which process has this id?) to the session's, where it is in the
 * process's list from then on. Its name is in the connection's list, on the connection's strand,
 * from the request to the end: it is free again before the last word under it can be read. `phase`
 * decides between who attaches and who cancels; after the attach who cancels posts `stop`.
 *
 * Life: reference counted. One is the connection's list's, one is that of who attaches it and then
 * of the process's list, one each of its frames and of the posts to its session's strand. It keeps
 * its connection, and its process once that is found.
 */
#ifndef RUN_OBSERVER_H
#define RUN_OBSERVER_H

#include "runner/proc.h"
#include "runner/source.h"
#include "wire/msg_gone.h"
#include "wire/rpc_errors.h"

enum { RUN_OBSERVER_TURN_BYTES = 256 * 1024 }; /* encoded; then others have the session's strand */

enum run_observer_phase { RUN_OBSERVER_ASKED, RUN_OBSERVER_ATTACHED, RUN_OBSERVER_CANCELLED };

struct run_observer {
    _Atomic uint32_t refs;
    _Atomic uint8_t phase; /* enum run_observer_phase */
    struct run_conn *conn;
    struct run_proc *proc; /* NULL until it was found */
    uint64_t asked_ns, limit_bytes;
    struct iocp_op lookup;         /* on the server's strand */
    struct run_notice search;      /* on that of the tenure's holder */
    struct sess_request attach;    /* on the session's */
    struct iocp_op leave;          /* out of the connection's list */
    _Atomic uint64_t queued_bytes; /* of its frames that are not sent yet */

    /* Of the connection's strand. */
    struct run_observer *prev, *next;
    bool is_stopped;
    /* Written there before `phase` or `stop` tells. */
    enum run_observing_end why;
    struct wire_span unobserve_id; /* JSON, its own memory; of who asked for the end, or empty */

    /* Of the session's strand. */
    struct iocp_op stop, more;
    struct run_observer *proc_prev, *proc_next;
    bool is_attached;
    bool exit_was_told;
    uint64_t after_seq; /* as it was asked for */
    struct sess_reader at;

    /* Set once, in `text`. */
    struct wire_span request_id; /* JSON */
    struct wire_span key;
    struct wire_span process_id; /* what its owner calls it */
    struct wire_span name;       /* what this connection calls it */
    struct wire_span name_json;
    uint8_t text[];
};

/* What is asked; copied. */
struct run_observer_ask {
    struct wire_span request_id; /* JSON */
    struct wire_span key, process_id, name;
    uint64_t after_seq;
};

/* Makes an observer in its connection's list, with one reference more, which is for who goes on
 * with it. NULL: out of memory. On the connection's strand. */
struct run_observer *run_observer_new(struct run_conn *conn, const struct run_observer_ask *ask);

/* References. Any thread that has one. */
struct run_observer *run_observer_ref(struct run_observer *observer);
void run_observer_unref(struct run_observer *observer);

/* Its process was found: goes on to the session. Takes the references to the process and, as the
 * others do, of who goes on. On the strand of the tenure's holder. */
void run_observer_found(struct run_observer *observer, struct run_proc *proc);

/* It is not to be: answers its request, and takes the reference. Any strand that has it. */
void run_observer_refuse(struct run_observer *observer, enum wire_rpc_text text,
                         struct wire_span argument);
void run_observer_refuse_unknown(struct run_observer *observer, enum wire_msg_gone_reason reason);
void run_observer_refuse_full(struct run_observer *observer, const char *resource, uint64_t need);

/* Ends it, once; later calls say nothing new. On the connection's strand. */
void run_observer_stop(struct run_observer *observer, enum run_observing_end why);

/* A frame of it has been sent or dropped; takes the frame's reference. On the connection's strand.
 */
void run_observer_sent(struct run_observer *observer, uint32_t bytes);

/* ---- Of a process: all its observers ----------------------------------------------------------
 */

/* A chunk was told to the owner. On the session's strand. */
void run_observers_output(struct run_proc *proc, const struct sess_chunk *chunk);

/* The exit or the close was. On the session's strand. */
void run_observers_look(struct run_proc *proc);

/* Ends them, and lets no more come. Once; on the strand of the tenure's holder. */
void run_observers_end(struct run_proc *proc, enum run_observing_end why);

/* How many there are, and how many events the slowest was not sent yet. On the session's strand. */
uint32_t run_observers_count(const struct run_proc *proc, uint64_t next_seq, uint64_t *out_behind);

#endif
