/*
 * What is told of processes that do not run: beside the members of replies, and as data of errors.
 * A reply about a process that runs has nothing of it.
 */
#include "wire/msg_gone.h"

#include "support_msg.h"
#include "wire/msg_process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after the above */
#include <cmocka.h>

static const struct wire_msg_gone runs = {0};
static const struct wire_msg_gone exited = {WIRE_MSG_GONE_EXITED, 137, "client"};
static const struct wire_msg_gone expired = {.reason = WIRE_MSG_GONE_EXPIRED};
static const struct wire_msg_gone never = {.reason = WIRE_MSG_GONE_NEVER_EXISTED};

#define EXITED  "\"reason\":\"exited\",\"exitCode\":137,\"endedBy\":\"client\""
#define EXPIRED "\"reason\":\"expired\""
#define NEVER   "\"reason\":\"neverExisted\""

static void assert_write(enum wire_msg_write_status status, const struct wire_msg_gone *gone,
                         const char *expected)
{
    struct support_writer out;
    wire_msg_process_write_reply(support_writer_start(&out), wire_span_text("1"), status, gone);
    assert_string_equal(support_writer_text(&out), expected);
}

static void test_gone_of_a_write(void **state)
{
    (void)state;
    assert_write(WIRE_MSG_WRITE_ACCEPTED, &runs, "{\"id\":1,\"result\":{\"status\":\"accepted\"}}");
    assert_write(WIRE_MSG_WRITE_STDIN_CLOSED, &runs,
                 "{\"id\":1,\"result\":{\"status\":\"stdinClosed\"}}");
    assert_write(WIRE_MSG_WRITE_STDIN_CLOSED, &exited,
                 "{\"id\":1,\"result\":{\"status\":\"stdinClosed\"," EXITED "}}");
    assert_write(WIRE_MSG_WRITE_UNKNOWN_PROCESS, &expired,
                 "{\"id\":1,\"result\":{\"status\":\"unknownProcess\"," EXPIRED "}}");
    assert_write(WIRE_MSG_WRITE_UNKNOWN_PROCESS, &never,
                 "{\"id\":1,\"result\":{\"status\":\"unknownProcess\"," NEVER "}}");
}

static void assert_signal(const struct wire_msg_gone *gone, const char *expected)
{
    struct support_writer out;
    wire_msg_process_signal_reply(support_writer_start(&out), wire_span_text("1"), gone);
    assert_string_equal(support_writer_text(&out), expected);
}

static void test_gone_of_a_signal(void **state)
{
    (void)state;
    assert_signal(&runs, "{\"id\":1,\"result\":{}}");
    assert_signal(&exited, "{\"id\":1,\"result\":{" EXITED "}}");
    assert_signal(&expired, "{\"id\":1,\"result\":{" EXPIRED "}}");
    assert_signal(&never, "{\"id\":1,\"result\":{" NEVER "}}");
}

static void assert_terminate(bool is_running, const struct wire_msg_gone *gone,
                             const char *expected)
{
    struct support_writer out;
    wire_msg_process_terminate_reply(support_writer_start(&out), wire_span_text("1"), is_running,
                                     gone);
    assert_string_equal(support_writer_text(&out), expected);
}

static void test_gone_of_a_terminate(void **state)
{
    (void)state;
    assert_terminate(true, &runs, "{\"id\":1,\"result\":{\"running\":true}}");
    assert_terminate(false, &exited, "{\"id\":1,\"result\":{\"running\":false," EXITED "}}");
    assert_terminate(false, &expired, "{\"id\":1,\"result\":{\"running\":false," EXPIRED "}}");
    assert_terminate(false, &never, "{\"id\":1,\"result\":{\"running\":false," NEVER "}}");
}

static void assert_refusal(enum wire_rpc_text text, const char *argument,
                           const struct wire_msg_gone *gone, const char *expected)
{
    struct support_writer out;
    wire_msg_gone_refuse(support_writer_start(&out), wire_span_text("\"a\""), text,
                         wire_span_text(argument), gone);
    assert_string_equal(support_writer_text(&out), expected);
}

static void test_gone_of_an_error(void **state)
{
    (void)state;
    assert_refusal(WIRE_RPC_TEXT_UNKNOWN_PROCESS, "p\"", &expired,
                   "{\"id\":\"a\",\"error\":{\"code\":-32600,"
                   "\"message\":\"unknown process id p\\\"\",\"data\":{" EXPIRED "}}}");
    assert_refusal(WIRE_RPC_TEXT_UNKNOWN_PROCESS, "p", &never,
                   "{\"id\":\"a\",\"error\":{\"code\":-32600,"
                   "\"message\":\"unknown process id p\",\"data\":{" NEVER "}}}");
    assert_refusal(WIRE_RPC_TEXT_INVALID_REQUEST, "the program has exited", &exited,
                   "{\"id\":\"a\",\"error\":{\"code\":-32600,"
                   "\"message\":\"the program has exited\",\"data\":{" EXITED "}}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gone_of_a_write),
        cmocka_unit_test(test_gone_of_a_signal),
        cmocka_unit_test(test_gone_of_a_terminate),
        cmocka_unit_test(test_gone_of_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
