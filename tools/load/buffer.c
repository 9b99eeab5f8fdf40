/*
 * The byte queue. Room at the front is won back by moving what waits, but only when that is less
 * than half of the memory: else the queue grows, and moving stays cheap on average.
 */
#include "tools/load/buffer.h"

#include "tools/load/base.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SMALLEST_BYTES = 256 };

void load_buffer_deinit(struct load_buffer *buffer)
{
    free(buffer->data);
    memset(buffer, 0, sizeof *buffer);
}

static void move_to_front(struct load_buffer *buffer)
{
    size_t size_bytes = load_buffer_size(buffer);

    if (size_bytes > 0 && buffer->start > 0)
        memmove(buffer->data, load_buffer_bytes(buffer), size_bytes);
    buffer->start = 0;
    buffer->end = size_bytes;
}

static void grow(struct load_buffer *buffer, size_t needed_bytes)
{
    size_t capacity = buffer->capacity < SMALLEST_BYTES ? SMALLEST_BYTES : buffer->capacity;

    while (capacity < needed_bytes)
        capacity *= 2;
    if (capacity == buffer->capacity)
        return;
    buffer->data = load_realloc(buffer->data, capacity);
    buffer->capacity = capacity;
}

unsigned char *load_buffer_reserve(struct load_buffer *buffer, size_t size_bytes)
{
    if (buffer->capacity - buffer->end < size_bytes) {
        if (load_buffer_size(buffer) <= buffer->capacity / 2)
            move_to_front(buffer);
        grow(buffer, buffer->end + size_bytes);
    }
    return buffer->data + buffer->end;
}

void load_buffer_commit(struct load_buffer *buffer, size_t size_bytes)
{
    assert(size_bytes <= buffer->capacity - buffer->end);
    buffer->end += size_bytes;
}

void load_buffer_consume(struct load_buffer *buffer, size_t size_bytes)
{
    assert(size_bytes <= load_buffer_size(buffer));
    buffer->start += size_bytes;
    if (buffer->start == buffer->end)
        load_buffer_clear(buffer);
}

void load_buffer_clear(struct load_buffer *buffer)
{
    buffer->start = 0;
    buffer->end = 0;
}

void load_buffer_append(struct load_buffer *buffer, const void *bytes, size_t size_bytes)
{
    if (size_bytes == 0)
        return;
    memcpy(load_buffer_reserve(buffer, size_bytes), bytes, size_bytes);
    buffer->end += size_bytes;
}

void load_buffer_text(struct load_buffer *buffer, const char *text)
{
    load_buffer_append(buffer, text, strlen(text));
}

void load_buffer_format(struct load_buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_list again;
    int length;

    va_start(arguments, format);
    va_copy(again, arguments);
    length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    assert(length >= 0);
    vsnprintf((char *)load_buffer_reserve(buffer, (size_t)length + 1), (size_t)length + 1, format,
              again);
    va_end(again);
    buffer->end += (size_t)length;
}

const char *load_buffer_string(struct load_buffer *buffer)
{
    *load_buffer_reserve(buffer, 1) = '\0';
    return (const char *)load_buffer_bytes(buffer);
}
