/*
 * Where output may be cut: by hand for each case, and against a model that reads the whole text
 * from its start, over random texts in random pieces.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/wire/support_random.h"
#include "wire/msg_align.h"
#include "wire/utf8.h"

static uint64_t align_whole(enum wire_msg_align_mode mode, const void *text, size_t size)
{
    struct wire_msg_align align;
    wire_msg_align_init(&align, mode);
    wire_msg_align_push(&align, wire_span_of(text, size));
    return wire_msg_align_bytes(&align);
}

static void test_msg_align_utf8(void **state)
{
    static const struct {
        const char *text;
        size_t expected;
    } rows[] = {
        {"", 0},
        {"a", 1},
        {"a\n", 2},
        {"a\xc3", 1},
        {"a\xc3\xa9", 3},
        {"a\xe2", 1},
        {"a\xe2\x82", 1},
        {"a\xe2\x82\xac", 4},
        {"\xf0", 0},
        {"\xf0\x9f", 0},
        {"\xf0\x9f\x98", 0},
        {"\xf0\x9f\x98\x80", 4},
        {"a\xf0\x9f\x98", 1},
        /* What no byte could make valid is not held back. */
        {"\xff", 1},
        {"\xc0", 1},
        {"\xc1\x80", 2},
        {"\x80", 1},
        {"\x80\x80\x80\x80", 4},
        {"\xe0\x80", 2},
        {"\xed\xa0", 2},
        {"\xf4\x90", 2},
        {"\xf5\x80", 2},
        {"\xc3\xa9\x80", 3},
        {"\xf0\x9f\x98\x80\x80", 5},
        {"\xe2\x82\xe2", 2},
        {"\xf0\x9f\xe2\x82", 2},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(align_whole(WIRE_MSG_ALIGN_UTF8, rows[i].text, strlen(rows[i].text)),
                         rows[i].expected);
    }
}

static void test_msg_align_lines(void **state)
{
    static char text[WIRE_MSG_ALIGN_LINE_MAX + 2];
    (void)state;
    assert_int_equal(align_whole(WIRE_MSG_ALIGN_LINES, NULL, 0), 0);
    assert_int_equal(align_whole(WIRE_MSG_ALIGN_LINES, "a", 1), 0);
    assert_int_equal(align_whole(WIRE_MSG_ALIGN_LINES, "\n", 1), 1);
    assert_int_equal(align_whole(WIRE_MSG_ALIGN_LINES, "a\nb", 3), 2);
    assert_int_equal(align_whole(WIRE_MSG_ALIGN_LINES, "a\n\nb\xff", 5), 3);
    assert_int_equal(align_whole(WIRE_MSG_ALIGN_LINES, "a\r", 2), 0);
    memset(text, 'x', sizeof text);
    assert_int_equal(align_whole(WIRE_MSG_ALIGN_LINES, text, WIRE_MSG_ALIGN_LINE_MAX), 0);
    assert_int_equal(align_whole(WIRE_MSG_ALIGN_LINES, text, WIRE_MSG_ALIGN_LINE_MAX + 1),
                     WIRE_MSG_ALIGN_LINE_MAX + 1);
    text[0] = '\n';
    assert_int_equal(align_whole(WIRE_MSG_ALIGN_LINES, text, sizeof text), 1);
}

static void test_msg_align_none(void **state)
{
    (void)state;
    assert_int_equal(align_whole(WIRE_MSG_ALIGN_NONE, "a\xe2", 2), 2);
    assert_int_equal(align_whole(WIRE_MSG_ALIGN_NONE, NULL, 0), 0);
}

/* Reads from the start, and stops at the sequence that the end cuts off. */
static size_t model_utf8(const uint8_t *text, size_t size)
{
    size_t at = 0;
    while (at < size) {
        int step = wire_utf8_step(text + at, size - at);
        if (step == 0) {
            return at;
        }
        at += (size_t)(step < 0 ? -step : step);
    }
    return at;
}

static size_t model_lines(const uint8_t *text, size_t size)
{
    size_t at = size;
    while (at > 0 && text[at - 1] != '\n') {
        at--;
    }
    return at == 0 && size > WIRE_MSG_ALIGN_LINE_MAX ? size : at;
}

/* Bytes that are UTF-8 more often than not, and have a line feed now and then. */
static size_t make_text(struct support_random *random, uint8_t *out, size_t size)
{
    static const char *const parts[] = {
        "a", "\n", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xff", "\xe2", "\x80"};
    size_t usual = 4 + support_random_below(random, 5);
    size_t at = 0;
    while (at < size) {
        size_t index = support_random_below(random, usual > 8 ? 8 : usual);
        index = index == 1 && support_random_below(random, 16) ? 0 : index;
        size_t part = strlen(parts[index]);
        part = part > size - at ? size - at : part;
        memcpy(out + at, parts[index], part);
        at += part;
    }
    return size;
}

static void check_split(struct support_random *random, const uint8_t *text, size_t size,
                        size_t piece_max)
{
    struct wire_msg_align utf8, lines;
    size_t at = 0;
    wire_msg_align_init(&utf8, WIRE_MSG_ALIGN_UTF8);
    wire_msg_align_init(&lines, WIRE_MSG_ALIGN_LINES);
    for (;;) {
        assert_int_equal(wire_msg_align_bytes(&utf8), model_utf8(text, at));
        assert_int_equal(wire_msg_align_bytes(&lines), model_lines(text, at));
        if (at == size) {
            return;
        }
        size_t piece = support_random_below(random, piece_max + 1);
        piece = piece > size - at ? size - at : piece;
        wire_msg_align_push(&utf8, wire_span_of(text + at, piece));
        wire_msg_align_push(&lines, wire_span_of(text + at, piece));
        at += piece;
    }
}

static void test_msg_align_random_splits(void **state)
{
    struct support_random random = support_random_start();
    uint8_t *text = malloc(200000);
    (void)state;
    assert_non_null(text);
    for (size_t round = 0; round < 4000; round++) {
        size_t size = make_text(&random, text, support_random_below(&random, 64));
        check_split(&random, text, size, 1 + support_random_below(&random, 8));
    }
    for (size_t round = 0; round < 20; round++) {
        size_t size = make_text(&random, text, support_random_below(&random, 200000));
        if (round % 2) {
            for (size_t i = 0; i < size; i++) {
                text[i] = text[i] == '\n' ? 'x' : text[i];
            }
        }
        check_split(&random, text, size, 60000);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_msg_align_utf8),
        cmocka_unit_test(test_msg_align_lines),
        cmocka_unit_test(test_msg_align_none),
        cmocka_unit_test(test_msg_align_random_splits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
