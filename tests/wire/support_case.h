/*
 * Case files in one piece, readable in an editor whatever bytes they stand for:
 *
 *     # what the case is about
 *     > input, a line of the codec's own little language
 *     < a line of the expected dump
 *
 * Other lines must be empty.
 */
#ifndef SUPPORT_CASE_H
#define SUPPORT_CASE_H

#include <stddef.h>
#include <stdint.h>

#include "wire/compiler.h"

/* A case; both texts have a line end behind each line. */
struct support_case {
    char *input;
    char *expected;
};

/* Reads a case file; fails the test if it is none. */
struct support_case support_case_read(const char *path);

/* Frees both texts. */
void support_case_free(struct support_case *one);

/* Bytes that grow; zeroed is empty. */
struct support_bytes {
    uint8_t *data;
    size_t size;
    size_t capacity;
};

/* Adds bytes, or what a printf format gives (up to 511 characters). */
void support_bytes_add(struct support_bytes *bytes, const void *data, size_t size);
void support_bytes_format(struct support_bytes *bytes, const char *format, ...) WIRE_PRINTF(2, 3);

/* Frees the bytes and makes them empty. */
void support_bytes_free(struct support_bytes *bytes);

/* Adds text of size characters with \r, \n, \t, \\ and \xNN turned into the bytes meant. */
void support_bytes_unescape(struct support_bytes *bytes, const char *text, size_t size);

/* Adds bytes as text: what is not printable ASCII, and the backslash, as \xNN. */
void support_bytes_escape(struct support_bytes *bytes, const void *data, size_t size);

/* The bytes as a C string; they stay the caller's. */
const char *support_bytes_text(struct support_bytes *bytes);

/*
 * A heap whose n-th allocation fails (n from 1; 0: none does), and which counts what is alive.
 * Point struct wire_alloc's context at it.
 */
struct support_heap {
    size_t fail_at;
    size_t calls;     /* that asked for memory */
    size_t live;      /* blocks not freed */
    size_t max_bytes; /* the largest block asked for */
};

/* The function for struct wire_alloc. */
void *support_heap_resize(void *context, void *memory, size_t size_bytes);

#endif
