/*
 * The requests of the dialect exec-server.v0 and their replies. Parsing decodes into the caller's
 * parser (msg_parser.h): what *out points to lives in its memory and in the message. Each parser
 * returns 0, or a negative enum wire_msg_error with the parser's problem filled in; *out is then of
 * no use. Replies are whole messages in the caller's writer; ids are JSON. Any thread.
 */
#ifndef WIRE_MSG_COMMAND_H
#define WIRE_MSG_COMMAND_H

#include "wire/json_writer.h"
#include "wire/msg_chunk.h"
#include "wire/msg_parser.h"

/* The params of command/exec. */
struct wire_msg_command_exec {
    struct wire_msg_strings argv; /* at least one */
    const char *cwd;              /* absolute */
    struct wire_msg_pairs env;
    bool tty;
    const char *arg0; /* NULL: argv[0] */
};

/* Parses command/exec. An empty argv has the text that clients know. */
WIRE_MUST_CHECK int wire_msg_command_exec_parse(struct wire_msg_parser *parser,
                                                struct wire_span params,
                                                struct wire_msg_command_exec *out);

/* The params of command/exec/write. */
struct wire_msg_command_write {
    struct wire_span session_id;
    struct wire_msg_chunk chunk;
};

/* Parses command/exec/write; the chunk is decoded later (msg_chunk.h). */
WIRE_MUST_CHECK int wire_msg_command_write_parse(struct wire_msg_parser *parser,
                                                 struct wire_span params,
                                                 struct wire_msg_command_write *out);

/* The params of command/exec/terminate. */
struct wire_msg_command_terminate {
    struct wire_span session_id;
};

/* Parses command/exec/terminate. */
WIRE_MUST_CHECK int wire_msg_command_terminate_parse(struct wire_msg_parser *parser,
                                                     struct wire_span params,
                                                     struct wire_msg_command_terminate *out);

/* Writes the reply {sessionId}; session_id_json as wire_msg_id_json gave it. */
void wire_msg_command_exec_reply(struct wire_json_writer *writer, struct wire_span id,
                                 struct wire_span session_id_json);

/* Writes the reply {accepted:true}. */
void wire_msg_command_write_reply(struct wire_json_writer *writer, struct wire_span id);

/* Writes the reply {running}. */
void wire_msg_command_terminate_reply(struct wire_json_writer *writer, struct wire_span id,
                                      bool is_running);

#endif
