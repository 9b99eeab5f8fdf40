/*
 * Messages one a line: takes bytes as they arrive and gives lines. The end is "\n"; a "\r" before
 * it is dropped; lines that hold nothing but spaces, tabs and "\r" are skipped.
 *
 * A line that lies whole in one piece of input is a span of that piece; only a line that pieces cut
 * is put together in a buffer of the framer, which grows with the line, is given back behind a big
 * one, and never exceeds the limit. The same lines come out however the input is split.
 * One framer belongs to one thread at a time.
 */
#ifndef WIRE_LINE_H
#define WIRE_LINE_H

#include "wire/span.h"

/* The longest line, its "\n" not counted: the message limit of every listener. */
#define WIRE_LINE_LIMIT_DEFAULT ((size_t)64 << 20)
/* The first buffer, and the largest that is kept between lines: most requests fit. */
#define WIRE_LINE_KEEP_BYTES ((size_t)4096)

enum wire_line_result {
    WIRE_LINE_MORE = 0,           /* all input is used: push more */
    WIRE_LINE_READY = 1,          /* a line */
    WIRE_LINE_ERR_TOO_LONG = -1,  /* a line beyond the limit; final */
    WIRE_LINE_ERR_NO_MEMORY = -2, /* the buffer could not grow; final */
};

struct wire_line_options {
    size_t limit_bytes;             /* 0: WIRE_LINE_LIMIT_DEFAULT */
    const struct wire_alloc *alloc; /* borrowed until deinit; NULL: the C heap */
};

/* A stream of lines. The fields are the framer's own. */
struct wire_line {
    struct wire_line_options options;
    struct wire_span input; /* the piece being cut, what of it is not used yet */
    uint8_t *buffer;        /* the beginning of a line whose end has not come */
    size_t size;
    size_t capacity;
    int8_t error;
    bool buffer_is_given; /* the last line given was the buffer */
};

/* Begins a stream; options may be NULL for the defaults. Allocates nothing. */
void wire_line_init(struct wire_line *framer, const struct wire_line_options *options);

/* Frees the buffer. The framer may be zeroed memory that was never initialised. */
void wire_line_deinit(struct wire_line *framer);

/*
 * Gives the framer its next piece, borrowed until wire_line_next returns WIRE_LINE_MORE; the piece
 * before must have been used up (asserted). After an error it is ignored.
 */
void wire_line_push(struct wire_line *framer, struct wire_span piece);

/*
 * The next line, neither empty nor with its end. *out_line is valid until the next call on the
 * framer, and while the piece is. Returns enum wire_line_result; an error is given again each time.
 */
WIRE_MUST_CHECK int wire_line_next(struct wire_line *framer, struct wire_span *out_line);

/*
 * At the end of input, after WIRE_LINE_MORE: gives what stands behind the last "\n" as a last line.
 * Returns WIRE_LINE_READY, WIRE_LINE_MORE if there is nothing (or it is blank), or the error.
 */
WIRE_MUST_CHECK int wire_line_finish(struct wire_line *framer, struct wire_span *out_line);

#endif
