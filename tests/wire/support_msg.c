/*
 * Parsers and writers for the tests of messages. The memory of a parser ends where its promise
 * ends, so that a sanitizer sees a promise that is too small.
 */
#include "tests/wire/support_msg.h"

#include "wire/rpc_writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

void support_msg_scratch_make(struct support_msg *msg)
{
    size_t size = WIRE_JSON_SCRATCH_BYTES(WIRE_JSON_MEMBERS_DEFAULT);
    msg->scratch_memory = malloc(size);
    assert_non_null(msg->scratch_memory);
    wire_json_scratch_init(&msg->scratch, msg->scratch_memory, size, 0x5EED);
}

void support_msg_start(struct support_msg *msg, const char *params, size_t size)
{
    memset(msg, 0, sizeof *msg);
    support_msg_scratch_make(msg);
    msg->memory = malloc(wire_msg_parser_bytes(size));
    assert_non_null(msg->memory);
    if (params) {
        msg->params = malloc(size > 0 ? size : 1);
        assert_non_null(msg->params);
        memcpy(msg->params, params, size);
        msg->span = wire_span_of(msg->params, size);
    }
    wire_msg_parser_init(&msg->parser, &msg->scratch, msg->memory, wire_msg_parser_bytes(size),
                         WIRE_MSG_PATH_POSIX);
}

void support_msg_stop(struct support_msg *msg)
{
    free(msg->scratch_memory);
    free(msg->memory);
    free(msg->params);
}

/* Whether a problem's text is the one expected; one that ends with a space is its beginning. */
static bool text_is(const char *text, const char *expected)
{
    size_t size = strlen(expected);
    return expected[size - 1] == ' ' ? strncmp(text, expected, size) == 0
                                     : strcmp(text, expected) == 0;
}

void support_msg_refusals(const struct support_refusal *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct support_refusal *row = &rows[i];
        struct support_msg msg;
        support_msg_start(&msg, row->params, row->params ? strlen(row->params) : 0);
        int error = row->parse(&msg.parser, msg.span);
        if (error != WIRE_MSG_ERR_PARAMS || msg.parser.problem.code != -32602 ||
            !text_is(msg.parser.problem.text, row->text)) {
            fail_msg("%s: %d %d %s, not %s", row->params ? row->params : "none", error,
                     msg.parser.problem.code, msg.parser.problem.text, row->text);
        }
        support_msg_stop(&msg);
    }
}

void support_msg_pairs(const struct wire_msg_pairs *pairs, const char *const *expected)
{
    size_t count = 0;
    for (; expected[2 * count]; count++) {
        assert_true(count < pairs->count);
        assert_string_equal(pairs->items[count].name, expected[2 * count]);
        assert_string_equal(pairs->items[count].value, expected[2 * count + 1]);
    }
    assert_int_equal(pairs->count, count);
}

struct wire_json_writer *support_writer_start(struct support_writer *out)
{
    wire_json_writer_init(&out->writer, out->buffer, sizeof out->buffer - 1);
    return &out->writer;
}

const char *support_writer_text(struct support_writer *out)
{
    struct wire_span json;
    assert_int_equal(wire_json_writer_finish(&out->writer, &json), 0);
    assert_ptr_equal(json.data, out->buffer);
    out->buffer[json.size] = 0;
    return (const char *)out->buffer;
}

/* A frame of json_bytes in memory with a byte behind it. The caller frees it. */
static uint8_t *write_frame(support_write *write, void *context, enum wire_rpc_framing framing,
                            size_t json_bytes)
{
    struct wire_json_writer writer;
    size_t size = wire_rpc_framed_size(framing, json_bytes);
    uint8_t *frame = malloc(size + 1);
    assert_non_null(frame);
    frame[size] = 0xA5;
    wire_rpc_begin_framed(&writer, framing, json_bytes, frame);
    write(&writer, context);
    assert_int_equal(wire_rpc_end_framed(&writer, framing), size);
    assert_int_equal(frame[size], 0xA5);
    return frame;
}

char *support_framed_text(support_write *write, void *context)
{
    struct wire_json_writer counter;
    uint8_t header[WIRE_RPC_ROOM_BEFORE];
    wire_json_writer_init(&counter, NULL, 0);
    write(&counter, context);
    size_t size = counter.needed_bytes;
    uint8_t *line = write_frame(write, context, WIRE_RPC_LINE, size);
    uint8_t *frame = write_frame(write, context, WIRE_RPC_WEBSOCKET, size);
    size_t before = wire_rpc_write_before(WIRE_RPC_WEBSOCKET, size, header);
    assert_memory_equal(frame, header, before);
    assert_memory_equal(frame + before, line, size);
    assert_int_equal(line[size], '\n');
    line[size] = 0;
    free(frame);
    return (char *)line;
}
