/*
 * Tokens into values: strings decoded, compared and in place, into buffers of every size; integers
 * at every border; booleans; the words for errors.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/wire/support_json.h"

/* Reads the document's only token; its text lives as long as document. */
static struct wire_json_token read_one(const char *document)
{
    struct support_json json;
    struct wire_json_token token;
    struct wire_json_token end;
    support_json_start(&json, wire_span_text(document), NULL);
    assert_true(wire_json_reader_next(&json.reader, &token) > WIRE_JSON_END);
    assert_int_equal(wire_json_reader_next(&json.reader, &end), WIRE_JSON_END);
    return token;
}

struct decode_case {
    const char *document;
    const char *text;
    size_t size;
};

static const struct decode_case decode_cases[] = {
    {"\"\"", "", 0},
    {"\"plain\"", "plain", 5},
    {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8},
    {"\"\\u0041\\u00e9\\u20AC\"", "A\xC3\xA9\xE2\x82\xAC", 6},
    {"\"\\uD83D\\uDE00\"", "\xF0\x9F\x98\x80", 4},
    {"\"\\uDBFF\\uDFFF\\uD800\\uDC00\"", "\xF4\x8F\xBF\xBF\xF0\x90\x80\x80", 8},
    {"\"a\\u0000b\"", "a\0b", 3},
    {"\"x\\ny\\nz\"", "x\ny\nz", 5},
    {"\"long enough to be copied in one piece\\t\xC3\xA9\"",
     "long enough to be copied in one piece\t\xC3\xA9", 40},
};

/* Decodes into a buffer of exactly the size needed, and into every smaller one. */
static void check_decode(const struct decode_case *c)
{
    struct wire_json_token token = read_one(c->document);
    for (size_t capacity = 0; capacity <= c->size; capacity++) {
        uint8_t *buffer = malloc(capacity > 0 ? capacity : 1);
        assert_non_null(buffer);
        ptrdiff_t size = wire_json_string_decode(token.text, buffer, capacity);
        if (capacity < c->size) {
            assert_int_equal(size, WIRE_JSON_ERR_CAPACITY);
        } else {
            assert_int_equal(size, c->size);
            assert_memory_equal(buffer, c->text, c->size);
        }
        free(buffer);
    }
}

static void test_json_token_decode(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof decode_cases / sizeof decode_cases[0]; i++) {
        check_decode(&decode_cases[i]);
    }
}

static void test_json_token_decode_in_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof decode_cases / sizeof decode_cases[0]; i++) {
        const struct decode_case *c = &decode_cases[i];
        uint8_t copy[128];
        size_t size = strlen(c->document) - 2;
        memcpy(copy, c->document + 1, size);
        ptrdiff_t decoded = wire_json_string_decode(wire_span_of(copy, size), copy, size);
        assert_int_equal(decoded, c->size);
        assert_memory_equal(copy, c->text, c->size);
    }
}

static void test_json_token_string_without_escapes_is_not_copied(void **state)
{
    (void)state;
    const char *document = "\"plain\"";
    struct wire_json_token token = read_one(document);
    struct wire_span text;
    assert_int_equal(wire_json_token_string(&token, NULL, 0, &text), 0);
    assert_ptr_equal(text.data, document + 1);
    assert_int_equal(text.size, 5);
    token = read_one("\"\\n\"");
    uint8_t buffer[1];
    assert_int_equal(wire_json_token_string(&token, NULL, 0, &text), WIRE_JSON_ERR_CAPACITY);
    assert_int_equal(wire_json_token_string(&token, buffer, 1, &text), 0);
    assert_ptr_equal(text.data, buffer);
    assert_int_equal(buffer[0], '\n');
    token = read_one("1");
    assert_int_equal(wire_json_token_string(&token, buffer, 1, &text), WIRE_JSON_ERR_TYPE);
}

static void test_json_token_is(void **state)
{
    (void)state;
    struct wire_json_token token = read_one("\"method\"");
    assert_true(wire_json_token_is(&token, "method"));
    assert_false(wire_json_token_is(&token, "methods"));
    assert_false(wire_json_token_is(&token, "metho"));
    assert_false(wire_json_token_is(&token, ""));
    token = read_one("\"m\\u0065th\\u006fd\"");
    assert_true(wire_json_token_is(&token, "method"));
    assert_false(wire_json_token_is(&token, "methods"));
    assert_false(wire_json_token_is(&token, "metho"));
    token = read_one("\"a\\u0000\"");
    assert_true(token.has_nul);
    assert_false(wire_json_token_is(&token, "a"));
    token = read_one("\"\"");
    assert_true(wire_json_token_is(&token, ""));
    token = read_one("true");
    assert_false(wire_json_token_is(&token, "true"));
}

static void test_json_string_equal(void **state)
{
    (void)state;
    static const struct {
        const char *left;
        const char *right;
        bool equal;
    } cases[] = {
        {"", "", true},           {"a", "a", true},
        {"a", "\\u0061", true},   {"\\u0061", "\\u0061", true},
        {"a\\/b", "a/b", true},   {"\\ud83d\\ude00", "\xF0\x9F\x98\x80", true},
        {"a", "", false},         {"", "\\u0000", false},
        {"a", "a\\u0000", false}, {"\\u0061", "b", false},
        {"a\\n", "a\\t", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wire_span left = wire_span_text(cases[i].left);
        struct wire_span right = wire_span_text(cases[i].right);
        assert_int_equal(wire_json_string_equal(left, right), cases[i].equal);
        assert_int_equal(wire_json_string_equal(right, left), cases[i].equal);
    }
    assert_false(wire_json_string_equal(wire_span_of(NULL, 0), wire_span_text("a")));
}

static void expect_int64(const char *document, int error, int64_t value)
{
    struct wire_json_token token = read_one(document);
    int64_t out = 77;
    assert_int_equal(wire_json_token_int64(&token, &out), error);
    assert_true(out == (error ? 77 : value));
}

static void test_json_token_int64(void **state)
{
    (void)state;
    expect_int64("0", 0, 0);
    expect_int64("-0", 0, 0);
    expect_int64("-1", 0, -1);
    expect_int64("9223372036854775807", 0, INT64_MAX);
    expect_int64("-9223372036854775808", 0, INT64_MIN);
    expect_int64("9223372036854775808", WIRE_JSON_ERR_RANGE, 0);
    expect_int64("-9223372036854775809", WIRE_JSON_ERR_RANGE, 0);
    expect_int64("18446744073709551616", WIRE_JSON_ERR_RANGE, 0);
    expect_int64("100000000000000000000000000000000000000", WIRE_JSON_ERR_RANGE, 0);
    expect_int64("1.0", WIRE_JSON_ERR_INTEGER, 0);
    expect_int64("1e2", WIRE_JSON_ERR_INTEGER, 0);
    expect_int64("1E2", WIRE_JSON_ERR_INTEGER, 0);
    expect_int64("100000000000000000000000000000000000000.5", WIRE_JSON_ERR_INTEGER, 0);
    expect_int64("\"1\"", WIRE_JSON_ERR_TYPE, 0);
    expect_int64("null", WIRE_JSON_ERR_TYPE, 0);
}

static void expect_uint64(const char *document, int error, uint64_t value)
{
    struct wire_json_token token = read_one(document);
    uint64_t out = 77;
    assert_int_equal(wire_json_token_uint64(&token, &out), error);
    assert_true(out == (error ? 77 : value));
}

static void test_json_token_uint64(void **state)
{
    (void)state;
    expect_uint64("0", 0, 0);
    expect_uint64("-0", 0, 0);
    expect_uint64("18446744073709551615", 0, UINT64_MAX);
    expect_uint64("18446744073709551616", WIRE_JSON_ERR_RANGE, 0);
    expect_uint64("28446744073709551615", WIRE_JSON_ERR_RANGE, 0);
    expect_uint64("-1", WIRE_JSON_ERR_RANGE, 0);
    expect_uint64("0.5", WIRE_JSON_ERR_INTEGER, 0);
    expect_uint64("true", WIRE_JSON_ERR_TYPE, 0);
}

static void test_json_token_32_bits(void **state)
{
    (void)state;
    uint32_t u = 7;
    int32_t i = 7;
    struct wire_json_token token = read_one("4294967295");
    assert_int_equal(wire_json_token_uint32(&token, &u), 0);
    assert_int_equal(u, UINT32_MAX);
    assert_int_equal(wire_json_token_int32(&token, &i), WIRE_JSON_ERR_RANGE);
    token = read_one("4294967296");
    assert_int_equal(wire_json_token_uint32(&token, &u), WIRE_JSON_ERR_RANGE);
    token = read_one("-2147483648");
    assert_int_equal(wire_json_token_uint32(&token, &u), WIRE_JSON_ERR_RANGE);
    assert_int_equal(wire_json_token_int32(&token, &i), 0);
    assert_int_equal(i, INT32_MIN);
    token = read_one("-2147483649");
    assert_int_equal(wire_json_token_int32(&token, &i), WIRE_JSON_ERR_RANGE);
    token = read_one("2147483647");
    assert_int_equal(wire_json_token_int32(&token, &i), 0);
    assert_int_equal(i, INT32_MAX);
    token = read_one("2147483648");
    assert_int_equal(wire_json_token_int32(&token, &i), WIRE_JSON_ERR_RANGE);
    token = read_one("\"1\"");
    assert_int_equal(wire_json_token_uint32(&token, &u), WIRE_JSON_ERR_TYPE);
    assert_int_equal(wire_json_token_int32(&token, &i), WIRE_JSON_ERR_TYPE);
}

static void test_json_token_bool(void **state)
{
    (void)state;
    bool value = false;
    struct wire_json_token token = read_one("true");
    assert_int_equal(wire_json_token_bool(&token, &value), 0);
    assert_true(value);
    token = read_one("false");
    assert_int_equal(wire_json_token_bool(&token, &value), 0);
    assert_false(value);
    token = read_one("null");
    assert_int_equal(wire_json_token_bool(&token, &value), WIRE_JSON_ERR_TYPE);
    token = read_one("\"true\"");
    assert_int_equal(wire_json_token_bool(&token, &value), WIRE_JSON_ERR_TYPE);
}

/* Every error has words of its own. */
static void test_json_error_texts(void **state)
{
    (void)state;
    const char *unknown = wire_json_error_text(-1000);
    for (int error = 0; error >= WIRE_JSON_ERR_TEXT; error--) {
        if (error < WIRE_JSON_ERR_TOTAL && error > WIRE_JSON_ERR_TYPE) {
            continue;
        }
        assert_string_not_equal(wire_json_error_text(error), unknown);
        for (int other = 0; other > error; other--) {
            if (other >= WIRE_JSON_ERR_TOTAL || other <= WIRE_JSON_ERR_TYPE) {
                assert_string_not_equal(wire_json_error_text(error), wire_json_error_text(other));
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_token_decode),
        cmocka_unit_test(test_json_token_decode_in_place),
        cmocka_unit_test(test_json_token_string_without_escapes_is_not_copied),
        cmocka_unit_test(test_json_token_is),
        cmocka_unit_test(test_json_string_equal),
        cmocka_unit_test(test_json_token_int64),
        cmocka_unit_test(test_json_token_uint64),
        cmocka_unit_test(test_json_token_32_bits),
        cmocka_unit_test(test_json_token_bool),
        cmocka_unit_test(test_json_error_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
