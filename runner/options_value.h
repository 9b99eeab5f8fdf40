/* The values that options take: durations, sizes, counts, levels, digests and host names, read
 * strictly, and durations and sizes written the way they are read. Pure functions over
 * NUL-terminated text. Readers return NULL and fill their out parameter, or return what is wrong
 * as the end of a sentence that begins with the value, and leave the out parameter alone.
 */
#ifndef RUN_OPTIONS_VALUE_H
#define RUN_OPTIONS_VALUE_H

#include "runner/options.h"

/* Room for any 64-bit number, a unit and the NUL. */
#define RUN_VALUE_BYTES 32

/* The longest name that DNS can carry. */
#define RUN_HOST_NAME_MAX 253

enum run_value_unit {
    RUN_UNIT_NONE,
    RUN_UNIT_MS,
    RUN_UNIT_BYTES,
};

/* `200ms`, `5s`, `2m`, `1h`; a bare `0` needs no unit. */
RUN_MUST_CHECK const char *run_value_duration(const char *text, uint64_t *out_ms);

/* `64KiB`, `1MiB`, `2GiB`, or a plain number of bytes. */
RUN_MUST_CHECK const char *run_value_size(const char *text, uint64_t *out_bytes);

/* A plain decimal number. */
RUN_MUST_CHECK const char *run_value_count(const char *text, uint64_t *out_count);

/* `error`, `warn`, `info` or `debug`. */
RUN_MUST_CHECK const char *run_value_level(const char *text, enum run_log_level *out_level);

/* Exactly 64 hexadecimal digits. */
RUN_MUST_CHECK const char *run_value_sha256(const char *text, uint8_t out_digest[RUN_SHA256_BYTES]);

/* A host name as DNS allows it, without port: letters, digits, `-`, `_` and `.`. */
RUN_MUST_CHECK const char *run_value_host_name(const char *text);

/* Writes VALUE in UNIT with the largest unit that divides it, NUL-terminated. Returns OUT_TEXT. */
const char *run_value_format(uint64_t value, enum run_value_unit unit,
                             char out_text[RUN_VALUE_BYTES]);

#endif
