/*
 * The dialect process: a table of members for each request, readers for the few members that are
 * objects or words, and the replies.
 */
#include "wire/msg_process.h"

#include "wire/msg_fields.h"
#include "wire/rpc_writer.h"

#include <assert.h>

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static int read_inherit(struct wire_msg_parser *parser, const char *name,
                        const struct wire_json_token *token, void *target)
{
    static const char *const words[] = {"all", "core", "none"};
    static const enum wire_msg_env_inherit values[] = {WIRE_MSG_INHERIT_ALL, WIRE_MSG_INHERIT_CORE,
                                                       WIRE_MSG_INHERIT_NONE};
    size_t index;
    int error = wire_msg_read_word(parser, name, token, words, COUNT(words), &index);
    if (!error) {
        *(enum wire_msg_env_inherit *)target = values[index];
    }
    return error;
}

static int read_env_policy(struct wire_msg_parser *parser, const char *name,
                           const struct wire_json_token *token, void *target)
{
    static const struct wire_msg_field fields[] = {
        WIRE_MSG_REQUIRED(struct wire_msg_env_policy, inherit, "inherit", read_inherit),
        WIRE_MSG_REQUIRED(struct wire_msg_env_policy, ignores_default_excludes,
                          "ignoreDefaultExcludes", wire_msg_read_bool),
        WIRE_MSG_REQUIRED(struct wire_msg_env_policy, exclude, "exclude", wire_msg_read_strings),
        WIRE_MSG_REQUIRED(struct wire_msg_env_policy, set, "set", wire_msg_read_pairs),
        WIRE_MSG_REQUIRED(struct wire_msg_env_policy, include_only, "includeOnly",
                          wire_msg_read_strings),
    };
    struct wire_msg_env_policy *policy = target;
    policy->is_present = true;
    return wire_msg_read_object(parser, name, token, WIRE_MSG_TABLE(fields, "envPolicy."), policy);
}

int wire_msg_process_start_parse(struct wire_msg_parser *parser, struct wire_span params,
                                 struct wire_msg_process_start *out)
{
    static const struct wire_msg_field fields[] = {
        WIRE_MSG_REQUIRED(struct wire_msg_process_start, process_id, "processId", wire_msg_read_id),
        WIRE_MSG_REQUIRED(struct wire_msg_process_start, argv, "argv", wire_msg_read_argv),
        WIRE_MSG_REQUIRED(struct wire_msg_process_start, cwd, "cwd", wire_msg_read_cwd),
        WIRE_MSG_REQUIRED(struct wire_msg_process_start, env, "env", wire_msg_read_pairs),
        WIRE_MSG_REQUIRED(struct wire_msg_process_start, tty, "tty", wire_msg_read_bool),
        WIRE_MSG_OPTIONAL(struct wire_msg_process_start, pipe_stdin, "pipeStdin",
                          wire_msg_read_bool),
        WIRE_MSG_OPTIONAL(struct wire_msg_process_start, arg0, "arg0", wire_msg_read_text),
        WIRE_MSG_OPTIONAL(struct wire_msg_process_start, env_policy, "envPolicy", read_env_policy),
        WIRE_MSG_OPTIONAL(struct wire_msg_process_start, sandbox, "sandbox", wire_msg_read_raw),
        WIRE_MSG_OPTIONAL(struct wire_msg_process_start, enforce_managed_network,
                          "enforceManagedNetwork", wire_msg_read_bool),
        WIRE_MSG_OPTIONAL(struct wire_msg_process_start, managed_network, "managedNetwork",
                          wire_msg_read_raw),
        WIRE_MSG_OPTIONAL(struct wire_msg_process_start, metadata, "metadata", wire_msg_read_raw),
    };
    memset(out, 0, sizeof *out);
    return wire_msg_read_params(parser, params, WIRE_MSG_TABLE(fields, ""), out);
}

int wire_msg_process_write_parse(struct wire_msg_parser *parser, struct wire_span params,
                                 struct wire_msg_process_write *out)
{
    static const struct wire_msg_field fields[] = {
        WIRE_MSG_REQUIRED(struct wire_msg_process_write, process_id, "processId", wire_msg_read_id),
        WIRE_MSG_REQUIRED(struct wire_msg_process_write, chunk, "chunk", wire_msg_read_chunk),
        WIRE_MSG_OPTIONAL(struct wire_msg_process_write, write_id, "writeId", wire_msg_read_id),
    };
    memset(out, 0, sizeof *out);
    int error = wire_msg_read_params(parser, params, WIRE_MSG_TABLE(fields, ""), out);
    if (!error && out->write_id.data && out->write_id.size == 0) {
        return wire_msg_refuse(parser, "`writeId` must not be empty");
    }
    return error;
}

static int read_signal(struct wire_msg_parser *parser, const char *name,
                       const struct wire_json_token *token, void *target)
{
    static const char *const words[] = {"interrupt"};
    size_t index;
    int error = wire_msg_read_word(parser, name, token, words, COUNT(words), &index);
    if (!error) {
        *(enum wire_msg_signal *)target = WIRE_MSG_SIGNAL_INTERRUPT;
    }
    return error;
}

int wire_msg_process_signal_parse(struct wire_msg_parser *parser, struct wire_span params,
                                  struct wire_msg_process_signal *out)
{
    static const struct wire_msg_field fields[] = {
        WIRE_MSG_REQUIRED(struct wire_msg_process_signal, process_id, "processId",
                          wire_msg_read_id),
        WIRE_MSG_REQUIRED(struct wire_msg_process_signal, signal, "signal", read_signal),
    };
    memset(out, 0, sizeof *out);
    return wire_msg_read_params(parser, params, WIRE_MSG_TABLE(fields, ""), out);
}

/* A mode as the message has it: the time limit belongs to graceful, which must say it. */
struct mode_members {
    enum wire_msg_stop_mode mode;
    struct wire_span timeout; /* data NULL: not there */
    uint32_t timeout_ms;
};

static int read_mode_type(struct wire_msg_parser *parser, const char *name,
                          const struct wire_json_token *token, void *target)
{
    static const char *const words[] = {"force", "graceful"};
    size_t index;
    int error = wire_msg_read_word(parser, name, token, words, COUNT(words), &index);
    if (!error) {
        *(enum wire_msg_stop_mode *)target = index ? WIRE_MSG_STOP_GRACEFUL : WIRE_MSG_STOP_FORCE;
    }
    return error;
}

static int read_timeout(struct wire_msg_parser *parser, const char *name,
                        const struct wire_json_token *token, void *target)
{
    struct mode_members *members = target;
    members->timeout = token->text;
    return wire_msg_read_uint32(parser, name, token, &members->timeout_ms);
}

static int read_mode(struct wire_msg_parser *parser, const char *name,
                     const struct wire_json_token *token, void *target)
{
    static const struct wire_msg_field fields[] = {
        WIRE_MSG_REQUIRED(struct mode_members, mode, "type", read_mode_type),
        {"timeoutMs", read_timeout, 0, false},
    };
    struct wire_msg_stop *stop = target;
    struct mode_members members = {0};
    int error =
        wire_msg_read_object(parser, name, token, WIRE_MSG_TABLE(fields, "mode."), &members);
    if (error) {
        return error;
    }
    if (members.mode == WIRE_MSG_STOP_GRACEFUL && !members.timeout.data) {
        return wire_msg_refuse(parser, "missing field `mode.timeoutMs`");
    }
    stop->mode = members.mode;
    stop->timeout_ms = members.mode == WIRE_MSG_STOP_GRACEFUL ? members.timeout_ms : 0;
    return 0;
}

int wire_msg_process_terminate_parse(struct wire_msg_parser *parser, struct wire_span params,
                                     struct wire_msg_process_terminate *out)
{
    static const struct wire_msg_field fields[] = {
        WIRE_MSG_REQUIRED(struct wire_msg_process_terminate, process_id, "processId",
                          wire_msg_read_id),
        WIRE_MSG_OPTIONAL(struct wire_msg_process_terminate, stop, "mode", read_mode),
    };
    memset(out, 0, sizeof *out);
    return wire_msg_read_params(parser, params, WIRE_MSG_TABLE(fields, ""), out);
}

void wire_msg_process_start_reply(struct wire_json_writer *writer, struct wire_span id,
                                  struct wire_span process_id_json, const char *sandbox_type)
{
    wire_rpc_begin_result(writer, id);
    wire_json_writer_begin_object(writer);
    wire_json_writer_key(writer, "processId");
    wire_json_writer_raw(writer, process_id_json);
    if (sandbox_type) {
        wire_json_writer_key(writer, "sandboxType");
        wire_json_writer_text(writer, sandbox_type);
    }
    wire_json_writer_end_object(writer);
    wire_rpc_end(writer);
}

void wire_msg_process_write_reply(struct wire_json_writer *writer, struct wire_span id,
                                  enum wire_msg_write_status status)
{
    static const char *const results[] = {
        [WIRE_MSG_WRITE_ACCEPTED] = "{\"status\":\"accepted\"}",
        [WIRE_MSG_WRITE_UNKNOWN_PROCESS] = "{\"status\":\"unknownProcess\"}",
        [WIRE_MSG_WRITE_STDIN_CLOSED] = "{\"status\":\"stdinClosed\"}",
        [WIRE_MSG_WRITE_STARTING] = "{\"status\":\"starting\"}",
    };
    assert((unsigned)status < COUNT(results));
    wire_rpc_write_result(writer, id, wire_span_text(results[status]));
}

void wire_msg_process_signal_reply(struct wire_json_writer *writer, struct wire_span id)
{
    wire_rpc_write_result(writer, id, wire_span_text("{}"));
}

void wire_msg_process_terminate_reply(struct wire_json_writer *writer, struct wire_span id,
                                      bool is_running)
{
    wire_rpc_write_result(
        writer, id, wire_span_text(is_running ? "{\"running\":true}" : "{\"running\":false}"));
}
