/*
 * process/start: what to run, in one of three forms that become the same struct.
 *
 *     flat      argv, cwd, env, arg0, tty, pipeStdin beside processId
 *     direct    spec: {"type":"direct", argv, cwd, env, arg0, io}
 *     prepared  spec: {"type":"prepared", request: {argv, cwd, env, arg0, ...}, io}
 *     io        {"type":"pty", rows, cols} or {"type":"pipe", stdin: "open" or "closed"}
 *
 * Members of two forms at once are refused. Parsing as in msg_process.h, whose callers have this
 * file too.
 */
#ifndef WIRE_MSG_START_H
#define WIRE_MSG_START_H

#include "wire/msg_env_policy.h"
#include "wire/msg_labels.h"
#include "wire/msg_parser.h"

/* The form that a request came in: a server may switch direct and prepared off. */
enum wire_msg_start_form {
    WIRE_MSG_START_FLAT = 0,
    WIRE_MSG_START_DIRECT = 1,
    WIRE_MSG_START_PREPARED = 2, /* its environment is resolved: it takes no envPolicy */
};

/* What a process may use up before it is ended; 0: no limit. */
struct wire_msg_start_limits {
    uint64_t wall_ms;
    uint64_t idle_ms;
    uint64_t no_output_ms;
    uint64_t output_bytes;
};

/* The params of process/start. Raw members are JSON as it stood, data NULL where absent or null. */
struct wire_msg_process_start {
    struct wire_span process_id; /* chosen by the client */
    enum wire_msg_start_form form;
    struct wire_msg_strings argv; /* at least one */
    const char *cwd;              /* absolute */
    struct wire_msg_pairs env;
    const char *arg0; /* NULL: argv[0] */
    bool tty;
    bool pipe_stdin;     /* of pipes: stdin is open */
    uint16_t rows, cols; /* of a terminal; 0: not said */
    struct wire_msg_env_policy env_policy;
    struct wire_span sandbox; /* in any form; to be refused by a server that cannot enforce it */
    bool enforce_managed_network;
    struct wire_span managed_network;
    struct wire_span metadata;
    struct wire_msg_pairs labels;
    struct wire_msg_start_limits limits;
    struct wire_msg_number detach_ttl_ms; /* how long it outlives its connection */
};

/* Parses process/start. An empty argv has the text that clients know. */
WIRE_MUST_CHECK int wire_msg_process_start_parse(struct wire_msg_parser *parser,
                                                 struct wire_span params,
                                                 struct wire_msg_process_start *out);

#endif
