/*
 * The errors that the JSON dialects answer with: one table of codes and exact texts, because
 * clients compare them. A text that names something (an id, a method, a reason) has one argument.
 * Pure functions and writers into the caller's buffer; any thread.
 */
#ifndef WIRE_RPC_ERRORS_H
#define WIRE_RPC_ERRORS_H

#include "wire/json_writer.h"

/* A text with its argument; what is longer is cut behind a whole character. */
#define WIRE_RPC_TEXT_LIMIT ((size_t)1024)

enum wire_rpc_code {
    WIRE_RPC_CODE_INVALID_REQUEST = -32600,
    WIRE_RPC_CODE_METHOD_NOT_FOUND = -32601,
    WIRE_RPC_CODE_INVALID_PARAMS = -32602,
    WIRE_RPC_CODE_INTERNAL = -32603,
    WIRE_RPC_CODE_NOT_FOUND = -32004,        /* a file or directory */
    WIRE_RPC_CODE_ALREADY_ATTACHED = -32010, /* a session, to another connection */
    WIRE_RPC_CODE_QUEUE_FULL = -32020,       /* execport's own: nothing of the write was taken */
    WIRE_RPC_CODE_NO_CAPACITY = -32021,      /* execport's own: data names the resource */
};

/* Each error by name; the comment gives its text, ARG being the argument. */
enum wire_rpc_text {
    /* Both dialects. */
    WIRE_RPC_TEXT_INVALID_REQUEST,  /* ARG */
    WIRE_RPC_TEXT_INVALID_PARAMS,   /* ARG */
    WIRE_RPC_TEXT_INTERNAL,         /* ARG: also the text of a failed start */
    WIRE_RPC_TEXT_NOT_FOUND,        /* ARG */
    WIRE_RPC_TEXT_ARGV_EMPTY,       /* argv must not be empty */
    WIRE_RPC_TEXT_INITIALIZE_TWICE, /* initialize may only be sent once per connection */
    WIRE_RPC_TEXT_NO_INITIALIZE,    /* client must call initialize before using exec methods */
    WIRE_RPC_TEXT_NO_INITIALIZED,   /* client must send initialized before using exec methods */
    WIRE_RPC_TEXT_OTHER_DIALECT,    /* connection speaks ARG */
    WIRE_RPC_TEXT_UNKNOWN_SESSION,  /* unknown session id ARG */
    WIRE_RPC_TEXT_NO_CAPACITY,      /* no capacity */
    WIRE_RPC_TEXT_QUEUE_FULL,       /* stdin queue full */
    /* exec-server.v0 */
    WIRE_RPC_TEXT_V0_UNKNOWN_METHOD, /* unknown method: ARG */
    WIRE_RPC_TEXT_V0_STDIN_CLOSED,   /* stdin is closed for session ARG */
    WIRE_RPC_TEXT_V0_SESSION_EXISTS, /* session ARG already exists */
    WIRE_RPC_TEXT_V0_WRITE_FAILED,   /* failed to write to process stdin */
    /* process */
    WIRE_RPC_TEXT_UNKNOWN_METHOD,   /* method not found: ARG */
    WIRE_RPC_TEXT_UNPARSABLE,       /* failed to parse JSON-RPC message from ARG */
    WIRE_RPC_TEXT_UNPARSABLE_WS,    /* failed to parse websocket JSON-RPC message from ARG */
    WIRE_RPC_TEXT_ALREADY_ATTACHED, /* session already attached */
    WIRE_RPC_TEXT_RESUMED,          /* session has been resumed by another connection */
    WIRE_RPC_TEXT_SANDBOX,         /* execport cannot enforce the sandbox that was asked for: ARG */
    WIRE_RPC_TEXT_PROCESS_EXISTS,  /* process ARG already exists */
    WIRE_RPC_TEXT_START_CANCELLED, /* process ARG start was cancelled */
    WIRE_RPC_TEXT_UNKNOWN_PROCESS, /* unknown process id ARG */
    WIRE_RPC_TEXT_PROCESS_STARTING, /* process id ARG is starting */
    WIRE_RPC_TEXT_NO_TERMINAL,      /* process id ARG has no terminal */
    WIRE_RPC_TEXT_SPEC_OFF,         /* this server takes no ARG specs */
    WIRE_RPC_TEXT_UNKNOWN_KEY,      /* unknown observer key: what it was is nobody's business */
    WIRE_RPC_TEXT_NOT_OBSERVED,     /* process id ARG is not observed */
    WIRE_RPC_TEXT_COUNT,
};

/* The code (enum wire_rpc_code) that goes with a text. */
int wire_rpc_text_code(enum wire_rpc_text text);

/*
 * Builds the text with its argument (ignored by texts that have none), without a NUL. The argument
 * should be UTF-8; it is copied as it is. Returns the size.
 */
size_t wire_rpc_text_format(enum wire_rpc_text text, struct wire_span argument,
                            char out_text[WIRE_RPC_TEXT_LIMIT]);

/*
 * Writes a whole error message: {"id":ID,"error":{"code":CODE,"message":TEXT}}. id is JSON as
 * wire_rpc_parse gave it. What in the argument is not UTF-8 (a path in a system's error) becomes
 * U+FFFD.
 */
void wire_rpc_write_text(struct wire_json_writer *writer, struct wire_span id,
                         enum wire_rpc_text text, struct wire_span argument);

/* The same for a message that could not be parsed: its id is unknown and -1 stands for it. */
void wire_rpc_write_unparsable(struct wire_json_writer *writer, enum wire_rpc_text text,
                               struct wire_span argument);

/* The error "stdin queue full" with its data {queuedBytes, limitBytes}. */
void wire_rpc_write_queue_full(struct wire_json_writer *writer, struct wire_span id,
                               uint64_t queued_bytes, uint64_t limit_bytes);

/* The error "no capacity" with its data {resource, have, need}; resource is from our own code. */
void wire_rpc_write_no_capacity(struct wire_json_writer *writer, struct wire_span id,
                                const char *resource, uint64_t have, uint64_t need);

#endif
