/*
 * Names that were used lately: see recent.h. A search looks at every entry: 4,096 of them take
 * about two microseconds, and sessions that were written to that often are rare.
 */
#include "runner/recent.h"

#include "runner/sha.h"

#include <assert.h>

enum { FIRST_CAPACITY = 16 };

struct run_recent_entry {
    uint64_t key; /* 0: forgotten */
    uint64_t time_ns;
};

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

static struct run_recent_entry *find(const struct run_recent *recent, uint64_t key)
{
    for (uint32_t i = 0; i < recent->count; i++) {
        struct run_recent_entry *entry = entry_at(recent, i);
        if (entry->key == key)
            return entry;
    }
    return NULL;
}

bool run_recent_has(const struct run_recent *recent, uint64_t key, uint64_t since_ns)
{
    const struct run_recent_entry *entry = find(recent, key);
    return entry != NULL && entry->time_ns >= since_ns;
}

void run_recent_forget(struct run_recent *recent, uint64_t key)
{
    struct run_recent_entry *entry = find(recent, key);
    if (entry != NULL)
        entry->key = 0;
}

static void grow(struct run_recent *recent)
{
    uint32_t capacity = recent->capacity == 0 ? FIRST_CAPACITY : recent->capacity * 2;
    struct run_recent_entry *entries = malloc(capacity * sizeof(*entries));
    if (entries == NULL)
        return; /* the oldest gives way earlier */
    for (uint32_t i = 0; i < recent->count; i++)
        entries[i] = *entry_at(recent, i);
    free(recent->entries);
    recent->entries = entries;
    recent->capacity = capacity;
    recent->first = 0;
}

void run_recent_add(struct run_recent *recent, uint64_t key, uint64_t now_ns)
{
    if (recent->count == recent->capacity && recent->capacity < RUN_RECENT_MAX)
        grow(recent);
    if (recent->capacity == 0)
        return;
    if (recent->count == recent->capacity) {
        recent->first = (recent->first + 1) & (recent->capacity - 1);
        recent->count--;
    }
    recent->count++;
    *entry_at(recent, recent->count - 1) = (struct run_recent_entry){key, now_ns};
}
