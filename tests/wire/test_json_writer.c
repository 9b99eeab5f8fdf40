/*
 * The JSON writer: exact bytes for every kind of value, escapes for every byte, UTF-8 strict and
 * lossy, a buffer of every size up to the one needed, and documents read back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/wire/support_json.h"
#include "tests/wire/support_random.h"
#include "wire/base64.h"
#include "wire/json_writer.h"
#include "wire/utf8.h"

typedef void (*write_fn)(struct wire_json_writer *writer);

static void expect_written(write_fn write, const char *expected)
{
    uint8_t buffer[512];
    struct wire_json_writer writer;
    struct wire_span json;
    wire_json_writer_init(&writer, buffer, sizeof buffer);
    write(&writer);
    assert_int_equal(wire_json_writer_finish(&writer, &json), 0);
    assert_ptr_equal(json.data, buffer);
    assert_int_equal(json.size, strlen(expected));
    assert_memory_equal(json.data, expected, json.size);
    struct support_json reader;
    assert_int_equal(support_json_check(&reader, json, NULL), 0);
}

/* Writes into memory of every size from none to enough: never past it, always the same need. */
static void expect_need(write_fn write, size_t needed)
{
    for (size_t capacity = 0; capacity <= needed; capacity++) {
        uint8_t *buffer = malloc(capacity > 0 ? capacity : 1);
        struct wire_json_writer writer;
        struct wire_span json;
        assert_non_null(buffer);
        wire_json_writer_init(&writer, capacity > 0 ? buffer : NULL, capacity);
        write(&writer);
        int expected = capacity < needed ? WIRE_JSON_ERR_CAPACITY : 0;
        assert_int_equal(wire_json_writer_finish(&writer, &json), expected);
        assert_int_equal(writer.needed_bytes, needed);
        free(buffer);
    }
}

static void write_message(struct wire_json_writer *w)
{
    wire_json_writer_begin_object(w);
    wire_json_writer_key(w, "id");
    wire_json_writer_raw(w, wire_span_text("-7"));
    wire_json_writer_key(w, "result");
    wire_json_writer_begin_object(w);
    wire_json_writer_key(w, "chunks");
    wire_json_writer_begin_array(w);
    wire_json_writer_base64(w, wire_base64_best(), wire_span_text("hello\xFF"));
    wire_json_writer_base64(w, wire_base64_best(), wire_span_of(NULL, 0));
    wire_json_writer_text(w, "a\"b\\c\n\x01\x1F\x7F/");
    wire_json_writer_begin_array(w);
    wire_json_writer_end_array(w);
    wire_json_writer_begin_object(w);
    wire_json_writer_end_object(w);
    wire_json_writer_end_array(w);
    wire_json_writer_key_span(w, wire_span_text("na\tme"));
    wire_json_writer_bool(w, true);
    wire_json_writer_key(w, "no");
    wire_json_writer_bool(w, false);
    wire_json_writer_key(w, "exitCode");
    wire_json_writer_null(w);
    wire_json_writer_key(w, "seq");
    wire_json_writer_uint64(w, UINT64_MAX);
    wire_json_writer_end_object(w);
    wire_json_writer_end_object(w);
}

static const char message[] =
    "{\"id\":-7,\"result\":{\"chunks\":[\"aGVsbG//\",\"\",\"a\\\"b\\\\c\\n\\u0001\\u001f\x7F/\",[],"
    "{}],\"na\\tme\":true,\"no\":false,\"exitCode\":null,\"seq\":18446744073709551615}}";

static void test_json_writer_message(void **state)
{
    (void)state;
    expect_written(write_message, message);
}

static void test_json_writer_every_capacity(void **state)
{
    (void)state;
    expect_need(write_message, strlen(message));
}

static void write_integers(struct wire_json_writer *w)
{
    static const int64_t values[] = {0, 1, -1, 9, 10, -10, 99, 100, -100, INT64_MAX, INT64_MIN};
    wire_json_writer_begin_array(w);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        wire_json_writer_int64(w, values[i]);
    }
    wire_json_writer_end_array(w);
}

static void test_json_writer_integers(void **state)
{
    (void)state;
    expect_written(write_integers, "[0,1,-1,9,10,-10,99,100,-100,9223372036854775807,"
                                   "-9223372036854775808]");
}

static void write_scalar(struct wire_json_writer *w)
{
    wire_json_writer_text(w, "");
}

static void write_deep(struct wire_json_writer *w)
{
    for (int i = 0; i < WIRE_JSON_WRITER_DEPTH; i++) {
        wire_json_writer_begin_array(w);
    }
    for (int i = 0; i < WIRE_JSON_WRITER_DEPTH; i++) {
        wire_json_writer_end_array(w);
    }
}

static void test_json_writer_scalar_and_depth(void **state)
{
    (void)state;
    char expected[2 * WIRE_JSON_WRITER_DEPTH + 1];
    memset(expected, '[', WIRE_JSON_WRITER_DEPTH);
    memset(expected + WIRE_JSON_WRITER_DEPTH, ']', WIRE_JSON_WRITER_DEPTH);
    expected[2 * WIRE_JSON_WRITER_DEPTH] = 0;
    expect_written(write_scalar, "\"\"");
    expect_written(write_deep, expected);
}

/* Writes text as a string of its own. Returns finish's answer; *out_json is in buffer. */
static int write_text(uint8_t *buffer, size_t capacity, struct wire_span text, bool is_lossy,
                      struct wire_span *out_json)
{
    struct wire_json_writer writer;
    wire_json_writer_init(&writer, buffer, capacity);
    if (is_lossy) {
        wire_json_writer_string_lossy(&writer, text);
    } else {
        wire_json_writer_string(&writer, text);
    }
    return wire_json_writer_finish(&writer, out_json);
}

/* Reads the one string of json into buffer. */
static struct wire_span read_back(struct wire_span json, uint8_t *buffer, size_t capacity)
{
    struct support_json reader;
    struct wire_json_token token;
    struct wire_json_token end;
    struct wire_span text;
    support_json_start(&reader, json, NULL);
    assert_int_equal(wire_json_reader_next(&reader.reader, &token), WIRE_JSON_STRING);
    assert_int_equal(wire_json_token_string(&token, buffer, capacity, &text), 0);
    assert_int_equal(wire_json_reader_next(&reader.reader, &end), WIRE_JSON_END);
    return text;
}

static void test_json_writer_every_ascii_byte(void **state)
{
    (void)state;
    for (int byte = 0; byte < 0x80; byte++) {
        for (size_t at = 0; at < 40; at += 3) {
            uint8_t text[40];
            uint8_t json_buffer[128];
            uint8_t buffer[128];
            struct wire_span json;
            memset(text, 'x', sizeof text);
            text[at] = (uint8_t)byte;
            struct wire_span span = wire_span_of(text, sizeof text);
            assert_int_equal(write_text(json_buffer, 128, span, false, &json), 0);
            assert_true(wire_span_equal(read_back(json, buffer, sizeof buffer), span));
        }
    }
}

static void expect_lossy(const char *text, const char *expected)
{
    uint8_t buffer[128];
    struct wire_span json;
    assert_int_equal(write_text(buffer, 128, wire_span_text(text), true, &json), 0);
    assert_int_equal(json.size, strlen(expected));
    assert_memory_equal(json.data, expected, json.size);
    bool is_valid = wire_utf8_check(wire_span_text(text));
    assert_int_equal(write_text(buffer, 128, wire_span_text(text), false, &json),
                     is_valid ? 0 : WIRE_JSON_ERR_TEXT);
}

#define FFFD "\xEF\xBF\xBD"

static void test_json_writer_utf8_strict_and_lossy(void **state)
{
    (void)state;
    expect_lossy("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80",
                 "\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"");
    expect_lossy("a\xFF"
                 "b",
                 "\"a" FFFD "b\"");
    expect_lossy("\xC0\x80", "\"" FFFD FFFD "\"");
    expect_lossy("\xED\xA0\x80", "\"" FFFD FFFD FFFD "\"");
    expect_lossy("\xE2\x82x", "\"" FFFD "x\"");
    expect_lossy("\xE2\x82", "\"" FFFD "\"");
    expect_lossy("x\xF0\x9F\x98", "\"x" FFFD "\"");
    expect_lossy("\xF4\x90\x80\x80", "\"" FFFD FFFD FFFD FFFD "\"");
    expect_lossy("\xC3\"", "\"" FFFD "\\\"\"");
}

/* The error of a text comes before the error of the buffer, and stays. */
static void test_json_writer_text_error_is_sticky(void **state)
{
    (void)state;
    uint8_t buffer[4];
    struct wire_json_writer writer;
    struct wire_span json;
    wire_json_writer_init(&writer, buffer, sizeof buffer);
    wire_json_writer_begin_object(&writer);
    wire_json_writer_key_span(&writer, wire_span_text("\xFF"));
    wire_json_writer_text(&writer, "good");
    wire_json_writer_end_object(&writer);
    assert_int_equal(wire_json_writer_finish(&writer, &json), WIRE_JSON_ERR_TEXT);
}

static void test_json_writer_random_strings(void **state)
{
    (void)state;
    struct support_random random = support_random_start();
    for (int round = 0; round < 20000; round++) {
        uint8_t text[48];
        uint8_t json_buffer[48 * 6 + 2];
        uint8_t buffer[48 * 6];
        struct wire_span json;
        struct wire_span span = wire_span_of(text, support_random_below(&random, sizeof text + 1));
        support_random_fill(&random, text, sizeof text);
        for (size_t i = 0; round % 2 && i < span.size; i++) {
            text[i] &= 0x7F;
        }
        assert_int_equal(write_text(json_buffer, sizeof json_buffer, span, true, &json), 0);
        struct wire_span back = read_back(json, buffer, sizeof buffer);
        if (wire_utf8_check(span)) {
            assert_true(wire_span_equal(back, span));
        } else {
            assert_int_equal(write_text(json_buffer, sizeof json_buffer, span, false, &json),
                             WIRE_JSON_ERR_TEXT);
        }
    }
}

/* Base64 in a string, at every length around the vectors' steps, by every codec. */
static void test_json_writer_base64_lengths(void **state)
{
    (void)state;
    struct support_random random = support_random_start();
    uint8_t bytes[200];
    support_random_fill(&random, bytes, sizeof bytes);
    const struct wire_base64_codec *codec;
    for (size_t i = 0; (codec = wire_base64_codec_at(i)) != NULL; i++) {
        for (size_t size = 0; size <= sizeof bytes; size++) {
            uint8_t buffer[300];
            uint8_t decoded[200];
            struct wire_json_writer writer;
            struct wire_span json;
            wire_json_writer_init(&writer, buffer, wire_base64_encoded_size(size) + 2);
            wire_json_writer_base64(&writer, codec, wire_span_of(bytes, size));
            assert_int_equal(wire_json_writer_finish(&writer, &json), 0);
            assert_int_equal(json.data[0], '"');
            assert_int_equal(json.data[json.size - 1], '"');
            struct wire_span text = wire_span_of(json.data + 1, json.size - 2);
            assert_int_equal(wire_base64_decode(codec, text, decoded, sizeof decoded, NULL), size);
            assert_memory_equal(decoded, bytes, size);
        }
    }
}

/* Three pieces of the bytes into a buffer of the given capacity, which nothing is written beyond.
 */
static void check_pieces(size_t first, size_t second, size_t capacity)
{
    static const uint8_t bytes[] = "0123456789";
    static const char expected[] = "[\"MDEyMzQ1Njc4OQ==\",1]";
    struct wire_json_writer writer;
    struct wire_json_base64 base64;
    struct wire_span json;
    size_t rest = first + second;
    uint8_t *buffer = malloc(capacity + 1);
    assert_non_null(buffer);
    buffer[capacity] = 0xA5;
    wire_json_writer_init(&writer, buffer, capacity);
    wire_json_writer_begin_array(&writer);
    wire_json_writer_begin_base64(&writer, &base64, wire_base64_best());
    wire_json_base64_push(&base64, wire_span_of(bytes, first));
    wire_json_base64_push(&base64, wire_span_of(bytes + first, second));
    wire_json_base64_push(&base64, wire_span_of(bytes + rest, 10 - rest));
    wire_json_base64_end(&base64);
    wire_json_writer_int64(&writer, 1);
    wire_json_writer_end_array(&writer);
    int error = wire_json_writer_finish(&writer, &json);
    assert_int_equal(writer.needed_bytes, sizeof expected - 1);
    assert_int_equal(buffer[capacity], 0xA5);
    assert_int_equal(error, capacity < sizeof expected - 1 ? WIRE_JSON_ERR_CAPACITY : 0);
    if (!error) {
        assert_memory_equal(json.data, expected, json.size);
    }
    free(buffer);
}

static void test_json_writer_base64_pieces(void **state)
{
    (void)state;
    for (size_t first = 0; first <= 10; first++) {
        for (size_t second = 0; first + second <= 10; second++) {
            for (size_t capacity = 0; capacity <= 22; capacity++) {
                check_pieces(first, second, capacity);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_writer_message),
        cmocka_unit_test(test_json_writer_every_capacity),
        cmocka_unit_test(test_json_writer_integers),
        cmocka_unit_test(test_json_writer_scalar_and_depth),
        cmocka_unit_test(test_json_writer_every_ascii_byte),
        cmocka_unit_test(test_json_writer_utf8_strict_and_lossy),
        cmocka_unit_test(test_json_writer_text_error_is_sticky),
        cmocka_unit_test(test_json_writer_random_strings),
        cmocka_unit_test(test_json_writer_base64_lengths),
        cmocka_unit_test(test_json_writer_base64_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
