/*
 * What all codecs share: sizes, the last group with its padding, and where exactly a bad character
 * stands. The loops over whole groups are the codec's.
 *
 * A codec may leave whole groups undone (a vector needs room); the scalar one does what is left, so
 * every codec gives the same bytes and the same errors. Owns nothing; any thread.
 */
#include "wire/base64.h"

#include <assert.h>

#include "wire/base64_codec.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The value of a character, -1 if it is outside the alphabet. */
static int value_of(uint8_t c)
{
    const char *found = c == 0 ? NULL : strchr(alphabet, c);
    return found ? (int)(found - alphabet) : -1;
}

/* Encodes the last one or two bytes with their padding. */
static void encode_tail(const uint8_t *in, size_t size, uint8_t *out)
{
    uint32_t bits = (uint32_t)in[0] << 16 | (size == 2 ? (uint32_t)in[1] << 8 : 0);
    out[0] = (uint8_t)alphabet[bits >> 18];
    out[1] = (uint8_t)alphabet[bits >> 12 & 63];
    out[2] = size == 2 ? (uint8_t)alphabet[bits >> 6 & 63] : '=';
    out[3] = '=';
}

size_t wire_base64_encode(const struct wire_base64_codec *codec, struct wire_span bytes,
                          uint8_t *out)
{
    assert(bytes.size <= SIZE_MAX / 2);
    if (bytes.size == 0) {
        return 0;
    }
    size_t done = codec->encode_groups(bytes.data, bytes.size, out);
    done +=
        wire_base64_scalar.encode_groups(bytes.data + done, bytes.size - done, out + done / 3 * 4);
    if (done < bytes.size) {
        encode_tail(bytes.data + done, bytes.size - done, out + done / 3 * 4);
    }
    return wire_base64_encoded_size(bytes.size);
}

/* The padding characters at the end of a text of whole groups: 0 to 2. */
static size_t padding_of(struct wire_span text)
{
    if (text.size == 0 || text.data[text.size - 1] != '=') {
        return 0;
    }
    return text.data[text.size - 2] == '=' ? 2 : 1;
}

size_t wire_base64_decoded_size(struct wire_span text)
{
    return text.size % 4 == 0 ? text.size / 4 * 3 - padding_of(text) : 0;
}

/* The offset of the first character in text that is outside the alphabet; text.size if none. */
static size_t find_bad(struct wire_span text)
{
    size_t at = 0;
    while (at < text.size && value_of(text.data[at]) >= 0) {
        at++;
    }
    return at;
}

/* Decodes all groups but a padded last one. Returns the characters used: fewer if one is bad. */
static size_t decode_whole(const struct wire_base64_codec *codec, struct wire_span text,
                           uint8_t *out)
{
    if (text.size == 0) {
        return 0;
    }
    size_t done = codec->decode_groups(text.data, text.size, out);
    return done +
           wire_base64_scalar.decode_groups(text.data + done, text.size - done, out + done / 4 * 3);
}

/* Decodes the padded group of 2 or 3 characters at in. 0, or an error and its place in *out_bad. */
static int decode_tail(const uint8_t *in, size_t characters, uint8_t *out, size_t *out_bad)
{
    size_t bad = find_bad(wire_span_of(in, characters));
    if (bad < characters) {
        *out_bad = bad;
        return WIRE_BASE64_ERR_CHARACTER;
    }
    uint32_t bits = (uint32_t)value_of(in[0]) << 18 | (uint32_t)value_of(in[1]) << 12;
    bits |= characters == 3 ? (uint32_t)value_of(in[2]) << 6 : 0;
    if (bits & (characters == 3 ? 0xFFu : 0xFFFFu)) {
        *out_bad = characters - 1;
        return WIRE_BASE64_ERR_TRAILING;
    }
    out[0] = (uint8_t)(bits >> 16);
    if (characters == 3) {
        out[1] = (uint8_t)(bits >> 8);
    }
    return 0;
}

/* Decodes text, whose size fits; on error *out_bad is the offset of the bad character. */
static int decode(const struct wire_base64_codec *codec, struct wire_span text, uint8_t *buffer,
                  size_t *out_bad)
{
    if (text.size % 4 != 0) {
        *out_bad = text.size;
        return WIRE_BASE64_ERR_LENGTH;
    }
    size_t padding = padding_of(text);
    size_t whole = text.size - (padding > 0 ? 4 : 0);
    size_t done = decode_whole(codec, wire_span_of(text.data, whole), buffer);
    if (done < whole) {
        *out_bad = done + find_bad(wire_span_of(text.data + done, whole - done));
        return WIRE_BASE64_ERR_CHARACTER;
    }
    if (padding == 0) {
        return 0;
    }
    int error = decode_tail(text.data + whole, 4 - padding, buffer + whole / 4 * 3, out_bad);
    *out_bad += whole;
    return error;
}

ptrdiff_t wire_base64_decode(const struct wire_base64_codec *codec, struct wire_span text,
                             uint8_t *buffer, size_t capacity, size_t *out_bad_offset)
{
    size_t size = wire_base64_decoded_size(text);
    size_t bad = 0;
    int error = size > capacity ? WIRE_BASE64_ERR_CAPACITY : decode(codec, text, buffer, &bad);
    if (error == 0) {
        return (ptrdiff_t)size;
    }
    if (out_bad_offset) {
        *out_bad_offset = bad;
    }
    return error;
}
