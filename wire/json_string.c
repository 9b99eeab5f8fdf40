/*
 * JSON strings: the check of a string while it is scanned (control characters, escapes, surrogate
 * pairs, UTF-8), and the decoding of escapes afterwards, which can rely on that check.
 *
 * The scan tells a string that is cut off by the end of the input from one that is bad wherever a
 * longer input could still make it good. Owns nothing; any thread.
 */
#include "wire/json_string.h"

#include <assert.h>

#include "wire/json_scan.h"
#include "wire/json_token.h"
#include "wire/utf8.h"

/* The value of a hexadecimal digit, -1 for anything else. */
static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    uint8_t lower = c | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The value of the four digits at data, or a negative enum wire_json_error. */
static int hex_quad(const uint8_t *data, size_t size)
{
    int value = 0;
    for (size_t i = 0; i < 4; i++) {
        if (i == size) {
            return WIRE_JSON_ERR_TRUNCATED;
        }
        int digit = hex_digit(data[i]);
        if (digit < 0) {
            return WIRE_JSON_ERR_ESCAPE;
        }
        value = value << 4 | digit;
    }
    return value;
}

static bool is_high_surrogate(int unit)
{
    return unit >= 0xD800 && unit <= 0xDBFF;
}

static bool is_low_surrogate(int unit)
{
    return unit >= 0xDC00 && unit <= 0xDFFF;
}

/* Checks the second half of a pair, which begins at data: \uDC00 to \uDFFF. 12 or an error. */
static int scan_low_surrogate(const uint8_t *data, size_t size)
{
    if (size == 0 || (size == 1 && data[0] == '\\')) {
        return WIRE_JSON_ERR_TRUNCATED;
    }
    if (data[0] != '\\' || data[1] != 'u') {
        return WIRE_JSON_ERR_SURROGATE;
    }
    int unit = hex_quad(data + 2, size - 2);
    if (unit < 0) {
        return unit;
    }
    return is_low_surrogate(unit) ? 12 : WIRE_JSON_ERR_SURROGATE;
}

/* Checks the escape at data[0], a backslash. Returns its size (2, 6 or 12) or an error. */
static int scan_escape(const uint8_t *data, size_t size, bool *has_nul)
{
    if (size < 2) {
        return WIRE_JSON_ERR_TRUNCATED;
    }
    if (data[1] != 'u') {
        bool known = data[1] != 0 && strchr("\"\\/bfnrt", data[1]) != NULL;
        return known ? 2 : WIRE_JSON_ERR_ESCAPE;
    }
    int unit = hex_quad(data + 2, size - 2);
    if (unit < 0) {
        return unit;
    }
    if (is_low_surrogate(unit)) {
        return WIRE_JSON_ERR_SURROGATE;
    }
    if (is_high_surrogate(unit)) {
        return scan_low_surrogate(data + 6, size - 6);
    }
    *has_nul |= unit == 0;
    return 6;
}

/* Moves *at over the sequences beyond ASCII that begin there. Returns 0 or an error. */
static int scan_sequences(struct wire_span text, size_t *at)
{
    size_t i = *at;
    int step = 1;
    while (step > 0 && i < text.size && text.data[i] >= 0x80) {
        step = wire_utf8_step(text.data + i, text.size - i);
        i += step > 0 ? (size_t)step : 0;
    }
    *at = i;
    if (step > 0) {
        return 0;
    }
    return step == 0 ? WIRE_JSON_ERR_TRUNCATED : WIRE_JSON_ERR_UTF8;
}

/* Moves *at over what stopped the scan and is not the closing quote. Returns 0 or an error. */
static int scan_special(struct wire_span text, size_t *at, struct wire_json_scanned *out)
{
    uint8_t c = text.data[*at];
    if (c < 0x20) {
        return WIRE_JSON_ERR_CONTROL;
    }
    if (c != '\\') {
        return scan_sequences(text, at);
    }
    out->has_escapes = true;
    int used = scan_escape(text.data + *at, text.size - *at, &out->has_nul);
    if (used < 0) {
        return used;
    }
    *at += (size_t)used;
    return 0;
}

int wire_json_string_scan(struct wire_span text, struct wire_json_scanned *out)
{
    *out = (struct wire_json_scanned){0};
    size_t at = 0;
    int error = 0;
    while (error == 0) {
        at += wire_json_scan_plain(text.data + at, text.size - at);
        if (at == text.size) {
            error = WIRE_JSON_ERR_TRUNCATED;
        } else if (text.data[at] == '"') {
            break;
        } else {
            error = scan_special(text, &at, out);
        }
    }
    out->end = at;
    return error;
}

/* The character that stands for itself behind a backslash, or for a control character. */
static uint8_t short_escape(uint8_t c)
{
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return c;
    }
}

size_t wire_json_escape_decode(const uint8_t *data, uint8_t out[4], size_t *out_used)
{
    assert(data[0] == '\\');
    if (data[1] != 'u') {
        *out_used = 2;
        out[0] = short_escape(data[1]);
        return 1;
    }
    int unit = hex_quad(data + 2, 4);
    assert(unit >= 0);
    if (!is_high_surrogate(unit)) {
        *out_used = 6;
        return wire_utf8_encode((uint32_t)unit, out);
    }
    int low = hex_quad(data + 8, 4);
    assert(is_low_surrogate(low));
    *out_used = 12;
    return wire_utf8_encode(0x10000 + ((uint32_t)(unit - 0xD800) << 10) + (uint32_t)(low - 0xDC00),
                            out);
}

int wire_json_bytes_next(struct wire_json_bytes *bytes)
{
    if (bytes->pending_at < bytes->pending_size) {
        return bytes->pending[bytes->pending_at++];
    }
    if (bytes->at == bytes->end) {
        return -1;
    }
    if (*bytes->at != '\\') {
        return *bytes->at++;
    }
    size_t used;
    bytes->pending_size = (uint8_t)wire_json_escape_decode(bytes->at, bytes->pending, &used);
    bytes->pending_at = 1;
    bytes->at += used;
    return bytes->pending[0];
}
