/*
 * Case files, growing bytes and a heap that fails when told to. Everything runs on the test's own
 * thread and fails the test where it cannot go on.
 */
#include "tests/wire/support_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/wire/support_file.h"

void support_bytes_add(struct support_bytes *bytes, const void *data, size_t size)
{
    if (bytes->size + size + 1 > bytes->capacity) {
        bytes->capacity = (bytes->size + size + 1) * 2;
        bytes->data = realloc(bytes->data, bytes->capacity);
        assert_non_null(bytes->data);
    }
    if (size > 0) {
        memcpy(bytes->data + bytes->size, data, size);
    }
    bytes->size += size;
    bytes->data[bytes->size] = 0;
}

void support_bytes_format(struct support_bytes *bytes, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    assert_in_range(size, 0, sizeof text - 1);
    support_bytes_add(bytes, text, (size_t)size);
}

void support_bytes_free(struct support_bytes *bytes)
{
    free(bytes->data);
    memset(bytes, 0, sizeof *bytes);
}

const char *support_bytes_text(struct support_bytes *bytes)
{
    support_bytes_add(bytes, "", 0);
    return (const char *)bytes->data;
}

/* One escape behind its backslash; returns how many characters it took. */
static size_t unescape_one(const char *text, size_t size, uint8_t *out)
{
    static const char names[] = "rnt\\";
    static const char values[] = "\r\n\t\\";
    const char *name = size > 0 ? strchr(names, text[0]) : NULL;
    if (name && *name) {
        *out = (uint8_t)values[name - names];
        return 1;
    }
    char digits[3] = {0};
    char *end;
    assert_true(size >= 3 && text[0] == 'x');
    memcpy(digits, text + 1, 2);
    *out = (uint8_t)strtoul(digits, &end, 16);
    assert_ptr_equal(end, digits + 2);
    return 3;
}

void support_bytes_unescape(struct support_bytes *bytes, const char *text, size_t size)
{
    for (size_t i = 0; i < size;) {
        uint8_t c = (uint8_t)text[i++];
        if (c == '\\') {
            i += unescape_one(text + i, size - i, &c);
        }
        support_bytes_add(bytes, &c, 1);
    }
}

void support_bytes_escape(struct support_bytes *bytes, const void *data, size_t size)
{
    const uint8_t *from = data;
    for (size_t i = 0; i < size; i++) {
        bool is_plain = from[i] >= 0x20 && from[i] <= 0x7E && from[i] != '\\';
        support_bytes_format(bytes, is_plain ? "%c" : "\\x%02x", from[i]);
    }
}

/* Sorts one line of a case file to its text. */
static void add_line(struct support_bytes *input, struct support_bytes *expected, const char *line,
                     size_t size, const char *path)
{
    if (size == 0 || line[0] == '#') {
        return;
    }
    struct support_bytes *target = line[0] == '>' ? input : line[0] == '<' ? expected : NULL;
    if (!target || size < 2 || line[1] != ' ') {
        fail_msg("%s: bad line: %.*s", path, (int)size, line);
        return;
    }
    support_bytes_add(target, line + 2, size - 2);
    support_bytes_add(target, "\n", 1);
}

struct support_case support_case_read(const char *path)
{
    struct support_bytes input = {0};
    struct support_bytes expected = {0};
    size_t size;
    char *text = (char *)support_file_read(path, &size);
    for (char *line = text; *line;) {
        size_t line_size = strcspn(line, "\n");
        add_line(&input, &expected, line, line_size, path);
        line += line_size + (line[line_size] == '\n');
    }
    free(text);
    support_bytes_add(&input, "", 0);
    support_bytes_add(&expected, "", 0);
    return (struct support_case){(char *)input.data, (char *)expected.data};
}

void support_case_free(struct support_case *one)
{
    free(one->input);
    free(one->expected);
}

void *support_heap_resize(void *context, void *memory, size_t size_bytes)
{
    struct support_heap *heap = context;
    if (size_bytes == 0) {
        heap->live -= memory != NULL;
        free(memory);
        return NULL;
    }
    if (size_bytes > heap->max_bytes) {
        heap->max_bytes = size_bytes;
    }
    if (++heap->calls == heap->fail_at) {
        return NULL;
    }
    void *block = realloc(memory, size_bytes);
    assert_non_null(block);
    heap->live += memory == NULL;
    return block;
}
