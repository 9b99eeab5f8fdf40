/*
 * Opening and closing a port, and its counters. The order of opening is lists, backend, workers,
 * helpers; closing goes backwards. Runs on the thread that opens and closes.
 */
#include "iocp/port.h"

#include <string.h>

enum {
    DEFAULT_HELPERS = 2,
    DEFAULT_HELPER_QUEUE = 16384, /* starts of all sessions that a host can hold, at once */
    DEFAULT_HELPER_LATE_MS = 10000
};
#define DEFAULT_SLAB_LIMIT ((size_t)256 << 20)

static int fill_defaults(struct iocp_port_options *options)
{
    unsigned wanted = options->workers;
    if (options->workers == 0)
        options->workers = iocp_processors();
    if (wanted == 0 && options->workers > IOCP_WORKERS_MAX)
        options->workers = IOCP_WORKERS_MAX; /* a host with more processors */
    for (unsigned i = 0; i < IOCP_POOLS; i++) {
        if (options->helpers[i] == 0)
            options->helpers[i] = DEFAULT_HELPERS;
        if (options->helpers[i] > IOCP_HELPERS_MAX)
            return IOCP_E_INVALID;
    }
    if (options->helper_queue == 0)
        options->helper_queue = DEFAULT_HELPER_QUEUE;
    if (options->helper_late_ms == 0)
        options->helper_late_ms = DEFAULT_HELPER_LATE_MS;
    if (options->slab_limit_bytes == 0)
        options->slab_limit_bytes = DEFAULT_SLAB_LIMIT;
    if (options->workers > IOCP_WORKERS_MAX)
        return IOCP_E_INVALID;
    /* Each worker fills a slab of its own; at least two more must be left to be held. */
    size_t least_bytes = (size_t)(options->workers + 2) * IOCP_SLAB_BYTES;
    return options->slab_limit_bytes < least_bytes ? IOCP_E_INVALID : 0;
}

static void init_lists(struct iocp_port *port)
{
    iocp_lock_init(&port->ready_lock);
    iocp_lock_init(&port->stop_lock);
    iocp_cond_init(&port->stop_cond);
    iocp_timers_init(port);
    iocp_slabs_init(port, (unsigned)(port->options.slab_limit_bytes / IOCP_SLAB_BYTES));
}

static void deinit_lists(struct iocp_port *port)
{
    assert(port->ready.count == 0);
    iocp_slabs_deinit(port);
    iocp_timers_deinit(port);
    iocp_cond_deinit(&port->stop_cond);
    iocp_lock_deinit(&port->stop_lock);
    iocp_lock_deinit(&port->ready_lock);
}

static void close_workers(struct iocp_port *port)
{
    atomic_store(&port->ending, true);
    if (port->workers_started > 0)
        iocp_backend_wake(port);
    for (unsigned i = 0; i < port->workers_started; i++)
        iocp_thread_join(&port->workers[i].thread);
    iocp_backend_release(port, port->workers);
}

static int open_workers(struct iocp_port *port, int *out_os_error)
{
    unsigned count = port->options.workers;
    port->workers = iocp_backend_alloc(port, count * sizeof(*port->workers));
    if (port->workers == NULL)
        return IOCP_E_NOMEM;
    port->worker_count = count;
    for (unsigned i = 0; i < count; i++) {
        port->workers[i].port = port;
        port->workers[i].number = i;
    }
    for (unsigned i = 0; i < count; i++) {
        int os_error =
            iocp_thread_start(&port->workers[i].thread, iocp_worker_main, &port->workers[i]);
        if (os_error != 0) {
            *out_os_error = os_error;
            return iocp_error_from_os(os_error);
        }
        port->workers_started = i + 1;
    }
    return 0;
}

static int open_all(struct iocp_port *port, int *out_os_error)
{
    int result = iocp_backend_open(port, out_os_error);
    if (result != 0)
        return result;
    result = open_workers(port, out_os_error);
    if (result == 0)
        result = iocp_helpers_open(port, out_os_error);
    return result;
}

int iocp_port_open(const struct iocp_port_options *options, struct iocp_port **out_port,
                   int *out_os_error)
{
    struct iocp_port_options filled = options != NULL ? *options : (struct iocp_port_options){0};
    *out_os_error = 0;
    int result = fill_defaults(&filled);
    if (result != 0)
        return result;
    const struct iocp_sys *sys = filled.sys != NULL ? filled.sys : iocp_backend_sys();
    struct iocp_port seed = {.sys = sys};
    struct iocp_port *port = iocp_backend_alloc(&seed, sizeof(*port));
    if (port == NULL)
        return IOCP_E_NOMEM;
    port->options = filled;
    port->sys = sys;
    init_lists(port);
    result = open_all(port, out_os_error);
    if (result != 0) {
        iocp_port_close(port);
        return result;
    }
    *out_port = port;
    return 0;
}

void iocp_port_close(struct iocp_port *port)
{
    if (port == NULL)
        return;
    assert(iocp_worker_of(port) == NULL);
    if (port->helpers[0].port != NULL)
        iocp_helpers_close(port);
    if (port->workers != NULL)
        close_workers(port);
    if (port->backend != NULL)
        iocp_backend_close(port);
    deinit_lists(port);
    iocp_backend_release(port, port);
}

void iocp_port_stop(struct iocp_port *port)
{
    iocp_lock_take(&port->stop_lock);
    port->stopped = true;
    iocp_cond_broadcast(&port->stop_cond);
    iocp_lock_give(&port->stop_lock);
}

void iocp_port_wait(struct iocp_port *port)
{
    assert(iocp_worker_of(port) == NULL);
    iocp_lock_take(&port->stop_lock);
    while (!port->stopped)
        iocp_cond_wait(&port->stop_cond, &port->stop_lock);
    iocp_lock_give(&port->stop_lock);
}

static uint64_t sum(struct iocp_port *port, enum iocp_counter counter)
{
    uint64_t total = atomic_load_explicit(&port->counters[counter], memory_order_relaxed);
    for (unsigned i = 0; i < port->worker_count; i++)
        total += atomic_load_explicit(&port->workers[i].counters[counter], memory_order_relaxed);
    return total;
}

void iocp_port_stats(struct iocp_port *port, struct iocp_stats *out_stats)
{
    struct iocp_stats stats = {
        .callbacks = sum(port, IOCP_C_CALLBACKS),
        .kernel_waits = sum(port, IOCP_C_WAITS),
        .kernel_polls = sum(port, IOCP_C_POLLS),
        .kernel_events = sum(port, IOCP_C_EVENTS),
        .stale_events = sum(port, IOCP_C_STALE),
        .wakes = sum(port, IOCP_C_WAKES),
        .registrations = sum(port, IOCP_C_REGISTRATIONS),
        .reads = sum(port, IOCP_C_READS),
        .writes = sum(port, IOCP_C_WRITES),
        .reads_empty = sum(port, IOCP_C_READS_EMPTY),
        .writes_full = sum(port, IOCP_C_WRITES_FULL),
        .bytes_read = sum(port, IOCP_C_BYTES_READ),
        .bytes_written = sum(port, IOCP_C_BYTES_WRITTEN),
        .reads_pending = sum(port, IOCP_C_READS_PENDING),
        .slab_waits = sum(port, IOCP_C_SLAB_WAITS),
        .slabs_leased = atomic_load(&port->slabs.leased) + atomic_load(&port->slabs.alone),
        .timer_settings = sum(port, IOCP_C_TIMER_SETTINGS),
        .wait_threads = iocp_backend_wait_threads(port),
        .slab_limit = port->slabs.limit,
        .workers = port->worker_count,
        .helper_queue = port->options.helper_queue,
        .helper_calls_late = sum(port, IOCP_C_HELPER_LATE),
        .helper_calls_refused = sum(port, IOCP_C_HELPER_REFUSED),
    };
    for (unsigned i = 0; i < IOCP_POOLS; i++)
        iocp_helpers_stats(&port->helpers[i], &stats);
    iocp_lock_take(&port->slabs.lock);
    stats.slabs_free = port->slabs.free_count;
    iocp_lock_give(&port->slabs.lock);
    *out_stats = stats;
}
