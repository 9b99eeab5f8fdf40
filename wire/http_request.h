/*
 * The head of the one HTTP request that a connection may send: GET for a WebSocket, for a health
 * question, or for nothing we have. Stricter than servers of pages need to be: lines end in CR LF
 * only, no folded lines, no empty line in front, no body, version 1.1, target in origin form (the
 * absolute form would bring a second host that the Host check does not see).
 *
 *     METHOD -> TARGET -> VERSION -> LINE_LF -> FIELD -> NAME -> VALUE -> LINE_LF -> FIELD -> ...
 *                                               FIELD -> LAST_LF -> DONE
 *
 * It takes bytes as they arrive and answers the same however they are split. A head that lies whole
 * in one piece is never copied; a head that comes in pieces is put together in a buffer that grows
 * with what came. One request belongs to one thread at a time.
 */
#ifndef WIRE_HTTP_REQUEST_H
#define WIRE_HTTP_REQUEST_H

#include "wire/http_error.h"
#include "wire/span.h"

/* The head with its last empty line. What a client may make us keep before it has shown a token. */
#define WIRE_HTTP_HEAD_LIMIT_DEFAULT ((size_t)16 << 10)
/* The largest limit that may be set: offsets have 16 bits. */
#define WIRE_HTTP_HEAD_LIMIT_MAX ((size_t)65535)
/* Header lines. Clients seen send 6, browsers about 20. */
#define WIRE_HTTP_FIELDS_MAX 64
/* The target. Ours are shorter than 20 characters; a token in a query is no use of ours. */
#define WIRE_HTTP_TARGET_LIMIT ((size_t)4096)
/* The method. The longest registered one has 17 characters. */
#define WIRE_HTTP_METHOD_LIMIT ((size_t)32)

/* What wire_http_request_push returns when it does not return an error. */
enum wire_http_result {
    WIRE_HTTP_MORE = 0, /* the piece is used up: push the next */
    WIRE_HTTP_DONE = 1, /* the head is whole */
};

struct wire_http_options {
    size_t head_limit_bytes;        /* 0: the default; at most the maximum above (asserted) */
    const struct wire_alloc *alloc; /* borrowed until deinit; NULL: the C heap */
};

/* Where a header line stands: offsets from the start of the head. */
struct wire_http_field {
    uint16_t name;
    uint16_t name_size;
    uint16_t value;
    uint16_t value_size;
};

/* A request being read. The fields are the parser's own. */
struct wire_http_request {
    struct wire_http_options options;
    const uint8_t *head; /* the bytes so far: the only piece, or the buffer */
    uint8_t *buffer;
    size_t capacity;
    size_t at;    /* bytes of the head read */
    size_t start; /* where the element being read began */
    size_t error_offset;
    uint16_t method_size;
    uint16_t target;
    uint16_t target_size;
    uint16_t field_count;
    int8_t error;
    uint8_t state;
    uint8_t escape_left; /* hex digits still due behind a percent sign */
    bool has_host;
    bool has_length;
    struct wire_http_field fields[WIRE_HTTP_FIELDS_MAX];
};

/* Begins a request; options may be NULL for the defaults. Allocates nothing. */
void wire_http_request_init(struct wire_http_request *request,
                            const struct wire_http_options *options);

/* Frees the buffer. The request may be zeroed memory that was never initialised. */
void wire_http_request_deinit(struct wire_http_request *request);

/*
 * Reads the next piece. Returns WIRE_HTTP_MORE, WIRE_HTTP_DONE or a negative enum wire_http_error,
 * and goes on returning the last two. *out_used is how many bytes of the piece belong to the head;
 * behind WIRE_HTTP_DONE the rest is what the client sent after it.
 * After DONE the spans that the functions below give live until deinit, and while the last piece
 * does.
 */
WIRE_MUST_CHECK int wire_http_request_push(struct wire_http_request *request,
                                           struct wire_span piece, size_t *out_used);

/* Where an error was found: bytes from the start of the head. */
static inline size_t wire_http_request_offset(const struct wire_http_request *request)
{
    return request->error ? request->error_offset : request->at;
}

/* The parts of a request that is done (asserted). path is the target up to its query. */
struct wire_span wire_http_request_method(const struct wire_http_request *request);
struct wire_span wire_http_request_target(const struct wire_http_request *request);
struct wire_span wire_http_request_path(const struct wire_http_request *request);

/* The index-th header line of a request that is done; false behind the last. */
bool wire_http_request_field_at(const struct wire_http_request *request, size_t index,
                                struct wire_span *out_name, struct wire_span *out_value);

#endif
