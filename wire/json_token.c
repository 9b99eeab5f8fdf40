/*
 * Tokens into values: decoded strings, comparisons, exact integers, booleans; and the words for
 * every error.
 *
 * The reader has checked each token's grammar, so the functions here only convert. Owns nothing;
 * any thread.
 */
#include "wire/json_token.h"

#include <assert.h>

#include "wire/json_string.h"

const char *wire_json_error_text(int error)
{
    switch (error) {
    case WIRE_JSON_OK:
        return "no error";
    case WIRE_JSON_ERR_TRUNCATED:
        return "unexpected end of input";
    case WIRE_JSON_ERR_VALUE:
        return "expected a value";
    case WIRE_JSON_ERR_NAME:
        return "expected a member name";
    case WIRE_JSON_ERR_COLON:
        return "expected a colon";
    case WIRE_JSON_ERR_COMMA:
        return "expected a comma or a closing bracket";
    case WIRE_JSON_ERR_TRAILING:
        return "unexpected data behind the document";
    case WIRE_JSON_ERR_NUMBER:
        return "malformed number";
    case WIRE_JSON_ERR_CONTROL:
        return "control character in a string";
    case WIRE_JSON_ERR_ESCAPE:
        return "malformed escape in a string";
    case WIRE_JSON_ERR_SURROGATE:
        return "lone surrogate in a string";
    case WIRE_JSON_ERR_UTF8:
        return "invalid UTF-8 in a string";
    case WIRE_JSON_ERR_DUPLICATE:
        return "duplicate member name";
    case WIRE_JSON_ERR_DEPTH:
        return "nested too deeply";
    case WIRE_JSON_ERR_MEMBERS:
        return "too many members";
    case WIRE_JSON_ERR_STRING:
        return "string too long";
    case WIRE_JSON_ERR_TOTAL:
        return "document too long";
    case WIRE_JSON_ERR_TYPE:
        return "value of the wrong type";
    case WIRE_JSON_ERR_INTEGER:
        return "number is not an integer";
    case WIRE_JSON_ERR_RANGE:
        return "number out of range";
    case WIRE_JSON_ERR_CAPACITY:
        return "buffer too small";
    case WIRE_JSON_ERR_TEXT:
        return "text is not UTF-8";
    default:
        return "unknown error";
    }
}

static bool is_text(const struct wire_json_token *token)
{
    return token->event == WIRE_JSON_KEY || token->event == WIRE_JSON_STRING;
}

int wire_json_token_string(const struct wire_json_token *token, uint8_t *buffer, size_t capacity,
                           struct wire_span *out_text)
{
    if (!is_text(token)) {
        return WIRE_JSON_ERR_TYPE;
    }
    if (!token->has_escapes) {
        *out_text = token->text;
        return 0;
    }
    ptrdiff_t size = wire_json_string_decode(token->text, buffer, capacity);
    if (size < 0) {
        return (int)size;
    }
    *out_text = wire_span_of(buffer, (size_t)size);
    return 0;
}

/* Copies the bytes before the next backslash; they may overlap when a text is decoded in place. */
static size_t copy_plain(struct wire_span text, uint8_t *out, size_t room)
{
    const uint8_t *backslash = memchr(text.data, '\\', text.size);
    size_t size = backslash ? (size_t)(backslash - text.data) : text.size;
    if (size <= room) {
        memmove(out, text.data, size);
    }
    return size;
}

ptrdiff_t wire_json_string_decode(struct wire_span text, uint8_t *buffer, size_t capacity)
{
    size_t at = 0;
    size_t size = 0;
    while (at < text.size) {
        uint8_t utf8[4];
        size_t used;
        size_t count;
        if (text.data[at] == '\\') {
            assert(text.size - at >= 2);
            count = wire_json_escape_decode(text.data + at, utf8, &used);
            if (count <= capacity - size) {
                memcpy(buffer + size, utf8, count);
            }
        } else {
            used = copy_plain(wire_span_of(text.data + at, text.size - at), buffer + size,
                              capacity - size);
            count = used;
        }
        if (count > capacity - size) {
            return WIRE_JSON_ERR_CAPACITY;
        }
        at += used;
        size += count;
    }
    return (ptrdiff_t)size;
}

bool wire_json_string_equal(struct wire_span left, struct wire_span right)
{
    if (wire_span_equal(left, right)) {
        return true;
    }
    struct wire_json_bytes a = wire_json_bytes_of(left);
    struct wire_json_bytes b = wire_json_bytes_of(right);
    int byte;
    do {
        byte = wire_json_bytes_next(&a);
        if (byte != wire_json_bytes_next(&b)) {
            return false;
        }
    } while (byte >= 0);
    return true;
}

bool wire_json_token_is(const struct wire_json_token *token, const char *name)
{
    if (!is_text(token)) {
        return false;
    }
    struct wire_span wanted = wire_span_text(name);
    if (!token->has_escapes) {
        return wire_span_equal(token->text, wanted);
    }
    struct wire_json_bytes bytes = wire_json_bytes_of(token->text);
    for (size_t i = 0; i < wanted.size; i++) {
        if (wire_json_bytes_next(&bytes) != wanted.data[i]) {
            return false;
        }
    }
    return wire_json_bytes_next(&bytes) < 0;
}

/* An integer as it is written: its sign and its magnitude. */
struct integer {
    uint64_t magnitude;
    bool is_negative;
};

static int parse_integer(const struct wire_json_token *token, struct integer *out)
{
    if (token->event != WIRE_JSON_NUMBER) {
        return WIRE_JSON_ERR_TYPE;
    }
    assert(token->text.size > 0);
    bool is_negative = token->text.data[0] == '-';
    bool overflows = false;
    uint64_t magnitude = 0;
    for (size_t i = is_negative; i < token->text.size; i++) {
        uint8_t c = token->text.data[i];
        if (c < '0' || c > '9') {
            return WIRE_JSON_ERR_INTEGER;
        }
        uint64_t digit = (uint64_t)(c - '0');
        overflows |= magnitude > (UINT64_MAX - digit) / 10;
        magnitude = magnitude * 10 + digit;
    }
    *out = (struct integer){.magnitude = magnitude, .is_negative = is_negative};
    return overflows ? WIRE_JSON_ERR_RANGE : 0;
}

int wire_json_token_int64(const struct wire_json_token *token, int64_t *out_value)
{
    struct integer integer;
    int error = parse_integer(token, &integer);
    if (error) {
        return error;
    }
    if (integer.magnitude > (uint64_t)INT64_MAX + integer.is_negative) {
        return WIRE_JSON_ERR_RANGE;
    }
    /* The bits of -magnitude; the magnitude of INT64_MIN has no int64_t of its own. */
    uint64_t bits = integer.is_negative ? 0 - integer.magnitude : integer.magnitude;
    memcpy(out_value, &bits, sizeof bits);
    return 0;
}

int wire_json_token_uint64(const struct wire_json_token *token, uint64_t *out_value)
{
    struct integer integer;
    int error = parse_integer(token, &integer);
    if (error) {
        return error;
    }
    if (integer.is_negative && integer.magnitude != 0) {
        return WIRE_JSON_ERR_RANGE;
    }
    *out_value = integer.magnitude;
    return 0;
}

int wire_json_token_uint32(const struct wire_json_token *token, uint32_t *out_value)
{
    uint64_t value;
    int error = wire_json_token_uint64(token, &value);
    if (error) {
        return error;
    }
    if (value > UINT32_MAX) {
        return WIRE_JSON_ERR_RANGE;
    }
    *out_value = (uint32_t)value;
    return 0;
}

int wire_json_token_int32(const struct wire_json_token *token, int32_t *out_value)
{
    int64_t value;
    int error = wire_json_token_int64(token, &value);
    if (error) {
        return error;
    }
    if (value < INT32_MIN || value > INT32_MAX) {
        return WIRE_JSON_ERR_RANGE;
    }
    *out_value = (int32_t)value;
    return 0;
}

int wire_json_token_bool(const struct wire_json_token *token, bool *out_value)
{
    if (token->event != WIRE_JSON_TRUE && token->event != WIRE_JSON_FALSE) {
        return WIRE_JSON_ERR_TYPE;
    }
    *out_value = token->event == WIRE_JSON_TRUE;
    return 0;
}
