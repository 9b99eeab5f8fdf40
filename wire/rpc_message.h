/*
 * The envelope of the JSON-RPC dialects: JSON-RPC 2.0 shapes without the "jsonrpc" member, which is
 * ignored where a peer sends it. One whole message in, its parts out as spans of the message;
 * nothing is allocated, and unknown members are ignored.
 *
 *     request      {id, method, params?}      response  {id, result}
 *     notification {method, params?}          error     {id, error}
 *
 * An id is a string or a signed 64-bit integer and is handed on as it stood, so that a reply gives
 * it back byte for byte. "id": null counts as no id, "params": null as no params. Batches are
 * refused. Pure functions of their arguments; any thread.
 */
#ifndef WIRE_RPC_MESSAGE_H
#define WIRE_RPC_MESSAGE_H

#include "wire/json_reader.h"

/* A method's name as it stands. It comes back in the error that does not know it. */
#define WIRE_RPC_METHOD_LIMIT ((size_t)128)
/* An id as it stands. It is kept while its request is worked on; clients seen use numbers. */
#define WIRE_RPC_ID_LIMIT ((size_t)256)

enum wire_rpc_kind {
    WIRE_RPC_REQUEST = 1,
    WIRE_RPC_NOTIFICATION = 2,
    WIRE_RPC_RESPONSE = 3,
    WIRE_RPC_ERROR = 4,
};

enum wire_rpc_parse_error {
    WIRE_RPC_ERR_PARSE = -1,   /* not a JSON text, or beyond the reader's limits */
    WIRE_RPC_ERR_INVALID = -2, /* JSON, but not one of the four shapes */
};

/* Why a message is bad: for people. */
struct wire_rpc_problem {
    const char *text; /* a constant */
    size_t offset;    /* bytes from the start of the message */
};

/*
 * A message. Spans that are not there have data NULL; they live as long as the document, method
 * also only as long as this struct, which therefore must not be copied.
 */
struct wire_rpc_message {
    uint8_t kind;            /* enum wire_rpc_kind */
    struct wire_span id;     /* JSON: a number, or a string with its quotes */
    struct wire_span method; /* decoded; of a request or notification */
    struct wire_span params; /* JSON of any type but null */
    struct wire_span body;   /* JSON: the result of a response, the error object of an error */
    uint8_t method_buffer[WIRE_RPC_METHOD_LIMIT];
};

/*
 * Parses a message, checking the whole document. Returns its kind, or a negative enum
 * wire_rpc_parse_error and writes *out_problem. *out_message is written in part on an error, with
 * nothing of use. A document of more than UINT32_MAX bytes is refused.
 */
WIRE_MUST_CHECK int wire_rpc_parse(struct wire_span document, struct wire_json_scratch *scratch,
                                   struct wire_rpc_message *out_message,
                                   struct wire_rpc_problem *out_problem);

#endif
