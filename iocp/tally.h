/*
 * Numbers that many threads count and somebody reads now and then.
 *
 * Each number has a part for each worker and one that all other threads share. A worker adds to its
 * own part without a locked instruction, since nobody else writes there; whoever reads adds the
 * parts up. A gauge is a number to which what goes is added as its negative: the parts wrap and
 * their sum is right. Parts of different workers belong on different cache lines: leave
 * IOCP_TALLY_APART_BYTES between them.
 */
#ifndef IOCP_TALLY_H
#define IOCP_TALLY_H

#include "iocp/iocp.h"

enum {
    IOCP_TALLY_PARTS = IOCP_WORKERS_MAX + 1, /* the last one is shared */
    IOCP_TALLY_APART_BYTES = 128             /* two lines: processors fetch neighbours in pairs */
};

/* Adds n to a part, which is the one of iocp_worker_number. Any thread. */
static inline void iocp_tally_add(_Atomic uint64_t *part, unsigned worker, uint64_t n)
{
    if (worker == IOCP_WORKERS_MAX) {
        atomic_fetch_add_explicit(part, n, memory_order_relaxed);
        return;
    }
    uint64_t value = atomic_load_explicit(part, memory_order_relaxed);
    atomic_store_explicit(part, value + n, memory_order_relaxed);
}

/* The sum of what the parts of a gauge hold: reading them takes time, so it may be seen below 0. */
static inline uint64_t iocp_tally_gauge(uint64_t sum)
{
    return sum <= INT64_MAX ? sum : 0;
}

#endif
