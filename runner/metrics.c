/*
 * Counting and gathering: see metrics.h. Any thread.
 */
#include "runner/metrics.h"

#include "runner/log.h"

#include <assert.h>
#include <string.h>

void run_metrics_init(struct run_metrics *metrics, struct iocp_port *port)
{
    metrics->port = port;
    metrics->started_wall_ms = iocp_wall_ms(port);
    run_metrics_self_read(metrics);
}

/* ---- Counting ---- */

static enum run_start_result start_result(int error)
{
    switch (error) {
    case 0:
        return RUN_START_OK;
    case SESS_E_EXEC:
        return RUN_START_EXEC;
    case SESS_E_CWD:
        return RUN_START_CWD;
    case SESS_E_START:
        return RUN_START_FAILED;
    case SESS_E_CANCELLED:
        return RUN_START_CANCELLED;
    case SESS_E_NO_CAPACITY:
        return RUN_START_NO_CAPACITY;
    case SESS_E_EXISTS:
        return RUN_START_EXISTS;
    case SESS_E_INVALID:
    case SESS_E_TOO_LARGE:
        return RUN_START_INVALID;
    case SESS_E_REFUSED:
        return RUN_START_SANDBOX;
    default:
        return RUN_START_OTHER;
    }
}

void run_metrics_start(struct run_metrics *metrics, int error)
{
    run_metrics_add(metrics, RUN_COUNT_STARTS + start_result(error), 1);
}

void run_metrics_shortage(struct run_metrics *metrics, const struct sess_shortage *shortage)
{
    static const char *const words[RUN_RESOURCES] = {
        [RUN_RESOURCE_SESSIONS] = "sessions",
        [RUN_RESOURCE_CLIENT_SESSIONS] = "sessions of this connection",
        [RUN_RESOURCE_DESCRIPTORS] = "descriptors",
        [RUN_RESOURCE_TTYS] = "pseudoterminals",
        [RUN_RESOURCE_PROCESSES] = "processes",
        [RUN_RESOURCE_MEMORY] = "memory",
        [RUN_RESOURCE_STARTS] = "starts",
        [RUN_RESOURCE_TENURES] = "tenures",
    };
    const char *asked = shortage->resource != NULL ? shortage->resource : "memory";
    unsigned resource = 0;
    while (resource < RUN_RESOURCE_OTHER && strcmp(words[resource], asked) != 0)
        resource++;
    run_metrics_add(metrics, RUN_COUNT_NO_CAPACITY + resource, 1);
}

/* ---- The process ---- */

bool run_metrics_self_begin(struct run_metrics *metrics)
{
    return !atomic_exchange(&metrics->self_busy, true);
}

void run_metrics_self_read(struct run_metrics *metrics)
{
    uint64_t numbers[RUN_SELF_NUMBERS];
    run_self_read(numbers);
    numbers[RUN_SELF_READ_WALL_MS] = iocp_wall_ms(metrics->port);
    for (unsigned i = 0; i < RUN_SELF_NUMBERS; i++)
        atomic_store_explicit(&metrics->self[i], numbers[i], memory_order_relaxed);
}

void run_metrics_self_done(struct run_metrics *metrics)
{
    assert(atomic_load(&metrics->self_busy));
    atomic_store(&metrics->self_busy, false);
}

/* ---- Gathering ---- */

static uint64_t read_one(const _Atomic uint64_t *number)
{
    return atomic_load_explicit(number, memory_order_relaxed);
}

static void add_times(struct run_times_view *view, const struct run_times *times)
{
    for (unsigned i = 0; i <= RUN_BUCKETS; i++)
        view->buckets[i] += read_one(&times->buckets[i]);
    view->sum_ns += read_one(&times->sum_ns);
}

static void add_part(struct run_metrics_view *view, const struct run_metrics_part *part)
{
    for (unsigned i = 0; i < RUN_COUNTS; i++)
        view->counts[i] += read_one(&part->counts[i]);
    for (unsigned i = 0; i < RUN_HISTOGRAMS; i++)
        add_times(&view->times[i], &part->times[i]);
}

static void settle_gauges(uint64_t *counts, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++)
        counts[i] = iocp_tally_gauge(counts[i]);
}

void run_metrics_view(struct run_metrics *metrics, struct sess_host *host, struct run_log *log,
                      struct run_metrics_view *out_view)
{
    *out_view = (struct run_metrics_view){
        .one = 1,
        .started_wall_ms = metrics->started_wall_ms,
        .log_dropped = log != NULL ? run_log_dropped(log) : 0,
    };
    for (unsigned i = 0; i < IOCP_TALLY_PARTS; i++)
        add_part(out_view, &metrics->parts[i]);
    settle_gauges(out_view->counts, RUN_COUNT_CONNS, RUN_COUNT_OPENED);
    settle_gauges(out_view->counts, RUN_COUNT_QUEUED_BYTES, RUN_COUNT_DELIVERED);
    for (unsigned i = 0; i < RUN_SELF_NUMBERS; i++)
        out_view->self[i] = read_one(&metrics->self[i]);
    sess_host_totals(host, &out_view->sessions);
    sess_host_stats(host, &out_view->host);
    iocp_port_stats(metrics->port, &out_view->engine);
}
