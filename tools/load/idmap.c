/*
 * The id table. At most half full, so a probe is short; removal shifts the entries behind the hole
 * back, so there are no tombstones.
 */
#include "tools/load/idmap.h"

#include "tools/load/base.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 64 };

/* FNV-1a, with the high bits folded down: ids differ in their last digits. */
static uint64_t hash_of(const char *key, size_t length)
{
    uint64_t hash = 0xcbf29ce484222325ull;

    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)key[i]) * 0x100000001b3ull;
    return hash ^ (hash >> 32);
}

void load_idmap_deinit(struct load_idmap *map)
{
    free(map->entries);
    memset(map, 0, sizeof *map);
}

/* The place of the key, or the free one where it belongs. */
static size_t place_of(const struct load_idmap *map, const char *key, size_t length, uint64_t hash)
{
    size_t mask = map->capacity - 1;
    size_t at = hash & mask;

    while (map->entries[at].key != NULL) {
        const struct load_idmap_entry *entry = &map->entries[at];

        if (entry->hash == hash && entry->length == length && memcmp(entry->key, key, length) == 0)
            break;
        at = (at + 1) & mask;
    }
    return at;
}

static void grow(struct load_idmap *map)
{
    struct load_idmap old = *map;

    map->capacity = old.capacity == 0 ? FIRST_CAPACITY : old.capacity * 2;
    map->entries = load_alloc(map->capacity, sizeof *map->entries);
    for (size_t i = 0; i < old.capacity; i++) {
        const struct load_idmap_entry *entry = &old.entries[i];

        if (entry->key != NULL)
            map->entries[place_of(map, entry->key, entry->length, entry->hash)] = *entry;
    }
    free(old.entries);
}

void load_idmap_put(struct load_idmap *map, const char *key, size_t length, void *value)
{
    uint64_t hash = hash_of(key, length);
    struct load_idmap_entry *entry;

    assert(value != NULL);
    if (map->count * 2 >= map->capacity)
        grow(map);
    entry = &map->entries[place_of(map, key, length, hash)];
    assert(entry->key == NULL);
    *entry = (struct load_idmap_entry){key, length, hash, value};
    map->count++;
}

void *load_idmap_get(const struct load_idmap *map, const char *key, size_t length)
{
    if (map->count == 0)
        return NULL;
    return map->entries[place_of(map, key, length, hash_of(key, length))].value;
}

void load_idmap_remove(struct load_idmap *map, const char *key, size_t length)
{
    size_t mask = map->capacity - 1;
    size_t hole;

    if (map->count == 0)
        return;
    hole = place_of(map, key, length, hash_of(key, length));
    if (map->entries[hole].key == NULL)
        return;
    map->count--;
    for (size_t at = (hole + 1) & mask; map->entries[at].key != NULL; at = (at + 1) & mask) {
        size_t home = map->entries[at].hash & mask;

        /* An entry may move back only as far as its home place. */
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            map->entries[hole] = map->entries[at];
            hole = at;
        }
    }
    memset(&map->entries[hole], 0, sizeof map->entries[hole]);
}
