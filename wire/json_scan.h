/*
 * Finds the end of the plain part of a string: the bytes that need no look of their own.
 *
 * Internal to the JSON reader and writer. The processor's 16-byte vectors are used where every
 * processor of the architecture has them (SSE2 belongs to x86-64); elsewhere 8-byte words. Pure
 * functions; any thread.
 */
#ifndef WIRE_JSON_SCAN_H
#define WIRE_JSON_SCAN_H

#include <stddef.h>
#include <stdint.h>

/*
 * The number of bytes at the start of data that are neither a quote, nor a backslash, nor a
 * control character (below 0x20), nor beyond ASCII. Reads data[0 .. size) only.
 */
size_t wire_json_scan_plain(const uint8_t *data, size_t size);

/* The same by 8-byte words, on every processor; wire_json_scan_plain may or may not be this. */
size_t wire_json_scan_plain_words(const uint8_t *data, size_t size);

#endif
