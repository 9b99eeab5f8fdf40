/*
 * The server's registry of tenures: a hash table by their ids, which nobody can choose. On the
 * server's strand.
 */
#include "runner/server.h"

#include <assert.h>
#include <string.h>

/* Ids are hexadecimal digits of random bits; two of them are as good as a hash. */
static struct run_tenure **bucket_of(struct run_server *server, const char *id)
{
    unsigned hash = 0;
    for (unsigned i = 0; i < 4; i++)
        hash = hash * 31 + (unsigned char)id[i];
    return &server->tenures[hash % RUN_TENURE_BUCKETS];
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
    struct run_tenure **bucket = bucket_of(server, tenure->id);
    tenure->next = *bucket;
    *bucket = tenure;
    server->tenure_count++;
    if (server->state != RUN_SERVER_SERVING)
        run_tenure_stop(tenure);
}

void run_server_tenure_left(struct run_server *server, struct run_tenure *tenure)
{
    struct run_tenure **at = bucket_of(server, tenure->id);
    while (*at != tenure) {
        assert(*at != NULL);
        at = &(*at)->next;
    }
    *at = tenure->next;
}

void run_server_tenure_freed(struct run_server *server)
{
    server->tenure_count--;
    run_server_advance_stop(server);
}

/* The ids are compared in full time: how long it takes tells nothing about them. */
struct run_tenure *run_server_find_tenure(struct run_server *server, const char *id)
{
    for (struct run_tenure *tenure = *bucket_of(server, id); tenure != NULL;
         tenure = tenure->next) {
        unsigned char differs = 0;
        for (unsigned i = 0; i < RUN_TENURE_ID_BYTES; i++)
            differs |= (unsigned char)(tenure->id[i] ^ id[i]);
        if (differs == 0)
            return tenure;
    }
    return NULL;
}

void run_server_stop_tenures(struct run_server *server)
{
    for (unsigned i = 0; i < RUN_TENURE_BUCKETS; i++)
        for (struct run_tenure *at = server->tenures[i]; at != NULL; at = at->next)
            run_tenure_stop(at);
}
