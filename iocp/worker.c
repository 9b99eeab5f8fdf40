/*
 * Workers: the fixed pool of threads that run strands and look at the kernel.
 *
 * A worker runs its own ready list first, looks at the kernel at least every IOCP_POLL_EVERY
 * callbacks and every IOCP_POLL_BYTES, and blocks there when there is nothing else. A strand that
 * becomes ready on a worker stays with it, so a chain of callbacks costs no system call and no
 * other processor's cache. When more than one is ready and another worker sleeps, all but the one
 * that runs next go to the shared list and one sleeper is woken; it wakes the next itself if it
 * finds more than its part.
 *
 * Nothing is lost between "is there work?" and "sleep": a sleeper counts itself first and then
 * looks at the shared list; a giver puts the strand there first and then looks at the count.
 */
#include "iocp/port.h"

/* Which worker a thread is: the one thread-local of the engine. Without it a post from a callback
 * would have to go through the shared list and its lock. */
static _Thread_local struct iocp_worker *current_worker;

struct iocp_worker *iocp_worker_current(void)
{
    return current_worker;
}

struct iocp_worker *iocp_worker_of(const struct iocp_port *port)
{
    return current_worker != NULL && current_worker->port == port ? current_worker : NULL;
}

unsigned iocp_worker_number(const struct iocp_port *port)
{
    const struct iocp_worker *worker = current_worker;
    if (worker == NULL || worker->port != port)
        return IOCP_WORKERS_MAX;
    return worker->number;
}

void iocp_count(struct iocp_port *port, enum iocp_counter counter, uint64_t n)
{
    struct iocp_worker *worker = iocp_worker_of(port);
    if (worker == NULL) {
        atomic_fetch_add_explicit(&port->counters[counter], n, memory_order_relaxed);
        return;
    }
    /* Only this worker writes here: no locked instruction needed. */
    uint64_t value = atomic_load_explicit(&worker->counters[counter], memory_order_relaxed);
    atomic_store_explicit(&worker->counters[counter], value + n, memory_order_relaxed);
}

static void ready_push(struct iocp_ready *ready, struct iocp_strand *strand)
{
    struct iocp_line *line = strand->is_heavy ? &ready->heavy : &ready->light;
    strand->next_ready = NULL;
    if (line->tail != NULL)
        line->tail->next_ready = strand;
    else
        line->head = strand;
    line->tail = strand;
    ready->count++;
}

/* Whose turn it is: light strands go first, but not for ever. */
static struct iocp_line *next_line(struct iocp_ready *ready)
{
    if (ready->heavy.head == NULL)
        return &ready->light;
    if (ready->light.head != NULL && ready->light_turns < IOCP_LIGHT_TURNS) {
        ready->light_turns++;
        return &ready->light;
    }
    ready->light_turns = 0;
    return &ready->heavy;
}

static struct iocp_strand *ready_pop(struct iocp_ready *ready)
{
    struct iocp_line *line = next_line(ready);
    struct iocp_strand *strand = line->head;
    if (strand == NULL)
        return NULL;
    line->head = strand->next_ready;
    if (line->head == NULL)
        line->tail = NULL;
    ready->count--;
    return strand;
}

/* Wakes one sleeper unless one is on its way already. */
static void wake_one(struct iocp_port *port)
{
    if (atomic_load(&port->sleepers) == 0)
        return;
    if (atomic_exchange(&port->waking, true))
        return;
    iocp_count(port, IOCP_C_WAKES, 1);
    iocp_backend_wake(port);
}

static void share(struct iocp_port *port, struct iocp_ready *from, unsigned count)
{
    iocp_lock_take(&port->ready_lock);
    for (unsigned i = 0; i < count; i++)
        ready_push(&port->ready, ready_pop(from));
    atomic_store(&port->ready_count, port->ready.count);
    iocp_lock_give(&port->ready_lock);
    wake_one(port);
}

void iocp_schedule(struct iocp_strand *strand)
{
    struct iocp_worker *worker = iocp_worker_of(strand->port);
    if (worker != NULL) {
        ready_push(&worker->ready, strand);
        return;
    }
    struct iocp_ready one = {0};
    ready_push(&one, strand);
    share(strand->port, &one, 1);
}

void iocp_requeue(struct iocp_worker *worker, struct iocp_strand *strand)
{
    ready_push(&worker->ready, strand);
}

/* What would wait behind the strand that runs next goes where a sleeper finds it; this worker takes
 * its part back when it comes by first. */
static void share_surplus(struct iocp_worker *worker)
{
    struct iocp_port *port = worker->port;
    if (worker->ready.count == 0 || atomic_load(&port->sleepers) == 0)
        return;
    share(port, &worker->ready, worker->ready.count);
}

/* Takes this worker's part of the shared list, at least one. */
static void take_shared(struct iocp_worker *worker)
{
    struct iocp_port *port = worker->port;
    if (atomic_load(&port->ready_count) == 0)
        return;
    iocp_lock_take(&port->ready_lock);
    unsigned part = (port->ready.count + port->worker_count - 1) / port->worker_count;
    for (unsigned i = 0; i < part; i++)
        ready_push(&worker->ready, ready_pop(&port->ready));
    unsigned left = port->ready.count;
    atomic_store(&port->ready_count, left);
    iocp_lock_give(&port->ready_lock);
    if (left > 0)
        wake_one(port);
}

static void look(struct iocp_worker *worker, bool block)
{
    worker->since_poll = 0;
    worker->polled_bytes = worker->moved_bytes;
    iocp_backend_look(worker, block);
}

static void look_if_due(struct iocp_worker *worker)
{
    if (worker->since_poll < IOCP_POLL_EVERY &&
        worker->moved_bytes - worker->polled_bytes < IOCP_POLL_BYTES)
        return;
    look(worker, false);
    take_shared(worker);
}

static void sleep_in_kernel(struct iocp_worker *worker)
{
    struct iocp_port *port = worker->port;
    atomic_fetch_add(&port->sleepers, 1);
    if (atomic_load(&port->ready_count) == 0 && !atomic_load(&port->ending)) {
        look(worker, true);
        /* The wake may have come together with events: what it was for is not to wait for them. */
        take_shared(worker);
    }
    atomic_fetch_sub(&port->sleepers, 1);
}

void iocp_worker_main(void *argument)
{
    struct iocp_worker *worker = argument;
    struct iocp_port *port = worker->port;
    current_worker = worker;
    while (!atomic_load_explicit(&port->ending, memory_order_relaxed) || worker->ready.count > 0) {
        struct iocp_strand *strand = ready_pop(&worker->ready);
        if (strand == NULL) {
            take_shared(worker);
            if (worker->ready.count == 0)
                sleep_in_kernel(worker);
            continue;
        }
        share_surplus(worker);
        iocp_strand_run(worker, strand);
        look_if_due(worker);
    }
    atomic_store(&port->waking, false);
    iocp_backend_wake(port); /* the next one */
    iocp_slabs_leave(worker);
    current_worker = NULL;
}
