/* The table of options: one row each, with name, kind, where the value goes, its bounds, its
 * default and the reasons for them. options.c reads by it, help.c prints it. Constant data.
 */
#ifndef RUN_OPTIONS_TABLE_H
#define RUN_OPTIONS_TABLE_H

#include "runner/options.h"

enum run_option_kind {
    RUN_OPTION_LISTEN,
    RUN_OPTION_PATH,
    RUN_OPTION_SHA256,
    RUN_OPTION_HOST,
    RUN_OPTION_FLAG,
    RUN_OPTION_LEVEL,
    RUN_OPTION_COUNT,
    RUN_OPTION_DURATION,
    RUN_OPTION_SIZE,
    RUN_OPTION_HELP,
    RUN_OPTION_VERSION,
};

/* OFFSET is that of the member of struct run_options. MIN, MAX and STANDARD (the default) are for
 * counts (plain), durations (milliseconds) and sizes (bytes). ABOUT ends without a full stop;
 * BOUNDS gives the reason for MIN and MAX and is NULL where there are none.
 */
struct run_option_row {
    const char *name;
    const char *value; /* the word for the value in the help; NULL: the option takes none */
    enum run_option_kind kind;
    size_t offset;
    uint64_t min;
    uint64_t max;
    uint64_t standard;
    const char *about;
    const char *bounds;
};

#define RUN_OPTION_ROWS 38

extern const struct run_option_row run_option_table[RUN_OPTION_ROWS];

/* True if the kind has MIN, MAX and STANDARD. */
bool run_option_has_bounds(enum run_option_kind kind);

#endif
