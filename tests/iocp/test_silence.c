/*
 * Silence: a port on which nothing happens makes no system call, whatever is pending or hung up;
 * and what does happen costs no registration. Time passes here on purpose: that nothing happens in
 * it is what is tested.
 */
#include "support.h"

enum {
    STREAMS = 100,
    /* A hang-up, one more event for its end, one that was on its way when it was disarmed. */
    EVENTS_OF_A_HANG_UP = 3,
    READS = SUP_STRESS(10000, 3000),
    REGISTRATIONS_MAX = 3,
};

struct crowd {
    struct sup_world *world;
    struct sup_box *box;
    struct sup_tap *taps[STREAMS];
    struct sup_end ends[STREAMS];
};

static struct crowd *crowd_new(enum sup_pair_kind kind)
{
    const struct iocp_port_options options = {.workers = 2};
    struct crowd *crowd = sup_new(sizeof *crowd);
    struct sup_pair pair;
    crowd->world = sup_world_open(&options);
    crowd->box = sup_box_new(crowd->world);
    for (unsigned i = 0; i < STREAMS; i++) {
        assert_true(sup_pair_open(crowd->world->port, kind, &pair));
        crowd->taps[i] = sup_tap_open_pair(crowd->box, &pair);
        crowd->ends[i] = pair.theirs;
    }
    return crowd;
}

static void crowd_free(struct crowd *crowd)
{
    for (unsigned i = 0; i < STREAMS; i++) {
        if (crowd->ends[i].handle != IOCP_NO_HANDLE)
            sup_end_close(&crowd->ends[i]);
        sup_tap_close(crowd->taps[i]);
    }
    sup_box_end(crowd->box);
    sup_world_close(crowd->world);
    free(crowd);
}

/* ---- Nothing happens ------------------------------------------------------------------------- */

static void test_idle_port_is_silent(void **state)
{
    (void)state;
    struct sup_world *world = sup_world_open(NULL);
    sup_world_assert_silence(world);
    sup_world_close(world);
}

static void test_pending_reads_are_silent(void **state)
{
    (void)state;
    struct crowd *crowd = crowd_new(SUP_LOCAL);
    for (unsigned i = 0; i < STREAMS; i++)
        sup_tap_read(crowd->taps[i], 100);
    sup_world_assert_silence(crowd->world);
    crowd_free(crowd);
}

static void test_waiting_write_is_silent(void **state)
{
    (void)state;
    struct crowd *crowd = crowd_new(SUP_PIPE_OUT);
    const struct iocp_vec vec = {sup_new(IOCP_READ_MAX * 4), IOCP_READ_MAX * 4};
    for (unsigned i = 0; i < STREAMS; i++)
        sup_tap_write(crowd->taps[i], &vec, 1);
    sup_world_assert_silence(crowd->world);
    for (unsigned i = 0; i < STREAMS; i++)
        assert_int_equal(sup_tally_count(&crowd->taps[i]->writes), 0);
    crowd_free(crowd);
    union {
        const void *borrowed;
        void *own;
    } data = {.borrowed = vec.data};
    free(data.own);
}

struct waits {
    struct sup_box *box;
    struct iocp_listener listener;
    struct iocp_exit exit;
    iocp_handle handle;
    struct sup_child child;
    struct sup_tally done, closed;
};

static void on_waits_accept(struct iocp_op *op)
{
    SUP_CHECK(op->result == IOCP_E_CANCELLED);
}

static void on_waits_close(struct iocp_op *op)
{
    struct iocp_listener *listener = IOCP_OWNER(op, struct iocp_listener, close);
    sup_tally_add(&IOCP_OWNER(listener, struct waits, listener)->closed, 1);
}

static void on_waits_exit(struct iocp_op *op)
{
    struct iocp_exit *exit = IOCP_OWNER(op, struct iocp_exit, op);
    SUP_CHECK(op->result == IOCP_OK);
    iocp_exit_reap(exit, NULL);
    sup_tally_add(&IOCP_OWNER(exit, struct waits, exit)->done, 1);
}

static void start_waits(void *argument)
{
    struct waits *waits = argument;
    int os_error;
    SUP_CHECK(iocp_listener_open(&waits->listener, &waits->box->strand, waits->handle,
                                 on_waits_accept, on_waits_close, &os_error) == IOCP_OK);
    iocp_accept_start(&waits->listener);
    iocp_exit_start(&waits->exit, &waits->box->strand, waits->child.handle, on_waits_exit);
}

static void close_listener(void *argument)
{
    iocp_listener_close_start(&((struct waits *)argument)->listener);
}

static void test_pending_accept_and_exit_are_silent(void **state)
{
    (void)state;
    const char *const arguments[2] = {"code", "0"};
    struct sup_world *world = sup_world_open(NULL);
    struct waits *waits = sup_new(sizeof *waits);
    struct sup_gate gate;
    uint16_t tcp_port;
    int os_error;
    waits->box = sup_box_new(world);
    assert_true(sup_gate_open(&gate));
    assert_true(sup_child_start("iocp_exit", arguments, &gate, &waits->child));
    assert_int_equal(iocp_listen_tcp("127.0.0.1", 0, &waits->handle, &tcp_port, &os_error),
                     IOCP_OK);
    sup_box_call(waits->box, start_waits, waits);
    sup_world_assert_silence(world);
    sup_gate_release(&gate);
    sup_tally_await(&waits->done, 1);
    sup_world_assert_silence(world);
    sup_box_call(waits->box, close_listener, waits);
    sup_tally_await(&waits->closed, 1);
    sup_box_end(waits->box);
    free(waits);
    sup_world_close(world);
}

/* ---- Hang-ups -------------------------------------------------------------------------------- */

static uint64_t events_since(const struct crowd *crowd, const struct iocp_stats *before)
{
    struct iocp_stats now;
    sup_world_settle(crowd->world);
    sup_stats(crowd->world, &now);
    return now.kernel_events - before->kernel_events;
}

static void check_hang_up_without_a_read(enum sup_pair_kind kind, bool was_read)
{
    struct crowd *crowd = crowd_new(kind);
    struct iocp_stats before;
    sup_world_settle(crowd->world);
    sup_stats(crowd->world, &before);
    for (unsigned i = 0; i < STREAMS; i++)
        sup_end_close(&crowd->ends[i]);
    for (unsigned i = 0; was_read && i < STREAMS; i++)
        assert_int_equal(sup_tap_get(crowd->taps[i], 10), IOCP_E_END);
    sup_world_assert_silence(crowd->world);
    assert_true(events_since(crowd, &before) <= STREAMS * EVENTS_OF_A_HANG_UP);
    crowd_free(crowd);
}

static void test_hang_up_without_a_read_is_silent(void **state)
{
    (void)state;
    check_hang_up_without_a_read(SUP_PIPE_IN, false);
    check_hang_up_without_a_read(SUP_PIPE_IN, true);
    check_hang_up_without_a_read(SUP_PIPE_OUT, false);
    check_hang_up_without_a_read(SUP_LOCAL, false);
    check_hang_up_without_a_read(SUP_LOCAL, true);
    check_hang_up_without_a_read(SUP_TCP, true);
}

static void test_hang_up_of_a_pending_read_is_few_events(void **state)
{
    (void)state;
    struct crowd *crowd = crowd_new(SUP_PIPE_IN);
    struct iocp_stats before;
    for (unsigned i = 0; i < STREAMS; i++)
        sup_tap_read(crowd->taps[i], 100);
    sup_world_settle(crowd->world);
    sup_stats(crowd->world, &before);
    for (unsigned i = 0; i < STREAMS; i++) {
        sup_end_close(&crowd->ends[i]);
        assert_int_equal(sup_tap_read_result(crowd->taps[i]), IOCP_E_END);
    }
    sup_world_assert_silence(crowd->world);
    assert_true(events_since(crowd, &before) <= STREAMS * EVENTS_OF_A_HANG_UP);
    crowd_free(crowd);
}

/* Data that nobody asked for, then the end: both wait in the system for a later read. */
static void test_unread_data_and_end_are_silent(void **state)
{
    (void)state;
    struct crowd *crowd = crowd_new(SUP_PIPE_IN);
    for (unsigned i = 0; i < STREAMS; i++) {
        assert_int_equal(sup_end_write(&crowd->ends[i], "unread", 6), 6);
        sup_end_close(&crowd->ends[i]);
    }
    sup_world_assert_silence(crowd->world);
    for (unsigned i = 0; i < STREAMS; i++) {
        assert_int_equal(sup_tap_get(crowd->taps[i], 100), IOCP_OK);
        assert_int_equal(crowd->taps[i]->size, 6);
    }
    sup_world_assert_silence(crowd->world);
    crowd_free(crowd);
}

/* ---- Timers ---------------------------------------------------------------------------------- */

struct far {
    struct sup_world *world;
    struct iocp_timer timers[STREAMS];
    struct sup_tally done;
};

static void on_far(struct iocp_op *op)
{
    struct iocp_timer *timer = IOCP_OWNER(op, struct iocp_timer, op);
    SUP_CHECK(op->result == IOCP_E_CANCELLED);
    (void)timer;
}

static void start_far(void *argument)
{
    struct far *far = argument;
    uint64_t hour_ns = 3600000000000u;
    for (unsigned i = 0; i < STREAMS; i++)
        iocp_timer_start(&far->timers[i], iocp_now_ns(far->world->port) + hour_ns + i);
}

static void cancel_far(void *argument)
{
    struct far *far = argument;
    for (unsigned i = 0; i < STREAMS; i++)
        iocp_timer_cancel(&far->timers[i]);
}

static void test_far_timers_are_silent(void **state)
{
    (void)state;
    struct far *far = sup_new(sizeof *far);
    far->world = sup_world_open(NULL);
    struct sup_box *box = sup_box_new(far->world);
    for (unsigned i = 0; i < STREAMS; i++)
        iocp_timer_init(&far->timers[i], &box->strand, on_far);
    sup_box_call(box, start_far, far);
    sup_world_assert_silence(far->world);
    sup_box_call(box, cancel_far, far);
    sup_box_end(box);
    sup_world_close(far->world);
    free(far);
}

/* ---- Registrations --------------------------------------------------------------------------- */

/* Each read waits for its data and each write is answered: the worst case for who registers per
 * operation. */
static void check_registrations(enum sup_pair_kind kind)
{
    struct sup_world *world = sup_world_open(NULL);
    struct sup_box *box = sup_box_new(world);
    struct sup_pair pair;
    struct iocp_stats before, after;
    char byte = 0;
    const struct iocp_vec vec = {"y", 1};
    sup_stats(world, &before);
    assert_true(sup_pair_open(world->port, kind, &pair));
    struct sup_tap *tap = sup_tap_open_pair(box, &pair);
    for (unsigned i = 0; i < READS; i++) {
        sup_tap_read(tap, 100);
        assert_int_equal(sup_end_write(&pair.theirs, "x", 1), 1);
        assert_int_equal(sup_tap_read_result(tap), IOCP_OK);
        if (kind == SUP_PIPE_IN || i % 10 != 0)
            continue;
        sup_tap_write(tap, &vec, 1);
        assert_int_equal(sup_end_read(&pair.theirs, &byte, 1), 1);
        assert_int_equal(sup_tap_write_result(tap), IOCP_OK);
    }
    sup_stats(world, &after);
    assert_true(after.registrations - before.registrations <= REGISTRATIONS_MAX);
    sup_end_close(&pair.theirs);
    sup_tap_close(tap);
    sup_box_end(box);
    sup_world_close(world);
}

static void test_operations_cost_no_registration(void **state)
{
    (void)state;
    check_registrations(SUP_PIPE_IN);
    check_registrations(SUP_LOCAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle_port_is_silent),
        cmocka_unit_test(test_pending_reads_are_silent),
        cmocka_unit_test(test_waiting_write_is_silent),
        cmocka_unit_test(test_pending_accept_and_exit_are_silent),
        cmocka_unit_test(test_hang_up_without_a_read_is_silent),
        cmocka_unit_test(test_hang_up_of_a_pending_read_is_few_events),
        cmocka_unit_test(test_unread_data_and_end_are_silent),
        cmocka_unit_test(test_far_timers_are_silent),
        cmocka_unit_test(test_operations_cost_no_registration),
    };
    sup_begin();
    return cmocka_run_group_tests_name("iocp/silence", tests, NULL, NULL);
}
