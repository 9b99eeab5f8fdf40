/*
 * Parsers and writers for the tests of messages. The memory of a parser ends where its promise
 * ends, so that a sanitizer sees a promise that is too small.
 */
#include "tests/wire/support_msg.h"

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
