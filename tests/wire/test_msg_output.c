/*
 * The hot path: sizes exact to the byte in both framings and dialects, chunks of every small size,
 * numbers of every length, and what comes out read back with jansson, an implementation that is not
 * ours.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/wire/support_msg.h"
#include "tests/wire/support_random.h"
#include "wire/msg_output.h"
#include "wire/ws_frame.h"

typedef size_t size_function(const struct wire_msg_output *output);
typedef size_t write_function(const struct wire_msg_output *output,
                              const struct wire_base64_codec *codec, uint8_t *buffer);

/* Writes into memory of exactly the size computed. The caller frees it. */
static uint8_t *write_exact(const struct wire_msg_output *output, size_function *size_of,
                            write_function *write, size_t *out_size)
{
    size_t size = size_of(output);
    uint8_t *buffer = malloc(size);
    assert_non_null(buffer);
    assert_int_equal(write(output, wire_base64_best(), buffer), size);
    *out_size = size;
    return buffer;
}

static void check_text(const struct wire_msg_output *output, bool is_process, const char *expected)
{
    size_t size;
    uint8_t *frame = is_process ? write_exact(output, wire_msg_process_output_size,
                                              wire_msg_process_output_write, &size)
                                : write_exact(output, wire_msg_command_output_size,
                                              wire_msg_command_output_write, &size);
    assert_int_equal(size, strlen(expected));
    assert_memory_equal(frame, expected, size);
    free(frame);
}

static void test_msg_output_text(void **state)
{
    struct wire_msg_output output = {
        .id_json = wire_span_text("\"p\""),
        .chunk = wire_span_text("hi"),
        .seq = 1,
        .stream = WIRE_MSG_STDOUT,
        .framing = WIRE_RPC_LINE,
    };
    (void)state;
    check_text(&output, true,
               "{\"method\":\"process/output\",\"params\":{\"processId\":\"p\",\"seq\":1,"
               "\"stream\":\"stdout\",\"chunk\":\"aGk=\"}}\n");
    check_text(&output, false,
               "{\"method\":\"command/exec/outputDelta\",\"params\":{\"sessionId\":\"p\","
               "\"stream\":\"stdout\",\"chunk\":\"aGk=\"}}\n");
    output.stream = WIRE_MSG_STDERR;
    output.chunk = wire_span_of(NULL, 0);
    check_text(&output, false,
               "{\"method\":\"command/exec/outputDelta\",\"params\":{\"sessionId\":\"p\","
               "\"stream\":\"stderr\",\"chunk\":\"\"}}\n");
    output.stream = WIRE_MSG_PTY;
    output.seq = UINT64_MAX;
    check_text(&output, true,
               "{\"method\":\"process/output\",\"params\":{\"processId\":\"p\",\"seq\":"
               "18446744073709551615,\"stream\":\"pty\",\"chunk\":\"\"}}\n");
    check_text(&output, false,
               "{\"method\":\"command/exec/outputDelta\",\"params\":{\"sessionId\":\"p\","
               "\"stream\":\"stdout\",\"chunk\":\"\"}}\n");
}

/* The JSON text of a WebSocket frame, whose header must be right. */
static struct wire_span open_frame(const uint8_t *frame, size_t size)
{
    uint8_t header[WIRE_WS_HEADER_MAX];
    for (size_t header_size = 2; header_size <= 10; header_size += header_size == 2 ? 2 : 6) {
        if (wire_ws_header(header, WIRE_WS_TEXT, true, size - header_size) == header_size &&
            memcmp(frame, header, header_size) == 0) {
            return wire_span_of(frame + header_size, size - header_size);
        }
    }
    fail_msg("no good header before %lu bytes", (unsigned long)size);
    return wire_span_of(NULL, 0);
}

static void check_read_back(const struct wire_msg_output *output, const char *id)
{
    static const char *const streams[] = {"stdout", "stderr", "pty"};
    size_t size;
    uint8_t *frame =
        write_exact(output, wire_msg_process_output_size, wire_msg_process_output_write, &size);
    struct wire_span json = output->framing == WIRE_RPC_WEBSOCKET ? open_frame(frame, size)
                                                                  : wire_span_of(frame, size - 1);
    if (output->framing == WIRE_RPC_LINE) {
        assert_int_equal(frame[size - 1], '\n');
        assert_null(memchr(frame, '\n', size - 1));
    }
    json_t *root = json_loadb((const char *)json.data, json.size, 0, NULL);
    const char *method;
    const char *process_id;
    const char *stream;
    const char *chunk;
    json_int_t seq;
    assert_non_null(root);
    assert_int_equal(json_unpack(root, "{s:s, s:{s:s, s:I, s:s, s:s!}!}", "method", &method,
                                 "params", "processId", &process_id, "seq", &seq, "stream", &stream,
                                 "chunk", &chunk),
                     0);
    assert_string_equal(method, "process/output");
    assert_string_equal(process_id, id);
    assert_int_equal(seq, output->seq);
    assert_string_equal(stream, streams[output->stream]);
    uint8_t *bytes = malloc(output->chunk.size + 3);
    assert_int_equal(wire_base64_decode(wire_base64_codec_at(0), wire_span_text(chunk), bytes,
                                        output->chunk.size, NULL),
                     output->chunk.size);
    assert_memory_equal(bytes, output->chunk.data, output->chunk.size);
    free(bytes);
    json_decref(root);
    free(frame);
}

static void test_msg_output_read_back(void **state)
{
    static const char id[] = "p\"\\\n\x01\xe2\x82\xac/";
    struct support_random random = support_random_start();
    uint8_t *data = malloc(200000);
    uint8_t id_json[64];
    uint64_t seq = 1;
    (void)state;
    assert_non_null(data);
    support_random_fill(&random, data, 200000);
    struct wire_msg_output output = {
        .id_json =
            wire_span_of(id_json, wire_msg_id_json(wire_span_text(id), id_json, sizeof id_json))};
    for (size_t size = 0; size < 600; size++) {
        output.chunk = wire_span_of(data + support_random_below(&random, 1000), size);
        output.seq = seq;
        output.stream = (enum wire_msg_stream)(size % 3);
        output.framing = size % 2 ? WIRE_RPC_LINE : WIRE_RPC_WEBSOCKET;
        check_read_back(&output, id);
        seq = seq > INT64_MAX / 3 ? 1 : seq * 3;
    }
    /* Around the borders of a WebSocket length. */
    output.framing = WIRE_RPC_WEBSOCKET;
    for (size_t size = 49000; size < 49200; size++) {
        output.chunk = wire_span_of(data, size);
        check_read_back(&output, id);
    }
    output.chunk = wire_span_of(data, 200000);
    check_read_back(&output, id);
    free(data);
}

static void test_msg_output_id_json(void **state)
{
    uint8_t out[16];
    (void)state;
    assert_int_equal(wire_msg_id_json(wire_span_text("a\"b"), out, sizeof out), 6);
    assert_memory_equal(out, "\"a\\\"b\"", 6);
    assert_int_equal(wire_msg_id_json(wire_span_text("a\"b"), out, 5), 6);
    assert_int_equal(wire_msg_id_json(wire_span_of("\0", 1), NULL, 0), 8);
    assert_int_equal(wire_msg_id_json(wire_span_of(NULL, 0), out, sizeof out), 2);
}

static void test_msg_output_ends(void **state)
{
    struct support_writer out;
    struct wire_span id = wire_span_text("\"p\"");
    (void)state;
    wire_msg_process_exited(support_writer_start(&out), id, 7, INT32_MIN, false);
    assert_string_equal(support_writer_text(&out),
                        "{\"method\":\"process/exited\",\"params\":{\"processId\":\"p\",\"seq\":7,"
                        "\"exitCode\":-2147483648,\"sandboxDenied\":false}}");
    wire_msg_process_closed(support_writer_start(&out), id, 8);
    assert_string_equal(
        support_writer_text(&out),
        "{\"method\":\"process/closed\",\"params\":{\"processId\":\"p\",\"seq\":8}}");
    wire_msg_command_exited(support_writer_start(&out), id, 137);
    assert_string_equal(support_writer_text(&out),
                        "{\"method\":\"command/exec/exited\",\"params\":{\"sessionId\":\"p\","
                        "\"exitCode\":137}}");
}

/* Without a number: they come before the first or stand for a process that has none. */
static void test_msg_output_lifecycle(void **state)
{
    struct support_writer out;
    struct wire_span id = wire_span_text("\"p\"");
    (void)state;
    wire_msg_process_started(support_writer_start(&out), id, INT64_MAX);
    assert_string_equal(support_writer_text(&out),
                        "{\"method\":\"process/started\",\"params\":{\"processId\":\"p\",\"pid\":"
                        "9223372036854775807}}");
    wire_msg_process_failed(support_writer_start(&out), id, -32603,
                            wire_span_text("exec \"/\xff\": no"));
    assert_string_equal(support_writer_text(&out),
                        "{\"method\":\"process/failed\",\"params\":{\"processId\":\"p\",\"error\":"
                        "{\"code\":-32603,\"message\":\"exec \\\"/\xef\xbf\xbd\\\": no\"}}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_msg_output_text),      cmocka_unit_test(test_msg_output_read_back),
        cmocka_unit_test(test_msg_output_id_json),   cmocka_unit_test(test_msg_output_ends),
        cmocka_unit_test(test_msg_output_lifecycle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
