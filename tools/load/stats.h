/*
 * Samples of a time, kept all of them, so that a percentile is exact. Nanoseconds.
 */
#ifndef EXECPORT_TOOLS_LOAD_STATS_H
#define EXECPORT_TOOLS_LOAD_STATS_H

#include <stddef.h>
#include <stdint.h>

struct load_stats {
    uint64_t *samples_ns;
    size_t count;
    size_t capacity;
};

/* Adds a sample. A zeroed struct has none. */
void load_stats_add(struct load_stats *stats, uint64_t sample_ns);

/* Forgets the samples and keeps the memory. */
void load_stats_clear(struct load_stats *stats);

/* Frees the memory. */
void load_stats_deinit(struct load_stats *stats);

/*
 * The sample below which the given share lies: per_mille 500 is the median, 990 is p99 (nearest
 * rank). 0 if there are no samples. Sorts the samples.
 */
uint64_t load_stats_percentile(struct load_stats *stats, unsigned per_mille);

#endif
