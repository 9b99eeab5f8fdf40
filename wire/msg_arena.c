/*
 * A block that is used up from both ends. Whatever does not fit leaves it as it was.
 * Alignment is the high end's matter alone: strings need none.
 */
#include "wire/msg_arena.h"

#include <assert.h>

void wire_msg_arena_init(struct wire_msg_arena *arena, void *memory, size_t size_bytes)
{
    size_t over = ((uintptr_t)memory + size_bytes) % sizeof(void *);
    arena->memory = memory;
    arena->low = 0;
    arena->high = size_bytes > over ? size_bytes - over : 0;
}

char *wire_msg_arena_take(struct wire_msg_arena *arena, size_t size_bytes)
{
    uint8_t *start = wire_msg_arena_free_bytes(arena);
    if (size_bytes >= wire_msg_arena_room(arena)) {
        return NULL;
    }
    start[size_bytes] = 0;
    arena->low += size_bytes + 1;
    return (char *)start;
}

char *wire_msg_arena_copy(struct wire_msg_arena *arena, struct wire_span text)
{
    if (text.size >= wire_msg_arena_room(arena)) {
        return NULL;
    }
    if (text.size > 0) {
        memcpy(wire_msg_arena_free_bytes(arena), text.data, text.size);
    }
    return wire_msg_arena_take(arena, text.size);
}

void *wire_msg_arena_push(struct wire_msg_arena *arena, size_t size_bytes)
{
    assert(size_bytes % sizeof(void *) == 0);
    if (size_bytes > wire_msg_arena_room(arena)) {
        return NULL;
    }
    arena->high -= size_bytes;
    return arena->memory + arena->high;
}
