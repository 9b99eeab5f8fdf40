/*
 * The default memory of sessions/: the C library's. Knows nothing else.
 */
#include "sessions/memory.h"

#include <stdlib.h>

static void *resize_libc(void *context, void *block, size_t size_bytes)
{
    (void)context;
    if (size_bytes == 0) {
        free(block);
        return NULL;
    }
    return realloc(block, size_bytes);
}

const struct sess_memory sess_memory_libc = {resize_libc, NULL};

void *sess_memory_take(const struct sess_memory *memory, size_t size_bytes)
{
    return memory->resize(memory->context, NULL, size_bytes > 0 ? size_bytes : 1);
}

void sess_memory_free(const struct sess_memory *memory, void *block)
{
    if (block != NULL)
        (void)memory->resize(memory->context, block, 0);
}
