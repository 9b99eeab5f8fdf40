/*
 * Opening, counting and closing a host: see host.h.
 *
 * References: one is the host's own, one belongs to each session and each orphan. Closing gives the
 * own one up; whoever gives up the last one posts the end to the host's strand, behind everything
 * that was posted there before.
 */
#include "sessions/host_struct.h"

#include <assert.h>
#include <string.h>

/* ---- Options ---- */

static void default_size(size_t *size_bytes, size_t value)
{
    if (*size_bytes == 0)
        *size_bytes = value;
}

static void fill_defaults(struct sess_host_options *options)
{
    enum { MIB = 1024 * 1024 };
    default_size(&options->window_bytes, MIB);
    default_size(&options->retain_bytes, MIB);
    default_size(&options->stdin_queue_bytes, MIB);
    default_size(&options->stdin_write_max_bytes, 64 * MIB);
    default_size(&options->spec_max_bytes, 2 * MIB);
    if (options->no_retention)
        options->retain_bytes = 0;
    if (options->retain_total_bytes == 0)
        options->retain_total_bytes = 256 * (uint64_t)MIB;
    if (options->drain_quiet_ms == 0)
        options->drain_quiet_ms = 200;
    if (options->drain_max_ms == 0)
        options->drain_max_ms = 2000;
    if (options->limit_grace_ms == 0)
        options->limit_grace_ms = 5000;
    if (options->walk_patience_ms == 0)
        options->walk_patience_ms = 2000;
    if (options->memory == NULL)
        options->memory = &sess_memory_libc;
}

/* ---- Life ---- */

static void on_ended(struct iocp_op *op)
{
    struct sess_host *host = IOCP_OWNER(op, struct sess_host, end);
    const struct sess_memory *memory = host->memory;
    void (*on_closed)(void *context) = host->on_closed;
    void *context = host->closed_context;
    assert(atomic_load(&host->objects) == 0 && atomic_load(&host->budget.held_bytes) == 0);
    sess_platform_close(host->platform, memory);
    sess_memory_free(memory, host);
    on_closed(context);
}

/* Nobody has a reference. A timer of the host may still be set. */
static void on_end(struct iocp_op *op)
{
    struct sess_host *host = IOCP_OWNER(op, struct sess_host, end);
    if (iocp_pending(&host->orphans.refill.op)) {
        iocp_timer_cancel(&host->orphans.refill);
        iocp_post(&host->end); /* comes back behind the timer */
        return;
    }
    assert(host->trees.walked == NULL && host->trees.first == NULL);
    assert(host->reclaimer.first == NULL && host->orphans.first == NULL);
    iocp_strand_end(&host->strand, &host->end, on_ended);
}

static void on_close(struct iocp_op *op)
{
    struct sess_host *host = IOCP_OWNER(op, struct sess_host, close);
    sess_orphans_close(&host->orphans);
    sess_host_unref(host);
}

void sess_host_ref(struct sess_host *host)
{
    uint32_t before = atomic_fetch_add_explicit(&host->refs, 1, memory_order_relaxed);
    assert(before > 0);
    (void)before;
}

void sess_host_unref(struct sess_host *host)
{
    uint32_t before = atomic_fetch_sub_explicit(&host->refs, 1, memory_order_acq_rel);
    assert(before > 0);
    if (before == 1)
        iocp_post(&host->end);
}

int sess_host_open(struct iocp_port *port, const struct sess_host_options *options,
                   struct sess_host **out_host, int *out_os_error)
{
    struct sess_host_options resolved = {0};
    if (options != NULL)
        resolved = *options;
    fill_defaults(&resolved);
    struct sess_host *host = sess_memory_take(resolved.memory, sizeof(*host));
    if (host == NULL)
        return SESS_E_NO_CAPACITY;
    memset(host, 0, sizeof(*host));
    host->tally.port = host->port = port;
    host->memory = resolved.memory;
    host->options = resolved;
    int result =
        sess_platform_open(&resolved, host->memory, &host->platform, &host->capacity, out_os_error);
    if (result != 0) {
        sess_memory_free(host->memory, host);
        return result;
    }
    host->capacity.limits[SESS_RESOURCE_SESSIONS] =
        resolved.max_sessions != 0 ? resolved.max_sessions : UINT64_MAX;
    host->budget.limit_bytes = resolved.retain_total_bytes;
    atomic_init(&host->refs, 1);
    iocp_strand_init(&host->strand, port);
    iocp_op_init(&host->close, &host->strand, on_close);
    iocp_op_init(&host->end, &host->strand, on_end);
    sess_reclaimer_init(&host->reclaimer, &host->strand, &host->budget);
    sess_trees_init(&host->trees, &host->strand, host->platform, host->memory);
    sess_orphans_init(&host->orphans, &host->strand);
    *out_host = host;
    return 0;
}

void sess_host_close_start(struct sess_host *host, void (*on_closed)(void *context), void *context)
{
    host->on_closed = on_closed;
    host->closed_context = context;
    bool before = atomic_exchange(&host->closing, true);
    assert(!before);
    (void)before;
    iocp_post(&host->close);
}

struct iocp_port *sess_host_port(const struct sess_host *host)
{
    return host->port;
}

/* ---- Counting ---- */

void sess_host_note_descriptors(struct sess_host *host, int n)
{
    atomic_fetch_add(&host->capacity.used[SESS_RESOURCE_DESCRIPTORS], n);
}

uint64_t sess_host_room(struct sess_host *host, bool tty, const char **out_resource)
{
    const uint64_t needs[SESS_RESOURCES] = {
        [SESS_RESOURCE_SESSIONS] = 1,
        [SESS_RESOURCE_DESCRIPTORS] = tty ? 2 : 4,
        [SESS_RESOURCE_TTYS] = tty ? 1 : 0,
        [SESS_RESOURCE_PROCESSES] = 1,
    };
    uint64_t room = UINT64_MAX;
    *out_resource = NULL;
    for (int i = 0; i < SESS_RESOURCES; i++) {
        if (needs[i] == 0)
            continue;
        uint64_t left = sess_capacity_left(&host->capacity, (enum sess_resource)i);
        if (left == UINT64_MAX || left / needs[i] >= room)
            continue;
        room = left / needs[i];
        *out_resource = sess_resource_text((enum sess_resource)i);
    }
    return room;
}

static uint64_t used(const struct sess_host *host, enum sess_resource resource)
{
    int64_t amount = atomic_load(&host->capacity.used[resource]);
    return amount > 0 ? (uint64_t)amount : 0;
}

void sess_host_stats(struct sess_host *host, struct sess_host_stats *out_stats)
{
    *out_stats = (struct sess_host_stats){
        .sessions = used(host, SESS_RESOURCE_SESSIONS),
        .objects = atomic_load(&host->objects),
        .started = atomic_load(&host->started),
        .failed = atomic_load(&host->failed),
        .retained_bytes = atomic_load(&host->budget.held_bytes),
        .reclaims = atomic_load(&host->reclaimer.given),
        .orphans = atomic_load(&host->orphans.count),
        .orphans_refused = atomic_load(&host->orphans.refused),
        .orphan_bytes = atomic_load(&host->orphans.discarded_bytes),
        .descriptors = used(host, SESS_RESOURCE_DESCRIPTORS),
        .descriptor_limit = host->capacity.limits[SESS_RESOURCE_DESCRIPTORS],
        .cgroups = sess_platform_cgroups(host->platform),
    };
}
