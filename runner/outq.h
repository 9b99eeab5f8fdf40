/*
 * What waits to be sent to one client: frames that other strands made, in three classes. Replies
 * and control frames overtake output, that overtakes what the client observes of others. Replies go
 * in the order of the pushes, and so does what is observed.
 *
 * A frame is one lease: its node and its bytes lie in the same slab, so queueing one allocates
 * nothing and copies nothing. Any thread pushes, with one compare-and-swap; the connection's strand
 * takes everything at once and turns it around.
 *
 * Order across the classes: who pushed a reply before a frame of another class sees the reply sent
 * first, since the taker empties the other classes first and sends the reply class first.
 */

/*
 * Output goes out in turns. Each session has a lane, which keeps the order of its frames, and a
 * lane with frames stands in one of two lines:
 *
 *    first frame -> FRESH -- more than RUN_FRESH_BYTES --> REGULAR --+
 *                     |                                     ^        | RUN_TURN_BYTES are used up:
 *                     +-- empty -->  no line  <-- empty ----+--------+ to the end
 *
 * FRESH goes first, so that a session that writes little does not wait for those that flood, but
 * gets no more bytes than REGULAR does while both wait. A lane lies in its session's memory and is
 * of one queue at a time. While another queue still has frames of it, which happens when a session
 * was resumed, its frames stand in a lane that the queue has for all such, in the order of pushes.
 */
#ifndef RUN_OUTQ_H
#define RUN_OUTQ_H

#include "iocp/iocp.h"

enum run_frame_class {
    RUN_FRAME_REPLY,
    RUN_FRAME_OUTPUT,
    RUN_FRAME_OBSERVED, /* the last, and counted apart: it makes no program wait */
    RUN_FRAME_CLASSES
};

enum {
    RUN_TURN_BYTES = 64 * 1024, /* encoded; overdrawn by a frame at most, which then counts */
    RUN_FRESH_BYTES = 16 * 1024 /* a screenful of a terminal; full chunks of a pipe have more */
};

struct run_observer;
struct run_proc;
struct run_lane;

struct run_frame {
    struct run_frame *next;
    struct run_lane *lane;   /* of output: its session's, alive as long as proc; NULL: any order */
    struct iocp_slice lease; /* holds this node and the bytes */
    uint8_t *data;           /* to be filled by who made the frame */
    uint32_t size_bytes;     /* of data */
    uint32_t output_bytes;   /* decoded bytes of the child's output in it, and what was charged */
    uint32_t chunk_bytes;    /* of those, the bytes of output */
    bool is_raw;             /* data is a struct run_raw; size_bytes is what it will have */
    uint64_t read_ns;        /* when they were read; 0: no output */
    struct run_proc *proc;   /* whose output is in it, one reference, or NULL */
    uint64_t read_seq;       /* of a reply: what proc's client missed up to this number; or 0 */
    struct run_observer *observer; /* who is told when it is gone, one reference, or NULL */
};

/* A chunk of output that waits as it was read, since that memory is kept anyhow; whoever takes its
 * frame makes the message. */
struct run_raw {
    struct iocp_slice slice; /* one reference, if it is a frame's */
    uint64_t seq;
    uint8_t stream; /* enum sess_stream */
};

/* Frames in the order in which they go out; of one strand. */
struct run_frame_list {
    struct run_frame *head, *tail;
};

/* The output of one session that waits. Zeroed memory is an empty one. */
struct run_lane {
    _Atomic(const struct run_outq *) queue; /* whose strand has the rest; NULL: it is empty */
    struct run_frame_list frames;
    struct run_lane *next; /* in its line */
    int32_t credit_bytes;  /* what is left of its turn; regular: may be overdrawn by one frame */
};

struct run_line {
    struct run_lane *head, *tail;
};

struct run_outq {
    _Atomic(struct run_frame *) incoming[RUN_FRAME_CLASSES];
    _Atomic size_t bytes[RUN_FRAME_CLASSES]; /* pushed and not yet dropped or sent */
    struct run_frame_list replies, observed;
    struct run_lane shared; /* frames without a lane of their own here */
    struct run_line fresh, regular;
    int32_t fresh_credit_bytes; /* what fresh lanes may send before a regular one does */
    bool holds_output;          /* only replies are popped; of the connection's strand */
};

/* Leases a frame of size_bytes. NULL: out of memory. Any thread, cheapest on a worker. */
struct run_frame *run_frame_new(struct iocp_port *port, uint32_t size_bytes);

/* Gives the frame's memory back; its proc and observer must have been taken care of. NULL is taken.
 */
void run_frame_free(struct run_frame *frame);

/* An empty queue. */
void run_outq_init(struct run_outq *queue);

/* Takes the frame over. Any thread. */
void run_outq_push(struct run_outq *queue, enum run_frame_class class, struct run_frame *frame);

/* Moves what was pushed to where it waits its turn. On the connection's strand. */
void run_outq_collect(struct run_outq *queue);

/* The next frame to send, replies first; NULL if there is none, or none that may go. The caller
 * owns it, and calls run_outq_sent for it when it is on its way or dropped. On the connection's
 * strand. */
struct run_frame *run_outq_pop(struct run_outq *queue, enum run_frame_class *out_class);

/* The next frame of what is observed, or NULL, also while replies wait. For one among others, so
 * that output without an end does not keep it back for ever. Otherwise as run_outq_pop. */
struct run_frame *run_outq_pop_observed(struct run_outq *queue);

/* Takes the bytes of a popped frame out of the count. */
void run_outq_sent(struct run_outq *queue, enum run_frame_class class, uint32_t size_bytes);

/* Bytes of a class that wait. Any thread; a moment's value. */
size_t run_outq_bytes(const struct run_outq *queue, enum run_frame_class class);

#endif
