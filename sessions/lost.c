/*
 * The run of lost chunks: see lost.h.
 */
#include "sessions/lost.h"

#include "sessions/host.h"

#include <assert.h>

struct sess_lost_sizes {
    uint32_t capacity, count; /* capacity is a power of two */
    uint32_t next;            /* where the next one goes */
    uint16_t at[];            /* less one, so that the largest chunk fits */
};

enum { FIRST_SIZES = 64 };
_Static_assert(SESS_CHUNK_MAX_BYTES - 1 <= UINT16_MAX, "a chunk's size less one fits");

static uint64_t bytes_for(uint32_t capacity)
{
    return sizeof(struct sess_lost_sizes) + capacity * sizeof(uint16_t);
}

void sess_lost_deinit(struct sess_lost *lost, const struct sess_memory *memory)
{
    sess_memory_free(memory, lost->sizes);
    *lost = (struct sess_lost){0};
}

uint64_t sess_lost_held(const struct sess_lost *lost)
{
    return lost->sizes != NULL ? bytes_for(lost->sizes->capacity) : 0;
}

/* Size number index, 0 being the newest. */
static uint16_t *size_at(struct sess_lost_sizes *sizes, uint32_t index)
{
    assert(index < sizes->capacity);
    return &sizes->at[(sizes->next - 1 - index) & (sizes->capacity - 1)];
}

static void grow(struct sess_lost *lost, const struct sess_memory *memory)
{
    struct sess_lost_sizes *old = lost->sizes;
    uint32_t capacity = old == NULL ? FIRST_SIZES : old->capacity * 2;
    struct sess_lost_sizes *sizes = sess_memory_take(memory, (size_t)bytes_for(capacity));
    if (sizes == NULL)
        return;
    uint32_t count = old == NULL ? 0 : old->count;
    *sizes = (struct sess_lost_sizes){.capacity = capacity, .count = count, .next = count};
    for (uint32_t i = 0; i < count; i++)
        *size_at(sizes, i) = *size_at(old, i);
    sess_memory_free(memory, old);
    lost->sizes = sizes;
}

void sess_lost_note(struct sess_lost *lost, const struct sess_memory *memory, uint64_t seq,
                    uint32_t chunk_size_bytes, bool may_grow)
{
    assert(chunk_size_bytes > 0 && chunk_size_bytes <= SESS_CHUNK_MAX_BYTES);
    if (lost->first_seq == 0)
        lost->first_seq = seq;
    if (seq <= lost->last_seq) {
        assert(seq == lost->last_seq || seq == lost->first_seq);
        return;
    }
    lost->last_seq = seq;
    bool is_full = lost->sizes == NULL || lost->sizes->count == lost->sizes->capacity;
    bool can_be_larger = lost->sizes == NULL || lost->sizes->capacity < SESS_LOST_SIZES_MAX;
    if (is_full && can_be_larger && may_grow)
        grow(lost, memory);
    struct sess_lost_sizes *sizes = lost->sizes;
    if (sizes == NULL)
        return;
    sizes->next = (sizes->next + 1) & (sizes->capacity - 1);
    *size_at(sizes, 0) = (uint16_t)(chunk_size_bytes - 1);
    if (sizes->count < sizes->capacity)
        sizes->count++;
}

bool sess_lost_bytes(const struct sess_lost *lost, uint64_t after_seq, uint64_t exited_seq,
                     uint64_t *out_bytes)
{
    uint64_t from_seq = after_seq + 1 > lost->first_seq ? after_seq + 1 : lost->first_seq;
    uint64_t chunks = 0, bytes = 0;
    if (after_seq < lost->last_seq)
        chunks = lost->last_seq - from_seq + 1;
    if (chunks > 0 && exited_seq >= from_seq && exited_seq <= lost->last_seq)
        chunks--;
    if (chunks > (lost->sizes != NULL ? lost->sizes->count : 0))
        return false;
    for (uint32_t i = 0; i < chunks; i++)
        bytes += *size_at(lost->sizes, i) + 1U;
    *out_bytes = bytes;
    return true;
}
