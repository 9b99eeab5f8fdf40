/*
 * Terminals: when the last program has closed its side the pending read ends with HANGUP; the next
 * one waits, without a sound, until a program has the other side open again and writes.
 */
#include "support.h"

struct one {
    struct sup_world *world;
    struct sup_box *box;
    struct sup_pair pair;
    struct sup_tap *tap;
};

static void one_open(struct one *one)
{
    one->world = sup_world_open(NULL);
    one->box = sup_box_new(one->world);
    if (!sup_pair_open(one->world->port, SUP_TERMINAL, &one->pair)) {
        sup_box_end(one->box);
        sup_world_close(one->world);
        print_message("no terminals here\n");
        skip();
    }
    one->tap = sup_tap_open_pair(one->box, &one->pair);
}

static void one_close(struct one *one)
{
    sup_tap_close(one->tap);
    sup_box_end(one->box);
    sup_world_close(one->world);
}

static void test_hang_up_comes_after_the_data(void **state)
{
    (void)state;
    struct one one;
    one_open(&one);
    assert_int_equal(sup_end_write(&one.pair.theirs, "bye", 3), 3);
    sup_end_close(&one.pair.theirs);
    assert_int_equal(sup_tap_get(one.tap, 100), IOCP_OK);
    assert_int_equal(one.tap->size, 3);
    assert_memory_equal(one.tap->data, "bye", 3);
    assert_int_equal(sup_tap_get(one.tap, 100), IOCP_E_HANGUP);
    one_close(&one);
}

static void test_hang_up_wakes_a_waiting_read(void **state)
{
    (void)state;
    struct one one;
    one_open(&one);
    sup_tap_read(one.tap, 100);
    sup_tap_await_waiting(one.tap);
    sup_end_close(&one.pair.theirs);
    assert_int_equal(sup_tap_read_result(one.tap), IOCP_E_HANGUP);
    one_close(&one);
}

static void test_reopened_terminal_goes_on(void **state)
{
    (void)state;
    struct one one;
    one_open(&one);
    sup_tap_read(one.tap, 100);
    for (unsigned i = 0; i < 100; i++) {
        char text[8];
        snprintf(text, sizeof text, "n%04u", i);
        sup_end_close(&one.pair.theirs);
        assert_int_equal(sup_tap_read_result(one.tap), IOCP_E_HANGUP);
        sup_tap_read(one.tap, 100);
        if (i % 2 == 0)
            sup_tap_await_waiting(one.tap);
        assert_true(sup_terminal_attach(one.pair.ours, &one.pair.theirs));
        assert_int_equal(sup_end_write(&one.pair.theirs, text, 5), 5);
        assert_int_equal(sup_tap_read_result(one.tap), IOCP_OK);
        assert_int_equal(one.tap->size, 5);
        assert_memory_equal(one.tap->data, text, 5);
        sup_tap_read(one.tap, 100);
    }
    sup_tap_read_cancel(one.tap);
    assert_int_equal(sup_tap_read_result(one.tap), IOCP_E_CANCELLED);
    sup_end_close(&one.pair.theirs);
    one_close(&one);
}

static void test_read_after_hang_up_waits_in_silence(void **state)
{
    (void)state;
    struct one one;
    one_open(&one);
    sup_end_close(&one.pair.theirs);
    assert_int_equal(sup_tap_get(one.tap, 100), IOCP_E_HANGUP);
    sup_tap_read(one.tap, 100);
    sup_world_assert_silence(one.world);
    assert_int_equal(sup_tally_count(&one.tap->reads), 1);
    one_close(&one); /* with the read pending */
}

static void test_cancel_after_hang_up(void **state)
{
    (void)state;
    struct one one;
    one_open(&one);
    sup_end_close(&one.pair.theirs);
    assert_int_equal(sup_tap_get(one.tap, 100), IOCP_E_HANGUP);
    sup_tap_read(one.tap, 100);
    sup_tap_await_waiting(one.tap);
    sup_tap_read_cancel(one.tap);
    int result = sup_tap_read_result(one.tap); /* the hang-up is there still, and was told */
    assert_true(result == IOCP_E_CANCELLED || result == IOCP_E_HANGUP);
    one_close(&one);
}

/* What is typed goes to the program while its output is read. */
static void test_terminal_carries_both_ways(void **state)
{
    (void)state;
    struct one one;
    char data[8];
    const struct iocp_vec vec = {"typed", 5};
    one_open(&one);
    sup_tap_read(one.tap, 100);
    sup_tap_write(one.tap, &vec, 1);
    assert_int_equal(sup_tap_write_result(one.tap), IOCP_OK);
    assert_int_equal(sup_end_read_all(&one.pair.theirs, data, 5), 5);
    assert_memory_equal(data, "typed", 5);
    assert_int_equal(sup_end_write(&one.pair.theirs, "shown", 5), 5);
    assert_int_equal(sup_tap_read_result(one.tap), IOCP_OK);
    assert_memory_equal(one.tap->data, "shown", 5);
    sup_end_close(&one.pair.theirs);
    one_close(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hang_up_comes_after_the_data),
        cmocka_unit_test(test_hang_up_wakes_a_waiting_read),
        cmocka_unit_test(test_reopened_terminal_goes_on),
        cmocka_unit_test(test_read_after_hang_up_waits_in_silence),
        cmocka_unit_test(test_cancel_after_hang_up),
        cmocka_unit_test(test_terminal_carries_both_ways),
    };
    sup_begin();
    return cmocka_run_group_tests_name("iocp/terminal", tests, NULL, NULL);
}
