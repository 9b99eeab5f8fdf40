/*
 * Replies: see reply.h.
 */
#include "runner/reply.h"

#include <assert.h>

struct wire_json_writer *run_reply_begin(struct run_reply *reply, struct run_conn *conn)
{
    reply->conn = conn;
    wire_json_writer_init(&reply->writer, reply->buffer, sizeof(reply->buffer));
    return &reply->writer;
}

void run_reply_send(struct run_reply *reply)
{
    struct wire_span json;
    int result = wire_json_writer_finish(&reply->writer, &json);
    assert(result == 0);
    if (result == 0)
        run_conn_send_json(reply->conn, json);
}

void run_reply_send_counted(struct run_conn *conn, run_reply_write *write, const void *context)
{
    struct wire_json_writer writer;
    struct wire_span json;
    uint8_t *text;
    wire_json_writer_init(&writer, NULL, 0);
    write(&writer, context);
    size_t size_bytes = writer.needed_bytes;
    struct run_frame *frame = run_conn_message(conn, size_bytes, &text);
    if (frame == NULL)
        return;
    wire_json_writer_init(&writer, text, size_bytes);
    write(&writer, context);
    int result = wire_json_writer_finish(&writer, &json);
    assert(result == 0 && json.size == size_bytes);
    (void)result;
    run_conn_send(conn, RUN_FRAME_REPLY, frame);
}

void run_reply_text(struct run_conn *conn, struct wire_span id, enum wire_rpc_text text,
                    struct wire_span argument)
{
    struct run_reply reply;
    wire_rpc_write_text(run_reply_begin(&reply, conn), id, text, argument);
    run_reply_send(&reply);
}

void run_reply_gone(struct run_conn *conn, struct wire_span id, enum wire_rpc_text text,
                    struct wire_span argument, const struct wire_msg_gone *gone)
{
    struct run_reply reply;
    wire_msg_gone_refuse(run_reply_begin(&reply, conn), id, text, argument, gone);
    run_reply_send(&reply);
}

void run_reply_shortage(struct wire_json_writer *writer, struct wire_span id,
                        const struct sess_shortage *shortage)
{
    const char *resource = shortage->resource != NULL ? shortage->resource : "memory";
    wire_rpc_write_no_capacity(writer, id, resource, shortage->have, shortage->need);
}
