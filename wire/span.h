/*
 * What every codec of this folder takes and gives: a span of bytes that somebody else owns, and
 * the hook through which the few codecs that must keep bytes get their memory.
 *
 * A span never owns. Each function that gives one says how long its bytes stay valid; a span into
 * the caller's input lives as long as that input. data may be NULL when size is 0.
 */
#ifndef WIRE_SPAN_H
#define WIRE_SPAN_H

#include "wire/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct wire_span {
    const uint8_t *data;
    size_t size;
};

/*
 * Memory for the codecs that keep bytes between calls. resize works like realloc and may return
 * NULL, the old block then stays valid; with size_bytes 0 it frees memory (which may be NULL) and
 * returns NULL. Called on the thread that calls the codec.
 */
struct wire_alloc {
    void *(*resize)(void *context, void *memory, size_t size_bytes);
    void *context;
};

static inline struct wire_span wire_span_of(const void *data, size_t size)
{
    struct wire_span span = {.data = data, .size = size};
    return span;
}

/* The bytes of a C string without its NUL. */
static inline struct wire_span wire_span_text(const char *text)
{
    return wire_span_of(text, strlen(text));
}

static inline bool wire_span_equal(struct wire_span left, struct wire_span right)
{
    return left.size == right.size &&
           (left.size == 0 || memcmp(left.data, right.data, left.size) == 0);
}

/* Resizes through alloc, or through the C heap when alloc is NULL; see struct wire_alloc. */
static inline void *wire_alloc_resize(const struct wire_alloc *alloc, void *memory,
                                      size_t size_bytes)
{
    if (alloc) {
        return alloc->resize(alloc->context, memory, size_bytes);
    }
    if (size_bytes == 0) {
        free(memory);
        return NULL;
    }
    return realloc(memory, size_bytes);
}

#endif
