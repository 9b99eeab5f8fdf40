/*
 * The pattern: its bytes, its base64 and its places agree, at every alignment and around the end of
 * the period.
 */
#include "tests/load/support.h"

#include "tools/load/base.h"
#include "tools/load/pattern.h"
#include "wire/base64.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_BYTES = 70000 };

struct fixture {
    struct load_pattern *pattern;
    unsigned char bytes[MOST_BYTES];
    uint8_t text[MOST_BYTES / 3 * 4 + 8];
};

static int set_up(void **state)
{
    struct fixture *fixture = load_alloc(1, sizeof *fixture);

    fixture->pattern = load_pattern_new();
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    load_pattern_free(fixture->pattern);
    free(fixture);
    return 0;
}

static size_t encode(struct fixture *fixture, uint64_t position, size_t size)
{
    load_pattern_copy(fixture->pattern, position, fixture->bytes, size);
    return wire_base64_encode(wire_base64_best(), wire_span_of(fixture->bytes, size),
                              fixture->text);
}

static void test_pattern_base64_matches_at_every_alignment(void **state)
{
    static const size_t sizes[] = {1, 2, 3, 4, 5, 100, 4095, 8192, 65536, MOST_BYTES};
    static const uint64_t positions[] = {0,
                                         1,
                                         2,
                                         3,
                                         1000,
                                         LOAD_PATTERN_PERIOD - 5,
                                         LOAD_PATTERN_PERIOD - 1,
                                         LOAD_PATTERN_PERIOD,
                                         UINT64_C(5) * LOAD_PATTERN_PERIOD - 4096};
    struct fixture *fixture = *state;

    for (size_t p = 0; p < sizeof positions / sizeof *positions; p++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            size_t length = encode(fixture, positions[p], sizes[s]);
            size_t size = 0;

            assert_true(load_pattern_match_base64(fixture->pattern, positions[p],
                                                  (char *)fixture->text, length, &size));
            assert_int_equal(size, sizes[s]);
            assert_int_equal(
                load_pattern_match(fixture->pattern, positions[p], fixture->bytes, sizes[s]),
                sizes[s]);
        }
}

static void test_pattern_one_wrong_character_is_seen_anywhere(void **state)
{
    struct fixture *fixture = *state;
    uint64_t position = LOAD_PATTERN_PERIOD - 300;
    size_t length = encode(fixture, position, 700);
    size_t size;

    for (size_t at = 0; at < length; at++) {
        uint8_t character = fixture->text[at];

        fixture->text[at] = character == 'A' ? 'B' : 'A';
        assert_false(load_pattern_match_base64(fixture->pattern, position, (char *)fixture->text,
                                               length, &size));
        fixture->text[at] = character;
    }
    assert_false(load_pattern_match_base64(fixture->pattern, position, (char *)fixture->text,
                                           length - 1, &size));
}

static void test_pattern_match_counts_to_the_first_difference(void **state)
{
    struct fixture *fixture = *state;

    load_pattern_copy(fixture->pattern, 77, fixture->bytes, MOST_BYTES);
    for (size_t at = 0; at < MOST_BYTES; at += 4999) {
        fixture->bytes[at] ^= 1;
        assert_int_equal(load_pattern_match(fixture->pattern, 77, fixture->bytes, MOST_BYTES), at);
        fixture->bytes[at] ^= 1;
    }
}

static void test_pattern_every_window_is_in_one_place(void **state)
{
    struct fixture *fixture = *state;
    unsigned char window[LOAD_PATTERN_WINDOW];

    for (int place = 0; place < LOAD_PATTERN_PERIOD; place += 997) {
        load_pattern_copy(fixture->pattern, (uint64_t)place, window, sizeof window);
        assert_int_equal(load_pattern_find(fixture->pattern, window), place);
    }
    memset(window, 0, sizeof window);
    assert_int_equal(load_pattern_find(fixture->pattern, window), -1);
}

static void test_pattern_period_shares_no_factor_with_chunks(void **state)
{
    (void)state;
    assert_int_equal(LOAD_PATTERN_PERIOD % 3, 0);
    assert_int_equal(LOAD_PATTERN_PERIOD % 2, 1);
    for (unsigned factor = 5; factor <= 4095; factor += 2)
        assert_true(LOAD_PATTERN_PERIOD % factor != 0 || 4095 % factor != 0);
}

static void test_pattern_seeds_start_apart(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed < 2000; seed++)
        for (uint64_t other = seed + 1; other < 2000; other += 37)
            assert_true(load_pattern_start(seed) != load_pattern_start(other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pattern_base64_matches_at_every_alignment),
        cmocka_unit_test(test_pattern_one_wrong_character_is_seen_anywhere),
        cmocka_unit_test(test_pattern_match_counts_to_the_first_difference),
        cmocka_unit_test(test_pattern_every_window_is_in_one_place),
        cmocka_unit_test(test_pattern_period_shares_no_factor_with_chunks),
        cmocka_unit_test(test_pattern_seeds_start_apart),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
