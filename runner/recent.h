/*
 * Names that were used lately: the last few thousand of them, each as 64 bits of a keyed hash, the
 * oldest forgotten first. For the write ids of a process, and for ids of processes that are gone.
 *
 * Two names that a client picked are taken for one another with a chance of 2^-52 at the limit, and
 * without the key nobody can pick such names. Memory grows with use. Belongs to one strand.
 */
#ifndef RUN_RECENT_H
#define RUN_RECENT_H

#include "wire/span.h"

/* Names remembered; what clients are promised for write ids. 64 KiB at the limit. */
enum { RUN_RECENT_MAX = 4096 };

struct run_recent {
    struct run_recent_entry *entries; /* a ring; NULL until the first name */
    uint32_t capacity;                /* a power of two, or 0 */
    uint32_t first, count;
};

/* The key of a name; never 0. seed is 64 secret random bits. Any thread. */
uint64_t run_recent_key(uint64_t seed, struct wire_span name);

/* Begins and ends; allocates nothing before the first name. */
void run_recent_init(struct run_recent *recent);
void run_recent_deinit(struct run_recent *recent);

/* Whether the key was added, and not forgotten. */
bool run_recent_has(const struct run_recent *recent, uint64_t key);

/* Adds a key; the oldest gives way at the limit, or where memory is short. */
void run_recent_add(struct run_recent *recent, uint64_t key);

/* Forgets a key: the newest of that name. */
void run_recent_forget(struct run_recent *recent, uint64_t key);

#endif
