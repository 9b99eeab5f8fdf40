/* A clock for measuring and for seeds. */
#ifndef SUPPORT_CLOCK_H
#define SUPPORT_CLOCK_H

#include <stdint.h>

/* Nanoseconds since some moment in the past; never goes back. Any thread. */
uint64_t support_clock_ns(void);

#endif
