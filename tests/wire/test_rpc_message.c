/*
 * The envelope: each of the four shapes, ids given back as they stood, limits, and everything that
 * is not a message with its reason and place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/wire/support_msg.h"

struct parsed {
    struct support_msg memory;
    struct wire_rpc_message message;
    struct wire_rpc_problem problem;
    int result;
};

static void parse(struct parsed *parsed, const char *text, size_t size)
{
    memset(parsed, 0, sizeof *parsed);
    support_msg_start(&parsed->memory, text, size);
    parsed->result = wire_rpc_parse(parsed->memory.span, &parsed->memory.scratch, &parsed->message,
                                    &parsed->problem);
}

static void assert_span(struct wire_span span, const char *expected)
{
    if (!expected) {
        assert_null(span.data);
        return;
    }
    if (!wire_span_equal(span, wire_span_text(expected))) {
        fail_msg("%.*s is not %s", (int)span.size, (const char *)span.data, expected);
    }
}

struct good_row {
    const char *text;
    int kind;
    const char *id;
    const char *method;
    const char *params;
    const char *body;
};

static const struct good_row good_rows[] = {
    {"{\"id\":1,\"method\":\"a/b\",\"params\":{\"x\":[1]}}", WIRE_RPC_REQUEST, "1", "a/b",
     "{\"x\":[1]}", NULL},
    {"{\"method\":\"a\",\"id\":\"x\\u0041\\n\"}", WIRE_RPC_REQUEST, "\"x\\u0041\\n\"", "a", NULL,
     NULL},
    {"{\"id\":\"\",\"method\":\"\"}", WIRE_RPC_REQUEST, "\"\"", "", NULL, NULL},
    {"{\"id\":-9223372036854775808,\"method\":\"a\",\"params\":null}", WIRE_RPC_REQUEST,
     "-9223372036854775808", "a", NULL, NULL},
    {"{\"id\":9223372036854775807,\"method\":\"a\",\"params\":[]}", WIRE_RPC_REQUEST,
     "9223372036854775807", "a", "[]", NULL},
    {"{\"id\":-0,\"method\":\"a\",\"params\":7}", WIRE_RPC_REQUEST, "-0", "a", "7", NULL},
    {" { \"jsonrpc\" : \"2.0\" , \"id\" : 7 , \"method\" : \"a\" , \"params\" : { \"y\" : 1 } } ",
     WIRE_RPC_REQUEST, "7", "a", "{ \"y\" : 1 }", NULL},
    {"{\"id\":1,\"method\":\"pro\\u0063ess\\/start\"}", WIRE_RPC_REQUEST, "1", "process/start",
     NULL, NULL},
    {"{\"i\\u0064\":1,\"m\\u0065thod\":\"a\"}", WIRE_RPC_REQUEST, "1", "a", NULL, NULL},
    {"{\"id\":1,\"method\":\"a\",\"result\":1,\"error\":2,\"other\":{\"id\":3}}", WIRE_RPC_REQUEST,
     "1", "a", NULL, NULL},
    {"{\"method\":\"initialized\"}", WIRE_RPC_NOTIFICATION, NULL, "initialized", NULL, NULL},
    {"{\"id\":null,\"method\":\"a\",\"params\":{}}", WIRE_RPC_NOTIFICATION, NULL, "a", "{}", NULL},
    {"{\"id\":1,\"result\":{\"a\":1}}", WIRE_RPC_RESPONSE, "1", NULL, NULL, "{\"a\":1}"},
    {"{\"id\":1,\"result\":null}", WIRE_RPC_RESPONSE, "1", NULL, NULL, "null"},
    {"{\"id\":1,\"result\":1,\"error\":null}", WIRE_RPC_RESPONSE, "1", NULL, NULL, "1"},
    {"{\"error\":{\"code\":-1,\"message\":\"x\"},\"id\":2}", WIRE_RPC_ERROR, "2", NULL, NULL,
     "{\"code\":-1,\"message\":\"x\"}"},
    {"{\"error\":{},\"id\":null}", WIRE_RPC_ERROR, NULL, NULL, NULL, "{}"},
};

static void test_rpc_message_shapes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good_rows / sizeof good_rows[0]; i++) {
        const struct good_row *row = &good_rows[i];
        struct parsed parsed;
        parse(&parsed, row->text, strlen(row->text));
        if (parsed.result != row->kind) {
            fail_msg("%s: %d %s", row->text, parsed.result, parsed.problem.text);
        }
        assert_int_equal(parsed.message.kind, row->kind);
        assert_span(parsed.message.id, row->id);
        assert_span(parsed.message.method, row->method);
        assert_span(parsed.message.params, row->params);
        assert_span(parsed.message.body, row->body);
        support_msg_stop(&parsed.memory);
    }
}

struct bad_row {
    const char *text;
    int error;
    size_t offset;
    const char *reason;
};

static const struct bad_row bad_rows[] = {
    {"", WIRE_RPC_ERR_PARSE, 0, NULL},
    {"{", WIRE_RPC_ERR_PARSE, 1, NULL},
    {"not json", WIRE_RPC_ERR_PARSE, 1, NULL},
    {"{\"id\":1,\"method\":\"a\"", WIRE_RPC_ERR_PARSE, 20, NULL},
    {"{\"id\":1,\"method\":\"a\"} x", WIRE_RPC_ERR_PARSE, 22, NULL},
    {"{\"id\":1,\"method\":\"a\"}{}", WIRE_RPC_ERR_PARSE, 21, NULL},
    {"{\"id\":1,\"id\":2,\"method\":\"a\"}", WIRE_RPC_ERR_PARSE, 8, NULL},
    {"{\"id\":1,\"method\":\"a\",\"params\":{\"x\":1,\"\\u0078\":2}}", WIRE_RPC_ERR_PARSE, 37,
     NULL},
    {"{\"id\":01,\"method\":\"a\"}", WIRE_RPC_ERR_PARSE, 7, NULL},
    {"{\"method\":\"\xff\"}", WIRE_RPC_ERR_PARSE, 11, NULL},
    {"[1,2", WIRE_RPC_ERR_PARSE, 4, NULL},
    {"[] []", WIRE_RPC_ERR_PARSE, 3, NULL},
    {"[]", WIRE_RPC_ERR_INVALID, 2, "message is not an object"},
    {"[{\"id\":1,\"method\":\"a\"}]", WIRE_RPC_ERR_INVALID, 23, "message is not an object"},
    {"\"text\"", WIRE_RPC_ERR_INVALID, 6, "message is not an object"},
    {"null", WIRE_RPC_ERR_INVALID, 4, "message is not an object"},
    {"{}", WIRE_RPC_ERR_INVALID, 2, "neither a method nor the answer to one"},
    {"{\"id\":1}", WIRE_RPC_ERR_INVALID, 8, "neither a method nor the answer to one"},
    {"{\"id\":1,\"params\":{}}", WIRE_RPC_ERR_INVALID, 20,
     "neither a method nor the answer to one"},
    {"{\"result\":1}", WIRE_RPC_ERR_INVALID, 12, "neither a method nor the answer to one"},
    {"{\"id\":null,\"result\":1}", WIRE_RPC_ERR_INVALID, 22,
     "neither a method nor the answer to one"},
    {"{\"id\":1,\"result\":1,\"error\":{}}", WIRE_RPC_ERR_INVALID, 30,
     "result and error in one message"},
    {"{\"id\":1,\"error\":5}", WIRE_RPC_ERR_INVALID, 18, "error is not an object"},
    {"{\"id\":1.0,\"method\":\"a\"}", WIRE_RPC_ERR_INVALID, 9,
     "id is neither a string nor a 64-bit integer"},
    {"{\"id\":1e2,\"method\":\"a\"}", WIRE_RPC_ERR_INVALID, 9,
     "id is neither a string nor a 64-bit integer"},
    {"{\"id\":9223372036854775808,\"method\":\"a\"}", WIRE_RPC_ERR_INVALID, 25,
     "id is neither a string nor a 64-bit integer"},
    {"{\"id\":true,\"method\":\"a\"}", WIRE_RPC_ERR_INVALID, 10,
     "id is neither a string nor a 64-bit integer"},
    {"{\"id\":[],\"method\":\"a\"}", WIRE_RPC_ERR_INVALID, 7,
     "id is neither a string nor a 64-bit integer"},
    {"{\"id\":{},\"method\":\"a\"}", WIRE_RPC_ERR_INVALID, 7,
     "id is neither a string nor a 64-bit integer"},
    {"{\"id\":1,\"method\":7}", WIRE_RPC_ERR_INVALID, 18, "method is not a string"},
    {"{\"id\":1,\"method\":null}", WIRE_RPC_ERR_INVALID, 21, "method is not a string"},
};

static void test_rpc_message_refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_rows / sizeof bad_rows[0]; i++) {
        const struct bad_row *row = &bad_rows[i];
        struct parsed parsed;
        parse(&parsed, row->text, strlen(row->text));
        if (parsed.result != row->error || parsed.problem.offset != row->offset) {
            fail_msg("%s: %d at %lu: %s", row->text, parsed.result,
                     (unsigned long)parsed.problem.offset, parsed.problem.text);
        }
        assert_non_null(parsed.problem.text);
        if (row->reason) {
            assert_string_equal(parsed.problem.text, row->reason);
        }
        support_msg_stop(&parsed.memory);
    }
}

/* A message whose method, or string id, has exactly size raw characters. */
static int parse_sized(bool is_method, size_t size, const char *before)
{
    char text[1024];
    char filler[512];
    struct parsed parsed;
    memset(filler, 'm', sizeof filler);
    int filler_size = (int)(size - strlen(before));
    int written = snprintf(text, sizeof text, "{\"id\":\"%s%.*s\",\"method\":\"%s%.*s\"}",
                           is_method ? "" : before, is_method ? 0 : filler_size, filler,
                           is_method ? before : "", is_method ? filler_size : 0, filler);
    assert_in_range(written, 1, sizeof text - 1);
    parse(&parsed, text, (size_t)written);
    int result = parsed.result;
    support_msg_stop(&parsed.memory);
    return result;
}

static void test_rpc_message_limits(void **state)
{
    (void)state;
    assert_int_equal(parse_sized(true, WIRE_RPC_METHOD_LIMIT, ""), WIRE_RPC_REQUEST);
    assert_int_equal(parse_sized(true, WIRE_RPC_METHOD_LIMIT + 1, ""), WIRE_RPC_ERR_INVALID);
    assert_int_equal(parse_sized(true, WIRE_RPC_METHOD_LIMIT, "\\u0041"), WIRE_RPC_REQUEST);
    assert_int_equal(parse_sized(true, WIRE_RPC_METHOD_LIMIT + 1, "\\u0041"), WIRE_RPC_ERR_INVALID);
    assert_int_equal(parse_sized(false, WIRE_RPC_ID_LIMIT - 2, ""), WIRE_RPC_REQUEST);
    assert_int_equal(parse_sized(false, WIRE_RPC_ID_LIMIT - 1, ""), WIRE_RPC_ERR_INVALID);
}

/* Every proper beginning of a message is cut off, and says so at its end. */
static void test_rpc_message_every_beginning(void **state)
{
    static const char text[] =
        "{\"id\":\"x\\u00e9\",\"method\":\"a\",\"params\":{\"b\":[true,-1.5e3,"
        "null,\"\xe2\x82\xac\"]},\"more\":{}}";
    (void)state;
    for (size_t size = 0; size < sizeof text - 1; size++) {
        struct parsed parsed;
        parse(&parsed, text, size);
        assert_int_equal(parsed.result, WIRE_RPC_ERR_PARSE);
        assert_int_equal(parsed.problem.offset, size);
        support_msg_stop(&parsed.memory);
    }
}

/* A scratch for more members than the default takes more members than the default. */
static void test_rpc_message_members(void **state)
{
    enum { MEMBERS = 6000 };
    size_t size = 0;
    char *text = malloc(MEMBERS * 16 + 64);
    void *memory = malloc(WIRE_JSON_SCRATCH_BYTES(MEMBERS + 3));
    struct wire_json_scratch scratch;
    struct wire_rpc_message message;
    struct wire_rpc_problem problem;
    (void)state;
    assert_true(text && memory);
    size += (size_t)sprintf(text, "{\"method\":\"a\",\"params\":{\"x\":1");
    for (int i = 1; i < MEMBERS; i++) {
        size += (size_t)sprintf(text + size, ",\"%d\":1", i);
    }
    size += (size_t)sprintf(text + size, "}}");
    wire_json_scratch_init(&scratch, memory, WIRE_JSON_SCRATCH_BYTES(MEMBERS + 2), 1);
    assert_int_equal(wire_rpc_parse(wire_span_of(text, size), &scratch, &message, &problem),
                     WIRE_RPC_NOTIFICATION);
    wire_json_scratch_init(&scratch, memory, WIRE_JSON_SCRATCH_BYTES(MEMBERS + 1), 1);
    assert_int_equal(wire_rpc_parse(wire_span_of(text, size), &scratch, &message, &problem),
                     WIRE_RPC_ERR_PARSE);
    free(memory);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rpc_message_shapes),
        cmocka_unit_test(test_rpc_message_refuses),
        cmocka_unit_test(test_rpc_message_limits),
        cmocka_unit_test(test_rpc_message_every_beginning),
        cmocka_unit_test(test_rpc_message_members),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
