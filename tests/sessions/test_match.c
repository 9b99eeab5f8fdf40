/*
 * Finding a string in streams that come in chunks, against a search in the whole: random borders,
 * strings that repeat themselves, several streams at once. Seeds printed.
 */
#include "support.h"

#include "sessions/match.h"

enum { TEXT_MAX = 4000 };

/* Where the first occurrence ends; 0: there is none. Nothing but a look at each place. */
static size_t find_end(const uint8_t *text, size_t size, const uint8_t *wanted, size_t wanted_size)
{
    for (size_t at = 0; at + wanted_size <= size; at++) {
        if (memcmp(text + at, wanted, wanted_size) == 0)
            return at + wanted_size;
    }
    return 0;
}

struct text {
    uint8_t bytes[TEXT_MAX];
    size_t size, fed, end;
};

/* Few letters, so that strings repeat themselves and nearly match. */
static void fill(uint8_t *bytes, size_t size, uint64_t *random, uint64_t letters)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)('a' + sup_below(random, letters));
}

/* Feeds chunks of random streams until one ends the string or all are fed. */
static void check_round(struct sess_match *match, struct text texts[SESS_STREAMS], uint64_t *random,
                        uint64_t chunk_most)
{
    for (int left = SESS_STREAMS; left > 0;) {
        int stream = (int)sup_below(random, SESS_STREAMS);
        struct text *text = &texts[stream];
        size_t rest = text->size - text->fed, size = 1 + sup_below(random, chunk_most);
        uint32_t end = 0;
        if (text->fed > text->size)
            continue; /* it was counted off */
        if (rest == 0) {
            assert_int_equal(text->end, 0); /* it would have been found */
            text->fed++;
            left--;
            continue;
        }
        size = size < rest ? size : rest;
        bool found = sess_match_feed(match, (enum sess_stream)stream, text->bytes + text->fed,
                                     (uint32_t)size, &end);
        bool expected = text->end > text->fed && text->end <= text->fed + size;
        assert_int_equal(found, expected);
        if (found) {
            assert_int_equal(end, text->end - text->fed);
            return;
        }
        text->fed += size;
    }
}

static void test_match_random_borders(void **state)
{
    (void)state;
    static struct text texts[SESS_STREAMS];
    static uint8_t wanted[TEXT_MAX];
    uint64_t random = sup_seed();
    for (int round = 0; round < SUP_COUNT(20000, 3000); round++) {
        struct sess_match match;
        uint64_t letters = 1 + sup_below(&random, 3);
        size_t wanted_size = 1 + sup_below(&random, sup_below(&random, 10) == 0 ? 300 : 12);
        fill(wanted, wanted_size, &random, letters);
        for (int i = 0; i < SESS_STREAMS; i++) {
            texts[i].size = sup_below(&random, 600);
            texts[i].fed = 0;
            fill(texts[i].bytes, texts[i].size, &random, letters);
            texts[i].end = find_end(texts[i].bytes, texts[i].size, wanted, wanted_size);
        }
        assert_true(sess_match_init(&match, wanted, wanted_size, &sess_memory_libc));
        check_round(&match, texts, &random, 1 + sup_below(&random, 40));
        sess_match_deinit(&match, &sess_memory_libc);
    }
}

/* Cut at every byte, and byte by byte. */
static void test_match_every_border(void **state)
{
    (void)state;
    static const uint8_t text[] = "aabaabaaaabaabaaab", wanted[] = "aabaabaaab";
    uint32_t size = sizeof(text) - 1, end;
    for (uint32_t border = 0; border <= size; border++) {
        struct sess_match match;
        assert_true(sess_match_init(&match, wanted, sizeof(wanted) - 1, &sess_memory_libc));
        bool first = sess_match_feed(&match, SESS_PTY, text, border, &end);
        assert_int_equal(first, border == size);
        if (!first)
            assert_true(sess_match_feed(&match, SESS_PTY, text + border, size - border, &end));
        assert_int_equal(end, first ? size : size - border);
        sess_match_deinit(&match, &sess_memory_libc);
    }
}

static void test_match_largest(void **state)
{
    (void)state;
    static uint8_t wanted[SESS_MATCH_MAX_BYTES];
    struct sess_match match;
    uint32_t end = 0;
    memset(wanted, 'x', sizeof(wanted));
    wanted[sizeof(wanted) - 1] = 'y';
    assert_true(sess_match_init(&match, wanted, sizeof(wanted), &sess_memory_libc));
    for (int i = 0; i < 10000; i++)
        assert_false(sess_match_feed(&match, SESS_STDOUT, (const uint8_t *)"x", 1, &end));
    assert_false(sess_match_feed(&match, SESS_STDERR, (const uint8_t *)"y", 1, &end));
    assert_true(sess_match_feed(&match, SESS_STDOUT, (const uint8_t *)"y", 1, &end));
    assert_int_equal(end, 1);
    sess_match_deinit(&match, &sess_memory_libc);
}

static void test_match_breaks(void **state)
{
    (void)state;
    struct sess_match match;
    uint32_t end = 0;
    assert_true(sess_match_init(&match, "ab", 2, &sess_memory_libc));
    assert_false(sess_match_feed(&match, SESS_STDOUT, (const uint8_t *)"a", 1, &end));
    assert_false(sess_match_feed(&match, SESS_STDERR, (const uint8_t *)"a", 1, &end));
    sess_match_break(&match, SESS_STDOUT);
    assert_false(sess_match_feed(&match, SESS_STDOUT, (const uint8_t *)"b", 1, &end));
    assert_true(sess_match_feed(&match, SESS_STDERR, (const uint8_t *)"b", 1, &end));
    sess_match_deinit(&match, &sess_memory_libc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_match_random_borders),
        cmocka_unit_test(test_match_every_border),
        cmocka_unit_test(test_match_largest),
        cmocka_unit_test(test_match_breaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
