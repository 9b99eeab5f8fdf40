/*
 * Duplicate members: a stack of the names of all open objects, with a hash index over the names of
 * the larger ones.
 *
 * An object with a few short names is searched name by name, which is cheaper than any hash. The
 * first name that is long, has escapes or is one too many moves the object's names into the index:
 * chains by SipHash-1-3 of the decoded name with a secret seed, so that a sender cannot aim at one
 * chain and a name costs its length whatever the document. Names come and go in the order of a
 * stack, so the newest name is its chain's head, and an object's names are its chains' first ones.
 * The chains in use follow the document's size; a small one clears little.
 */
#include "wire/json_names.h"

#include <assert.h>

#include "wire/json_string.h"

#define NO_NAME UINT16_MAX
/* The shortest member, `"":0,`: a document has no more names than a fifth of its bytes. */
#define MEMBER_MIN_BYTES 5
#define BUCKETS_MIN      8
/* What is searched without the index: names of an object, and bytes of each of them. */
#define FEW_NAMES        8
#define SHORT_NAME_BYTES 32

struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

static inline void sip_round(struct sip *sip)
{
    sip->v0 += sip->v1;
    sip->v2 += sip->v3;
    sip->v1 = rotate(sip->v1, 13) ^ sip->v0;
    sip->v3 = rotate(sip->v3, 16) ^ sip->v2;
    sip->v0 = rotate(sip->v0, 32);
    sip->v2 += sip->v1;
    sip->v0 += sip->v3;
    sip->v1 = rotate(sip->v1, 17) ^ sip->v2;
    sip->v3 = rotate(sip->v3, 21) ^ sip->v0;
    sip->v2 = rotate(sip->v2, 32);
}

static inline struct sip sip_begin(uint64_t seed)
{
    uint64_t other = ~rotate(seed, 32);
    return (struct sip){seed ^ UINT64_C(0x736f6d6570736575), other ^ UINT64_C(0x646f72616e646f6d),
                        seed ^ UINT64_C(0x6c7967656e657261), other ^ UINT64_C(0x7465646279746573)};
}

static inline void sip_word(struct sip *sip, uint64_t word)
{
    sip->v3 ^= word;
    sip_round(sip);
    sip->v0 ^= word;
}

/* rest: the last 0 to 7 bytes in the low end of a word. */
static inline uint32_t sip_end(struct sip *sip, uint64_t rest, size_t size)
{
    sip_word(sip, rest | (uint64_t)size << 56);
    sip->v2 ^= 0xFF;
    sip_round(sip);
    sip_round(sip);
    sip_round(sip);
    return (uint32_t)(sip->v0 ^ sip->v1 ^ sip->v2 ^ sip->v3);
}

static inline uint64_t load_word(const uint8_t *data, size_t size)
{
    uint64_t word = 0;
    for (size_t i = 0; i < size; i++) {
        word |= (uint64_t)data[i] << (8 * i);
    }
    return word;
}

static uint32_t hash_plain(struct wire_span name, uint64_t seed)
{
    struct sip sip = sip_begin(seed);
    size_t at = 0;
    for (; name.size - at >= 8; at += 8) {
        sip_word(&sip, load_word(name.data + at, 8));
    }
    return sip_end(&sip, load_word(name.data + at, name.size - at), name.size);
}

/* The same hash for a name whose escapes must be decoded on the way. */
static uint32_t hash_escaped(struct wire_span name, uint64_t seed)
{
    struct sip sip = sip_begin(seed);
    struct wire_json_bytes bytes = wire_json_bytes_of(name);
    uint64_t word = 0;
    size_t size = 0;
    int byte;
    while ((byte = wire_json_bytes_next(&bytes)) >= 0) {
        word |= (uint64_t)byte << (8 * (size % 8));
        size++;
        if (size % 8 == 0) {
            sip_word(&sip, word);
            word = 0;
        }
    }
    return sip_end(&sip, word, size);
}

/* Picks as many buckets as the document can have names, as far as the scratch goes. */
static void open_buckets(struct wire_json_reader *reader)
{
    size_t wanted = reader->size / MEMBER_MIN_BYTES;
    uint32_t buckets = reader->scratch->capacity < BUCKETS_MIN ? 1 : BUCKETS_MIN;
    while (buckets < wanted && buckets * 2 <= reader->scratch->capacity) {
        buckets *= 2;
    }
    memset(reader->scratch->buckets, 0xFF, buckets * sizeof reader->scratch->buckets[0]);
    reader->buckets = buckets;
}

static uint32_t hash_name(const struct wire_json_reader *reader, struct wire_json_name_text name)
{
    uint64_t seed = reader->scratch->seed;
    return name.has_escapes ? hash_escaped(name.text, seed) : hash_plain(name.text, seed);
}

static uint16_t *bucket_of(const struct wire_json_reader *reader, uint32_t hash)
{
    return &reader->scratch->buckets[hash & (reader->buckets - 1)];
}

static struct wire_json_name_text text_of(const struct wire_json_reader *reader,
                                          const struct wire_json_name *name)
{
    return (struct wire_json_name_text){
        .text = wire_span_of(reader->data + name->offset, name->size),
        .has_escapes = name->has_escapes,
    };
}

/* Puts the index-th name at its chain's head. */
static void link_name(struct wire_json_reader *reader, uint32_t index, uint32_t hash)
{
    struct wire_json_name *name = &reader->scratch->names[index];
    uint16_t *bucket = bucket_of(reader, hash);
    name->hash = hash;
    name->next = *bucket;
    *bucket = (uint16_t)index;
}

static uint64_t innermost_bit(const struct wire_json_reader *reader)
{
    return UINT64_C(1) << (reader->depth - 1);
}

/* Moves the innermost object's names, from first on, into the index. */
static void index_object(struct wire_json_reader *reader, uint32_t first)
{
    if (reader->buckets == 0) {
        open_buckets(reader);
    }
    for (uint32_t i = first; i < reader->names; i++) {
        link_name(reader, i, hash_name(reader, text_of(reader, &reader->scratch->names[i])));
    }
    reader->indexed |= innermost_bit(reader);
}

/* Searches the names from first on, none of which has escapes. */
static bool is_listed(const struct wire_json_reader *reader, uint32_t first, struct wire_span name)
{
    const struct wire_json_name *names = reader->scratch->names;
    for (uint32_t i = first; i < reader->names; i++) {
        if (names[i].size == name.size &&
            memcmp(reader->data + names[i].offset, name.data, name.size) == 0) {
            return true;
        }
    }
    return false;
}

static bool same_name(struct wire_json_name_text left, struct wire_json_name_text right)
{
    if (left.has_escapes || right.has_escapes) {
        return wire_json_string_equal(left.text, right.text);
    }
    return wire_span_equal(left.text, right.text);
}

static void push_name(struct wire_json_reader *reader, struct wire_json_name_text name)
{
    struct wire_json_name *pushed = &reader->scratch->names[reader->names++];
    pushed->offset = (uint32_t)(name.text.data - reader->data);
    pushed->size = (uint32_t)name.text.size;
    pushed->has_escapes = name.has_escapes;
}

/* Adds a name without escapes to the innermost object, which is not in the index. */
static int add_listed(struct wire_json_reader *reader, uint32_t first,
                      struct wire_json_name_text name)
{
    if (is_listed(reader, first, name.text)) {
        return WIRE_JSON_ERR_DUPLICATE;
    }
    if (reader->names >= reader->limits.members) {
        return WIRE_JSON_ERR_MEMBERS;
    }
    push_name(reader, name);
    return 0;
}

/* Searches the name's chain for names from first on; they come before all others. */
static bool is_indexed(const struct wire_json_reader *reader, uint32_t first, uint32_t hash,
                       struct wire_json_name_text name)
{
    const struct wire_json_name *names = reader->scratch->names;
    for (uint16_t i = *bucket_of(reader, hash); i != NO_NAME && i >= first; i = names[i].next) {
        if (names[i].hash == hash && same_name(text_of(reader, &names[i]), name)) {
            return true;
        }
    }
    return false;
}

/* Adds a name to the innermost object, which is in the index. */
static int add_indexed(struct wire_json_reader *reader, uint32_t first,
                       struct wire_json_name_text name)
{
    uint32_t hash = hash_name(reader, name);
    if (is_indexed(reader, first, hash, name)) {
        return WIRE_JSON_ERR_DUPLICATE;
    }
    if (reader->names >= reader->limits.members) {
        return WIRE_JSON_ERR_MEMBERS;
    }
    push_name(reader, name);
    link_name(reader, reader->names - 1, hash);
    return 0;
}

int wire_json_names_add(struct wire_json_reader *reader, struct wire_json_name_text name)
{
    assert(reader->depth > 0);
    uint32_t first = reader->first_name[reader->depth - 1];
    bool is_simple = !name.has_escapes && name.text.size <= SHORT_NAME_BYTES;
    if (!(reader->indexed & innermost_bit(reader))) {
        if (is_simple && reader->names - first < FEW_NAMES) {
            return add_listed(reader, first, name);
        }
        index_object(reader, first);
    }
    return add_indexed(reader, first, name);
}

void wire_json_names_forget(struct wire_json_reader *reader)
{
    uint32_t first = reader->first_name[reader->depth - 1];
    uint64_t bit = innermost_bit(reader);
    if (reader->indexed & bit) {
        for (uint32_t i = reader->names; i > first; i--) {
            const struct wire_json_name *name = &reader->scratch->names[i - 1];
            uint16_t *bucket = bucket_of(reader, name->hash);
            assert(*bucket == i - 1);
            *bucket = name->next;
        }
        reader->indexed &= ~bit;
    }
    reader->names = first;
}
