/*
 * Observers' messages: see msg_observe.h.
 */
#include "wire/msg_observe.h"

#include "wire/msg_fields.h"
#include "wire/rpc_writer.h"

int wire_msg_process_observe_parse(struct wire_msg_parser *parser, struct wire_span params,
                                   struct wire_msg_process_observe *out)
{
    static const struct wire_msg_field fields[] = {
        WIRE_MSG_REQUIRED(struct wire_msg_process_observe, observer_key, "observerKey",
                          wire_msg_read_id),
        WIRE_MSG_REQUIRED(struct wire_msg_process_observe, process_id, "processId",
                          wire_msg_read_id),
        WIRE_MSG_OPTIONAL(struct wire_msg_process_observe, name, "as", wire_msg_read_id),
        WIRE_MSG_OPTIONAL(struct wire_msg_process_observe, after_seq, "afterSeq",
                          wire_msg_read_uint64),
    };
    memset(out, 0, sizeof *out);
    int error = wire_msg_read_params(parser, params, WIRE_MSG_TABLE(fields, ""), out);
    if (!error && !out->name.data) {
        out->name = out->process_id;
    }
    return error;
}

int wire_msg_process_unobserve_parse(struct wire_msg_parser *parser, struct wire_span params,
                                     struct wire_msg_process_unobserve *out)
{
    static const struct wire_msg_field fields[] = {
        WIRE_MSG_REQUIRED(struct wire_msg_process_unobserve, name, "processId", wire_msg_read_id),
    };
    memset(out, 0, sizeof *out);
    return wire_msg_read_params(parser, params, WIRE_MSG_TABLE(fields, ""), out);
}

static void write_number(struct wire_json_writer *writer, const char *name, uint64_t value)
{
    wire_json_writer_key(writer, name);
    wire_json_writer_uint64(writer, value);
}

static void begin(struct wire_json_writer *writer, struct wire_span name_json)
{
    wire_json_writer_begin_object(writer);
    wire_json_writer_key(writer, "processId");
    wire_json_writer_raw(writer, name_json);
}

static void end(struct wire_json_writer *writer)
{
    wire_json_writer_end_object(writer);
    wire_rpc_end(writer);
}

void wire_msg_process_observe_reply(struct wire_json_writer *writer, struct wire_span id,
                                    const struct wire_msg_observed *observed)
{
    wire_rpc_begin_result(writer, id);
    begin(writer, observed->name_json);
    write_number(writer, "nextSeq", observed->next_seq);
    wire_json_writer_key(writer, "state");
    wire_json_writer_text(writer, observed->state);
    wire_json_writer_key(writer, "tty");
    wire_json_writer_bool(writer, observed->tty);
    wire_json_writer_key(writer, "exitCode");
    if (observed->has_exited) {
        wire_json_writer_int64(writer, observed->exit_code);
    } else {
        wire_json_writer_null(writer);
    }
    end(writer);
}

void wire_msg_process_gap(struct wire_json_writer *writer, struct wire_span name_json,
                          const struct wire_msg_gap *gap)
{
    wire_rpc_begin_notification(writer, "process/gap");
    begin(writer, name_json);
    write_number(writer, "firstSeq", gap->first_seq);
    write_number(writer, "lastSeq", gap->last_seq);
    write_number(writer, gap->is_at_most ? "bytesAtMost" : "bytes", gap->bytes);
    end(writer);
}

void wire_msg_process_observe_ended(struct wire_json_writer *writer, struct wire_span name_json,
                                    const char *reason)
{
    wire_rpc_begin_notification(writer, "process/observeEnded");
    begin(writer, name_json);
    wire_json_writer_key(writer, "reason");
    wire_json_writer_text(writer, reason);
    end(writer);
}
