/*
 * wait and waitAny: params with every refusal, the exit record with what the host cannot tell, and
 * replies read back with jansson.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/wire/support_msg.h"
#include "tests/wire/support_random.h"
#include "wire/msg_output.h"
#include "wire/msg_wait.h"

static int parse_wait(struct wire_msg_parser *parser, struct wire_span params)
{
    struct wire_msg_process_wait out;
    return wire_msg_process_wait_parse(parser, params, &out);
}

static int parse_any(struct wire_msg_parser *parser, struct wire_span params)
{
    struct wire_msg_process_wait_any out;
    return wire_msg_process_wait_any_parse(parser, params, &out);
}

#define TIME_TEXT "expected an integer from 0 to 1099511627776"
#define ANY(item) "{\"processes\":[{\"processId\":\"p\"}," item "]}"

static const struct support_refusal refusals[] = {
    {parse_wait, NULL, "missing field `processId`"},
    {parse_wait, "{\"timeoutMs\":1}", "missing field `processId`"},
    {parse_wait, "{\"processId\":7}", "invalid type for `processId`: expected a string"},
    {parse_wait, "{\"processId\":\"p\",\"timeoutMs\":-1}",
     "invalid type for `timeoutMs`: " TIME_TEXT},
    {parse_wait, "{\"processId\":\"p\",\"timeoutMs\":1e3}",
     "invalid type for `timeoutMs`: " TIME_TEXT},
    {parse_wait, "{\"processId\":\"p\",\"timeoutMs\":1099511627777}",
     "invalid type for `timeoutMs`: " TIME_TEXT},
    {parse_any, "{}", "missing field `processes`"},
    {parse_any, "{\"processes\":[]}", "`processes` must not be empty"},
    {parse_any, "{\"processes\":null}",
     "invalid type for `processes`: expected an array of objects"},
    {parse_any, "{\"processes\":{}}", "invalid type for `processes`: expected an array of objects"},
    {parse_any, ANY("\"p\""), "invalid type for `processes[1]`: expected an object"},
    {parse_any, ANY("{}"), "missing field `processes[1].processId`"},
    {parse_any, ANY("{\"processId\":1}"),
     "invalid type for `processes[1].processId`: expected a string"},
    {parse_any, ANY("{\"processId\":\"p\",\"afterSeq\":-1}"),
     "invalid type for `processes[1].afterSeq`: expected an integer from 0 to "
     "18446744073709551615"},
    {parse_any, ANY("{\"processId\":\"p\",\"match\":1}"),
     "invalid type for `processes[1].match`: expected a string in base64"},
    {parse_any, ANY("{\"processId\":\"p\",\"match\":\"\"}"),
     "`processes[1].match` must not be empty"},
    {parse_any, ANY("{\"processId\":\"p\",\"match\":\"aGk\"}"),
     "invalid base64 in `processes[1].match` at character 3"},
    {parse_any, ANY("{\"processId\":\"p\",\"match\":\"a*==\"}"),
     "invalid base64 in `processes[1].match` at character 1"},
    {parse_any, "{\"processes\":[{\"processId\":\"p\"}],\"timeoutMs\":\"1\"}",
     "invalid type for `timeoutMs`: " TIME_TEXT},
    {parse_any, "{\"processes\":[{\"processId\":\"p\"}", "malformed params: "},
    {parse_any, "{\"processes\":[{\"processId\":\"p\"", "malformed params: "},
};

static void test_msg_wait_refusals(void **state)
{
    (void)state;
    support_msg_refusals(refusals, sizeof refusals / sizeof refusals[0]);
}

static void check_wait(const char *params, bool has_timeout, uint64_t timeout_ms)
{
    struct support_msg msg;
    struct wire_msg_process_wait wait;
    support_msg_start(&msg, params, strlen(params));
    assert_int_equal(wire_msg_process_wait_parse(&msg.parser, msg.span, &wait), 0);
    assert_true(wire_span_equal(wait.process_id, wire_span_text("p")));
    assert_int_equal(wait.timeout_ms.is_present, has_timeout);
    assert_true(wait.timeout_ms.value == timeout_ms);
    support_msg_stop(&msg);
}

static void test_msg_wait_params(void **state)
{
    (void)state;
    check_wait("{\"processId\":\"p\"}", false, 0);
    check_wait("{\"processId\":\"p\",\"timeoutMs\":null}", false, 0);
    check_wait("{\"processId\":\"p\",\"timeoutMs\":0}", true, 0);
    check_wait("{\"processId\":\"p\",\"timeoutMs\":1099511627776}", true, WIRE_MSG_MS_MAX);
}

static void test_msg_wait_any_params(void **state)
{
    static const char params[] =
        "{\"processes\":[{\"processId\":\"a\"},{\"match\":\"aG\\u006b=\",\"processId\":\"b\","
        "\"afterSeq\":18446744073709551615,\"x\":[]},{\"processId\":\"a\",\"afterSeq\":null,"
        "\"match\":null}],\"timeoutMs\":5}";
    struct support_msg msg;
    struct wire_msg_process_wait_any any;
    (void)state;
    support_msg_start(&msg, params, sizeof params - 1);
    assert_int_equal(wire_msg_process_wait_any_parse(&msg.parser, msg.span, &any), 0);
    assert_int_equal(any.count, 3);
    assert_true(any.timeout_ms.is_present && any.timeout_ms.value == 5);
    assert_true(wire_span_equal(any.items[0].process_id, wire_span_text("a")));
    assert_true(wire_span_equal(any.items[1].process_id, wire_span_text("b")));
    assert_true(wire_span_equal(any.items[2].process_id, wire_span_text("a")));
    assert_true(any.items[1].after_seq == UINT64_MAX && any.items[2].after_seq == 0);
    assert_true(wire_span_equal(any.items[1].match, wire_span_text("hi")));
    assert_null(any.items[0].match.data);
    assert_null(any.items[2].match.data);
    support_msg_stop(&msg);
}

/* The shortest items there are, in memory of the promised size at every alignment. */
static void check_count(size_t count, size_t shift)
{
    char *params = malloc(count * 20 + 64);
    size_t memory_size;
    struct support_msg msg;
    struct wire_msg_process_wait_any any;
    assert_non_null(params);
    size_t size = (size_t)sprintf(params, "{\"processes\":[");
    for (size_t i = 0; i < count; i++) {
        size += (size_t)sprintf(params + size, "%s{\"processId\":\"\"}", i > 0 ? "," : "");
    }
    size += (size_t)sprintf(params + size, "]}");
    memory_size = wire_msg_parser_bytes(size);
    uint8_t *memory = malloc(memory_size + shift);
    assert_non_null(memory);
    support_msg_start(&msg, params, size);
    wire_msg_parser_init(&msg.parser, &msg.scratch, memory + shift, memory_size,
                         WIRE_MSG_PATH_POSIX);
    int error = wire_msg_process_wait_any_parse(&msg.parser, msg.span, &any);
    if (count <= WIRE_MSG_WAIT_ANY_MAX) {
        assert_int_equal(error, 0);
        assert_int_equal(any.count, count);
    } else {
        assert_int_equal(error, WIRE_MSG_ERR_PARAMS);
        assert_string_equal(msg.parser.problem.text, "`processes` has more than 16384 elements");
    }
    support_msg_stop(&msg);
    free(memory);
    free(params);
}

static void test_msg_wait_any_counts(void **state)
{
    (void)state;
    for (size_t count = 1; count < 40; count++) {
        check_count(count, count % 16);
    }
    check_count(WIRE_MSG_WAIT_ANY_MAX, 3);
    check_count(WIRE_MSG_WAIT_ANY_MAX + 1, 0);
}

static void check_match_size(size_t size, bool is_good)
{
    uint8_t bytes[WIRE_MSG_MATCH_MAX + 1];
    char params[2 * sizeof bytes + 128];
    struct support_random random = {size};
    struct support_msg msg;
    struct wire_msg_process_wait_any any;
    support_random_fill(&random, bytes, size);
    size_t at = (size_t)sprintf(params, "{\"processes\":[{\"processId\":\"p\",\"match\":\"");
    at += wire_base64_encode(wire_base64_best(), wire_span_of(bytes, size), (uint8_t *)params + at);
    at += (size_t)sprintf(params + at, "\"}]}");
    support_msg_start(&msg, params, at);
    int error = wire_msg_process_wait_any_parse(&msg.parser, msg.span, &any);
    if (is_good) {
        assert_int_equal(error, 0);
        assert_true(wire_span_equal(any.items[0].match, wire_span_of(bytes, size)));
    } else {
        assert_int_equal(error, WIRE_MSG_ERR_PARAMS);
        assert_string_equal(msg.parser.problem.text,
                            "`processes[0].match` is longer than 1024 bytes");
    }
    support_msg_stop(&msg);
}

static void test_msg_wait_any_match_sizes(void **state)
{
    (void)state;
    for (size_t size = 1; size < 70; size++) {
        check_match_size(size, true);
    }
    check_match_size(WIRE_MSG_MATCH_MAX, true);
    check_match_size(WIRE_MSG_MATCH_MAX + 1, false);
}

static void write_record(struct wire_json_writer *writer, void *context)
{
    wire_msg_process_wait_reply(writer, wire_span_text("\"i\""), context);
}

static void test_msg_wait_record(void **state)
{
    struct wire_msg_record record = {.exit_code = 137,
                                     .signal = 9,
                                     .ended_by = "time_limit",
                                     .close_reason = "drain_timeout",
                                     .started_at_ms = 1700000000000,
                                     .exited_at_ms = 1700000000250,
                                     .duration_ms = 250,
                                     .has_cpu = true,
                                     .cpu_user_us = 1,
                                     .cpu_system_us = 2,
                                     .has_peak_rss = true,
                                     .peak_rss_bytes = 3,
                                     .bytes_in = 4,
                                     .bytes_out = {5, 6, 7}};
    (void)state;
    char *text = support_framed_text(write_record, &record);
    assert_string_equal(
        text, "{\"id\":\"i\",\"result\":{\"exitCode\":137,\"code\":0,\"signal\":9,\"endedBy\":"
              "\"time_limit\",\"startedAtMs\":1700000000000,\"exitedAtMs\":1700000000250,"
              "\"durationMs\":250,\"cpuUserUs\":1,\"cpuSystemUs\":2,\"peakRssBytes\":3,\"bytesIn\":"
              "4,\"bytesOut\":{\"stdout\":5,\"stderr\":6,\"pty\":7},\"closeReason\":"
              "\"drain_timeout\"}}");
    free(text);
    record = (struct wire_msg_record){.exit_code = -1073741510,
                                      .code = -1073741510,
                                      .ended_by = "itself",
                                      .bytes_in = UINT64_MAX};
    text = support_framed_text(write_record, &record);
    assert_string_equal(
        text, "{\"id\":\"i\",\"result\":{\"exitCode\":-1073741510,\"code\":-1073741510,\"signal\":"
              "0,\"endedBy\":\"itself\",\"startedAtMs\":0,\"exitedAtMs\":0,\"durationMs\":0,"
              "\"cpuUserUs\":null,\"cpuSystemUs\":null,\"peakRssBytes\":null,\"bytesIn\":"
              "18446744073709551615,\"bytesOut\":{\"stdout\":0,\"stderr\":0,\"pty\":0},"
              "\"closeReason\":null}}");
    free(text);
    text = support_framed_text(write_record, NULL);
    assert_string_equal(text, "{\"id\":\"i\",\"result\":{\"timedOut\":true}}");
    free(text);
}

struct any_reply {
    const struct wire_msg_ready *ready;
    size_t count;
    bool has_timed_out;
};

static void write_any(struct wire_json_writer *writer, void *context)
{
    const struct any_reply *reply = context;
    wire_msg_wait_any_begin(writer, wire_span_text("1"));
    for (size_t i = 0; i < reply->count; i++) {
        wire_msg_wait_any_ready(writer, &reply->ready[i]);
    }
    wire_msg_wait_any_end(writer, reply->has_timed_out);
}

static void test_msg_wait_any_reply(void **state)
{
    const struct wire_span id = wire_span_text("\"p\\\"\"");
    const struct wire_msg_ready ready[] = {
        {.process_id_json = id, .reason = WIRE_MSG_READY_OUTPUT, .next_seq = 2, .match_seq = 9},
        {.process_id_json = id,
         .reason = WIRE_MSG_READY_EXITED,
         .next_seq = 3,
         .gone = {WIRE_MSG_GONE_EXITED, 143, "client"}},
        {.process_id_json = id,
         .reason = WIRE_MSG_READY_CLOSED,
         .next_seq = 4,
         .gone = {WIRE_MSG_GONE_EXITED, -1, "itself"}},
        {.process_id_json = id,
         .reason = WIRE_MSG_READY_MATCH,
         .next_seq = 5,
         .match_seq = 4,
         .match_offset = 65535},
        {.process_id_json = id,
         .reason = WIRE_MSG_READY_UNKNOWN,
         .gone = {.reason = WIRE_MSG_GONE_EXPIRED}},
    };
    struct any_reply reply = {.has_timed_out = true};
    (void)state;
    char *text = support_framed_text(write_any, &reply);
    assert_string_equal(text, "{\"id\":1,\"result\":{\"ready\":[],\"timedOut\":true}}");
    free(text);
    reply = (struct any_reply){ready, 5, false};
    text = support_framed_text(write_any, &reply);
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    json_t *expected =
        json_pack("{s:i, s:{s:[{s:s,s:s,s:i}, {s:s,s:s,s:i,s:i,s:s}, {s:s,s:s,s:i,s:i,s:s}, "
                  "{s:s,s:s,s:i,s:i,s:i}, {s:s,s:s,s:i,s:s}], s:b}}",
                  "id", 1, "result", "ready", "processId", "p\"", "reason", "output", "nextSeq", 2,
                  "processId", "p\"", "reason", "exited", "nextSeq", 3, "exitCode", 143, "endedBy",
                  "client", "processId", "p\"", "reason", "closed", "nextSeq", 4, "exitCode", -1,
                  "endedBy", "itself", "processId", "p\"", "reason", "match", "nextSeq", 5,
                  "matchSeq", 4, "matchOffset", 65535, "processId", "p\"", "reason", "unknown",
                  "nextSeq", 0, "unknownReason", "expired", "timedOut", 0);
    assert_non_null(expected);
    assert_true(json_equal(root, expected));
    json_decref(expected);
    json_decref(root);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_msg_wait_refusals),        cmocka_unit_test(test_msg_wait_params),
        cmocka_unit_test(test_msg_wait_any_params),      cmocka_unit_test(test_msg_wait_any_counts),
        cmocka_unit_test(test_msg_wait_any_match_sizes), cmocka_unit_test(test_msg_wait_record),
        cmocka_unit_test(test_msg_wait_any_reply),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
