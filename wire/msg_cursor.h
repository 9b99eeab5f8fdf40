/*
 * The cursor of process/read: how far each stream of a process has been read, where a read that is
 * aligned (msg_align.h) may end inside a chunk, and how many bytes came before, so that a client
 * that falls behind learns exactly how much it missed. Clients get it as a text that means nothing
 * to them and give it back as it was.
 *
 * One cursor has one text and the other way round. Pure; any thread.
 */
#ifndef WIRE_MSG_CURSOR_H
#define WIRE_MSG_CURSOR_H

#include "wire/msg_output.h"
#include "wire/msg_record.h"

/* The longest text and a NUL. */
#define WIRE_MSG_CURSOR_BYTES 98

/* In wire_msg_cursor.before_bytes: not known. */
#define WIRE_MSG_BEFORE_UNKNOWN UINT64_MAX

/*
 * Where a stream is read on: behind everything that is numbered below seq, and behind the first
 * offset bytes of the chunk seq. That the numbers fit a process is for the caller to check.
 */
struct wire_msg_position {
    uint64_t seq;
    uint32_t offset_bytes;
};

struct wire_msg_cursor {
    struct wire_msg_position streams[WIRE_MSG_STREAMS]; /* by enum wire_msg_stream */
    uint64_t before_bytes; /* of all chunks numbered below the least seq; or BEFORE_UNKNOWN */
};

/* Writes the cursor's text, ASCII that needs no escapes, and a NUL; returns its size. */
size_t wire_msg_cursor_format(const struct wire_msg_cursor *cursor,
                              char out_text[WIRE_MSG_CURSOR_BYTES]);

/* Parses a text. False unless it is one that wire_msg_cursor_format writes. */
WIRE_MUST_CHECK bool wire_msg_cursor_parse(struct wire_span text, struct wire_msg_cursor *out);

#endif
