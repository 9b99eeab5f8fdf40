/*
 * Listeners: opening them in the order of the options, accepting, and pausing when the system has
 * no descriptor left. On the server's strand, but for opening, which the main thread does before
 * the server starts.
 */
#include "runner/fds.h"
#include "runner/server.h"
#include "runner/stdio.h"

#include <string.h>

enum { UNIX_BACKLOG = 1024 };

static int open_ws(struct run_listener *listener, struct run_why *out_why)
{
    char address[RUN_IP_TEXT_BYTES];
    iocp_handle handle = IOCP_NO_HANDLE;
    int os_error = 0;
    run_ip_format(&listener->url.ip, address);
    int result =
        iocp_listen_tcp(address, listener->url.port, &handle, &listener->tcp_port, &os_error);
    if (result != 0)
        return run_why_set(out_why, -1, "cannot listen at %s port %u: %s", address,
                           (unsigned)listener->url.port, strerror(os_error));
    listener->engine.handle = handle;
    return 0;
}

static int open_unix(struct run_listener *listener, struct run_why *out_why)
{
    if (run_unix_path_open(listener->url.path, UNIX_BACKLOG, &listener->unix_path, out_why) != 0)
        return -1;
    listener->engine.handle = listener->unix_path.fd;
    listener->unix_path.fd = -1; /* the engine's from here on */
    run_sandboxes_hide(&listener->server->sandboxes, listener->url.path);
    return 0;
}

int run_listener_open(struct run_listener *listener, struct run_why *out_why)
{
    listener->engine.handle = IOCP_NO_HANDLE;
    listener->unix_path.fd = listener->unix_path.lock_fd = -1;
    switch (listener->url.kind) {
    case RUN_LISTEN_WS:
        return open_ws(listener, out_why);
    case RUN_LISTEN_UNIX:
        return open_unix(listener, out_why);
    case RUN_LISTEN_STDIO:
        break; /* its handles are taken when it starts */
    }
    return 0;
}

void run_listener_forget(struct run_listener *listener)
{
    if (listener->url.kind == RUN_LISTEN_UNIX)
        run_unix_path_close(&listener->unix_path);
}

/* ---- Accepting ---- */

static void log_listener(struct run_listener *listener, enum run_log_level level, const char *event,
                         const char *reason)
{
    char url[RUN_LISTEN_URL_BYTES];
    run_listen_url_format(&listener->url, listener->tcp_port, url);
    run_log_event(listener->server->log, level, event, RUN_LOG_TEXT("url", url),
                  RUN_LOG_TEXT("reason", reason));
}

/* Nobody else can help: wait, say so once, go on. The connection waits in the system's queue. */
static void pause_listener(struct run_listener *listener, const char *reason)
{
    uint64_t now_ns = iocp_now_ns(listener->server->port);
    if (!listener->said_pause)
        log_listener(listener, RUN_LOG_WARN, "listener_paused", reason);
    listener->said_pause = true;
    listener->server->open_parts++;
    iocp_timer_start(&listener->pause, now_ns + RUN_ACCEPT_PAUSE_MS * UINT64_C(1000000));
}

static void on_pause_over(struct iocp_op *op)
{
    struct run_listener *listener = IOCP_OWNER(op, struct run_listener, pause.op);
    if (listener->is_open)
        iocp_accept_start(&listener->engine);
    run_server_part_closed(listener->server);
}

static void take(struct run_listener *listener, iocp_handle handle)
{
    struct run_server *server = listener->server;
    if (atomic_load(&server->new_conns) >= RUN_NEW_CONNS_MAX) {
        if (!listener->said_new_limit)
            log_listener(listener, RUN_LOG_WARN, "connection_refused",
                         "too many connections that have not initialized");
        listener->said_new_limit = true;
        run_metrics_add(&server->metrics, RUN_COUNT_REFUSALS + RUN_REFUSED_TOO_MANY, 1);
        iocp_handle_close(server->port, handle);
        return;
    }
    struct run_conn_handles handles = {handle, handle, IOCP_STREAM_SOCKET, IOCP_STREAM_SOCKET};
    run_server_add(server, listener, &handles);
}

static void on_accept(struct iocp_op *op)
{
    struct run_listener *listener = IOCP_OWNER(op, struct run_listener, engine.accept);
    if (!listener->is_open) { /* the server stops: nobody would tell the connection to end */
        if (op->result == 0)
            iocp_handle_close(listener->server->port, listener->engine.accepted);
        return;
    }
    if (op->result == 0)
        take(listener, listener->engine.accepted);
    if (op->result == 0) {
        listener->said_pause = false;
        iocp_accept_start(&listener->engine);
    } else {
        pause_listener(listener,
                       op->os_error != 0 ? strerror(op->os_error) : iocp_error_text(op->result));
    }
}

static void on_close(struct iocp_op *op)
{
    struct run_listener *listener = IOCP_OWNER(op, struct run_listener, engine.close);
    run_listener_forget(listener);
    run_server_part_closed(listener->server);
}

static void start_stdio(struct run_listener *listener)
{
    struct run_conn_handles handles;
    struct run_why why;
    if (run_stdio_take(&handles, &why) != 0) {
        log_listener(listener, RUN_LOG_ERROR, "listener_failed", why.text);
        run_server_stdio_ended(listener->server);
        return;
    }
    run_server_add(listener->server, listener, &handles);
}

void run_listener_start(struct run_listener *listener)
{
    struct run_server *server = listener->server;
    int os_error = 0;
    if (listener->url.kind == RUN_LISTEN_STDIO) {
        start_stdio(listener);
        return;
    }
    iocp_timer_init(&listener->pause, &server->strand, on_pause_over);
    if (iocp_listener_open(&listener->engine, &server->strand, listener->engine.handle, on_accept,
                           on_close, &os_error) != 0) {
        log_listener(listener, RUN_LOG_ERROR, "listener_failed", strerror(os_error));
        return;
    }
    listener->is_open = true;
    server->open_parts++;
    log_listener(listener, RUN_LOG_INFO, "listener_opened", "");
    iocp_accept_start(&listener->engine);
}

void run_listener_close(struct run_listener *listener)
{
    if (!listener->is_open)
        return;
    listener->is_open = false; /* whatever completes now starts nothing more */
    iocp_timer_cancel(&listener->pause);
    iocp_listener_close_start(&listener->engine);
}
