/*
 * file: URIs and absolute paths. Decoding goes from left to right in place and never overtakes
 * itself, because no character decodes to more than it took.
 */
#include "wire/msg_path.h"

#include "wire/http_grammar.h"
#include "wire/utf8.h"

#include <assert.h>

/* By the error's number without its sign. */
static const char *const error_texts[] = {
    "no error",
    "must be an absolute path or a file: URI",
    "must not name another host",
    "holds a percent sign without two hex digits",
    "must not encode NUL or a path separator",
    "must not have a query or fragment",
    "is not UTF-8 once decoded",
    "does not fit as a URI",
    "is a Windows path, and this server runs on another system",
};

const char *wire_msg_path_error_text(int error)
{
    assert(error <= 0 && (size_t)-error < sizeof error_texts / sizeof error_texts[0]);
    return error_texts[-error];
}

static struct wire_span behind(struct wire_span text, size_t size)
{
    return wire_span_of(text.data + size, text.size - size);
}

static bool starts_with(struct wire_span text, const char *word)
{
    size_t size = strlen(word);
    return text.size >= size && wire_http_equal_nocase(wire_span_of(text.data, size), word);
}

static bool is_separator(uint8_t c)
{
    return c == '/' || c == '\\';
}

/* "C:" and a separator. */
static bool has_drive(struct wire_span path)
{
    return path.size >= 3 && wire_http_is_alpha(path.data[0]) && path.data[1] == ':' &&
           is_separator(path.data[2]);
}

static bool is_absolute(struct wire_span path, enum wire_msg_path_style style)
{
    if (style == WIRE_MSG_PATH_POSIX) {
        return path.size > 0 && path.data[0] == '/';
    }
    bool is_share = path.size > 2 && path.data[0] == '\\' && path.data[1] == '\\';
    return is_share || has_drive(path);
}

/* "C:\\x", "C:/x", "\\\\server\\x", or what file:///C:/x decodes to. */
static bool is_of_windows(struct wire_span path, bool from_uri)
{
    if (from_uri) {
        bool has_letter = path.size >= 3 && path.data[0] == '/' &&
                          wire_http_is_alpha(path.data[1]) && path.data[2] == ':';
        return has_letter && (path.size == 3 || path.data[3] == '/');
    }
    return has_drive(path) || (path.size > 2 && path.data[0] == '\\' && path.data[1] == '\\');
}

/* What stands behind "file:" and a host that is this one; the result begins with a slash. */
static int skip_authority(struct wire_span uri, struct wire_span *out_path)
{
    struct wire_span rest = behind(uri, sizeof "file:" - 1);
    if (starts_with(rest, "//")) {
        rest = behind(rest, 2);
        const uint8_t *slash = rest.size > 0 ? memchr(rest.data, '/', rest.size) : NULL;
        size_t size = slash ? (size_t)(slash - rest.data) : rest.size;
        struct wire_span host = wire_span_of(rest.data, size);
        if (size > 0 && !wire_http_equal_nocase(host, "localhost")) {
            return WIRE_MSG_PATH_ERR_HOST;
        }
        rest = behind(rest, size);
    }
    if (!starts_with(rest, "/")) {
        return WIRE_MSG_PATH_ERR_RELATIVE;
    }
    *out_path = rest;
    return 0;
}

static uint8_t hex_value(uint8_t c)
{
    return wire_http_is_digit(c) ? (uint8_t)(c - '0') : (uint8_t)(wire_http_lower(c) - 'a' + 10);
}

/* One byte of a URI's path, percent-decoded. Returns how many bytes it took, or an error. */
static int decode_byte(struct wire_span rest, enum wire_msg_path_style style, uint8_t *out_byte)
{
    uint8_t c = rest.data[0];
    if (c == '?' || c == '#') {
        return WIRE_MSG_PATH_ERR_SUFFIX;
    }
    if (c != '%') {
        *out_byte = style == WIRE_MSG_PATH_WINDOWS && c == '/' ? '\\' : c;
        return 1;
    }
    if (rest.size < 3 || !wire_http_is_hex(rest.data[1]) || !wire_http_is_hex(rest.data[2])) {
        return WIRE_MSG_PATH_ERR_PERCENT;
    }
    c = (uint8_t)(hex_value(rest.data[1]) << 4 | hex_value(rest.data[2]));
    if (c == 0 || c == '/' || (style == WIRE_MSG_PATH_WINDOWS && c == '\\')) {
        return WIRE_MSG_PATH_ERR_ENCODED;
    }
    *out_byte = c;
    return 3;
}

static ptrdiff_t decode_uri(uint8_t *text, size_t size, enum wire_msg_path_style style)
{
    struct wire_span rest;
    size_t done = 0;
    int error = skip_authority(wire_span_of(text, size), &rest);
    if (error) {
        return error;
    }
    if (style == WIRE_MSG_PATH_WINDOWS) {
        rest = behind(rest, 1); /* file:///C:/x is C:\x */
    }
    while (rest.size > 0) {
        int step = decode_byte(rest, style, &text[done]);
        if (step < 0) {
            return step;
        }
        done++;
        rest = behind(rest, (size_t)step);
    }
    return (ptrdiff_t)done;
}

ptrdiff_t wire_msg_path_decode(uint8_t *text, size_t size, enum wire_msg_path_style style)
{
    ptrdiff_t done = (ptrdiff_t)size;
    bool from_uri = starts_with(wire_span_of(text, size), "file:");
    if (from_uri) {
        done = decode_uri(text, size, style);
    }
    if (done < 0) {
        return done;
    }
    struct wire_span path = wire_span_of(text, (size_t)done);
    if (style == WIRE_MSG_PATH_POSIX && is_of_windows(path, from_uri)) {
        return WIRE_MSG_PATH_ERR_WINDOWS;
    }
    if (!is_absolute(path, style)) {
        return WIRE_MSG_PATH_ERR_RELATIVE;
    }
    if (style == WIRE_MSG_PATH_WINDOWS && !wire_utf8_check(path)) {
        return WIRE_MSG_PATH_ERR_UTF8;
    }
    return done;
}

/* What most bytes of paths are, and stays as it is in a URI. */
static bool is_usual(uint8_t c)
{
    uint8_t letter = c | 0x20;
    return (letter >= 'a' && letter <= 'z') || (c >= '-' && c <= '9') || c == '_';
}

/* Writes one byte of a path, encoded if need be; returns how many characters that took. */
static size_t encode_byte(uint8_t c, enum wire_msg_path_style style, char out[3])
{
    static const char digits[] = "0123456789ABCDEF";
    if (style == WIRE_MSG_PATH_WINDOWS && c == '\\') {
        c = '/';
    }
    if (c != '?' && wire_http_is_target(c)) {
        out[0] = (char)c;
        return 1;
    }
    out[0] = '%';
    out[1] = digits[c >> 4];
    out[2] = digits[c & 0xF];
    return 3;
}

ptrdiff_t wire_msg_path_to_uri(struct wire_span path, enum wire_msg_path_style style, char *out,
                               size_t capacity)
{
    const char *scheme = style == WIRE_MSG_PATH_POSIX ? "file://" : "file:///";
    size_t size = strlen(scheme);
    bool is_local = style == WIRE_MSG_PATH_POSIX ? is_absolute(path, style) : has_drive(path);
    if (!is_local) {
        return WIRE_MSG_PATH_ERR_RELATIVE;
    }
    if (capacity <= size) {
        return WIRE_MSG_PATH_ERR_CAPACITY;
    }
    memcpy(out, scheme, size);
    for (size_t i = 0; i < path.size; i++) {
        char text[3];
        if (is_usual(path.data[i]) && capacity - size > 1) {
            out[size++] = (char)path.data[i];
            continue;
        }
        size_t step = encode_byte(path.data[i], style, text);
        if (capacity - size <= step) {
            return WIRE_MSG_PATH_ERR_CAPACITY;
        }
        memcpy(out + size, text, step);
        size += step;
    }
    out[size] = 0;
    return (ptrdiff_t)size;
}
