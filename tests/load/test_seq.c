/*
 * Sequence numbers: in order, late within the window, left out, repeated.
 */
#include "tests/load/support.h"

#include "tools/load/seq.h"

static void take(struct load_seq *seq, struct load_faults *faults, uint64_t from, uint64_t to)
{
    for (uint64_t number = from; number <= to; number++)
        load_seq_take(seq, number, "p1", faults);
}

static void test_seq_in_order_is_right(void **state)
{
    struct load_faults faults = {0};
    struct load_seq seq = {0};

    (void)state;
    take(&seq, &faults, 1, 100000);
    load_seq_finish(&seq, "p1", &faults);
    assert_int_equal(load_faults_total(&faults), 0);
    assert_int_equal(load_faults_out_of_turn(&faults), 0);
}

static void test_seq_late_event_is_out_of_turn_only(void **state)
{
    struct load_faults faults = {0};
    struct load_seq seq = {0};

    (void)state;
    take(&seq, &faults, 1, 4);
    take(&seq, &faults, 6, 200);
    assert_true(load_seq_is_missing_any(&seq));
    take(&seq, &faults, 5, 5);
    assert_false(load_seq_is_missing_any(&seq));
    take(&seq, &faults, 201, 1000);
    load_seq_finish(&seq, "p1", &faults);
    assert_int_equal(load_faults_out_of_turn(&faults), 1);
    assert_int_equal(load_faults_total(&faults), 0);
}

static void test_seq_hole_is_counted_at_the_end(void **state)
{
    struct load_faults faults = {0};
    struct load_seq seq = {0};

    (void)state;
    take(&seq, &faults, 1, 10);
    take(&seq, &faults, 14, 20);
    load_seq_finish(&seq, "p1", &faults);
    assert_int_equal(faults.counts[LOAD_FAULT_SEQ_HOLE], 3);
    assert_int_equal(load_faults_total(&faults), 3);
}

static void test_seq_hole_that_leaves_the_window(void **state)
{
    struct load_faults faults = {0};
    struct load_seq seq = {0};

    (void)state;
    take(&seq, &faults, 2, LOAD_SEQ_WINDOW);
    assert_int_equal(load_faults_total(&faults), 0);
    take(&seq, &faults, LOAD_SEQ_WINDOW + 1, LOAD_SEQ_WINDOW + 1);
    assert_int_equal(faults.counts[LOAD_FAULT_SEQ_HOLE], 1);
    take(&seq, &faults, 1, 1);
    assert_int_equal(faults.counts[LOAD_FAULT_SEQ_REPEAT], 1);
}

static void test_seq_leap_is_one_hole_for_each_number(void **state)
{
    struct load_faults faults = {0};
    struct load_seq seq = {0};

    (void)state;
    take(&seq, &faults, 1, 7);
    take(&seq, &faults, 5008, 5010);
    load_seq_finish(&seq, "p1", &faults);
    assert_int_equal(faults.counts[LOAD_FAULT_SEQ_HOLE], 5000);
}

static void test_seq_repeat(void **state)
{
    struct load_faults faults = {0};
    struct load_seq seq = {0};

    (void)state;
    take(&seq, &faults, 1, 9);
    take(&seq, &faults, 9, 9);
    take(&seq, &faults, 3, 3);
    take(&seq, &faults, 0, 0);
    load_seq_finish(&seq, "p1", &faults);
    assert_int_equal(faults.counts[LOAD_FAULT_SEQ_REPEAT], 3);
    assert_int_equal(load_faults_total(&faults), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seq_in_order_is_right),
        cmocka_unit_test(test_seq_late_event_is_out_of_turn_only),
        cmocka_unit_test(test_seq_hole_is_counted_at_the_end),
        cmocka_unit_test(test_seq_hole_that_leaves_the_window),
        cmocka_unit_test(test_seq_leap_is_one_hole_for_each_number),
        cmocka_unit_test(test_seq_repeat),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
