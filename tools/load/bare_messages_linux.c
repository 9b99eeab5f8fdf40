/*
 * What the bare server says. JSON is put together from constant pieces; the ids that it repeats
 * are its client's own and need no escaping. Packets of output go out from where they were read.
 */
#include "tools/load/bare.h"

#include "tools/load/base.h"
#include "tools/load/binary.h"
#include "tools/load/ws_client.h"
#include "wire/base64.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

enum { SMALL_BYTES = 320 }; /* every message without a chunk, with two ids */

static void flush_if_much(struct load_bare_conn *conn)
{
    if (load_buffer_size(&conn->out) >= LOAD_BARE_FLUSH_BYTES)
        load_bare_conn_flush(conn);
}

static void put_text(struct load_bare_conn *conn, const char *text, int length)
{
    load_ws_encode_server_head(&conn->out, LOAD_WS_TEXT, (size_t)length);
    load_buffer_append(&conn->out, text, (size_t)length);
}

static void put_packet(struct load_bare_conn *conn, const struct load_packet_head *head,
                       const void *payload)
{
    load_buffer_append(&conn->out, head, sizeof *head);
    load_buffer_append(&conn->out, payload, head->payload_bytes);
}

static struct load_packet_head head_of(struct load_bare_session *session,
                                       enum load_packet_type type)
{
    return (struct load_packet_head){
        .type = (uint8_t)type, .session = session->number, .seq = (uint32_t)++session->seq};
}

static int reply_text(const struct load_bare_request *request, char *text)
{
    int64_t id = request->id;
    const char *session = request->session_id;

    switch (request->method) {
    case LOAD_BARE_INITIALIZE:
        return snprintf(text, SMALL_BYTES,
                        "{\"id\":%" PRId64 ",\"result\":{\"protocolVersion\":\"exec-server.v0\","
                        "\"sessionId\":\"bare\"}}",
                        id);
    case LOAD_BARE_START:
        return snprintf(text, SMALL_BYTES, "{\"id\":%" PRId64 ",\"result\":{\"%s\":\"%s\"}}", id,
                        request->is_v0 ? "sessionId" : "processId", session);
    case LOAD_BARE_WRITE:
        return snprintf(text, SMALL_BYTES, "{\"id\":%" PRId64 ",\"result\":{%s}}", id,
                        request->is_v0 ? "\"accepted\":true" : "\"status\":\"accepted\"");
    default:
        return snprintf(text, SMALL_BYTES, "{\"id\":%" PRId64 ",\"result\":{\"running\":true}}",
                        id);
    }
}

void load_bare_put_reply(struct load_bare_conn *conn, const struct load_bare_request *request,
                         bool is_good, const char *error)
{
    char text[SMALL_BYTES];
    int length;

    if (conn->server->speaks_packets) {
        struct load_packet_head head = {.session = request->number};

        head.type = is_good ? LOAD_PACKET_STARTED : LOAD_PACKET_REFUSED;
        if (request->method == LOAD_BARE_START)
            put_packet(conn, &head, "");
        return;
    }
    if (is_good)
        length = reply_text(request, text);
    else
        length = snprintf(text, sizeof text,
                          "{\"id\":%" PRId64 ",\"error\":{\"code\":-32603,\"message\":\"%s\"}}",
                          request->id, error);
    put_text(conn, text, length);
}

/* Everything of an output message that stands before its chunk. */
static int output_start(struct load_bare_session *session, bool is_stderr, char *text)
{
    const char *stream = is_stderr ? "stderr" : "stdout";

    if (session->conn->is_v0)
        return snprintf(text, SMALL_BYTES,
                        "{\"method\":\"command/exec/outputDelta\",\"params\":{\"sessionId\":\"%s\","
                        "\"stream\":\"%s\",\"chunk\":\"",
                        session->id, stream);
    return snprintf(
        text, SMALL_BYTES,
        "{\"method\":\"process/output\",\"params\":{\"processId\":\"%s\",\"seq\":%" PRIu64
        ",\"stream\":\"%s\",\"chunk\":\"",
        session->id, ++session->seq, session->on_tty ? "pty" : stream);
}

static void put_json_output(struct load_bare_session *session, bool is_stderr,
                            struct wire_span bytes)
{
    struct load_buffer *out = &session->conn->out;
    char start[SMALL_BYTES];
    size_t start_bytes = (size_t)output_start(session, is_stderr, start);
    size_t text_bytes = wire_base64_encoded_size(bytes.size);

    load_ws_encode_server_head(out, LOAD_WS_TEXT, start_bytes + text_bytes + 3);
    load_buffer_append(out, start, start_bytes);
    wire_base64_encode(wire_base64_best(), bytes, load_buffer_reserve(out, text_bytes));
    load_buffer_commit(out, text_bytes);
    load_buffer_append(out, "\"}}", 3);
    flush_if_much(session->conn);
}

/* Sends head and bytes in one call; what the socket leaves over goes through the buffer. */
static void send_packet(struct load_bare_conn *conn, const struct load_packet_head *head,
                        struct wire_span bytes)
{
    struct iovec parts[2] = {{.iov_base = (void *)(uintptr_t)head, .iov_len = sizeof *head},
                             {.iov_base = (void *)(uintptr_t)bytes.data, .iov_len = bytes.size}};
    size_t sent;
    ssize_t result;

    load_bare_conn_flush(conn);
    result = writev(conn->source.fd, parts, 2);
    sent = result < 0 ? 0 : (size_t)result;
    if (sent < sizeof *head) {
        load_buffer_append(&conn->out, (const char *)head + sent, sizeof *head - sent);
        sent = sizeof *head;
    }
    sent -= sizeof *head;
    load_buffer_append(&conn->out, bytes.data + sent, bytes.size - sent);
}

void load_bare_put_output(struct load_bare_session *session, bool is_stderr,
                          const unsigned char *bytes, size_t size_bytes)
{
    struct load_bare_conn *conn = session->conn;
    struct load_packet_head head;

    if (!conn->server->speaks_packets) {
        put_json_output(session, is_stderr, wire_span_of(bytes, size_bytes));
        return;
    }
    head = head_of(session, LOAD_PACKET_OUTPUT);
    head.flag = is_stderr;
    head.payload_bytes = (uint32_t)size_bytes;
    if (size_bytes >= LOAD_BARE_READ_BYTES / 4)
        send_packet(conn, &head, wire_span_of(bytes, size_bytes));
    else
        put_packet(conn, &head, bytes);
    flush_if_much(conn);
}

void load_bare_put_exited(struct load_bare_session *session, int32_t exit_code)
{
    struct load_bare_conn *conn = session->conn;
    char text[SMALL_BYTES];

    if (conn->server->speaks_packets) {
        struct load_packet_head head = head_of(session, LOAD_PACKET_EXITED);

        head.payload_bytes = sizeof exit_code;
        put_packet(conn, &head, &exit_code);
    } else if (conn->is_v0) {
        put_text(conn, text,
                 snprintf(text, sizeof text,
                          "{\"method\":\"command/exec/exited\",\"params\":{\"sessionId\":\"%s\","
                          "\"exitCode\":%d}}",
                          session->id, exit_code));
    } else {
        put_text(conn, text,
                 snprintf(text, sizeof text,
                          "{\"method\":\"process/exited\",\"params\":{\"processId\":\"%s\","
                          "\"seq\":%" PRIu64 ",\"exitCode\":%d,\"sandboxDenied\":false}}",
                          session->id, ++session->seq, exit_code));
    }
}

void load_bare_put_closed(struct load_bare_session *session)
{
    struct load_bare_conn *conn = session->conn;
    char text[SMALL_BYTES];

    if (conn->server->speaks_packets) {
        struct load_packet_head head = head_of(session, LOAD_PACKET_CLOSED);

        put_packet(conn, &head, "");
    } else if (!conn->is_v0) {
        put_text(conn, text,
                 snprintf(text, sizeof text,
                          "{\"method\":\"process/closed\",\"params\":{\"processId\":\"%s\","
                          "\"seq\":%" PRIu64 "}}",
                          session->id, ++session->seq));
    }
}
