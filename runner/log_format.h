/* One line of the log as text or JSON. Whatever the fields hold, the line is one line, of bounded
 * length, and in JSON form valid JSON: bytes that are not UTF-8 become U+FFFD, control characters
 * are escaped, what does not fit is cut and marked. Pure functions, any thread, no OS header.
 */
#ifndef RUN_LOG_FORMAT_H
#define RUN_LOG_FORMAT_H

#include "runner/options.h"

/* The longest line with its newline: a path and a few fields. */
#define RUN_LOG_LINE_BYTES 1024

enum run_log_kind {
    RUN_LOG_KIND_TEXT,
    RUN_LOG_KIND_UNSIGNED,
    RUN_LOG_KIND_SIGNED,
    RUN_LOG_KIND_BOOL,
};

/* A named value. KEY is a word of a-z, 0-9 and `_`. TEXT may be NULL and is borrowed. */
struct run_log_field {
    const char *key;
    enum run_log_kind kind;
    const char *text;
    uint64_t number; /* signed ones in two's complement */
};

#define RUN_LOG_TEXT(key, value)                                                                   \
    {                                                                                              \
        (key), RUN_LOG_KIND_TEXT, (value), 0                                                       \
    }
#define RUN_LOG_UNSIGNED(key, value)                                                               \
    {                                                                                              \
        (key), RUN_LOG_KIND_UNSIGNED, NULL, (uint64_t)(value)                                      \
    }
#define RUN_LOG_SIGNED(key, value)                                                                 \
    {                                                                                              \
        (key), RUN_LOG_KIND_SIGNED, NULL, (uint64_t)(int64_t)(value)                               \
    }
#define RUN_LOG_BOOL(key, value)                                                                   \
    {                                                                                              \
        (key), RUN_LOG_KIND_BOOL, NULL, (value) ? 1u : 0u                                          \
    }

/* WALL_NS counts from the epoch of 1970 in UTC, MONO_NS from the machine's start or the like. */
struct run_log_stamp {
    int64_t wall_ns;
    uint64_t mono_ns;
};

/* What is in a line beside its fields. EVENT is a word like a key. */
struct run_log_head {
    struct run_log_stamp stamp;
    enum run_log_level level;
    bool json;
    const char *event;
};

/* Writes the line with its newline, without a NUL, into OUT_LINE and returns its length. Fields
 * that do not fit are cut or left out; `cut=true` then ends the line.
 */
size_t run_log_format(const struct run_log_head *head, const struct run_log_field *fields,
                      size_t field_count, char out_line[RUN_LOG_LINE_BYTES]);

#endif
