/*
 * One half of retained output: see part.h.
 *
 * Entries with a slab hold a reference to it. The others lie in blocks, and their order in the ring
 * is the order of their bytes in the list of blocks; so the oldest such entry is in the oldest
 * block, and a block needs only the count of its live entries. A block that the next bytes do not
 * fit into is cut to what is used. Blocks take at most twice the bytes that live in them plus
 * SLACK_BYTES; beyond that they are packed into one.
 */
#include "sessions/part.h"

#include <assert.h>
#include <string.h>

struct sess_part_block {
    struct sess_part_block *next; /* newer */
    uint32_t capacity_bytes, used_bytes;
    uint32_t live; /* entries that lie in it */
    uint8_t data[];
};

enum {
    FIRST_ENTRIES = 4,
    HEADER_BYTES = sizeof(struct sess_part_block),
    BLOCK_LEAST_BYTES = 256 - HEADER_BYTES, /* a session that only said hello */
    BLOCK_MOST_BYTES = 32 * 1024 - HEADER_BYTES,
    SPARE_BYTES = 256, /* less is not worth a call */
    SLACK_BYTES = 1024
};

struct sess_part_entry *sess_part_at(const struct sess_part *part, uint32_t index)
{
    assert(index < part->count);
    return &part->entries[(part->first + index) & (part->capacity - 1)];
}

uint64_t sess_part_held(const struct sess_part *part)
{
    return (uint64_t)part->capacity * sizeof(*part->entries) + part->block_bytes +
           (part->kept_bytes - part->compact_bytes);
}

uint32_t sess_part_find(const struct sess_part *part, uint64_t after_seq)
{
    uint32_t low = 0, high = part->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (sess_part_seq(sess_part_at(part, middle)) <= after_seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* ---- The ring of entries ---- */

static bool set_capacity(struct sess_part *part, const struct sess_memory *memory,
                         uint32_t capacity)
{
    assert(capacity >= part->count && (capacity & (capacity - 1)) == 0);
    struct sess_part_entry *entries = sess_memory_take(memory, capacity * sizeof(*entries));
    if (entries == NULL)
        return false;
    for (uint32_t i = 0; i < part->count; i++)
        entries[i] = *sess_part_at(part, i);
    sess_memory_free(memory, part->entries);
    part->entries = entries;
    part->capacity = capacity;
    part->first = 0;
    return true;
}

static bool reserve_entry(struct sess_part *part, const struct sess_memory *memory)
{
    if (part->count < part->capacity)
        return true;
    return set_capacity(part, memory, part->capacity == 0 ? FIRST_ENTRIES : part->capacity * 2);
}

/* ---- Blocks ---- */

static struct sess_part_block *take_block(struct sess_part *part, const struct sess_memory *memory,
                                          uint32_t capacity_bytes)
{
    struct sess_part_block *block = sess_memory_take(memory, HEADER_BYTES + capacity_bytes);
    if (block == NULL)
        return NULL;
    *block = (struct sess_part_block){.capacity_bytes = capacity_bytes};
    part->block_bytes += HEADER_BYTES + capacity_bytes;
    return block;
}

static void free_block(struct sess_part *part, const struct sess_memory *memory,
                       struct sess_part_block *block)
{
    part->block_bytes -= HEADER_BYTES + block->capacity_bytes;
    sess_memory_free(memory, block);
}

static void free_blocks(struct sess_part *part, const struct sess_memory *memory)
{
    while (part->oldest != NULL) {
        struct sess_part_block *block = part->oldest;
        part->oldest = block->next;
        free_block(part, memory, block);
    }
    part->newest = NULL;
}

static uint8_t *add_to_block(struct sess_part_block *block, const uint8_t *data,
                             uint32_t size_bytes)
{
    assert(size_bytes <= block->capacity_bytes - block->used_bytes);
    uint8_t *copy = block->data + block->used_bytes;
    memcpy(copy, data, size_bytes);
    block->used_bytes += size_bytes;
    block->live++;
    return copy;
}

static uint32_t next_block_bytes(const struct sess_part *part, uint32_t size_bytes)
{
    uint64_t bytes = part->compact_bytes / 4;
    if (bytes < BLOCK_LEAST_BYTES)
        bytes = BLOCK_LEAST_BYTES;
    if (bytes > BLOCK_MOST_BYTES)
        bytes = BLOCK_MOST_BYTES;
    return bytes < size_bytes ? size_bytes : (uint32_t)bytes;
}

/* The newest block has moved: its entries are the last ones that lie in blocks. */
static void follow_newest(struct sess_part *part)
{
    struct sess_part_block *block = part->newest;
    uint8_t *end = block->data + block->used_bytes;
    uint32_t live = block->live;
    for (uint32_t i = part->count; live > 0; i--) {
        struct sess_part_entry *entry = sess_part_at(part, i - 1);
        if (entry->slab != NULL)
            continue;
        end -= entry->size_bytes;
        entry->data = end;
        live--;
    }
}

/* Gives back what of the newest block is not used, since the next bytes do not fit in. */
static void cut_newest(struct sess_part *part, const struct sess_memory *memory)
{
    struct sess_part_block *block = part->newest, **link = &part->oldest;
    uint32_t spare = block != NULL ? block->capacity_bytes - block->used_bytes : 0;
    if (spare < SPARE_BYTES)
        return;
    while (*link != block)
        link = &(*link)->next;
    block = memory->resize(memory->context, block, HEADER_BYTES + block->used_bytes);
    if (block == NULL)
        return; /* it stays as it was */
    block->capacity_bytes = block->used_bytes;
    part->block_bytes -= spare;
    *link = part->newest = block;
    follow_newest(part);
}

static bool add_block(struct sess_part *part, const struct sess_memory *memory, uint32_t size_bytes)
{
    cut_newest(part, memory);
    struct sess_part_block *block = take_block(part, memory, next_block_bytes(part, size_bytes));
    if (block == NULL)
        return false;
    if (part->newest != NULL)
        part->newest->next = block;
    else
        part->oldest = block;
    part->newest = block;
    return true;
}

/* A copy of the bytes behind all others; NULL: no memory. */
static uint8_t *copy_newest(struct sess_part *part, const struct sess_memory *memory,
                            const uint8_t *data, uint32_t size_bytes)
{
    struct sess_part_block *block = part->newest;
    bool fits = block != NULL && block->capacity_bytes - block->used_bytes >= size_bytes;
    if (!fits && !add_block(part, memory, size_bytes))
        return NULL;
    part->compact_bytes += size_bytes;
    return add_to_block(part->newest, data, size_bytes);
}

/* The oldest entry left its block. */
static void leave_oldest_block(struct sess_part *part, const struct sess_memory *memory)
{
    struct sess_part_block *block = part->oldest;
    assert(block != NULL && block->live > 0);
    if (--block->live > 0)
        return;
    part->oldest = block->next;
    if (part->newest == block)
        part->newest = NULL;
    free_block(part, memory, block);
}

/* Moves everything that lives in blocks into one block of the right size. */
static void pack(struct sess_part *part, const struct sess_memory *memory)
{
    if (part->compact_bytes == 0 || part->compact_bytes > UINT32_MAX - HEADER_BYTES)
        return;
    struct sess_part_block *packed = take_block(part, memory, (uint32_t)part->compact_bytes);
    if (packed == NULL)
        return; /* it works as it is, only larger */
    for (uint32_t i = 0; i < part->count; i++) {
        struct sess_part_entry *entry = sess_part_at(part, i);
        if (entry->slab == NULL)
            entry->data = add_to_block(packed, entry->data, entry->size_bytes);
    }
    free_blocks(part, memory);
    part->oldest = part->newest = packed;
}

static void pack_if_worth(struct sess_part *part, const struct sess_memory *memory)
{
    if (part->block_bytes > 2 * part->compact_bytes + SLACK_BYTES)
        pack(part, memory);
}

/* ---- Entries ---- */

static struct iocp_slice slice_of(const struct sess_part_entry *entry)
{
    return (struct iocp_slice){entry->slab, entry->data, entry->size_bytes};
}

/* Whether keeping the slab for so many of its bytes is fair. */
static bool worth_a_slab(const struct iocp_slice *slice, uint32_t size_bytes)
{
    return size_bytes >= (iocp_slice_pins(slice) + 1) / 2;
}

int sess_part_push(struct sess_part *part, const struct sess_memory *memory,
                   const struct sess_chunk *chunk, uint32_t offset_bytes, uint32_t size_bytes)
{
    const struct iocp_slice *slice = &chunk->slice;
    assert(size_bytes > 0 && offset_bytes <= slice->size_bytes &&
           size_bytes <= slice->size_bytes - offset_bytes);
    if (!reserve_entry(part, memory))
        return SESS_E_NO_CAPACITY;
    struct sess_part_entry entry = {
        .seq_and_stream = chunk->seq << SESS_PART_STREAM_BITS | (uint64_t)chunk->stream,
        .time_ns = chunk->time_ns,
        .size_bytes = size_bytes,
        .chunk_size_bytes = slice->size_bytes,
    };
    if (slice->slab != NULL && worth_a_slab(slice, size_bytes)) {
        struct iocp_slice kept = iocp_slice_part(slice, offset_bytes, size_bytes);
        entry.slab = kept.slab;
        entry.data = kept.data;
    } else {
        entry.data = copy_newest(part, memory, slice->data + offset_bytes, size_bytes);
    }
    if (entry.data == NULL)
        return SESS_E_NO_CAPACITY;
    part->count++;
    *sess_part_at(part, part->count - 1) = entry;
    part->kept_bytes += size_bytes;
    pack_if_worth(part, memory);
    return 0;
}

/* The rest of the oldest entry's slice pins too much now: copies it, if there is memory. */
static void unpin_oldest(struct sess_part *part, const struct sess_memory *memory)
{
    struct sess_part_entry *entry = sess_part_at(part, 0);
    struct iocp_slice slice = slice_of(entry);
    if (entry->slab == NULL || worth_a_slab(&slice, entry->size_bytes))
        return;
    struct sess_part_block *block = take_block(part, memory, entry->size_bytes);
    if (block == NULL)
        return;
    entry->data = add_to_block(block, entry->data, entry->size_bytes);
    entry->slab = NULL;
    iocp_slice_unref(&slice);
    block->next = part->oldest;
    part->oldest = block;
    if (part->newest == NULL)
        part->newest = block;
    part->compact_bytes += entry->size_bytes;
}

static void remove_oldest(struct sess_part *part, const struct sess_memory *memory)
{
    struct sess_part_entry *entry = sess_part_at(part, 0);
    struct iocp_slice slice = slice_of(entry);
    bool compact = entry->slab == NULL;
    part->kept_bytes -= entry->size_bytes;
    if (compact)
        part->compact_bytes -= entry->size_bytes;
    part->first = (part->first + 1) & (part->capacity - 1);
    part->count--;
    if (compact)
        leave_oldest_block(part, memory);
    else
        iocp_slice_unref(&slice);
}

void sess_part_trim(struct sess_part *part, const struct sess_memory *memory, uint32_t bytes)
{
    struct sess_part_entry *entry = sess_part_at(part, 0);
    if (bytes >= entry->size_bytes) {
        remove_oldest(part, memory);
    } else {
        entry->data += bytes;
        entry->size_bytes -= bytes;
        part->kept_bytes -= bytes;
        if (entry->slab == NULL)
            part->compact_bytes -= bytes;
        unpin_oldest(part, memory);
    }
    pack_if_worth(part, memory);
}

void sess_part_fit(struct sess_part *part, const struct sess_memory *memory)
{
    if (part->count == 0) {
        sess_part_clear(part, memory);
        return;
    }
    uint32_t capacity = part->capacity;
    while (capacity > FIRST_ENTRIES && capacity / 2 >= part->count)
        capacity /= 2;
    if (capacity < part->capacity)
        (void)set_capacity(part, memory, capacity);
    if (part->block_bytes > part->compact_bytes + SLACK_BYTES)
        pack(part, memory);
}

void sess_part_clear(struct sess_part *part, const struct sess_memory *memory)
{
    for (uint32_t i = 0; i < part->count; i++) {
        struct iocp_slice slice = slice_of(sess_part_at(part, i));
        if (slice.slab != NULL)
            iocp_slice_unref(&slice);
    }
    free_blocks(part, memory);
    assert(part->block_bytes == 0);
    sess_memory_free(memory, part->entries);
    *part = (struct sess_part){0};
}
