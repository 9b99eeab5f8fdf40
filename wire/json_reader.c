/*
 * The pull reader: one small state (what may come next) and one bit for each open container.
 *
 * Every call reads one token. White space, commas and colons belong to the call that needs what
 * stands behind them; a key is reported once its colon was seen. Numbers and literals are checked
 * here, strings in json_string.c, names in json_names.c. Knows no message; the caller's thread.
 */
#include "wire/json_reader.h"

#include <assert.h>

#include "wire/json_names.h"
#include "wire/json_scan.h"
#include "wire/json_string.h"

/* What may come next. */
enum expect {
    EXPECT_VALUE,         /* behind a colon, and at the start */
    EXPECT_FIRST_ELEMENT, /* a value or ] */
    EXPECT_FIRST_NAME,    /* a name or } */
    EXPECT_NEXT,          /* behind a value: comma, closing bracket or the document's end */
};

void wire_json_scratch_init(struct wire_json_scratch *scratch, void *memory, size_t size_bytes,
                            uint64_t seed)
{
    size_t capacity = size_bytes / WIRE_JSON_SCRATCH_BYTES(1);
    assert(capacity > 0 && (uintptr_t)memory % sizeof(uint32_t) == 0);
    if (capacity > WIRE_JSON_MEMBERS_MAX) {
        capacity = WIRE_JSON_MEMBERS_MAX;
    }
    *scratch =
        (struct wire_json_scratch){.names = memory,
                                   .buckets = (void *)((struct wire_json_name *)memory + capacity),
                                   .capacity = (uint32_t)capacity,
                                   .seed = seed};
}

static int fail(struct wire_json_reader *reader, int error, size_t offset)
{
    reader->error = (int16_t)error;
    reader->error_offset = offset;
    return error;
}

/* The limits with the defaults filled in and bounded by what reader and scratch can do. */
static struct wire_json_limits resolve_limits(const struct wire_json_limits *limits,
                                              const struct wire_json_scratch *scratch)
{
    struct wire_json_limits all = limits ? *limits : (struct wire_json_limits){0};
    all.total_bytes = all.total_bytes ? all.total_bytes : WIRE_JSON_TOTAL_DEFAULT;
    all.string_bytes = all.string_bytes ? all.string_bytes : WIRE_JSON_STRING_DEFAULT;
    all.depth = all.depth ? all.depth : WIRE_JSON_DEPTH_DEFAULT;
    all.members = all.members ? all.members : WIRE_JSON_MEMBERS_DEFAULT;
    if (all.members > scratch->capacity) {
        all.members = scratch->capacity;
    }
    assert(all.total_bytes <= UINT32_MAX && all.depth <= WIRE_JSON_DEPTH_DEFAULT);
    return all;
}

void wire_json_reader_init(struct wire_json_reader *reader, struct wire_span document,
                           struct wire_json_scratch *scratch, const struct wire_json_limits *limits)
{
    reader->data = document.data;
    reader->size = document.size;
    reader->at = 0;
    reader->limits = resolve_limits(limits, scratch);
    reader->scratch = scratch;
    reader->error_offset = 0;
    reader->objects = 0;
    reader->indexed = 0;
    reader->depth = 0;
    reader->names = 0;
    reader->buckets = 0;
    reader->error = WIRE_JSON_OK;
    reader->expect = EXPECT_VALUE;
    if (document.size > reader->limits.total_bytes) {
        fail(reader, WIRE_JSON_ERR_TOTAL, reader->limits.total_bytes);
    }
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Skips white space. The byte that follows, or -1 at the end of the input. */
static inline int peek(struct wire_json_reader *reader)
{
    while (reader->at < reader->size) {
        uint8_t c = reader->data[reader->at];
        if (c > ' ' || !is_space(c)) {
            return c;
        }
        reader->at++;
    }
    return -1;
}

/* Fails because of the byte at the reader's place: the end of the input, or error. */
static int fail_here(struct wire_json_reader *reader, int error)
{
    bool at_end = reader->at == reader->size;
    return fail(reader, at_end ? WIRE_JSON_ERR_TRUNCATED : error, reader->at);
}

/* Gives the token of size bytes at the reader's place and moves behind it. */
static inline int give(struct wire_json_reader *reader, enum wire_json_event event, size_t size,
                       struct wire_json_token *out)
{
    out->text = wire_span_of(reader->data + reader->at, size);
    out->event = (uint8_t)event;
    out->has_escapes = false;
    out->has_nul = false;
    reader->at += size;
    return (int)event;
}

static bool in_object(const struct wire_json_reader *reader)
{
    return reader->objects >> (reader->depth - 1) & 1;
}

static int open_container(struct wire_json_reader *reader, bool is_object,
                          struct wire_json_token *out)
{
    if (reader->depth == reader->limits.depth) {
        return fail(reader, WIRE_JSON_ERR_DEPTH, reader->at);
    }
    uint64_t bit = UINT64_C(1) << reader->depth;
    reader->objects = is_object ? reader->objects | bit : reader->objects & ~bit;
    reader->first_name[reader->depth++] = (uint16_t)reader->names;
    reader->expect = is_object ? EXPECT_FIRST_NAME : EXPECT_FIRST_ELEMENT;
    return give(reader, is_object ? WIRE_JSON_OBJECT_BEGIN : WIRE_JSON_ARRAY_BEGIN, 1, out);
}

static int close_container(struct wire_json_reader *reader, struct wire_json_token *out)
{
    bool is_object = in_object(reader);
    if (is_object) {
        wire_json_names_forget(reader);
    }
    reader->depth--;
    reader->expect = EXPECT_NEXT;
    return give(reader, is_object ? WIRE_JSON_OBJECT_END : WIRE_JSON_ARRAY_END, 1, out);
}

/* Gives the string at the reader's place; the flags are the caller's to set. */
static inline int give_string(struct wire_json_reader *reader, enum wire_json_event event,
                              struct wire_span text, struct wire_json_token *out)
{
    if (text.size > reader->limits.string_bytes) {
        return fail(reader, WIRE_JSON_ERR_STRING, reader->at);
    }
    out->text = text;
    out->event = (uint8_t)event;
    reader->at += text.size + 2;
    return (int)event;
}

/* As read_string, for a string that is not plain up to its closing quote, but up to stop. */
static int read_rest(struct wire_json_reader *reader, enum wire_json_event event, size_t stop,
                     struct wire_json_token *out)
{
    struct wire_json_scanned scanned;
    int error =
        wire_json_string_scan(wire_span_of(reader->data + stop, reader->size - stop), &scanned);
    if (error) {
        bool is_cut = error == WIRE_JSON_ERR_TRUNCATED;
        return fail(reader, error, is_cut ? reader->size : stop + scanned.end);
    }
    size_t start = reader->at + 1;
    struct wire_span text = wire_span_of(reader->data + start, stop + scanned.end - start);
    int result = give_string(reader, event, text, out);
    if (result > 0) {
        out->has_escapes = scanned.has_escapes;
        out->has_nul = scanned.has_nul;
    }
    return result;
}

/* Reads the string at the reader's place, a quote, and moves behind its closing quote. */
static int read_string(struct wire_json_reader *reader, enum wire_json_event event,
                       struct wire_json_token *out)
{
    const uint8_t *start = reader->data + reader->at + 1;
    size_t room = reader->size - reader->at - 1;
    size_t plain = wire_json_scan_plain(start, room);
    if (plain == room || start[plain] != '"') {
        return read_rest(reader, event, reader->at + 1 + plain, out);
    }
    int result = give_string(reader, event, wire_span_of(start, plain), out);
    if (result > 0) {
        out->has_escapes = false;
        out->has_nul = false;
    }
    return result;
}

/* Reads a member's name and the colon behind it. */
static int read_name(struct wire_json_reader *reader, struct wire_json_token *out)
{
    if (peek(reader) != '"') {
        return fail_here(reader, WIRE_JSON_ERR_NAME);
    }
    int event = read_string(reader, WIRE_JSON_KEY, out);
    if (event < 0) {
        return event;
    }
    int error = wire_json_names_add(
        reader, (struct wire_json_name_text){.text = out->text, .has_escapes = out->has_escapes});
    if (error) {
        return fail(reader, error, (size_t)(out->text.data - reader->data) - 1);
    }
    if (peek(reader) != ':') {
        return fail_here(reader, WIRE_JSON_ERR_COLON);
    }
    reader->at++;
    reader->expect = EXPECT_VALUE;
    return event;
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* Moves *at over one digit or more. False if there is none. */
static bool scan_digits(const struct wire_json_reader *reader, size_t *at)
{
    size_t start = *at;
    while (*at < reader->size && is_digit(reader->data[*at])) {
        ++*at;
    }
    return *at > start;
}

/* Moves *at over the integer part: 0, or digits that do not begin with 0. */
static bool scan_integer(const struct wire_json_reader *reader, size_t *at)
{
    size_t start = *at;
    if (!scan_digits(reader, at)) {
        return false;
    }
    bool leading_zero = reader->data[start] == '0' && *at - start > 1;
    if (leading_zero) {
        *at = start + 1;
    }
    return !leading_zero;
}

static bool byte_at(const struct wire_json_reader *reader, size_t at, uint8_t c)
{
    return at < reader->size && reader->data[at] == c;
}

/* Moves *at over a whole number; false leaves it at the byte that is wrong. */
static bool scan_number(const struct wire_json_reader *reader, size_t *at)
{
    *at += byte_at(reader, *at, '-');
    if (!scan_integer(reader, at)) {
        return false;
    }
    if (byte_at(reader, *at, '.')) {
        ++*at;
        if (!scan_digits(reader, at)) {
            return false;
        }
    }
    if (byte_at(reader, *at, 'e') || byte_at(reader, *at, 'E')) {
        ++*at;
        *at += byte_at(reader, *at, '+') || byte_at(reader, *at, '-');
        return scan_digits(reader, at);
    }
    return true;
}

static int read_number(struct wire_json_reader *reader, struct wire_json_token *out)
{
    size_t end = reader->at;
    if (!scan_number(reader, &end)) {
        reader->at = end;
        return fail_here(reader, WIRE_JSON_ERR_NUMBER);
    }
    return give(reader, WIRE_JSON_NUMBER, end - reader->at, out);
}

/* Fails at the first byte that is not the literal's. */
static int fail_literal(struct wire_json_reader *reader, struct wire_span literal)
{
    for (size_t i = 0; byte_at(reader, reader->at, literal.data[i]); i++) {
        reader->at++;
    }
    return fail_here(reader, WIRE_JSON_ERR_VALUE);
}

static int read_literal(struct wire_json_reader *reader, enum wire_json_event event,
                        struct wire_span literal, struct wire_json_token *out)
{
    if (reader->size - reader->at < literal.size ||
        memcmp(reader->data + reader->at, literal.data, literal.size) != 0) {
        return fail_literal(reader, literal);
    }
    return give(reader, event, literal.size, out);
}

static int read_value(struct wire_json_reader *reader, struct wire_json_token *out)
{
    int c = peek(reader);
    reader->expect = EXPECT_NEXT;
    switch (c) {
    case '{':
        return open_container(reader, true, out);
    case '[':
        return open_container(reader, false, out);
    case '"':
        return read_string(reader, WIRE_JSON_STRING, out);
    case 't':
        return read_literal(reader, WIRE_JSON_TRUE, wire_span_text("true"), out);
    case 'f':
        return read_literal(reader, WIRE_JSON_FALSE, wire_span_text("false"), out);
    case 'n':
        return read_literal(reader, WIRE_JSON_NULL, wire_span_text("null"), out);
    default:
        if (c == '-' || (c >= '0' && c <= '9')) {
            return read_number(reader, out);
        }
        return fail_here(reader, WIRE_JSON_ERR_VALUE);
    }
}

/* Behind a value: what the container, or the document, allows there. */
static int read_next(struct wire_json_reader *reader, struct wire_json_token *out)
{
    int c = peek(reader);
    if (reader->depth == 0) {
        return c < 0 ? give(reader, WIRE_JSON_END, 0, out)
                     : fail(reader, WIRE_JSON_ERR_TRAILING, reader->at);
    }
    bool is_object = in_object(reader);
    if (c == ',') {
        reader->at++;
        return is_object ? read_name(reader, out) : read_value(reader, out);
    }
    if (c == (is_object ? '}' : ']')) {
        return close_container(reader, out);
    }
    return fail_here(reader, WIRE_JSON_ERR_COMMA);
}

int wire_json_reader_next(struct wire_json_reader *reader, struct wire_json_token *out_token)
{
    if (reader->error) {
        return reader->error;
    }
    switch ((enum expect)reader->expect) {
    case EXPECT_VALUE:
        return read_value(reader, out_token);
    case EXPECT_FIRST_ELEMENT:
        return peek(reader) == ']' ? close_container(reader, out_token)
                                   : read_value(reader, out_token);
    case EXPECT_FIRST_NAME:
        return peek(reader) == '}' ? close_container(reader, out_token)
                                   : read_name(reader, out_token);
    case EXPECT_NEXT:
        return read_next(reader, out_token);
    }
    assert(false);
    return WIRE_JSON_ERR_VALUE;
}

/* Reads on until only depth containers are open. */
static int read_down_to(struct wire_json_reader *reader, uint32_t depth)
{
    struct wire_json_token token;
    while (reader->depth > depth) {
        int event = wire_json_reader_next(reader, &token);
        if (event < 0) {
            return event;
        }
    }
    return 0;
}

static bool is_begin(const struct wire_json_token *token)
{
    return token->event == WIRE_JSON_OBJECT_BEGIN || token->event == WIRE_JSON_ARRAY_BEGIN;
}

int wire_json_reader_skip(struct wire_json_reader *reader, const struct wire_json_token *token)
{
    struct wire_span ignored;
    return wire_json_reader_raw(reader, token, &ignored);
}

int wire_json_reader_raw(struct wire_json_reader *reader, const struct wire_json_token *token,
                         struct wire_span *out_value)
{
    struct wire_json_token first = *token;
    if (token->event == WIRE_JSON_KEY) {
        int event = wire_json_reader_next(reader, &first);
        if (event < 0) {
            return event;
        }
    }
    size_t quote = first.event == WIRE_JSON_STRING;
    const uint8_t *start = first.text.data - quote;
    if (is_begin(&first)) {
        int error = read_down_to(reader, reader->depth - 1);
        if (error) {
            return error;
        }
    }
    *out_value = wire_span_of(start, (size_t)(reader->data + reader->at - start));
    return 0;
}
