/*
 * Finding a string of bytes in several streams as they come, chunk by chunk.
 *
 * Each stream is searched for itself; a find may lie across any number of its chunks. Every byte is
 * looked at once, however the string repeats itself (Knuth, Morris, Pratt): the table that this
 * needs is the only memory, two bytes for each byte of the string. Threads: owned by one strand.
 */
#ifndef SESSIONS_MATCH_H
#define SESSIONS_MATCH_H

#include "sessions/error.h"
#include "sessions/memory.h"
#include "sessions/record.h"

enum { SESS_MATCH_MAX_BYTES = 4096 }; /* a prompt or a line: what one waits for is short */

struct sess_match {
    const uint8_t *wanted; /* borrowed */
    uint16_t *table;       /* of the beginnings of wanted that end where byte i ends: the longest */
    uint16_t size_bytes;
    uint16_t found_bytes[SESS_STREAMS]; /* of wanted, at the end of what was searched so far */
};

/* Prepares it to find wanted, 1 to SESS_MATCH_MAX_BYTES bytes, which are borrowed until the deinit.
 * false: no memory. */
SESS_MUST_CHECK bool sess_match_init(struct sess_match *match, const void *wanted,
                                     size_t size_bytes, const struct sess_memory *memory);

/* Frees the table; NULL as it is in a cleared one is taken. */
void sess_match_deinit(struct sess_match *match, const struct sess_memory *memory);

/* Searches the next bytes of a stream. Whether the string ends in them: *out_end_bytes is the
 * offset of the byte behind it then, and nothing may be searched any more. */
bool sess_match_feed(struct sess_match *match, enum sess_stream stream, const uint8_t *data,
                     uint32_t size_bytes, uint32_t *out_end_bytes);

/* Bytes of this stream are missing: nothing is found across here. */
void sess_match_break(struct sess_match *match, enum sess_stream stream);

#endif
