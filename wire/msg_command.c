/*
 * exec-server.v0: a table of members for each request, and the replies, which are constants but for
 * an id or a flag.
 */
#include "wire/msg_command.h"

#include "wire/msg_fields.h"
#include "wire/rpc_writer.h"

int wire_msg_command_exec_parse(struct wire_msg_parser *parser, struct wire_span params,
                                struct wire_msg_command_exec *out)
{
    static const struct wire_msg_field fields[] = {
        WIRE_MSG_REQUIRED(struct wire_msg_command_exec, argv, "argv", wire_msg_read_argv),
        WIRE_MSG_REQUIRED(struct wire_msg_command_exec, cwd, "cwd", wire_msg_read_cwd),
        WIRE_MSG_REQUIRED(struct wire_msg_command_exec, env, "env", wire_msg_read_pairs),
        WIRE_MSG_REQUIRED(struct wire_msg_command_exec, tty, "tty", wire_msg_read_bool),
        WIRE_MSG_OPTIONAL(struct wire_msg_command_exec, arg0, "arg0", wire_msg_read_text),
    };
    memset(out, 0, sizeof *out);
    return wire_msg_read_params(parser, params, WIRE_MSG_TABLE(fields, ""), out);
}

int wire_msg_command_write_parse(struct wire_msg_parser *parser, struct wire_span params,
                                 struct wire_msg_command_write *out)
{
    static const struct wire_msg_field fields[] = {
        WIRE_MSG_REQUIRED(struct wire_msg_command_write, session_id, "sessionId", wire_msg_read_id),
        WIRE_MSG_REQUIRED(struct wire_msg_command_write, chunk, "chunk", wire_msg_read_chunk),
    };
    memset(out, 0, sizeof *out);
    return wire_msg_read_params(parser, params, WIRE_MSG_TABLE(fields, ""), out);
}

int wire_msg_command_terminate_parse(struct wire_msg_parser *parser, struct wire_span params,
                                     struct wire_msg_command_terminate *out)
{
    static const struct wire_msg_field fields[] = {
        WIRE_MSG_REQUIRED(struct wire_msg_command_terminate, session_id, "sessionId",
                          wire_msg_read_id),
    };
    memset(out, 0, sizeof *out);
    return wire_msg_read_params(parser, params, WIRE_MSG_TABLE(fields, ""), out);
}

void wire_msg_command_exec_reply(struct wire_json_writer *writer, struct wire_span id,
                                 struct wire_span session_id_json)
{
    wire_rpc_begin_result(writer, id);
    wire_json_writer_begin_object(writer);
    wire_json_writer_key(writer, "sessionId");
    wire_json_writer_raw(writer, session_id_json);
    wire_json_writer_end_object(writer);
    wire_rpc_end(writer);
}

void wire_msg_command_write_reply(struct wire_json_writer *writer, struct wire_span id)
{
    wire_rpc_write_result(writer, id, wire_span_text("{\"accepted\":true}"));
}

void wire_msg_command_terminate_reply(struct wire_json_writer *writer, struct wire_span id,
                                      bool is_running)
{
    wire_rpc_write_result(
        writer, id, wire_span_text(is_running ? "{\"running\":true}" : "{\"running\":false}"));
}
