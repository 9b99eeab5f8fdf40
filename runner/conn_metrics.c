/*
 * Answering GET /metrics on a connection. A helper looks at the process first, since that opens
 * files; while it looks for one client, whoever else asks gets what was read last, so a look that
 * hangs holds up one client and never more than one helper. The text is made on the connection's
 * strand and waits in its queue like any reply: nobody waits for whoever reads it slowly.
 */
#include "runner/conn.h"
#include "runner/metrics.h"
#include "runner/server.h"
#include "wire/http_response.h"

#include <assert.h>
#include <stdlib.h>

static void send_text(struct run_conn *conn, struct wire_span text)
{
    struct wire_http_response response = {
        .status = 200,
        .content_type = "text/plain; version=0.0.4; charset=utf-8",
        .body = text,
    };
    size_t capacity = WIRE_HTTP_RESPONSE_HEAD_BYTES + text.size;
    struct run_frame *frame = run_frame_new(conn->strand.port, (uint32_t)capacity);
    if (frame == NULL) {
        run_conn_lose(conn);
        return;
    }
    ptrdiff_t size = wire_http_response_write(&response, frame->data, capacity);
    assert(size > 0);
    frame->size_bytes = (uint32_t)size;
    run_conn_send(conn, RUN_FRAME_REPLY, frame);
    conn->cut = RUN_CUT_HTTP;
    run_conn_end(conn, 0, "the metrics are sent");
}

static void answer(struct run_conn *conn)
{
    struct run_server *server = conn->server;
    struct run_metrics_view *view = malloc(sizeof(*view) + RUN_METRICS_TEXT_BYTES);
    if (view == NULL) {
        run_conn_lose(conn);
        return;
    }
    char *text = (char *)(view + 1);
    run_metrics_view(conn->metrics, server->host, server->log, view);
    size_t size = run_metrics_write(view, text, RUN_METRICS_TEXT_BYTES);
    assert(size <= RUN_METRICS_TEXT_BYTES);
    send_text(conn, wire_span_of(text, size));
    free(view);
}

static void look(struct iocp_help *help)
{
    run_metrics_self_read(IOCP_OWNER(help, struct run_conn, check)->metrics);
}

static void on_looked(struct iocp_op *op)
{
    struct run_conn *conn = IOCP_OWNER(op, struct run_conn, check.op);
    run_metrics_self_done(conn->metrics);
    if (conn->state == RUN_CONN_HANDSHAKE)
        answer(conn);
    run_conn_unref(conn);
}

void run_conn_answer_metrics(struct run_conn *conn)
{
    assert(conn->state == RUN_CONN_HANDSHAKE);
    conn->answered = true;
    if (!run_metrics_self_begin(conn->metrics)) {
        answer(conn);
        return;
    }
    run_conn_ref(conn); /* the helper's */
    conn->check.what = "looking at the server's own process";
    iocp_help_start(&conn->check, &conn->strand, IOCP_POOL_GENERAL, look, on_looked);
}
