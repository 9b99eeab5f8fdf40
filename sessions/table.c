/*
 * Sessions by id: see table.h. Chained buckets through the sessions themselves; SipHash-1-3 with a
 * secret key, since ids are chosen by clients.
 */
#include "sessions/table.h"

#include "sessions/session_struct.h"

#include <assert.h>
#include <string.h>

enum { BUCKETS_FIRST = 16 };

/* ---- Hash ---- */

static uint64_t rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static uint32_t hash(uint64_t seed, const char *id, size_t size)
{
    uint64_t k0 = seed, k1 = ~rotate(seed, 31);
    uint64_t v[4] = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
                     k1 ^ 0x7465646279746573};
    uint64_t word, last = (uint64_t)size << 56;
    for (; size >= 8; size -= 8, id += 8) {
        memcpy(&word, id, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    for (size_t i = 0; i < size; i++)
        last |= (uint64_t)(unsigned char)id[i] << (8 * i);
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    uint64_t result = v[0] ^ v[1] ^ v[2] ^ v[3];
    return (uint32_t)(result ^ result >> 32);
}

/* ---- Table ---- */

void sess_table_init(struct sess_table *table, uint32_t max, uint64_t seed,
                     const struct sess_memory *memory)
{
    *table = (struct sess_table){
        .memory = memory != NULL ? memory : &sess_memory_libc, .max = max, .seed = seed};
}

void sess_table_deinit(struct sess_table *table)
{
    assert(table->count == 0);
    sess_memory_free(table->memory, table->buckets);
    table->buckets = NULL;
    table->bucket_count = 0;
}

static struct sess_session **bucket_of(const struct sess_table *table, uint32_t hash_value)
{
    return &table->buckets[hash_value & (table->bucket_count - 1)];
}

static void link_session(struct sess_table *table, struct sess_session *session)
{
    struct sess_session **bucket = bucket_of(table, session->table_hash);
    session->table_next = *bucket;
    *bucket = session;
}

static bool grow(struct sess_table *table)
{
    uint32_t old_count = table->bucket_count;
    struct sess_session **old = table->buckets;
    uint32_t count = old_count == 0 ? BUCKETS_FIRST : old_count * 2;
    struct sess_session **buckets = sess_memory_take(table->memory, count * sizeof(*buckets));
    if (buckets == NULL)
        return false;
    memset(buckets, 0, count * sizeof(*buckets));
    table->buckets = buckets;
    table->bucket_count = count;
    for (uint32_t i = 0; i < old_count; i++) {
        while (old[i] != NULL) {
            struct sess_session *session = old[i];
            old[i] = session->table_next;
            link_session(table, session);
        }
    }
    sess_memory_free(table->memory, old);
    return true;
}

int sess_table_reserve(struct sess_table *table, const char *id, size_t id_size_bytes,
                       struct sess_shortage *out_shortage)
{
    if (sess_table_find(table, id, id_size_bytes) != NULL)
        return SESS_E_EXISTS;
    if (table->max != 0 && table->count >= table->max) {
        *out_shortage = (struct sess_shortage){"sessions of this connection", 0, 1};
        return SESS_E_NO_CAPACITY;
    }
    /* A full table that cannot grow only gets slower; an empty one cannot take anything. */
    if (table->count >= table->bucket_count && !grow(table) && table->bucket_count == 0) {
        *out_shortage = (struct sess_shortage){"memory", 0, BUCKETS_FIRST * sizeof(void *)};
        return SESS_E_NO_CAPACITY;
    }
    return 0;
}

void sess_table_add(struct sess_table *table, struct sess_session *session)
{
    assert(table->bucket_count > 0);
    session->table_hash = hash(table->seed, session->id, session->id_size_bytes);
    link_session(table, session);
    table->count++;
}

static bool has_id(const struct sess_session *session, const char *id, size_t size)
{
    return session->id_size_bytes == size && (size == 0 || memcmp(session->id, id, size) == 0);
}

struct sess_session *sess_table_find(const struct sess_table *table, const char *id,
                                     size_t id_size_bytes)
{
    if (table->count == 0)
        return NULL;
    uint32_t wanted = hash(table->seed, id, id_size_bytes);
    struct sess_session *session = *bucket_of(table, wanted);
    while (session != NULL &&
           (session->table_hash != wanted || !has_id(session, id, id_size_bytes)))
        session = session->table_next;
    return session;
}

void sess_table_remove(struct sess_table *table, struct sess_session *session)
{
    struct sess_session **link = bucket_of(table, session->table_hash);
    while (*link != session) {
        assert(*link != NULL);
        link = &(*link)->table_next;
    }
    *link = session->table_next;
    table->count--;
}

/* table_next of a session that was removed still names its successor. */
struct sess_session *sess_table_next(const struct sess_table *table, struct sess_session **cursor)
{
    uint32_t next_bucket = 0;
    struct sess_session *at = *cursor;
    if (at != NULL) {
        next_bucket = (at->table_hash & (table->bucket_count - 1)) + 1;
        at = at->table_next;
    }
    while (at == NULL && next_bucket < table->bucket_count)
        at = table->buckets[next_bucket++];
    *cursor = at;
    return at;
}
