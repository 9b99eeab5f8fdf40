/*
 * The AVX2 codec: 24 bytes <-> 32 characters.
 *
 * The technique is published: W. Mula and D. Lemire, "Faster Base64 Encoding and Decoding Using
 * AVX2 Instructions" (ACM Transactions on the Web, 2018). Run only where the processor has the
 * instructions (base64_pick_unix.c). Not built on Windows: its x86-64 stack is aligned to 16
 * bytes and mingw's gcc spills 32-byte registers as if it were aligned to 32 (gcc bug 54412).
 * Owns nothing; any thread.
 */
#include "wire/base64_codec.h"

#if WIRE_X86_64
#include <immintrin.h>

#define AVX2 WIRE_TARGET("avx2")

#define VECTOR_BYTES 32
#define GROUP_BYTES  24

/* The same 16 bytes in both halves: shuffles work within a half. */
#define BOTH(...) _mm256_broadcastsi128_si256(_mm_setr_epi8(__VA_ARGS__))

/* 12 bytes for each half, loaded apart because shuffles do not cross the middle; reads 28. */
AVX2 static inline __m256i load_bytes(const uint8_t *in)
{
    __m128i low = _mm_loadu_si128((const __m128i *)in);
    __m128i high = _mm_loadu_si128((const __m128i *)(in + 12));
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
}

/* As in base64_ssse3.c: bytes b a c b for each group, then multiplications that shift. */
AVX2 static inline __m256i split(__m256i in)
{
    const __m256i order = BOTH(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10);
    __m256i lanes = _mm256_shuffle_epi8(in, order);
    __m256i first_third = _mm256_and_si256(lanes, _mm256_set1_epi32(0x0FC0FC00));
    __m256i second_fourth = _mm256_and_si256(lanes, _mm256_set1_epi32(0x003F03F0));
    return _mm256_or_si256(_mm256_mulhi_epu16(first_third, _mm256_set1_epi32(0x04000040)),
                           _mm256_mullo_epi16(second_fourth, _mm256_set1_epi32(0x01000010)));
}

/*
 * As in base64_ssse3.c, with the upper case at 0 and the lower case at 1: the comparison's -1 is
 * subtracted in place of a mask and an or.
 */
AVX2 static inline __m256i to_text(__m256i values)
{
    const __m256i distance =
        BOTH('A', 'a' - 26, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52,
             '0' - 52, '0' - 52, '0' - 52, '+' - 62, '/' - 63, 0, 0);
    __m256i range = _mm256_subs_epu8(values, _mm256_set1_epi8(51));
    __m256i beyond_upper = _mm256_cmpgt_epi8(values, _mm256_set1_epi8(25));
    range = _mm256_sub_epi8(range, beyond_upper);
    return _mm256_add_epi8(values, _mm256_shuffle_epi8(distance, range));
}

AVX2 static inline void encode_step(const uint8_t *in, uint8_t *out)
{
    _mm256_storeu_si256((__m256i *)out, to_text(split(load_bytes(in))));
}

/* A step reads 28 bytes of which 24 count. */
#define ENCODE_MIN 28

AVX2 static size_t encode_groups(const uint8_t *in, size_t size, uint8_t *out)
{
    size_t at = 0;
    for (; size - at >= GROUP_BYTES + ENCODE_MIN; at += 2 * GROUP_BYTES) {
        encode_step(in + at, out);
        encode_step(in + at + GROUP_BYTES, out + VECTOR_BYTES);
        out += 2 * VECTOR_BYTES;
    }
    for (; size - at >= ENCODE_MIN; at += GROUP_BYTES) {
        encode_step(in + at, out);
        out += VECTOR_BYTES;
    }
    return at;
}

/*
 * The bits in which the sets of high and low nibble meet: none for a character of the alphabet. A
 * shuffle looks at bits 0 to 3 and 7 of an index only, so that one mask with bit 5 serves for the
 * low nibbles, the high nibbles and the comparison with the slash.
 */
AVX2 static inline __m256i find_bad(__m256i text, __m256i high)
{
    const __m256i low_sets = BOTH(0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x13,
                                  0x1A, 0x1B, 0x1B, 0x1B, 0x1A);
    const __m256i high_sets = BOTH(0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08, 0x10, 0x10, 0x10,
                                   0x10, 0x10, 0x10, 0x10, 0x10);
    __m256i low = _mm256_and_si256(text, _mm256_set1_epi8('/'));
    return _mm256_and_si256(_mm256_shuffle_epi8(low_sets, low),
                            _mm256_shuffle_epi8(high_sets, high));
}

AVX2 static inline __m256i to_values(__m256i text, __m256i high)
{
    const __m256i distance = BOTH(0, 63 - '/', 62 - '+', 52 - '0', 0 - 'A', 0 - 'A', 26 - 'a',
                                  26 - 'a', 0, 0, 0, 0, 0, 0, 0, 0);
    __m256i is_slash = _mm256_cmpeq_epi8(text, _mm256_set1_epi8('/'));
    return _mm256_add_epi8(text, _mm256_shuffle_epi8(distance, _mm256_add_epi8(high, is_slash)));
}

/* 32 values into 24 bytes at the low end; the last permutation closes the gap in the middle. */
AVX2 static inline __m256i join(__m256i values)
{
    const __m256i order = BOTH(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
    __m256i twelve = _mm256_maddubs_epi16(values, _mm256_set1_epi32(0x01400140));
    __m256i group = _mm256_madd_epi16(twelve, _mm256_set1_epi32(0x00011000));
    return _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(group, order),
                                       _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7));
}

AVX2 static inline __m256i high_nibbles(__m256i text)
{
    return _mm256_and_si256(_mm256_srli_epi32(text, 4), _mm256_set1_epi8('/'));
}

/* Decodes 32 characters; false, and nothing stored, if one of them is bad. */
AVX2 static inline bool decode_step(const uint8_t *in, uint8_t *out)
{
    __m256i text = _mm256_loadu_si256((const __m256i *)in);
    __m256i high = high_nibbles(text);
    __m256i bad = find_bad(text, high);
    if (!_mm256_testz_si256(bad, bad)) {
        return false;
    }
    _mm256_storeu_si256((__m256i *)out, join(to_values(text, high)));
    return true;
}

/* A step stores 32 bytes of which 24 count: the room for 43 characters must be left. */
#define DECODE_MIN 44

AVX2 static size_t decode_groups(const uint8_t *in, size_t size, uint8_t *out)
{
    size_t at = 0;
    while (size - at >= DECODE_MIN && decode_step(in + at, out)) {
        at += VECTOR_BYTES;
        out += GROUP_BYTES;
    }
    return at;
}

const struct wire_base64_codec wire_base64_avx2 = {
    .name = "avx2",
    .encode_groups = encode_groups,
    .decode_groups = decode_groups,
};

#endif
