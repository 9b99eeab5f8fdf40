/*
 * The rules of a session's events, in both dialects: order, streams, exit codes, what comes after
 * the end.
 */
#include "tests/load/support.h"

#include "tools/load/base.h"
#include "tools/load/session.h"

#include <stdlib.h>
#include <string.h>

struct fixture {
    struct load_session session;
    struct load_faults faults;
    struct load_buffer scratch;
    struct load_message_reader reader;
    unsigned news[5]; /* how often each came */
};

static void on_news(void *context, struct load_session *session, enum load_session_news news)
{
    struct fixture *fixture = context;

    assert_ptr_equal(session, &fixture->session);
    fixture->news[news]++;
}

static struct fixture *new_fixture(const struct load_dialect *dialect, bool on_tty)
{
    struct fixture *fixture = load_alloc(1, sizeof *fixture);
    struct load_session *session = &fixture->session;

    session->dialect = dialect;
    session->on_tty = on_tty;
    session->expected_exit_code = 0;
    session->on_news = on_news;
    session->context = fixture;
    memcpy(session->id, "p1", 3);
    load_check_init_text(&session->out, session->id, &fixture->faults);
    load_check_init_text(&session->err, session->id, &fixture->faults);
    load_message_reader_init(&fixture->reader);
    return fixture;
}

static void free_fixture(struct fixture *fixture)
{
    load_check_deinit(&fixture->session.out);
    load_check_deinit(&fixture->session.err);
    load_buffer_deinit(&fixture->scratch);
    load_message_reader_deinit(&fixture->reader);
    free(fixture);
}

static enum load_session_result say(struct fixture *fixture, const char *text)
{
    struct load_event event;
    const char *why;

    assert_int_equal(
        fixture->session.dialect->read(&fixture->reader, wire_span_text(text), &event, &why), 0);
    if (event.kind == LOAD_EVENT_REPLY) {
        load_session_take_reply(&fixture->session, &event, &fixture->faults);
        return LOAD_SESSION_OK;
    }
    return load_session_take(&fixture->session, &event, &fixture->faults, &fixture->scratch);
}

static void say_started(struct fixture *fixture)
{
    say(fixture, "{\"id\":1,\"result\":{\"processId\":\"p1\"}}");
}

static void say_output(struct fixture *fixture, unsigned seq, const char *stream, const char *chunk)
{
    struct load_buffer text = {0};

    load_buffer_format(&text,
                       "{\"method\":\"process/output\",\"params\":{\"processId\":\"p1\",\"seq\":%u,"
                       "\"stream\":\"%s\",\"chunk\":\"%s\"}}",
                       seq, stream, chunk);
    say(fixture, load_buffer_string(&text));
    load_buffer_deinit(&text);
}

static void say_exited(struct fixture *fixture, unsigned seq, int code)
{
    struct load_buffer text = {0};

    load_buffer_format(&text,
                       "{\"method\":\"process/exited\",\"params\":{\"processId\":\"p1\",\"seq\":%u,"
                       "\"exitCode\":%d,\"sandboxDenied\":false}}",
                       seq, code);
    say(fixture, load_buffer_string(&text));
    load_buffer_deinit(&text);
}

static void say_closed(struct fixture *fixture, unsigned seq)
{
    struct load_buffer text = {0};

    load_buffer_format(
        &text, "{\"method\":\"process/closed\",\"params\":{\"processId\":\"p1\",\"seq\":%u}}", seq);
    say(fixture, load_buffer_string(&text));
    load_buffer_deinit(&text);
}

static void test_session_whole_life(void **state)
{
    struct fixture *fixture = new_fixture(&load_dialect_process, false);

    (void)state;
    load_check_expect(&fixture->session.out, "hello\n", 6);
    load_check_expect(&fixture->session.err, "oh", 2);
    say_started(fixture);
    say_output(fixture, 1, "stdout", "aGVs");
    say_output(fixture, 2, "stderr", "b2g=");
    say_exited(fixture, 3, 0);
    say_output(fixture, 4, "stdout", "bG8K");
    say_closed(fixture, 5);
    assert_int_equal(load_faults_total(&fixture->faults), 0);
    assert_int_equal(load_faults_out_of_turn(&fixture->faults), 0);
    assert_int_equal(fixture->session.state, LOAD_SESSION_DONE);
    assert_int_equal(fixture->news[LOAD_NEWS_STARTED], 1);
    assert_int_equal(fixture->news[LOAD_NEWS_OUTPUT], 3);
    assert_int_equal(fixture->news[LOAD_NEWS_EXITED], 1);
    assert_int_equal(fixture->news[LOAD_NEWS_DONE], 1);
    free_fixture(fixture);
}

static void test_session_v0_is_done_when_all_output_came(void **state)
{
    struct fixture *fixture = new_fixture(&load_dialect_v0, true);

    (void)state;
    load_check_expect(&fixture->session.out, "hello\n", 6);
    say_started(fixture);
    say(fixture,
        "{\"method\":\"command/exec/exited\",\"params\":{\"sessionId\":\"p1\",\"exitCode\":"
        "0}}");
    assert_int_equal(fixture->session.state, LOAD_SESSION_EXITED);
    say(fixture, "{\"method\":\"command/exec/outputDelta\",\"params\":{\"sessionId\":\"p1\","
                 "\"stream\":\"stdout\",\"chunk\":\"aGVsbG8K\"}}");
    assert_int_equal(fixture->session.state, LOAD_SESSION_DONE);
    assert_int_equal(load_faults_total(&fixture->faults), 0);
    free_fixture(fixture);
}

static void test_session_missing_output_is_lost_at_the_close(void **state)
{
    struct fixture *fixture = new_fixture(&load_dialect_process, false);

    (void)state;
    load_check_expect(&fixture->session.out, "hello\n", 6);
    say_started(fixture);
    say_output(fixture, 1, "stdout", "aGVs");
    say_exited(fixture, 2, 0);
    say_closed(fixture, 3);
    assert_int_equal(fixture->faults.counts[LOAD_FAULT_LOST], 3);
    assert_int_equal(load_faults_total(&fixture->faults), 3);
    free_fixture(fixture);
}

static void test_session_close_waits_for_what_it_overtook(void **state)
{
    struct fixture *fixture = new_fixture(&load_dialect_process, true);

    (void)state;
    load_check_expect(&fixture->session.out, "oh", 2);
    say_started(fixture);
    say_output(fixture, 1, "pty", "b2g=");
    say_closed(fixture, 3);
    assert_int_equal(fixture->session.state, LOAD_SESSION_RUNNING);
    say_exited(fixture, 2, 0);
    assert_int_equal(fixture->session.state, LOAD_SESSION_DONE);
    assert_int_equal(load_faults_total(&fixture->faults), 0);
    assert_int_equal(load_faults_out_of_turn(&fixture->faults), 1);
    free_fixture(fixture);
}

static void test_session_event_before_the_reply_is_out_of_turn(void **state)
{
    struct fixture *fixture = new_fixture(&load_dialect_process, false);

    (void)state;
    say_exited(fixture, 1, 0);
    say_started(fixture);
    say_closed(fixture, 2);
    assert_int_equal(load_faults_total(&fixture->faults), 0);
    assert_int_equal(load_faults_out_of_turn(&fixture->faults), 1);
    assert_int_equal(fixture->news[LOAD_NEWS_STARTED], 1);
    assert_int_equal(fixture->session.state, LOAD_SESSION_DONE);
    free_fixture(fixture);
}

static void test_session_wrong_exit_code_stream_and_close(void **state)
{
    struct fixture *fixture = new_fixture(&load_dialect_process, false);

    (void)state;
    say_started(fixture);
    say_output(fixture, 1, "pty", "");
    say_closed(fixture, 2);
    assert_int_equal(fixture->faults.counts[LOAD_FAULT_STREAM], 1);
    assert_int_equal(fixture->faults.counts[LOAD_FAULT_EVENT], 1);
    free_fixture(fixture);
    fixture = new_fixture(&load_dialect_process, false);
    say_started(fixture);
    say_exited(fixture, 1, 1);
    say_exited(fixture, 2, 1);
    assert_int_equal(fixture->faults.counts[LOAD_FAULT_EXIT_CODE], 1);
    assert_int_equal(fixture->faults.counts[LOAD_FAULT_EVENT], 1);
    free_fixture(fixture);
}

static void test_session_refused_start_fails(void **state)
{
    struct fixture *fixture = new_fixture(&load_dialect_process, false);

    (void)state;
    say(fixture, "{\"id\":1,\"error\":{\"code\":-32603,\"message\":\"no such file\"}}");
    assert_int_equal(fixture->session.state, LOAD_SESSION_FAILED);
    assert_int_equal(fixture->news[LOAD_NEWS_FAILED], 1);
    assert_int_equal(fixture->faults.counts[LOAD_FAULT_REFUSED], 1);
    assert_string_equal(fixture->faults.cases[0], "start refused: -32603 no such file");
    free_fixture(fixture);
}

static void test_session_escaped_chunk_is_read_again(void **state)
{
    struct fixture *fixture = new_fixture(&load_dialect_process, false);
    struct load_event event;
    const char *why;
    const struct wire_span text =
        wire_span_text("{\"method\":\"process/output\",\"params\":{\"processId\":\"p1\",\"seq\":1,"
                       "\"stream\":\"stdout\",\"chunk\":\"AA\\/\\/\"}}");

    (void)state;
    load_check_expect(&fixture->session.out, "\x00\x0f\xff", 3);
    say_started(fixture);
    assert_true(load_message_scan(text, &event));
    event.kind = LOAD_EVENT_OUTPUT;
    assert_int_equal(
        load_session_take(&fixture->session, &event, &fixture->faults, &fixture->scratch),
        LOAD_SESSION_UNSURE);
    assert_int_equal(load_dialect_process.read_strictly(&fixture->reader, text, &event, &why), 0);
    assert_int_equal(
        load_session_take(&fixture->session, &event, &fixture->faults, &fixture->scratch),
        LOAD_SESSION_OK);
    assert_int_equal(load_faults_total(&fixture->faults), 0);
    assert_true(load_check_is_complete(&fixture->session.out));
    free_fixture(fixture);
}

static void test_session_bad_base64_is_a_bad_message(void **state)
{
    struct fixture *fixture = new_fixture(&load_dialect_process, false);
    struct load_event event;
    const char *why;
    const struct wire_span text =
        wire_span_text("{\"method\":\"process/output\",\"params\":{\"processId\":\"p1\",\"seq\":1,"
                       "\"stream\":\"stdout\",\"chunk\":\"AAA\"}}");

    (void)state;
    say_started(fixture);
    assert_int_equal(load_dialect_process.read_strictly(&fixture->reader, text, &event, &why), 0);
    load_session_take(&fixture->session, &event, &fixture->faults, &fixture->scratch);
    assert_int_equal(fixture->faults.counts[LOAD_FAULT_MESSAGE], 1);
    free_fixture(fixture);
}

static void test_session_given_up_counts_what_it_owes(void **state)
{
    struct fixture *fixture = new_fixture(&load_dialect_process, false);

    (void)state;
    load_check_expect(&fixture->session.out, "hello", 5);
    say_started(fixture);
    say_output(fixture, 2, "stdout", "aGVs");
    load_session_give_up(&fixture->session, &fixture->faults);
    assert_int_equal(fixture->faults.counts[LOAD_FAULT_STUCK], 1);
    assert_int_equal(fixture->faults.counts[LOAD_FAULT_LOST], 2);
    assert_int_equal(fixture->faults.counts[LOAD_FAULT_SEQ_HOLE], 1);
    assert_int_equal(fixture->session.state, LOAD_SESSION_DONE);
    free_fixture(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_session_whole_life),
        cmocka_unit_test(test_session_v0_is_done_when_all_output_came),
        cmocka_unit_test(test_session_missing_output_is_lost_at_the_close),
        cmocka_unit_test(test_session_close_waits_for_what_it_overtook),
        cmocka_unit_test(test_session_event_before_the_reply_is_out_of_turn),
        cmocka_unit_test(test_session_wrong_exit_code_stream_and_close),
        cmocka_unit_test(test_session_refused_start_fails),
        cmocka_unit_test(test_session_escaped_chunk_is_read_again),
        cmocka_unit_test(test_session_bad_base64_is_a_bad_message),
        cmocka_unit_test(test_session_given_up_counts_what_it_owes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
