/*
 * Replies that are made on helpers: see files_message.h.
 */
#include "runner/files_message.h"

#include <assert.h>

bool run_file_message_begin(struct run_file_message *message, struct iocp_port *port,
                            enum wire_rpc_framing framing, size_t json_bytes)
{
    message->framing = framing;
    message->frame = NULL;
    if (json_bytes <= UINT32_MAX / 2)
        message->frame = run_frame_new(port, (uint32_t)(json_bytes + WIRE_RPC_ROOM));
    if (message->frame == NULL)
        return false;
    wire_json_writer_init(&message->writer, message->frame->data + WIRE_RPC_ROOM_BEFORE,
                          json_bytes);
    return true;
}

struct run_frame *run_file_message_end(struct run_file_message *message)
{
    struct run_frame *frame = message->frame;
    struct wire_span json;
    int result = wire_json_writer_finish(&message->writer, &json);
    assert(result == 0);
    (void)result;
    struct wire_span whole = wire_rpc_frame(message->framing, frame->data, json.size);
    frame->data += whole.data - frame->data;
    frame->size_bytes = (uint32_t)whole.size;
    message->frame = NULL;
    return frame;
}

void run_file_message_drop(struct run_file_message *message)
{
    run_frame_free(message->frame);
    message->frame = NULL;
}
