/*
 * Words for processes that do not run: see msg_gone.h. Nothing is kept here; the caller knows what
 * became of the process, and the text and code of an error are those of rpc_errors.h.
 */
#include "wire/msg_gone.h"

#include "wire/rpc_writer.h"

#include <assert.h>

const char *wire_msg_gone_text(enum wire_msg_gone_reason reason)
{
    static const char *const texts[] = {
        [WIRE_MSG_GONE_EXITED] = "exited",
        [WIRE_MSG_GONE_EXPIRED] = "expired",
        [WIRE_MSG_GONE_NEVER_EXISTED] = "neverExisted",
    };
    assert(reason != WIRE_MSG_GONE_NOT && (unsigned)reason < sizeof texts / sizeof texts[0]);
    return texts[reason];
}

void wire_msg_gone_write_end(struct wire_json_writer *writer, const struct wire_msg_gone *gone)
{
    if (gone->reason != WIRE_MSG_GONE_EXITED) {
        return;
    }
    wire_json_writer_key(writer, "exitCode");
    wire_json_writer_int64(writer, gone->exit_code);
    wire_json_writer_key(writer, "endedBy");
    wire_json_writer_text(writer, gone->ended_by);
}

void wire_msg_gone_write(struct wire_json_writer *writer, const struct wire_msg_gone *gone)
{
    if (gone->reason == WIRE_MSG_GONE_NOT) {
        return;
    }
    wire_json_writer_key(writer, "reason");
    wire_json_writer_text(writer, wire_msg_gone_text(gone->reason));
    wire_msg_gone_write_end(writer, gone);
}

void wire_msg_gone_refuse(struct wire_json_writer *writer, struct wire_span id,
                          enum wire_rpc_text text, struct wire_span argument,
                          const struct wire_msg_gone *gone)
{
    char message[WIRE_RPC_TEXT_LIMIT];
    size_t size = wire_rpc_text_format(text, argument, message);
    wire_rpc_begin_error(writer, id, wire_rpc_text_code(text), wire_span_of(message, size));
    wire_json_writer_key(writer, "data");
    wire_json_writer_begin_object(writer);
    wire_msg_gone_write(writer, gone);
    wire_json_writer_end_object(writer);
    wire_rpc_end_error(writer);
}
