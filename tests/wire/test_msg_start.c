/*
 * process/start beyond the flat form: specs of both kinds become the same struct, members of two
 * forms are refused, and labels, limits and the time to live go with each. The flat form alone is
 * in test_msg_process.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/wire/support_msg.h"
#include "wire/msg_process.h"

#define P    "\"processId\":\"p\","
#define CMD  "\"argv\":[\"sh\",\"-c\"],\"cwd\":\"/srv\",\"env\":{\"A\":\"1\"},\"arg0\":\"-sh\""
#define FLAT "\"argv\":[\"sh\"],\"cwd\":\"/\",\"env\":{},\"tty\":false"
#define PIPE "\"io\":{\"type\":\"pipe\",\"stdin\":\"open\"}"

static int parse_start(struct wire_msg_parser *parser, struct wire_span params)
{
    struct wire_msg_process_start out;
    return wire_msg_process_start_parse(parser, params, &out);
}

/* Parses good params; what out points to lives until support_msg_stop. */
static void parse_good(struct support_msg *msg, const char *params,
                       struct wire_msg_process_start *out)
{
    support_msg_start(msg, params, strlen(params));
    if (wire_msg_process_start_parse(&msg->parser, msg->span, out)) {
        fail_msg("%s: %s", params, msg->parser.problem.text);
    }
}

static void check_command(const struct wire_msg_process_start *start)
{
    static const char *const env[] = {"A", "1", NULL};
    assert_int_equal(start->argv.count, 2);
    assert_string_equal(start->argv.items[1], "-c");
    assert_null(start->argv.items[2]);
    assert_string_equal(start->cwd, "/srv");
    support_msg_pairs(&start->env, env);
    assert_string_equal(start->arg0, "-sh");
}

static void test_msg_start_forms(void **state)
{
    static const struct {
        const char *params;
        enum wire_msg_start_form form;
        enum { OUTPUT, PIPES, TTY } stdio;
        uint16_t rows, cols;
    } rows[] = {
        {"{" P CMD ",\"tty\":false,\"spec\":null}", WIRE_MSG_START_FLAT, OUTPUT, 0, 0},
        {"{" P CMD ",\"tty\":false,\"pipeStdin\":true}", WIRE_MSG_START_FLAT, PIPES, 0, 0},
        {"{" P CMD ",\"tty\":true,\"pipeStdin\":true}", WIRE_MSG_START_FLAT, TTY, 0, 0},
        {"{" P "\"spec\":{\"type\":\"direct\"," CMD "," PIPE "}}", WIRE_MSG_START_DIRECT, PIPES, 0,
         0},
        {"{" P "\"spec\":{\"type\":\"direct\"," CMD
         ",\"io\":{\"stdin\":\"closed\",\"type\":\"pipe\",\"rows\":3}}}",
         WIRE_MSG_START_DIRECT, OUTPUT, 0, 0},
        {"{" P "\"spec\":{\"io\":{\"type\":\"pty\",\"rows\":50,\"cols\":65535}," CMD
         ",\"type\":\"direct\",\"request\":null},\"argv\":null,\"tty\":null,\"env\":null}",
         WIRE_MSG_START_DIRECT, TTY, 50, 65535},
        {"{" P "\"spec\":{\"type\":\"prepared\",\"request\":{" CMD ",\"expiration\":{}},\"io\":"
         "{\"type\":\"pty\",\"cols\":null}}}",
         WIRE_MSG_START_PREPARED, TTY, 0, 0},
        {"{" P "\"spec\":{\"type\":\"prepared\"," PIPE ",\"request\":{" CMD "}}}",
         WIRE_MSG_START_PREPARED, PIPES, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct support_msg msg;
        struct wire_msg_process_start start;
        parse_good(&msg, rows[i].params, &start);
        check_command(&start);
        assert_int_equal(start.form, rows[i].form);
        assert_int_equal(start.tty, rows[i].stdio == TTY);
        assert_int_equal(!start.tty && start.pipe_stdin, rows[i].stdio == PIPES);
        assert_int_equal(start.rows, rows[i].rows);
        assert_int_equal(start.cols, rows[i].cols);
        assert_int_equal(start.labels.count, 0);
        assert_int_equal(start.limits.wall_ms | start.limits.output_bytes, 0);
        assert_false(start.detach_ttl_ms.is_present);
        support_msg_stop(&msg);
    }
}

static void test_msg_start_companions(void **state)
{
    static const char params[] =
        "{" P FLAT ",\"labels\":{\"job\":\"7\",\"=\":\"\"},\"limits\":{\"wallMs\":1099511627776,"
        "\"idleMs\":2,\"noOutputMs\":3,\"outputBytes\":18446744073709551615},\"detachTtlMs\":0}";
    static const char *const labels[] = {"job", "7", "=", "", NULL};
    struct support_msg msg;
    struct wire_msg_process_start start;
    (void)state;
    parse_good(&msg, params, &start);
    support_msg_pairs(&start.labels, labels);
    assert_true(start.limits.wall_ms == WIRE_MSG_MS_MAX);
    assert_int_equal(start.limits.idle_ms, 2);
    assert_int_equal(start.limits.no_output_ms, 3);
    assert_true(start.limits.output_bytes == UINT64_MAX);
    assert_true(start.detach_ttl_ms.is_present && start.detach_ttl_ms.value == 0);
    support_msg_stop(&msg);
    parse_good(&msg, "{" P FLAT ",\"labels\":{},\"limits\":{\"idleMs\":null}}", &start);
    assert_int_equal(start.labels.count, 0);
    assert_int_equal(start.limits.idle_ms, 0);
    support_msg_stop(&msg);
}

/* A sandbox must reach the server from wherever it stood, in the same members. */
static void test_msg_start_sandbox_anywhere(void **state)
{
    static const char *const texts[] = {
        "{" P "\"spec\":{\"type\":\"direct\"," CMD "," PIPE "},\"sandbox\":{},"
        "\"enforceManagedNetwork\":true,\"managedNetwork\":{}}",
        "{" P "\"spec\":{\"type\":\"direct\"," CMD "," PIPE ",\"sandbox\":{},"
        "\"enforceManagedNetwork\":true,\"managedNetwork\":{}}}",
        "{" P "\"spec\":{\"type\":\"prepared\"," PIPE ",\"request\":{" CMD ",\"sandbox\":{},"
        "\"enforceManagedNetwork\":true,\"managedNetwork\":{}}},\"sandbox\":null,"
        "\"enforceManagedNetwork\":false}",
        "{" P "\"spec\":{\"type\":\"prepared\"," PIPE ",\"request\":{" CMD "},\"sandbox\":{},"
        "\"enforceManagedNetwork\":true,\"managedNetwork\":{}}}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct support_msg msg;
        struct wire_msg_process_start start;
        parse_good(&msg, texts[i], &start);
        assert_true(wire_span_equal(start.sandbox, wire_span_text("{}")));
        assert_true(wire_span_equal(start.managed_network, wire_span_text("{}")));
        assert_true(start.enforce_managed_network);
        support_msg_stop(&msg);
    }
}

#define DIRECT(members) "{" P "\"spec\":{\"type\":\"direct\"," members "}}"
#define POLICY                                                                                     \
    "\"envPolicy\":{\"inherit\":\"all\",\"ignoreDefaultExcludes\":false,\"exclude\":[],"           \
    "\"set\":{},\"includeOnly\":[]}"

static const struct support_refusal refusals[] = {
    {parse_start, "{" P "\"spec\":1}", "invalid type for `spec`: expected an object"},
    {parse_start, "{" P "\"spec\":{}}", "missing field `spec.type`"},
    {parse_start, "{" P "\"spec\":{\"type\":\"shell\"}}",
     "unknown value for `spec.type`: expected `direct` or `prepared`"},
    {parse_start, DIRECT(PIPE), "missing field `spec.argv`"},
    {parse_start, DIRECT("\"argv\":[\"a\"]," PIPE), "missing field `spec.cwd`"},
    {parse_start, DIRECT("\"argv\":[\"a\"],\"cwd\":\"/\"," PIPE), "missing field `spec.env`"},
    {parse_start, DIRECT(CMD), "missing field `spec.io`"},
    {parse_start, DIRECT(CMD ",\"io\":null"), "missing field `spec.io`"},
    {parse_start, DIRECT(CMD ",\"io\":\"pty\""), "invalid type for `spec.io`: expected an object"},
    {parse_start, DIRECT(CMD ",\"io\":{}"), "missing field `spec.io.type`"},
    {parse_start, DIRECT(CMD ",\"io\":{\"type\":\"tty\"}"),
     "unknown value for `spec.io.type`: expected `pty` or `pipe`"},
    {parse_start, DIRECT(CMD ",\"io\":{\"type\":\"pipe\"}"), "missing field `spec.io.stdin`"},
    {parse_start, DIRECT(CMD ",\"io\":{\"type\":\"pipe\",\"stdin\":true}"),
     "invalid type for `spec.io.stdin`: expected a string"},
    {parse_start, DIRECT(CMD ",\"io\":{\"type\":\"pipe\",\"stdin\":\"null\"}"),
     "unknown value for `spec.io.stdin`: expected `open` or `closed`"},
    {parse_start, DIRECT(CMD ",\"io\":{\"type\":\"pty\",\"rows\":0}"),
     "invalid type for `spec.io.rows`: expected an integer from 1 to 65535"},
    {parse_start, DIRECT(CMD ",\"io\":{\"type\":\"pty\",\"cols\":65536}"),
     "invalid type for `spec.io.cols`: expected an integer from 1 to 65535"},
    {parse_start, DIRECT(CMD "," PIPE ",\"request\":{}"),
     "`spec.request` cannot stand in a direct `spec`"},
    {parse_start, DIRECT("\"argv\":[],\"cwd\":\"/\",\"env\":{}," PIPE), "argv must not be empty"},
    {parse_start, DIRECT("\"argv\":[\"a\"],\"cwd\":\"x\",\"env\":{}," PIPE),
     "`spec.cwd` must be an absolute path or a file: URI"},
    {parse_start, DIRECT("\"argv\":[\"a\"],\"cwd\":\"/\",\"env\":{\"A=\":\"\"}," PIPE),
     "a name in `spec.env` must not hold `=`: A="},
    {parse_start, "{" P "\"spec\":{\"type\":\"prepared\"," PIPE "}}",
     "missing field `spec.request`"},
    {parse_start, "{" P "\"spec\":{\"type\":\"prepared\"," PIPE ",\"request\":[]}}",
     "invalid type for `spec.request`: expected an object"},
    {parse_start, "{" P "\"spec\":{\"type\":\"prepared\"," PIPE ",\"request\":{}}}",
     "missing field `spec.request.argv`"},
    {parse_start, "{" P "\"spec\":{\"type\":\"prepared\"," PIPE ",\"request\":{\"argv\":[1]}}}",
     "invalid type for `spec.request.argv[0]`: expected a string"},
    {parse_start, "{" P "\"spec\":{\"type\":\"prepared\",\"request\":{" CMD "}}}",
     "missing field `spec.io`"},
    {parse_start,
     "{" P "\"spec\":{\"type\":\"prepared\"," PIPE ",\"request\":{" CMD "},\"cwd\":\"/\"}}",
     "`spec.cwd` cannot stand beside `spec.request`"},
    {parse_start, "{" P POLICY ",\"spec\":{\"type\":\"prepared\"," PIPE ",\"request\":{" CMD "}}}",
     "`envPolicy` cannot stand beside a prepared `spec`"},
    {parse_start, "{" P "\"argv\":[\"a\"],\"spec\":{\"type\":\"direct\"," CMD "," PIPE "}}",
     "`argv` cannot stand beside `spec`"},
    {parse_start, "{" P "\"cwd\":\"/\",\"spec\":{\"type\":\"direct\"," CMD "," PIPE "}}",
     "`cwd` cannot stand beside `spec`"},
    {parse_start, "{" P "\"env\":{},\"spec\":{\"type\":\"direct\"," CMD "," PIPE "}}",
     "`env` cannot stand beside `spec`"},
    {parse_start, "{" P "\"arg0\":\"\",\"spec\":{\"type\":\"direct\"," CMD "," PIPE "}}",
     "`arg0` cannot stand beside `spec`"},
    {parse_start, "{" P "\"spec\":{\"type\":\"direct\"," CMD "," PIPE "},\"tty\":false}",
     "`tty` cannot stand beside `spec`"},
    {parse_start, "{" P "\"spec\":{\"type\":\"direct\"," CMD "," PIPE "},\"pipeStdin\":false}",
     "`pipeStdin` cannot stand beside `spec`"},
    {parse_start, "{" P FLAT ",\"limits\":[]}", "invalid type for `limits`: expected an object"},
    {parse_start, "{" P FLAT ",\"limits\":{\"wallMs\":1099511627777}}",
     "invalid type for `limits.wallMs`: expected an integer from 0 to 1099511627776"},
    {parse_start, "{" P FLAT ",\"limits\":{\"idleMs\":-1}}",
     "invalid type for `limits.idleMs`: expected an integer from 0 to 1099511627776"},
    {parse_start, "{" P FLAT ",\"limits\":{\"noOutputMs\":\"1\"}}",
     "invalid type for `limits.noOutputMs`: expected an integer from 0 to 1099511627776"},
    {parse_start, "{" P FLAT ",\"limits\":{\"outputBytes\":18446744073709551616}}",
     "invalid type for `limits.outputBytes`: expected an integer from 0 to 18446744073709551615"},
    {parse_start, "{" P FLAT ",\"detachTtlMs\":1.5}",
     "invalid type for `detachTtlMs`: expected an integer from 0 to 1099511627776"},
    {parse_start, "{" P FLAT ",\"labels\":\"a\"}",
     "invalid type for `labels`: expected an object of strings"},
};

static void test_msg_start_refusals(void **state)
{
    (void)state;
    support_msg_refusals(refusals, sizeof refusals / sizeof refusals[0]);
}

/* Every proper beginning of a good message is refused. */
static void test_msg_start_every_beginning(void **state)
{
    static const char params[] =
        "{" P "\"labels\":{\"a\":\"b\"},\"limits\":{\"wallMs\":1},\"spec\":"
        "{\"type\":\"prepared\"," PIPE ",\"request\":{" CMD "}}}";
    (void)state;
    for (size_t size = 0; size < sizeof params - 1; size++) {
        struct support_msg msg;
        support_msg_start(&msg, params, size);
        assert_int_equal(parse_start(&msg.parser, msg.span), WIRE_MSG_ERR_PARAMS);
        support_msg_stop(&msg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_msg_start_forms),
        cmocka_unit_test(test_msg_start_companions),
        cmocka_unit_test(test_msg_start_sandbox_anywhere),
        cmocka_unit_test(test_msg_start_refusals),
        cmocka_unit_test(test_msg_start_every_beginning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
