/*
 * Where sessions/ gets memory from: one function, so that a test can make the n-th call fail.
 */
#ifndef SESSIONS_MEMORY_H
#define SESSIONS_MEMORY_H

#include <stddef.h>

struct sess_memory {
    /* Like realloc: NULL allocates, size 0 frees and returns NULL, NULL otherwise means failure
     * with the old block untouched. Any thread. */
    void *(*resize)(void *context, void *block, size_t size_bytes);
    void *context;
};

/* The C library's memory. */
extern const struct sess_memory sess_memory_libc;

/* size_bytes of memory, not cleared; NULL if there is none. Any thread. */
void *sess_memory_take(const struct sess_memory *memory, size_t size_bytes);

/* Gives a block back; NULL is taken. Any thread. */
void sess_memory_free(const struct sess_memory *memory, void *block);

#endif
