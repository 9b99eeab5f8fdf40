/*
 * What is known of chunks that are not kept whole: one run of numbers, and the sizes of the last of
 * them, so that a reader that fell behind by less than that learns exactly how many bytes it
 * missed.
 *
 * Sizes are a ring of two bytes a chunk in a block of their own, which a session has only once it
 * lost something. Numbers of chunks have no hole but the exit's. Threads: owned by one strand.
 */
#ifndef SESSIONS_LOST_H
#define SESSIONS_LOST_H

#include "sessions/error.h"
#include "sessions/memory.h"

#include <stdbool.h>

enum { SESS_LOST_SIZES_MAX = 4096 }; /* 8 KiB, under a hundredth of what is retained by default */

struct sess_lost_sizes; /* private */

struct sess_lost {
    uint64_t first_seq, last_seq; /* 0: nothing is lost. What lies between is lost too */
    struct sess_lost_sizes *sizes;
};

/* Frees the sizes. A cleared one is taken. */
void sess_lost_deinit(struct sess_lost *lost, const struct sess_memory *memory);

/* A chunk is lost, whole or in part; told again it is no news. Numbers do not go down (asserted).
 * Without may_grow, or without memory, the oldest size is forgotten for it. */
void sess_lost_note(struct sess_lost *lost, const struct sess_memory *memory, uint64_t seq,
                    uint32_t chunk_size_bytes, bool may_grow);

/* Bytes of all lost chunks with numbers above after_seq; exited_seq, or 0, is no chunk's. false:
 * that is more of them than sizes are known. */
SESS_MUST_CHECK bool sess_lost_bytes(const struct sess_lost *lost, uint64_t after_seq,
                                     uint64_t exited_seq, uint64_t *out_bytes);

/* Memory held. */
uint64_t sess_lost_held(const struct sess_lost *lost);

#endif
