/*
 * A map from text ids to pointers: open addressing with linear probing. The keys stay in their
 * owners' memory and must not change while they are in the map.
 */
#ifndef EXECPORT_TOOLS_LOAD_IDMAP_H
#define EXECPORT_TOOLS_LOAD_IDMAP_H

#include <stddef.h>
#include <stdint.h>

struct load_idmap_entry {
    const char *key; /* NULL: free */
    size_t length;
    uint64_t hash;
    void *value;
};

struct load_idmap {
    struct load_idmap_entry *entries;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
};

/* Frees the table, not the keys nor the values. A zeroed struct is an empty map. */
void load_idmap_deinit(struct load_idmap *map);

/* Adds the key, which must not be there yet. Borrows key; value must not be NULL. */
void load_idmap_put(struct load_idmap *map, const char *key, size_t length, void *value);

/* The value of the key or NULL. */
void *load_idmap_get(const struct load_idmap *map, const char *key, size_t length);

/* Takes the key out; nothing happens if it is not there. */
void load_idmap_remove(struct load_idmap *map, const char *key, size_t length);

#endif
