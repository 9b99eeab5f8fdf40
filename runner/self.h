/*
 * What the system knows of the server's own process: memory, processor time, descriptors. Reading
 * it opens files of /proc, so it is for helper threads, and for the main thread before it serves.
 */
#ifndef RUN_SELF_H
#define RUN_SELF_H

#include <stdint.h>

/* The numbers, in the order in which they are kept. */
enum run_self_number {
    RUN_SELF_RESIDENT_BYTES,
    RUN_SELF_USER_US, /* processor time */
    RUN_SELF_SYSTEM_US,
    RUN_SELF_DESCRIPTORS,      /* open now */
    RUN_SELF_DESCRIPTOR_LIMIT, /* RUN_SELF_NO_LIMIT: none */
    RUN_SELF_READ_WALL_MS,     /* when all of this was read; filled in by the caller */
    RUN_SELF_NUMBERS
};

#define RUN_SELF_NO_LIMIT UINT64_MAX
#define RUN_SELF_UNKNOWN  (UINT64_MAX - 1) /* the system did not tell */

/* Reads them all but the time of reading. */
void run_self_read(uint64_t out_numbers[RUN_SELF_NUMBERS]);

#endif
