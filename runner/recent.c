/*
 * Names that were used lately: see recent.h. A ring in the order in which they came, and chains
 * through it by the low bits of their keys, as many as the ring has places: a request may ask for
 * thousands of names.
 */
#include "runner/recent.h"

#include "runner/sha.h"

#include <assert.h>

enum { FIRST_CAPACITY = 16 };

struct run_recent_entry {
    uint64_t key;   /* 0: forgotten, in no chain */
    uint32_t chain; /* the place of the first name of the chain with this entry's number, or NONE */
    uint32_t next;  /* the next older one of its own chain, or NONE */
};

#define NONE UINT32_MAX

uint64_t run_recent_key(uint64_t seed, struct wire_span name)
{
    uint8_t keyed[2 * sizeof(seed) + RUN_SHA256_SIZE], digest[RUN_SHA256_SIZE];
    uint64_t key;
    memcpy(keyed, &seed, sizeof(seed));
    memcpy(keyed + sizeof(seed), &name.size, sizeof(seed));
    run_sha256(name.data, name.size, keyed + 2 * sizeof(seed));
    run_sha256(keyed, sizeof(keyed), digest);
    memcpy(&key, digest, sizeof(key));
    return key != 0 ? key : 1;
}

void run_recent_init(struct run_recent *recent)
{
    *recent = (struct run_recent){0};
}

void run_recent_deinit(struct run_recent *recent)
{
    free(recent->entries);
    *recent = (struct run_recent){0};
}

static struct run_recent_entry *entry_at(const struct run_recent *recent, uint32_t index)
{
    assert(index < recent->count);
    return &recent->entries[(recent->first + index) & (recent->capacity - 1)];
}

/* ---- Chains ---- */

static uint32_t *chain_of(const struct run_recent *recent, uint64_t key)
{
    return &recent->entries[key & (recent->capacity - 1)].chain;
}

static void link_entry(struct run_recent *recent, struct run_recent_entry *entry)
{
    uint32_t *first = chain_of(recent, entry->key);
    entry->next = *first;
    *first = (uint32_t)(entry - recent->entries);
}

/* The link that leads to the newest entry of the key; to NONE: there is none. */
static uint32_t *find(const struct run_recent *recent, uint64_t key)
{
    uint32_t *link = chain_of(recent, key);
    while (*link != NONE && recent->entries[*link].key != key)
        link = &recent->entries[*link].next;
    return link;
}

/* Takes an entry out of its chain. */
static void unlink_entry(struct run_recent *recent, struct run_recent_entry *entry)
{
    uint32_t place = (uint32_t)(entry - recent->entries);
    uint32_t *link = chain_of(recent, entry->key);
    while (*link != place)
        link = &recent->entries[*link].next;
    *link = entry->next;
    entry->key = 0;
}

bool run_recent_has(const struct run_recent *recent, uint64_t key)
{
    return recent->capacity > 0 && *find(recent, key) != NONE;
}

void run_recent_forget(struct run_recent *recent, uint64_t key)
{
    if (run_recent_has(recent, key))
        unlink_entry(recent, &recent->entries[*find(recent, key)]);
}

/* ---- The ring ---- */

static void grow(struct run_recent *recent)
{
    uint32_t capacity = recent->capacity == 0 ? FIRST_CAPACITY : recent->capacity * 2;
    struct run_recent_entry *entries = malloc(capacity * sizeof(*entries));
    if (entries == NULL)
        return; /* the oldest gives way earlier */
    for (uint32_t i = 0; i < capacity; i++)
        entries[i].chain = NONE;
    for (uint32_t i = 0; i < recent->count; i++)
        entries[i].key = entry_at(recent, i)->key;
    free(recent->entries);
    recent->entries = entries;
    recent->capacity = capacity;
    recent->first = 0;
    for (uint32_t i = 0; i < recent->count; i++) {
        if (entries[i].key != 0)
            link_entry(recent, &entries[i]);
    }
}

static void drop_oldest(struct run_recent *recent)
{
    struct run_recent_entry *oldest = entry_at(recent, 0);
    if (oldest->key != 0)
        unlink_entry(recent, oldest);
    recent->first = (recent->first + 1) & (recent->capacity - 1);
    recent->count--;
}

void run_recent_add(struct run_recent *recent, uint64_t key)
{
    if (recent->count == recent->capacity && recent->capacity < RUN_RECENT_MAX)
        grow(recent);
    if (recent->capacity == 0)
        return;
    if (recent->count == recent->capacity)
        drop_oldest(recent);
    recent->count++;
    struct run_recent_entry *newest = entry_at(recent, recent->count - 1);
    newest->key = key;
    link_entry(recent, newest);
}
