/*
 * The scalar codec, for every processor: two characters at a time from a table of all pairs when
 * encoding, four tables with the value already shifted into place when decoding.
 *
 * The compiler computes the tables from the alphabet (the macros below); they are constants. Owns
 * nothing; any thread.
 */
#include "wire/base64_codec.h"

/* The 64 pairs that begin with the character a. */
#define PAIRS4(a, b, c, d, e)                                                                      \
    {a, b}, {a, c}, {a, d},                                                                        \
    {                                                                                              \
        a, e                                                                                       \
    }
#define PAIRS(a)                                                                                   \
    PAIRS4(a, 'A', 'B', 'C', 'D'), PAIRS4(a, 'E', 'F', 'G', 'H'), PAIRS4(a, 'I', 'J', 'K', 'L'),   \
        PAIRS4(a, 'M', 'N', 'O', 'P'), PAIRS4(a, 'Q', 'R', 'S', 'T'),                              \
        PAIRS4(a, 'U', 'V', 'W', 'X'), PAIRS4(a, 'Y', 'Z', 'a', 'b'),                              \
        PAIRS4(a, 'c', 'd', 'e', 'f'), PAIRS4(a, 'g', 'h', 'i', 'j'),                              \
        PAIRS4(a, 'k', 'l', 'm', 'n'), PAIRS4(a, 'o', 'p', 'q', 'r'),                              \
        PAIRS4(a, 's', 't', 'u', 'v'), PAIRS4(a, 'w', 'x', 'y', 'z'),                              \
        PAIRS4(a, '0', '1', '2', '3'), PAIRS4(a, '4', '5', '6', '7'),                              \
        PAIRS4(a, '8', '9', '+', '/')

/* The text of each 12 bits. */
static const uint8_t pairs[64 * 64][2] = {
    PAIRS('A'), PAIRS('B'), PAIRS('C'), PAIRS('D'), PAIRS('E'), PAIRS('F'), PAIRS('G'), PAIRS('H'),
    PAIRS('I'), PAIRS('J'), PAIRS('K'), PAIRS('L'), PAIRS('M'), PAIRS('N'), PAIRS('O'), PAIRS('P'),
    PAIRS('Q'), PAIRS('R'), PAIRS('S'), PAIRS('T'), PAIRS('U'), PAIRS('V'), PAIRS('W'), PAIRS('X'),
    PAIRS('Y'), PAIRS('Z'), PAIRS('a'), PAIRS('b'), PAIRS('c'), PAIRS('d'), PAIRS('e'), PAIRS('f'),
    PAIRS('g'), PAIRS('h'), PAIRS('i'), PAIRS('j'), PAIRS('k'), PAIRS('l'), PAIRS('m'), PAIRS('n'),
    PAIRS('o'), PAIRS('p'), PAIRS('q'), PAIRS('r'), PAIRS('s'), PAIRS('t'), PAIRS('u'), PAIRS('v'),
    PAIRS('w'), PAIRS('x'), PAIRS('y'), PAIRS('z'), PAIRS('0'), PAIRS('1'), PAIRS('2'), PAIRS('3'),
    PAIRS('4'), PAIRS('5'), PAIRS('6'), PAIRS('7'), PAIRS('8'), PAIRS('9'), PAIRS('+'), PAIRS('/'),
};

/* What a character outside the alphabet contributes: a bit that no good group has. */
#define BAD UINT32_C(0x80000000)
#define VALUE(c)                                                                                   \
    ((c) >= 'A' && (c) <= 'Z'   ? (c) - 'A'                                                        \
     : (c) >= 'a' && (c) <= 'z' ? (c) - 'a' + 26                                                   \
     : (c) >= '0' && (c) <= '9' ? (c) - '0' + 52                                                   \
     : (c) == '+'               ? 62                                                               \
     : (c) == '/'               ? 63                                                               \
                                : -1)
#define SWAP(group)     ((group) >> 16 | ((group)&0xFF00) | ((group)&0xFF) << 16)
#define BITS(c, shift)  (VALUE(c) < 0 ? BAD : SWAP((uint32_t)VALUE(c) << (shift)))
#define BITS4(c, shift) BITS(c, shift), BITS(c + 1, shift), BITS(c + 2, shift), BITS(c + 3, shift)
#define BITS16(c, shift)                                                                           \
    BITS4(c, shift), BITS4(c + 4, shift), BITS4(c + 8, shift), BITS4(c + 12, shift)
#define BITS64(c, shift)                                                                           \
    BITS16(c, shift), BITS16(c + 16, shift), BITS16(c + 32, shift), BITS16(c + 48, shift)
#define BITS256(shift) BITS64(0, shift), BITS64(64, shift), BITS64(128, shift), BITS64(192, shift)

/* The 24 bits of a group, its first byte lowest, by place in the group and character. */
static const uint32_t bits[4][256] = {{BITS256(18)}, {BITS256(12)}, {BITS256(6)}, {BITS256(0)}};

static inline void encode_group(const uint8_t *in, uint8_t *out)
{
    uint32_t group = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
    memcpy(out, pairs[group >> 12], 2);
    memcpy(out + 2, pairs[group & 0xFFF], 2);
}

static size_t encode_groups(const uint8_t *in, size_t size, uint8_t *out)
{
    size_t at = 0;
    for (; size - at >= 12; at += 12, out += 16) {
        encode_group(in + at, out);
        encode_group(in + at + 3, out + 4);
        encode_group(in + at + 6, out + 8);
        encode_group(in + at + 9, out + 12);
    }
    for (; size - at >= 3; at += 3, out += 4) {
        encode_group(in + at, out);
    }
    return at;
}

static inline uint32_t decode_group(const uint8_t *in)
{
    return bits[0][in[0]] | bits[1][in[1]] | bits[2][in[2]] | bits[3][in[3]];
}

/* Stores the 3 bytes of a group and one that does not count; compilers make it one store. */
static inline void store_wide(uint32_t group, uint8_t *out)
{
    out[0] = (uint8_t)group;
    out[1] = (uint8_t)(group >> 8);
    out[2] = (uint8_t)(group >> 16);
    out[3] = (uint8_t)(group >> 24);
}

/* Decodes 16 characters; false, and nothing stored, if one of them is bad. */
static inline bool decode_four(const uint8_t *in, uint8_t *out)
{
    uint32_t first = decode_group(in);
    uint32_t second = decode_group(in + 4);
    uint32_t third = decode_group(in + 8);
    uint32_t fourth = decode_group(in + 12);
    if ((first | second | third | fourth) & BAD) {
        return false;
    }
    store_wide(first, out);
    store_wide(second, out + 3);
    store_wide(third, out + 6);
    store_wide(fourth, out + 9);
    return true;
}

/* Four groups store 13 bytes of which 12 count: the room for 18 characters must be left. */
#define FOUR_MIN 20

static size_t decode_groups(const uint8_t *in, size_t size, uint8_t *out)
{
    size_t at = 0;
    for (; size - at >= FOUR_MIN && decode_four(in + at, out); at += 16) {
        out += 12;
    }
    for (; size - at >= 4; at += 4, out += 3) {
        uint32_t group = decode_group(in + at);
        if (group & BAD) {
            break;
        }
        uint8_t bytes[4];
        store_wide(group, bytes);
        memcpy(out, bytes, 3);
    }
    return at;
}

const struct wire_base64_codec wire_base64_scalar = {
    .name = "scalar",
    .encode_groups = encode_groups,
    .decode_groups = decode_groups,
};
