/*
 * The pieces of RFC 6455 that both directions share: opcodes, close codes, the header of a frame
 * and the masking of its payload. Frames that we send are never masked; frames that we receive must
 * be. Pure functions; any thread.
 */
#ifndef WIRE_WS_FRAME_H
#define WIRE_WS_FRAME_H

#include "wire/span.h"

/* The header of a frame that we send: 2 bytes and a length of up to 8. */
#define WIRE_WS_HEADER_MAX 10
/* The payload of a control frame (RFC 6455, section 5.5). */
#define WIRE_WS_CONTROL_MAX 125
/* A close frame or a pong that we send. */
#define WIRE_WS_CONTROL_FRAME_MAX (2 + WIRE_WS_CONTROL_MAX)

enum wire_ws_opcode {
    WIRE_WS_CONTINUATION = 0x0,
    WIRE_WS_TEXT = 0x1,
    WIRE_WS_BINARY = 0x2,
    WIRE_WS_CLOSE = 0x8,
    WIRE_WS_PING = 0x9,
    WIRE_WS_PONG = 0xA,
};

/* Close codes that we send or treat specially (RFC 6455, section 7.4.1). */
enum wire_ws_close_code {
    WIRE_WS_CLOSE_NORMAL = 1000,
    WIRE_WS_CLOSE_GOING_AWAY = 1001,
    WIRE_WS_CLOSE_PROTOCOL_ERROR = 1002,
    WIRE_WS_CLOSE_NO_CODE = 1005, /* never sent: a close frame without a body */
    WIRE_WS_CLOSE_INVALID_DATA = 1007,
    WIRE_WS_CLOSE_POLICY = 1008,
    WIRE_WS_CLOSE_TOO_BIG = 1009,
    WIRE_WS_CLOSE_INTERNAL_ERROR = 1011,
};

/*
 * Whether an endpoint may send this code: 1000 to 1003 and 1007 to 1014 (those that are assigned,
 * 1012 to 1014 by IANA), 3000 to 4999. The codes reserved for local use are not among them.
 */
bool wire_ws_close_code_is_valid(uint32_t code);

/* The size of the header before a payload of so many bytes: 2, 4 or 10. */
static inline size_t wire_ws_header_size(uint64_t payload_bytes)
{
    return payload_bytes <= 125 ? 2 : payload_bytes <= UINT16_MAX ? 4 : 10;
}

/*
 * Writes the header of an unmasked frame with the shortest length that holds payload_bytes (below
 * 2^63, asserted). opcode is an enum wire_ws_opcode. Returns wire_ws_header_size.
 */
size_t wire_ws_header(uint8_t out[WIRE_WS_HEADER_MAX], uint8_t opcode, bool is_final,
                      uint64_t payload_bytes);

/*
 * Writes a whole ping or pong; payload at most WIRE_WS_CONTROL_MAX (asserted). Returns its size.
 */
size_t wire_ws_control_frame(uint8_t out[WIRE_WS_CONTROL_FRAME_MAX], uint8_t opcode,
                             struct wire_span payload);

/*
 * Writes a whole close frame. With WIRE_WS_CLOSE_NO_CODE it has no body, else the code (valid:
 * asserted) and as much of reason, which is UTF-8, as fits without cutting a character. Returns its
 * size.
 */
size_t wire_ws_close_frame(uint8_t out[WIRE_WS_CONTROL_FRAME_MAX], uint32_t code,
                           struct wire_span reason);

/*
 * XORs size bytes of source with the four bytes of key over and over, beginning with
 * key[phase % 4], into target, which may be source and must not overlap it otherwise. Masking and
 * unmasking are the same.
 */
void wire_ws_mask(uint8_t *target, const uint8_t *source, size_t size, const uint8_t key[4],
                  uint64_t phase);

#endif
