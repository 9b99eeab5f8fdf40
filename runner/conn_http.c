/*
 * The HTTP side of a connection: one request, which is a WebSocket handshake, a health question or
 * one for the metrics. Who may connect is decided here, in this order: Host, Origin, path, token.
 * On the connection's strand.
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
    conn->cut = RUN_CUT_HTTP;
    run_conn_end(conn, 0, body);
}

static void answer_error(struct run_conn *conn, int error)
{
    uint8_t buffer[WIRE_HTTP_RESPONSE_HEAD_BYTES + 256];
    ptrdiff_t size = wire_http_response_write_error(error, buffer, sizeof(buffer));
    assert(size > 0);
    run_conn_send_raw(conn, RUN_FRAME_REPLY, buffer, (size_t)size);
    run_metrics_add(conn->metrics, RUN_COUNT_REFUSALS + RUN_REFUSED_REQUEST, 1);
    conn->cut = RUN_CUT_HTTP;
    run_conn_end(conn, 0, wire_http_error_text(error));
}

static void refuse(struct run_conn *conn, enum run_refusal why, int status, const char *body)
{
    run_metrics_add(conn->metrics, RUN_COUNT_REFUSALS + why, 1);
    answer(conn, status, body);
}

/* Refuses what comes from a place that nobody may ask from, whatever is asked. */
static bool is_refused(struct run_conn *conn, const struct wire_http_upgrade *asked)
{
    const struct run_server *server = conn->server;
    bool tcp = conn->listener->url.kind == RUN_LISTEN_WS;
    if (tcp &&
        !run_auth_check_host(&server->hosts, (const char *)asked->host.data, asked->host.size))
        refuse(conn, RUN_REFUSED_HOST, 403,
               "Host must be an IP address, localhost, or a name given by --allow-host\n");
    else if (asked->origin.data != NULL)
        refuse(conn, RUN_REFUSED_ORIGIN, 403, "requests from web pages are refused\n");
    else
        return false;
    return true;
}

static bool is_health_path(struct wire_span path)
{
    return wire_span_equal(path, wire_span_text("/readyz")) ||
           wire_span_equal(path, wire_span_text("/healthz"));
}

static bool is_metrics_path(const struct run_conn *conn, struct wire_span path)
{
    return !conn->server->options->no_metrics && wire_span_equal(path, wire_span_text("/metrics"));
}

/* A path of which there is something to read. kind is what wire_http_upgrade_check gave. */
static void answer_question(struct run_conn *conn, int kind, bool metrics)
{
    if (kind < 0)
        answer_error(conn, kind);
    else if (kind != WIRE_HTTP_PLAIN)
        refuse(conn, RUN_REFUSED_REQUEST, 404, "WebSocket clients connect to /\n");
    else if (metrics)
        run_conn_answer_metrics(conn);
    else
        answer(conn, 200, "ok\n");
}

/* Answers everything but a good handshake; true: it is one. */
static bool may_upgrade(struct run_conn *conn, struct wire_http_upgrade *out_upgrade)
{
    const struct run_auth *auth = &conn->server->auth;
    int kind = wire_http_upgrade_check(conn->request, out_upgrade);
    struct wire_span path = wire_http_request_path(conn->request);
    const struct wire_span *given = &out_upgrade->authorization;
    bool metrics = is_metrics_path(conn, path);
    if (is_refused(conn, out_upgrade))
        return false;
    if (is_health_path(path))
        answer_question(conn, kind, false);
    else if (!metrics && !wire_span_equal(path, wire_span_text("/")))
        refuse(conn, RUN_REFUSED_REQUEST, 404, "nothing is here; WebSocket clients connect to /\n");
    else if (conn->listener->url.kind == RUN_LISTEN_WS &&
             !run_auth_check_token(auth, (const char *)given->data, given->size))
        refuse(conn, RUN_REFUSED_TOKEN, 401, "a bearer token is required\n");
    else if (metrics)
        answer_question(conn, kind, true);
    else if (kind < 0)
        answer_error(conn, kind);
    else if (kind == WIRE_HTTP_PLAIN)
        refuse(conn, RUN_REFUSED_REQUEST, 426, "this is a WebSocket server\n");
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
        run_conn_drop_for(conn, RUN_CUT_NO_MEMORY);
        return false;
    }
    wire_http_request_init(conn->request, NULL);
    return true;
}

void run_conn_feed_http(struct run_conn *conn, uint8_t *data, size_t size)
{
    size_t used = 0;
    if (conn->answered || !obtain_request(conn))
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
