/*
 * The checks say what was done to a stream: lost, doubled, swapped, changed, too much. Each test
 * damages a stream in one way and counts.
 */
#include "tests/load/support.h"

#include "tools/load/base.h"
#include "tools/load/check.h"
#include "wire/base64.h"

#include <stdlib.h>
#include <string.h>

enum { TOTAL = 600000, CHUNK = 8192, SEED = 3 };

struct fixture {
    struct load_pattern *pattern;
    unsigned char *stream;
    struct load_faults faults;
    struct load_check check;
};

static int set_up(void **state)
{
    struct fixture *fixture = load_alloc(1, sizeof *fixture);

    fixture->pattern = load_pattern_new();
    fixture->stream = load_alloc(1, TOTAL);
    load_pattern_copy(fixture->pattern, load_pattern_start(SEED), fixture->stream, TOTAL);
    load_check_init_pattern(&fixture->check, "p1", &fixture->faults, fixture->pattern, SEED, TOTAL);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    load_check_deinit(&fixture->check);
    load_pattern_free(fixture->pattern);
    free(fixture->stream);
    free(fixture);
    return 0;
}

static void feed(struct fixture *fixture, size_t from, size_t to)
{
    while (from < to) {
        size_t part = to - from < CHUNK ? to - from : CHUNK;

        load_check_bytes(&fixture->check, fixture->stream + from, part);
        from += part;
    }
}

static void assert_only(const struct fixture *fixture, enum load_fault kind, uint64_t count)
{
    assert_int_equal(fixture->faults.counts[kind], count);
    assert_int_equal(load_faults_total(&fixture->faults), count);
}

static void test_check_right_stream_has_no_fault(void **state)
{
    struct fixture *fixture = *state;

    feed(fixture, 0, TOTAL);
    assert_true(load_check_is_complete(&fixture->check));
    load_check_finish(&fixture->check);
    assert_only(fixture, LOAD_FAULT_LOST, 0);
}

static void test_check_every_chunk_size_is_right(void **state)
{
    struct fixture *fixture = *state;
    uint64_t random = 99;
    size_t at = 0;

    while (at < TOTAL) {
        size_t part = 1 + load_random_next(&random) % 70000;

        part = part < TOTAL - at ? part : TOTAL - at;
        load_check_bytes(&fixture->check, fixture->stream + at, part);
        at += part;
    }
    load_check_finish(&fixture->check);
    assert_only(fixture, LOAD_FAULT_LOST, 0);
}

static void test_check_lost_chunk_is_counted_to_the_byte(void **state)
{
    struct fixture *fixture = *state;

    feed(fixture, 0, 100000);
    feed(fixture, 165536, TOTAL);
    load_check_finish(&fixture->check);
    assert_only(fixture, LOAD_FAULT_LOST, 65536);
}

static void test_check_lost_byte_within_a_chunk(void **state)
{
    struct fixture *fixture = *state;

    feed(fixture, 0, CHUNK);
    memmove(fixture->stream + CHUNK + 100, fixture->stream + CHUNK + 101, CHUNK - 101);
    load_check_bytes(&fixture->check, fixture->stream + CHUNK, CHUNK - 1);
    feed(fixture, 2 * CHUNK, TOTAL);
    load_check_finish(&fixture->check);
    assert_only(fixture, LOAD_FAULT_LOST, 1);
}

static void test_check_lost_end(void **state)
{
    struct fixture *fixture = *state;

    feed(fixture, 0, TOTAL - 5);
    assert_false(load_check_is_complete(&fixture->check));
    load_check_finish(&fixture->check);
    assert_only(fixture, LOAD_FAULT_LOST, 5);
}

static void test_check_lost_much_counts_in_all(void **state)
{
    struct fixture *fixture = *state;

    /* More than the period: where the stream goes on cannot be told, how much is missing can. */
    feed(fixture, 0, 50000);
    feed(fixture, 50000 + 2 * LOAD_PATTERN_PERIOD, TOTAL);
    load_check_finish(&fixture->check);
    assert_only(fixture, LOAD_FAULT_LOST, 2 * LOAD_PATTERN_PERIOD);
}

static void test_check_doubled_chunk(void **state)
{
    struct fixture *fixture = *state;

    feed(fixture, 0, 200000);
    feed(fixture, 200000 - CHUNK, 200000);
    feed(fixture, 200000, TOTAL);
    load_check_finish(&fixture->check);
    assert_only(fixture, LOAD_FAULT_DUPLICATED, CHUNK);
}

static void test_check_swapped_chunks(void **state)
{
    struct fixture *fixture = *state;

    feed(fixture, 0, 65536);
    load_check_bytes(&fixture->check, fixture->stream + 131072, 65536);
    load_check_bytes(&fixture->check, fixture->stream + 65536, 65536);
    feed(fixture, 196608, TOTAL);
    assert_true(load_check_is_complete(&fixture->check));
    load_check_finish(&fixture->check);
    assert_only(fixture, LOAD_FAULT_REORDERED, 65536);
}

static void test_check_changed_bytes(void **state)
{
    struct fixture *fixture = *state;

    fixture->stream[3] ^= 0x20;
    fixture->stream[77777] ^= 1;
    fixture->stream[TOTAL - 1] ^= 0x80;
    feed(fixture, 0, TOTAL);
    load_check_finish(&fixture->check);
    assert_only(fixture, LOAD_FAULT_CHANGED, 3);
}

static void test_check_bytes_of_another_seed_are_wrong(void **state)
{
    struct fixture *fixture = *state;

    load_pattern_copy(fixture->pattern, load_pattern_start(SEED + 1), fixture->stream, TOTAL);
    feed(fixture, 0, TOTAL);
    load_check_finish(&fixture->check);
    assert_true(load_faults_total(&fixture->faults) > 0);
}

static void test_check_surplus_behind_the_end(void **state)
{
    struct fixture *fixture = *state;
    unsigned char more[10];

    load_pattern_copy(fixture->pattern, load_pattern_start(SEED) + TOTAL, more, sizeof more);
    feed(fixture, 0, TOTAL);
    load_check_bytes(&fixture->check, more, sizeof more);
    load_check_finish(&fixture->check);
    assert_only(fixture, LOAD_FAULT_SURPLUS, sizeof more);
}

static void test_check_base64_is_taken_only_if_right(void **state)
{
    struct fixture *fixture = *state;
    uint8_t text[256];
    size_t length =
        wire_base64_encode(wire_base64_best(), wire_span_of(fixture->stream, 100), text);

    text[50] = text[50] == 'x' ? 'y' : 'x';
    assert_false(load_check_base64(&fixture->check, (char *)text, length));
    assert_int_equal(fixture->check.next, 0);
    length = wire_base64_encode(wire_base64_best(), wire_span_of(fixture->stream, 100), text);
    assert_true(load_check_base64(&fixture->check, (char *)text, length));
    assert_int_equal(fixture->check.next, 100);
    assert_only(fixture, LOAD_FAULT_LOST, 0);
}

static void test_check_text_that_grows(void **state)
{
    struct load_faults faults = {0};
    struct load_check check;

    (void)state;
    load_check_init_text(&check, "p1", &faults);
    load_check_expect(&check, "hello ", 6);
    load_check_bytes(&check, (const unsigned char *)"hel", 3);
    load_check_expect(&check, "world", 5);
    load_check_bytes(&check, (const unsigned char *)"lo wor", 6);
    assert_false(load_check_is_complete(&check));
    load_check_bytes(&check, (const unsigned char *)"ld", 2);
    assert_true(load_check_is_complete(&check));
    load_check_finish(&check);
    assert_int_equal(load_faults_total(&faults), 0);
    load_check_deinit(&check);
}

static void test_check_text_faults(void **state)
{
    struct load_faults faults = {0};
    struct load_check check;

    (void)state;
    load_check_init_text(&check, "p1", &faults);
    load_check_expect(&check, "abcdef", 6);
    load_check_bytes(&check, (const unsigned char *)"aXcY", 4);
    assert_int_equal(faults.counts[LOAD_FAULT_CHANGED], 2);
    assert_string_equal(faults.cases[0], "p1: byte 1 is 0x58 instead of 0x62");
    load_check_bytes(&check, (const unsigned char *)"efgh", 4);
    assert_int_equal(faults.counts[LOAD_FAULT_SURPLUS], 2);
    load_check_expect(&check, "xyz", 3);
    load_check_finish(&check);
    assert_int_equal(faults.counts[LOAD_FAULT_LOST], 3);
    load_check_deinit(&check);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_check_right_stream_has_no_fault, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_check_every_chunk_size_is_right, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_check_lost_chunk_is_counted_to_the_byte, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_check_lost_byte_within_a_chunk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_check_lost_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_check_lost_much_counts_in_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_check_doubled_chunk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_check_swapped_chunks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_check_changed_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_check_bytes_of_another_seed_are_wrong, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_check_surplus_behind_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_check_base64_is_taken_only_if_right, set_up,
                                        tear_down),
        cmocka_unit_test(test_check_text_that_grows),
        cmocka_unit_test(test_check_text_faults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
