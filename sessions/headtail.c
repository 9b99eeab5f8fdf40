/*
 * Retained output: see headtail.h. The policy is here, the storage in part.c.
 *
 * A chunk fills the head first; what the head does not take goes to the tail, which drops its own
 * oldest bytes for it. Once a byte was refused by the head nothing is added there, so the head
 * stays the beginning and the tail the end of what was written.
 */
#include "sessions/headtail.h"

#include "sessions/host.h"

#include <assert.h>

enum { PART_CHUNKS_MAX = SESS_CHUNKS_MAX / 2 };

void sess_headtail_init(struct sess_headtail *headtail, size_t cap_bytes,
                        struct sess_budget *budget, const struct sess_memory *memory)
{
    *headtail = (struct sess_headtail){
        .memory = memory,
        .budget = budget,
        .head_cap_bytes = cap_bytes / 2,
        .tail_cap_bytes = cap_bytes - cap_bytes / 2,
    };
}

/* Tells the budget what is held now. */
static void publish(struct sess_headtail *headtail)
{
    uint64_t held = sess_part_held(&headtail->head) + sess_part_held(&headtail->tail) +
                    sess_lost_held(&headtail->lost);
    if (held > headtail->held_bytes)
        atomic_fetch_add_explicit(&headtail->budget->held_bytes, held - headtail->held_bytes,
                                  memory_order_relaxed);
    else if (held < headtail->held_bytes)
        atomic_fetch_sub_explicit(&headtail->budget->held_bytes, headtail->held_bytes - held,
                                  memory_order_relaxed);
    headtail->held_bytes = held;
}

void sess_headtail_deinit(struct sess_headtail *headtail)
{
    sess_part_clear(&headtail->head, headtail->memory);
    sess_part_clear(&headtail->tail, headtail->memory);
    sess_lost_deinit(&headtail->lost, headtail->memory);
    publish(headtail);
}

/* Whether the budget has room for so many bytes. Others may take it at the same time: the budget
 * can be overdrawn by one chunk for each worker. */
static bool affordable(const struct sess_headtail *headtail, uint32_t size_bytes)
{
    const struct sess_budget *budget = headtail->budget;
    uint64_t held = atomic_load_explicit(&budget->held_bytes, memory_order_relaxed);
    uint64_t need = size_bytes + sizeof(struct sess_part_entry);
    return held <= budget->limit_bytes && need <= budget->limit_bytes - held;
}

/* Whether the head has a part of the chunk. */
static bool head_has(const struct sess_headtail *headtail, uint64_t seq)
{
    uint32_t count = headtail->head.count;
    return count > 0 && sess_part_seq(sess_part_at(&headtail->head, count - 1)) == seq;
}

static void count_omitted_chunk(struct sess_headtail *headtail, uint64_t seq)
{
    if (!head_has(headtail, seq))
        headtail->omitted_chunks++;
}

/* A part of the chunk is missing, or it lies in head and tail. */
static void note_lost(struct sess_headtail *headtail, uint64_t seq, uint32_t chunk_size_bytes)
{
    bool may_grow = headtail->tail_cap_bytes > 0 && /* who keeps nothing keeps no sizes either */
                    affordable(headtail, 2 * (uint32_t)sess_lost_held(&headtail->lost));
    sess_lost_note(&headtail->lost, headtail->memory, seq, chunk_size_bytes, may_grow);
}

/* Drops up to bytes of the tail's oldest chunk; returns how many. */
static uint32_t drop_oldest(struct sess_headtail *headtail, uint64_t bytes)
{
    struct sess_part_entry *entry = sess_part_at(&headtail->tail, 0);
    uint32_t dropped = bytes < entry->size_bytes ? (uint32_t)bytes : entry->size_bytes;
    headtail->omitted_bytes[sess_part_stream(entry)] += dropped;
    note_lost(headtail, sess_part_seq(entry), entry->chunk_size_bytes);
    if (dropped == entry->size_bytes)
        count_omitted_chunk(headtail, sess_part_seq(entry));
    sess_part_trim(&headtail->tail, headtail->memory, dropped);
    return dropped;
}

static void drop_tail(struct sess_headtail *headtail)
{
    while (headtail->tail.count > 0)
        (void)drop_oldest(headtail, UINT32_MAX);
}

/* Returns how many of the chunk's first bytes the head took. */
static uint32_t append_to_head(struct sess_headtail *headtail, const struct sess_chunk *chunk)
{
    struct sess_part *head = &headtail->head;
    if (headtail->head_full)
        return 0;
    uint64_t room = headtail->head_cap_bytes - head->kept_bytes;
    uint32_t size = chunk->slice.size_bytes;
    uint32_t take = room < size ? (uint32_t)room : size;
    if (take < size || head->count == PART_CHUNKS_MAX)
        headtail->head_full = true;
    if (take == 0 || head->count == PART_CHUNKS_MAX)
        return 0;
    if (affordable(headtail, take) && sess_part_push(head, headtail->memory, chunk, 0, take) == 0)
        return take;
    headtail->head_full = true;
    return 0;
}

/* Makes the tail's room for keep_bytes in one chunk. Whether the budget has room too. */
static bool make_room(struct sess_headtail *headtail, uint32_t keep_bytes)
{
    struct sess_part *tail = &headtail->tail;
    assert(keep_bytes <= headtail->tail_cap_bytes);
    while (tail->kept_bytes > headtail->tail_cap_bytes - keep_bytes)
        (void)drop_oldest(headtail, tail->kept_bytes - (headtail->tail_cap_bytes - keep_bytes));
    while (tail->count >= PART_CHUNKS_MAX)
        (void)drop_oldest(headtail, UINT32_MAX);
    publish(headtail);
    while (!affordable(headtail, keep_bytes) && tail->count > 0) {
        (void)drop_oldest(headtail, UINT32_MAX);
        publish(headtail);
    }
    return affordable(headtail, keep_bytes);
}

/* Adds the chunk from offset on. */
static void append_to_tail(struct sess_headtail *headtail, const struct sess_chunk *chunk,
                           uint32_t offset_bytes)
{
    uint32_t size = chunk->slice.size_bytes - offset_bytes;
    uint32_t keep = size < headtail->tail_cap_bytes ? size : (uint32_t)headtail->tail_cap_bytes;
    uint32_t skipped = size - keep;
    headtail->omitted_bytes[chunk->stream] += skipped;
    bool is_kept =
        keep > 0 && make_room(headtail, keep) &&
        sess_part_push(&headtail->tail, headtail->memory, chunk, offset_bytes + skipped, keep) == 0;
    if (!is_kept) {
        drop_tail(headtail); /* or it would not be the end of what was written */
        headtail->omitted_bytes[chunk->stream] += keep;
        count_omitted_chunk(headtail, chunk->seq);
    }
    if (!is_kept || skipped > 0)
        note_lost(headtail, chunk->seq, chunk->slice.size_bytes);
}

void sess_headtail_append(struct sess_headtail *headtail, const struct sess_chunk *chunk)
{
    assert(chunk->slice.size_bytes > 0);
    assert(headtail->tail.count == 0 ||
           sess_part_seq(sess_part_at(&headtail->tail, headtail->tail.count - 1)) < chunk->seq);
    assert(!head_has(headtail, chunk->seq));
    uint32_t taken = append_to_head(headtail, chunk);
    if (taken > 0 && taken < chunk->slice.size_bytes)
        note_lost(headtail, chunk->seq, chunk->slice.size_bytes);
    if (taken < chunk->slice.size_bytes)
        append_to_tail(headtail, chunk, taken);
    publish(headtail);
}

uint64_t sess_headtail_shrink(struct sess_headtail *headtail, uint64_t want_bytes)
{
    uint64_t before = headtail->held_bytes;
    uint64_t goal = before > want_bytes ? before - want_bytes : 0;
    while (headtail->tail.count > 0 && headtail->held_bytes > goal) {
        (void)drop_oldest(headtail, UINT32_MAX);
        publish(headtail);
    }
    sess_part_fit(&headtail->tail, headtail->memory);
    publish(headtail);
    return before > headtail->held_bytes ? before - headtail->held_bytes : 0;
}

bool sess_headtail_next(const struct sess_headtail *headtail, uint32_t *cursor,
                        struct sess_piece *out_piece)
{
    bool in_tail = *cursor >= headtail->head.count;
    const struct sess_part *part = in_tail ? &headtail->tail : &headtail->head;
    uint32_t index = in_tail ? *cursor - headtail->head.count : *cursor;
    if (index >= part->count)
        return false;
    const struct sess_part_entry *entry = sess_part_at(part, index);
    *out_piece = (struct sess_piece){
        .seq = sess_part_seq(entry),
        .time_ns = entry->time_ns,
        .stream = sess_part_stream(entry),
        .chunk_size_bytes = entry->chunk_size_bytes,
        .offset_bytes = in_tail ? entry->chunk_size_bytes - entry->size_bytes : 0,
        .size_bytes = entry->size_bytes,
        .data = entry->data,
        .in_tail = in_tail,
    };
    ++*cursor;
    return true;
}

uint64_t sess_headtail_kept(const struct sess_headtail *headtail)
{
    return headtail->head.kept_bytes + headtail->tail.kept_bytes;
}

uint64_t sess_headtail_omitted(const struct sess_headtail *headtail)
{
    uint64_t omitted = 0;
    for (int stream = 0; stream < SESS_STREAMS; stream++)
        omitted += headtail->omitted_bytes[stream];
    return omitted;
}
