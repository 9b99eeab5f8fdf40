/*
 * Sample keeping and percentiles by nearest rank.
 */
#include "tools/load/stats.h"

#include "tools/load/base.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 1024 };

void load_stats_add(struct load_stats *stats, uint64_t sample_ns)
{
    if (stats->count == stats->capacity) {
        stats->capacity = stats->capacity == 0 ? FIRST_CAPACITY : stats->capacity * 2;
        stats->samples_ns =
            load_realloc(stats->samples_ns, stats->capacity * sizeof *stats->samples_ns);
    }
    stats->samples_ns[stats->count++] = sample_ns;
}

void load_stats_clear(struct load_stats *stats)
{
    stats->count = 0;
}

void load_stats_deinit(struct load_stats *stats)
{
    free(stats->samples_ns);
    memset(stats, 0, sizeof *stats);
}

static int compare(const void *left, const void *right)
{
    const uint64_t *a = left;
    const uint64_t *b = right;

    return (*a > *b) - (*a < *b);
}

uint64_t load_stats_percentile(struct load_stats *stats, unsigned per_mille)
{
    size_t rank;

    if (stats->count == 0)
        return 0;
    qsort(stats->samples_ns, stats->count, sizeof *stats->samples_ns, compare);
    rank = (stats->count * per_mille + 999) / 1000;
    return stats->samples_ns[rank == 0 ? 0 : rank - 1];
}
