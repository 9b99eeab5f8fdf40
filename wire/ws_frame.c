/*
 * Headers, close codes and masking of WebSocket frames. Masking takes 32 bytes at a turn, which
 * compilers make vectors of where they may.
 */
#include "wire/ws_frame.h"

#include "wire/utf8.h"

#include <assert.h>

bool wire_ws_close_code_is_valid(uint32_t code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

size_t wire_ws_header(uint8_t out[WIRE_WS_HEADER_MAX], uint8_t opcode, bool is_final,
                      uint64_t payload_bytes)
{
    size_t size = wire_ws_header_size(payload_bytes);
    size_t length_bytes = size - 2;
    assert(payload_bytes < (uint64_t)1 << 63 && opcode <= 0xF);
    out[0] = (uint8_t)((is_final ? 0x80 : 0) | opcode);
    out[1] = (uint8_t)(length_bytes == 0 ? payload_bytes : length_bytes == 2 ? 126 : 127);
    for (size_t i = 0; i < length_bytes; i++) {
        out[2 + i] = (uint8_t)(payload_bytes >> (8 * (length_bytes - 1 - i)));
    }
    return size;
}

size_t wire_ws_control_frame(uint8_t out[WIRE_WS_CONTROL_FRAME_MAX], uint8_t opcode,
                             struct wire_span payload)
{
    assert(payload.size <= WIRE_WS_CONTROL_MAX && opcode >= WIRE_WS_CLOSE);
    size_t header_size = wire_ws_header(out, opcode, true, payload.size);
    if (payload.size > 0) {
        memcpy(out + header_size, payload.data, payload.size);
    }
    return header_size + payload.size;
}

size_t wire_ws_close_frame(uint8_t out[WIRE_WS_CONTROL_FRAME_MAX], uint32_t code,
                           struct wire_span reason)
{
    uint8_t body[WIRE_WS_CONTROL_MAX];
    size_t size = 0;
    if (code != WIRE_WS_CLOSE_NO_CODE) {
        assert(wire_ws_close_code_is_valid(code));
        body[0] = (uint8_t)(code >> 8);
        body[1] = (uint8_t)code;
        reason.size = reason.size < sizeof body - 2 ? reason.size : sizeof body - 2;
        size = wire_utf8_valid_prefix(reason);
        if (size > 0) {
            memcpy(body + 2, reason.data, size);
        }
        size += 2;
    }
    return wire_ws_control_frame(out, WIRE_WS_CLOSE, wire_span_of(body, size));
}

/* XORs one word; the copies are how C reads a word from anywhere, and cost nothing. */
static void mask_word(uint8_t *target, const uint8_t *source, uint64_t key)
{
    uint64_t word;
    memcpy(&word, source, sizeof word);
    word ^= key;
    memcpy(target, &word, sizeof word);
}

void wire_ws_mask(uint8_t *target, const uint8_t *source, size_t size, const uint8_t key[4],
                  uint64_t phase)
{
    uint8_t turned[8];
    uint64_t word;
    size_t i = 0;
    for (size_t k = 0; k < sizeof turned; k++) {
        turned[k] = key[(phase + k) % 4];
    }
    memcpy(&word, turned, sizeof word);
    for (; i + 32 <= size; i += 32) {
        mask_word(target + i, source + i, word);
        mask_word(target + i + 8, source + i + 8, word);
        mask_word(target + i + 16, source + i + 16, word);
        mask_word(target + i + 24, source + i + 24, word);
    }
    for (; i + 8 <= size; i += 8) {
        mask_word(target + i, source + i, word);
    }
    for (; i < size; i++) {
        target[i] = source[i] ^ turned[i % 8];
    }
}
