/*
 * The requests of the dialect process: every member, what is optional, every refusal with its text,
 * and the promise about memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/wire/support_msg.h"
#include "tests/wire/support_random.h"
#include "wire/msg_process.h"

static const char full_start[] =
    "{\"processId\":\"p-1\\u0000x\",\"metadata\":{\"threadId\":\"t\"},\"argv\":[\"/bin/sh\",\"-c\","
    "\"echo \\\"\\u00e9\\\"\",\"\"],\"cwd\":\"file:\\/\\/\\/srv/a%20b\",\"envPolicy\":{\"inherit\":"
    "\"core\",\"ignoreDefaultExcludes\":true,\"exclude\":[\"A*\",\"B?\"],\"set\":{\"S\":\"1\","
    "\"T\":\"\"},\"includeOnly\":[]},\"env\":{\"X\":\"y=z\",\"LANG\":\"C\"},\"tty\":true,"
    "\"pipeStdin\":true,\"arg0\":\"-sh\",\"sandbox\":{\"a\":[1, 2]},\"enforceManagedNetwork\":true,"
    "\"managedNetwork\":[],\"other\":{\"argv\":[]}}";

static void test_msg_process_start_full(void **state)
{
    struct support_msg msg;
    struct wire_msg_process_start start;
    (void)state;
    support_msg_start(&msg, full_start, sizeof full_start - 1);
    assert_int_equal(wire_msg_process_start_parse(&msg.parser, msg.span, &start), 0);
    assert_true(wire_span_equal(start.process_id, wire_span_of("p-1\0x", 5)));
    assert_int_equal(start.argv.count, 4);
    assert_string_equal(start.argv.items[0], "/bin/sh");
    assert_string_equal(start.argv.items[1], "-c");
    assert_string_equal(start.argv.items[2], "echo \"\xc3\xa9\"");
    assert_string_equal(start.argv.items[3], "");
    assert_null(start.argv.items[4]);
    assert_string_equal(start.cwd, "/srv/a b");
    assert_int_equal(start.env.count, 2);
    assert_string_equal(start.env.items[0].name, "X");
    assert_string_equal(start.env.items[0].value, "y=z");
    assert_string_equal(start.env.items[1].name, "LANG");
    assert_true(start.tty && start.pipe_stdin && start.enforce_managed_network);
    assert_string_equal(start.arg0, "-sh");
    assert_true(start.env_policy.is_present && start.env_policy.ignores_default_excludes);
    assert_int_equal(start.env_policy.inherit, WIRE_MSG_INHERIT_CORE);
    assert_int_equal(start.env_policy.exclude.count, 2);
    assert_string_equal(start.env_policy.exclude.items[1], "B?");
    assert_int_equal(start.env_policy.set.count, 2);
    assert_string_equal(start.env_policy.set.items[1].value, "");
    assert_int_equal(start.env_policy.include_only.count, 0);
    assert_true(wire_span_equal(start.sandbox, wire_span_text("{\"a\":[1, 2]}")));
    assert_true(wire_span_equal(start.managed_network, wire_span_text("[]")));
    assert_true(wire_span_equal(start.metadata, wire_span_text("{\"threadId\":\"t\"}")));
    support_msg_stop(&msg);
}

static void test_msg_process_start_optional(void **state)
{
    static const char *const texts[] = {
        "{\"processId\":\"p\",\"argv\":[\"a\"],\"cwd\":\"/\",\"env\":{},\"tty\":false}",
        "{\"processId\":\"p\",\"argv\":[\"a\"],\"cwd\":\"/"
        "\",\"env\":{},\"tty\":false,\"arg0\":null,"
        "\"pipeStdin\":null,\"envPolicy\":null,\"sandbox\":null,\"enforceManagedNetwork\":null,"
        "\"managedNetwork\":null,\"metadata\":null}",
    };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct support_msg msg;
        struct wire_msg_process_start start;
        support_msg_start(&msg, texts[i], strlen(texts[i]));
        assert_int_equal(wire_msg_process_start_parse(&msg.parser, msg.span, &start), 0);
        assert_false(start.tty || start.pipe_stdin || start.enforce_managed_network);
        assert_false(start.env_policy.is_present);
        assert_null(start.arg0);
        assert_null(start.sandbox.data);
        assert_null(start.managed_network.data);
        assert_null(start.metadata.data);
        assert_int_equal(start.env.count, 0);
        support_msg_stop(&msg);
    }
}

static int parse_start(struct wire_msg_parser *parser, struct wire_span params)
{
    struct wire_msg_process_start out;
    return wire_msg_process_start_parse(parser, params, &out);
}

static int parse_write(struct wire_msg_parser *parser, struct wire_span params)
{
    struct wire_msg_process_write out;
    return wire_msg_process_write_parse(parser, params, &out);
}

static int parse_signal(struct wire_msg_parser *parser, struct wire_span params)
{
    struct wire_msg_process_signal out;
    return wire_msg_process_signal_parse(parser, params, &out);
}

static int parse_close_stdin(struct wire_msg_parser *parser, struct wire_span params)
{
    struct wire_msg_process_close_stdin out;
    return wire_msg_process_close_stdin_parse(parser, params, &out);
}

static int parse_resize(struct wire_msg_parser *parser, struct wire_span params)
{
    struct wire_msg_process_resize out;
    return wire_msg_process_resize_parse(parser, params, &out);
}

static int parse_terminate(struct wire_msg_parser *parser, struct wire_span params)
{
    struct wire_msg_process_terminate out;
    return wire_msg_process_terminate_parse(parser, params, &out);
}

/* The members of a good start but the one named, and in its place another. */
#define P    "\"processId\":\"p\","
#define A    "\"argv\":[\"a\"],"
#define C    "\"cwd\":\"/\","
#define E    "\"env\":{},"
#define T    "\"tty\":false"
#define GOOD P A C E T

static const struct support_refusal refusal_rows[] = {
    {parse_start, NULL, "missing field `processId`"},
    {parse_start, "{}", "missing field `processId`"},
    {parse_start, "{" A C E T "}", "missing field `processId`"},
    {parse_start, "{" P C E T "}", "missing field `argv`"},
    {parse_start, "{" P A E T "}", "missing field `cwd`"},
    {parse_start, "{" P A C T "}", "missing field `env`"},
    {parse_start, "{" P A C E "\"x\":1}", "missing field `tty`"},
    {parse_start, "[]", "params must be an object"},
    {parse_start, "7", "params must be an object"},
    {parse_start, "{" A C E T ",\"processId\":null}",
     "invalid type for `processId`: expected a string"},
    {parse_start, "{" A C E T ",\"processId\":1}",
     "invalid type for `processId`: expected a string"},
    {parse_start, "{" P C E T ",\"argv\":[]}", "argv must not be empty"},
    {parse_start, "{" P C E T ",\"argv\":null}", "missing field `argv`"},
    {parse_start, "{" P C E T ",\"argv\":\"a\"}",
     "invalid type for `argv`: expected an array of strings"},
    {parse_start, "{" P C E T ",\"argv\":[\"a\",1]}",
     "invalid type for `argv[1]`: expected a string"},
    {parse_start, "{" P C E T ",\"argv\":[[\"a\"]]}",
     "invalid type for `argv[0]`: expected a string"},
    {parse_start, "{" P C E T ",\"argv\":[\"a\",null]}",
     "invalid type for `argv[1]`: expected a string"},
    {parse_start, "{" P C E T ",\"argv\":[\"a\",\"b\\u0000\"]}", "`argv[1]` must not hold U+0000"},
    {parse_start, "{" P A E T ",\"cwd\":7}", "invalid type for `cwd`: expected a string"},
    {parse_start, "{" P A E T ",\"cwd\":\"/\\u0000\"}", "`cwd` must not hold U+0000"},
    {parse_start, "{" P A E T ",\"cwd\":\"file:///%00\"}",
     "`cwd` must not encode NUL or a path separator"},
    {parse_start, "{" P A E T ",\"cwd\":\"a\"}", "`cwd` must be an absolute path or a file: URI"},
    {parse_start, "{" P A E T ",\"cwd\":\"\"}", "`cwd` must be an absolute path or a file: URI"},
    {parse_start, "{" P A E T ",\"cwd\":\"file://host/x\"}", "`cwd` must not name another host"},
    {parse_start, "{" P A C T ",\"env\":[]}",
     "invalid type for `env`: expected an object of strings"},
    {parse_start, "{" P A C T ",\"env\":{\"A\":1}}", "invalid type for `env.A`: expected a string"},
    {parse_start, "{" P A C T ",\"env\":{\"A\":\"\\u0000\"}}", "`env.A` must not hold U+0000"},
    {parse_start, "{" P A C T ",\"env\":{\"A\\u0000\":\"\"}}",
     "a name in `env` must not hold U+0000"},
    {parse_start, "{" P A C T ",\"env\":{\"\":\"\"}}", "a name in `env` must not be empty"},
    {parse_start, "{" P A C T ",\"env\":{\"A=B\":\"\"}}", "a name in `env` must not hold `=`: A=B"},
    {parse_start, "{" P A C T ",\"env\":{\"\\u003d\":\"\"}}",
     "a name in `env` must not hold `=`: ="},
    {parse_start, "{" P A C E "\"tty\":1}", "invalid type for `tty`: expected a boolean"},
    {parse_start, "{" P A C E "\"tty\":\"true\"}", "invalid type for `tty`: expected a boolean"},
    {parse_start, "{" GOOD ",\"arg0\":[]}", "invalid type for `arg0`: expected a string"},
    {parse_start, "{" GOOD ",\"arg0\":\"\\u0000\"}", "`arg0` must not hold U+0000"},
    {parse_start, "{" GOOD ",\"pipeStdin\":0}", "invalid type for `pipeStdin`: expected a boolean"},
    {parse_start, "{" GOOD ",\"enforceManagedNetwork\":\"\"}",
     "invalid type for `enforceManagedNetwork`: expected a boolean"},
    {parse_start, "{" GOOD ",\"envPolicy\":1}", "invalid type for `envPolicy`: expected an object"},
    {parse_start, "{" GOOD ",\"envPolicy\":{}}", "missing field `envPolicy.inherit`"},
    {parse_start, "{" GOOD ",\"envPolicy\":{\"inherit\":\"All\"}}",
     "unknown value for `envPolicy.inherit`: expected `all`, `core` or `none`"},
    {parse_start, "{" GOOD ",\"envPolicy\":{\"inherit\":null}}",
     "invalid type for `envPolicy.inherit`: expected a string"},
    {parse_start, "{" GOOD ",\"envPolicy\":{\"inherit\":\"all\",\"exclude\":[1]}}",
     "invalid type for `envPolicy.exclude[0]`: expected a string"},
    {parse_start, "{" GOOD ",\"envPolicy\":{\"inherit\":\"all\",\"set\":{\"=\":\"\"}}}",
     "a name in `envPolicy.set` must not hold `=`: ="},
    {parse_start, "{" GOOD ",\"envPolicy\":{\"inherit\":\"all\",\"set\":{\"A\":\"\\u0000\"}}}",
     "`envPolicy.set.A` must not hold U+0000"},
    {parse_start, "{" GOOD ",\"envPolicy\":{\"inherit\":\"all\",\"includeOnly\":[\"\\u0000\"]}}",
     "`envPolicy.includeOnly[0]` must not hold U+0000"},
    {parse_start,
     "{" GOOD ",\"envPolicy\":{\"inherit\":\"all\",\"ignoreDefaultExcludes\":false,\"exclude\":[],"
     "\"set\":{}}}",
     "missing field `envPolicy.includeOnly`"},
    {parse_start, "{" GOOD, "malformed params: "},
    {parse_start, "{" GOOD "} x", "malformed params: "},
    {parse_write, "{\"processId\":\"p\"}", "missing field `chunk`"},
    {parse_write, "{\"chunk\":\"\"}", "missing field `processId`"},
    {parse_write, "{\"processId\":\"p\",\"chunk\":[]}",
     "invalid type for `chunk`: expected a string in base64"},
    {parse_write, "{\"processId\":\"p\",\"chunk\":\"\",\"writeId\":\"\"}",
     "`writeId` must not be empty"},
    {parse_write, "{\"processId\":\"p\",\"chunk\":\"\",\"writeId\":1}",
     "invalid type for `writeId`: expected a string"},
    {parse_signal, "{\"processId\":\"p\"}", "missing field `signal`"},
    {parse_signal, "{\"processId\":\"p\",\"signal\":\"kill\"}",
     "unknown value for `signal`: expected `interrupt`"},
    {parse_signal, "{\"processId\":\"p\",\"signal\":2}",
     "invalid type for `signal`: expected a string"},
    {parse_signal, "{\"signal\":\"interrupt\"}", "missing field `processId`"},
    {parse_signal, "{\"signal\":\"interrupt\",\"labels\":{}}", "`labels` must not be empty"},
    {parse_signal, "{\"signal\":\"interrupt\",\"labels\":{\"a\":\"\"},\"processId\":\"p\"}",
     "`labels` cannot stand beside `processId`"},
    {parse_signal, "{\"signal\":\"interrupt\",\"labels\":[]}",
     "invalid type for `labels`: expected an object of strings"},
    {parse_terminate, "{}", "missing field `processId`"},
    {parse_terminate, "{\"processId\":null,\"labels\":null}", "missing field `processId`"},
    {parse_terminate, "{\"labels\":{}}", "`labels` must not be empty"},
    {parse_terminate, "{\"processId\":\"p\",\"labels\":{}}",
     "`labels` cannot stand beside `processId`"},
    {parse_terminate, "{\"labels\":{\"a\":1}}", "invalid type for `labels.a`: expected a string"},
    {parse_close_stdin, "{}", "missing field `processId`"},
    {parse_close_stdin, "{\"processId\":null}", "invalid type for `processId`: expected a string"},
    {parse_resize, "{\"rows\":1,\"cols\":1}", "missing field `processId`"},
    {parse_resize, "{\"processId\":\"p\",\"cols\":1}", "missing field `rows`"},
    {parse_resize, "{\"processId\":\"p\",\"rows\":1}", "missing field `cols`"},
    {parse_resize, "{\"processId\":\"p\",\"rows\":0,\"cols\":1}",
     "invalid type for `rows`: expected an integer from 1 to 65535"},
    {parse_resize, "{\"processId\":\"p\",\"rows\":1,\"cols\":65536}",
     "invalid type for `cols`: expected an integer from 1 to 65535"},
    {parse_resize, "{\"processId\":\"p\",\"rows\":1,\"cols\":\"80\"}",
     "invalid type for `cols`: expected an integer from 1 to 65535"},
    {parse_terminate, "{\"processId\":\"p\",\"mode\":\"force\"}",
     "invalid type for `mode`: expected an object"},
    {parse_terminate, "{\"processId\":\"p\",\"mode\":{}}", "missing field `mode.type`"},
    {parse_terminate, "{\"processId\":\"p\",\"mode\":{\"type\":\"soft\"}}",
     "unknown value for `mode.type`: expected `force` or `graceful`"},
    {parse_terminate, "{\"processId\":\"p\",\"mode\":{\"type\":\"graceful\"}}",
     "missing field `mode.timeoutMs`"},
    {parse_terminate, "{\"processId\":\"p\",\"mode\":{\"type\":\"graceful\",\"timeoutMs\":-1}}",
     "invalid type for `mode.timeoutMs`: expected an integer from 0 to 4294967295"},
    {parse_terminate, "{\"processId\":\"p\",\"mode\":{\"type\":\"graceful\",\"timeoutMs\":1.5}}",
     "invalid type for `mode.timeoutMs`: expected an integer from 0 to 4294967295"},
};

static void test_msg_process_refusals(void **state)
{
    (void)state;
    support_msg_refusals(refusal_rows, sizeof refusal_rows / sizeof refusal_rows[0]);
}

/* Names from a client are cut behind a whole character, and the text stays whole around them. */
static void test_msg_process_refusal_cuts_names(void **state)
{
    char params[1024];
    char expected[256];
    char name[80];
    struct support_msg msg;
    (void)state;
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    int size = snprintf(params, sizeof params, "{" P A C T ",\"env\":{\"%s\xe2\x82\xac%s\":1}}",
                        name, name);
    support_msg_start(&msg, params, (size_t)size);
    assert_int_equal(parse_start(&msg.parser, msg.span), WIRE_MSG_ERR_PARAMS);
    snprintf(expected, sizeof expected, "invalid type for `env.%s`: expected a string", name);
    assert_string_equal(msg.parser.problem.text, expected);
    support_msg_stop(&msg);
}

static void check_id_size(size_t size, int expected)
{
    char *params = malloc(size + 64);
    struct support_msg msg;
    assert_non_null(params);
    int before = sprintf(params, "{\"processId\":\"\\u0041");
    memset(params + before, 'i', size - 1);
    sprintf(params + before + size - 1, "\"}");
    support_msg_start(&msg, params, strlen(params));
    assert_int_equal(parse_terminate(&msg.parser, msg.span), expected);
    if (expected) {
        assert_string_equal(msg.parser.problem.text, "`processId` is longer than 1024 bytes");
    }
    support_msg_stop(&msg);
    free(params);
}

static void test_msg_process_id_limit(void **state)
{
    (void)state;
    check_id_size(WIRE_MSG_ID_LIMIT, 0);
    check_id_size(WIRE_MSG_ID_LIMIT + 1, WIRE_MSG_ERR_PARAMS);
}

static void test_msg_process_write(void **state)
{
    static const char params[] = "{\"processId\":\"p\",\"chunk\":\"aGk\\u003d\",\"writeId\":\"7\"}";
    static const char plain[] = "{\"chunk\":\"aGkh\",\"processId\":\"\",\"writeId\":null}";
    struct support_msg msg;
    struct wire_msg_process_write write;
    struct wire_msg_problem problem;
    uint8_t bytes[16];
    (void)state;
    support_msg_start(&msg, params, sizeof params - 1);
    assert_int_equal(wire_msg_process_write_parse(&msg.parser, msg.span, &write), 0);
    assert_true(wire_span_equal(write.write_id, wire_span_text("7")));
    assert_true(write.chunk.has_escapes);
    assert_int_equal(wire_msg_chunk_capacity(&write.chunk), 9);
    assert_int_equal(
        wire_msg_chunk_decode(&write.chunk, wire_base64_best(), bytes, sizeof bytes, &problem), 2);
    assert_memory_equal(bytes, "hi", 2);
    support_msg_stop(&msg);
    support_msg_start(&msg, plain, sizeof plain - 1);
    assert_int_equal(wire_msg_process_write_parse(&msg.parser, msg.span, &write), 0);
    assert_null(write.write_id.data);
    assert_true(write.process_id.data && write.process_id.size == 0);
    assert_int_equal(wire_msg_chunk_capacity(&write.chunk), 3);
    assert_int_equal(wire_msg_chunk_decode(&write.chunk, wire_base64_best(), bytes, 3, &problem),
                     3);
    assert_memory_equal(bytes, "hi!", 3);
    support_msg_stop(&msg);
}

static void test_msg_process_bad_chunks(void **state)
{
    static const struct {
        const char *text;
        bool has_escapes;
        const char *problem;
    } rows[] = {
        {"aGk", false, "invalid base64 in `chunk` at character 3"},
        {"aG k", false, "invalid base64 in `chunk` at character 2"},
        {"aGk=aGk=", false, "invalid base64 in `chunk` at character 3"},
        {"a\\n==", true, "invalid base64 in `chunk` at character 1"},
        {"aGl=", false, "invalid base64 in `chunk` at character 2"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct wire_msg_chunk chunk = {wire_span_text(rows[i].text), "chunk", rows[i].has_escapes};
        struct wire_msg_problem problem = {0};
        uint8_t bytes[16];
        assert_int_equal(
            wire_msg_chunk_decode(&chunk, wire_base64_best(), bytes, sizeof bytes, &problem),
            WIRE_MSG_ERR_PARAMS);
        assert_int_equal(problem.code, -32602);
        assert_string_equal(problem.text, rows[i].problem);
    }
}

static void check_stop(const char *mode, enum wire_msg_stop_mode expected, uint32_t timeout_ms)
{
    char params[256];
    struct support_msg msg;
    struct wire_msg_process_terminate terminate;
    int size = snprintf(params, sizeof params, "{\"processId\":\"p\"%s}", mode);
    support_msg_start(&msg, params, (size_t)size);
    assert_int_equal(wire_msg_process_terminate_parse(&msg.parser, msg.span, &terminate), 0);
    assert_int_equal(terminate.stop.mode, expected);
    assert_int_equal(terminate.stop.timeout_ms, timeout_ms);
    support_msg_stop(&msg);
}

static void test_msg_process_terminate_modes(void **state)
{
    (void)state;
    check_stop("", WIRE_MSG_STOP_FORCE, 0);
    check_stop(",\"mode\":null", WIRE_MSG_STOP_FORCE, 0);
    check_stop(",\"mode\":{\"type\":\"force\",\"timeoutMs\":5}", WIRE_MSG_STOP_FORCE, 0);
    check_stop(",\"mode\":{\"timeoutMs\":0,\"type\":\"graceful\"}", WIRE_MSG_STOP_GRACEFUL, 0);
    check_stop(",\"mode\":{\"type\":\"graceful\",\"timeoutMs\":4294967295}", WIRE_MSG_STOP_GRACEFUL,
               UINT32_MAX);
}

static void test_msg_process_signal(void **state)
{
    static const char params[] = "{\"processId\":\"p\",\"signal\":\"\\u0069nterrupt\"}";
    struct support_msg msg;
    struct wire_msg_process_signal out;
    (void)state;
    support_msg_start(&msg, params, sizeof params - 1);
    assert_int_equal(wire_msg_process_signal_parse(&msg.parser, msg.span, &out), 0);
    assert_int_equal(out.signal, WIRE_MSG_SIGNAL_INTERRUPT);
    support_msg_stop(&msg);
}

static void test_msg_process_by_labels(void **state)
{
    static const char params[] =
        "{\"labels\":{\"job\":\"7\",\"a=b\":\"\"},\"signal\":\"interrupt\",\"processId\":null}";
    struct support_msg msg;
    struct wire_msg_process_signal sent;
    struct wire_msg_process_terminate terminate;
    (void)state;
    support_msg_start(&msg, params, sizeof params - 1);
    assert_int_equal(wire_msg_process_signal_parse(&msg.parser, msg.span, &sent), 0);
    assert_null(sent.process_id.data);
    assert_int_equal(sent.labels.count, 2);
    assert_string_equal(sent.labels.items[0].name, "job");
    assert_string_equal(sent.labels.items[0].value, "7");
    assert_string_equal(sent.labels.items[1].name, "a=b");
    assert_int_equal(sent.signal, WIRE_MSG_SIGNAL_INTERRUPT);
    support_msg_stop(&msg);
    support_msg_start(&msg, params, sizeof params - 1);
    assert_int_equal(wire_msg_process_terminate_parse(&msg.parser, msg.span, &terminate), 0);
    assert_null(terminate.process_id.data);
    assert_int_equal(terminate.labels.count, 2);
    assert_int_equal(terminate.stop.mode, WIRE_MSG_STOP_FORCE);
    support_msg_stop(&msg);
}

static void test_msg_process_control(void **state)
{
    static const char params[] = "{\"processId\":\"p\",\"rows\":65535,\"cols\":1,\"x\":0}";
    struct support_msg msg;
    struct wire_msg_process_close_stdin close_stdin;
    struct wire_msg_process_resize resize;
    (void)state;
    support_msg_start(&msg, params, sizeof params - 1);
    assert_int_equal(wire_msg_process_resize_parse(&msg.parser, msg.span, &resize), 0);
    assert_true(wire_span_equal(resize.process_id, wire_span_text("p")));
    assert_int_equal(resize.rows, 65535);
    assert_int_equal(resize.cols, 1);
    support_msg_stop(&msg);
    support_msg_start(&msg, params, sizeof params - 1);
    assert_int_equal(wire_msg_process_close_stdin_parse(&msg.parser, msg.span, &close_stdin), 0);
    assert_true(wire_span_equal(close_stdin.process_id, wire_span_text("p")));
    support_msg_stop(&msg);
}

/* Writes a list or an object of short elements, the worst there is for the memory's promise. */
static size_t write_worst(struct support_random *random, char *out, size_t elements)
{
    size_t size = (size_t)sprintf(out, "{\"argv\":[\"\"");
    for (size_t i = 0; i < elements; i++) {
        size += (size_t)sprintf(out + size, support_random_below(random, 8) ? ",\"\"" : ",\"x\"");
    }
    size += (size_t)sprintf(out + size, "],\"env\":{\"-\":\"\"");
    for (size_t i = 0; i < elements % 1000; i++) {
        size += (size_t)sprintf(out + size, ",\"%zx\":\"\"", i);
    }
    size += (size_t)sprintf(out + size, "},\"processId\":\"\",\"cwd\":\"/\",\"tty\":true}");
    return size;
}

/* wire_msg_parser_bytes is enough for the shortest elements, whatever the block's alignment. */
static void test_msg_process_memory_is_enough(void **state)
{
    struct support_random random = support_random_start();
    char *params = malloc(100000);
    uint8_t *block = malloc(400000);
    (void)state;
    assert_true(params && block);
    for (size_t round = 0; round < 60; round++) {
        struct support_msg msg;
        struct wire_msg_process_start start;
        size_t elements = support_random_below(&random, round % 2 ? 20 : 5000);
        size_t size = write_worst(&random, params, elements);
        support_msg_start(&msg, params, size);
        wire_msg_parser_init(&msg.parser, &msg.scratch, block + round % 16,
                             wire_msg_parser_bytes(size), WIRE_MSG_PATH_POSIX);
        assert_int_equal(wire_msg_process_start_parse(&msg.parser, msg.span, &start), 0);
        assert_int_equal(start.argv.count, elements + 1);
        assert_int_equal((uintptr_t)start.argv.items % sizeof(void *), 0);
        assert_int_equal(start.env.count, elements % 1000 + 1);
        support_msg_stop(&msg);
    }
    free(block);
    free(params);
}

/* With less memory the parse fails as our own mistake, and writes nothing outside. */
static void test_msg_process_memory_too_small(void **state)
{
    size_t needed = 0;
    (void)state;
    for (size_t capacity = 0; needed == 0; capacity++) {
        struct support_msg msg;
        struct wire_msg_process_start start;
        void *memory = malloc(capacity > 0 ? capacity : 1);
        assert_non_null(memory);
        support_msg_start(&msg, full_start, sizeof full_start - 1);
        wire_msg_parser_init(&msg.parser, &msg.scratch, memory, capacity, WIRE_MSG_PATH_POSIX);
        int error = wire_msg_process_start_parse(&msg.parser, msg.span, &start);
        if (error) {
            assert_int_equal(error, WIRE_MSG_ERR_CAPACITY);
            assert_int_equal(msg.parser.problem.code, -32603);
        } else {
            needed = capacity;
        }
        support_msg_stop(&msg);
        free(memory);
    }
    assert_in_range(needed, 100, wire_msg_parser_bytes(sizeof full_start - 1));
}

/* Every proper beginning is refused and never believed. */
static void test_msg_process_every_beginning(void **state)
{
    (void)state;
    for (size_t size = 0; size < sizeof full_start - 1; size++) {
        struct support_msg msg;
        support_msg_start(&msg, full_start, size);
        assert_int_equal(parse_start(&msg.parser, msg.span), WIRE_MSG_ERR_PARAMS);
        support_msg_stop(&msg);
    }
}

static void test_msg_process_windows_cwd(void **state)
{
    static const char params[] = "{" P A E T ",\"cwd\":\"C:\\\\x\"}";
    struct support_msg msg;
    struct wire_msg_process_start start;
    (void)state;
    support_msg_start(&msg, params, sizeof params - 1);
    msg.parser.path_style = WIRE_MSG_PATH_WINDOWS;
    assert_int_equal(wire_msg_process_start_parse(&msg.parser, msg.span, &start), 0);
    assert_string_equal(start.cwd, "C:\\x");
    support_msg_stop(&msg);
}

static void test_msg_process_replies(void **state)
{
    static const char *const statuses[] = {"accepted", "unknownProcess", "stdinClosed", "starting"};
    struct support_writer out;
    struct wire_span id = wire_span_text("3");
    const struct wire_msg_gone runs = {0};
    (void)state;
    for (int i = 0; i < 4; i++) {
        char expected[64];
        wire_msg_process_write_reply(support_writer_start(&out), id, (enum wire_msg_write_status)i,
                                     &runs);
        snprintf(expected, sizeof expected, "{\"id\":3,\"result\":{\"status\":\"%s\"}}",
                 statuses[i]);
        assert_string_equal(support_writer_text(&out), expected);
    }
    wire_msg_process_start_reply(support_writer_start(&out), id, wire_span_text("\"p\""), NULL);
    assert_string_equal(support_writer_text(&out), "{\"id\":3,\"result\":{\"processId\":\"p\"}}");
    wire_msg_process_done_reply(support_writer_start(&out), id);
    assert_string_equal(support_writer_text(&out), "{\"id\":3,\"result\":{}}");
    wire_msg_process_terminate_reply(support_writer_start(&out), id, true, &runs);
    assert_string_equal(support_writer_text(&out), "{\"id\":3,\"result\":{\"running\":true}}");
    wire_msg_process_signal_reply(support_writer_start(&out), id, &runs);
    assert_string_equal(support_writer_text(&out), "{\"id\":3,\"result\":{}}");
    wire_msg_process_signal_all_reply(support_writer_start(&out), id, 12);
    assert_string_equal(support_writer_text(&out), "{\"id\":3,\"result\":{\"count\":12}}");
    wire_msg_process_terminate_all_reply(support_writer_start(&out), id, 12, 7);
    assert_string_equal(support_writer_text(&out),
                        "{\"id\":3,\"result\":{\"count\":12,\"running\":7}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_msg_process_start_full),
        cmocka_unit_test(test_msg_process_start_optional),
        cmocka_unit_test(test_msg_process_refusals),
        cmocka_unit_test(test_msg_process_refusal_cuts_names),
        cmocka_unit_test(test_msg_process_id_limit),
        cmocka_unit_test(test_msg_process_write),
        cmocka_unit_test(test_msg_process_bad_chunks),
        cmocka_unit_test(test_msg_process_terminate_modes),
        cmocka_unit_test(test_msg_process_signal),
        cmocka_unit_test(test_msg_process_by_labels),
        cmocka_unit_test(test_msg_process_control),
        cmocka_unit_test(test_msg_process_memory_is_enough),
        cmocka_unit_test(test_msg_process_memory_too_small),
        cmocka_unit_test(test_msg_process_every_beginning),
        cmocka_unit_test(test_msg_process_windows_cwd),
        cmocka_unit_test(test_msg_process_replies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
