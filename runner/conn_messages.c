/*
 * From bytes to messages in both framings, and the control frames of WebSocket. On the
 * connection's strand.
 */
#include "runner/conn.h"
#include "runner/dispatch.h"
#include "runner/server.h"

static void feed_lines(struct run_conn *conn, uint8_t *data, size_t size)
{
    struct wire_span line;
    int result = WIRE_LINE_READY;
    wire_line_push(&conn->in.line, wire_span_of(data, size));
    while (run_conn_is_open(conn)) {
        result = wire_line_next(&conn->in.line, &line);
        if (result != WIRE_LINE_READY)
            break;
        run_dispatch_message(conn, line);
    }
    if (result >= 0)
        return;
    bool too_long = result == WIRE_LINE_ERR_TOO_LONG;
    conn->cut = too_long ? RUN_CUT_TOO_LARGE : RUN_CUT_NO_MEMORY;
    run_conn_end(conn, 0, too_long ? "a message is too long" : "out of memory");
}

static void take_ping(struct run_conn *conn, struct wire_span payload)
{
    uint8_t frame[WIRE_WS_CONTROL_FRAME_MAX];
    size_t size = wire_ws_control_frame(frame, WIRE_WS_PONG, payload);
    run_conn_send_raw(conn, RUN_FRAME_REPLY, frame, size);
}

static void take_pong(struct run_conn *conn, struct wire_span payload)
{
    uint64_t number = run_acks_pong(conn, payload);
    /* An older pong may have been on its way when the client went. */
    if (conn->probe_number == 0 || number < conn->probe_number)
        return;
    conn->probe_number = 0;
    if (conn->tenure != NULL)
        run_tenure_is_alive(conn->tenure);
}

static void take_event(struct run_conn *conn, const struct wire_ws_event *event)
{
    switch (event->opcode) {
    case WIRE_WS_TEXT:
    case WIRE_WS_BINARY:
        run_dispatch_message(conn, event->payload);
        break;
    case WIRE_WS_PING:
        take_ping(conn, event->payload);
        break;
    case WIRE_WS_PONG:
        take_pong(conn, event->payload);
        break;
    default:
        run_conn_end_closed(conn, event->close_code);
        break;
    }
}

static enum run_cut ws_cut(int error)
{
    switch (error) {
    case WIRE_WS_ERR_TOO_BIG:
        return RUN_CUT_TOO_LARGE;
    case WIRE_WS_ERR_NO_MEMORY:
        return RUN_CUT_NO_MEMORY;
    default:
        return RUN_CUT_PROTOCOL;
    }
}

static void feed_ws(struct run_conn *conn, uint8_t *data, size_t size)
{
    struct wire_ws_event event;
    int result = WIRE_WS_EVENT;
    wire_ws_decoder_push(&conn->in.ws, data, size);
    while (run_conn_is_open(conn)) {
        result = wire_ws_decoder_next(&conn->in.ws, &event);
        if (result != WIRE_WS_EVENT)
            break;
        take_event(conn, &event);
    }
    if (result >= 0)
        return;
    conn->cut = ws_cut(result);
    run_conn_end(conn, (uint16_t)wire_ws_error_code(result), wire_ws_error_text(result));
}

void run_conn_feed_messages(struct run_conn *conn, uint8_t *data, size_t size)
{
    if (conn->framing == RUN_FRAMING_LINE)
        feed_lines(conn, data, size);
    else
        feed_ws(conn, data, size);
}

void run_conn_feed_end(struct run_conn *conn)
{
    struct wire_span line;
    if (conn->framing == RUN_FRAMING_LINE &&
        wire_line_finish(&conn->in.line, &line) == WIRE_LINE_READY)
        run_dispatch_message(conn, line);
    if (conn->listener->url.kind == RUN_LISTEN_STDIO)
        run_server_stdio_ended(conn->server);
}
