/*
 * The client's half of a WebSocket (RFC 6455) as a codec without I/O: the upgrade request, the
 * check of its answer, frames to the server (masked) and frames from it. A frame's payload is a
 * span of the bytes that were decoded; nothing is copied.
 */
#ifndef EXECPORT_TOOLS_LOAD_WS_CLIENT_H
#define EXECPORT_TOOLS_LOAD_WS_CLIENT_H

#include "tools/load/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum load_ws_opcode {
    LOAD_WS_CONTINUATION = 0,
    LOAD_WS_TEXT = 1,
    LOAD_WS_BINARY = 2,
    LOAD_WS_CLOSE = 8,
    LOAD_WS_PING = 9,
    LOAD_WS_PONG = 10,
};

enum {
    LOAD_WS_KEY_SIZE = 25,                     /* a key as text, with its NUL */
    LOAD_WS_ANSWER_LIMIT_BYTES = 16384,        /* an upgrade answer longer than this is refused */
    LOAD_WS_FRAME_LIMIT_BYTES = 256 * 1048576, /* a frame above this is a server gone wrong */
};

/* Why bytes from the server were refused. */
enum load_ws_error {
    LOAD_WS_ERR_ANSWER = -1,   /* no 101 answer, or headers that do not fit */
    LOAD_WS_ERR_ACCEPT = -2,   /* Sec-WebSocket-Accept is not made from our key */
    LOAD_WS_ERR_RESERVED = -3, /* reserved bits or an unknown opcode */
    LOAD_WS_ERR_MASKED = -4,   /* servers must not mask */
    LOAD_WS_ERR_CONTROL = -5,  /* a control frame that is long or fragmented */
    LOAD_WS_ERR_LENGTH = -6,   /* a length not in its shortest form, or too large */
};

struct load_ws_frame {
    bool final;
    enum load_ws_opcode opcode;
    const unsigned char *payload;
    size_t payload_bytes;
};

/* A short phrase for an enum load_ws_error. */
const char *load_ws_error_text(int error);

/* Makes a key from 128 random bits. */
void load_ws_make_key(const uint64_t random[2], char out_key[LOAD_WS_KEY_SIZE]);

/* Appends the upgrade request. token may be NULL. */
void load_ws_request(struct load_buffer *out, const char *host, const char *path, const char *key,
                     const char *token);

/*
 * Checks the answer at the start of bytes. Returns the size of its head, 0 if more bytes are
 * needed, or an enum load_ws_error.
 */
int load_ws_check_answer(const unsigned char *bytes, size_t size_bytes, const char *key);

/*
 * Decodes the frame at the start of bytes. Returns its whole size, 0 if more bytes are needed, or
 * an enum load_ws_error.
 */
ptrdiff_t load_ws_decode(const unsigned char *bytes, size_t size_bytes,
                         struct load_ws_frame *out_frame);

/* Appends one final frame, masked with mask. */
void load_ws_encode(struct load_buffer *out, enum load_ws_opcode opcode, const void *payload,
                    size_t payload_bytes, uint32_t mask);

/* Appends the head of a final frame as a server sends it, for payload_bytes to follow. */
void load_ws_encode_server_head(struct load_buffer *out, enum load_ws_opcode opcode,
                                size_t payload_bytes);

/* The text that proves that a server read the key. out_accept has room for 29 characters. */
void load_ws_accept_for(const char *key, char out_accept[29]);

/* XORs bytes with the mask, whose first byte belongs to the first byte. */
void load_ws_mask(unsigned char *bytes, size_t size_bytes, const unsigned char mask[4]);

#endif
