/*
 * Bytes that travel as base64 in a message: the text stays where it is until the caller has a place
 * for the bytes, so that what is written to a program's stdin is decoded straight into its queue's
 * buffer. Pure; any thread.
 */
#ifndef WIRE_MSG_CHUNK_H
#define WIRE_MSG_CHUNK_H

#include "wire/base64.h"
#include "wire/msg_parser.h"

/* The text of a chunk: a span of the message. */
struct wire_msg_chunk {
    struct wire_span text;
    const char *name; /* of the member, for problems */
    bool has_escapes; /* JSON escapes stand in it ("\/"), so it must be unescaped first */
};

/* The size of buffer that the chunk needs; the exact size of its bytes unless it has escapes. */
size_t wire_msg_chunk_capacity(const struct wire_msg_chunk *chunk);

/*
 * Decodes the chunk into buffer of at least wire_msg_chunk_capacity bytes (asserted). Returns the
 * size of the bytes, or WIRE_MSG_ERR_PARAMS with *out_problem written.
 */
WIRE_MUST_CHECK ptrdiff_t wire_msg_chunk_decode(const struct wire_msg_chunk *chunk,
                                                const struct wire_base64_codec *codec,
                                                uint8_t *buffer, size_t capacity,
                                                struct wire_msg_problem *out_problem);

#endif
