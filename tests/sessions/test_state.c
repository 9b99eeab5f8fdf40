/*
 * The tables of states, and the words that records use.
 */
#include "sessions/state.h"
#include "support.h"

static void test_state_path_to_the_end(void **state)
{
    (void)state;
    enum sess_state at = SESS_STARTING;
    at = sess_state_after(at, SESS_HAPPENS_SPAWNED);
    assert_int_equal(at, SESS_RUNNING);
    at = sess_state_after(at, SESS_HAPPENS_EXITED);
    assert_int_equal(at, SESS_EXITED);
    at = sess_state_after(at, SESS_HAPPENS_DRAINED);
    assert_int_equal(at, SESS_CLOSED);
    at = sess_state_after(at, SESS_HAPPENS_RELEASED);
    assert_int_equal(at, SESS_GONE);
    assert_int_equal(sess_state_after(SESS_STARTING, SESS_HAPPENS_FAILED), SESS_GONE);
}

static void test_state_admissions(void **state)
{
    (void)state;
    for (int kind = 0; kind < SESS_REQUESTS; kind++) {
        bool always = kind >= SESS_REQUEST_STOP;
        for (int at = 0; at < SESS_STATES; at++) {
            int answer = sess_state_admits((enum sess_state)at, (enum sess_request_kind)kind);
            int expected = always || at == SESS_RUNNING ? 0
                           : at == SESS_STARTING        ? SESS_E_STARTING
                                                        : SESS_E_EXITED;
            assert_int_equal(answer, expected);
        }
    }
}

/* Every word there is, and each only once. */
static void test_state_words(void **state)
{
    (void)state;
    for (int error = SESS_E_OS; error <= SESS_OK; error++) {
        for (int other = SESS_E_OS; other < error; other++)
            assert_string_not_equal(sess_error_text(error), sess_error_text(other));
    }
    assert_string_equal(sess_error_text(1), "unknown error");
    assert_string_equal(sess_error_text(SESS_E_OS - 1), "unknown error");
    for (int i = 0; i < SESS_ENDERS; i++) {
        for (int j = 0; j < i; j++)
            assert_string_not_equal(sess_ender_text((enum sess_ender)i),
                                    sess_ender_text((enum sess_ender)j));
    }
    assert_string_equal(sess_stream_text(SESS_STDOUT), "stdout");
    assert_string_equal(sess_stream_text(SESS_STDERR), "stderr");
    assert_string_equal(sess_stream_text(SESS_PTY), "pty");
    assert_string_equal(sess_state_text(SESS_STARTING), "starting");
    assert_string_equal(sess_state_text(SESS_GONE), "gone");
    assert_string_equal(sess_close_reason_text(SESS_CLOSE_EOF), "eof");
    assert_string_equal(sess_close_reason_text(SESS_CLOSE_DRAIN_TIMEOUT), "drain_timeout");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_state_path_to_the_end),
        cmocka_unit_test(test_state_admissions),
        cmocka_unit_test(test_state_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
