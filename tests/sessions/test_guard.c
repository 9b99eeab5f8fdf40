/*
 * The limits of a spec: who ended the session and when, what counts as activity, what does not, and
 * that nobody pays for it chunk by chunk. Times pass in watches.
 */
#include "support_watch.h"

#include <signal.h>

enum { GRACE_MS = 100, LONG_MS = 3600 * 1000, TRIES = 10, NS_PER_MS = 1000 * 1000 };

static struct sup_world world;

/* A program that obeys needs a processor to: nobody is killed for want of one. */
static int open_world(void **state)
{
    const struct sess_host_options options = {.limit_grace_ms = LONG_MS};
    (void)state;
    sup_open(&world, &options);
    return 0;
}

static int open_with_short_grace(void **state)
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

/* Who does not want to end is killed after the grace. The limit is reached by what it says when it
 * is deaf already. */
static void test_guard_kills_after_the_grace(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("ignore_term"), NULL};
    struct sess_spec spec = limited(argv, (struct sess_limits){.output_bytes = 1});
    struct sup_tap *tap = sup_start(&world, &spec);
    sup_wait_text(tap, SESS_STDOUT, "ready");
    expect_end(tap, SESS_ENDER_OUTPUT_LIMIT, SIGKILL, GRACE_MS);
}

static void test_guard_silence(void **state)
{
    (void)state;
    struct sess_spec spec = limited(wait_argv, (struct sess_limits){.no_output_ms = 50});
    expect_end(sup_run(&world, &spec), SESS_ENDER_NO_OUTPUT_LIMIT, SIGTERM, 50);
    spec.limits = (struct sess_limits){.idle_ms = 50};
    expect_end(sup_run(&world, &spec), SESS_ENDER_IDLE_LIMIT, SIGTERM, 50);
}

enum { IDLE_MS = 1000, ACTIVE_MS = 2000 };

/* Gives it a byte, and waits until that was taken and, if it echoes, came back. Whether the session
 * runs still. */
static bool feed(struct sup_tap *tap, bool echoes)
{
    size_t heard = sup_size(tap, SESS_STDOUT);
    if (sup_write(&world, tap, "x", 1) != 0 || (echoes && !sup_hears(tap, SESS_STDOUT, heard + 1)))
        return false;
    struct sess_view view = sup_view(tap);
    while (view.stdin_queued_bytes > 0)
        view = sup_view(tap);
    return view.state == SESS_RUNNING;
}

/* Feeds it again and again. Whether the session runs still. *pause_ms becomes the longest time that
 * may have passed between two signs of life, since since_ms. */
static bool feed_for(struct sup_tap *tap, unsigned ms, bool echoes, uint64_t since_ms,
                     uint64_t *pause_ms)
{
    bool runs = true;
    *pause_ms = 0;
    for (uint64_t end_ms = sup_now_ms() + ms; runs && sup_now_ms() < end_ms; pass(tap, 5)) {
        uint64_t before_ms = sup_now_ms();
        runs = feed(tap, echoes);
        uint64_t after_ms = sup_now_ms();
        if (after_ms - since_ms > *pause_ms)
            *pause_ms = after_ms - since_ms;
        since_ms = before_ms;
    }
    return runs;
}

/* A session that lived for ACTIVE_MS because it was fed. Where the test or the program waits so
 * long for a processor that it was idle indeed, another one is. */
static struct sup_tap *start_fed(const struct sess_spec *spec, bool echoes)
{
    for (int i = 0; i < TRIES; i++) {
        uint64_t pause_ms, since_ms = sup_now_ms();
        struct sup_tap *tap = sup_start(&world, spec);
        sup_wait_started(tap);
        bool runs = feed_for(tap, ACTIVE_MS, echoes, since_ms, &pause_ms);
        if (runs)
            return tap;
        assert_true(pause_ms >= IDLE_MS);
        sup_free(tap);
    }
    fail_msg("no processor for %d ms, %d times", IDLE_MS, TRIES);
    return NULL;
}

/* Input is activity, output is too; for silence only output counts. */
static void test_guard_activity(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("echo"), NULL};
    struct sess_spec spec = limited(wait_argv, (struct sess_limits){.idle_ms = IDLE_MS});
    uint64_t pause_ms;
    struct sup_tap *tap = start_fed(&spec, false);
    expect_end(tap, SESS_ENDER_IDLE_LIMIT, SIGTERM, ACTIVE_MS);
    spec = limited(argv, (struct sess_limits){.no_output_ms = IDLE_MS, .idle_ms = LONG_MS});
    tap = start_fed(&spec, true);
    expect_end(tap, SESS_ENDER_NO_OUTPUT_LIMIT, SIGTERM, ACTIVE_MS);
    spec.argv = wait_argv;
    tap = sup_start(&world, &spec);
    sup_wait_started(tap);
    assert_false(feed_for(tap, SUP_DEADLINE_MS, false, 0, &pause_ms)); /* it does not echo */
    expect_end(tap, SESS_ENDER_NO_OUTPUT_LIMIT, SIGTERM, IDLE_MS);
}

/* A session whose window is full. One whose program gets no processor for so long that it is ended
 * as idle before that is left to its end. */
static struct sup_tap *start_full(const struct sess_spec *spec)
{
    for (int i = 0; i < TRIES; i++) {
        struct sup_tap *tap = sup_start_held(&world, spec);
        if (sup_hears(tap, SESS_STDOUT, spec->window_bytes))
            return tap;
        let_go(tap);
        sup_free(tap);
    }
    fail_msg("no processor, %d times", TRIES);
    return NULL;
}

/* Time in which the program waits for its consumer does not count; what comes after it does. */
static void test_guard_waiting_is_not_idle(void **state)
{
    (void)state;
    enum { SHORT_MS = 700, HELD_MS = 1500, WINDOW = 100 * 1000 };
    const char *argv[] = {"/bin/sh", "-c", CHILD("flood") " 400000; exec " CHILD("wait"), NULL};
    static const struct sess_limits limits[] = {{.idle_ms = SHORT_MS}, {.no_output_ms = SHORT_MS}};
    for (int i = 0; i < 2; i++) {
        struct sess_spec spec = limited(argv, limits[i]);
        spec.window_bytes = WINDOW;
        struct sup_tap *tap = start_full(&spec);
        pass(tap, HELD_MS);
        struct sess_view view = sup_view(tap);
        assert_int_equal(view.state, SESS_RUNNING);
        assert_true(view.waiting_since_ns > 0);
        let_go(tap);
        expect_end(tap, i == 0 ? SESS_ENDER_IDLE_LIMIT : SESS_ENDER_NO_OUTPUT_LIMIT, SIGTERM,
                   HELD_MS + SHORT_MS);
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

/* Whoever came first ended it; a limit only shortens what is left. It is reached after the stop, by
 * the second "ready". */
static void test_guard_after_a_client(void **state)
{
    (void)state;
    const char *argv[] = {"/bin/sh", "-c",
                          "trap '' TERM; echo ready; read line; exec " CHILD("ignore_term"), NULL};
    struct sess_spec spec = limited(argv, (struct sess_limits){.output_bytes = strlen("ready\n")});
    struct sup_tap *tap = sup_start(&world, &spec);
    sup_wait_text(tap, SESS_STDOUT, "ready\n");
    assert_true(sup_stop(tap, SESS_STOP_GRACEFUL, LONG_MS));
    uint64_t before_ms = sup_now_ms();
    assert_int_equal(sup_write(&world, tap, "\n", 1), 0);
    sup_wait_exited(tap);
    assert_true(sup_now_ms() - before_ms >= GRACE_MS);
    expect_end(tap, SESS_ENDER_CLIENT, SIGKILL, GRACE_MS);
}

/* Limits that are not reached change nothing, not even how long the end takes. */
static void test_guard_not_reached(void **state)
{
    (void)state;
    const struct sess_limits limits[] = {
        {LONG_MS, LONG_MS, LONG_MS, 1000 * 1000},
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
#define SHORT_OF_TIME(test)                                                                        \
    cmocka_unit_test_setup_teardown(test, open_with_short_grace, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(test_guard_wall_clock),
        SHORT_OF_TIME(test_guard_kills_after_the_grace),
        IN_WORLD(test_guard_silence),
        IN_WORLD(test_guard_activity),
        IN_WORLD(test_guard_waiting_is_not_idle),
        IN_WORLD(test_guard_wall_clock_runs_while_waiting),
        IN_WORLD(test_guard_output),
        SHORT_OF_TIME(test_guard_after_a_client),
        IN_WORLD(test_guard_not_reached),
        IN_WORLD(test_guard_costs_no_timer_a_chunk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
