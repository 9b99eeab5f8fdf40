/*
 * Small things that every file of execport-load uses: the clock, memory that does not fail, and
 * the one way to speak on standard error. Single-threaded like the whole program.
 *
 * Results go to standard output and nowhere else (report.h); what is said here is for people.
 */
#ifndef EXECPORT_TOOLS_LOAD_BASE_H
#define EXECPORT_TOOLS_LOAD_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_NS_PER_MS 1000000ull
#define LOAD_NS_PER_S  1000000000ull

/* What a fallible function of this program returns below zero. */
enum load_error {
    LOAD_FAILED = -1,   /* said on standard error already */
    LOAD_TIMEOUT = -2,  /* a deadline passed */
    LOAD_PROTOCOL = -3, /* the peer broke its protocol */
    LOAD_CLOSED = -4,   /* the other end is gone */
};

/* Monotonic time in nanoseconds. */
uint64_t load_now_ns(void);

/* CPU time of this whole process in nanoseconds. */
uint64_t load_own_cpu_ns(void);

/* 64 bits from the system's random generator; ends the program if there is none. */
uint64_t load_random_seed(void);

/* Zeroed memory for count items; ends the program with a message when there is none. free() it. */
void *load_alloc(size_t count, size_t size_bytes);

/* As realloc, but ends the program with a message instead of returning NULL. */
void *load_realloc(void *memory, size_t size_bytes);

/* A copy of the text on the heap. */
char *load_copy_text(const char *text);

/* Says "execport-load: ..." and a newline on standard error. Always returns LOAD_FAILED. */
int load_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Rewrites the one line of progress on standard error; nothing at all when that is no terminal.
 * An empty text clears the line.
 */
void load_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The next number of a xorshift generator; *state must not be 0. */
uint64_t load_random_next(uint64_t *state);

/* Raises the soft limit of open descriptors to the hard one; returns the limit that holds. */
uint64_t load_raise_descriptors(void);

#endif
