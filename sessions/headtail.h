/*
 * Retained output: the first and the last bytes of a session, and a count of what is missing.
 *
 * The head takes bytes until it has half of the cap, rounded down; the tail holds the last of the
 * others in what remains of the cap. Both are byte exact. A chunk that a border cuts is kept in
 * part. What neither holds is counted: bytes by stream, chunks as a whole.
 *
 * Bytes are kept as slices of the engine's slabs where a slice is at least half of what it pins,
 * else copied into compact blocks. So the memory held is at most twice the bytes kept, plus an
 * index entry a chunk, and grows with what was written, not with the cap. What is held counts
 * against a budget that all sessions share: at its limit nothing grows any more; above its soft
 * limit somebody (reclaim.h) asks the idlest to shrink.
 */

/*
 * If memory runs out the tail and the chunk are given up and counted: append cannot fail.
 * Threads: owned by one strand. Knows no session.
 */
#ifndef SESSIONS_HEADTAIL_H
#define SESSIONS_HEADTAIL_H

#include "sessions/lost.h"
#include "sessions/memory.h"
#include "sessions/part.h"
#include "sessions/record.h"

/* Memory that retained output of all sessions holds. Shared, atomic. */
struct sess_budget {
    _Atomic uint64_t held_bytes;
    uint64_t limit_bytes; /* nothing grows beyond it */
};

struct sess_headtail {
    const struct sess_memory *memory;
    struct sess_budget *budget;
    struct sess_part head, tail;
    size_t head_cap_bytes, tail_cap_bytes;
    bool head_full;          /* nothing is added to the head any more */
    uint64_t held_bytes;     /* as counted in the budget */
    uint64_t omitted_chunks; /* chunks of which nothing is kept */
    uint64_t omitted_bytes[SESS_STREAMS];
    struct sess_lost lost; /* chunks that are not kept whole in one place: see reader.h */
};

/* Prepares an empty one; allocates nothing. memory and budget are borrowed for its life. */
void sess_headtail_init(struct sess_headtail *headtail, size_t cap_bytes,
                        struct sess_budget *budget, const struct sess_memory *memory);

/* Frees everything and gives it back to the budget. */
void sess_headtail_deinit(struct sess_headtail *headtail);

/* Adds a chunk, whose slice stays the caller's. Numbers must grow (asserted). */
void sess_headtail_append(struct sess_headtail *headtail, const struct sess_chunk *chunk);

/* Drops the oldest of the tail until at least want_bytes less are held or the tail is empty.
 * Returns how many bytes less are held. */
uint64_t sess_headtail_shrink(struct sess_headtail *headtail, uint64_t want_bytes);

/* What is kept of one chunk. */
struct sess_piece {
    uint64_t seq;
    uint64_t time_ns;
    enum sess_stream stream;
    uint32_t chunk_size_bytes; /* of the chunk as it was read */
    uint32_t offset_bytes;     /* where in it the kept part begins */
    uint32_t size_bytes;
    const uint8_t *data; /* valid until the next append or shrink */
    bool in_tail; /* what was omitted lies between the last piece of the head and the first here */
};

/* Gives piece number *cursor (start with 0) in order and counts *cursor up; false at the end. A
 * chunk that the border between head and tail cuts gives two pieces. */
bool sess_headtail_next(const struct sess_headtail *headtail, uint32_t *cursor,
                        struct sess_piece *out_piece);

/* Bytes kept now. */
uint64_t sess_headtail_kept(const struct sess_headtail *headtail);

/* Bytes omitted, over all streams. */
uint64_t sess_headtail_omitted(const struct sess_headtail *headtail);

#endif
