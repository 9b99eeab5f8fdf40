/*
 * A strict pull reader over one complete JSON document in memory (RFC 8259 and stricter: member
 * names are unique). A message is framed before it is read, so the reader never waits for bytes;
 * what arrives in pieces is the framing's matter.
 *
 * It copies nothing and allocates nothing: tokens are spans of the input. The names of the objects
 * that are open are kept in scratch memory from the caller, in a hash index keyed by a seed of the
 * caller, so that a message of 64 MiB costs linear time whatever names its sender picks.
 *
 * A document is known to be good only once WIRE_JSON_END came: act on it after that.
 * One reader belongs to one thread at a time; a scratch serves one reader at a time.
 */
#ifndef WIRE_JSON_READER_H
#define WIRE_JSON_READER_H

#include "wire/json_token.h"

/* Nesting of objects and arrays. No dialect nests deeper than 10; also the most a reader can do. */
#define WIRE_JSON_DEPTH_DEFAULT 64
/* Members of all open objects together: an environment of 2,000 variables, in 36 KiB of scratch. */
#define WIRE_JSON_MEMBERS_DEFAULT 2048
/* The most members for which a scratch can be made (indices have 16 bits). */
#define WIRE_JSON_MEMBERS_MAX 65534
/* One string before decoding. A file in base64 is one string, so no less than the whole. */
#define WIRE_JSON_STRING_DEFAULT ((size_t)64 << 20)
/* The whole document: the message limit of every listener. */
#define WIRE_JSON_TOTAL_DEFAULT ((size_t)64 << 20)

/* What a reader accepts; 0 means the default above. What lies beyond is an error of its own. */
struct wire_json_limits {
    size_t total_bytes;  /* at most UINT32_MAX (asserted) */
    size_t string_bytes; /* of the raw text between the quotes */
    uint32_t depth;      /* at most WIRE_JSON_DEPTH_DEFAULT (asserted) */
    uint32_t members;    /* of all open objects together; the scratch's capacity bounds it too */
};

/* One member name of an open object. */
struct wire_json_name {
    uint32_t offset;
    uint32_t size;
    uint32_t hash; /* hash and next: only while the object's names are in the index */
    uint16_t next; /* the name before it in its bucket */
    bool has_escapes;
};

/* Where a reader keeps the names of open objects. The caller owns the memory. */
struct wire_json_scratch {
    struct wire_json_name *names;
    uint16_t *buckets;
    uint32_t capacity; /* of names; buckets are the next power of two or fewer */
    uint64_t seed;
};

/* The bytes that wire_json_scratch_init needs for so many members: 18 for each. */
#define WIRE_JSON_SCRATCH_BYTES(members) ((members) * (sizeof(struct wire_json_name) + 2))

/*
 * Divides memory (owned by the caller, aligned for uint32_t, at least WIRE_JSON_SCRATCH_BYTES(1):
 * asserted) into a scratch; it needs no clearing, now or between documents. seed should be random
 * and unknown to senders: with it nobody can pick names that collide.
 */
void wire_json_scratch_init(struct wire_json_scratch *scratch, void *memory, size_t size_bytes,
                            uint64_t seed);

/* A document being read. The fields are the reader's own. */
struct wire_json_reader {
    const uint8_t *data;
    size_t size;
    size_t at;
    struct wire_json_limits limits;
    struct wire_json_scratch *scratch;
    size_t error_offset;
    uint64_t objects; /* bit d: the container at depth d is an object */
    uint64_t indexed; /* bit d: the names of the object at depth d are in the hash index */
    uint32_t depth;   /* containers open */
    uint32_t names;   /* names held in the scratch */
    uint32_t buckets; /* in use, a power of two; 0 until the first name */
    int16_t error;
    uint8_t expect;
    uint16_t first_name[WIRE_JSON_DEPTH_DEFAULT]; /* by depth: names held when it was opened */
};

/*
 * Begins reading document. It and scratch are borrowed until the caller stops reading; no deinit.
 * limits may be NULL for the defaults.
 */
void wire_json_reader_init(struct wire_json_reader *reader, struct wire_span document,
                           struct wire_json_scratch *scratch,
                           const struct wire_json_limits *limits);

/*
 * Reads the next token. Returns its event (enum wire_json_event, positive) or a negative enum
 * wire_json_error, and goes on returning END or that error. *out_token is written on success only.
 */
WIRE_MUST_CHECK int wire_json_reader_next(struct wire_json_reader *reader,
                                          struct wire_json_token *out_token);

/*
 * Skips what token, the last one read, begins: behind a KEY its value, behind a begin all up to and
 * including the matching end, behind anything else nothing. What is skipped is checked as strictly
 * as what is read. Returns 0 or the reader's error.
 */
WIRE_MUST_CHECK int wire_json_reader_skip(struct wire_json_reader *reader,
                                          const struct wire_json_token *token);

/*
 * Like wire_json_reader_skip, and gives the value's bytes as they stand: behind a KEY its value, of
 * a begin the container with its brackets, of a scalar the token (a string with its quotes). The
 * span is good JSON by itself and lives as long as the document.
 */
WIRE_MUST_CHECK int wire_json_reader_raw(struct wire_json_reader *reader,
                                         const struct wire_json_token *token,
                                         struct wire_span *out_value);

/* The reader's error, WIRE_JSON_OK if there was none. */
static inline int wire_json_reader_error(const struct wire_json_reader *reader)
{
    return reader->error;
}

/* Where the error was found, in bytes from the start; where the reader stands if there is none. */
static inline size_t wire_json_reader_offset(const struct wire_json_reader *reader)
{
    return reader->error ? reader->error_offset : reader->at;
}

#endif
