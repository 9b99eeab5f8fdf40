/*
 * Strands: queues of callbacks that never overlap.
 *
 * The inbox is a stack that any thread pushes to with one compare-and-swap. It holds one of
 *
 *   NULL      the strand is not scheduled; whoever pushes first schedules it
 *   an op     scheduled, newest first, not yet seen by a worker
 *   RUNNING   a worker has it, and nothing new came
 */

/*
 *            push (schedules)             exchange                  compare-and-swap
 *    NULL ---------------------> op ------------------> RUNNING ------------------------> NULL
 *                                ^                         |    nothing new: not scheduled
 *                                +-------------------------+
 *                                           push
 *
 * The worker turns what it takes around into todo, oldest first, and empties todo before it looks
 * into the inbox again: so callbacks run in the order of the pushes, and a push from a callback of
 * the strand itself comes behind what others pushed before it.
 */
#include "iocp/port.h"

/* An address that no operation has. */
static struct iocp_op *running_mark(struct iocp_strand *strand)
{
    return (struct iocp_op *)(void *)strand;
}

void iocp_strand_init(struct iocp_strand *strand, struct iocp_port *port)
{
    assert(port != NULL);
    strand->port = port;
    atomic_init(&strand->inbox, NULL);
    strand->todo = NULL;
    strand->next_ready = NULL;
    strand->is_heavy = false;
}

void iocp_op_prepare(struct iocp_op *op, struct iocp_strand *strand, enum iocp_op_kind kind,
                     iocp_callback *callback)
{
    op->next = NULL;
    op->strand = strand;
    op->callback = callback;
    atomic_init(&op->state, IOCP_OP_IDLE);
    op->kind = (uint8_t)kind;
    op->flags = 0;
    op->result = 0;
    op->os_error = 0;
}

void iocp_op_init(struct iocp_op *op, struct iocp_strand *strand, iocp_callback *callback)
{
    assert(callback != NULL);
    iocp_op_prepare(op, strand, IOCP_OP_POST, callback);
}

void iocp_op_begin(struct iocp_op *op)
{
    uint8_t before = atomic_exchange_explicit(&op->state, IOCP_OP_PENDING, memory_order_acq_rel);
    assert(before == IOCP_OP_IDLE);
    (void)before;
    op->flags = 0;
    op->result = 0;
    op->os_error = 0;
}

void iocp_op_finish(struct iocp_op *op, int result, int os_error)
{
    op->flags |= IOCP_F_PRESET;
    op->result = result;
    op->os_error = os_error;
    iocp_strand_push(op);
}

void iocp_strand_push(struct iocp_op *op)
{
    struct iocp_strand *strand = op->strand;
    struct iocp_op *mark = running_mark(strand);
    struct iocp_op *old = atomic_load_explicit(&strand->inbox, memory_order_relaxed);
    do {
        op->next = old == mark ? NULL : old;
    } while (!atomic_compare_exchange_weak_explicit(&strand->inbox, &old, op, memory_order_acq_rel,
                                                    memory_order_relaxed));
    if (old == NULL)
        iocp_schedule(strand);
}

void iocp_post(struct iocp_op *op)
{
    assert(op->kind == IOCP_OP_POST);
    iocp_op_begin(op);
    iocp_strand_push(op);
}

bool iocp_kick(struct iocp_op *op)
{
    assert(op->kind == IOCP_OP_POST);
    uint8_t before = atomic_exchange_explicit(&op->state, IOCP_OP_PENDING, memory_order_acq_rel);
    if (before == IOCP_OP_PENDING)
        return false;
    iocp_strand_push(op);
    return true;
}

void iocp_strand_end(struct iocp_strand *strand, struct iocp_op *op, iocp_callback *callback)
{
    iocp_op_prepare(op, strand, IOCP_OP_END, callback);
    iocp_op_begin(op);
    iocp_strand_push(op);
}

/* Moves the inbox to todo. false: there was nothing, and the strand is not scheduled any more. */
static bool refill(struct iocp_strand *strand)
{
    struct iocp_op *mark = running_mark(strand);
    struct iocp_op *chain = atomic_exchange_explicit(&strand->inbox, mark, memory_order_acq_rel);
    if (chain == mark) {
        struct iocp_op *expected = mark;
        return !atomic_compare_exchange_strong_explicit(&strand->inbox, &expected, NULL,
                                                        memory_order_acq_rel, memory_order_relaxed);
    }
    struct iocp_op *oldest_first = NULL;
    while (chain != NULL) {
        struct iocp_op *next = chain->next;
        chain->next = oldest_first;
        oldest_first = chain;
        chain = next;
    }
    strand->todo = oldest_first;
    return true;
}

static bool step(struct iocp_worker *worker, struct iocp_op *op)
{
    if (op->flags & IOCP_F_PRESET)
        return true;
    switch ((enum iocp_op_kind)op->kind) {
    case IOCP_OP_READ:
        return iocp_read_step(worker, op);
    case IOCP_OP_WRITE:
        return iocp_write_step(worker, op);
    case IOCP_OP_CLOSE:
        return iocp_close_step(worker, op);
    case IOCP_OP_ACCEPT:
        return iocp_accept_step(worker, op);
    case IOCP_OP_UNLISTEN:
        return iocp_listener_close_step(worker, op);
    case IOCP_OP_EXIT:
        return iocp_exit_step(worker, op);
    case IOCP_OP_POST:
    case IOCP_OP_TIMER:
    case IOCP_OP_HELP:
    case IOCP_OP_END:
        break;
    }
    return true;
}

static void complete(struct iocp_worker *worker, struct iocp_op *op)
{
    worker->since_poll++;
    iocp_count(worker->port, IOCP_C_CALLBACKS, 1);
    /* An exchange, not a store: it takes over what kicks before it published. */
    uint8_t before = atomic_exchange_explicit(&op->state, IOCP_OP_IDLE, memory_order_acq_rel);
    assert(before == IOCP_OP_PENDING);
    (void)before;
    if (op->kind == IOCP_OP_READ || op->kind == IOCP_OP_WRITE)
        iocp_stream_settle(op);
    else if (op->kind == IOCP_OP_ACCEPT)
        iocp_listener_settle(op);
    op->callback(op);
}

static void run_end(struct iocp_worker *worker, struct iocp_strand *strand, struct iocp_op *op)
{
    assert(strand->todo == NULL);
    assert(atomic_load_explicit(&strand->inbox, memory_order_acquire) == running_mark(strand));
    (void)strand;
    complete(worker, op); /* the strand's memory may be gone now */
}

void iocp_strand_run(struct iocp_worker *worker, struct iocp_strand *strand)
{
    uint64_t moved_before = worker->moved_bytes;
    worker->turn_bytes = 0;
    strand->is_heavy = false;
    for (unsigned n = 0; n < IOCP_TURN_CALLBACKS && worker->turn_bytes < IOCP_TURN_BYTES;) {
        if (strand->todo == NULL && !refill(strand))
            return;
        struct iocp_op *op = strand->todo;
        if (op == NULL)
            continue; /* something came between the two looks of refill */
        strand->todo = op->next;
        if (op->kind == IOCP_OP_END) {
            run_end(worker, strand, op);
            return;
        }
        n++;
        if (step(worker, op))
            complete(worker, op);
        strand->is_heavy = worker->moved_bytes - moved_before >= IOCP_HEAVY_BYTES;
    }
    if (strand->todo != NULL || refill(strand))
        iocp_requeue(worker, strand);
}
