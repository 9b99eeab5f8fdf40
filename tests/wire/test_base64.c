/*
 * Base64: RFC 4648's vectors; each codec against a plain one bit by bit for every length and for
 * big random blocks, with memory that ends where it ends and bytes behind it watched; every byte
 * that is no character at every place; padding and trailing bits; decoding in place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/wire/support_random.h"
#include "wire/base64.h"

#define LENGTHS  300
#define CANARY   0xA7
#define CANARIES 64

typedef void (*check_fn)(const struct wire_base64_codec *codec);

static void for_each_codec(check_fn check)
{
    const struct wire_base64_codec *codec;
    for (size_t i = 0; (codec = wire_base64_codec_at(i)) != NULL; i++) {
        printf("codec %s\n", codec->name);
        check(codec);
    }
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The plain encoder: one character from one 6-bit window of the bytes. */
static size_t encode_plainly(const uint8_t *in, size_t size, uint8_t *out)
{
    size_t characters = (size * 8 + 5) / 6;
    for (size_t i = 0; i < characters; i++) {
        unsigned value = 0;
        for (size_t bit = i * 6; bit < i * 6 + 6; bit++) {
            unsigned is_set = bit / 8 < size ? in[bit / 8] >> (7 - bit % 8) & 1u : 0;
            value = value << 1 | is_set;
        }
        out[i] = (uint8_t)alphabet[value];
    }
    while (characters % 4 != 0) {
        out[characters++] = '=';
    }
    return characters;
}

static void *allocate(size_t size)
{
    void *memory = malloc(size > 0 ? size : 1);
    assert_non_null(memory);
    return memory;
}

/* Encodes and decodes bytes in exact memory, and with canaries behind the output. */
static void check_round_trip(const struct wire_base64_codec *codec, struct wire_span bytes)
{
    size_t text_size = wire_base64_encoded_size(bytes.size);
    uint8_t *expected = allocate(text_size);
    uint8_t *text = allocate(text_size);
    uint8_t *decoded = allocate(bytes.size);
    assert_int_equal(encode_plainly(bytes.data, bytes.size, expected), text_size);
    assert_int_equal(wire_base64_encode(codec, bytes, text), text_size);
    assert_memory_equal(text, expected, text_size);
    struct wire_span span = wire_span_of(text, text_size);
    assert_int_equal(wire_base64_decoded_size(span), bytes.size);
    assert_int_equal(wire_base64_decode(codec, span, decoded, bytes.size, NULL), bytes.size);
    assert_memory_equal(decoded, bytes.data, bytes.size);
    if (bytes.size > 0) {
        assert_int_equal(wire_base64_decode(codec, span, decoded, bytes.size - 1, NULL),
                         WIRE_BASE64_ERR_CAPACITY);
    }
    /* In place, in memory of the text's size. */
    assert_int_equal(wire_base64_decode(codec, span, text, text_size, NULL), bytes.size);
    assert_memory_equal(text, bytes.data, bytes.size);
    free(decoded);
    free(text);
    free(expected);
}

static void expect_canaries(const uint8_t *data)
{
    for (size_t i = 0; i < CANARIES; i++) {
        assert_int_equal(data[i], CANARY);
    }
}

/* Nothing behind the output is written, also where a vector would have room. */
static void check_canaries(const struct wire_base64_codec *codec, struct wire_span bytes)
{
    size_t text_size = wire_base64_encoded_size(bytes.size);
    uint8_t *text = allocate(text_size + CANARIES);
    uint8_t *decoded = allocate(bytes.size + CANARIES);
    memset(text, CANARY, text_size + CANARIES);
    memset(decoded, CANARY, bytes.size + CANARIES);
    wire_base64_encode(codec, bytes, text);
    expect_canaries(text + text_size);
    assert_int_equal(wire_base64_decode(codec, wire_span_of(text, text_size), decoded,
                                        bytes.size + CANARIES, NULL),
                     bytes.size);
    expect_canaries(decoded + bytes.size);
    free(decoded);
    free(text);
}

static void check_lengths(const struct wire_base64_codec *codec)
{
    struct support_random random = support_random_start();
    for (size_t size = 0; size <= LENGTHS; size++) {
        uint8_t *bytes = allocate(size);
        support_random_fill(&random, bytes, size);
        check_round_trip(codec, wire_span_of(bytes, size));
        check_canaries(codec, wire_span_of(bytes, size));
        memset(bytes, 0xFF, size);
        check_round_trip(codec, wire_span_of(bytes, size));
        memset(bytes, 0, size);
        check_round_trip(codec, wire_span_of(bytes, size));
        free(bytes);
    }
}

static void test_base64_every_length(void **state)
{
    (void)state;
    for_each_codec(check_lengths);
}

static void check_big(const struct wire_base64_codec *codec)
{
    struct support_random random = support_random_start();
    for (int round = 0; round < 10; round++) {
        size_t size = support_random_below(&random, 60000);
        uint8_t *bytes = allocate(size);
        support_random_fill(&random, bytes, size);
        check_round_trip(codec, wire_span_of(bytes, size));
        free(bytes);
    }
}

static void test_base64_big_blocks(void **state)
{
    (void)state;
    for_each_codec(check_big);
}

/* All 64 values at each of the places of a vector. */
static void check_values(const struct wire_base64_codec *codec)
{
    for (size_t shift = 0; shift < 64; shift++) {
        uint8_t text[128];
        uint8_t decoded[96];
        uint8_t again[128];
        for (size_t i = 0; i < sizeof text; i++) {
            text[i] = (uint8_t)alphabet[(i + shift) % 64];
        }
        struct wire_span span = wire_span_of(text, sizeof text);
        assert_int_equal(wire_base64_decode(codec, span, decoded, sizeof decoded, NULL), 96);
        assert_int_equal(encode_plainly(decoded, 96, again), 128);
        assert_memory_equal(again, text, sizeof text);
    }
}

static void test_base64_every_value(void **state)
{
    (void)state;
    for_each_codec(check_values);
}

/* A codec does nearly all itself, for good characters of every kind: what is slow, others do. */
static void check_share(const struct wire_base64_codec *codec)
{
    uint8_t text[1024];
    uint8_t bytes[768];
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (uint8_t)alphabet[i % 64];
    }
    size_t used = codec->decode_groups(text, sizeof text, bytes);
    assert_true(used % 4 == 0 && used <= sizeof text && used + 48 > sizeof text);
    used = codec->encode_groups(bytes, sizeof bytes, text);
    assert_true(used % 3 == 0 && used <= sizeof bytes && used + 32 > sizeof bytes);
}

static void test_base64_codecs_do_their_share(void **state)
{
    (void)state;
    for_each_codec(check_share);
}

static void expect_bad(const struct wire_base64_codec *codec, struct wire_span text, int error,
                       size_t offset)
{
    size_t out_offset = 9999;
    uint8_t *buffer = allocate(text.size);
    assert_int_equal(wire_base64_decode(codec, text, buffer, text.size, &out_offset), error);
    assert_int_equal(out_offset, offset);
    free(buffer);
}

/* Every byte outside the alphabet, at every place of texts that vectors and the rest share. */
static void check_bad_bytes(const struct wire_base64_codec *codec)
{
    static const size_t sizes[] = {4, 8, 16, 20, 24, 44, 48, 76, 80, 108, 112};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        uint8_t *text = allocate(sizes[s]);
        memset(text, 'k', sizes[s]);
        for (size_t at = 0; at < sizes[s]; at++) {
            for (int byte = 0; byte < 256; byte++) {
                bool is_padding = byte == '=' && at + 1 == sizes[s];
                if ((byte != 0 && strchr(alphabet, byte)) || is_padding) {
                    continue;
                }
                text[at] = (uint8_t)byte;
                expect_bad(codec, wire_span_of(text, sizes[s]), WIRE_BASE64_ERR_CHARACTER, at);
            }
            text[at] = 'k';
        }
        free(text);
    }
}

static void test_base64_every_bad_byte_at_every_place(void **state)
{
    (void)state;
    for_each_codec(check_bad_bytes);
}

/* Of two bad bytes the first is reported, whatever the distance. */
static void check_first_bad(const struct wire_base64_codec *codec)
{
    uint8_t text[160];
    for (size_t first = 0; first < sizeof text; first++) {
        for (size_t second = first + 1; second < sizeof text; second += 7) {
            memset(text, '/', sizeof text);
            text[first] = ' ';
            text[second] = '-';
            expect_bad(codec, wire_span_of(text, sizeof text), WIRE_BASE64_ERR_CHARACTER, first);
        }
    }
}

static void test_base64_first_bad_byte(void **state)
{
    (void)state;
    for_each_codec(check_first_bad);
}

struct bad_case {
    const char *text;
    int error;
    size_t offset;
};

static void check_bad_cases(const struct wire_base64_codec *codec)
{
    static const struct bad_case cases[] = {
        {"A", WIRE_BASE64_ERR_LENGTH, 1},
        {"AA", WIRE_BASE64_ERR_LENGTH, 2},
        {"AAA", WIRE_BASE64_ERR_LENGTH, 3},
        {"AAAAA", WIRE_BASE64_ERR_LENGTH, 5},
        {"AA=", WIRE_BASE64_ERR_LENGTH, 3},
        {"=", WIRE_BASE64_ERR_LENGTH, 1},
        {"====", WIRE_BASE64_ERR_CHARACTER, 0},
        {"A===", WIRE_BASE64_ERR_CHARACTER, 1},
        {"AA=A", WIRE_BASE64_ERR_CHARACTER, 2},
        {"=AAA", WIRE_BASE64_ERR_CHARACTER, 0},
        {"A=AA", WIRE_BASE64_ERR_CHARACTER, 1},
        {"AA==AAAA", WIRE_BASE64_ERR_CHARACTER, 2},
        {"AAA=AA==", WIRE_BASE64_ERR_CHARACTER, 3},
        {"AAAA====", WIRE_BASE64_ERR_CHARACTER, 4},
        {"AAAAA===", WIRE_BASE64_ERR_CHARACTER, 5},
        {"AA =", WIRE_BASE64_ERR_CHARACTER, 2},
        {"AAA\n", WIRE_BASE64_ERR_CHARACTER, 3},
        {"AAAA\n", WIRE_BASE64_ERR_LENGTH, 5},
        {"AA-_", WIRE_BASE64_ERR_CHARACTER, 2},
        {"AB==", WIRE_BASE64_ERR_TRAILING, 1},
        {"A/==", WIRE_BASE64_ERR_TRAILING, 1},
        {"AAB=", WIRE_BASE64_ERR_TRAILING, 2},
        {"AAE=", 0, 9999},
        {"AQ==", 0, 9999},
        {"AAAAAAAAAB==", WIRE_BASE64_ERR_TRAILING, 9},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (cases[i].error != 0) {
            expect_bad(codec, wire_span_text(cases[i].text), cases[i].error, cases[i].offset);
        } else {
            uint8_t buffer[4];
            assert_true(wire_base64_decode(codec, wire_span_text(cases[i].text), buffer, 4, NULL) >
                        0);
        }
    }
}

static void test_base64_bad_texts(void **state)
{
    (void)state;
    for_each_codec(check_bad_cases);
}

/* Every last character before padding: only those whose spare bits are zero are good. */
static void check_trailing_bits(const struct wire_base64_codec *codec)
{
    for (int value = 0; value < 64; value++) {
        uint8_t buffer[3];
        char two[5] = {'Z', alphabet[value], '=', '=', 0};
        char three[5] = {'Z', 'm', alphabet[value], '=', 0};
        int expected_two = value % 16 == 0 ? 1 : WIRE_BASE64_ERR_TRAILING;
        int expected_three = value % 4 == 0 ? 2 : WIRE_BASE64_ERR_TRAILING;
        assert_int_equal(wire_base64_decode(codec, wire_span_text(two), buffer, 3, NULL),
                         expected_two);
        assert_int_equal(wire_base64_decode(codec, wire_span_text(three), buffer, 3, NULL),
                         expected_three);
    }
}

static void test_base64_trailing_bits(void **state)
{
    (void)state;
    for_each_codec(check_trailing_bits);
}

static void check_vectors(const struct wire_base64_codec *codec)
{
    static const char *const vectors[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        uint8_t text[16];
        size_t size = wire_base64_encode(codec, wire_span_text(vectors[i][0]), text);
        assert_true(wire_span_equal(wire_span_of(text, size), wire_span_text(vectors[i][1])));
    }
}

static void test_base64_vectors_of_the_standard(void **state)
{
    (void)state;
    for_each_codec(check_vectors);
}

static void test_base64_codecs_of_this_processor(void **state)
{
    (void)state;
    size_t count = 0;
    while (wire_base64_codec_at(count)) {
        count++;
    }
    assert_true(count >= 1);
    assert_string_equal(wire_base64_codec_at(0)->name, "scalar");
    assert_ptr_equal(wire_base64_best(), wire_base64_codec_at(count - 1));
    assert_null(wire_base64_codec_at(count + 1));
    assert_null(wire_base64_codec_at(SIZE_MAX));
    assert_int_equal(wire_base64_decode(wire_base64_best(), wire_span_of(NULL, 0), NULL, 0, NULL),
                     0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base64_vectors_of_the_standard),
        cmocka_unit_test(test_base64_every_length),
        cmocka_unit_test(test_base64_big_blocks),
        cmocka_unit_test(test_base64_every_value),
        cmocka_unit_test(test_base64_codecs_do_their_share),
        cmocka_unit_test(test_base64_every_bad_byte_at_every_place),
        cmocka_unit_test(test_base64_first_bad_byte),
        cmocka_unit_test(test_base64_bad_texts),
        cmocka_unit_test(test_base64_trailing_bits),
        cmocka_unit_test(test_base64_codecs_of_this_processor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
