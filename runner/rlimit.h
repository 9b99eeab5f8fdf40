/* The limit on descriptors of the server process: raised to what the host allows at start, and
 * remembered as it was, since children are started with that one. What sessions take of it is
 * counted by sessions/.
 */
#ifndef RUN_RLIMIT_H
#define RUN_RLIMIT_H

#include "runner/options_why.h"

#include <stdint.h>

struct run_rlimit {
    uint64_t original_soft;
    uint64_t original_hard;
    uint64_t soft; /* as it is now */
};

/* Raises the soft limit on descriptors to the hard one. Returns 0, or -1 with errno set if the
 * limit cannot be read; if it cannot be raised, SOFT is what it was. Main thread, at start.
 */
RUN_MUST_CHECK int run_rlimit_raise(struct run_rlimit *out_rlimit);

#endif
