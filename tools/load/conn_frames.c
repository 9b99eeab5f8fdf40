/*
 * Cutting a connection's bytes into messages, for the three framings. No I/O.
 */
#include "tools/load/conn_frames.h"

#include "tools/load/base.h"
#include "tools/load/binary.h"
#include "tools/load/ws_client.h"

#include <string.h>

static void give(struct load_conn *conn, const unsigned char *message, size_t size_bytes)
{
    conn->owner.on_message(conn->owner.context, wire_span_of(message, size_bytes));
}

static void answer_ping(struct load_conn *conn, const struct load_ws_frame *frame)
{
    load_ws_encode(&conn->out, LOAD_WS_PONG, frame->payload, frame->payload_bytes,
                   (uint32_t)load_random_next(&conn->random));
    load_loop_want(conn->loop, &conn->writer, LOAD_WRITABLE);
}

static const char *take_data_frame(struct load_conn *conn, const struct load_ws_frame *frame)
{
    bool is_first = frame->opcode != LOAD_WS_CONTINUATION;
    bool is_inside = load_buffer_size(&conn->fragments) > 0;

    if (is_first && is_inside)
        return "a new message inside a fragmented one";
    if (is_first && frame->final) {
        give(conn, frame->payload, frame->payload_bytes);
        return NULL;
    }
    if (!is_first && !is_inside)
        return "a continuation without a beginning";
    load_buffer_append(&conn->fragments, frame->payload, frame->payload_bytes);
    if (frame->final) {
        give(conn, load_buffer_bytes(&conn->fragments), load_buffer_size(&conn->fragments));
        load_buffer_clear(&conn->fragments);
    }
    return NULL;
}

static const char *take_frame(struct load_conn *conn, const struct load_ws_frame *frame)
{
    switch (frame->opcode) {
    case LOAD_WS_PING:
        answer_ping(conn, frame);
        return NULL;
    case LOAD_WS_PONG:
        return NULL;
    case LOAD_WS_CLOSE:
        return "the server sent a close frame";
    default:
        return take_data_frame(conn, frame);
    }
}

/* Takes one frame. Returns its size, 0 for more bytes needed, or -1 with *out_why. */
static ptrdiff_t take_websocket(struct load_conn *conn, const char **out_why)
{
    struct load_ws_frame frame;
    ptrdiff_t taken =
        load_ws_decode(load_buffer_bytes(&conn->in), load_buffer_size(&conn->in), &frame);

    if (taken < 0)
        *out_why = load_ws_error_text((int)taken);
    if (taken <= 0)
        return taken;
    *out_why = take_frame(conn, &frame);
    return *out_why == NULL ? taken : -1;
}

static ptrdiff_t take_line(struct load_conn *conn, const char **out_why)
{
    const unsigned char *line = load_buffer_bytes(&conn->in);
    size_t waiting = load_buffer_size(&conn->in);
    const unsigned char *newline = waiting == 0 ? NULL : memchr(line, '\n', waiting);
    size_t length;

    if (newline == NULL) {
        *out_why = "a line of more than 256 MiB";
        return waiting > LOAD_WS_FRAME_LIMIT_BYTES ? -1 : 0;
    }
    length = (size_t)(newline - line);
    if (length > 0)
        give(conn, line, length);
    return (ptrdiff_t)length + 1;
}

static ptrdiff_t take_packet(struct load_conn *conn, const char **out_why)
{
    struct load_packet_head head;
    size_t waiting = load_buffer_size(&conn->in);

    if (waiting < sizeof head)
        return 0;
    memcpy(&head, load_buffer_bytes(&conn->in), sizeof head);
    if (head.payload_bytes > LOAD_PACKET_LIMIT_BYTES) {
        *out_why = "a packet that is too long";
        return -1;
    }
    if (waiting < sizeof head + head.payload_bytes)
        return 0;
    give(conn, load_buffer_bytes(&conn->in), sizeof head + head.payload_bytes);
    return (ptrdiff_t)(sizeof head + head.payload_bytes);
}

static ptrdiff_t take_one(struct load_conn *conn, const char **out_why)
{
    switch (conn->framing) {
    case LOAD_FRAMING_WEBSOCKET:
        return take_websocket(conn, out_why);
    case LOAD_FRAMING_LINE:
        return take_line(conn, out_why);
    default:
        return take_packet(conn, out_why);
    }
}

const char *load_conn_take_messages(struct load_conn *conn)
{
    const char *why = NULL;
    ptrdiff_t taken;

    while (load_buffer_size(&conn->in) > 0) {
        taken = take_one(conn, &why);
        if (taken == 0)
            return NULL;
        if (taken < 0)
            return why;
        load_buffer_consume(&conn->in, (size_t)taken);
    }
    return NULL;
}

void load_conn_put_message(struct load_conn *conn, const void *message, size_t size_bytes)
{
    switch (conn->framing) {
    case LOAD_FRAMING_WEBSOCKET:
        load_ws_encode(&conn->out, LOAD_WS_TEXT, message, size_bytes,
                       (uint32_t)load_random_next(&conn->random));
        return;
    case LOAD_FRAMING_LINE:
        load_buffer_append(&conn->out, message, size_bytes);
        load_buffer_append(&conn->out, "\n", 1);
        return;
    case LOAD_FRAMING_PACKET:
        load_buffer_append(&conn->out, message, size_bytes);
        return;
    }
}
