/*
 * The WebSocket client codec. It refuses what RFC 6455 forbids a server, because a tool that looks
 * for lost bytes must not forgive a broken frame.
 */
#include "tools/load/ws_client.h"

#include <assert.h>
#include <nettle/base64.h>
#include <nettle/sha1.h>
#include <string.h>
#include <strings.h>

const char *load_ws_error_text(int error)
{
    switch (error) {
    case LOAD_WS_ERR_ANSWER:
        return "the server did not answer the WebSocket upgrade with 101";
    case LOAD_WS_ERR_ACCEPT:
        return "Sec-WebSocket-Accept does not fit the key that was sent";
    case LOAD_WS_ERR_RESERVED:
        return "a frame with reserved bits or an unknown opcode";
    case LOAD_WS_ERR_MASKED:
        return "a masked frame from the server";
    case LOAD_WS_ERR_CONTROL:
        return "a control frame that is fragmented or longer than 125 bytes";
    case LOAD_WS_ERR_LENGTH:
        return "a frame whose length is too large or not in its shortest form";
    default:
        return "no error";
    }
}

void load_ws_make_key(const uint64_t random[2], char out_key[LOAD_WS_KEY_SIZE])
{
    base64_encode_raw(out_key, 16, (const uint8_t *)random);
    out_key[LOAD_WS_KEY_SIZE - 1] = '\0';
}

void load_ws_request(struct load_buffer *out, const char *host, const char *path, const char *key,
                     const char *token)
{
    load_buffer_format(out, "GET %s HTTP/1.1\r\nHost: %s\r\n", path, host);
    load_buffer_format(out, "Connection: Upgrade\r\nUpgrade: websocket\r\n");
    load_buffer_format(out, "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n", key);
    if (token != NULL)
        load_buffer_format(out, "Authorization: Bearer %s\r\n", token);
    load_buffer_text(out, "\r\n");
}

void load_ws_accept_for(const char *key, char out_accept[29])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    struct sha1_ctx sha1;
    uint8_t digest[SHA1_DIGEST_SIZE];

    sha1_init(&sha1);
    sha1_update(&sha1, strlen(key), (const uint8_t *)key);
    sha1_update(&sha1, sizeof guid - 1, (const uint8_t *)guid);
    sha1_digest(&sha1, sizeof digest, digest);
    base64_encode_raw(out_accept, sizeof digest, digest);
    out_accept[28] = '\0';
}

/* Finds the value of a header within a head that ends with an empty line; NULL if it has none. */
static const char *header_value(const char *head, const char *name)
{
    size_t name_length = strlen(name);
    const char *line = strstr(head, "\r\n");

    while (line != NULL && line[2] != '\r') {
        line += 2;
        if (strncasecmp(line, name, name_length) == 0 && line[name_length] == ':') {
            line += name_length + 1;
            return line + strspn(line, " \t");
        }
        line = strstr(line, "\r\n");
    }
    return NULL;
}

int load_ws_check_answer(const unsigned char *bytes, size_t size_bytes, const char *key)
{
    char head[LOAD_WS_ANSWER_LIMIT_BYTES + 1];
    char accept[29];
    const unsigned char *end = memmem(bytes, size_bytes, "\r\n\r\n", 4);
    size_t head_bytes;
    const char *value;

    if (end == NULL)
        return size_bytes > LOAD_WS_ANSWER_LIMIT_BYTES ? LOAD_WS_ERR_ANSWER : 0;
    head_bytes = (size_t)(end - bytes) + 4;
    if (head_bytes > LOAD_WS_ANSWER_LIMIT_BYTES || memchr(bytes, '\0', head_bytes) != NULL)
        return LOAD_WS_ERR_ANSWER;
    memcpy(head, bytes, head_bytes);
    head[head_bytes] = '\0';
    if (strncmp(head, "HTTP/1.1 101 ", 13) != 0)
        return LOAD_WS_ERR_ANSWER;
    value = header_value(head, "Upgrade");
    if (value == NULL || strncasecmp(value, "websocket\r", 10) != 0)
        return LOAD_WS_ERR_ANSWER;
    load_ws_accept_for(key, accept);
    value = header_value(head, "Sec-WebSocket-Accept");
    if (value == NULL || strncmp(value, accept, 28) != 0 || value[28] != '\r')
        return LOAD_WS_ERR_ACCEPT;
    return (int)head_bytes;
}

/* Reads the length behind the first two bytes. Returns the head's size, 0 for more, or an error. */
static int decode_length(const unsigned char *bytes, size_t size_bytes, uint64_t *out_length)
{
    unsigned short_length = bytes[1] & 0x7f;
    size_t extra = short_length == 127 ? 8 : short_length == 126 ? 2 : 0;
    uint64_t length = 0;

    if (size_bytes < 2 + extra)
        return 0;
    for (size_t i = 0; i < extra; i++)
        length = length << 8 | bytes[2 + i];
    if (extra == 0)
        length = short_length;
    if ((extra == 2 && length < 126) || (extra == 8 && length < 65536))
        return LOAD_WS_ERR_LENGTH;
    if (length > LOAD_WS_FRAME_LIMIT_BYTES)
        return LOAD_WS_ERR_LENGTH;
    *out_length = length;
    return (int)(2 + extra);
}

static bool is_known(unsigned opcode)
{
    return opcode <= LOAD_WS_BINARY || (opcode >= LOAD_WS_CLOSE && opcode <= LOAD_WS_PONG);
}

ptrdiff_t load_ws_decode(const unsigned char *bytes, size_t size_bytes,
                         struct load_ws_frame *out_frame)
{
    uint64_t length = 0;
    unsigned opcode;
    int head;

    if (size_bytes < 2)
        return 0;
    opcode = bytes[0] & 0x0f;
    if ((bytes[0] & 0x70) != 0 || !is_known(opcode))
        return LOAD_WS_ERR_RESERVED;
    if ((bytes[1] & 0x80) != 0)
        return LOAD_WS_ERR_MASKED;
    if (opcode >= LOAD_WS_CLOSE && ((bytes[0] & 0x80) == 0 || (bytes[1] & 0x7f) > 125))
        return LOAD_WS_ERR_CONTROL;
    head = decode_length(bytes, size_bytes, &length);
    if (head <= 0)
        return head;
    if (size_bytes - (size_t)head < length)
        return 0;
    out_frame->final = (bytes[0] & 0x80) != 0;
    out_frame->opcode = (enum load_ws_opcode)opcode;
    out_frame->payload = bytes + head;
    out_frame->payload_bytes = (size_t)length;
    return (ptrdiff_t)((size_t)head + (size_t)length);
}

/* Writes the first bytes of a frame; mask_bit is 0x80 or 0. Returns how many. */
static size_t put_head(unsigned char *head, enum load_ws_opcode opcode, size_t length,
                       unsigned mask_bit)
{
    size_t extra = length > 65535 ? 8 : length > 125 ? 2 : 0;

    head[0] = (unsigned char)(0x80u | (unsigned)opcode);
    head[1] = (unsigned char)(mask_bit | (extra == 8 ? 127u : extra == 2 ? 126u : length));
    for (size_t i = 0; i < extra; i++)
        head[2 + i] = (unsigned char)(length >> (8 * (extra - 1 - i)));
    return 2 + extra;
}

void load_ws_mask(unsigned char *bytes, size_t size_bytes, const unsigned char mask[4])
{
    for (size_t i = 0; i < size_bytes; i++)
        bytes[i] ^= mask[i & 3];
}

void load_ws_encode(struct load_buffer *out, enum load_ws_opcode opcode, const void *payload,
                    size_t payload_bytes, uint32_t mask)
{
    unsigned char *frame = load_buffer_reserve(out, payload_bytes + 14);
    size_t head_bytes = put_head(frame, opcode, payload_bytes, 0x80);

    memcpy(frame + head_bytes, &mask, 4);
    if (payload_bytes > 0)
        memcpy(frame + head_bytes + 4, payload, payload_bytes);
    load_ws_mask(frame + head_bytes + 4, payload_bytes, frame + head_bytes);
    load_buffer_commit(out, head_bytes + 4 + payload_bytes);
}

void load_ws_encode_server_head(struct load_buffer *out, enum load_ws_opcode opcode,
                                size_t payload_bytes)
{
    unsigned char *head = load_buffer_reserve(out, 10);

    load_buffer_commit(out, put_head(head, opcode, payload_bytes, 0));
}
