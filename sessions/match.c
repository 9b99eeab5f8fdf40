/*
 * Finding a string in streams: see match.h.
 */
#include "sessions/match.h"

#include <assert.h>
#include <string.h>

/* The longest beginning of wanted, not longer than found, that goes on with this byte. */
static uint16_t step(const struct sess_match *match, uint16_t found, uint8_t byte)
{
    while (found > 0 && match->wanted[found] != byte)
        found = match->table[found - 1];
    return match->wanted[found] == byte ? found + 1 : 0;
}

bool sess_match_init(struct sess_match *match, const void *wanted, size_t size_bytes,
                     const struct sess_memory *memory)
{
    assert(size_bytes > 0 && size_bytes <= SESS_MATCH_MAX_BYTES);
    *match = (struct sess_match){.wanted = wanted, .size_bytes = (uint16_t)size_bytes};
    match->table = sess_memory_take(memory, size_bytes * sizeof(*match->table));
    if (match->table == NULL)
        return false;
    match->table[0] = 0;
    for (size_t i = 1; i < size_bytes; i++)
        match->table[i] = step(match, match->table[i - 1], match->wanted[i]);
    return true;
}

void sess_match_deinit(struct sess_match *match, const struct sess_memory *memory)
{
    sess_memory_free(memory, match->table);
    match->table = NULL;
}

bool sess_match_feed(struct sess_match *match, enum sess_stream stream, const uint8_t *data,
                     uint32_t size_bytes, uint32_t *out_end_bytes)
{
    uint16_t found = match->found_bytes[stream];
    assert(match->table != NULL && found < match->size_bytes);
    for (uint32_t i = 0; i < size_bytes; i++) {
        if (found == 0) { /* most of what comes: left to the C library, which is faster */
            const uint8_t *first = memchr(data + i, match->wanted[0], size_bytes - i);
            if (first == NULL)
                break;
            i = (uint32_t)(first - data);
        }
        found = step(match, found, data[i]);
        if (found == match->size_bytes) {
            *out_end_bytes = i + 1;
            return true;
        }
    }
    match->found_bytes[stream] = found;
    return false;
}

void sess_match_break(struct sess_match *match, enum sess_stream stream)
{
    match->found_bytes[stream] = 0;
}
