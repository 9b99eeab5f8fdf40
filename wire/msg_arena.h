/*
 * Memory for what a message decodes to, in one block of the caller: strings are put at its low end,
 * arrays grow downwards from its high end, so that an array whose length is not known yet needs no
 * second pass. Nothing is freed by itself; the block's owner frees all at once.
 * One arena belongs to one thread at a time.
 */
#ifndef WIRE_MSG_ARENA_H
#define WIRE_MSG_ARENA_H

#include "wire/span.h"

struct wire_msg_arena {
    uint8_t *memory;
    size_t low;  /* bytes used from the start */
    size_t high; /* where the bytes used up to the end begin */
};

/* Begins with an empty block; memory is borrowed and needs no alignment. */
void wire_msg_arena_init(struct wire_msg_arena *arena, void *memory, size_t size_bytes);

/* The free bytes at the low end, to write a string into; then wire_msg_arena_take says how many. */
static inline uint8_t *wire_msg_arena_free_bytes(const struct wire_msg_arena *arena)
{
    return arena->memory + arena->low;
}

/* How many bytes are free between the two ends. */
static inline size_t wire_msg_arena_room(const struct wire_msg_arena *arena)
{
    return arena->high - arena->low;
}

/*
 * Takes size_bytes that were written at wire_msg_arena_free_bytes, and a NUL behind them. Returns
 * the string, or NULL if there is no room for the NUL.
 */
char *wire_msg_arena_take(struct wire_msg_arena *arena, size_t size_bytes);

/* Copies text and puts a NUL behind it. NULL if there is no room. */
char *wire_msg_arena_copy(struct wire_msg_arena *arena, struct wire_span text);

/*
 * Takes the element before the one taken last: elements of one array lie side by side, the last
 * taken first. size_bytes is a multiple of the size of a pointer (asserted) and so is the alignment
 * of what comes. NULL if there is no room.
 */
void *wire_msg_arena_push(struct wire_msg_arena *arena, size_t size_bytes);

#endif
