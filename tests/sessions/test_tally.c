/*
 * The numbers over all sessions: by state and kind while they live, ends by who ended them, bytes
 * in each direction, what nobody heard, what is not retained. At the end no session is anywhere.
 */
#include "support.h"

#include "sessions/tally.h"

static struct sup_world world;

static int open_world(void **state)
{
    const struct sess_host_options options = {.retain_bytes = 1000, .drain_quiet_ms = 50};
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

static struct sess_totals totals(void)
{
    struct sess_totals all;
    sess_host_totals(world.host, &all);
    return all;
}

static uint64_t sessions_in(enum sess_kind kind, const struct sess_totals *all)
{
    uint64_t count = 0;
    for (int i = 0; i < SESS_STATES; i++)
        count += all->in_state[i][kind];
    return count;
}

static struct sup_tap *start(const char *const *argv, enum sess_stdio stdio)
{
    struct sess_spec spec = sup_spec(argv, stdio);
    struct sup_tap *tap = sup_start(&world, &spec);
    sup_wait_started(tap);
    return tap;
}

static bool is_freed(const struct sess_host_stats *stats, uint64_t objects)
{
    return stats->objects == objects;
}

static void test_tally_knows_state_and_kind(void **state)
{
    static const char *const echo[] = {CHILD("echo"), NULL};
    (void)state;
    struct sess_totals all = totals();
    assert_int_equal(sessions_in(SESS_KIND_PIPE, &all) + sessions_in(SESS_KIND_TTY, &all), 0);
    struct sup_tap *pipes = start(echo, SESS_STDIO_PIPES), *tty = start(echo, SESS_STDIO_TTY);
    all = totals();
    assert_int_equal(all.in_state[SESS_RUNNING][SESS_KIND_PIPE], 1);
    assert_int_equal(all.in_state[SESS_RUNNING][SESS_KIND_TTY], 1);
    assert_int_equal(sessions_in(SESS_KIND_PIPE, &all), 1);
    assert_int_equal(all.used[SESS_RESOURCE_SESSIONS], 2);
    assert_int_equal(all.used[SESS_RESOURCE_TTYS], 1);
    assert_int_equal(all.limits[SESS_RESOURCE_SESSIONS], UINT64_MAX);
    assert_int_equal(sup_close_stdin(pipes), 0);
    sup_wait_gone(pipes);
    assert_int_equal(totals().in_state[SESS_GONE][SESS_KIND_PIPE], 1);
    assert_int_equal(totals().exits[SESS_ENDER_ITSELF], 1);
    sup_free(pipes);
    sup_wait_stats(&world, is_freed, 1);
    all = totals();
    assert_int_equal(sessions_in(SESS_KIND_PIPE, &all), 0);
    assert_true(sup_stop(tty, SESS_STOP_FORCE, 0));
    sup_wait_gone(tty);
    assert_int_equal(totals().exits[SESS_ENDER_CLIENT], 1);
    sup_free(tty);
    sup_wait_stats(&world, is_freed, 0);
    all = totals();
    assert_int_equal(sessions_in(SESS_KIND_TTY, &all), 0);
}

static void test_tally_counts_failed_starts_out_again(void **state)
{
    static const char *const nothing[] = {"/nonexistent/program", NULL};
    (void)state;
    struct sup_tap *tap = start(nothing, SESS_STDIO_PIPES);
    assert_int_equal(tap->result, SESS_E_EXEC);
    sup_free(tap);
    sup_wait_stats(&world, is_freed, 0);
    struct sess_totals all = totals();
    assert_int_equal(sessions_in(SESS_KIND_PIPE, &all), 0);
    for (int i = 0; i < SESS_ENDERS; i++)
        assert_int_equal(all.exits[i], 0);
}

static void test_tally_counts_bytes(void **state)
{
    static const char *const flood[] = {CHILD("flood"), "300000", "5000", NULL};
    static const char *const echo[] = {CHILD("echo"), NULL};
    (void)state;
    struct sup_tap *tap = start(flood, SESS_STDIO_OUTPUT);
    sup_wait_gone(tap);
    struct sess_totals all = totals();
    assert_int_equal(all.bytes_out[SESS_STDOUT], sup_size(tap, SESS_STDOUT));
    assert_int_equal(all.bytes_out[SESS_STDOUT], 300000);
    assert_int_equal(all.bytes_out[SESS_STDERR] + all.bytes_out[SESS_PTY], 0);
    assert_int_equal(all.omitted_at_cap, 300000 - 1000);
    assert_int_equal(all.omitted_reclaims + all.bytes_unheard + all.bytes_in, 0);
    sup_free(tap);
    tap = start(echo, SESS_STDIO_PIPES);
    assert_int_equal(sup_write(&world, tap, "twelve bytes", 12), 0);
    sup_wait_bytes(tap, SESS_STDOUT, 12);
    (void)sup_view(tap); /* comes behind the end of the write */
    assert_int_equal(totals().bytes_in, 12);
    assert_int_equal(totals().bytes_out[SESS_STDOUT], 300012);
    assert_int_equal(sup_close_stdin(tap), 0);
    sup_wait_gone(tap);
    sup_free(tap);
}

static void test_tally_counts_who_waits(void **state)
{
    static const char *const flood[] = {CHILD("flood"), "100000", "5000", NULL};
    (void)state;
    struct sess_spec spec = sup_spec(flood, SESS_STDIO_OUTPUT);
    spec.window_bytes = 1;
    struct sup_tap *tap = sup_start_held(&world, &spec);
    sup_wait_bytes(tap, SESS_STDOUT, 1);
    (void)sup_view(tap); /* comes behind the output that filled the window */
    assert_int_equal(totals().waiting, 1);
    uint64_t heard = totals().bytes_out[SESS_STDOUT];
    sup_detach(tap, SESS_STOP_FORCE);
    assert_int_equal(totals().waiting, 0);
    sup_give_back(tap, heard);
    tap->gone = true; /* what sup_free waits for will never be heard */
    sup_free(tap);
    sup_wait_stats(&world, is_freed, 0);
    struct sess_totals all = totals();
    assert_int_equal(all.waiting, 0);
    assert_int_equal(all.bytes_unheard, all.bytes_out[SESS_STDOUT] - heard);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(test_tally_knows_state_and_kind),
        IN_WORLD(test_tally_counts_failed_starts_out_again),
        IN_WORLD(test_tally_counts_bytes),
        IN_WORLD(test_tally_counts_who_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
