/*
 * What we send: envelopes, frames of both transports at every size form, and every error text with
 * its code, character for character.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/wire/support_msg.h"
#include "wire/rpc_errors.h"
#include "wire/rpc_writer.h"

static void test_rpc_writer_result(void **state)
{
    struct support_writer out;
    (void)state;
    wire_rpc_write_result(support_writer_start(&out), wire_span_text("7"), wire_span_text("{}"));
    assert_string_equal(support_writer_text(&out), "{\"id\":7,\"result\":{}}");
    wire_rpc_begin_result(support_writer_start(&out), wire_span_text("\"\\u0041\""));
    wire_json_writer_null(&out.writer);
    wire_rpc_end(&out.writer);
    assert_string_equal(support_writer_text(&out), "{\"id\":\"\\u0041\",\"result\":null}");
    wire_rpc_begin_notification(support_writer_start(&out), "a/b");
    wire_json_writer_begin_object(&out.writer);
    wire_json_writer_end_object(&out.writer);
    wire_rpc_end(&out.writer);
    assert_string_equal(support_writer_text(&out), "{\"method\":\"a/b\",\"params\":{}}");
}

static void test_rpc_writer_error(void **state)
{
    struct support_writer out;
    (void)state;
    wire_rpc_begin_error(support_writer_start(&out), wire_span_text("1"), -5,
                         wire_span_text("a\"b\xff"));
    wire_rpc_end_error(&out.writer);
    assert_string_equal(support_writer_text(&out),
                        "{\"id\":1,\"error\":{\"code\":-5,\"message\":\"a\\\"b\xef\xbf\xbd\"}}");
    wire_rpc_write_queue_full(support_writer_start(&out), wire_span_text("1"), 10, 1048576);
    assert_string_equal(support_writer_text(&out),
                        "{\"id\":1,\"error\":{\"code\":-32020,\"message\":\"stdin queue full\","
                        "\"data\":{\"queuedBytes\":10,\"limitBytes\":1048576}}}");
    wire_rpc_write_no_capacity(support_writer_start(&out), wire_span_text("1"), "descriptors", 3,
                               8);
    assert_string_equal(support_writer_text(&out),
                        "{\"id\":1,\"error\":{\"code\":-32021,\"message\":\"no capacity\","
                        "\"data\":{\"resource\":\"descriptors\",\"have\":3,\"need\":8}}}");
    wire_rpc_write_unparsable(support_writer_start(&out), WIRE_RPC_TEXT_UNPARSABLE_WS,
                              wire_span_text("127.0.0.1:5: bad"));
    assert_string_equal(support_writer_text(&out),
                        "{\"id\":-1,\"error\":{\"code\":-32600,\"message\":\"failed to parse "
                        "websocket JSON-RPC message from 127.0.0.1:5: bad\"}}");
}

struct text_row {
    enum wire_rpc_text text;
    int code;
    const char *expected; /* with the argument ID */
};

static const struct text_row text_rows[] = {
    {WIRE_RPC_TEXT_INVALID_REQUEST, -32600, "ID"},
    {WIRE_RPC_TEXT_INVALID_PARAMS, -32602, "ID"},
    {WIRE_RPC_TEXT_INTERNAL, -32603, "ID"},
    {WIRE_RPC_TEXT_NOT_FOUND, -32004, "ID"},
    {WIRE_RPC_TEXT_ARGV_EMPTY, -32602, "argv must not be empty"},
    {WIRE_RPC_TEXT_INITIALIZE_TWICE, -32600, "initialize may only be sent once per connection"},
    {WIRE_RPC_TEXT_NO_INITIALIZE, -32600, "client must call initialize before using exec methods"},
    {WIRE_RPC_TEXT_NO_INITIALIZED, -32600,
     "client must send initialized before using exec methods"},
    {WIRE_RPC_TEXT_OTHER_DIALECT, -32600, "connection speaks ID"},
    {WIRE_RPC_TEXT_UNKNOWN_SESSION, -32600, "unknown session id ID"},
    {WIRE_RPC_TEXT_NO_CAPACITY, -32021, "no capacity"},
    {WIRE_RPC_TEXT_QUEUE_FULL, -32020, "stdin queue full"},
    {WIRE_RPC_TEXT_V0_UNKNOWN_METHOD, -32600, "unknown method: ID"},
    {WIRE_RPC_TEXT_V0_STDIN_CLOSED, -32600, "stdin is closed for session ID"},
    {WIRE_RPC_TEXT_V0_SESSION_EXISTS, -32600, "session ID already exists"},
    {WIRE_RPC_TEXT_V0_WRITE_FAILED, -32603, "failed to write to process stdin"},
    {WIRE_RPC_TEXT_UNKNOWN_METHOD, -32601, "method not found: ID"},
    {WIRE_RPC_TEXT_UNPARSABLE, -32600, "failed to parse JSON-RPC message from ID"},
    {WIRE_RPC_TEXT_UNPARSABLE_WS, -32600, "failed to parse websocket JSON-RPC message from ID"},
    {WIRE_RPC_TEXT_ALREADY_ATTACHED, -32010, "session already attached"},
    {WIRE_RPC_TEXT_RESUMED, -32600, "session has been resumed by another connection"},
    {WIRE_RPC_TEXT_SANDBOX, -32602, "execport cannot enforce the sandbox that was asked for: ID"},
    {WIRE_RPC_TEXT_PROCESS_EXISTS, -32600, "process ID already exists"},
    {WIRE_RPC_TEXT_START_CANCELLED, -32600, "process ID start was cancelled"},
    {WIRE_RPC_TEXT_UNKNOWN_PROCESS, -32600, "unknown process id ID"},
    {WIRE_RPC_TEXT_PROCESS_STARTING, -32600, "process id ID is starting"},
    {WIRE_RPC_TEXT_NO_TERMINAL, -32600, "process id ID has no terminal"},
    {WIRE_RPC_TEXT_SPEC_OFF, -32600, "this server takes no ID specs"},
    {WIRE_RPC_TEXT_UNKNOWN_KEY, -32600, "unknown observer key"},
    {WIRE_RPC_TEXT_NOT_OBSERVED, -32600, "process id ID is not observed"},
};

static void test_rpc_writer_every_text(void **state)
{
    (void)state;
    assert_int_equal(sizeof text_rows / sizeof text_rows[0], WIRE_RPC_TEXT_COUNT);
    for (size_t i = 0; i < WIRE_RPC_TEXT_COUNT; i++) {
        char text[WIRE_RPC_TEXT_LIMIT];
        assert_int_equal(text_rows[i].text, i);
        assert_int_equal(wire_rpc_text_code(text_rows[i].text), text_rows[i].code);
        size_t size = wire_rpc_text_format(text_rows[i].text, wire_span_text("ID"), text);
        assert_int_equal(size, strlen(text_rows[i].expected));
        assert_memory_equal(text, text_rows[i].expected, size);
    }
}

/* An argument that does not fit is cut behind a whole character; what stands behind it stays. */
static void test_rpc_writer_text_limit(void **state)
{
    static const size_t fixed = sizeof "process " - 1 + sizeof " already exists" - 1;
    char argument[2 * WIRE_RPC_TEXT_LIMIT];
    char text[WIRE_RPC_TEXT_LIMIT];
    (void)state;
    memset(argument, 'a', sizeof argument);
    struct wire_span whole = wire_span_of(argument, sizeof argument);
    assert_int_equal(wire_rpc_text_format(WIRE_RPC_TEXT_PROCESS_EXISTS, whole, text),
                     WIRE_RPC_TEXT_LIMIT);
    assert_memory_equal(text + WIRE_RPC_TEXT_LIMIT - 15, " already exists", 15);
    memcpy(argument + WIRE_RPC_TEXT_LIMIT - fixed - 2, "\xe2\x82\xac", 3);
    assert_int_equal(wire_rpc_text_format(WIRE_RPC_TEXT_PROCESS_EXISTS, whole, text),
                     WIRE_RPC_TEXT_LIMIT - 2);
    assert_int_equal(wire_rpc_text_format(WIRE_RPC_TEXT_INTERNAL, wire_span_of(NULL, 0), text), 0);
}

static void check_frame(enum wire_rpc_framing framing, size_t json_size, const char *before,
                        size_t before_size, const char *behind)
{
    size_t behind_size = strlen(behind);
    uint8_t *buffer = malloc(WIRE_RPC_ROOM + json_size);
    assert_non_null(buffer);
    memset(buffer, 'j', WIRE_RPC_ROOM + json_size);
    assert_int_equal(wire_rpc_size_before(framing, json_size), before_size);
    assert_int_equal(wire_rpc_size_behind(framing), behind_size);
    struct wire_span frame = wire_rpc_frame(framing, buffer, json_size);
    assert_int_equal(frame.size, before_size + json_size + behind_size);
    assert_ptr_equal(frame.data, buffer + WIRE_RPC_ROOM_BEFORE - before_size);
    assert_memory_equal(frame.data, before, before_size);
    for (size_t i = 0; i < json_size; i++) {
        assert_int_equal(frame.data[before_size + i], 'j');
    }
    assert_memory_equal(frame.data + before_size + json_size, behind, behind_size);
    free(buffer);
}

static void test_rpc_writer_frames(void **state)
{
    (void)state;
    check_frame(WIRE_RPC_LINE, 0, "", 0, "\n");
    check_frame(WIRE_RPC_LINE, 70000, "", 0, "\n");
    check_frame(WIRE_RPC_WEBSOCKET, 2, "\x81\x02", 2, "");
    check_frame(WIRE_RPC_WEBSOCKET, 125, "\x81\x7d", 2, "");
    check_frame(WIRE_RPC_WEBSOCKET, 126, "\x81\x7e\x00\x7e", 4, "");
    check_frame(WIRE_RPC_WEBSOCKET, 65535, "\x81\x7e\xff\xff", 4, "");
    check_frame(WIRE_RPC_WEBSOCKET, 65536, "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10, "");
}

/* A writer that is too small counts what would have been enough. */
static void test_rpc_writer_counts(void **state)
{
    struct wire_json_writer writer;
    struct wire_span json;
    (void)state;
    wire_json_writer_init(&writer, NULL, 0);
    wire_rpc_write_text(&writer, wire_span_text("1"), WIRE_RPC_TEXT_UNKNOWN_PROCESS,
                        wire_span_text("p"));
    assert_int_equal(wire_json_writer_finish(&writer, &json), WIRE_JSON_ERR_CAPACITY);
    assert_int_equal(
        writer.needed_bytes,
        strlen("{\"id\":1,\"error\":{\"code\":-32600,\"message\":\"unknown process id p\"}}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rpc_writer_result),     cmocka_unit_test(test_rpc_writer_error),
        cmocka_unit_test(test_rpc_writer_every_text), cmocka_unit_test(test_rpc_writer_text_limit),
        cmocka_unit_test(test_rpc_writer_frames),     cmocka_unit_test(test_rpc_writer_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
