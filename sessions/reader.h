/*
 * Reading retained output whole: every chunk of which all bytes are kept, in the order of numbers,
 * from any number on, with an exact account of what is missing before it.
 *
 * What is missing is one run of chunks: the one that the border between head and tail cuts (it is
 * given by no read, though a snapshot has what is kept of it), and those that fell out of the
 * middle. How many bytes lie between a reader and the next chunk is known exactly for a reader
 * before or behind that run; inside of it for one that is not more than SESS_LOST_SIZES_MAX chunks
 * away from its end (if anything is retained at all), or that brings along how many bytes came
 * before it.
 *
 * A reader is plain data: it may be kept, or sent to a client and come back. Threads: on the strand
 * that owns the head and tail.
 */
#ifndef SESSIONS_READER_H
#define SESSIONS_READER_H

#include "sessions/headtail.h"

/* In sess_reader.before_bytes: not known. */
#define SESS_BYTES_UNKNOWN UINT64_MAX

struct sess_reader {
    uint64_t after_seq;    /* everything up to this number was read or is known to be missing */
    uint64_t before_bytes; /* of all chunks up to it, over all streams; or SESS_BYTES_UNKNOWN */
};

/* Chunks that are given by no read. */
struct sess_skipped {
    uint64_t first_seq, last_seq; /* numbers of chunks; 0: nothing is missing here */
    uint64_t bytes;               /* of all of them, whole */
    bool is_exact;                /* else bytes is only an upper bound */
};

/* Sets a reader behind a number. exited_seq, the number of the exit or 0, is no chunk's.
 * before_bytes is what a reader that stood there had, or SESS_BYTES_UNKNOWN; it is used only where
 * what is retained does not tell. */
void sess_reader_init(struct sess_reader *reader, const struct sess_headtail *headtail,
                      uint64_t exited_seq, uint64_t after_seq, uint64_t before_bytes);

/* Gives the next whole chunk and moves the reader behind it. *out_skipped is written each time:
 * what is missing between the reader and the chunk, or, when there is none and false is returned,
 * between the reader and the end; the reader has moved behind that too. out_piece's data is valid
 * until the next append or shrink. */
bool sess_reader_next(struct sess_reader *reader, const struct sess_headtail *headtail,
                      uint64_t exited_seq, struct sess_piece *out_piece,
                      struct sess_skipped *out_skipped);

#endif
