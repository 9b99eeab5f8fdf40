/*
 * The inside of JSON strings: where a string ends, whether it is good, and its decoded bytes one
 * after the other.
 *
 * Internal to the JSON reader (json_reader.c, json_names.c, json_token.c). Owns nothing; any
 * thread.
 */
#ifndef WIRE_JSON_STRING_H
#define WIRE_JSON_STRING_H

#include "wire/span.h"

/* What the scan of a string found. */
struct wire_json_scanned {
    size_t end; /* of the closing quote; on error, of the bytes that are bad */
    bool has_escapes;
    bool has_nul;
};

/*
 * Scans the string whose first byte behind the opening quote is text.data[0]; text reaches to the
 * end of the document. Returns 0 or a negative enum wire_json_error; *out is written in both cases.
 */
int wire_json_string_scan(struct wire_span text, struct wire_json_scanned *out);

/* Walks the decoded bytes of a string that was scanned. */
struct wire_json_bytes {
    const uint8_t *at;
    const uint8_t *end;
    uint8_t pending[4]; /* the rest of an escape's UTF-8 */
    uint8_t pending_at;
    uint8_t pending_size;
};

static inline struct wire_json_bytes wire_json_bytes_of(struct wire_span text)
{
    const uint8_t *end = text.size > 0 ? text.data + text.size : text.data;
    return (struct wire_json_bytes){.at = text.data, .end = end};
}

/* The next decoded byte, or -1 behind the last. */
int wire_json_bytes_next(struct wire_json_bytes *bytes);

/*
 * Decodes the escape at data[0] (a backslash, of a string that was scanned). Writes its UTF-8 to
 * out and the escape's own size to *out_used; returns the UTF-8's size.
 */
size_t wire_json_escape_decode(const uint8_t *data, uint8_t out[4], size_t *out_used);

#endif
