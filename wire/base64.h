/*
 * Base64 with the standard alphabet and padding (RFC 4648, section 4), one text at a time.
 *
 * Several codecs do the same at different speeds; all give the same bytes and the same errors.
 * wire_base64_best names the fastest that this processor has: ask once and keep the pointer, or
 * ask each time (it costs a test of a few bits). Pure functions; any thread.
 * Decoding is strict: padding is required, white space and line breaks are bad, and so are bits
 * behind the last byte that are not zero, so that one text stands for one value only.
 */
#ifndef WIRE_BASE64_H
#define WIRE_BASE64_H

#include "wire/span.h"

enum wire_base64_error {
    WIRE_BASE64_ERR_CHARACTER = -1, /* outside the alphabet, or padding inside the text */
    WIRE_BASE64_ERR_LENGTH = -2,    /* not a multiple of four characters */
    WIRE_BASE64_ERR_TRAILING = -3,  /* bits that stand for nothing are not zero */
    WIRE_BASE64_ERR_CAPACITY = -4,  /* the buffer is too small */
};

/*
 * One implementation: its name, and the two loops over whole groups. Each does as many groups from
 * the start as it can and returns the bytes of input that it used (a multiple of 3, or of 4); the
 * generic code does the rest. decode_groups stops before the first bad character. Both stay inside
 * [out, out + output of size), and decode_groups may be given out == in.
 */
struct wire_base64_codec {
    const char *name;
    size_t (*encode_groups)(const uint8_t *in, size_t size, uint8_t *out);
    size_t (*decode_groups)(const uint8_t *in, size_t size, uint8_t *out);
};

/* The fastest codec that this processor can run. */
const struct wire_base64_codec *wire_base64_best(void);

/* The index-th codec that this processor can run, slowest first; NULL behind the last. */
const struct wire_base64_codec *wire_base64_codec_at(size_t index);

/* The size of the text for so many bytes; size_bytes at most SIZE_MAX / 2 (asserted). */
static inline size_t wire_base64_encoded_size(size_t size_bytes)
{
    return (size_bytes + 2) / 3 * 4;
}

/* The exact size of what text decodes to if it is valid (0 if it cannot be). */
size_t wire_base64_decoded_size(struct wire_span text);

/*
 * Encodes bytes into out, which must have room for wire_base64_encoded_size(bytes.size) and not
 * overlap them. Returns the size written. No terminating NUL.
 */
size_t wire_base64_encode(const struct wire_base64_codec *codec, struct wire_span bytes,
                          uint8_t *out);

/*
 * Decodes text into buffer of capacity bytes; buffer may be text.data itself, where the text is
 * the caller's to overwrite, but not overlap it otherwise. Returns the decoded size or a negative
 * enum wire_base64_error; then *out_bad_offset (may be NULL) is the offset of the first bad
 * character (text.size for LENGTH, 0 for CAPACITY) and buffer's content is undefined.
 */
WIRE_MUST_CHECK ptrdiff_t wire_base64_decode(const struct wire_base64_codec *codec,
                                             struct wire_span text, uint8_t *buffer,
                                             size_t capacity, size_t *out_bad_offset);

#endif
