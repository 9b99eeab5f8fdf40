/*
 * Base64 members: unescaped in place where needed (no client seen writes escapes), then decoded,
 * in place again in that case.
 */
#include "wire/msg_chunk.h"

#include "wire/rpc_errors.h"

#include <assert.h>
#include <stdio.h>

size_t wire_msg_chunk_capacity(const struct wire_msg_chunk *chunk)
{
    return chunk->has_escapes ? chunk->text.size : wire_base64_decoded_size(chunk->text);
}

ptrdiff_t wire_msg_chunk_decode(const struct wire_msg_chunk *chunk,
                                const struct wire_base64_codec *codec, uint8_t *buffer,
                                size_t capacity, struct wire_msg_problem *out_problem)
{
    struct wire_span text = chunk->text;
    size_t bad_offset = 0;
    assert(capacity >= wire_msg_chunk_capacity(chunk));
    if (chunk->has_escapes) {
        ptrdiff_t size = wire_json_string_decode(text, buffer, capacity);
        assert(size >= 0);
        text = wire_span_of(buffer, (size_t)size);
    }
    ptrdiff_t size = wire_base64_decode(codec, text, buffer, capacity, &bad_offset);
    if (size >= 0) {
        return size;
    }
    out_problem->code = WIRE_RPC_CODE_INVALID_PARAMS;
    (void)snprintf(out_problem->text, sizeof out_problem->text,
                   "invalid base64 in `%s` at character %lu", chunk->name,
                   (unsigned long)bad_offset);
    return WIRE_MSG_ERR_PARAMS;
}
