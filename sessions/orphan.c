/*
 * Discarding what orphans write: see orphan.h. Everything but adopt runs on the host's strand.
 *
 * Each orphan has an allowance. When it has used it up it is not read until the refill, which is a
 * timer for all of them that runs only while somebody waits for it: a silent orphan wakes nobody.
 */
#include "sessions/orphan.h"

#include "sessions/host_struct.h"

#include <assert.h>

enum {
    REFILLS_PER_S = 10,
    REFILL_NS = 1000 * 1000 * 1000 / REFILLS_PER_S,
    ALLOWANCE_BYTES = SESS_ORPHAN_BYTES_PER_S / REFILLS_PER_S
};

static struct sess_orphan *of(struct iocp_op *op)
{
    return IOCP_OWNER(op, struct sess_orphan, io.read);
}

static void read_on(struct sess_orphan *orphan)
{
    struct sess_orphans *orphans = &orphan->host->orphans;
    if (orphan->allowance_bytes > 0)
        iocp_read_start(&orphan->io, orphan->allowance_bytes);
    else if (!iocp_pending(&orphans->refill.op))
        iocp_timer_start(&orphans->refill, iocp_now_ns(orphan->host->port) + REFILL_NS);
}

static void on_read(struct iocp_op *op)
{
    struct sess_orphan *orphan = of(op);
    struct sess_orphans *orphans = &orphan->host->orphans;
    if (op->result == 0) {
        uint32_t size = orphan->io.slice.size_bytes;
        assert(size <= orphan->allowance_bytes);
        orphan->allowance_bytes -= size;
        iocp_slice_unref(&orphan->io.slice);
        atomic_fetch_add_explicit(&orphans->discarded_bytes, size, memory_order_relaxed);
    }
    if (orphans->closing)
        return; /* it is being closed */
    if (op->result == 0)
        read_on(orphan);
    else
        iocp_close_start(&orphan->io); /* nobody has it open any more */
}

static void unlink_orphan(struct sess_orphan *orphan)
{
    if (orphan->prev != NULL)
        orphan->prev->next = orphan->next;
    else
        orphan->host->orphans.first = orphan->next;
    if (orphan->next != NULL)
        orphan->next->prev = orphan->prev;
}

/* Counts it off and gives back what it held. */
static void free_orphan(struct sess_orphan *orphan)
{
    struct sess_host *host = orphan->host;
    atomic_fetch_sub(&host->orphans.count, 1);
    sess_capacity_give(&host->capacity, SESS_RESOURCE_DESCRIPTORS, 1);
    sess_memory_free(host->memory, orphan);
    sess_host_unref(host);
}

static void on_close(struct iocp_op *op)
{
    struct sess_orphan *orphan = IOCP_OWNER(op, struct sess_orphan, io.close);
    unlink_orphan(orphan);
    free_orphan(orphan);
}

static const struct iocp_stream_events orphan_events = {
    .on_read = on_read,
    .on_close = on_close,
};

static void on_adopt(struct iocp_op *op)
{
    struct sess_orphan *orphan = IOCP_OWNER(op, struct sess_orphan, op);
    struct sess_host *host = orphan->host;
    int os_error;
    if (host->orphans.closing || iocp_stream_open(&orphan->io, &host->strand, orphan->handle,
                                                  orphan->kind, &orphan_events, &os_error) != 0) {
        iocp_handle_close(host->port, orphan->handle);
        free_orphan(orphan);
        return;
    }
    orphan->prev = NULL;
    orphan->next = host->orphans.first;
    if (orphan->next != NULL)
        orphan->next->prev = orphan;
    host->orphans.first = orphan;
    read_on(orphan);
}

static void on_refill(struct iocp_op *op)
{
    struct sess_orphans *orphans = IOCP_OWNER(op, struct sess_orphans, refill.op);
    for (struct sess_orphan *at = orphans->first; at != NULL && !orphans->closing; at = at->next) {
        bool waits = at->allowance_bytes == 0;
        at->allowance_bytes = ALLOWANCE_BYTES;
        if (waits)
            read_on(at);
    }
}

void sess_orphans_init(struct sess_orphans *orphans, struct iocp_strand *strand)
{
    *orphans = (struct sess_orphans){.first = NULL};
    iocp_timer_init(&orphans->refill, strand, on_refill);
}

void sess_orphan_adopt(struct sess_host *host, iocp_handle handle, enum iocp_stream_kind kind)
{
    struct sess_orphans *orphans = &host->orphans;
    struct sess_orphan *orphan = NULL;
    if (atomic_fetch_add(&orphans->count, 1) < SESS_ORPHANS_MAX)
        orphan = sess_memory_take(host->memory, sizeof(*orphan));
    if (orphan == NULL) {
        atomic_fetch_sub(&orphans->count, 1);
        atomic_fetch_add_explicit(&orphans->refused, 1, memory_order_relaxed);
        iocp_handle_close(host->port, handle);
        return;
    }
    *orphan = (struct sess_orphan){
        .host = host, .handle = handle, .kind = kind, .allowance_bytes = ALLOWANCE_BYTES};
    atomic_fetch_add(&host->capacity.used[SESS_RESOURCE_DESCRIPTORS], 1);
    sess_host_ref(host);
    iocp_op_init(&orphan->op, &host->strand, on_adopt);
    iocp_post(&orphan->op);
}

void sess_orphans_close(struct sess_orphans *orphans)
{
    orphans->closing = true;
    for (struct sess_orphan *at = orphans->first; at != NULL; at = at->next) {
        if (!iocp_pending(&at->io.close))
            iocp_close_start(&at->io);
    }
}
