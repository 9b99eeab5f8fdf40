/*
 * What a process has written, as far as anybody keeps it: retained output and the resume ring,
 * merged by number. Chunks come whole, each with an account of what is missing before it.
 *
 * A source is a look within one callback; its reader is plain data that may be kept for the next.
 * On the session's strand. Knows no client and no message.
 */
#ifndef RUN_SOURCE_H
#define RUN_SOURCE_H

#include "runner/ring.h"
#include "sessions/reader.h"

struct run_source {
    const struct sess_view *view;
    const struct run_ring *ring;
    struct sess_reader reader; /* where it stands */
};

/* A source behind a number. before_bytes is what came before that, as a reader that stood there had
 * it, or SESS_BYTES_UNKNOWN; used only where what is retained does not tell. view and ring are
 * borrowed. */
void run_source_init(struct run_source *source, const struct sess_view *view,
                     const struct run_ring *ring, uint64_t after_seq, uint64_t before_bytes);

/* The next chunk, and what is missing before it, or before the end if there is none and false is
 * returned. out_piece's data is valid until the ring or what is retained changes. */
bool run_source_next(struct run_source *source, struct run_piece *out_piece,
                     struct sess_skipped *out_skipped);

#endif
