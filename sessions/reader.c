/*
 * Reading retained output whole: see reader.h.
 *
 * Totals are kept nowhere: all bytes that were ever written are those kept and those omitted, so
 * what lies before the tail's first whole chunk is everything without the tail's whole chunks.
 */
#include "sessions/reader.h"

#include <assert.h>

static bool is_whole(const struct sess_part_entry *entry)
{
    return entry->size_bytes == entry->chunk_size_bytes;
}

/* Only the oldest of the tail and the newest of the head can be cut. */
static uint32_t first_whole(const struct sess_part *tail)
{
    return tail->count > 0 && !is_whole(sess_part_at(tail, 0)) ? 1 : 0;
}

static uint64_t sum(const struct sess_part *part, uint32_t from, uint32_t to)
{
    uint64_t bytes = 0;
    for (uint32_t i = from; i < to; i++)
        bytes += sess_part_at(part, i)->chunk_size_bytes;
    return bytes;
}

/* Bytes of everything before the tail's first whole chunk. */
static uint64_t before_tail(const struct sess_headtail *headtail)
{
    const struct sess_part *tail = &headtail->tail;
    uint64_t whole_bytes = tail->kept_bytes;
    if (first_whole(tail) > 0)
        whole_bytes -= sess_part_at(tail, 0)->size_bytes;
    return sess_headtail_kept(headtail) + sess_headtail_omitted(headtail) - whole_bytes;
}

/* Bytes of the head's whole chunks. */
static uint64_t head_whole(const struct sess_headtail *headtail)
{
    const struct sess_part *head = &headtail->head;
    bool cut = head->count > 0 && !is_whole(sess_part_at(head, head->count - 1));
    return head->kept_bytes - (cut ? sess_part_at(head, head->count - 1)->size_bytes : 0);
}

/* Whether something is missing behind after_seq. */
static bool misses(const struct sess_headtail *headtail, uint64_t after_seq)
{
    return headtail->lost.last_seq > after_seq;
}

static uint64_t find_before(const struct sess_headtail *headtail, uint64_t exited_seq,
                            uint64_t after_seq)
{
    const struct sess_part *head = &headtail->head, *tail = &headtail->tail;
    bool lost = headtail->lost.last_seq != 0;
    if (lost && after_seq >= headtail->lost.first_seq && misses(headtail, after_seq)) {
        uint64_t missing_bytes;
        if (!sess_lost_bytes(&headtail->lost, after_seq, exited_seq, &missing_bytes))
            return SESS_BYTES_UNKNOWN;
        return before_tail(headtail) - missing_bytes;
    }
    if (lost && !misses(headtail, after_seq)) {
        uint32_t from = first_whole(tail), to = sess_part_find(tail, after_seq);
        return before_tail(headtail) + (to > from ? sum(tail, from, to) : 0);
    }
    uint32_t in_head =
        sess_part_find(head, after_seq); /* nothing is lost, or it is all behind the reader */
    return sum(head, 0, in_head) + (lost ? 0 : sum(tail, 0, sess_part_find(tail, after_seq)));
}

void sess_reader_init(struct sess_reader *reader, const struct sess_headtail *headtail,
                      uint64_t exited_seq, uint64_t after_seq, uint64_t before_bytes)
{
    uint64_t found_bytes = find_before(headtail, exited_seq, after_seq);
    *reader = (struct sess_reader){after_seq, found_bytes};
    if (found_bytes == SESS_BYTES_UNKNOWN)
        reader->before_bytes = before_bytes;
}

/* Moves the reader over what is missing behind it. */
static void skip(struct sess_reader *reader, const struct sess_headtail *headtail,
                 uint64_t exited_seq, struct sess_skipped *out_skipped)
{
    uint64_t end_bytes = before_tail(headtail), known_bytes = reader->before_bytes;
    uint64_t first_seq = reader->after_seq + 1;
    if (first_seq == exited_seq)
        first_seq++;
    if (first_seq < headtail->lost.first_seq)
        first_seq = headtail->lost.first_seq;
    assert(first_seq <= headtail->lost.last_seq);
    /* A count that came back from a client is not believed beyond what can be. */
    bool is_exact = known_bytes >= head_whole(headtail) && known_bytes <= end_bytes;
    out_skipped->first_seq = first_seq;
    out_skipped->last_seq = headtail->lost.last_seq;
    out_skipped->bytes = end_bytes - (is_exact ? known_bytes : head_whole(headtail));
    out_skipped->is_exact = is_exact;
    reader->after_seq = headtail->lost.last_seq;
    reader->before_bytes = end_bytes;
}

static bool give(struct sess_reader *reader, const struct sess_part *part, uint32_t index,
                 bool in_tail, struct sess_piece *out_piece)
{
    const struct sess_part_entry *entry = sess_part_at(part, index);
    *out_piece = (struct sess_piece){
        .seq = sess_part_seq(entry),
        .time_ns = entry->time_ns,
        .stream = sess_part_stream(entry),
        .chunk_size_bytes = entry->chunk_size_bytes,
        .size_bytes = entry->size_bytes,
        .data = entry->data,
        .in_tail = in_tail,
    };
    reader->after_seq = out_piece->seq;
    if (reader->before_bytes != SESS_BYTES_UNKNOWN)
        reader->before_bytes += out_piece->size_bytes;
    return true;
}

bool sess_reader_next(struct sess_reader *reader, const struct sess_headtail *headtail,
                      uint64_t exited_seq, struct sess_piece *out_piece,
                      struct sess_skipped *out_skipped)
{
    const struct sess_part *head = &headtail->head, *tail = &headtail->tail;
    uint32_t index = sess_part_find(head, reader->after_seq);
    *out_skipped = (struct sess_skipped){.is_exact = true};
    if (index < head->count && is_whole(sess_part_at(head, index)))
        return give(reader, head, index, false, out_piece);
    if (misses(headtail, reader->after_seq))
        skip(reader, headtail, exited_seq, out_skipped);
    index = sess_part_find(tail, reader->after_seq);
    assert(index >= tail->count || is_whole(sess_part_at(tail, index)));
    return index < tail->count && give(reader, tail, index, true, out_piece);
}
