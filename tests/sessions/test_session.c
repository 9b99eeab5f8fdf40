/*
 * The life of a session: the order of its events, its exit record, requests in every state,
 * references, tombstones, cancelled starts, detaching.
 */
#include "support.h"

#include <signal.h>

static struct sup_world world;

static int open_world(void **state)
{
    (void)state;
    sup_open(&world, NULL);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    sup_close(&world);
    return 0;
}

static void test_session_runs_and_closes(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("both_streams"), "3", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    struct sup_tap *tap = sup_run(&world, &spec);
    assert_int_equal(tap->result, 0);
    assert_string_equal(tap->text, "");
    assert_true(tap->os_pid > 1);
    assert_string_equal(sup_text(tap, SESS_STDOUT), "out 0\nout 1\nout 2\n");
    assert_string_equal(sup_text(tap, SESS_STDERR), "err 0\nerr 1\nerr 2\n");
    assert_int_equal(tap->reason, SESS_CLOSE_EOF);
    assert_int_equal(tap->closed_seq, tap->chunks + 2);
    assert_int_equal(tap->close_record.bytes_out[SESS_STDOUT], 18);
    assert_int_equal(tap->close_record.bytes_out[SESS_STDERR], 18);
    assert_int_equal(tap->close_record.bytes_out[SESS_PTY], 0);
    sup_free(tap);
}

static void test_session_exit_codes(void **state)
{
    (void)state;
    static const struct {
        const char *how, *number;
        int code, signal, exit_code;
    } cases[] = {
        {"code", "0", 0, 0, 0},       {"code", "1", 1, 0, 1},       {"code", "255", 255, 0, 255},
        {"code", "137", 137, 0, 137}, {"signal", "9", 0, 9, 137},   {"signal", "15", 0, 15, 143},
        {"signal", "6", 0, 6, 134},   {"signal", "13", 0, 13, 141},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (int stdio = SESS_STDIO_OUTPUT; stdio <= SESS_STDIO_TTY; stdio++) {
            const char *argv[] = {CHILD("exit_code"), cases[i].how, cases[i].number, NULL};
            struct sess_spec spec = sup_spec(argv, (enum sess_stdio)stdio);
            struct sup_tap *tap = sup_run(&world, &spec);
            const struct sess_record *record = &tap->exit_record;
            assert_int_equal(tap->result, 0);
            assert_true(record->exited);
            assert_int_equal(record->code, cases[i].code);
            assert_int_equal(record->signal, cases[i].signal);
            assert_int_equal(record->exit_code, cases[i].exit_code);
            assert_int_equal(record->ender, SESS_ENDER_ITSELF);
            sup_free(tap);
        }
    }
}

static void test_session_record_has_times_and_usage(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("use"), "300", "60", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    uint64_t before_ms = iocp_wall_ms(world.port);
    struct sup_tap *tap = sup_run(&world, &spec);
    const struct sess_record *record = &tap->exit_record;
    assert_int_equal(record->exit_code, 0);
    assert_true(record->started_wall_ms >= before_ms);
    assert_true(record->exited_wall_ms >= record->started_wall_ms);
    assert_true(record->exited_wall_ms <= iocp_wall_ms(world.port));
    assert_true(record->duration_ns >= 60 * 1000 * 1000);
    assert_true(record->has_cpu);
    assert_true(record->cpu_user_us + record->cpu_system_us >= 60 * 1000);
    assert_true(record->has_peak);
    assert_true(record->peak_rss_bytes >= UINT64_C(300) * 1024 * 1024);
    sup_free(tap);
}

/* Its own peak is the server's, as far as the system can tell. */
static void test_session_small_program_has_no_peak(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("exit_code"), "code", "0", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    size_t size = 64 * 1024 * 1024;
    volatile char *memory = malloc(size);
    assert_non_null((void *)(uintptr_t)memory);
    for (size_t i = 0; i < size; i += 4096)
        memory[i] = 1;
    struct sup_tap *tap = sup_run(&world, &spec);
    free((void *)(uintptr_t)memory);
    assert_false(tap->exit_record.has_peak);
    assert_int_equal(tap->exit_record.peak_rss_bytes, 0);
    sup_free(tap);
}

static void test_session_tombstone_answers(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("both_streams"), "1", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_PIPES);
    struct sup_tap *tap = sup_run(&world, &spec);
    struct sup_ask ask;
    assert_int_equal(sup_write(&world, tap, "x", 1), SESS_E_EXITED);
    assert_int_equal(sup_close_stdin(tap), SESS_E_EXITED);
    assert_int_equal(sup_interrupt(tap), SESS_E_EXITED);
    assert_int_equal(sup_resize(tap, 1, 1), SESS_E_EXITED);
    assert_false(sup_stop(tap, SESS_STOP_FORCE, 0));
    assert_false(sup_stop(tap, SESS_STOP_GRACEFUL, 1000));
    sup_ask_begin(&ask, SESS_REQUEST_VIEW);
    sup_ask_post(&ask, tap);
    assert_int_equal(sup_ask_wait(&ask), 0);
    assert_int_equal(ask.view.state, SESS_GONE);
    assert_int_equal(ask.view.exited_seq, tap->exited_seq);
    assert_int_equal(ask.view.closed_seq, tap->closed_seq);
    assert_int_equal(ask.view.next_seq, tap->closed_seq + 1);
    assert_int_equal(ask.view.record.exit_code, 0);
    assert_int_equal(ask.head.size, 12);
    sup_ask_end(&ask);
    assert_int_equal(sup_stats(&world).sessions, 0);
    assert_int_equal(sup_stats(&world).objects, 1);
    sup_free(tap);
}

static void test_session_state_can_be_asked(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("echo"), NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_PIPES);
    spec.id = "an id";
    spec.id_size_bytes = 5;
    struct sup_tap *tap = sup_start(&world, &spec);
    size_t size = 0;
    assert_memory_equal(sess_session_id(tap->session, &size), "an id", 5);
    assert_int_equal(size, 5);
    assert_ptr_equal(sess_session_context(tap->session), tap);
    assert_false(sess_session_is_tty(tap->session));
    sup_wait_started(tap);
    struct sess_view view = sup_view(tap);
    assert_int_equal(view.state, SESS_RUNNING);
    assert_int_equal(view.os_pid, tap->os_pid);
    assert_true(view.stdin_open);
    assert_int_equal(view.next_seq, 1);
    assert_int_equal(sup_write(&world, tap, "hello", 5), 0);
    sup_wait_text(tap, SESS_STDOUT, "hello");
    assert_int_equal(sup_close_stdin(tap), 0);
    sup_wait_gone(tap);
    assert_int_equal(tap->close_record.bytes_in, 5);
    assert_int_equal(tap->exit_record.exit_code, 0);
    sup_free(tap);
}

static void test_session_requests_while_starting(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("wait"), NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_TTY);
    struct sup_jam jam;
    sup_jam(&jam, &world);
    struct sup_tap *tap = sup_start(&world, &spec);
    assert_int_equal(sup_write(&world, tap, "x", 1), SESS_E_STARTING);
    assert_int_equal(sup_close_stdin(tap), SESS_E_STARTING);
    assert_int_equal(sup_interrupt(tap), SESS_E_STARTING);
    assert_int_equal(sup_resize(tap, 1, 1), SESS_E_STARTING);
    struct sess_view view = sup_view(tap);
    assert_int_equal(view.state, SESS_STARTING);
    assert_int_equal(view.os_pid, 0);
    assert_int_equal(sup_stats(&world).sessions, 1);
    sup_jam_release(&jam);
    sup_wait_text(tap, SESS_PTY, "ready");
    assert_true(sup_stop(tap, SESS_STOP_FORCE, 0));
    sup_free(tap);
}

/* A stop before the program was started: it never is, and the answer is "cancelled". */
static void test_session_start_can_be_cancelled(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("wait"), NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_TTY);
    struct sup_jam jam;
    sup_jam(&jam, &world);
    struct sup_tap *tap = sup_start(&world, &spec);
    assert_true(sup_stop(tap, SESS_STOP_GRACEFUL, 10000));
    sup_jam_release(&jam);
    sup_wait_gone(tap);
    assert_int_equal(tap->result, SESS_E_CANCELLED);
    assert_string_equal(tap->text, "the start was cancelled");
    assert_false(tap->exited);
    assert_int_equal(tap->os_pid, 0);
    sup_free(tap);
}

/* A stop at any moment of a start: it is cancelled, or the program is killed. */
static void test_session_stop_races_with_start(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("wait"), NULL};
    enum { STARTS = 100 };
    struct sup_tap *taps[STARTS];
    for (int i = 0; i < STARTS; i++) {
        struct sess_spec spec = sup_spec(argv, i % 2 == 0 ? SESS_STDIO_TTY : SESS_STDIO_PIPES);
        taps[i] = sup_start(&world, &spec);
        if (i % 3 == 0)
            sup_wait_started(taps[i]); /* some are past it */
        assert_true(sup_stop(taps[i], SESS_STOP_FORCE, 0));
    }
    for (int i = 0; i < STARTS; i++) {
        sup_wait_gone(taps[i]);
        if (taps[i]->result == SESS_E_CANCELLED) {
            assert_false(taps[i]->exited);
        } else {
            assert_int_equal(taps[i]->result, 0);
            assert_int_equal(taps[i]->exit_record.signal, SIGKILL);
            assert_int_equal(taps[i]->exit_record.ender, SESS_ENDER_CLIENT);
        }
        sup_free(taps[i]);
    }
}

/* Who detaches while it starts does not even hear the answer. */
static void test_session_detach_while_starting(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("wait"), NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_PIPES);
    struct sup_jam jam;
    sup_jam(&jam, &world);
    struct sup_tap *tap = sup_start(&world, &spec);
    sup_detach(tap, SESS_STOP_FORCE);
    sup_jam_release(&jam);
    sess_session_unref(sess_session_ref(tap->session));
    assert_false(tap->started);
    tap->gone = true; /* what sup_free waits for will never be heard */
    sup_free(tap);
}

static bool has_sessions(const struct sess_host_stats *stats, uint64_t number)
{
    return stats->sessions == number;
}

/* After the answer nothing is heard, the program runs on and does not wait for anybody. */
static void test_session_detached_runs_on(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("flood"), "3000000", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    spec.window_bytes = 65536;
    struct sup_tap *tap = sup_start_held(&world, &spec);
    sup_wait_bytes(tap, SESS_STDOUT, 65536);
    sup_detach(tap, SESS_STOP_NONE);
    uint64_t heard = tap->last_seq;
    sup_wait_stats(&world, has_sessions, 0);
    struct sup_ask ask;
    sup_ask_begin(&ask, SESS_REQUEST_VIEW);
    sup_ask_post(&ask, tap);
    assert_int_equal(sup_ask_wait(&ask), 0);
    assert_int_equal(ask.view.state, SESS_GONE);
    assert_int_equal(ask.view.record.exit_code, 0);
    assert_int_equal(ask.view.record.bytes_out[SESS_STDOUT], 3000000);
    sup_ask_end(&ask);
    assert_int_equal(tap->last_seq, heard);
    assert_false(tap->exited || tap->gone);
    tap->gone = true; /* what sup_free waits for will never be heard */
    sup_free(tap);
}

static void test_session_detach_and_stop_in_one(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("wait"), NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_TTY);
    struct sup_tap *tap = sup_start(&world, &spec);
    sup_wait_text(tap, SESS_PTY, "ready");
    sup_detach(tap, SESS_STOP_FORCE);
    sup_wait_stats(&world, has_sessions, 0);
    struct sess_view view = sup_view(tap);
    assert_int_equal(view.record.signal, SIGKILL);
    assert_int_equal(view.record.ender, SESS_ENDER_DISCONNECT);
    tap->gone = true;
    sup_free(tap);
}

/* A session whose owner let go of it is freed when it is gone. */
static void test_session_needs_no_owner(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("both_streams"), "100", NULL};
    static const struct sess_events none = {0};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    for (int i = 0; i < 20; i++) {
        struct sess_session *session;
        struct sess_shortage shortage;
        assert_int_equal(sess_session_start(world.host, &spec, &none, NULL, &session, &shortage),
                         0);
        sess_session_unref(session);
    }
    sup_wait_stats(&world, has_sessions, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_session_runs_and_closes, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_session_exit_codes, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_session_record_has_times_and_usage, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(test_session_small_program_has_no_peak, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(test_session_tombstone_answers, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_session_state_can_be_asked, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_session_requests_while_starting, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(test_session_start_can_be_cancelled, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(test_session_stop_races_with_start, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(test_session_detach_while_starting, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(test_session_detached_runs_on, open_world, close_world),
        cmocka_unit_test_setup_teardown(test_session_detach_and_stop_in_one, open_world,
                                        close_world),
        cmocka_unit_test_setup_teardown(test_session_needs_no_owner, open_world, close_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
