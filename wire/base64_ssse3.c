/*
 * The SSSE3 codec: 12 bytes <-> 16 characters with byte shuffles in place of tables.
 *
 * The technique is published: W. Mula and D. Lemire, "Faster Base64 Encoding and Decoding Using
 * AVX2 Instructions" (ACM Transactions on the Web, 2018), here in vectors of 16 bytes. Built for
 * every x86-64 and run only where the processor has the instructions (base64_pick_*.c). Owns
 * nothing; any thread.
 */
#include "wire/base64_codec.h"

#if WIRE_X86_64
#include <immintrin.h>

#define SSSE3 WIRE_TARGET("ssse3")

/* Bytes read and written by one step; of these, ENCODE_USED and DECODE_MADE count. */
#define VECTOR_BYTES 16
#define GROUP_BYTES  12

/*
 * 12 bytes into 16 values of 6 bits. Each 32-bit lane first gets the bytes b a c b of its group, so
 * that all four values lie within 16-bit halves; multiplying a half shifts each value into place.
 */
SSSE3 static inline __m128i split(__m128i in)
{
    const __m128i order = _mm_setr_epi8(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10);
    __m128i lanes = _mm_shuffle_epi8(in, order);
    __m128i first_third = _mm_and_si128(lanes, _mm_set1_epi32(0x0FC0FC00));
    __m128i second_fourth = _mm_and_si128(lanes, _mm_set1_epi32(0x003F03F0));
    return _mm_or_si128(_mm_mulhi_epu16(first_third, _mm_set1_epi32(0x04000040)),
                        _mm_mullo_epi16(second_fourth, _mm_set1_epi32(0x01000010)));
}

/*
 * Values into characters: each of the five ranges of the alphabet has its own distance between
 * value and character, looked up by a small number made from the value: 13 for 0..25, 0 for 26..51,
 * 1 to 10 for the digits, 11 and 12 for + and /.
 */
SSSE3 static inline __m128i to_text(__m128i values)
{
    const __m128i distance =
        _mm_setr_epi8('a' - 26, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52,
                      '0' - 52, '0' - 52, '0' - 52, '0' - 52, '+' - 62, '/' - 63, 'A', 0, 0);
    __m128i range = _mm_subs_epu8(values, _mm_set1_epi8(51));
    __m128i is_upper = _mm_cmpgt_epi8(_mm_set1_epi8(26), values);
    range = _mm_or_si128(range, _mm_and_si128(is_upper, _mm_set1_epi8(13)));
    return _mm_add_epi8(values, _mm_shuffle_epi8(distance, range));
}

SSSE3 static inline void encode_step(const uint8_t *in, uint8_t *out)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)in);
    _mm_storeu_si128((__m128i *)out, to_text(split(bytes)));
}

SSSE3 static size_t encode_groups(const uint8_t *in, size_t size, uint8_t *out)
{
    size_t at = 0;
    for (; size - at >= VECTOR_BYTES; at += GROUP_BYTES, out += VECTOR_BYTES) {
        encode_step(in + at, out);
    }
    return at;
}

/*
 * Whether all 16 characters belong to the alphabet. Every high nibble and every low nibble has a
 * set of bits such that the two sets meet exactly for the pairs that are no character of it.
 */
SSSE3 static inline bool is_text(__m128i text, __m128i high)
{
    const __m128i low_sets = _mm_setr_epi8(0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11,
                                           0x11, 0x13, 0x1A, 0x1B, 0x1B, 0x1B, 0x1A);
    const __m128i high_sets = _mm_setr_epi8(0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08, 0x10,
                                            0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10);
    __m128i low = _mm_and_si128(text, _mm_set1_epi8(0x0F));
    __m128i meet =
        _mm_and_si128(_mm_shuffle_epi8(low_sets, low), _mm_shuffle_epi8(high_sets, high));
    return _mm_movemask_epi8(_mm_cmpeq_epi8(meet, _mm_setzero_si128())) == 0xFFFF;
}

/* Characters into values: the distance depends on the high nibble, and for / on itself. */
SSSE3 static inline __m128i to_values(__m128i text, __m128i high)
{
    const __m128i distance = _mm_setr_epi8(0, 63 - '/', 62 - '+', 52 - '0', 0 - 'A', 0 - 'A',
                                           26 - 'a', 26 - 'a', 0, 0, 0, 0, 0, 0, 0, 0);
    __m128i is_slash = _mm_cmpeq_epi8(text, _mm_set1_epi8('/'));
    return _mm_add_epi8(text, _mm_shuffle_epi8(distance, _mm_add_epi8(high, is_slash)));
}

/* 16 values into 12 bytes: pairs into 12 bits, pairs of these into 24, then the bytes in order. */
SSSE3 static inline __m128i join(__m128i values)
{
    const __m128i order = _mm_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
    __m128i twelve = _mm_maddubs_epi16(values, _mm_set1_epi32(0x01400140));
    __m128i group = _mm_madd_epi16(twelve, _mm_set1_epi32(0x00011000));
    return _mm_shuffle_epi8(group, order);
}

SSSE3 static inline bool decode_step(const uint8_t *in, uint8_t *out)
{
    __m128i text = _mm_loadu_si128((const __m128i *)in);
    __m128i high = _mm_and_si128(_mm_srli_epi32(text, 4), _mm_set1_epi8(0x0F));
    if (!is_text(text, high)) {
        return false;
    }
    _mm_storeu_si128((__m128i *)out, join(to_values(text, high)));
    return true;
}

/* A step stores 16 bytes of which 12 count: the room for 22 characters must be left. */
#define DECODE_MIN 24

SSSE3 static size_t decode_groups(const uint8_t *in, size_t size, uint8_t *out)
{
    size_t at = 0;
    while (size - at >= DECODE_MIN && decode_step(in + at, out)) {
        at += VECTOR_BYTES;
        out += GROUP_BYTES;
    }
    return at;
}

const struct wire_base64_codec wire_base64_ssse3 = {
    .name = "ssse3",
    .encode_groups = encode_groups,
    .decode_groups = decode_groups,
};

#endif
