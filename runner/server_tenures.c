/*
 * The server's registry of tenures: a hash table by their ids, which nobody can choose, and
 * another by the keys of those who may look. On the
 * server's strand.
 */
#include "runner/server.h"

#include <assert.h>

#include <string.h>

/* Ids and keys are hexadecimal digits of random bits; some of them are as good as a hash. */
static unsigned bucket_number(const char *text)
{
    unsigned hash = 0;
    for (unsigned i = 0; i < 4; i++)
        hash = hash * 31 + (unsigned char)text[i];
    return hash % RUN_TENURE_BUCKETS;
}

/* In full time: how long it takes tells nothing about them. */
static bool is_equal(const char *left, const char *right, unsigned bytes)
{
    unsigned char differs = 0;
    for (unsigned i = 0; i < bytes; i++)
        differs |= (unsigned char)(left[i] ^ right[i]);
    return differs == 0;
}

uint64_t run_server_detach_ttl_ns(const struct run_server *server)
{
    return server->options->detach_ttl_ms * 1000000;
}

uint64_t run_server_tombstone_ttl_ns(const struct run_server *server)
{
    return server->options->tombstone_ttl_ms * 1000000;
}

void run_server_tenure_came(struct run_server *server, struct run_tenure *tenure)
{
    struct run_tenure **by_id = &server->tenures[bucket_number(tenure->id)];
    struct run_tenure **by_key = &server->observed[bucket_number(tenure->observer_key)];
    tenure->next = *by_id;
    *by_id = tenure;
    tenure->next_by_key = *by_key;
    *by_key = tenure;
    if (server->state != RUN_SERVER_SERVING)
        run_tenure_stop(tenure);
}

void run_server_tenure_left(struct run_server *server, struct run_tenure *tenure)
{
    struct run_tenure **at = &server->tenures[bucket_number(tenure->id)];
    run_slots_left(&server->slots, tenure);
    while (*at != tenure) {
        assert(*at != NULL);
        at = &(*at)->next;
    }
    *at = tenure->next;
    at = &server->observed[bucket_number(tenure->observer_key)];
    while (*at != tenure) {
        assert(*at != NULL);
        at = &(*at)->next_by_key;
    }
    *at = tenure->next_by_key;
}

void run_server_tenure_freed(struct run_server *server, bool was_leaving)
{
    run_slots_freed(&server->slots, was_leaving);
    run_server_advance_stop(server);
}

struct run_tenure *run_server_find_tenure(struct run_server *server, const char *id)
{
    struct run_tenure *at = server->tenures[bucket_number(id)];
    while (at != NULL && !is_equal(at->id, id, RUN_TENURE_ID_BYTES))
        at = at->next;
    return at;
}

struct run_tenure *run_server_find_observed(struct run_server *server, const char *key)
{
    struct run_tenure *at = server->observed[bucket_number(key)];
    while (at != NULL && !is_equal(at->observer_key, key, RUN_TENURE_KEY_BYTES))
        at = at->next_by_key;
    return at;
}

void run_server_stop_tenures(struct run_server *server)
{
    for (unsigned i = 0; i < RUN_TENURE_BUCKETS; i++)
        for (struct run_tenure *at = server->tenures[i]; at != NULL; at = at->next)
            run_tenure_stop(at);
}
