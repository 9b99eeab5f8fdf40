/*
 * Retained output and the ring, merged: see source.h.
 */
#include "runner/source.h"

void run_source_init(struct run_source *source, const struct sess_view *view,
                     const struct run_ring *ring, uint64_t after_seq, uint64_t before_bytes)
{
    source->view = view;
    source->ring = ring;
    sess_reader_init(&source->reader, view->retained, view->exited_seq, after_seq, before_bytes);
}

/* Whether the ring has every chunk with numbers from first_seq to last_seq. */
static bool has_all(const struct run_source *source, uint64_t first_seq, uint64_t last_seq)
{
    uint64_t exited_seq = source->view->exited_seq, after_seq = first_seq - 1;
    struct run_piece piece;
    while (after_seq < last_seq) {
        if (after_seq + 1 == exited_seq) {
            after_seq++;
            continue;
        }
        if (!run_ring_next(source->ring, after_seq, &piece) || piece.seq != after_seq + 1)
            return false;
        after_seq = piece.seq;
    }
    return true;
}

/* What is missing before a chunk of the ring, of what retained output lacks. */
static struct sess_skipped before_ring(const struct run_source *source, struct sess_skipped skipped,
                                       uint64_t ring_seq)
{
    struct sess_skipped none = {.is_exact = true};
    if (skipped.first_seq == 0 || skipped.first_seq >= ring_seq)
        return none;
    skipped.is_exact = skipped.is_exact && has_all(source, ring_seq, skipped.last_seq);
    skipped.bytes -= run_ring_bytes(source->ring, ring_seq, skipped.last_seq);
    skipped.last_seq = ring_seq - 1;
    if (skipped.last_seq == source->view->exited_seq)
        skipped.last_seq--;
    return skipped.first_seq <= skipped.last_seq ? skipped : none;
}

bool run_source_next(struct run_source *source, struct run_piece *out_piece,
                     struct sess_skipped *out_skipped)
{
    const struct sess_view *view = source->view;
    struct sess_reader *reader = &source->reader, ahead = *reader;
    struct sess_piece kept = {0};
    bool has = sess_reader_next(&ahead, view->retained, view->exited_seq, &kept, out_skipped);
    if (!run_ring_next(source->ring, reader->after_seq, out_piece) ||
        (has && kept.seq <= out_piece->seq)) {
        *reader = ahead;
        *out_piece = (struct run_piece){kept.seq, kept.stream, kept.size_bytes, kept.data};
        return has;
    }
    *out_skipped = before_ring(source, *out_skipped, out_piece->seq);
    reader->after_seq = out_piece->seq;
    if (!out_skipped->is_exact)
        reader->before_bytes = SESS_BYTES_UNKNOWN;
    else if (reader->before_bytes != SESS_BYTES_UNKNOWN)
        reader->before_bytes += out_skipped->bytes + out_piece->size_bytes;
    return true;
}
