/*
 * Cursors: every cursor comes back from its text, and no other text is a cursor.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/wire/support_random.h"
#include "wire/msg_cursor.h"

static void check_equal(const struct wire_msg_cursor *left, const struct wire_msg_cursor *right)
{
    for (size_t i = 0; i < WIRE_MSG_STREAMS; i++) {
        assert_true(left->streams[i].seq == right->streams[i].seq);
        assert_true(left->streams[i].offset_bytes == right->streams[i].offset_bytes);
    }
    assert_true(left->before_bytes == right->before_bytes);
}

static void check_back(const struct wire_msg_cursor *cursor)
{
    char text[WIRE_MSG_CURSOR_BYTES];
    struct wire_msg_cursor back;
    size_t size = wire_msg_cursor_format(cursor, text);
    assert_int_equal(strlen(text), size);
    assert_true(wire_msg_cursor_parse(wire_span_of(text, size), &back));
    check_equal(cursor, &back);
    for (size_t cut = 0; cut < size; cut++) {
        struct wire_msg_cursor other;
        if (wire_msg_cursor_parse(wire_span_of(text, cut), &other)) {
            /* Only the last number may lose digits and still be one. */
            assert_true(strchr(text + cut, '.') == NULL && text[cut - 1] != '.');
            assert_true(other.before_bytes < cursor->before_bytes);
        }
    }
}

static void test_msg_cursor_text(void **state)
{
    const struct wire_msg_cursor cursor = {{{1, 0}, {0xabc, 65535}, {0, 16}}, 0x51};
    char text[WIRE_MSG_CURSOR_BYTES];
    (void)state;
    wire_msg_cursor_format(&cursor, text);
    assert_string_equal(text, "2.1.0.abc.ffff.0.10.51");
}

static void test_msg_cursor_back(void **state)
{
    struct support_random random = support_random_start();
    struct wire_msg_cursor cursor = {.before_bytes = 0};
    (void)state;
    check_back(&cursor);
    for (size_t i = 0; i < WIRE_MSG_STREAMS; i++) {
        cursor.streams[i] = (struct wire_msg_position){UINT64_MAX, UINT32_MAX};
    }
    cursor.before_bytes = WIRE_MSG_BEFORE_UNKNOWN;
    check_back(&cursor);
    for (size_t round = 0; round < 2000; round++) {
        for (size_t i = 0; i < WIRE_MSG_STREAMS; i++) {
            cursor.streams[i].seq =
                support_random_next(&random) >> support_random_below(&random, 64);
            cursor.streams[i].offset_bytes =
                (uint32_t)support_random_next(&random) >> support_random_below(&random, 32);
        }
        cursor.before_bytes = support_random_next(&random) >> support_random_below(&random, 64);
        check_back(&cursor);
    }
}

static void test_msg_cursor_bad(void **state)
{
    static const char *const texts[] = {
        "",
        "2",
        "0.0.0.0.0.0.0.0",
        "1.0.0.0.0.0.0.0",
        "2.0.0.0.0.0.0",
        "2.0.0.0.0.0.0.",
        "2.0.0.0.0.0..0",
        "2.0.0.0.0.0.0..0",
        "2.0.0.0.0.0.0.0.0",
        "2.0.0.0.0.0.0 .0",
        " 2.0.0.0.0.0.0.0",
        "2.0.0.0.0..0.0",
        "2.00.0.0.0.0.0.0",
        "2.01.0.0.0.0.0.0",
        "2.A.0.0.0.0.0.0",
        "2.-1.0.0.0.0.0.0",
        "2.+1.0.0.0.0.0.0",
        "2.0x1.0.0.0.0.0.0",
        "2.g.0.0.0.0.0.0",
        "2.10000000000000000.0.0.0.0.0.0",
        "2.0.100000000.0.0.0.0.0",
        "2,0,0,0,0,0,0.0",
        "21.0.0.0.0.0.0.0",
    };
    struct wire_msg_cursor cursor;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (wire_msg_cursor_parse(wire_span_text(texts[i]), &cursor)) {
            fail_msg("taken for a cursor: %s", texts[i]);
        }
    }
    assert_false(wire_msg_cursor_parse(wire_span_of("2.0.0.0.0.0.0.0\0", 16), &cursor));
    assert_false(wire_msg_cursor_parse(wire_span_of("2.\0.0.0.0.0.0.0", 15), &cursor));
    assert_true(
        wire_msg_cursor_parse(wire_span_text("2.ffffffffffffffff.ffffffff.0.0.0.0.0"), &cursor));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_msg_cursor_text),
        cmocka_unit_test(test_msg_cursor_back),
        cmocka_unit_test(test_msg_cursor_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
