/*
 * The dialect exec-server.v0, the handshake of both dialects, and the table of methods: members,
 * refusals and replies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/wire/support_msg.h"
#include "wire/msg_command.h"
#include "wire/msg_initialize.h"
#include "wire/msg_method.h"

static void test_msg_command_exec(void **state)
{
    static const char params[] = "{\"sessionId\":7,\"argv\":[\"bash\",\"-c\",\"true\"],\"cwd\":"
                                 "\"/tmp\",\"env\":{\"A\":\"b\"},\"tty\":true,\"arg0\":null}";
    struct support_msg msg;
    struct wire_msg_command_exec exec;
    (void)state;
    support_msg_start(&msg, params, sizeof params - 1);
    assert_int_equal(wire_msg_command_exec_parse(&msg.parser, msg.span, &exec), 0);
    assert_int_equal(exec.argv.count, 3);
    assert_string_equal(exec.argv.items[2], "true");
    assert_string_equal(exec.cwd, "/tmp");
    assert_int_equal(exec.env.count, 1);
    assert_true(exec.tty);
    assert_null(exec.arg0);
    support_msg_stop(&msg);
}

static int parse_exec(struct wire_msg_parser *parser, struct wire_span params)
{
    struct wire_msg_command_exec out;
    return wire_msg_command_exec_parse(parser, params, &out);
}

static int parse_write(struct wire_msg_parser *parser, struct wire_span params)
{
    struct wire_msg_command_write out;
    return wire_msg_command_write_parse(parser, params, &out);
}

static int parse_terminate(struct wire_msg_parser *parser, struct wire_span params)
{
    struct wire_msg_command_terminate out;
    return wire_msg_command_terminate_parse(parser, params, &out);
}

static int parse_initialize(struct wire_msg_parser *parser, struct wire_span params)
{
    struct wire_msg_initialize out;
    return wire_msg_initialize_parse(parser, params, &out);
}

struct refusal_row {
    int (*parse)(struct wire_msg_parser *parser, struct wire_span params);
    const char *params;
    const char *text;
};

static const struct refusal_row refusal_rows[] = {
    {parse_exec, "{}", "missing field `argv`"},
    {parse_exec, "{\"argv\":[\"a\"]}", "missing field `cwd`"},
    {parse_exec, "{\"argv\":[\"a\"],\"cwd\":\"/\"}", "missing field `env`"},
    {parse_exec, "{\"argv\":[\"a\"],\"cwd\":\"/\",\"env\":{}}", "missing field `tty`"},
    {parse_exec, "{\"argv\":[],\"cwd\":\"/\",\"env\":{},\"tty\":true}", "argv must not be empty"},
    {parse_exec, "{\"argv\":[\"a\"],\"cwd\":\"x\",\"env\":{},\"tty\":true}",
     "`cwd` must be an absolute path or a file: URI"},
    {parse_write, "{\"sessionId\":\"session-1\"}", "missing field `chunk`"},
    {parse_write, "{\"chunk\":\"\"}", "missing field `sessionId`"},
    {parse_terminate, "{}", "missing field `sessionId`"},
    {parse_terminate, "{\"sessionId\":1}", "invalid type for `sessionId`: expected a string"},
    {parse_initialize, "{}", "missing field `clientName`"},
    {parse_initialize, "{\"clientName\":\"a\",\"resumeSessionId\":1}",
     "invalid type for `resumeSessionId`: expected a string"},
};

static void test_msg_command_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusal_rows / sizeof refusal_rows[0]; i++) {
        const struct refusal_row *row = &refusal_rows[i];
        struct support_msg msg;
        support_msg_start(&msg, row->params, strlen(row->params));
        assert_int_equal(row->parse(&msg.parser, msg.span), WIRE_MSG_ERR_PARAMS);
        assert_int_equal(msg.parser.problem.code, -32602);
        assert_string_equal(msg.parser.problem.text, row->text);
        support_msg_stop(&msg);
    }
}

static void test_msg_command_write_and_terminate(void **state)
{
    static const char params[] = "{\"sessionId\":\"session-12\",\"chunk\":\"aGk=\"}";
    struct support_msg msg;
    struct wire_msg_command_write write;
    struct wire_msg_command_terminate terminate;
    (void)state;
    support_msg_start(&msg, params, sizeof params - 1);
    assert_int_equal(wire_msg_command_write_parse(&msg.parser, msg.span, &write), 0);
    assert_true(wire_span_equal(write.session_id, wire_span_text("session-12")));
    assert_int_equal(wire_msg_chunk_capacity(&write.chunk), 2);
    assert_int_equal(wire_msg_command_terminate_parse(&msg.parser, msg.span, &terminate), 0);
    assert_true(wire_span_equal(terminate.session_id, wire_span_text("session-12")));
    support_msg_stop(&msg);
}

static void test_msg_command_replies(void **state)
{
    struct support_writer out;
    struct wire_span id = wire_span_text("\"x\"");
    (void)state;
    wire_msg_command_exec_reply(support_writer_start(&out), id, wire_span_text("\"session-1\""));
    assert_string_equal(support_writer_text(&out),
                        "{\"id\":\"x\",\"result\":{\"sessionId\":\"session-1\"}}");
    wire_msg_command_write_reply(support_writer_start(&out), id);
    assert_string_equal(support_writer_text(&out), "{\"id\":\"x\",\"result\":{\"accepted\":true}}");
    wire_msg_command_terminate_reply(support_writer_start(&out), id, false);
    assert_string_equal(support_writer_text(&out), "{\"id\":\"x\",\"result\":{\"running\":false}}");
}

static void test_msg_initialize(void **state)
{
    static const char fresh[] = "{\"clientName\":\"codex\",\"resumeSessionId\":null}";
    static const char resumed[] = "{\"resumeSessionId\":\"s\",\"clientName\":\"c\"}";
    struct support_msg msg;
    struct wire_msg_initialize initialize;
    (void)state;
    support_msg_start(&msg, fresh, sizeof fresh - 1);
    assert_int_equal(wire_msg_initialize_parse(&msg.parser, msg.span, &initialize), 0);
    assert_string_equal(initialize.client_name, "codex");
    assert_null(initialize.resume_session_id.data);
    support_msg_stop(&msg);
    support_msg_start(&msg, resumed, sizeof resumed - 1);
    assert_int_equal(wire_msg_initialize_parse(&msg.parser, msg.span, &initialize), 0);
    assert_true(wire_span_equal(initialize.resume_session_id, wire_span_text("s")));
    support_msg_stop(&msg);
}

static void test_msg_initialize_reply(void **state)
{
    static const char *const dirs[] = {"file:///tmp", NULL};
    static const struct wire_msg_capability capabilities[] = {{"a", true}, {"b", false}};
    struct wire_msg_environment environment = {.shell_name = "bash", .shell_path = "/bin/bash"};
    struct wire_msg_initialized reply = {.environment = &environment};
    struct support_writer out;
    struct wire_span id = wire_span_text("1");
    (void)state;
    wire_msg_initialize_reply(support_writer_start(&out), id, &reply);
    assert_string_equal(support_writer_text(&out),
                        "{\"id\":1,\"result\":{\"environmentInfo\":{\"shell\":{\"name\":\"bash\","
                        "\"path\":\"/bin/bash\"}}}}");
    environment.cwd = "file:///";
    environment.temporary_directories = (struct wire_msg_strings){dirs, 1};
    environment.prepend_path_dirs = (struct wire_msg_strings){dirs + 1, 0};
    environment.capabilities = capabilities;
    environment.capability_count = 2;
    reply.protocol_version = "exec-server.v0";
    reply.session_id = wire_span_text("s-1");
    wire_msg_initialize_reply(support_writer_start(&out), id, &reply);
    assert_string_equal(
        support_writer_text(&out),
        "{\"id\":1,\"result\":{\"protocolVersion\":\"exec-server.v0\",\"sessionId\":\"s-1\","
        "\"environmentInfo\":{\"shell\":{\"name\":\"bash\",\"path\":\"/bin/bash\"},\"cwd\":"
        "\"file:///\",\"prependPathDirs\":[],\"temporaryDirectories\":[\"file:///tmp\"],"
        "\"capabilities\":{\"a\":true,\"b\":false}}}}");
    reply.environment = NULL;
    reply.session_id = wire_span_of(NULL, 0);
    wire_msg_initialize_reply(support_writer_start(&out), id, &reply);
    assert_string_equal(support_writer_text(&out),
                        "{\"id\":1,\"result\":{\"protocolVersion\":\"exec-server.v0\"}}");
}

static void check_method(const char *name, enum wire_msg_method method,
                         enum wire_msg_dialect dialect)
{
    assert_int_equal(wire_msg_method_find(wire_span_text(name)), method);
    assert_int_equal(wire_msg_method_dialect(wire_span_text(name)), dialect);
}

static void test_msg_method(void **state)
{
    (void)state;
    check_method("initialize", WIRE_MSG_METHOD_INITIALIZE, WIRE_MSG_DIALECT_NONE);
    check_method("initialized", WIRE_MSG_METHOD_INITIALIZED, WIRE_MSG_DIALECT_NONE);
    check_method("command/exec", WIRE_MSG_METHOD_COMMAND_EXEC, WIRE_MSG_DIALECT_V0);
    check_method("command/exec/write", WIRE_MSG_METHOD_COMMAND_WRITE, WIRE_MSG_DIALECT_V0);
    check_method("command/exec/terminate", WIRE_MSG_METHOD_COMMAND_TERMINATE, WIRE_MSG_DIALECT_V0);
    check_method("process/start", WIRE_MSG_METHOD_PROCESS_START, WIRE_MSG_DIALECT_PROCESS);
    check_method("process/write", WIRE_MSG_METHOD_PROCESS_WRITE, WIRE_MSG_DIALECT_PROCESS);
    check_method("process/signal", WIRE_MSG_METHOD_PROCESS_SIGNAL, WIRE_MSG_DIALECT_PROCESS);
    check_method("process/terminate", WIRE_MSG_METHOD_PROCESS_TERMINATE, WIRE_MSG_DIALECT_PROCESS);
    check_method("process/closeStdin", WIRE_MSG_METHOD_PROCESS_CLOSE_STDIN,
                 WIRE_MSG_DIALECT_PROCESS);
    check_method("process/resize", WIRE_MSG_METHOD_PROCESS_RESIZE, WIRE_MSG_DIALECT_PROCESS);
    check_method("process/wait", WIRE_MSG_METHOD_PROCESS_WAIT, WIRE_MSG_DIALECT_PROCESS);
    check_method("process/waitAny", WIRE_MSG_METHOD_PROCESS_WAIT_ANY, WIRE_MSG_DIALECT_PROCESS);
    check_method("process/read", WIRE_MSG_METHOD_PROCESS_READ, WIRE_MSG_DIALECT_PROCESS);
    check_method("process/snapshot", WIRE_MSG_METHOD_PROCESS_SNAPSHOT, WIRE_MSG_DIALECT_PROCESS);
    check_method("process/list", WIRE_MSG_METHOD_PROCESS_LIST, WIRE_MSG_DIALECT_PROCESS);
    check_method("environment/info", WIRE_MSG_METHOD_ENVIRONMENT_INFO, WIRE_MSG_DIALECT_NONE);
    check_method("environment/status", WIRE_MSG_METHOD_ENVIRONMENT_STATUS, WIRE_MSG_DIALECT_NONE);
    check_method("command/exec/other", WIRE_MSG_METHOD_UNKNOWN, WIRE_MSG_DIALECT_V0);
    check_method("process/attach", WIRE_MSG_METHOD_UNKNOWN, WIRE_MSG_DIALECT_PROCESS);
    check_method("command/execute", WIRE_MSG_METHOD_UNKNOWN, WIRE_MSG_DIALECT_NONE);
    check_method("fs/readFile", WIRE_MSG_METHOD_FS_READ_FILE, WIRE_MSG_DIALECT_NONE);
    check_method("process", WIRE_MSG_METHOD_UNKNOWN, WIRE_MSG_DIALECT_NONE);
    check_method("Initialize", WIRE_MSG_METHOD_UNKNOWN, WIRE_MSG_DIALECT_NONE);
    check_method("", WIRE_MSG_METHOD_UNKNOWN, WIRE_MSG_DIALECT_NONE);
    assert_string_equal(wire_msg_dialect_name(WIRE_MSG_DIALECT_V0), "exec-server.v0");
    assert_string_equal(wire_msg_dialect_name(WIRE_MSG_DIALECT_PROCESS), "process");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_msg_command_exec),
        cmocka_unit_test(test_msg_command_refusals),
        cmocka_unit_test(test_msg_command_write_and_terminate),
        cmocka_unit_test(test_msg_command_replies),
        cmocka_unit_test(test_msg_initialize),
        cmocka_unit_test(test_msg_initialize_reply),
        cmocka_unit_test(test_msg_method),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
