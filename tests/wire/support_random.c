/*
 * SplitMix64: one word of state, every seed is good, and it is fast enough to fill big buffers. No
 * state is shared: each test has its own.
 */
#include "tests/wire/support_random.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/wire/support_clock.h"

struct support_random support_random_start(void)
{
    const char *given = getenv("WIRE_TEST_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10)
                          : (uint64_t)time(NULL) * 1000000000u + support_clock_ns() % 1000000000u;
    printf("seed: WIRE_TEST_SEED=%" PRIu64 "\n", seed);
    fflush(stdout);
    return (struct support_random){seed};
}

uint64_t support_random_next(struct support_random *random)
{
    random->state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t value = random->state;
    value = (value ^ value >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    value = (value ^ value >> 27) * UINT64_C(0x94D049BB133111EB);
    return value ^ value >> 31;
}

size_t support_random_below(struct support_random *random, size_t bound)
{
    return (size_t)(support_random_next(random) % bound);
}

void support_random_fill(struct support_random *random, uint8_t *out, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)(support_random_next(random) >> 32);
    }
}
