/*
 * The queue of frames to one client: see outq.h. Pushing is for any thread, the rest for the
 * connection's strand.
 */
#include "runner/outq.h"

#include <assert.h>

struct run_frame *run_frame_new(struct iocp_port *port, uint32_t size_bytes)
{
    struct iocp_slice lease;
    assert(size_bytes <= UINT32_MAX - sizeof(struct run_frame));
    if (iocp_lease(port, (uint32_t)sizeof(struct run_frame) + size_bytes, &lease) != 0)
        return NULL;
    struct run_frame *frame = (struct run_frame *)(void *)lease.data;
    *frame = (struct run_frame){
        .lease = lease, .data = lease.data + sizeof(*frame), .size_bytes = size_bytes};
    return frame;
}

void run_frame_free(struct run_frame *frame)
{
    if (frame == NULL)
        return;
    assert(frame->proc == NULL);
    struct iocp_slice lease = frame->lease; /* the frame lies in it */
    iocp_slice_unref(&lease);
}

void run_outq_init(struct run_outq *queue)
{
    for (unsigned i = 0; i < RUN_FRAME_CLASSES; i++) {
        atomic_init(&queue->incoming[i], NULL);
        atomic_init(&queue->bytes[i], 0);
        queue->ready[i] = (struct run_frame_list){0};
    }
    queue->holds_output = false;
}

void run_outq_push(struct run_outq *queue, enum run_frame_class class, struct run_frame *frame)
{
    atomic_fetch_add_explicit(&queue->bytes[class], frame->size_bytes, memory_order_relaxed);
    struct run_frame *newest = atomic_load_explicit(&queue->incoming[class], memory_order_relaxed);
    do {
        frame->next = newest;
    } while (!atomic_compare_exchange_weak_explicit(&queue->incoming[class], &newest, frame,
                                                    memory_order_acq_rel, memory_order_relaxed));
}

/* Appends a chain that is newest first, in its order of pushing. */
static void append_reversed(struct run_frame_list *list, struct run_frame *newest)
{
    struct run_frame *oldest = NULL, *last = newest;
    while (newest != NULL) {
        struct run_frame *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    if (oldest == NULL)
        return;
    if (list->tail != NULL)
        list->tail->next = oldest;
    else
        list->head = oldest;
    list->tail = last;
}

void run_outq_collect(struct run_outq *queue)
{
    static const enum run_frame_class order[] = {RUN_FRAME_OUTPUT, RUN_FRAME_REPLY};
    for (unsigned i = 0; i < RUN_FRAME_CLASSES; i++) {
        struct run_frame *newest =
            atomic_exchange_explicit(&queue->incoming[order[i]], NULL, memory_order_acq_rel);
        append_reversed(&queue->ready[order[i]], newest);
    }
}

struct run_frame *run_outq_pop(struct run_outq *queue, enum run_frame_class *out_class)
{
    unsigned classes = queue->holds_output ? RUN_FRAME_OUTPUT : RUN_FRAME_CLASSES;
    for (unsigned class = 0; class < classes; class ++) {
        struct run_frame_list *list = &queue->ready[class];
        struct run_frame *frame = list->head;
        if (frame == NULL)
            continue;
        list->head = frame->next;
        if (list->head == NULL)
            list->tail = NULL;
        frame->next = NULL;
        *out_class = (enum run_frame_class) class;
        return frame;
    }
    return NULL;
}

void run_outq_sent(struct run_outq *queue, enum run_frame_class class, uint32_t size_bytes)
{
    atomic_fetch_sub_explicit(&queue->bytes[class], size_bytes, memory_order_relaxed);
}

size_t run_outq_bytes(const struct run_outq *queue, enum run_frame_class class)
{
    return atomic_load_explicit(&queue->bytes[class], memory_order_relaxed);
}
