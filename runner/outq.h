/*
 * What waits to be sent to one client: frames that other strands made, in two classes. Replies and
 * control frames overtake output; within a class the order is that of the pushes.
 *
 * A frame is one lease: its node and its bytes lie in the same slab, so queueing one allocates
 * nothing and copies nothing. Any thread pushes, with one compare-and-swap; the connection's strand
 * takes everything at once and turns it around.
 *
 * Order across the classes: who pushed a reply before an output frame sees the reply sent first,
 * since the taker empties the output class first and sends the reply class first.
 */
#ifndef RUN_OUTQ_H
#define RUN_OUTQ_H

#include "iocp/iocp.h"

enum run_frame_class { RUN_FRAME_REPLY, RUN_FRAME_OUTPUT, RUN_FRAME_CLASSES };

struct run_proc;

struct run_frame {
    struct run_frame *next;
    struct iocp_slice lease; /* holds this node and the bytes */
    uint8_t *data;           /* to be filled by who made the frame */
    uint32_t size_bytes;     /* of data */
    uint32_t output_bytes;   /* decoded bytes of the child's output in it, and what was charged */
    uint32_t chunk_bytes;    /* of those, the bytes of output */
    uint64_t read_ns;        /* when they were read; 0: no output */
    struct run_proc *proc;   /* whose output is in it, one reference, or NULL */
    uint64_t read_seq;       /* of a reply: what proc's client missed up to this number; or 0 */
};

/* Frames in the order in which they go out; of one strand. */
struct run_frame_list {
    struct run_frame *head, *tail;
};

struct run_outq {
    _Atomic(struct run_frame *) incoming[RUN_FRAME_CLASSES];
    _Atomic size_t bytes[RUN_FRAME_CLASSES]; /* pushed and not yet dropped or sent */
    struct run_frame_list ready[RUN_FRAME_CLASSES];
    bool holds_output; /* only replies are popped; of the connection's strand */
};

/* Leases a frame of size_bytes. NULL: out of memory. Any thread, cheapest on a worker. */
struct run_frame *run_frame_new(struct iocp_port *port, uint32_t size_bytes);

/* Gives the frame's memory back; its proc must have been taken care of. NULL is taken. */
void run_frame_free(struct run_frame *frame);

/* An empty queue. */
void run_outq_init(struct run_outq *queue);

/* Takes the frame over. Any thread. */
void run_outq_push(struct run_outq *queue, enum run_frame_class class, struct run_frame *frame);

/* Moves what was pushed to the ready lists. On the connection's strand. */
void run_outq_collect(struct run_outq *queue);

/* The next frame to send, replies first; NULL if there is none, or none that may go. The caller
 * owns it, and calls run_outq_sent for it when it is on its way or dropped. On the connection's
 * strand. */
struct run_frame *run_outq_pop(struct run_outq *queue, enum run_frame_class *out_class);

/* Takes the bytes of a popped frame out of the count. */
void run_outq_sent(struct run_outq *queue, enum run_frame_class class, uint32_t size_bytes);

/* Bytes of a class that wait. Any thread; a moment's value. */
size_t run_outq_bytes(const struct run_outq *queue, enum run_frame_class class);

#endif
