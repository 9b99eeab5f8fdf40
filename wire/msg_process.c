/*
 * The dialect process: a table of members for each request, readers for the few members that are
 * objects or words, and the replies.
 */
#include "wire/msg_process.h"

#include "wire/msg_fields.h"
#include "wire/rpc_writer.h"

#include <assert.h>

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

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

/* A request is for one process or for labels; none at all must not mean all processes. */
static int check_target(struct wire_msg_parser *parser, struct wire_span process_id,
                        const struct wire_msg_pairs *labels)
{
    if (process_id.data && labels->items) {
        return wire_msg_refuse(parser, "`labels` cannot stand beside `processId`");
    }
    if (labels->items && labels->count == 0) {
        return wire_msg_refuse(parser, "`labels` must not be empty");
    }
    return process_id.data || labels->items ? 0
                                            : wire_msg_refuse(parser, "missing field `processId`");
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
        WIRE_MSG_OPTIONAL(struct wire_msg_process_signal, process_id, "processId",
                          wire_msg_read_id),
        WIRE_MSG_OPTIONAL(struct wire_msg_process_signal, labels, "labels", wire_msg_read_labels),
        WIRE_MSG_REQUIRED(struct wire_msg_process_signal, signal, "signal", read_signal),
    };
    memset(out, 0, sizeof *out);
    int error = wire_msg_read_params(parser, params, WIRE_MSG_TABLE(fields, ""), out);
    return error ? error : check_target(parser, out->process_id, &out->labels);
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
        WIRE_MSG_OPTIONAL(struct wire_msg_process_terminate, process_id, "processId",
                          wire_msg_read_id),
        WIRE_MSG_OPTIONAL(struct wire_msg_process_terminate, labels, "labels",
                          wire_msg_read_labels),
        WIRE_MSG_OPTIONAL(struct wire_msg_process_terminate, stop, "mode", read_mode),
    };
    memset(out, 0, sizeof *out);
    int error = wire_msg_read_params(parser, params, WIRE_MSG_TABLE(fields, ""), out);
    return error ? error : check_target(parser, out->process_id, &out->labels);
}

int wire_msg_process_close_stdin_parse(struct wire_msg_parser *parser, struct wire_span params,
                                       struct wire_msg_process_close_stdin *out)
{
    static const struct wire_msg_field fields[] = {
        WIRE_MSG_REQUIRED(struct wire_msg_process_close_stdin, process_id, "processId",
                          wire_msg_read_id),
    };
    memset(out, 0, sizeof *out);
    return wire_msg_read_params(parser, params, WIRE_MSG_TABLE(fields, ""), out);
}

int wire_msg_process_resize_parse(struct wire_msg_parser *parser, struct wire_span params,
                                  struct wire_msg_process_resize *out)
{
    static const struct wire_msg_field fields[] = {
        WIRE_MSG_REQUIRED(struct wire_msg_process_resize, process_id, "processId",
                          wire_msg_read_id),
        WIRE_MSG_REQUIRED(struct wire_msg_process_resize, rows, "rows", wire_msg_read_cells),
        WIRE_MSG_REQUIRED(struct wire_msg_process_resize, cols, "cols", wire_msg_read_cells),
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
                                  enum wire_msg_write_status status,
                                  const struct wire_msg_gone *gone)
{
    static const char *const words[] = {
        [WIRE_MSG_WRITE_ACCEPTED] = "accepted",
        [WIRE_MSG_WRITE_UNKNOWN_PROCESS] = "unknownProcess",
        [WIRE_MSG_WRITE_STDIN_CLOSED] = "stdinClosed",
        [WIRE_MSG_WRITE_STARTING] = "starting",
    };
    assert((unsigned)status < COUNT(words));
    wire_rpc_begin_result(writer, id);
    wire_json_writer_begin_object(writer);
    wire_json_writer_key(writer, "status");
    wire_json_writer_text(writer, words[status]);
    wire_msg_gone_write(writer, gone);
    wire_json_writer_end_object(writer);
    wire_rpc_end(writer);
}

void wire_msg_process_done_reply(struct wire_json_writer *writer, struct wire_span id)
{
    wire_rpc_write_result(writer, id, wire_span_text("{}"));
}

void wire_msg_process_signal_reply(struct wire_json_writer *writer, struct wire_span id,
                                   const struct wire_msg_gone *gone)
{
    wire_rpc_begin_result(writer, id);
    wire_json_writer_begin_object(writer);
    wire_msg_gone_write(writer, gone);
    wire_json_writer_end_object(writer);
    wire_rpc_end(writer);
}

void wire_msg_process_signal_all_reply(struct wire_json_writer *writer, struct wire_span id,
                                       uint64_t count)
{
    wire_rpc_begin_result(writer, id);
    wire_json_writer_begin_object(writer);
    wire_json_writer_key(writer, "count");
    wire_json_writer_uint64(writer, count);
    wire_json_writer_end_object(writer);
    wire_rpc_end(writer);
}

void wire_msg_process_terminate_reply(struct wire_json_writer *writer, struct wire_span id,
                                      bool is_running, const struct wire_msg_gone *gone)
{
    wire_rpc_begin_result(writer, id);
    wire_json_writer_begin_object(writer);
    wire_json_writer_key(writer, "running");
    wire_json_writer_bool(writer, is_running);
    wire_msg_gone_write(writer, gone);
    wire_json_writer_end_object(writer);
    wire_rpc_end(writer);
}

void wire_msg_process_terminate_all_reply(struct wire_json_writer *writer, struct wire_span id,
                                          uint64_t count, uint64_t running)
{
    wire_rpc_begin_result(writer, id);
    wire_json_writer_begin_object(writer);
    wire_json_writer_key(writer, "count");
    wire_json_writer_uint64(writer, count);
    wire_json_writer_key(writer, "running");
    wire_json_writer_uint64(writer, running);
    wire_json_writer_end_object(writer);
    wire_rpc_end(writer);
}
