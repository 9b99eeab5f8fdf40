/*
 * Random numbers for the property tests: every run has a seed that it prints, and WIRE_TEST_SEED
 * repeats a run.
 */
#ifndef SUPPORT_RANDOM_H
#define SUPPORT_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct support_random {
    uint64_t state;
};

/* Seeds from WIRE_TEST_SEED, or from the clock, and prints the seed. */
struct support_random support_random_start(void);

/* The next 64 bits. */
uint64_t support_random_next(struct support_random *random);

/* A number in 0 .. bound - 1. */
size_t support_random_below(struct support_random *random, size_t bound);

/* Fills size bytes at out. */
void support_random_fill(struct support_random *random, uint8_t *out, size_t size);

#endif
