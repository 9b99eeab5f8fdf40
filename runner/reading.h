/*
 * What one process/read gives: retained output and the resume ring, merged by number, from where
 * the client stands to where the reply is full, cut to whole characters or lines if that is asked.
 *
 *     run_reading_look(&reading, &view, &ring);
 *     if (run_reading_is_ready(&reading))
 *         run_reading_write(&reading, &writer, id);      first to count, then into the message
 *
 * Nothing is allocated: each step goes over the output again. A reply gives at most one account of
 * what is missing, before its first chunk; it ends before the next. On the session's strand, within
 * one callback.
 */
#ifndef RUN_READING_H
#define RUN_READING_H

#include "runner/source.h"
#include "wire/msg_read.h"

enum {
    RUN_READ_MESSAGE_BYTES = 1800 * 1024, /* Codex's client drops messages above about 2 MB */
    /* Decoded: a full ring of the default size and the two chunks beyond, so that one read without
     * a limit gives all that a cut has cost. Of chunks below some KiB the JSON leaves less room. */
    RUN_READ_BYTES = 1024 * 1024 + 2 * 64 * 1024,
    /* Around a chunk's base64, beside the digits of its number; and where a chunk is given in part.
     */
    RUN_READ_CHUNK_JSON_BYTES = 38,
    RUN_READ_OFFSET_JSON_BYTES = 20
};

/* What is asked. */
struct run_reading_ask {
    struct wire_msg_cursor from; /* where each stream is read on */
    uint64_t max_bytes;          /* decoded; the first chunk is given whatever its size */
    bool has_max;                /* it is the client's */
    bool wants_cursor;
    enum wire_msg_align_mode align;
};

struct run_reading {
    struct run_reading_ask ask;
    /* Found by the look. */
    const struct sess_view *view;
    const struct run_ring *ring;
    struct sess_skipped skipped;
    uint64_t known_seq;                /* the client has seen everything up to it */
    uint64_t start_seq;                /* the look began behind it */
    uint64_t end_seq;                  /* the look saw everything up to it */
    uint64_t given_seq;                /* the last chunk that is given, in part at least */
    uint64_t given[WIRE_MSG_STREAMS];  /* bytes to give of each stream */
    bool holds_back[WIRE_MSG_STREAMS]; /* there is more that waits for its character or line */
    bool is_complete;                  /* there is nothing behind the end */
};

/* The position of a client that has everything up to after_seq. */
void run_reading_start(struct wire_msg_cursor *out_from, uint64_t after_seq);

/* Everything up to this number was given to a client that stands there. */
uint64_t run_reading_after(const struct wire_msg_cursor *from);

/* Fills the reading, whose ask is set. view and ring are borrowed until it is written. */
void run_reading_look(struct run_reading *reading, const struct sess_view *view,
                      const struct run_ring *ring);

/* Whether there is something to answer with: output, a gap, the exit or the close. */
bool run_reading_is_ready(const struct run_reading *reading);

/* Writes the reply. Returns up to which number the client has everything when it has the reply. */
uint64_t run_reading_write(const struct run_reading *reading, struct wire_json_writer *writer,
                           const struct wire_base64_codec *codec, struct wire_span id);

#endif
