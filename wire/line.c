/*
 * The line framer. Each byte of input is looked at once, by memchr; only the part of a line that
 * the end of a piece cuts is copied, into a buffer that doubles as it grows.
 *
 * The buffer holds a line's beginning, or (buffer_is_given) the line given last, until the next
 * call. Behind a line larger than the kept size it is freed, so that one big request does not cost
 * an idle connection its memory. Knows no message; the caller's thread.
 */
#include "wire/line.h"

#include <assert.h>

void wire_line_init(struct wire_line *framer, const struct wire_line_options *options)
{
    *framer = (struct wire_line){0};
    if (options) {
        framer->options = *options;
    }
    if (framer->options.limit_bytes == 0) {
        framer->options.limit_bytes = WIRE_LINE_LIMIT_DEFAULT;
    }
}

static void free_buffer(struct wire_line *framer)
{
    if (framer->buffer) {
        wire_alloc_resize(framer->options.alloc, framer->buffer, 0);
    }
    framer->buffer = NULL;
    framer->capacity = 0;
    framer->size = 0;
}

void wire_line_deinit(struct wire_line *framer)
{
    free_buffer(framer);
    framer->input = wire_span_of(NULL, 0);
}

void wire_line_push(struct wire_line *framer, struct wire_span piece)
{
    assert(framer->input.size == 0);
    if (framer->error == 0) {
        framer->input = piece;
    }
}

static int fail(struct wire_line *framer, enum wire_line_result error)
{
    free_buffer(framer);
    framer->input = wire_span_of(NULL, 0);
    framer->error = (int8_t)error;
    return error;
}

/* Takes back the line that was given last, if it was the buffer. */
static void take_back(struct wire_line *framer)
{
    if (!framer->buffer_is_given) {
        return;
    }
    framer->buffer_is_given = false;
    framer->size = 0;
    if (framer->capacity > WIRE_LINE_KEEP_BYTES) {
        free_buffer(framer);
    }
}

/* Makes room for needed bytes, which are within the limit. */
static bool grow(struct wire_line *framer, size_t needed)
{
    size_t limit = framer->options.limit_bytes;
    size_t capacity = framer->capacity > limit / 2 ? limit : framer->capacity * 2;
    capacity = capacity < WIRE_LINE_KEEP_BYTES ? WIRE_LINE_KEEP_BYTES : capacity;
    capacity = capacity < needed ? needed : capacity;
    uint8_t *buffer = wire_alloc_resize(framer->options.alloc, framer->buffer, capacity);
    if (!buffer) {
        return false;
    }
    framer->buffer = buffer;
    framer->capacity = capacity;
    return true;
}

static bool append(struct wire_line *framer, struct wire_span part)
{
    size_t needed = framer->size + part.size;
    if (needed > framer->capacity && !grow(framer, needed)) {
        return false;
    }
    if (part.size > 0) {
        memcpy(framer->buffer + framer->size, part.data, part.size);
    }
    framer->size = needed;
    return true;
}

/* The line without the "\r" at its end; empty if it is blank. */
static struct wire_span trim(struct wire_span line)
{
    if (line.size > 0 && line.data[line.size - 1] == '\r') {
        line.size--;
    }
    for (size_t i = 0; i < line.size; i++) {
        if (line.data[i] != ' ' && line.data[i] != '\t' && line.data[i] != '\r') {
            return line;
        }
    }
    return wire_span_of(line.data, 0);
}

/* Gives the line whose last part is part: part itself, or the buffer with part behind it. */
static int complete(struct wire_line *framer, struct wire_span part, struct wire_span *out_line)
{
    if (framer->size > 0) {
        if (!append(framer, part)) {
            return fail(framer, WIRE_LINE_ERR_NO_MEMORY);
        }
        framer->buffer_is_given = true;
        part = wire_span_of(framer->buffer, framer->size);
    }
    struct wire_span line = trim(part);
    if (line.size == 0) {
        take_back(framer);
        return WIRE_LINE_MORE;
    }
    *out_line = line;
    return WIRE_LINE_READY;
}

/* Uses the input up to the next "\n" or its end. A blank line is WIRE_LINE_MORE too. */
static int use_part(struct wire_line *framer, struct wire_span *out_line)
{
    struct wire_span input = framer->input;
    const uint8_t *newline = memchr(input.data, '\n', input.size);
    struct wire_span part =
        wire_span_of(input.data, newline ? (size_t)(newline - input.data) : input.size);
    if (part.size > framer->options.limit_bytes - framer->size) {
        return fail(framer, WIRE_LINE_ERR_TOO_LONG);
    }
    size_t used = part.size + (newline != NULL);
    framer->input = wire_span_of(input.data + used, input.size - used);
    if (newline) {
        return complete(framer, part, out_line);
    }
    return append(framer, part) ? WIRE_LINE_MORE : fail(framer, WIRE_LINE_ERR_NO_MEMORY);
}

int wire_line_next(struct wire_line *framer, struct wire_span *out_line)
{
    take_back(framer);
    int result = framer->error;
    while (result == WIRE_LINE_MORE && framer->input.size > 0) {
        result = use_part(framer, out_line);
    }
    return result;
}

int wire_line_finish(struct wire_line *framer, struct wire_span *out_line)
{
    take_back(framer);
    if (framer->error) {
        return framer->error;
    }
    assert(framer->input.size == 0);
    return framer->size > 0 ? complete(framer, wire_span_of(NULL, 0), out_line) : WIRE_LINE_MORE;
}
