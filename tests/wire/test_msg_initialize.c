/*
 * initialize beyond what the captures show (test_msg_captures.c): extensions, taking over,
 * refusals, and the environment's own methods. And the methods' names, with whose they are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/wire/support_msg.h"
#include "wire/msg_initialize.h"

static int parse_initialize(struct wire_msg_parser *parser, struct wire_span params)
{
    struct wire_msg_initialize out;
    return wire_msg_initialize_parse(parser, params, &out);
}

#define N "{\"clientName\":\"c\""

static const struct support_refusal refusals[] = {
    {parse_initialize, "{}", "missing field `clientName`"},
    {parse_initialize, "{\"clientName\":1}", "invalid type for `clientName`: expected a string"},
    {parse_initialize, N ",\"resumeSessionId\":1}",
     "invalid type for `resumeSessionId`: expected a string"},
    {parse_initialize, N ",\"takeOver\":1}", "invalid type for `takeOver`: expected a boolean"},
    {parse_initialize, N ",\"extensions\":\"lifecycle\"}",
     "invalid type for `extensions`: expected an array of strings"},
    {parse_initialize, N ",\"extensions\":[\"lifecycle\",1]}",
     "invalid type for `extensions[1]`: expected a string"},
};

static void test_msg_initialize_refusals(void **state)
{
    (void)state;
    support_msg_refusals(refusals, sizeof refusals / sizeof refusals[0]);
}

static void check_params(const char *params, unsigned extensions, bool take_over)
{
    struct support_msg msg;
    struct wire_msg_initialize out;
    support_msg_start(&msg, params, strlen(params));
    assert_int_equal(wire_msg_initialize_parse(&msg.parser, msg.span, &out), 0);
    assert_string_equal(out.client_name, "c");
    assert_int_equal(out.extensions, extensions);
    assert_int_equal(out.take_over, take_over);
    support_msg_stop(&msg);
}

static void test_msg_initialize_params(void **state)
{
    (void)state;
    check_params(N "}", 0, false);
    check_params(N ",\"extensions\":null,\"takeOver\":null}", 0, false);
    check_params(N ",\"extensions\":[],\"takeOver\":true}", 0, true);
    check_params(N ",\"extensions\":[\"lifecycle\"]}", WIRE_MSG_EXTENSION_LIFECYCLE, false);
    check_params(N ",\"extensions\":[\"\",\"Lifecycle\",\"lifecycle2\"]}", 0, false);
    check_params(N ",\"extensions\":[\"x\",\"\\u006cifecycle\",\"lifecycle\"]}",
                 WIRE_MSG_EXTENSION_LIFECYCLE, false);
}

static void test_msg_initialize_environment(void **state)
{
    static const struct wire_msg_environment environment = {
        .shell_name = "sh", .shell_path = "/bin/sh", .cwd = "file:///"};
    struct support_writer out;
    (void)state;
    wire_msg_environment_info_reply(support_writer_start(&out), wire_span_text("1"), &environment);
    assert_string_equal(support_writer_text(&out),
                        "{\"id\":1,\"result\":{\"shell\":{\"name\":\"sh\",\"path\":\"/bin/sh\"},"
                        "\"cwd\":\"file:///\"}}");
    wire_msg_environment_status_reply(support_writer_start(&out), wire_span_text("1"));
    assert_string_equal(support_writer_text(&out), "{\"id\":1,\"result\":{\"status\":\"ready\"}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_msg_initialize_refusals),
        cmocka_unit_test(test_msg_initialize_params),
        cmocka_unit_test(test_msg_initialize_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
