/*
 * Numbered records at addresses that never change: what a backend knows of each handle. They live
 * as long as the port, so a late event may look at one at any time and see by its generation that
 * it is late. Records are taken and given back on any thread, under a lock of the table's own;
 * looking one up takes none.
 */
#ifndef IOCP_TABLE_H
#define IOCP_TABLE_H

#include "iocp/port.h"

enum {
    IOCP_NO_SLOT = 0,
    IOCP_TABLE_CHUNK = 1024,  /* records in one allocation */
    IOCP_TABLE_CHUNKS = 1024, /* a million handles, beyond any limit in use */
};

/* The first member of each record. */
struct iocp_record {
    uint32_t next_free; /* of the table, while the record is free */
};

struct iocp_table {
    struct iocp_lock lock; /* of the free list and of growing */
    _Atomic(void *) chunks[IOCP_TABLE_CHUNKS];
    size_t record_bytes;
    uint32_t used; /* records that were ever handed out, and number 0, which is none */
    uint32_t first_free;
    uint32_t live;
};

/* An empty table for records of that size, which begin with a struct iocp_record. */
void iocp_table_init(struct iocp_table *table, size_t record_bytes);
/* Frees the chunks; no record may be live (asserted). */
void iocp_table_deinit(const struct iocp_port *port, struct iocp_table *table);

/* A record, zeroed when it is handed out for the first time; IOCP_NO_SLOT: out of memory. */
uint32_t iocp_table_take(const struct iocp_port *port, struct iocp_table *table);
void iocp_table_give(struct iocp_table *table, uint32_t number);

/* The record with that number, which was taken at some time. */
static inline void *iocp_table_at(struct iocp_table *table, uint32_t number)
{
    assert(number != IOCP_NO_SLOT);
    char *chunk =
        atomic_load_explicit(&table->chunks[number / IOCP_TABLE_CHUNK], memory_order_acquire);
    assert(chunk != NULL);
    return chunk + (size_t)(number % IOCP_TABLE_CHUNK) * table->record_bytes;
}

#endif
