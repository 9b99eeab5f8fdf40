/*
 * Ports: options and their ranges, stop and wait, threads and handles that all go with the port,
 * several ports at once, counters, clocks, random bytes, error texts.
 */
#include "support.h"

#include <time.h>

/* ---- Open and close -------------------------------------------------------------------------- */

static void test_open_and_close_leave_nothing(void **state)
{
    (void)state;
    int handles = sup_handles(), threads = sup_threads();
    for (unsigned i = 0; i < SUP_COUNT(200, 50); i++) {
        struct iocp_port *port = NULL;
        int os_error = 0;
        assert_int_equal(iocp_port_open(NULL, &port, &os_error), IOCP_OK);
        assert_non_null(port);
        iocp_port_close(port);
    }
    assert_int_equal(sup_handles(), handles);
    assert_true(sup_threads_settle(threads));
    iocp_port_close(NULL);
}

static void test_threads_are_as_many_as_asked_for(void **state)
{
    (void)state;
    const struct iocp_port_options options = {.workers = 3, .helpers = {1, 4, 2}};
    struct sup_world *world = sup_world_open(&options);
    if (world->threads >= 0)
        assert_int_equal(sup_threads(), world->threads + 3 + 1 + 4 + 2);
    sup_world_close(world);
}

static void test_counts_out_of_range_are_invalid(void **state)
{
    (void)state;
    const struct iocp_port_options bad[] = {
        {.workers = IOCP_WORKERS_MAX + 1},
        {.workers = UINT32_MAX},
        {.helpers = {IOCP_HELPERS_MAX + 1, 0}},
        {.helpers = {0, IOCP_HELPERS_MAX + 1}},
        {.workers = 2, .slab_limit_bytes = 3 * IOCP_SLAB_BYTES}, /* a slab each, and two more */
    };
    int handles = sup_handles(), threads = sup_threads();
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct iocp_port *port = NULL;
        int os_error = 0;
        assert_int_equal(iocp_port_open(&bad[i], &port, &os_error), IOCP_E_INVALID);
        assert_null(port);
    }
    assert_int_equal(sup_handles(), handles);
    assert_true(sup_threads_settle(threads));
}

static void test_largest_counts_work(void **state)
{
    (void)state;
    const struct iocp_port_options options = {
        .workers = IOCP_WORKERS_MAX,
        .helpers = {IOCP_HELPERS_MAX, IOCP_HELPERS_MAX},
    };
    struct sup_world *world = sup_world_open(&options);
    struct sup_box *box = sup_box_new(world);
    sup_box_end(box);
    sup_world_close(world);
}

/* ---- Stop and wait --------------------------------------------------------------------------- */

struct waiter {
    struct sup_world *world;
    struct sup_tally waiting, returned;
};

static void wait_for_stop(void *argument)
{
    struct waiter *waiter = argument;
    sup_tally_add(&waiter->waiting, 1);
    iocp_port_wait(waiter->world->port);
    sup_tally_add(&waiter->returned, 1);
}

static void stop_port(void *argument)
{
    struct waiter *waiter = argument;
    iocp_port_stop(waiter->world->port);
}

static void test_stop_ends_the_wait(void **state)
{
    (void)state;
    for (unsigned from_callback = 0; from_callback < 2; from_callback++) {
        struct waiter *waiter = sup_new(sizeof *waiter);
        waiter->world = sup_world_open(NULL);
        struct sup_box *box = sup_box_new(waiter->world);
        struct sup_thread *thread = sup_thread_start(wait_for_stop, waiter);
        sup_tally_await(&waiter->waiting, 1);
        assert_false(sup_tally_wait(&waiter->returned, 1, 20)); /* not before it is told to */
        if (from_callback)
            sup_box_call(box, stop_port, waiter);
        else
            stop_port(waiter);
        sup_tally_await(&waiter->returned, 1);
        sup_thread_join(thread);
        stop_port(waiter);
        iocp_port_wait(waiter->world->port); /* stopped is stopped */
        sup_box_end(box);                    /* and the port still works until it is closed */
        sup_world_close(waiter->world);
        free(waiter);
    }
}

static void test_stop_before_the_wait(void **state)
{
    (void)state;
    struct sup_world *world = sup_world_open(NULL);
    iocp_port_stop(world->port);
    iocp_port_stop(world->port);
    iocp_port_wait(world->port);
    sup_world_close(world);
}

/* ---- Several ports --------------------------------------------------------------------------- */

struct relay {
    struct sup_box *from, *to;
    struct iocp_op op;
    unsigned left;
    struct sup_tally done;
};

static void on_relay(struct iocp_op *op);

/* Posts to the port that it is not on. */
static void relay_next(struct relay *relay)
{
    struct sup_box *box = relay->left % 2 == 0 ? relay->from : relay->to;
    iocp_op_init(&relay->op, &box->strand, on_relay);
    iocp_post(&relay->op);
}

static void on_relay(struct iocp_op *op)
{
    struct relay *relay = IOCP_OWNER(op, struct relay, op);
    if (relay->left == 0) {
        sup_tally_add(&relay->done, 1);
        return;
    }
    relay->left--;
    relay_next(relay);
}

static void test_ports_post_to_each_other(void **state)
{
    (void)state;
    struct sup_world *first = sup_world_open(NULL);
    struct sup_world *second = sup_world_open(NULL);
    struct relay *relay = sup_new(sizeof *relay);
    relay->from = sup_box_new(first);
    relay->to = sup_box_new(second);
    relay->left = SUP_COUNT(4000, 500);
    relay_next(relay);
    sup_tally_await(&relay->done, 1);
    sup_box_end(relay->from);
    sup_box_end(relay->to);
    free(relay);
    sup_world_close(second);
    sup_world_close(first);
}

/* ---- Counters -------------------------------------------------------------------------------- */

static void nothing(void *argument)
{
    (void)argument;
}

static void test_counters_are_exact_when_idle(void **state)
{
    (void)state;
    struct sup_world *world = sup_world_open(NULL);
    struct sup_box *box = sup_box_new(world);
    struct sup_pair pair;
    struct iocp_stats before, after;
    const struct iocp_vec vec = {"1234567", 7};
    assert_true(sup_pair_open(world->port, SUP_LOCAL, &pair));
    struct sup_tap *tap = sup_tap_open_pair(box, &pair);
    sup_world_settle(world);
    sup_stats(world, &before);
    for (unsigned i = 0; i < 100; i++)
        sup_box_call(box, nothing, NULL);
    sup_stats(world, &after);
    assert_int_equal(after.callbacks - before.callbacks, 100);
    sup_tap_write(tap, &vec, 1);
    assert_int_equal(sup_tap_write_result(tap), IOCP_OK);
    assert_int_equal(sup_end_write(&pair.theirs, "abc", 3), 3);
    assert_int_equal(sup_tap_get(tap, 100), IOCP_OK);
    sup_stats(world, &after);
    assert_int_equal(after.callbacks - before.callbacks, 104); /* two starts, two completions */
    assert_int_equal(after.bytes_written - before.bytes_written, 7);
    assert_int_equal(after.bytes_read - before.bytes_read, 3);
    assert_int_equal(after.writes - before.writes, 1);
    assert_true(after.reads - before.reads >= 1);
    sup_end_close(&pair.theirs);
    sup_tap_close(tap);
    sup_box_end(box);
    sup_world_close(world);
}

/* Callbacks in a chain, on one worker, cost neither a wake nor a wait each. */
struct chain {
    struct iocp_op op;
    unsigned left;
    struct sup_tally done;
};

static void on_chain(struct iocp_op *op)
{
    struct chain *chain = IOCP_OWNER(op, struct chain, op);
    if (chain->left-- > 0)
        iocp_post(op);
    else
        sup_tally_add(&chain->done, 1);
}

static void test_chain_of_callbacks_makes_few_system_calls(void **state)
{
    (void)state;
    enum { LINKS = 6400 };
    struct sup_world *world = sup_world_open(NULL);
    struct sup_box *box = sup_box_new(world);
    struct chain *chain = sup_new(sizeof *chain);
    struct iocp_stats before, after;
    chain->left = LINKS;
    iocp_op_init(&chain->op, &box->strand, on_chain);
    sup_world_settle(world);
    sup_stats(world, &before);
    iocp_post(&chain->op);
    sup_tally_await(&chain->done, 1);
    sup_world_settle(world);
    sup_stats(world, &after);
    assert_true(after.kernel_polls - before.kernel_polls <= LINKS / IOCP_POLL_EVERY + 10);
    assert_true(after.kernel_polls - before.kernel_polls >= LINKS / IOCP_POLL_EVERY - 10);
    assert_true(after.kernel_waits - before.kernel_waits <= 10);
    assert_true(after.wakes - before.wakes <= 10);
    sup_box_end(box);
    free(chain);
    sup_world_close(world);
}

/* ---- Signals, clocks, random bytes, texts ---------------------------------------------------- */

/* Runs last: a write to a pipe that nobody reads must not kill the process. */
static void test_broken_pipe_does_not_kill(void **state)
{
    (void)state;
    const struct iocp_vec vec = {"x", 1};
    struct sup_pair pair;
    sup_let_broken_pipes_kill();
    struct sup_world *world = sup_world_open(NULL);
    struct sup_box *box = sup_box_new(world);
    assert_true(sup_pair_open(world->port, SUP_PIPE_OUT, &pair));
    struct sup_tap *tap = sup_tap_open_pair(box, &pair);
    sup_end_close(&pair.theirs);
    sup_tap_write(tap, &vec, 1);
    assert_int_equal(sup_tap_write_result(tap), IOCP_E_BROKEN);
    sup_tap_close(tap);
    sup_box_end(box);
    sup_world_close(world);
}

static void test_wall_clock_is_near_the_systems(void **state)
{
    (void)state;
    struct sup_world *world = sup_world_open(NULL);
    time_t before = time(NULL);
    uint64_t wall_ms = iocp_wall_ms(world->port);
    time_t after = time(NULL);
    assert_true(wall_ms / 1000 + 2 >= (uint64_t)before);
    assert_true(wall_ms / 1000 <= (uint64_t)after + 2);
    sup_world_close(world);
}

static void test_random_bytes_differ(void **state)
{
    (void)state;
    enum { SIZE = 1000000 };
    struct sup_world *world = sup_world_open(NULL);
    uint8_t first[16], second[16], *large = sup_new(SIZE);
    unsigned counts[256] = {0};
    assert_int_equal(iocp_random(world->port, first, sizeof first), IOCP_OK);
    assert_int_equal(iocp_random(world->port, second, sizeof second), IOCP_OK);
    assert_memory_not_equal(first, second, sizeof first);
    assert_int_equal(iocp_random(world->port, large, 0), IOCP_OK);
    assert_int_equal(iocp_random(world->port, large, SIZE), IOCP_OK); /* filled to the end */
    for (unsigned i = 0; i < SIZE; i++)
        counts[large[i]]++;
    for (unsigned i = 0; i < 256; i++)
        assert_in_range(counts[i], SIZE / 256 / 2, SIZE / 256 * 2);
    uint8_t zeros[16] = {0};
    assert_memory_not_equal(large + SIZE - 16, zeros, 16);
    free(large);
    sup_world_close(world);
}

static void test_errors_have_texts(void **state)
{
    (void)state;
    for (int error = IOCP_OK; error >= IOCP_E_OS; error--) {
        assert_non_null(iocp_error_text(error));
        assert_true(strlen(iocp_error_text(error)) > 1);
        for (int other = error + 1; other <= IOCP_OK; other++)
            assert_string_not_equal(iocp_error_text(error), iocp_error_text(other));
    }
    assert_non_null(iocp_error_text(-1000));
    assert_non_null(iocp_error_text(1));
    assert_non_null(iocp_error_text(INT32_MIN));
}

static void test_os_errors_are_mapped(void **state)
{
    (void)state;
    int os_error, expected;
    for (unsigned i = 0; sup_os_error(i, &os_error, &expected); i++)
        assert_int_equal(iocp_error_from_os(os_error), expected);
    assert_int_equal(iocp_error_from_os(0), IOCP_OK);
    assert_true(iocp_error_from_os(-5) < 0);
    assert_true(iocp_error_from_os(1000000) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_and_close_leave_nothing),
        cmocka_unit_test(test_threads_are_as_many_as_asked_for),
        cmocka_unit_test(test_counts_out_of_range_are_invalid),
        cmocka_unit_test(test_largest_counts_work),
        cmocka_unit_test(test_stop_ends_the_wait),
        cmocka_unit_test(test_stop_before_the_wait),
        cmocka_unit_test(test_ports_post_to_each_other),
        cmocka_unit_test(test_counters_are_exact_when_idle),
        cmocka_unit_test(test_chain_of_callbacks_makes_few_system_calls),
        cmocka_unit_test(test_wall_clock_is_near_the_systems),
        cmocka_unit_test(test_random_bytes_differ),
        cmocka_unit_test(test_errors_have_texts),
        cmocka_unit_test(test_os_errors_are_mapped),
        cmocka_unit_test(test_broken_pipe_does_not_kill),
    };
    sup_begin();
    return cmocka_run_group_tests_name("iocp/port", tests, NULL, NULL);
}
