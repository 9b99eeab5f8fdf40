/*
 * Helper threads: for calls that can wait for a disk, a path or a program's start.
 *
 * Pools with a fixed number of threads each and a bounded queue. A thread lives as long as the
 * port: a parent-death signal set by a child that it starts is bound to it. A call that hangs holds
 * one thread; it is reported once when it is late, by a timer that is set only while calls run.
 */
#include "iocp/port.h"

#include <string.h>

static struct iocp_help *take(struct iocp_helper *self)
{
    struct iocp_helpers *pool = self->pool;
    iocp_lock_take(&pool->lock);
    self->running = NULL;
    pool->idle++;
    while (pool->head == NULL && !pool->ending)
        iocp_cond_wait(&pool->wanted, &pool->lock);
    struct iocp_help *help = pool->head;
    if (help != NULL) {
        pool->head = help->next;
        if (pool->head == NULL)
            pool->tail = NULL;
        pool->waiting--;
        help->started_ns = iocp_now_ns(pool->port);
        self->running = help;
        self->reported = false;
    }
    pool->idle--;
    iocp_lock_give(&pool->lock);
    return help;
}

static void forget(struct iocp_helper *self)
{
    iocp_lock_take(&self->pool->lock);
    self->running = NULL;
    iocp_lock_give(&self->pool->lock);
}

static void watch(struct iocp_port *port)
{
    if (!atomic_load(&port->late.armed) && !atomic_exchange(&port->late.armed, true))
        iocp_post(&port->late.start);
}

static void helper_main(void *argument)
{
    struct iocp_helper *self = argument;
    struct iocp_port *port = self->pool->port;
    for (;;) {
        struct iocp_help *help = take(self);
        if (help == NULL)
            return;
        watch(port);
        help->work(help);
        forget(self); /* before the completion: the owner may free it at once */
        iocp_op_finish(&help->op, 0, 0);
    }
}

/* Queues the call; false if the queue is full. */
static bool enqueue(struct iocp_helpers *pool, struct iocp_help *help)
{
    iocp_lock_take(&pool->lock);
    bool full = pool->waiting >= pool->port->options.helper_queue + pool->idle;
    if (!full) {
        help->next = NULL;
        if (pool->tail != NULL)
            pool->tail->next = help;
        else
            pool->head = help;
        pool->tail = help;
        pool->waiting++;
    }
    iocp_lock_give(&pool->lock);
    if (!full)
        iocp_cond_signal(&pool->wanted); /* without the lock, which the woken thread takes first */
    return !full;
}

void iocp_help_start(struct iocp_help *help, struct iocp_strand *strand, enum iocp_pool pool,
                     void (*work)(struct iocp_help *help), iocp_callback *on_done)
{
    assert(pool < IOCP_POOLS && work != NULL);
    iocp_op_prepare(&help->op, strand, IOCP_OP_HELP, on_done);
    help->work = work;
    iocp_op_begin(&help->op);
    if (!enqueue(&strand->port->helpers[pool], help)) {
        iocp_count(strand->port, IOCP_C_HELPER_REFUSED, 1);
        iocp_op_finish(&help->op, IOCP_E_BUSY, 0);
    }
}

void iocp_helpers_stats(struct iocp_helpers *pool, struct iocp_stats *stats)
{
    size_t which = (size_t)(pool - pool->port->helpers);
    iocp_lock_take(&pool->lock);
    stats->helpers[which] = pool->count;
    stats->helper_calls[which] = pool->waiting;
    for (unsigned i = 0; i < pool->count; i++)
        stats->helpers_busy[which] += pool->helpers[i].running != NULL;
    iocp_lock_give(&pool->lock);
}

/* ---- Late calls ---- */

enum { REPORTS_MAX = IOCP_HELPERS_MAX };

struct late_call {
    const char *what;
    unsigned elapsed_ms;
};

/* Looks at one pool; adds late calls to calls, and says when the next one may become late. */
static unsigned find_late(struct iocp_helpers *pool, uint64_t now_ns, struct late_call *calls,
                          uint64_t *next_ns)
{
    uint64_t late_ns = (uint64_t)pool->port->options.helper_late_ms * 1000000;
    unsigned found = 0;
    iocp_lock_take(&pool->lock);
    for (unsigned i = 0; i < pool->count; i++) {
        struct iocp_helper *helper = &pool->helpers[i];
        if (helper->running == NULL || helper->reported)
            continue;
        uint64_t due_ns = helper->running->started_ns + late_ns;
        if (due_ns <= now_ns) {
            helper->reported = true;
            iocp_count(pool->port, IOCP_C_HELPER_LATE, 1);
            uint64_t elapsed_ns = now_ns - helper->running->started_ns;
            calls[found++] =
                (struct late_call){helper->running->what, (unsigned)(elapsed_ns / 1000000)};
        } else if (*next_ns == 0 || due_ns < *next_ns) {
            *next_ns = due_ns;
        }
    }
    iocp_lock_give(&pool->lock);
    return found;
}

static void report(struct iocp_port *port, const struct late_call *calls, unsigned count)
{
    if (port->options.on_helper_late == NULL)
        return;
    for (unsigned i = 0; i < count; i++)
        port->options.on_helper_late(port->options.context, calls[i].what, calls[i].elapsed_ms);
}

static void on_watch_ended(struct iocp_op *op)
{
    struct iocp_port *port = IOCP_OWNER(op, struct iocp_port, late.end);
    iocp_lock_take(&port->stop_lock);
    port->late.ended = true;
    iocp_cond_broadcast(&port->stop_cond);
    iocp_lock_give(&port->stop_lock);
}

/* Armed is taken back before the look, so a call that starts meanwhile arms the watch again. */
static void on_watch(struct iocp_op *op)
{
    struct iocp_late_watch *late = IOCP_OWNER(op, struct iocp_late_watch, timer.op);
    struct iocp_port *port = late->strand.port;
    if (late->ending) {
        iocp_strand_end(&late->strand, &late->end, on_watch_ended);
        return;
    }
    atomic_store(&late->armed, false);
    uint64_t now_ns = iocp_now_ns(port), next_ns = 0;
    for (unsigned i = 0; i < IOCP_POOLS; i++) {
        struct late_call calls[REPORTS_MAX];
        unsigned count = find_late(&port->helpers[i], now_ns, calls, &next_ns);
        report(port, calls, count);
    }
    if (next_ns != 0 && !atomic_exchange(&late->armed, true))
        iocp_timer_start(&late->timer, next_ns);
}

static void on_watch_start(struct iocp_op *op)
{
    struct iocp_late_watch *late = IOCP_OWNER(op, struct iocp_late_watch, start);
    struct iocp_port *port = late->strand.port;
    uint64_t late_ns = (uint64_t)port->options.helper_late_ms * 1000000;
    iocp_timer_start(&late->timer, iocp_now_ns(port) + late_ns);
}

static void on_watch_stop(struct iocp_op *op)
{
    struct iocp_late_watch *late = IOCP_OWNER(op, struct iocp_late_watch, stop);
    late->ending = true;
    if (iocp_pending(&late->timer.op))
        iocp_timer_cancel(&late->timer);
    else
        iocp_strand_end(&late->strand, &late->end, on_watch_ended);
}

/* ---- Open and close ---- */

static int open_pool(struct iocp_helpers *pool, unsigned count, int *out_os_error)
{
    pool->helpers = iocp_backend_alloc(pool->port, count * sizeof(*pool->helpers));
    if (pool->helpers == NULL)
        return IOCP_E_NOMEM;
    for (unsigned i = 0; i < count; i++) {
        pool->helpers[i].pool = pool;
        int os_error = iocp_thread_start(&pool->helpers[i].thread, helper_main, &pool->helpers[i]);
        if (os_error != 0) {
            *out_os_error = os_error;
            return iocp_error_from_os(os_error);
        }
        pool->count++;
    }
    return 0;
}

int iocp_helpers_open(struct iocp_port *port, int *out_os_error)
{
    struct iocp_late_watch *late = &port->late;
    iocp_strand_init(&late->strand, port);
    iocp_timer_init(&late->timer, &late->strand, on_watch);
    iocp_op_init(&late->start, &late->strand, on_watch_start);
    iocp_op_init(&late->stop, &late->strand, on_watch_stop);
    late->ending = late->ended = false;
    atomic_init(&late->armed, false);
    for (unsigned i = 0; i < IOCP_POOLS; i++) {
        memset(&port->helpers[i], 0, sizeof(port->helpers[i]));
        port->helpers[i].port = port;
        iocp_lock_init(&port->helpers[i].lock);
        iocp_cond_init(&port->helpers[i].wanted);
    }
    for (unsigned i = 0; i < IOCP_POOLS; i++) {
        int result = open_pool(&port->helpers[i], port->options.helpers[i], out_os_error);
        if (result != 0)
            return result;
    }
    return 0;
}

static void end_threads(struct iocp_helpers *pool)
{
    iocp_lock_take(&pool->lock);
    pool->ending = true;
    iocp_cond_broadcast(&pool->wanted);
    iocp_lock_give(&pool->lock);
    for (unsigned i = 0; i < pool->count; i++)
        iocp_thread_join(&pool->helpers[i].thread);
    assert(pool->head == NULL);
}

static void free_pool(struct iocp_helpers *pool)
{
    iocp_backend_release(pool->port, pool->helpers);
    iocp_cond_deinit(&pool->wanted);
    iocp_lock_deinit(&pool->lock);
}

/* The watch for late calls looks at the pools until it has ended, and is started by their threads.
 */
void iocp_helpers_close(struct iocp_port *port)
{
    for (unsigned i = 0; i < IOCP_POOLS; i++)
        end_threads(&port->helpers[i]);
    iocp_post(&port->late.stop);
    iocp_lock_take(&port->stop_lock);
    while (!port->late.ended)
        iocp_cond_wait(&port->stop_cond, &port->stop_lock);
    iocp_lock_give(&port->stop_lock);
    for (unsigned i = 0; i < IOCP_POOLS; i++)
        free_pool(&port->helpers[i]);
}
