/*
 * Numbered records: chunks that are never moved or freed before the port is, and a free list. The
 * numbers of records that were given back are used again first, so a table stays as small as the
 * most handles that were ever open at once.
 */
#include "iocp/table.h"

#include <string.h>

void iocp_table_init(struct iocp_table *table, size_t record_bytes)
{
    memset(table, 0, sizeof(*table));
    iocp_lock_init(&table->lock);
    table->record_bytes = record_bytes;
    table->used = 1;
}

void iocp_table_deinit(const struct iocp_port *port, struct iocp_table *table)
{
    assert(table->live == 0);
    for (unsigned i = 0; i < IOCP_TABLE_CHUNKS; i++)
        iocp_backend_release(port, atomic_load(&table->chunks[i]));
    iocp_lock_deinit(&table->lock);
}

static struct iocp_record *record_at(struct iocp_table *table, uint32_t number)
{
    return iocp_table_at(table, number);
}

/* Under the lock. IOCP_NO_SLOT if a new chunk is needed and cannot be had. */
static uint32_t take_number(const struct iocp_port *port, struct iocp_table *table)
{
    uint32_t number = table->first_free;
    if (number != IOCP_NO_SLOT) {
        table->first_free = record_at(table, number)->next_free;
        return number;
    }
    number = table->used;
    if (number / IOCP_TABLE_CHUNK >= IOCP_TABLE_CHUNKS)
        return IOCP_NO_SLOT;
    _Atomic(void *) *chunk = &table->chunks[number / IOCP_TABLE_CHUNK];
    if (atomic_load(chunk) == NULL) {
        void *memory = iocp_backend_alloc(port, IOCP_TABLE_CHUNK * table->record_bytes);
        if (memory == NULL)
            return IOCP_NO_SLOT;
        atomic_store_explicit(chunk, memory, memory_order_release);
    }
    table->used++;
    return number;
}

uint32_t iocp_table_take(const struct iocp_port *port, struct iocp_table *table)
{
    iocp_lock_take(&table->lock);
    uint32_t number = take_number(port, table);
    if (number != IOCP_NO_SLOT)
        table->live++;
    iocp_lock_give(&table->lock);
    return number;
}

void iocp_table_give(struct iocp_table *table, uint32_t number)
{
    iocp_lock_take(&table->lock);
    record_at(table, number)->next_free = table->first_free;
    table->first_free = number;
    table->live--;
    iocp_lock_give(&table->lock);
}
