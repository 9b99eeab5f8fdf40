/*
 * The limits of a spec: who ended the session and when, what counts as activity, what does not, and
 * that nobody pays for it chunk by chunk. Times pass in watches.
 */
#include "support_watch.h"

#include <signal.h>

enum { GRACE_MS = 100, NS_PER_MS = 1000 * 1000 };

static struct sup_world world;

static int open_world(void **state)
{
    const struct sess_host_options options = {.limit_grace_ms = GRACE_MS};
    (void)state;
    sup_open(&world, &options);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    sup_close(&world);
    return 0;
}

static const char *const wait_argv[] = {CHILD("wait"), NULL};

static struct sess_spec limited(const char *const *argv, struct sess_limits limits)
{
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_PIPES);
    spec.limits = limits;
    return spec;
}

/* Lets time pass, or less if the session ends before. */
static void pass(struct sup_tap *tap, unsigned ms)
{
    struct sup_waiter waiter;
    sup_watch_begin(&waiter);
    waiter.watch.timeout_ms = ms;
    sup_watch_post(&waiter, tap);
    enum sess_watch_reason reason = sup_watch_reason(&waiter);
    assert_true(reason == SESS_WATCH_TIMEOUT || reason == SESS_WATCH_OVER);
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

static void expect_end(struct sup_tap *tap, enum sess_ender ender, int signal_number,
                       uint64_t least_ms)
{
    sup_wait_gone(tap);
    const struct sess_record *record = &tap->exit_record;
    assert_string_equal(sess_ender_text(record->ender), sess_ender_text(ender));
    assert_int_equal(record->signal, signal_number);
    assert_true(record->duration_ns >= least_ms * NS_PER_MS);
    sup_free(tap);
}

static void test_guard_wall_clock(void **state)
{
    (void)state;
    for (int stdio = SESS_STDIO_OUTPUT; stdio <= SESS_STDIO_TTY; stdio++) {
        struct sess_spec spec = limited(wait_argv, (struct sess_limits){.wall_ms = 50});
        spec.stdio = (enum sess_stdio)stdio;
        expect_end(sup_run(&world, &spec), SESS_ENDER_TIME_LIMIT, SIGTERM, 50);
    }
}

/* Who does not want to end is killed after the grace. */
static void test_guard_kills_after_the_grace(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("ignore_term"), NULL};
    struct sess_spec spec = limited(argv, (struct sess_limits){.wall_ms = 200});
    struct sup_tap *tap = sup_start(&world, &spec);
    sup_wait_text(tap, SESS_STDOUT, "ready");
    expect_end(tap, SESS_ENDER_TIME_LIMIT, SIGKILL, 200 + GRACE_MS);
}

static void test_guard_silence(void **state)
{
    (void)state;
    struct sess_spec spec = limited(wait_argv, (struct sess_limits){.no_output_ms = 50});
    expect_end(sup_run(&world, &spec), SESS_ENDER_NO_OUTPUT_LIMIT, SIGTERM, 50);
    spec.limits = (struct sess_limits){.idle_ms = 50};
    expect_end(sup_run(&world, &spec), SESS_ENDER_IDLE_LIMIT, SIGTERM, 50);
}

/* Gives it a byte of input again and again. Whether the session runs still: much longer than any
 * pause between two of them. */
static bool feed_for(struct sup_tap *tap, unsigned ms)
{
    for (uint64_t end_ms = sup_now_ms() + ms; sup_now_ms() < end_ms;) {
        if (sup_write(&world, tap, "x", 1) != 0)
            return false;
        pass(tap, 5);
    }
    return sup_view(tap).state == SESS_RUNNING;
}

/* Input is activity, output is too; for silence only output counts. */
static void test_guard_activity(void **state)
{
    (void)state;
    enum { IDLE_MS = 1000, ACTIVE_MS = 2000 };
    const char *argv[] = {CHILD("echo"), NULL};
    struct sess_spec spec = limited(wait_argv, (struct sess_limits){.idle_ms = IDLE_MS});
    struct sup_tap *tap = sup_start(&world, &spec);
    sup_wait_started(tap);
    assert_true(feed_for(tap, ACTIVE_MS));
    expect_end(tap, SESS_ENDER_IDLE_LIMIT, SIGTERM, ACTIVE_MS);
    spec = limited(argv, (struct sess_limits){.no_output_ms = IDLE_MS, .idle_ms = 3600 * 1000});
    tap = sup_start(&world, &spec);
    sup_wait_started(tap);
    assert_true(feed_for(tap, ACTIVE_MS)); /* it echoes */
    expect_end(tap, SESS_ENDER_NO_OUTPUT_LIMIT, SIGTERM, ACTIVE_MS);
    spec.argv = wait_argv;
    tap = sup_start(&world, &spec);
    sup_wait_started(tap);
    assert_false(feed_for(tap, SUP_DEADLINE_MS)); /* it does not */
    expect_end(tap, SESS_ENDER_NO_OUTPUT_LIMIT, SIGTERM, IDLE_MS);
}

/* Time in which the program waits for its consumer does not count; what comes after it does. */
static void test_guard_waiting_is_not_idle(void **state)
{
    (void)state;
    enum { IDLE_MS = 700, HELD_MS = 1500, WINDOW = 100 * 1000, TOTAL = 400 * 1000 };
    const char *argv[] = {"/bin/sh", "-c", CHILD("flood") " 400000; exec " CHILD("wait"), NULL};
    static const struct sess_limits limits[] = {{.idle_ms = IDLE_MS}, {.no_output_ms = IDLE_MS}};
    for (int i = 0; i < 2; i++) {
        struct sess_spec spec = limited(argv, limits[i]);
        spec.window_bytes = WINDOW;
        struct sup_tap *tap = sup_start_held(&world, &spec);
        sup_wait_bytes(tap, SESS_STDOUT, WINDOW);
        pass(tap, HELD_MS);
        struct sess_view view = sup_view(tap);
        assert_int_equal(view.state, SESS_RUNNING);
        assert_true(view.waiting_since_ns > 0);
        let_go(tap);
        sup_wait_bytes(tap, SESS_STDOUT, TOTAL);
        expect_end(tap, i == 0 ? SESS_ENDER_IDLE_LIMIT : SESS_ENDER_NO_OUTPUT_LIMIT, SIGTERM,
                   HELD_MS + IDLE_MS);
    }
}

/* The wall clock does not stand still for anybody. */
static void test_guard_wall_clock_runs_while_waiting(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("flood"), "4000000", NULL};
    struct sess_spec spec = limited(argv, (struct sess_limits){.wall_ms = 200});
    spec.window_bytes = 100000;
    struct sup_tap *tap = sup_start_held(&world, &spec);
    sup_wait_exited(tap);
    assert_int_equal(tap->exit_record.ender, SESS_ENDER_TIME_LIMIT);
    let_go(tap);
    expect_end(tap, SESS_ENDER_TIME_LIMIT, SIGTERM, 200);
}

static void test_guard_output(void **state)
{
    (void)state;
    const char *exact[] = {CHILD("flood"), "100000", NULL};
    const char *endless[] = {CHILD("flood"), "1000000000000", NULL};
    const char *both[] = {
        "/bin/sh", "-c",
        CHILD("flood") " 60000 1000 1; " CHILD("flood") " 60000 1000 2; exec " CHILD("wait"), NULL};
    const struct sess_limits limits = {.output_bytes = 100000};
    struct sess_spec spec = limited(exact, limits);
    expect_end(sup_run(&world, &spec), SESS_ENDER_ITSELF, 0, 0);
    spec.argv = endless;
    struct sup_tap *tap = sup_run(&world, &spec);
    assert_true(tap->close_record.bytes_out[SESS_STDOUT] > 100000);
    assert_int_equal(sup_size(tap, SESS_STDOUT), tap->close_record.bytes_out[SESS_STDOUT]);
    expect_end(tap, SESS_ENDER_OUTPUT_LIMIT, SIGTERM, 0);
    spec.argv = both; /* of both streams together */
    tap = sup_run(&world, &spec);
    assert_true(tap->close_record.bytes_out[SESS_STDERR] > 40000);
    expect_end(tap, SESS_ENDER_OUTPUT_LIMIT, SIGTERM, 0);
}

/* Whoever came first ended it; a limit only shortens what is left. */
static void test_guard_after_a_client(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("ignore_term"), NULL};
    struct sess_spec spec = limited(argv, (struct sess_limits){.wall_ms = 300});
    struct sup_tap *tap = sup_start(&world, &spec);
    sup_wait_text(tap, SESS_STDOUT, "ready");
    assert_true(sup_stop(tap, SESS_STOP_GRACEFUL, 3600 * 1000));
    expect_end(tap, SESS_ENDER_CLIENT, SIGKILL, 300 + GRACE_MS);
}

/* Limits that are not reached change nothing, not even how long the end takes. */
static void test_guard_not_reached(void **state)
{
    (void)state;
    const struct sess_limits limits[] = {
        {3600 * 1000, 3600 * 1000, 3600 * 1000, 1000 * 1000},
        {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX},
        {.idle_ms = UINT64_MAX / NS_PER_MS},
    };
    const char *argv[] = {CHILD("both_streams"), "3", NULL};
    const char *nothing[] = {"/does/not/exist", NULL};
    for (int i = 0; i < 3; i++) {
        struct sess_spec spec = limited(argv, limits[i]);
        spec.id = "odd"; /* what lies behind it is aligned all the same */
        spec.id_size_bytes = 3;
        expect_end(sup_run(&world, &spec), SESS_ENDER_ITSELF, 0, 0);
        spec.argv = nothing;
        struct sup_tap *tap = sup_run(&world, &spec);
        assert_int_equal(tap->result, SESS_E_EXEC);
        sup_free(tap);
    }
}

/* The timer is set a few times, not with every chunk. */
static void test_guard_costs_no_timer_a_chunk(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("flood"), "20000000", "4096", NULL};
    const struct sess_limits limits = {.idle_ms = 60000, .no_output_ms = 60000, .wall_ms = 90000};
    struct sess_spec spec = limited(argv, limits);
    struct iocp_stats before, after;
    iocp_port_stats(world.port, &before);
    struct sup_tap *tap = sup_run(&world, &spec);
    assert_true(tap->chunks > 300);
    iocp_port_stats(world.port, &after);
    assert_true(after.timer_settings - before.timer_settings < 20);
    expect_end(tap, SESS_ENDER_ITSELF, 0, 0);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(test_guard_wall_clock),
        IN_WORLD(test_guard_kills_after_the_grace),
        IN_WORLD(test_guard_silence),
        IN_WORLD(test_guard_activity),
        IN_WORLD(test_guard_waiting_is_not_idle),
        IN_WORLD(test_guard_wall_clock_runs_while_waiting),
        IN_WORLD(test_guard_output),
        IN_WORLD(test_guard_after_a_client),
        IN_WORLD(test_guard_not_reached),
        IN_WORLD(test_guard_costs_no_timer_a_chunk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
