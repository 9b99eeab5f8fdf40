/*
 * Where a stream's text may be cut so that its reader gets whole characters or whole lines: the
 * bytes are shown in order, piece by piece, and then the number is asked for of those that can go
 * now. What is held back comes with the next bytes; a stream that has ended has nothing to wait
 * for, so its bytes all go and nobody asks here.
 *
 * Pure; one struct belongs to one thread at a time.
 */
#ifndef WIRE_MSG_ALIGN_H
#define WIRE_MSG_ALIGN_H

#include "wire/span.h"

/* Bytes without a line's end that are held back: above that a line is no line, and all go. */
#define WIRE_MSG_ALIGN_LINE_MAX 65536

enum wire_msg_align_mode {
    WIRE_MSG_ALIGN_NONE = 0,
    WIRE_MSG_ALIGN_UTF8 = 1,  /* all but the beginning of a character at the end */
    WIRE_MSG_ALIGN_LINES = 2, /* all up to the last line feed, and it */
};

/* The bytes shown so far. The fields are its own. */
struct wire_msg_align {
    enum wire_msg_align_mode mode;
    uint64_t size_bytes;
    uint64_t lines_bytes; /* up to and with the last line feed */
    uint8_t last[3];      /* the last bytes: what may begin a character and not end it */
    uint8_t last_size;
};

/* Begins with no bytes. */
void wire_msg_align_init(struct wire_msg_align *align, enum wire_msg_align_mode mode);

/* Shows the next bytes; they are not kept. */
void wire_msg_align_push(struct wire_msg_align *align, struct wire_span bytes);

/*
 * How many of the bytes, from the first on, can go now. A sequence that is cut off is held back
 * only while it may become valid: bytes that are not UTF-8 go.
 */
uint64_t wire_msg_align_bytes(const struct wire_msg_align *align);

#endif
