/*
 * The requests of the dialect process and their replies. Parsing decodes into the caller's parser
 * (msg_parser.h): what *out points to lives in its memory and in the message. Each parser returns
 * 0, or a negative enum wire_msg_error with the parser's problem filled in; *out is then of no use.
 * Replies are whole messages in the caller's writer; ids are JSON. Any thread.
 */
#ifndef WIRE_MSG_PROCESS_H
#define WIRE_MSG_PROCESS_H

#include "wire/json_writer.h"
#include "wire/msg_chunk.h"
#include "wire/msg_env_policy.h"
#include "wire/msg_parser.h"

/* The params of process/start. Raw members are JSON as it stood, data NULL where absent or null. */
struct wire_msg_process_start {
    struct wire_span process_id;  /* chosen by the client */
    struct wire_msg_strings argv; /* at least one */
    const char *cwd;              /* absolute */
    struct wire_msg_pairs env;
    bool tty;
    bool pipe_stdin;
    const char *arg0; /* NULL: argv[0] */
    struct wire_msg_env_policy env_policy;
    struct wire_span sandbox; /* to be refused by a server that cannot enforce it */
    bool enforce_managed_network;
    struct wire_span managed_network;
    struct wire_span metadata;
};

/* Parses process/start. An empty argv has the text that clients know. */
WIRE_MUST_CHECK int wire_msg_process_start_parse(struct wire_msg_parser *parser,
                                                 struct wire_span params,
                                                 struct wire_msg_process_start *out);

/* The params of process/write. */
struct wire_msg_process_write {
    struct wire_span process_id;
    struct wire_msg_chunk chunk;
    struct wire_span write_id; /* data NULL: repeats are not known; never empty */
};

/* Parses process/write; the chunk is decoded later (msg_chunk.h). */
WIRE_MUST_CHECK int wire_msg_process_write_parse(struct wire_msg_parser *parser,
                                                 struct wire_span params,
                                                 struct wire_msg_process_write *out);

enum wire_msg_signal {
    WIRE_MSG_SIGNAL_INTERRUPT = 1,
};

/* The params of process/signal. */
struct wire_msg_process_signal {
    struct wire_span process_id;
    enum wire_msg_signal signal;
};

/* Parses process/signal; a signal that is not served is refused. */
WIRE_MUST_CHECK int wire_msg_process_signal_parse(struct wire_msg_parser *parser,
                                                  struct wire_span params,
                                                  struct wire_msg_process_signal *out);

/* How process/terminate ends the tree. */
enum wire_msg_stop_mode {
    WIRE_MSG_STOP_FORCE = 0, /* also when the request names no mode */
    WIRE_MSG_STOP_GRACEFUL = 1,
};
struct wire_msg_stop {
    enum wire_msg_stop_mode mode;
    uint32_t timeout_ms; /* GRACEFUL: then force */
};

/* The params of process/terminate. */
struct wire_msg_process_terminate {
    struct wire_span process_id;
    struct wire_msg_stop stop;
};

/* Parses process/terminate. A graceful stop must say how long it may take. */
WIRE_MUST_CHECK int wire_msg_process_terminate_parse(struct wire_msg_parser *parser,
                                                     struct wire_span params,
                                                     struct wire_msg_process_terminate *out);

/* {processId, sandboxType?}: process_id_json as wire_msg_id_json gave it; sandbox_type may be NULL
 */
void wire_msg_process_start_reply(struct wire_json_writer *writer, struct wire_span id,
                                  struct wire_span process_id_json, const char *sandbox_type);

/* What became of a write: results, not errors. */
enum wire_msg_write_status {
    WIRE_MSG_WRITE_ACCEPTED,
    WIRE_MSG_WRITE_UNKNOWN_PROCESS,
    WIRE_MSG_WRITE_STDIN_CLOSED,
    WIRE_MSG_WRITE_STARTING,
};

/* Writes the reply {status}. */
void wire_msg_process_write_reply(struct wire_json_writer *writer, struct wire_span id,
                                  enum wire_msg_write_status status);

/* Writes the reply {}. */
void wire_msg_process_signal_reply(struct wire_json_writer *writer, struct wire_span id);

/* Writes the reply {running}. */
void wire_msg_process_terminate_reply(struct wire_json_writer *writer, struct wire_span id,
                                      bool is_running);

#endif
