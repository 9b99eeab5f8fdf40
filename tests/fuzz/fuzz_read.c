/*
 * Fuzzes what replies of process/read are made of. The input is cut into pieces by its own bytes:
 * where output may be cut must be the same however it came, no more than there is, and what is held
 * back in UTF-8 must be the beginning of a character. The pieces as one string of base64 decode to
 * the input, in a buffer whose size was counted. A cursor that is taken has exactly its own text.
 */
#include <stdlib.h>

#include "wire/msg_read.h"
#include "wire/rpc_writer.h"
#include "wire/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                           \
    if (!(condition)) {                                                                            \
        abort();                                                                                   \
    }

/* The size of the piece at at: a few bytes, or many. */
static size_t piece_size(const uint8_t *data, size_t size, size_t at)
{
    size_t piece = data[at] % 8 == 7 ? 1000 : data[at] % 8;
    return piece > size - at ? size - at : piece;
}

static uint64_t align_pieces(enum wire_msg_align_mode mode, const uint8_t *data, size_t size)
{
    struct wire_msg_align align;
    wire_msg_align_init(&align, mode);
    for (size_t at = 0; at < size;) {
        size_t piece = piece_size(data, size, at);
        wire_msg_align_push(&align, wire_span_of(data + at, piece));
        if (piece == 0) {
            wire_msg_align_push(&align, wire_span_of(data + at++, 1));
        }
        at += piece;
    }
    return wire_msg_align_bytes(&align);
}

static void check_align(enum wire_msg_align_mode mode, const uint8_t *data, size_t size)
{
    struct wire_msg_align align;
    wire_msg_align_init(&align, mode);
    wire_msg_align_push(&align, wire_span_of(data, size));
    uint64_t bytes = wire_msg_align_bytes(&align);
    CHECK(bytes <= size && bytes == align_pieces(mode, data, size));
    if (mode == WIRE_MSG_ALIGN_UTF8 && bytes < size) {
        CHECK(size - bytes <= 3 && wire_utf8_step(data + bytes, size - (size_t)bytes) == 0);
    }
    if (mode == WIRE_MSG_ALIGN_LINES && bytes < size) {
        CHECK(memchr(data + bytes, '\n', size - (size_t)bytes) == NULL);
        CHECK(bytes == 0 || data[bytes - 1] == '\n');
    }
}

static void write_pieces(struct wire_json_writer *writer, const uint8_t *data, size_t size)
{
    struct wire_json_base64 base64;
    wire_json_writer_begin_base64(writer, &base64, wire_base64_best());
    for (size_t at = 0; at < size;) {
        size_t piece = piece_size(data, size, at);
        piece = piece == 0 ? 1 : piece;
        wire_json_base64_push(&base64, wire_span_of(data + at, piece));
        at += piece;
    }
    wire_json_base64_end(&base64);
}

static void check_base64(const uint8_t *data, size_t size)
{
    struct wire_json_writer writer;
    wire_json_writer_init(&writer, NULL, 0);
    write_pieces(&writer, data, size);
    size_t json_bytes = writer.needed_bytes;
    uint8_t *buffer = malloc(wire_rpc_framed_size(WIRE_RPC_LINE, json_bytes));
    CHECK(buffer != NULL && json_bytes == wire_base64_encoded_size(size) + 2);
    wire_rpc_begin_framed(&writer, WIRE_RPC_LINE, json_bytes, buffer);
    write_pieces(&writer, data, size);
    (void)wire_rpc_end_framed(&writer, WIRE_RPC_LINE);
    ptrdiff_t decoded = wire_base64_decode(
        wire_base64_best(), wire_span_of(buffer + 1, json_bytes - 2), buffer + 1, size, NULL);
    CHECK(decoded == (ptrdiff_t)size && (size == 0 || memcmp(buffer + 1, data, size) == 0));
    free(buffer);
}

static void check_cursor(const uint8_t *data, size_t size)
{
    struct wire_msg_cursor cursor;
    char text[WIRE_MSG_CURSOR_BYTES];
    if (wire_msg_cursor_parse(wire_span_of(data, size), &cursor)) {
        CHECK(wire_msg_cursor_format(&cursor, text) == size && memcmp(text, data, size) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_align(WIRE_MSG_ALIGN_NONE, data, size);
    check_align(WIRE_MSG_ALIGN_UTF8, data, size);
    check_align(WIRE_MSG_ALIGN_LINES, data, size);
    check_base64(data, size);
    check_cursor(data, size);
    return 0;
}
