/*
 * A hash table of sessions by id, owned by one strand (a connection's), without a lock.
 *
 * The table links sessions through a field of theirs that belongs to the table: adding cannot fail
 * once room was reserved, and a session is in one table at most. It holds one reference to each.
 * The array is allocated on first use and grows with the number of sessions.
 */
#ifndef SESSIONS_TABLE_H
#define SESSIONS_TABLE_H

#include "sessions/session.h"

struct sess_table {
    const struct sess_memory *memory;
    struct sess_session **buckets; /* NULL until the first reserve */
    uint32_t bucket_count;         /* a power of two, or 0 */
    uint32_t count;
    uint32_t max;  /* 0: no limit of its own */
    uint64_t seed; /* ids come from clients: an unguessable hash */
};

/* Makes an empty table. memory NULL: the C library's. Allocates nothing. */
void sess_table_init(struct sess_table *table, uint32_t max, uint64_t seed,
                     const struct sess_memory *memory);

/* Frees the array. The table must be empty (asserted). */
void sess_table_deinit(struct sess_table *table);

/* Makes room for a session of this id, so that the next sess_table_add cannot fail. Errors: EXISTS,
 * NO_CAPACITY (*out_shortage: "sessions of this connection" or "memory"). */
SESS_MUST_CHECK int sess_table_reserve(struct sess_table *table, const char *id,
                                       size_t id_size_bytes, struct sess_shortage *out_shortage);

/* Adds a session, for which room was reserved, and takes the caller's reference over. */
void sess_table_add(struct sess_table *table, struct sess_session *session);

/* The session of this id, borrowed, or NULL. */
struct sess_session *sess_table_find(const struct sess_table *table, const char *id,
                                     size_t id_size_bytes);

/* Takes a session out, which must be in; the caller gets the table's reference. */
void sess_table_remove(struct sess_table *table, struct sess_session *session);

/* Visits every session in no order: start with *cursor = NULL, ends with NULL. Until it ended none
 * may be added, and only the one that was returned last removed, as long as somebody has a
 * reference to it. */
struct sess_session *sess_table_next(const struct sess_table *table, struct sess_session **cursor);

#endif
