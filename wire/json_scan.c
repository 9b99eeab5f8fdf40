/*
 * The scan for the end of a string's plain part: by 16-byte vectors on x86-64, by 8-byte words
 * everywhere else, and byte by byte at the very end of the input.
 *
 * Strings are where the bytes of this protocol are (base64 of output), so this loop decides what
 * reading a big message costs. Owns nothing; any thread.
 */
#include "wire/json_scan.h"

#include "wire/compiler.h"

#include <stdbool.h>
#include <string.h>

#if WIRE_X86_64
#include <emmintrin.h>
#endif

#define EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

static bool is_plain(uint8_t c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static size_t scan_bytes(const uint8_t *data, size_t at, size_t size)
{
    while (at < size && is_plain(data[at])) {
        at++;
    }
    return at;
}

/*
 * Non-zero if a byte of word is special. Exact as a yes or no: a borrow can only come out of a byte
 * that is special itself. Which byte it is, the byte loop finds.
 */
static uint64_t special_in_word(uint64_t word)
{
    uint64_t quote = word ^ EACH_BYTE('"');
    uint64_t backslash = word ^ EACH_BYTE('\\');
    uint64_t below =
        (word - EACH_BYTE(0x20)) | (quote - EACH_BYTE(1)) | (backslash - EACH_BYTE(1)) | word;
    return below & EACH_BYTE(0x80);
}

size_t wire_json_scan_plain_words(const uint8_t *data, size_t size)
{
    size_t at = 0;
    for (; size - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, data + at, sizeof word);
        if (special_in_word(word)) {
            break;
        }
    }
    return scan_bytes(data, at, size);
}

#if WIRE_X86_64

/* One bit for each special byte. Compared as signed, bytes beyond ASCII are below 0x20 too. */
static unsigned special_in_vector(const uint8_t *data)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)data);
    __m128i low = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20));
    __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    __m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(low, _mm_or_si128(quote, backslash)));
}

size_t wire_json_scan_plain(const uint8_t *data, size_t size)
{
    size_t at = 0;
    for (; size - at >= 16; at += 16) {
        unsigned special = special_in_vector(data + at);
        if (special) {
            return at + wire_lowest_bit(special);
        }
    }
    return scan_bytes(data, at, size);
}

#else

size_t wire_json_scan_plain(const uint8_t *data, size_t size)
{
    return wire_json_scan_plain_words(data, size);
}

#endif
