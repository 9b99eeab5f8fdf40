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
    assert(frame->proc == NULL && frame->observer == NULL);
    if (frame->is_raw)
        iocp_slice_unref(&((struct run_raw *)(void *)frame->data)->slice);
    struct iocp_slice lease = frame->lease; /* the frame lies in it */
    iocp_slice_unref(&lease);
}

void run_outq_init(struct run_outq *queue)
{
    *queue = (struct run_outq){.fresh_credit_bytes = RUN_TURN_BYTES};
    for (unsigned i = 0; i < RUN_FRAME_CLASSES; i++) {
        atomic_init(&queue->incoming[i], NULL);
        atomic_init(&queue->bytes[i], 0);
    }
    atomic_init(&queue->shared.queue, NULL);
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

/* ---- Lists and lines ---- */

static void append_frame(struct run_frame_list *list, struct run_frame *frame)
{
    frame->next = NULL;
    if (list->tail != NULL)
        list->tail->next = frame;
    else
        list->head = frame;
    list->tail = frame;
}

static struct run_frame *pop_frame(struct run_frame_list *list)
{
    struct run_frame *frame = list->head;
    list->head = frame->next;
    if (list->head == NULL)
        list->tail = NULL;
    frame->next = NULL;
    return frame;
}

static void append_lane(struct run_line *line, struct run_lane *lane)
{
    lane->next = NULL;
    if (line->tail != NULL)
        line->tail->next = lane;
    else
        line->head = lane;
    line->tail = lane;
}

static void pop_lane(struct run_line *line)
{
    line->head = line->head->next;
    if (line->head == NULL)
        line->tail = NULL;
}

/* ---- Collecting ---- */

/* The lane that a frame goes to. As long as anything is in the shared lane, what has no lane of its
 * own here goes behind it: something of the same session may be there. */
static struct run_lane *lane_for(struct run_outq *queue, struct run_lane *own)
{
    const struct run_outq *nobody = NULL;
    bool may_claim = own != NULL && queue->shared.frames.head == NULL;
    if (own != NULL && atomic_load_explicit(&own->queue, memory_order_relaxed) == queue)
        return own;
    if (may_claim && atomic_compare_exchange_strong_explicit(
                         &own->queue, &nobody, queue, memory_order_acquire, memory_order_relaxed))
        return own;
    return &queue->shared;
}

static void add_output(struct run_outq *queue, struct run_frame *frame)
{
    struct run_lane *lane = lane_for(queue, frame->lane);
    bool was_empty = lane->frames.head == NULL;
    append_frame(&lane->frames, frame);
    if (!was_empty)
        return;
    lane->credit_bytes = RUN_FRESH_BYTES;
    append_lane(&queue->fresh, lane);
}

/* Turns a chain around that is newest first. */
static struct run_frame *reversed(struct run_frame *newest)
{
    struct run_frame *oldest = NULL;
    while (newest != NULL) {
        struct run_frame *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

static struct run_frame *take_pushed(struct run_outq *queue, enum run_frame_class class)
{
    return reversed(atomic_exchange_explicit(&queue->incoming[class], NULL, memory_order_acq_rel));
}

static void append_chain(struct run_frame_list *list, struct run_frame *oldest)
{
    for (struct run_frame *next; oldest != NULL; oldest = next) {
        next = oldest->next;
        append_frame(list, oldest);
    }
}

void run_outq_collect(struct run_outq *queue)
{
    struct run_frame *observed = take_pushed(queue, RUN_FRAME_OBSERVED);
    struct run_frame *next, *output = take_pushed(queue, RUN_FRAME_OUTPUT);
    append_chain(&queue->replies, take_pushed(queue, RUN_FRAME_REPLY)); /* last: see outq.h */
    append_chain(&queue->observed, observed);
    for (; output != NULL; output = next) {
        next = output->next;
        add_output(queue, output);
    }
}

/* ---- Turns ---- */

/* The first of the line begins a turn at the end of the regular ones. */
static void rotate(struct run_outq *queue, struct run_line *line, int32_t credit_bytes)
{
    struct run_lane *lane = line->head;
    pop_lane(line);
    lane->credit_bytes = credit_bytes;
    append_lane(&queue->regular, lane);
}

/* Whose turn it is: the first of a line, which has credit. */
static struct run_line *next_line(struct run_outq *queue)
{
    struct run_line *fresh = &queue->fresh, *regular = &queue->regular;
    while (fresh->head != NULL && (regular->head == NULL || queue->fresh_credit_bytes > 0)) {
        struct run_lane *lane = fresh->head;
        if (lane->frames.head->size_bytes <= (uint32_t)lane->credit_bytes)
            return fresh;
        rotate(queue, fresh, RUN_TURN_BYTES);
    }
    while (regular->head != NULL && regular->head->credit_bytes <= 0)
        rotate(queue, regular, regular->head->credit_bytes + RUN_TURN_BYTES);
    return regular;
}

/* Bytes of one line are credit of the other, up to a turn. */
static void charge_fresh(struct run_outq *queue, bool is_fresh, int32_t bytes)
{
    int32_t credit = queue->fresh_credit_bytes;
    if (!is_fresh)
        credit = bytes < RUN_TURN_BYTES - credit ? credit + bytes : RUN_TURN_BYTES;
    else if (queue->regular.head != NULL)
        credit -= bytes;
    queue->fresh_credit_bytes = credit;
}

static struct run_frame *pop_output(struct run_outq *queue)
{
    struct run_line *line = next_line(queue);
    struct run_lane *lane = line->head;
    if (lane == NULL)
        return NULL;
    struct run_frame *frame = pop_frame(&lane->frames);
    assert(frame->size_bytes <= INT32_MAX / 2);
    int32_t bytes = (int32_t)frame->size_bytes;
    lane->credit_bytes -= bytes;
    charge_fresh(queue, line == &queue->fresh, bytes);
    if (lane->frames.head == NULL) {
        pop_lane(line);
        atomic_store_explicit(&lane->queue, NULL, memory_order_release); /* its frame is ours */
    }
    return frame;
}

struct run_frame *run_outq_pop(struct run_outq *queue, enum run_frame_class *out_class)
{
    struct run_frame *frame;
    *out_class = RUN_FRAME_REPLY;
    if (queue->replies.head != NULL)
        return pop_frame(&queue->replies);
    if (queue->holds_output)
        return NULL;
    *out_class = RUN_FRAME_OUTPUT;
    if ((frame = pop_output(queue)) != NULL)
        return frame;
    *out_class = RUN_FRAME_OBSERVED;
    return queue->observed.head != NULL ? pop_frame(&queue->observed) : NULL;
}

struct run_frame *run_outq_pop_observed(struct run_outq *queue)
{
    if (queue->replies.head != NULL || queue->holds_output || queue->observed.head == NULL)
        return NULL;
    return pop_frame(&queue->observed);
}

void run_outq_sent(struct run_outq *queue, enum run_frame_class class, uint32_t size_bytes)
{
    atomic_fetch_sub_explicit(&queue->bytes[class], size_bytes, memory_order_relaxed);
}

size_t run_outq_bytes(const struct run_outq *queue, enum run_frame_class class)
{
    return atomic_load_explicit(&queue->bytes[class], memory_order_relaxed);
}
