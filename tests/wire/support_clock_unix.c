/* The clock of a Unix build: the monotonic clock. Any thread. */
#include "tests/wire/support_clock.h"

#include <time.h>

uint64_t support_clock_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
