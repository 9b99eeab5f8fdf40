/*
 * Messages: the fast scanner says the same as the strict reader or says nothing, and the strict
 * reader takes no malformed message.
 */
#include "tests/load/support.h"

#include "tools/load/dialect.h"
#include "tools/load/message.h"

#include <string.h>

static struct load_message_reader reader;

static int set_up(void **state)
{
    (void)state;
    load_message_reader_init(&reader);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    load_message_reader_deinit(&reader);
    return 0;
}

static int read_strictly(const char *text, struct load_event *event)
{
    const char *why = NULL;
    int result = load_message_read(&reader, wire_span_text(text), event, &why);

    assert_true(result == 0 || why != NULL);
    return result;
}

static void assert_same_span(struct wire_span a, struct wire_span b)
{
    assert_true(wire_span_equal(a, b));
}

static const char *const scannable[] = {
    "{\"method\":\"process/output\",\"params\":{\"processId\":\"p1\",\"seq\":12,\"stream\":"
    "\"stdout\",\"chunk\":\"aGVsbG8K\"}}",
    "{\"params\":{\"chunk\":\"aGVsbG8K\",\"stream\":\"pty\",\"seq\":1,\"processId\":\"p1\"},"
    "\"method\":\"process/output\"}",
    "{\"method\":\"process/exited\",\"params\":{\"processId\":\"p1\",\"seq\":3,\"exitCode\":-7}}",
    "{\"method\":\"process/closed\",\"params\":{\"processId\":\"p1\",\"seq\":4}}",
    "{\"method\":\"command/exec/outputDelta\",\"params\":{\"sessionId\":\"session-1\",\"stream\":"
    "\"stderr\",\"chunk\":\"\"}}",
};

static void test_message_scanner_agrees_with_the_reader(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof scannable / sizeof *scannable; i++) {
        struct load_event fast;
        struct load_event strict;

        assert_true(load_message_scan(wire_span_text(scannable[i]), &fast));
        assert_int_equal(read_strictly(scannable[i], &strict), 0);
        assert_same_span(fast.method, strict.method);
        assert_same_span(fast.session_id, strict.session_id);
        assert_same_span(fast.stream, strict.stream);
        assert_same_span(fast.chunk, strict.chunk);
        assert_int_equal(fast.seq, strict.seq);
        assert_int_equal(fast.has_exit_code, strict.has_exit_code);
        assert_int_equal(fast.exit_code, strict.exit_code);
    }
}

static void test_message_scanner_stops_at_every_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof scannable / sizeof *scannable; i++) {
        size_t length = strlen(scannable[i]);
        struct load_event event;

        for (size_t size = 0; size < length; size++)
            assert_false(load_message_scan(wire_span_of(scannable[i], size), &event));
    }
}

static void test_message_scanner_leaves_the_unusual(void **state)
{
    static const char *const unusual[] = {
        "{\"id\":1,\"result\":{}}",
        "{ \"method\":\"process/closed\",\"params\":{\"processId\":\"p1\",\"seq\":4}}",
        "{\"method\":\"process/closed\",\"params\":{\"processId\":\"p\\u0031\",\"seq\":4}}",
        "{\"method\":\"process/closed\",\"params\":{\"processId\":\"p1\",\"seq\":4.0}}",
        "{\"method\":\"process/closed\",\"params\":{\"processId\":\"p1\",\"seq\":04}}",
        "{\"method\":\"process/closed\",\"params\":{\"processId\":\"p1\",\"seq\":4,\"seq\":4}}",
        "{\"method\":\"process/closed\",\"params\":{\"processId\":\"p1\",\"seq\":4}} ",
        "{\"method\":\"process/closed\",\"params\":{\"processId\":\"p1\",\"seq\":4},\"x\":1}",
        "{\"method\":\"process/exited\",\"params\":{\"exitCode\":99999999999}}",
        "[]",
        "",
    };
    struct load_event event;

    (void)state;
    for (size_t i = 0; i < sizeof unusual / sizeof *unusual; i++)
        assert_false(load_message_scan(wire_span_text(unusual[i]), &event));
}

static void test_message_reader_decodes_escapes(void **state)
{
    struct load_event event;

    (void)state;
    assert_int_equal(read_strictly(" {\"method\":\"process\\/output\",\"params\":{\"processId\":"
                                   "\"p\\u0031\",\"unknown\":[{\"seq\":9}],\"chunk\":"
                                   "\"AA\\/\\/\",\"seq\":2}}",
                                   &event),
                     0);
    assert_same_span(event.method, wire_span_text("process/output"));
    assert_same_span(event.session_id, wire_span_text("p1"));
    assert_same_span(event.chunk, wire_span_text("AA//"));
    assert_int_equal(event.seq, 2);
    assert_int_equal(event.kind, LOAD_EVENT_OTHER);
}

static void test_message_replies(void **state)
{
    struct load_event event;

    (void)state;
    assert_int_equal(read_strictly("{\"id\":7,\"result\":{\"status\":\"accepted\"}}", &event), 0);
    assert_int_equal(event.kind, LOAD_EVENT_REPLY);
    assert_true(event.has_id && !event.is_error);
    assert_int_equal(event.id, 7);
    assert_same_span(event.status, wire_span_text("accepted"));
    assert_int_equal(read_strictly("{\"error\":{\"code\":-32600,\"message\":\"no\",\"data\":"
                                   "null},\"id\":8}",
                                   &event),
                     0);
    assert_true(event.is_error);
    assert_int_equal(event.error_code, -32600);
    assert_same_span(event.error_text, wire_span_text("no"));
    assert_int_equal(read_strictly("{\"id\":\"text\",\"result\":null}", &event), 0);
    assert_false(event.has_id);
}

static void test_message_malformed_is_refused(void **state)
{
    static const char *const malformed[] = {
        "",
        "[]",
        "{",
        "{\"method\":1}}",
        "{\"method\":\"a\",\"method\":\"b\"}",
        "{\"method\":\"x\",\"params\":{\"seq\":0}}",
        "{\"method\":\"x\",\"params\":{\"seq\":-1}}",
        "{\"method\":\"x\",\"params\":{\"seq\":\"1\"}}",
        "{\"method\":\"x\",\"params\":{\"exitCode\":4294967295}}",
        "{\"method\":\"\xff\"}",
        "{\"id\":1.5,\"result\":{}}",
        "{\"id\":1,\"result\":{}} x",
    };
    struct load_event event;

    (void)state;
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++)
        assert_int_not_equal(read_strictly(malformed[i], &event), 0);
}

static void test_message_dialects_classify(void **state)
{
    static const struct {
        const struct load_dialect *dialect;
        const char *text;
        enum load_event_kind kind;
    } cases[] = {
        {&load_dialect_process, "{\"method\":\"process/output\"}", LOAD_EVENT_OUTPUT},
        {&load_dialect_process, "{\"method\":\"process/exited\"}", LOAD_EVENT_EXITED},
        {&load_dialect_process, "{\"method\":\"process/closed\"}", LOAD_EVENT_CLOSED},
        {&load_dialect_process, "{\"method\":\"command/exec/exited\"}", LOAD_EVENT_OTHER},
        {&load_dialect_process, "{\"id\":1,\"result\":{}}", LOAD_EVENT_REPLY},
        {&load_dialect_v0, "{\"method\":\"command/exec/outputDelta\"}", LOAD_EVENT_OUTPUT},
        {&load_dialect_v0, "{\"method\":\"command/exec/exited\"}", LOAD_EVENT_EXITED},
        {&load_dialect_v0, "{\"method\":\"process/closed\"}", LOAD_EVENT_OTHER},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct load_event event;
        const char *why;

        assert_int_equal(
            cases[i].dialect->read(&reader, wire_span_text(cases[i].text), &event, &why), 0);
        assert_int_equal(event.kind, cases[i].kind);
    }
}

static void assert_request(struct load_buffer *out, const char *text)
{
    assert_string_equal(load_buffer_string(out), text);
    load_buffer_clear(out);
}

static void test_message_requests_of_process(void **state)
{
    static const char *const argv[] = {"sh", "-c", "echo \"\xc3\xa4\"\n", NULL};
    static const char *const env[] = {"A=b=c", "E=", NULL};
    const struct load_start start = {.argv = argv, .env = env, .cwd = "/a b/%", .with_stdin = true};
    const struct load_target_session session = {"p1", 1};
    struct load_buffer out = {0};

    (void)state;
    load_dialect_process.put_start(&out, 5, &session, &start);
    assert_request(&out, "{\"id\":5,\"method\":\"process/start\",\"params\":{\"processId\":\"p1\","
                         "\"argv\":[\"sh\",\"-c\",\"echo \\\"\xc3\xa4\\\"\\n\"],\"env\":{\"A\":"
                         "\"b=c\",\"E\":\"\"},\"tty\":false,\"cwd\":\"file:///a%20b/%25\","
                         "\"pipeStdin\":true,\"arg0\":null}}");
    load_dialect_process.put_write(&out, 6, &session, 9, wire_span_text("hi\n"));
    assert_request(&out, "{\"id\":6,\"method\":\"process/write\",\"params\":{\"processId\":\"p1\","
                         "\"chunk\":\"aGkK\",\"writeId\":\"9\"}}");
    load_dialect_process.put_terminate(&out, 7, &session);
    assert_request(&out, "{\"id\":7,\"method\":\"process/terminate\",\"params\":{\"processId\":"
                         "\"p1\"}}");
    load_buffer_deinit(&out);
}

static void test_message_requests_of_v0(void **state)
{
    static const char *const argv[] = {"/bin/true", NULL};
    static const char *const env[] = {NULL};
    const struct load_start start = {.argv = argv, .env = env, .on_tty = true};
    const struct load_target_session session = {"session-1", 1};
    struct load_buffer out = {0};

    (void)state;
    load_dialect_v0.put_start(&out, 5, &session, &start);
    assert_request(&out,
                   "{\"id\":5,\"method\":\"command/exec\",\"params\":{\"argv\":[\"/bin/true\"]"
                   ",\"env\":{},\"tty\":true,\"cwd\":\"/\",\"arg0\":null}}");
    load_dialect_v0.put_write(&out, 6, &session, 9, wire_span_text("hi\n"));
    assert_request(&out, "{\"id\":6,\"method\":\"command/exec/write\",\"params\":{\"sessionId\":"
                         "\"session-1\",\"chunk\":\"aGkK\"}}");
    load_buffer_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message_scanner_agrees_with_the_reader),
        cmocka_unit_test(test_message_scanner_stops_at_every_cut),
        cmocka_unit_test(test_message_scanner_leaves_the_unusual),
        cmocka_unit_test(test_message_reader_decodes_escapes),
        cmocka_unit_test(test_message_replies),
        cmocka_unit_test(test_message_malformed_is_refused),
        cmocka_unit_test(test_message_dialects_classify),
        cmocka_unit_test(test_message_requests_of_process),
        cmocka_unit_test(test_message_requests_of_v0),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
