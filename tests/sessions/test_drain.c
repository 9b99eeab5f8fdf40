/*
 * Between exit and close: what was written is delivered, what others hold open is waited for within
 * bounds, and nobody who goes on writing is killed by it.
 */
#include "support.h"

#include <signal.h>

static struct sup_world world;

/* A quiet gap that is long for a program that writes, and short for a test. */
static const struct sess_host_options quick = {.drain_quiet_ms = 150, .drain_max_ms = 700};

static int open_world(void **state)
{
    (void)state;
    sup_open(&world, &quick);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    sup_close(&world);
    return 0;
}

static uint64_t number_of_orphans(void)
{
    return sup_stats(&world).orphans;
}

static bool has_orphans(const struct sess_host_stats *stats, uint64_t number)
{
    return stats->orphans == number;
}

static bool has_discarded(const struct sess_host_stats *stats, uint64_t bytes)
{
    return stats->orphan_bytes >= bytes;
}

static void kill_and_wait(int64_t pid)
{
    assert_int_equal(kill((pid_t)pid, SIGKILL), 0);
    sup_wait_dead(pid);
}

/* Gives everything back, and what comes from now on. */
static void let_go(struct sup_tap *tap)
{
    (void)pthread_mutex_lock(&tap->lock);
    tap->hold = false;
    size_t held = tap->held_bytes;
    (void)pthread_mutex_unlock(&tap->lock);
    sup_give_back(tap, held);
}

/* ---- The end of streams ---- */

/* What is in the pipe at the exit is delivered, however slow the consumer. */
static void test_drain_delivers_what_was_written(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("flood"), "60000", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    spec.window_bytes = 1;
    for (int i = 0; i < 20; i++) {
        struct sup_tap *tap = sup_start_held(&world, &spec);
        sup_wait_exited(tap);
        sup_wait_bytes(tap, SESS_STDOUT, 1);
        assert_false(tap->closed);
        for (size_t given = 0; given < 60000;) {
            sup_wait_bytes(tap, SESS_STDOUT, given + 1);
            size_t heard = sup_size(tap, SESS_STDOUT);
            sup_give_back(tap, heard - given);
            given = heard;
        }
        sup_wait_gone(tap);
        assert_int_equal(sup_size(tap, SESS_STDOUT), 60000);
        assert_int_equal(tap->reason, SESS_CLOSE_EOF);
        sup_free(tap);
    }
}

/* A program that closes its output lives on; exited comes from the exit alone. */
static void test_drain_closed_output_is_no_exit(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("close_output"), NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_PIPES);
    struct sup_tap *tap = sup_start(&world, &spec);
    sup_wait_started(tap);
    assert_int_equal(sup_write(&world, tap, "x", 1), 0);
    assert_int_equal(sup_view(tap).state, SESS_RUNNING);
    assert_false(tap->exited);
    assert_int_equal(sup_close_stdin(tap), 0);
    sup_wait_gone(tap);
    assert_int_equal(tap->exit_record.exit_code, 4);
    assert_int_equal(tap->reason, SESS_CLOSE_EOF);
    assert_int_equal(tap->last_seq, 2);
    sup_free(tap);
}

/* ---- Somebody else holds the stream ---- */

static void test_drain_holder_that_ends_gives_eof(void **state)
{
    (void)state;
    const struct sess_host_options patient = {.drain_quiet_ms = 60000, .drain_max_ms = 60000};
    const char *argv[] = {CHILD("holder"), "10", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    sup_open(&world, &patient);
    struct sup_tap *tap = sup_start(&world, &spec);
    int64_t holder = sup_wait_number(tap, SESS_STDOUT, "holder ");
    sup_wait_exited(tap);
    assert_int_equal(sup_view(tap).state, SESS_EXITED);
    assert_int_equal(kill((pid_t)holder, SIGUSR1), 0);
    sup_wait_text(tap, SESS_STDOUT, "hhhhhhhhhh"); /* output after exited */
    kill_and_wait(holder);
    sup_wait_gone(tap);
    assert_int_equal(tap->reason, SESS_CLOSE_EOF);
    assert_int_equal(tap->closed_seq, tap->chunks + 2);
    assert_true(tap->exited_seq < tap->closed_seq - 1);
    assert_int_equal(number_of_orphans(), 0);
    sup_free(tap);
    sup_close(&world);
}

/* It is discarded from, not hung up on: its writes go through after the session is gone. */
static void test_drain_timeout_leaves_an_orphan(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("holder"), "50000", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    uint64_t before_ms = sup_now_ms();
    struct sup_tap *tap = sup_start(&world, &spec);
    int64_t holder = sup_wait_number(tap, SESS_STDOUT, "holder ");
    sup_wait_gone(tap);
    assert_true(sup_now_ms() - before_ms >= quick.drain_quiet_ms);
    assert_int_equal(tap->reason, SESS_CLOSE_DRAIN_TIMEOUT);
    assert_int_equal(tap->exit_record.exit_code, 0);
    assert_int_equal(sup_size(tap, SESS_STDERR), 0);
    sup_free(tap);
    sup_wait_stats(&world, has_orphans, 1);
    for (uint64_t writes = 1; writes <= 5; writes++) {
        assert_int_equal(kill((pid_t)holder, SIGUSR1), 0);
        sup_wait_stats(&world, has_discarded, writes * 50000);
    }
    assert_true(sup_is_alive(holder));
    kill_and_wait(holder);
    sup_wait_stats(&world, has_orphans, 0);
}

/* Many of them; the host's end lets go of what is left. */
static void test_drain_orphans_are_let_go_with_the_host(void **state)
{
    (void)state;
    enum { SESSIONS = 20 };
    const char *argv[] = {CHILD("holder"), "10", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    struct sup_tap *taps[SESSIONS];
    int64_t holders[SESSIONS];
    sup_open(&world, &quick);
    for (int i = 0; i < SESSIONS; i++)
        taps[i] = sup_start(&world, &spec);
    for (int i = 0; i < SESSIONS; i++) {
        holders[i] = sup_wait_number(taps[i], SESS_STDOUT, "holder ");
        sup_free(taps[i]);
    }
    sup_wait_stats(&world, has_orphans, SESSIONS);
    assert_int_equal(sup_stats(&world).descriptors, SESSIONS);
    sup_close(&world);
    for (int i = 0; i < SESSIONS; i++)
        kill_and_wait(holders[i]);
}

/* It never falls silent, but the hard cap comes; and it lives. A dripper without a processor is
 * silent: the gap is longer than that. */
static void test_drain_hard_cap_ends_a_dripper(void **state)
{
    (void)state;
    const struct sess_host_options capped = {.drain_quiet_ms = 60000, .drain_max_ms = 700};
    const char *argv[] = {CHILD("dripper"), NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    sup_open(&world, &capped);
    uint64_t before_ms = sup_now_ms();
    struct sup_tap *tap = sup_start(&world, &spec);
    int64_t dripper = sup_wait_number(tap, SESS_STDOUT, "dripper ");
    sup_wait_gone(tap);
    assert_true(sup_now_ms() - before_ms >= capped.drain_max_ms);
    assert_int_equal(tap->reason, SESS_CLOSE_DRAIN_TIMEOUT);
    sup_free(tap);
    uint64_t discarded = sup_stats(&world).orphan_bytes;
    sup_wait_stats(&world, has_discarded, discarded + 5);
    kill_and_wait(dripper);
    sup_wait_stats(&world, has_orphans, 0);
    sup_close(&world);
}

/* Also when there was something to read at the exit still, so that it begins later, and when it is
 * shorter than the quiet gap. */
static void test_drain_hard_cap_that_begins_late(void **state)
{
    (void)state;
    const struct sess_host_options capped = {.drain_quiet_ms = 60000, .drain_max_ms = 200};
    const char *argv[] = {"/bin/sh", "-c", CHILD("holder") " 1; " CHILD("flood") " 100000", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    sup_open(&world, &capped);
    spec.window_bytes = 50000;
    struct sup_tap *tap = sup_start_held(&world, &spec);
    sup_wait_exited(tap); /* the rest lies in the pipe, and is no whole window */
    let_go(tap);
    sup_wait_gone(tap);
    assert_int_equal(tap->reason, SESS_CLOSE_DRAIN_TIMEOUT);
    assert_true(sup_size(tap, SESS_STDOUT) > 100000);
    kill_and_wait(sup_wait_number(tap, SESS_STDOUT, "holder "));
    sup_free(tap);
    sup_wait_stats(&world, has_orphans, 0);
    sup_close(&world);
}

/* Whoever floods the orphan is slowed to the rate that is granted. */
static void test_drain_orphan_flood_is_slowed(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("flooder"), NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    spec.retain_bytes = 1000;
    struct sup_tap *tap = sup_start(&world, &spec);
    int64_t flooder = sup_wait_number(tap, SESS_STDOUT, "flooder ");
    sup_wait_gone(tap);
    assert_int_equal(tap->reason, SESS_CLOSE_DRAIN_TIMEOUT);
    sup_free(tap);
    uint64_t before_ms = sup_now_ms(), before = sup_stats(&world).orphan_bytes;
    sup_wait_stats(&world, has_discarded, before + SESS_ORPHAN_BYTES_PER_S / 2);
    uint64_t took_ms = sup_now_ms() - before_ms;
    assert_true(took_ms >= 250); /* half a second's worth, and some of it was saved up */
    assert_true(sup_is_alive(flooder));
    kill_and_wait(flooder);
    sup_wait_stats(&world, has_orphans, 0);
}

/* The clocks stand still while the consumer is waited for. */
static void test_drain_waits_for_the_consumer(void **state)
{
    (void)state;
    const char *argv[] = {"/bin/sh", "-c", CHILD("holder") " 1; " CHILD("flood") " 200000", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    spec.window_bytes = 1;
    struct sup_tap *tap = sup_start_held(&world, &spec);
    size_t given = 0;
    int64_t holder = -1;
    /* Give back until the program can end, then let time pass: twice the hard cap. */
    for (size_t heard = 0; heard < 150000;) {
        sup_give_back(tap, heard - given);
        given = heard;
        sup_wait_bytes(tap, SESS_STDOUT, given + 1);
        heard = sup_size(tap, SESS_STDOUT);
        holder = sup_wait_number(tap, SESS_STDOUT, "holder ");
    }
    sup_wait_exited(tap);
    uint64_t until_ms = sup_now_ms() + 2 * quick.drain_max_ms;
    while (sup_now_ms() < until_ms)
        assert_int_equal(sup_view(tap).state, SESS_EXITED);
    let_go(tap);
    sup_wait_gone(tap);
    assert_int_equal(tap->reason, SESS_CLOSE_DRAIN_TIMEOUT);
    assert_true(sup_size(tap, SESS_STDOUT) > 200000);
    sup_free(tap);
    kill_and_wait(holder);
    sup_wait_stats(&world, has_orphans, 0);
}

/* ---- Terminals ---- */

/* Nobody has the terminal open, but the program lives: that is no end. */
static void test_drain_tty_may_be_opened_again(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("reopen_tty"), NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_TTY);
    struct sup_tap *tap = sup_start(&world, &spec);
    sup_wait_text(tap, SESS_PTY, "gone\r\n");
    assert_int_equal(sup_view(tap).state, SESS_RUNNING);
    assert_int_equal(kill((pid_t)tap->os_pid, SIGUSR1), 0);
    sup_wait_text(tap, SESS_PTY, "back\r\n");
    assert_int_equal(sup_view(tap).state, SESS_RUNNING);
    assert_int_equal(sup_write(&world, tap, "end\n", 4), 0);
    sup_wait_gone(tap);
    assert_int_equal(tap->exit_record.exit_code, 6);
    assert_int_equal(tap->reason, SESS_CLOSE_EOF);
    sup_free(tap);
}

static void test_drain_tty_that_hung_up_before_the_exit(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("reopen_tty"), "exit", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_TTY);
    struct sup_tap *tap = sup_start(&world, &spec);
    sup_wait_text(tap, SESS_PTY, "gone\r\n");
    assert_int_equal(kill((pid_t)tap->os_pid, SIGUSR1), 0);
    sup_wait_gone(tap);
    assert_int_equal(tap->exit_record.exit_code, 5);
    assert_int_equal(tap->reason, SESS_CLOSE_EOF);
    assert_string_equal(sup_text(tap, SESS_PTY), "gone\r\n");
    sup_free(tap);
}

static void test_drain_tty_delivers_what_was_written(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("flood"), "3500", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_TTY);
    for (int i = 0; i < 100; i++) {
        struct sup_tap *tap = sup_run(&world, &spec);
        size_t newlines = 0, size = sup_size(tap, SESS_PTY);
        for (size_t at = 0; at < size; at++)
            newlines += tap->out[SESS_PTY].data[at] == '\n';
        assert_int_equal(newlines, 3500 / 251 + (3500 % 251 > '\n')); /* each came with a CR */
        assert_true(size >= 3500 + newlines);
        assert_int_equal(tap->reason, SESS_CLOSE_EOF);
        sup_free(tap);
    }
}

/* A daemon that has nothing of ours open does not keep the session from closing. */
static void test_drain_daemon_without_streams(void **state)
{
    (void)state;
    for (int stdio = SESS_STDIO_OUTPUT; stdio <= SESS_STDIO_TTY; stdio++) {
        const char *argv[] = {CHILD("double_fork"), "0", NULL};
        struct sess_spec spec = sup_spec(argv, (enum sess_stdio)stdio);
        struct sup_tap *tap = sup_start(&world, &spec);
        enum sess_stream stream = stdio == SESS_STDIO_TTY ? SESS_PTY : SESS_STDOUT;
        int64_t daemon = sup_wait_number(tap, stream, "daemon ");
        sup_wait_gone(tap);
        assert_int_equal(tap->reason, SESS_CLOSE_EOF);
        assert_true(sup_is_alive(daemon)); /* an end that nobody asked for kills nobody */
        sup_free(tap);
        kill_and_wait(daemon);
    }
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(test_drain_delivers_what_was_written),
        IN_WORLD(test_drain_closed_output_is_no_exit),
        cmocka_unit_test(test_drain_holder_that_ends_gives_eof),
        IN_WORLD(test_drain_timeout_leaves_an_orphan),
        cmocka_unit_test(test_drain_orphans_are_let_go_with_the_host),
        cmocka_unit_test(test_drain_hard_cap_ends_a_dripper),
        cmocka_unit_test(test_drain_hard_cap_that_begins_late),
        IN_WORLD(test_drain_orphan_flood_is_slowed),
        IN_WORLD(test_drain_waits_for_the_consumer),
        IN_WORLD(test_drain_tty_may_be_opened_again),
        IN_WORLD(test_drain_tty_that_hung_up_before_the_exit),
        IN_WORLD(test_drain_tty_delivers_what_was_written),
        IN_WORLD(test_drain_daemon_without_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
