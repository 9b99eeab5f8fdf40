/*
 * What the system has of what sessions need, and how much of it is in use.
 *
 * A start reserves what it will need before it touches the system, so that running out is an answer
 * and not an accident. Counters are atomics for any thread. The limits are computed when the host
 * opens (platform.h); the system may still refuse earlier, for what others use.
 */
#ifndef SESSIONS_CAPACITY_H
#define SESSIONS_CAPACITY_H

#include "sessions/error.h"

#include <stdatomic.h>
#include <stdbool.h>

enum sess_resource {
    SESS_RESOURCE_SESSIONS,
    SESS_RESOURCE_DESCRIPTORS,
    SESS_RESOURCE_TTYS,
    SESS_RESOURCE_PROCESSES,
    SESS_RESOURCES
};

struct sess_capacity {
    uint64_t limits[SESS_RESOURCES];      /* UINT64_MAX: none is known */
    _Atomic int64_t used[SESS_RESOURCES]; /* a note of others may be taken back before it is made */
};

/* How much of each a session takes. */
struct sess_need {
    uint32_t amounts[SESS_RESOURCES];
};

/* Takes all of need or nothing. Error: NO_CAPACITY with *out_shortage. Any thread. */
SESS_MUST_CHECK int sess_capacity_take(struct sess_capacity *capacity, const struct sess_need *need,
                                       struct sess_shortage *out_shortage);

/* Gives back. Any thread. */
void sess_capacity_give(struct sess_capacity *capacity, enum sess_resource resource,
                        uint32_t amount);
void sess_capacity_give_all(struct sess_capacity *capacity, const struct sess_need *need);

/* What is left of a resource. Any thread. */
uint64_t sess_capacity_left(const struct sess_capacity *capacity, enum sess_resource resource);

/* The word for it in messages: "sessions", "descriptors", "pseudoterminals", "processes". */
const char *sess_resource_text(enum sess_resource resource);

#endif
