/*
 * Timers: a pairing heap under a lock of its own, and one timer of the system for the earliest.
 *
 * The heap's links are in the timers, so starting one allocates nothing and costs O(1); taking the
 * earliest costs O(log n) amortised. The system's timer is set only when an earlier deadline than
 * the one it is set to comes in; a cancelled timer may leave it set for one vain wake-up. Start
 * and cancel on the timer's strand; firing on whatever worker saw the system's timer.
 */
#include "iocp/port.h"

#include <string.h>

void iocp_timers_init(struct iocp_port *port)
{
    memset(&port->timers, 0, sizeof(port->timers));
    iocp_lock_init(&port->timers.lock);
}

void iocp_timers_deinit(struct iocp_port *port)
{
    assert(port->timers.root == NULL);
    iocp_lock_deinit(&port->timers.lock);
}

/* Makes the later of two heaps the first child of the earlier. */
static struct iocp_timer *meld(struct iocp_timer *a, struct iocp_timer *b)
{
    if (a == NULL)
        return b;
    if (b == NULL)
        return a;
    if (b->deadline_ns < a->deadline_ns) {
        struct iocp_timer *swap = a;
        a = b;
        b = swap;
    }
    b->prev = a; /* of a first child: the parent */
    b->sibling = a->child;
    if (a->child != NULL)
        a->child->prev = b;
    a->child = b;
    a->sibling = NULL;
    a->prev = NULL;
    return a;
}

/* Melds a list of siblings: pairs from left to right, then all of them from right to left. */
static struct iocp_timer *meld_list(struct iocp_timer *first)
{
    struct iocp_timer *pairs = NULL;
    while (first != NULL) {
        struct iocp_timer *a = first, *b = a->sibling;
        first = b != NULL ? b->sibling : NULL;
        a->sibling = NULL;
        if (b != NULL)
            b->sibling = NULL;
        struct iocp_timer *both = meld(a, b);
        both->sibling = pairs;
        pairs = both;
    }
    struct iocp_timer *all = NULL;
    while (pairs != NULL) {
        struct iocp_timer *next = pairs->sibling;
        pairs->sibling = NULL;
        all = meld(all, pairs);
        pairs = next;
    }
    if (all != NULL)
        all->prev = NULL;
    return all;
}

/* A timer outside the heap points to itself. */
static bool is_queued(const struct iocp_timer *timer)
{
    return timer->prev != timer;
}

static void unlink_timer(struct iocp_timers *timers, struct iocp_timer *timer)
{
    if (timers->root == timer) {
        timers->root = meld_list(timer->child);
    } else {
        if (timer->prev->child == timer)
            timer->prev->child = timer->sibling;
        else
            timer->prev->sibling = timer->sibling;
        if (timer->sibling != NULL)
            timer->sibling->prev = timer->prev;
        timers->root = meld(timers->root, meld_list(timer->child));
    }
    timer->child = timer->sibling = NULL;
    timer->prev = timer;
}

void iocp_timer_init(struct iocp_timer *timer, struct iocp_strand *strand, iocp_callback *on_timer)
{
    iocp_op_prepare(&timer->op, strand, IOCP_OP_TIMER, on_timer);
    timer->deadline_ns = 0;
    timer->child = timer->sibling = NULL;
    timer->prev = timer;
}

/* Under the lock. */
static void set_for_next(struct iocp_port *port)
{
    struct iocp_timers *timers = &port->timers;
    if (timers->root == NULL)
        return;
    uint64_t next_ns = timers->root->deadline_ns;
    if (timers->armed_ns != 0 && timers->armed_ns <= next_ns)
        return;
    timers->armed_ns = next_ns > 0 ? next_ns : 1;
    iocp_count(port, IOCP_C_TIMER_SETTINGS, 1);
    iocp_backend_set_timer(port, timers->armed_ns);
}

void iocp_timer_start(struct iocp_timer *timer, uint64_t deadline_ns)
{
    struct iocp_port *port = timer->op.strand->port;
    iocp_op_begin(&timer->op);
    assert(!is_queued(timer));
    timer->deadline_ns = deadline_ns;
    timer->prev = NULL;
    iocp_lock_take(&port->timers.lock);
    port->timers.root = meld(port->timers.root, timer);
    set_for_next(port);
    iocp_lock_give(&port->timers.lock);
}

void iocp_timer_cancel(struct iocp_timer *timer)
{
    struct iocp_port *port = timer->op.strand->port;
    if (!iocp_pending(&timer->op))
        return;
    iocp_lock_take(&port->timers.lock);
    bool queued = is_queued(timer);
    if (queued)
        unlink_timer(&port->timers, timer);
    iocp_lock_give(&port->timers.lock);
    if (queued)
        iocp_op_finish(&timer->op, IOCP_E_CANCELLED, 0);
}

/* Completes the earliest timer if it is due, else sets the system's timer for it. It goes into its
 * strand's queue under the lock, since two workers may fire at once and the order must hold. */
static bool fire_first(struct iocp_port *port, uint64_t now_ns)
{
    struct iocp_timers *timers = &port->timers;
    iocp_lock_take(&timers->lock);
    struct iocp_timer *timer = timers->root;
    bool due = timer != NULL && timer->deadline_ns <= now_ns;
    if (due) {
        unlink_timer(timers, timer);
        iocp_strand_push(&timer->op);
    } else {
        set_for_next(port);
    }
    iocp_lock_give(&timers->lock);
    return due;
}

void iocp_timers_fire(struct iocp_port *port)
{
    iocp_lock_take(&port->timers.lock);
    port->timers.armed_ns = 0;
    iocp_lock_give(&port->timers.lock);
    uint64_t now_ns = iocp_now_ns(port);
    while (fire_first(port, now_ns))
        continue;
}
