/*
 * A growable queue of bytes: appended at the end, consumed from the front. What has been consumed
 * is reused when more room is needed, so a connection's buffer stays as large as its largest
 * backlog. Positions into it are invalid after the next reserve or append.
 */
#ifndef EXECPORT_TOOLS_LOAD_BUFFER_H
#define EXECPORT_TOOLS_LOAD_BUFFER_H

#include <stddef.h>

struct load_buffer {
    unsigned char *data; /* NULL until the first reserve */
    size_t start;        /* first byte not yet consumed */
    size_t end;          /* behind the last byte */
    size_t capacity;
};

/* The bytes that wait: their address and number. */
static inline unsigned char *load_buffer_bytes(const struct load_buffer *buffer)
{
    return buffer->data + buffer->start;
}

static inline size_t load_buffer_size(const struct load_buffer *buffer)
{
    return buffer->end - buffer->start;
}

/* Frees the memory and leaves an empty buffer. A zeroed struct is an empty buffer. */
void load_buffer_deinit(struct load_buffer *buffer);

/* Makes room for size_bytes behind the end and returns its address; load_buffer_commit() takes. */
unsigned char *load_buffer_reserve(struct load_buffer *buffer, size_t size_bytes);

/* Declares size_bytes of the reserved room filled. */
void load_buffer_commit(struct load_buffer *buffer, size_t size_bytes);

/* Drops size_bytes from the front; there must be as many. */
void load_buffer_consume(struct load_buffer *buffer, size_t size_bytes);

/* Drops everything and keeps the memory. */
void load_buffer_clear(struct load_buffer *buffer);

/* Appends a copy of the bytes. */
void load_buffer_append(struct load_buffer *buffer, const void *bytes, size_t size_bytes);

/* Appends a text without its NUL. */
void load_buffer_text(struct load_buffer *buffer, const char *text);

/* Appends formatted text without its NUL. */
void load_buffer_format(struct load_buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Appends a NUL that does not count and returns the content as a text. */
const char *load_buffer_string(struct load_buffer *buffer);

#endif
