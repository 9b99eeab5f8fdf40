/*
 * Leased buffers: reference counted slabs.
 *
 * A worker fills one slab at a time, so many small reads and frames share one, and an idle session
 * holds none. A slab goes back when its last slice does: to the free list of the worker where that
 * happens, else to the pool, and beyond IOCP_FREE_SLABS_MAX to the system. Reads wait when more
 * than the limit is held; leases of the caller's own do not, since what they carry came in by a
 * read or a request that was bounded before.
 *
 * Any thread gives references back; iocp_slab_room and iocp_slab_commit are for workers.
 */
#include "iocp/port.h"

#include <string.h>

struct iocp_slab {
    _Atomic uint32_t refs;
    uint32_t size_bytes; /* of data */
    bool alone;          /* a lease of its own, not out of the pool */
    struct iocp_port *port;
    struct iocp_slab *next; /* in a free list */
    uint8_t *data;
};

/* The header lies behind the data, so the data is page aligned and reads touch no extra page. */
enum { SLAB_MAP_BYTES = IOCP_SLAB_BYTES + 4096 };
_Static_assert(sizeof(struct iocp_slab) <= SLAB_MAP_BYTES - IOCP_SLAB_BYTES, "the header fits");

void iocp_slabs_init(struct iocp_port *port, unsigned limit)
{
    struct iocp_slab_pool *pool = &port->slabs;
    memset(pool, 0, sizeof(*pool));
    iocp_lock_init(&pool->lock);
    pool->limit = limit;
}

static void unmap(struct iocp_slab *slab)
{
    iocp_backend_unmap(slab->port, slab->data, SLAB_MAP_BYTES);
}

void iocp_slabs_deinit(struct iocp_port *port)
{
    struct iocp_slab_pool *pool = &port->slabs;
    assert(pool->starved_head == NULL);
    while (pool->free != NULL) {
        struct iocp_slab *slab = pool->free;
        pool->free = slab->next;
        unmap(slab);
    }
    assert(atomic_load(&pool->leased) == 0 && atomic_load(&pool->alone) == 0);
    iocp_lock_deinit(&pool->lock);
}

static struct iocp_slab *map(struct iocp_port *port)
{
    uint8_t *memory = iocp_backend_map(port, SLAB_MAP_BYTES);
    if (memory == NULL)
        return NULL;
    struct iocp_slab *slab = (struct iocp_slab *)(void *)(memory + IOCP_SLAB_BYTES);
    slab->size_bytes = IOCP_SLAB_BYTES;
    slab->alone = false;
    slab->port = port;
    slab->data = memory;
    return slab;
}

static struct iocp_slab *pool_pop(struct iocp_slab_pool *pool)
{
    iocp_lock_take(&pool->lock);
    struct iocp_slab *slab = pool->free;
    if (slab != NULL) {
        pool->free = slab->next;
        pool->free_count--;
    }
    iocp_lock_give(&pool->lock);
    return slab;
}

/* A slab with one reference, which counts as leased. NULL: out of memory. */
static struct iocp_slab *obtain(struct iocp_port *port, struct iocp_worker *worker)
{
    struct iocp_slab *slab = NULL;
    if (worker != NULL && worker->spare_count > 0)
        slab = worker->spare[--worker->spare_count];
    if (slab == NULL)
        slab = pool_pop(&port->slabs);
    if (slab == NULL)
        slab = map(port);
    if (slab == NULL)
        return NULL;
    slab->next = NULL;
    atomic_store_explicit(&slab->refs, 1, memory_order_relaxed);
    atomic_fetch_add(&port->slabs.leased, 1);
    return slab;
}

static void put_free(struct iocp_port *port, struct iocp_slab *slab)
{
    struct iocp_slab_pool *pool = &port->slabs;
    struct iocp_worker *worker = iocp_worker_of(port);
    if (worker != NULL && worker->spare_count < IOCP_SPARE_SLABS) {
        worker->spare[worker->spare_count++] = slab;
        return;
    }
    iocp_lock_take(&pool->lock);
    bool keep = pool->free_count < IOCP_FREE_SLABS_MAX;
    if (keep) {
        slab->next = pool->free;
        pool->free = slab;
        pool->free_count++;
    }
    iocp_lock_give(&pool->lock);
    if (!keep)
        unmap(slab);
}

/* ---- Reads that wait for a slab ---- */

static void starve(struct iocp_slab_pool *pool, struct iocp_op *op)
{
    op->flags |= IOCP_F_STARVED;
    op->next = NULL;
    if (pool->starved_tail != NULL)
        pool->starved_tail->next = op;
    else
        pool->starved_head = op;
    pool->starved_tail = op;
    atomic_fetch_add(&pool->starved_count, 1);
}

static struct iocp_op *unstarve_first(struct iocp_slab_pool *pool)
{
    struct iocp_op *op = pool->starved_head;
    if (op == NULL)
        return NULL;
    pool->starved_head = op->next;
    if (pool->starved_head == NULL)
        pool->starved_tail = NULL;
    op->flags = (uint8_t)((op->flags & ~IOCP_F_STARVED) | IOCP_F_FED);
    atomic_fetch_sub(&pool->starved_count, 1);
    return op;
}

bool iocp_slab_unstarve(struct iocp_port *port, struct iocp_op *op)
{
    struct iocp_slab_pool *pool = &port->slabs;
    bool found = false;
    iocp_lock_take(&pool->lock);
    struct iocp_op *before = NULL;
    for (struct iocp_op *at = pool->starved_head; at != NULL && !found; at = at->next) {
        if (at == op) {
            found = true;
            if (before != NULL)
                before->next = op->next;
            else
                pool->starved_head = op->next;
            if (pool->starved_tail == op)
                pool->starved_tail = before;
        }
        before = at;
    }
    if (found) {
        op->flags &= (uint8_t)~IOCP_F_STARVED;
        atomic_fetch_sub(&pool->starved_count, 1);
    }
    iocp_lock_give(&pool->lock);
    return found;
}

/* The read that waits longest may try again. It feeds the next one itself when it has got room, so
 * nobody waits while a worker's slab has some left, and nobody tries in vain but the last. */
void iocp_slab_feed(struct iocp_port *port)
{
    struct iocp_slab_pool *pool = &port->slabs;
    if (atomic_load(&pool->starved_count) == 0)
        return;
    iocp_lock_take(&pool->lock);
    struct iocp_op *op = unstarve_first(pool);
    iocp_lock_give(&pool->lock);
    if (op != NULL)
        iocp_strand_push(op);
}

/* ---- References ---- */

static void slab_unref(struct iocp_slab *slab)
{
    uint32_t before = atomic_fetch_sub_explicit(&slab->refs, 1, memory_order_acq_rel);
    assert(before > 0);
    if (before > 1)
        return;
    struct iocp_port *port = slab->port;
    if (slab->alone) {
        atomic_fetch_sub(&port->slabs.alone, 1);
        iocp_backend_release(port, slab);
        return;
    }
    put_free(port, slab);
    atomic_fetch_sub(&port->slabs.leased, 1);
    iocp_slab_feed(port);
}

struct iocp_slice iocp_slice_ref(const struct iocp_slice *slice)
{
    if (slice->slab != NULL)
        atomic_fetch_add_explicit(&slice->slab->refs, 1, memory_order_relaxed);
    return *slice;
}

void iocp_slice_unref(struct iocp_slice *slice)
{
    struct iocp_slab *slab = slice->slab;
    *slice = (struct iocp_slice){0};
    if (slab != NULL)
        slab_unref(slab);
}

struct iocp_slice iocp_slice_part(const struct iocp_slice *slice, uint32_t offset_bytes,
                                  uint32_t size_bytes)
{
    assert(offset_bytes <= slice->size_bytes && size_bytes <= slice->size_bytes - offset_bytes);
    struct iocp_slice part = iocp_slice_ref(slice);
    part.data += offset_bytes;
    part.size_bytes = size_bytes;
    return part;
}

size_t iocp_slice_pins(const struct iocp_slice *slice)
{
    return slice->slab != NULL ? slice->slab->size_bytes : 0;
}

/* ---- Leasing ---- */

static void drop_current(struct iocp_worker *worker)
{
    struct iocp_slab *slab = worker->slab;
    worker->slab = NULL;
    worker->slab_used_bytes = 0;
    if (slab != NULL)
        slab_unref(slab);
}

void iocp_slabs_leave(struct iocp_worker *worker)
{
    drop_current(worker);
    while (worker->spare_count > 0)
        unmap(worker->spare[--worker->spare_count]);
}

/* If the worker alone holds its slab, it can be filled from the start again. */
static void rewind_current(struct iocp_worker *worker)
{
    if (worker->slab != NULL && worker->slab_used_bytes > 0 &&
        atomic_load_explicit(&worker->slab->refs, memory_order_acquire) == 1)
        worker->slab_used_bytes = 0;
}

static uint32_t room(const struct iocp_worker *worker)
{
    return worker->slab != NULL ? IOCP_SLAB_BYTES - worker->slab_used_bytes : 0;
}

static bool renew_current(struct iocp_worker *worker)
{
    drop_current(worker);
    worker->slab = obtain(worker->port, worker);
    return worker->slab != NULL;
}

/* Queues the read if the limit is still reached, under the lock that feeding takes. */
static bool starve_unless_room(struct iocp_port *port, struct iocp_op *op)
{
    struct iocp_slab_pool *pool = &port->slabs;
    iocp_lock_take(&pool->lock);
    atomic_fetch_add(&pool->starved_count, 1); /* seen by whoever gives a slab back from here on */
    bool full = atomic_load(&pool->leased) >= pool->limit;
    if (full)
        starve(pool, op);
    atomic_fetch_sub(&pool->starved_count, 1);
    iocp_lock_give(&pool->lock);
    return full;
}

/* Whether the read goes on at the limit. */
static bool is_pressing(struct iocp_op *op)
{
    return IOCP_OWNER(op, struct iocp_stream, read)->is_pressing;
}

/* A new slab for a read, within the limit. Errors as iocp_slab_room. */
static int renew_for_read(struct iocp_worker *worker, struct iocp_op *op)
{
    struct iocp_port *port = worker->port;
    drop_current(worker);
    if (!is_pressing(op) && atomic_load(&port->slabs.leased) >= port->slabs.limit &&
        starve_unless_room(port, op)) {
        iocp_count(port, IOCP_C_SLAB_WAITS, 1);
        return IOCP_E_BUSY;
    }
    return renew_current(worker) ? 0 : IOCP_E_NOMEM;
}

void iocp_slab_pass_on(struct iocp_op *op)
{
    bool fed = (op->flags & IOCP_F_FED) != 0;
    op->flags &= (uint8_t)~IOCP_F_FED;
    if (fed)
        iocp_slab_feed(op->strand->port);
}

int iocp_slab_room(struct iocp_worker *worker, struct iocp_op *op, uint32_t want_bytes,
                   uint8_t **out_data, uint32_t *out_bytes)
{
    struct iocp_slab_pool *pool = &worker->port->slabs;
    assert(want_bytes <= IOCP_SLAB_BYTES);
    rewind_current(worker);
    unsigned leased = atomic_load(&pool->leased);
    bool scarce = leased >= pool->limit;
    /* What pressing reads had beyond the limit is not for the others. */
    bool is_over = leased > pool->limit && !is_pressing(op);
    uint32_t least = scarce && want_bytes > IOCP_READ_MIN ? IOCP_READ_MIN : want_bytes;
    if (room(worker) < least || is_over) {
        int result = renew_for_read(worker, op);
        if (result != 0) {
            if (result == IOCP_E_NOMEM)
                iocp_slab_pass_on(op);
            return result;
        }
    }
    iocp_slab_pass_on(op);
    *out_data = worker->slab->data + worker->slab_used_bytes;
    *out_bytes = room(worker);
    return 0;
}

struct iocp_slice iocp_slab_commit(struct iocp_worker *worker, uint32_t size_bytes)
{
    assert(size_bytes <= room(worker));
    struct iocp_slice slice = {worker->slab, worker->slab->data + worker->slab_used_bytes,
                               size_bytes};
    atomic_fetch_add_explicit(&worker->slab->refs, 1, memory_order_relaxed);
    /* Keeps the next lease aligned for the encoders. */
    uint32_t used = worker->slab_used_bytes + ((size_bytes + 15) & ~UINT32_C(15));
    worker->slab_used_bytes = used < IOCP_SLAB_BYTES ? used : IOCP_SLAB_BYTES;
    return slice;
}

static int lease_alone(struct iocp_port *port, uint32_t size_bytes, struct iocp_slice *out_slice)
{
    struct iocp_slab *slab = iocp_backend_alloc_dirty(port, sizeof(*slab) + size_bytes);
    if (slab == NULL)
        return IOCP_E_NOMEM;
    atomic_store_explicit(&slab->refs, 1, memory_order_relaxed);
    slab->size_bytes = size_bytes;
    slab->alone = true;
    slab->next = NULL;
    atomic_fetch_add(&port->slabs.alone, 1);
    slab->port = port;
    slab->data = (uint8_t *)(slab + 1);
    *out_slice = (struct iocp_slice){slab, slab->data, size_bytes};
    return 0;
}

int iocp_lease(struct iocp_port *port, uint32_t size_bytes, struct iocp_slice *out_slice)
{
    struct iocp_worker *worker = iocp_worker_of(port);
    if (worker == NULL || size_bytes > IOCP_SLAB_BYTES)
        return lease_alone(port, size_bytes, out_slice);
    rewind_current(worker);
    if (room(worker) < size_bytes && !renew_current(worker))
        return IOCP_E_NOMEM;
    *out_slice = iocp_slab_commit(worker, size_bytes);
    return 0;
}
