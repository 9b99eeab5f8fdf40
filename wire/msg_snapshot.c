/*
 * process/snapshot. Its members are named for what a reader sees: a PTY's stream is "terminal".
 */
#include "wire/msg_snapshot.h"

#include "wire/msg_fields.h"
#include "wire/rpc_writer.h"

/* By enum wire_msg_stream. */
static const char *const names[WIRE_MSG_STREAMS] = {"stdout", "stderr", "terminal"};

int wire_msg_process_snapshot_parse(struct wire_msg_parser *parser, struct wire_span params,
                                    struct wire_msg_process_snapshot *out)
{
    static const struct wire_msg_field fields[] = {
        WIRE_MSG_REQUIRED(struct wire_msg_process_snapshot, process_id, "processId",
                          wire_msg_read_id),
    };
    memset(out, 0, sizeof *out);
    return wire_msg_read_params(parser, params, WIRE_MSG_TABLE(fields, ""), out);
}

void wire_msg_snapshot_begin(struct wire_json_writer *writer, struct wire_span id)
{
    wire_rpc_begin_result(writer, id);
    wire_json_writer_begin_object(writer);
}

void wire_msg_snapshot_begin_stream(struct wire_json_writer *writer, enum wire_msg_stream stream,
                                    const struct wire_base64_codec *codec,
                                    struct wire_json_base64 *out_base64)
{
    wire_json_writer_key(writer, names[stream]);
    wire_json_writer_begin_base64(writer, out_base64, codec);
}

void wire_msg_snapshot_no_stream(struct wire_json_writer *writer, enum wire_msg_stream stream)
{
    wire_json_writer_key(writer, names[stream]);
    wire_json_writer_null(writer);
}

static bool is_truncated(const struct wire_msg_snapshot_end *end)
{
    bool lacks = false;
    for (size_t i = 0; i < WIRE_MSG_STREAMS; i++) {
        lacks |= end->omitted[i].bytes > 0;
    }
    return lacks;
}

static void write_omitted(struct wire_json_writer *writer,
                          const struct wire_msg_omitted omitted[WIRE_MSG_STREAMS])
{
    wire_json_writer_key(writer, "omitted");
    wire_json_writer_begin_object(writer);
    for (size_t i = 0; i < WIRE_MSG_STREAMS; i++) {
        if (omitted[i].bytes == 0) {
            continue;
        }
        wire_json_writer_key(writer, names[i]);
        wire_json_writer_begin_object(writer);
        wire_json_writer_key(writer, "bytes");
        wire_json_writer_uint64(writer, omitted[i].bytes);
        wire_json_writer_key(writer, "at");
        wire_json_writer_uint64(writer, omitted[i].at_bytes);
        wire_json_writer_end_object(writer);
    }
    wire_json_writer_end_object(writer);
}

void wire_msg_snapshot_end(struct wire_json_writer *writer, const struct wire_msg_snapshot_end *end)
{
    wire_json_writer_key(writer, "truncated");
    wire_json_writer_bool(writer, is_truncated(end));
    write_omitted(writer, end->omitted);
    wire_json_writer_key(writer, "exitCode");
    if (end->has_exited) {
        wire_json_writer_int64(writer, end->exit_code);
    } else {
        wire_json_writer_null(writer);
    }
    wire_json_writer_key(writer, "running");
    wire_json_writer_bool(writer, end->is_running);
    wire_json_writer_end_object(writer);
    wire_rpc_end(writer);
}
