/*
 * Fuzzes the line framer. The first byte is the limit, the second seeds the pieces, the rest is the
 * stream: in pieces it gives the lines, and ends with the result, that it gives as a whole; no line
 * is blank, holds a newline or exceeds the limit.
 */
#include <stdlib.h>

#include "wire/line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* The lines that a framer gave, one after the other, a newline behind each; and its last result. */
struct lines {
    uint8_t *data;
    size_t size;
    int result;
};

static void keep(struct lines *lines, struct wire_span line, size_t limit)
{
    CHECK(line.size > 0 && line.size <= limit);
    CHECK(memchr(line.data, '\n', line.size) == NULL);
    memcpy(lines->data + lines->size, line.data, line.size);
    lines->size += line.size;
    lines->data[lines->size++] = '\n';
}

/* Frames a stream in pieces of 1 to most bytes, each in memory of its own. */
static void frame(struct wire_span stream, size_t limit, size_t most, struct lines *out)
{
    struct wire_line framer;
    struct wire_span line;
    wire_line_init(&framer, &(struct wire_line_options){.limit_bytes = limit});
    *out = (struct lines){.data = malloc(stream.size + 2)};
    CHECK(out->data != NULL);
    size_t step = 0;
    for (size_t at = 0; at < stream.size && out->result >= 0; at += step) {
        step = 1 + (step * 7 + at) % most;
        step = step < stream.size - at ? step : stream.size - at;
        uint8_t *piece = malloc(step);
        CHECK(piece != NULL);
        memcpy(piece, stream.data + at, step);
        wire_line_push(&framer, wire_span_of(piece, step));
        while ((out->result = wire_line_next(&framer, &line)) == WIRE_LINE_READY) {
            keep(out, line, limit);
        }
        free(piece);
    }
    out->result = wire_line_finish(&framer, &line);
    if (out->result == WIRE_LINE_READY) {
        keep(out, line, limit);
    }
    wire_line_deinit(&framer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    size_t limit = (size_t)data[0] + 1;
    struct wire_span stream = wire_span_of(data + 2, size - 2);
    struct lines whole;
    struct lines pieces;
    struct lines bytes;
    frame(stream, limit, stream.size + 1, &whole);
    frame(stream, limit, (size_t)data[1] + 1, &pieces);
    frame(stream, limit, 1, &bytes);
    CHECK(whole.result == pieces.result && whole.result == bytes.result);
    CHECK(wire_span_equal(wire_span_of(whole.data, whole.size),
                          wire_span_of(pieces.data, pieces.size)));
    CHECK(wire_span_equal(wire_span_of(whole.data, whole.size),
                          wire_span_of(bytes.data, bytes.size)));
    free(bytes.data);
    free(pieces.data);
    free(whole.data);
    return 0;
}
