/*
 * UTF-8: every code point, every sequence of up to three bytes and the borders of four against the
 * rule of RFC 3629 stated another way (decode, then check), and texts in pieces at every split.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/wire/support_random.h"
#include "wire/utf8.h"

/* The length of the valid sequence that fills exactly size bytes, 0 if it is none. */
static int reference(const uint8_t *data, size_t size)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    int length = data[0] < 0x80             ? 1
                 : (data[0] & 0xE0) == 0xC0 ? 2
                 : (data[0] & 0xF0) == 0xE0 ? 3
                 : (data[0] & 0xF8) == 0xF0 ? 4
                                            : 0;
    if (length == 0 || (size_t)length != size) {
        return 0;
    }
    uint32_t code_point = length == 1 ? data[0] : data[0] & (0xFFu >> (length + 1));
    for (int i = 1; i < length; i++) {
        if ((data[i] & 0xC0) != 0x80) {
            return 0;
        }
        code_point = code_point << 6 | (data[i] & 0x3Fu);
    }
    bool is_surrogate = code_point >= 0xD800 && code_point <= 0xDFFF;
    bool is_good = code_point >= smallest[length] && code_point <= 0x10FFFF && !is_surrogate;
    return is_good ? length : 0;
}

static void test_utf8_every_code_point(void **state)
{
    (void)state;
    for (uint32_t code_point = 0; code_point <= 0x10FFFF; code_point++) {
        if (code_point == 0xD800) {
            code_point = 0xE000;
        }
        uint8_t data[4];
        size_t size = wire_utf8_encode(code_point, data);
        assert_int_equal(wire_utf8_step(data, size), size);
        assert_int_equal(reference(data, size), size);
        assert_int_equal(wire_utf8_decode(data, (int)size), code_point);
        for (size_t cut = 1; cut < size; cut++) {
            assert_int_equal(wire_utf8_step(data, cut), 0);
        }
    }
}

/* Compares with the reference: a prefix that is valid, else cut off, else ill-formed. */
static void check_step(const uint8_t *data, size_t size)
{
    int expected = 0;
    for (size_t prefix = 1; prefix <= size && expected == 0; prefix++) {
        expected = reference(data, prefix);
    }
    int step = wire_utf8_step(data, size);
    if (expected > 0) {
        assert_int_equal(step, expected);
    } else {
        assert_true(step <= 0 && step >= -3);
    }
}

static void test_utf8_every_two_and_three_bytes(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 1u << 24; bits += bits < 0x800000 ? 0x101 : 1) {
        uint8_t data[3] = {(uint8_t)(bits >> 16), (uint8_t)(bits >> 8), (uint8_t)bits};
        check_step(data, 3);
        check_step(data, 2);
        check_step(data, 1);
    }
}

static void test_utf8_borders_of_four_bytes(void **state)
{
    (void)state;
    static const uint8_t borders[] = {0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0,
                                      0xBF, 0xC0, 0xC2, 0xE0, 0xED, 0xF4, 0xFF};
    for (int first = 0xE0; first <= 0xFF; first++) {
        for (size_t i = 0; i < sizeof borders * sizeof borders * sizeof borders; i++) {
            uint8_t data[4] = {(uint8_t)first, borders[i % 14], borders[i / 14 % 14],
                               borders[i / 196]};
            check_step(data, 4);
        }
    }
}

/* The maximal subparts of the Unicode Standard, table 3-8 and its neighbours. */
static void test_utf8_ill_formed_lengths(void **state)
{
    (void)state;
    static const struct {
        const char *data;
        int step;
    } cases[] = {
        {"\x80", -1},
        {"\xC0\x80", -1},
        {"\xC2 ", -1},
        {"\xE0\x9F\x80", -1},
        {"\xE0\xA0 ", -2},
        {"\xED\xA0\x80", -1},
        {"\xE1\x80\xE2", -2},
        {"\xF0\x8F\x80\x80", -1},
        {"\xF0\x90\x80 ", -3},
        {"\xF1\x80 ", -2},
        {"\xF4\x90\x80\x80", -1},
        {"\xF5\x80\x80\x80", -1},
        {"\xFF", -1},
        {"\xE0\x9F", -1},
        {"\xF4\x8F\xBF", 0},
        {"\xE2\x82", 0},
        {"\xC2", 0},
        {"\xF0", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wire_span data = wire_span_text(cases[i].data);
        assert_int_equal(wire_utf8_step(data.data, data.size), cases[i].step);
    }
}

static void test_utf8_ascii_prefix(void **state)
{
    (void)state;
    for (size_t size = 0; size <= 80; size++) {
        uint8_t *data = malloc(size > 0 ? size : 1);
        assert_non_null(data);
        memset(data, 0x7F, size);
        assert_int_equal(wire_utf8_ascii_prefix(wire_span_of(data, size)), size);
        for (size_t at = 0; at < size; at++) {
            data[at] = 0x80;
            assert_int_equal(wire_utf8_ascii_prefix(wire_span_of(data, size)), at);
            data[at] = 0;
        }
        free(data);
    }
}

/* Pushes text in two pieces. Returns whether all was good, and whole at the end. */
static bool push_two(struct wire_span text, size_t split)
{
    struct wire_utf8 utf8 = {.carry_size = 0};
    return wire_utf8_push(&utf8, wire_span_of(text.data, split)) &&
           wire_utf8_push(&utf8, wire_span_of(text.data + split, text.size - split)) &&
           wire_utf8_whole(&utf8);
}

static bool push_bytes(struct wire_span text)
{
    struct wire_utf8 utf8;
    wire_utf8_reset(&utf8);
    for (size_t i = 0; i < text.size; i++) {
        if (!wire_utf8_push(&utf8, wire_span_of(text.data + i, 1))) {
            return false;
        }
    }
    return wire_utf8_whole(&utf8);
}

static void check_splits(struct wire_span text)
{
    size_t valid = wire_utf8_valid_prefix(text);
    bool is_valid = valid == text.size;
    assert_int_equal(wire_utf8_check(text), is_valid);
    assert_int_equal(push_bytes(text), is_valid);
    for (size_t split = 0; split <= text.size; split++) {
        assert_int_equal(push_two(text, split), is_valid);
    }
}

static void test_utf8_pieces_at_every_split(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "plain ASCII that is longer than one block of thirty-two bytes",
        "h\xC3\xA9llo \xE2\x82\xAC \xF0\x9F\x98\x80 \xF4\x8F\xBF\xBF end",
        "\xF0\x9F\x98\x80\xF0\x9F\x98\x80\xF0\x9F\x98",
        "good then bad \xE2\x82x",
        "\xED\xA0\x80",
        "x\xC0\x80",
        "\xF0\x9F\x98\x80\x80",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        check_splits(wire_span_text(texts[i]));
    }
}

/* Random mixtures of good sequences, with a byte spoiled in half of them. */
static void test_utf8_random_texts(void **state)
{
    (void)state;
    struct support_random random = support_random_start();
    for (int round = 0; round < 5000; round++) {
        uint8_t text[64];
        size_t size = 0;
        while (size < 56) {
            static const uint32_t ranges[] = {0x80, 0x800, 0xD800, 0x110000};
            uint32_t top = ranges[support_random_below(&random, 4)];
            uint32_t code_point = (uint32_t)support_random_below(&random, top);
            bool is_surrogate = code_point >= 0xD800 && code_point <= 0xDFFF;
            size += wire_utf8_encode(is_surrogate ? 'x' : code_point, text + size);
        }
        assert_true(wire_utf8_check(wire_span_of(text, size)));
        if (round % 2) {
            text[support_random_below(&random, size)] = (uint8_t)support_random_next(&random);
        }
        check_splits(wire_span_of(text, size));
    }
}

/* A bad byte is reported with the piece that holds it, though the sequence began before. */
static void test_utf8_push_fails_at_once(void **state)
{
    (void)state;
    struct wire_utf8 utf8 = {.carry_size = 0};
    assert_true(wire_utf8_push(&utf8, wire_span_text("ok \xE2\x82")));
    assert_false(wire_utf8_whole(&utf8));
    assert_false(wire_utf8_push(&utf8, wire_span_text("x")));
    wire_utf8_reset(&utf8);
    assert_true(wire_utf8_push(&utf8, wire_span_text("\xF4")));
    assert_false(wire_utf8_push(&utf8, wire_span_text("\x90")));
    wire_utf8_reset(&utf8);
    assert_true(wire_utf8_push(&utf8, wire_span_text("\xE2")));
    assert_true(wire_utf8_push(&utf8, wire_span_of(NULL, 0)));
    assert_true(wire_utf8_push(&utf8, wire_span_text("\x82\xAC")));
    assert_true(wire_utf8_whole(&utf8));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8_every_code_point),
        cmocka_unit_test(test_utf8_every_two_and_three_bytes),
        cmocka_unit_test(test_utf8_borders_of_four_bytes),
        cmocka_unit_test(test_utf8_ill_formed_lengths),
        cmocka_unit_test(test_utf8_ascii_prefix),
        cmocka_unit_test(test_utf8_pieces_at_every_split),
        cmocka_unit_test(test_utf8_random_texts),
        cmocka_unit_test(test_utf8_push_fails_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
