/*
 * The server's end. Graceful: listeners close, every session is terminated with its grace time,
 * clients hear of it, connections end when their last session has. Forced: everything is killed and
 * cut at once. Then the host of the sessions closes, then what is left of the server, and the port
 * stops. If that takes too long, a helper's call hangs (a file system that does not answer): the
 * process then ends without it, and its keeper ends what is left. On the server's strand.
 */
#include "runner/server.h"

#include <assert.h>
#include <stdlib.h>

enum { LOG_END_MS = 1000 };

static void on_ended(struct iocp_op *op)
{
    struct run_server *server = IOCP_OWNER(op, struct run_server, end);
    iocp_port_stop(server->port);
}

static void on_host_closed(struct iocp_op *op)
{
    struct run_server *server = IOCP_OWNER(op, struct run_server, host_closed);
    server->host_is_closed = true;
    server->hangs_ns = 0;
    iocp_timer_cancel(&server->hangs);
    iocp_timer_cancel(&server->clock);
    iocp_close_start(&server->signals);
}

static void host_closed(void *context)
{
    struct run_server *server = context;
    iocp_post(&server->host_closed);
}

/* ---- An end that hangs ---- */

/* The threads that hang cannot be ended, and the port waits for them. */
static void end_now(struct run_server *server)
{
    run_log_event(server->log, RUN_LOG_ERROR, "server_end_hangs",
                  RUN_LOG_TEXT("reason", "a call does not return; the process ends without it"));
    (void)run_log_close(server->log, LOG_END_MS);
    _Exit(EXIT_FAILURE);
}

/* Whoever moved the deadline has cancelled the timer. */
static void on_hangs(struct iocp_op *op)
{
    struct run_server *server = IOCP_OWNER(op, struct run_server, hangs.op);
    if (op->result == 0)
        end_now(server);
    if (server->hangs_ns != 0)
        iocp_timer_start(&server->hangs, server->hangs_ns);
    else
        run_server_part_closed(server);
}

static void expect_end(struct run_server *server, uint64_t within_ms)
{
    server->hangs_ns = iocp_now_ns(server->port) + within_ms * 1000000;
    if (iocp_pending(&server->hangs.op)) {
        iocp_timer_cancel(&server->hangs);
        return;
    }
    server->open_parts++;
    iocp_timer_start(&server->hangs, server->hangs_ns);
}

void run_server_stop_init(struct run_server *server)
{
    iocp_timer_init(&server->hangs, &server->strand, on_hangs);
    iocp_op_init(&server->host_closed, &server->strand, on_host_closed);
}

void run_server_advance_stop(struct run_server *server)
{
    if (server->state != RUN_SERVER_STOPPING || server->conn_count > 0 ||
        run_slots_taken(&server->slots) > 0)
        return;
    if (!server->host_closing) {
        server->host_closing = true;
        sess_host_close_start(server->host, host_closed, server);
    } else if (server->host_is_closed && server->open_parts == 0) {
        server->state = RUN_SERVER_ENDED;
        iocp_strand_end(&server->strand, &server->end, on_ended);
    }
}

void run_server_part_closed(struct run_server *server)
{
    assert(server->open_parts > 0);
    server->open_parts--;
    run_server_advance_stop(server);
}

static void stop_conns(struct run_server *server)
{
    for (struct run_conn *conn = server->conns; conn != NULL; conn = conn->next)
        iocp_kick(&conn->stop);
}

void run_server_stop(struct run_server *server, bool force)
{
    bool first = server->state == RUN_SERVER_SERVING;
    if (server->state == RUN_SERVER_ENDED || (!first && (!force || run_server_is_forced(server))))
        return;
    if (force)
        atomic_store(&server->forced, true);
    run_log_event(server->log, RUN_LOG_INFO, "server_stopping", RUN_LOG_BOOL("force", force));
    server->state = RUN_SERVER_STOPPING;
    expect_end(server, force ? RUN_HANGS_FORCED_MS : run_server_grace_ms(server) + RUN_HANGS_MS);
    for (size_t i = 0; i < server->listener_count; i++)
        run_listener_close(&server->listeners[i]);
    stop_conns(server);
    run_server_stop_tenures(server);
    run_server_advance_stop(server);
}
