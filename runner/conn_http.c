/*
 * The HTTP side of a connection: one request, which is a WebSocket handshake or a health question.
 * Who may connect is decided here, in this order: Host, Origin, path, token. On the connection's
 * strand.
 */
#include "runner/conn.h"
#include "runner/server.h"
#include "runner/sha.h"
#include "wire/http_response.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void run_conn_free_request(struct run_conn *conn)
{
    if (conn->request == NULL)
        return;
    wire_http_request_deinit(conn->request);
    free(conn->request);
    conn->request = NULL;
}

static void answer(struct run_conn *conn, int status, const char *body)
{
    uint8_t buffer[WIRE_HTTP_RESPONSE_HEAD_BYTES + 256];
    struct wire_http_response response = {.status = status, .body = wire_span_text(body)};
    ptrdiff_t size = wire_http_response_write(&response, buffer, sizeof(buffer));
    assert(size > 0);
    run_conn_send_raw(conn, RUN_FRAME_REPLY, buffer, (size_t)size);
    run_conn_end(conn, 0, body);
}

static void answer_error(struct run_conn *conn, int error)
{
    uint8_t buffer[WIRE_HTTP_RESPONSE_HEAD_BYTES + 256];
    ptrdiff_t size = wire_http_response_write_error(error, buffer, sizeof(buffer));
    assert(size > 0);
    run_conn_send_raw(conn, RUN_FRAME_REPLY, buffer, (size_t)size);
    run_conn_end(conn, 0, wire_http_error_text(error));
}

/* Why the request is refused, whatever it asks for; 0: it is not. */
static int refusal(const struct run_conn *conn, const struct wire_http_upgrade *asked,
                   const char **out_body)
{
    const struct run_server *server = conn->server;
    bool tcp = conn->listener->url.kind == RUN_LISTEN_WS;
    if (tcp &&
        !run_auth_check_host(&server->hosts, (const char *)asked->host.data, asked->host.size)) {
        *out_body = "Host must be an IP address, localhost, or a name given by --allow-host\n";
        return 403;
    }
    if (asked->origin.data != NULL) {
        *out_body = "requests from web pages are refused\n";
        return 403;
    }
    return 0;
}

static bool is_health_path(struct wire_span path)
{
    return wire_span_equal(path, wire_span_text("/readyz")) ||
           wire_span_equal(path, wire_span_text("/healthz"));
}

/* Answers everything but a good handshake; true: it is one. */
static bool may_upgrade(struct run_conn *conn, struct wire_http_upgrade *out_upgrade)
{
    const struct run_auth *auth = &conn->server->auth;
    const char *body = NULL;
    int kind = wire_http_upgrade_check(conn->request, out_upgrade);
    int status = refusal(conn, out_upgrade, &body);
    struct wire_span path = wire_http_request_path(conn->request);
    const struct wire_span *given = &out_upgrade->authorization;
    if (status != 0)
        answer(conn, status, body);
    else if (kind == WIRE_HTTP_PLAIN && is_health_path(path))
        answer(conn, 200, "ok\n");
    else if (!wire_span_equal(path, wire_span_text("/")))
        answer(conn, 404, "nothing is here; WebSocket clients connect to /\n");
    else if (conn->listener->url.kind == RUN_LISTEN_WS &&
             !run_auth_check_token(auth, (const char *)given->data, given->size))
        answer(conn, 401, "a bearer token is required\n");
    else if (kind < 0)
        answer_error(conn, kind);
    else if (kind == WIRE_HTTP_PLAIN)
        answer(conn, 426, "this is a WebSocket server\n");
    else
        return true;
    return false;
}

static void sha1(const uint8_t *data, size_t size_bytes, uint8_t digest[20])
{
    run_sha1(data, size_bytes, digest);
}

static void upgrade(struct run_conn *conn)
{
    struct wire_http_upgrade asked;
    if (!may_upgrade(conn, &asked))
        return;
    char accept[WIRE_HTTP_ACCEPT_BYTES];
    uint8_t buffer[WIRE_HTTP_RESPONSE_HEAD_BYTES];
    wire_http_accept(asked.key, sha1, accept);
    ptrdiff_t size = wire_http_response_write_upgrade(accept, NULL, buffer, sizeof(buffer));
    assert(size > 0);
    run_conn_send_raw(conn, RUN_FRAME_REPLY, buffer, (size_t)size);
    conn->last_ping_ns = iocp_now_ns(conn->strand.port);
    run_conn_begin(conn, RUN_FRAMING_WS);
}

static bool obtain_request(struct run_conn *conn)
{
    if (conn->request != NULL)
        return true;
    conn->request = malloc(sizeof(*conn->request));
    if (conn->request == NULL) {
        run_conn_drop(conn);
        return false;
    }
    wire_http_request_init(conn->request, NULL);
    return true;
}

void run_conn_feed_http(struct run_conn *conn, uint8_t *data, size_t size)
{
    size_t used = 0;
    if (!obtain_request(conn))
        return;
    int result = wire_http_request_push(conn->request, wire_span_of(data, size), &used);
    if (result == WIRE_HTTP_MORE)
        return;
    if (result < 0)
        answer_error(conn, result);
    else
        upgrade(conn);
    run_conn_free_request(conn);
    if (run_conn_is_open(conn) && used < size)
        run_conn_feed_messages(conn, data + used, size - used);
}
