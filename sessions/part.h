/*
 * One half of retained output: a queue of chunks, oldest first.
 *
 * A ring of entries and, for chunks that are too small to keep their slab for, a list of compact
 * blocks in the order of the chunks that lie in them. A block grows with what is kept, never with a
 * cap, and goes when its last chunk does. Threads: owned by one strand. Knows no cap and no budget.
 */
#ifndef SESSIONS_PART_H
#define SESSIONS_PART_H

#include "iocp/iocp.h"
#include "sessions/error.h"
#include "sessions/memory.h"
#include "sessions/record.h"

/* One read of a session's output. */
struct sess_chunk {
    uint64_t seq;
    uint64_t time_ns; /* of the port's monotonic clock */
    enum sess_stream stream;
    struct iocp_slice slice;
};

enum { SESS_PART_STREAM_BITS = 2 };
_Static_assert(SESS_STREAMS <= 1 << SESS_PART_STREAM_BITS, "a stream fits beside the number");

/* What is kept of a chunk. */
struct sess_part_entry {
    uint64_t seq_and_stream;
    uint64_t time_ns;
    uint8_t *data;
    struct iocp_slab *slab;    /* NULL: the data is in a block */
    uint32_t size_bytes;       /* kept */
    uint32_t chunk_size_bytes; /* as it was read */
};

struct sess_part_block; /* private: compact memory */

struct sess_part {
    struct sess_part_entry *entries; /* NULL until used */
    uint32_t capacity;               /* 0 or a power of two */
    uint32_t first, count;
    struct sess_part_block *oldest, *newest;
    uint64_t kept_bytes;
    uint64_t compact_bytes; /* of those, in blocks */
    uint64_t block_bytes;   /* memory of the blocks */
};

/* Frees everything; the part is empty then and may be used again. */
void sess_part_clear(struct sess_part *part, const struct sess_memory *memory);

/* Keeps [offset, offset + size) of the chunk, size at least 1, as the newest: by a reference of its
 * own or as a copy. Errors: NO_CAPACITY (memory); nothing has changed then. */
SESS_MUST_CHECK int sess_part_push(struct sess_part *part, const struct sess_memory *memory,
                                   const struct sess_chunk *chunk, uint32_t offset_bytes,
                                   uint32_t size_bytes);

/* Drops the first bytes of the oldest entry, all of it at most. */
void sess_part_trim(struct sess_part *part, const struct sess_memory *memory, uint32_t bytes);

/* Gives back what a shrunk part does not need any more. */
void sess_part_fit(struct sess_part *part, const struct sess_memory *memory);

/* Entry number index, 0 being the oldest. Valid until the next change. */
struct sess_part_entry *sess_part_at(const struct sess_part *part, uint32_t index);

/* The index of the first entry with a number above after_seq; count if there is none. */
uint32_t sess_part_find(const struct sess_part *part, uint64_t after_seq);

/* Memory held: bytes, blocks' spare room, index. */
uint64_t sess_part_held(const struct sess_part *part);

static inline uint64_t sess_part_seq(const struct sess_part_entry *entry)
{
    return entry->seq_and_stream >> SESS_PART_STREAM_BITS;
}

static inline enum sess_stream sess_part_stream(const struct sess_part_entry *entry)
{
    return (enum sess_stream)(entry->seq_and_stream & ((1U << SESS_PART_STREAM_BITS) - 1));
}

#endif
