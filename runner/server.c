/*
 * The server's middle: its start, its connections, its clock and its signals. See server.h for
 * states and threads; listeners are in server_listen.c, the end is in server_stop.c.
 */
#include "runner/server.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* ---- What connections ask for ---- */

bool run_server_is_forced(const struct run_server *server)
{
    return atomic_load(&server->forced);
}

uint32_t run_server_sessions_per_client(const struct run_server *server)
{
    uint64_t max = server->options->max_sessions_per_client;
    return max < UINT32_MAX ? (uint32_t)max : UINT32_MAX;
}

size_t run_server_message_limit(const struct run_server *server, bool initialized)
{
    uint64_t limit = server->options->max_message_bytes;
    if (!initialized && limit > RUN_NEW_MESSAGE_BYTES)
        limit = RUN_NEW_MESSAGE_BYTES;
    return (size_t)limit;
}

uint64_t run_server_send_timeout_ns(const struct run_server *server)
{
    return server->options->send_timeout_ms * 1000000;
}

uint64_t run_server_ping_interval_ns(const struct run_server *server)
{
    return server->options->ping_interval_ms * 1000000;
}

unsigned run_server_grace_ms(const struct run_server *server)
{
    return (unsigned)server->options->shutdown_grace_ms;
}

const char *const *run_server_env(const struct run_server *server)
{
    return server->env;
}

struct run_sandboxes *run_server_sandboxes(struct run_server *server)
{
    return &server->sandboxes;
}

const struct wire_msg_environment *run_server_environment(const struct run_server *server)
{
    return &server->environment.message;
}

void run_server_log_conn(const struct run_conn *conn, const char *event, const char *reason)
{
    run_log_event(conn->server->log, RUN_LOG_INFO, event,
                  RUN_LOG_UNSIGNED("connection", conn->number), RUN_LOG_TEXT("reason", reason));
}

void run_server_conn_settled(struct run_server *server)
{
    atomic_fetch_sub(&server->new_conns, 1);
}

/* ---- The clock: one timer for all connections, set only while there are any ---- */

static void start_clock(struct run_server *server)
{
    if (iocp_pending(&server->clock.op))
        return;
    server->open_parts++;
    iocp_timer_start(&server->clock, iocp_now_ns(server->port) + server->clock_ns);
}

static void on_clock(struct iocp_op *op)
{
    struct run_server *server = IOCP_OWNER(op, struct run_server, clock.op);
    if (op->result == 0) {
        for (struct run_conn *conn = server->conns; conn != NULL; conn = conn->next)
            iocp_kick(&conn->tick);
        if (server->conns != NULL)
            start_clock(server);
    }
    run_server_part_closed(server);
}

/* A client that stopped reading is found at most half its time late. */
static uint64_t clock_interval_ns(const struct run_options *options)
{
    uint64_t interval_ms = options->ping_interval_ms;
    if (interval_ms == 0 || interval_ms > options->send_timeout_ms / 2)
        interval_ms = options->send_timeout_ms / 2;
    return (interval_ms > 0 ? interval_ms : 1) * 1000000;
}

/* ---- Connections ---- */

void run_server_add(struct run_server *server, struct run_listener *listener,
                    const struct run_conn_handles *handles)
{
    struct run_conn *conn = run_conn_new(server, listener, handles);
    if (conn == NULL) {
        run_log_event(server->log, RUN_LOG_WARN, "connection_refused",
                      RUN_LOG_TEXT("reason", "out of memory"));
        run_metrics_add(&server->metrics, RUN_COUNT_REFUSALS + RUN_REFUSED_NO_MEMORY, 1);
        return;
    }
    conn->number = ++server->next_number;
    run_metrics_add(&server->metrics, RUN_COUNT_OPENED + listener->url.kind, 1);
    run_metrics_add(&server->metrics, RUN_COUNT_CONNS + conn->state, 1);
    conn->next = server->conns;
    if (conn->next != NULL)
        conn->next->prev = conn;
    server->conns = conn;
    server->conn_count++;
    if (conn->counts_as_new)
        atomic_fetch_add(&server->new_conns, 1);
    sess_host_note_descriptors(server->host, conn->open_streams);
    run_server_log_conn(conn, "connection_opened", "");
    run_conn_start(conn);
    start_clock(server);
}

void run_server_conn_left(struct run_server *server, struct run_conn *conn)
{
    if (conn->prev != NULL)
        conn->prev->next = conn->next;
    else
        server->conns = conn->next;
    if (conn->next != NULL)
        conn->next->prev = conn->prev;
    sess_host_note_descriptors(server->host, conn->writer == conn->reader ? -1 : -2);
    run_metrics_add(&server->metrics, RUN_COUNT_CONNS + conn->state, UINT64_MAX); /* one less */
    run_metrics_add(&server->metrics, RUN_COUNT_CLOSED, 1);
    run_server_log_conn(conn, "connection_closed", "");
}

void run_server_conn_freed(struct run_server *server)
{
    server->conn_count--;
    run_server_advance_stop(server);
}

void run_server_stdio_ended(struct run_server *server)
{
    if (server->listener_count == 1)
        iocp_kick(&server->stdio_ended);
}

static void on_stdio_ended(struct iocp_op *op)
{
    run_server_stop(IOCP_OWNER(op, struct run_server, stdio_ended), false);
}

/* ---- Signals ---- */

static void take_signal(struct run_server *server, const uint8_t *record)
{
    struct run_signal signal;
    if (run_signals_decode(record, &signal) != 0)
        return;
    bool passed_on = signal.sender_pid != 0 && signal.sender_pid == server->keeper_pid;
    unsigned level = run_stop_vote(&server->votes, passed_on, iocp_now_ns(server->port));
    if (level != RUN_STOP_NONE)
        run_server_stop(server, level >= RUN_STOP_FORCE);
}

static void on_signal(struct iocp_op *op)
{
    struct run_server *server = IOCP_OWNER(op, struct run_server, signals.read);
    if (op->result != 0)
        return; /* closing */
    struct iocp_slice slice = server->signals.slice;
    for (uint32_t at = 0; at + RUN_SIGNAL_RECORD_BYTES <= slice.size_bytes;
         at += RUN_SIGNAL_RECORD_BYTES)
        take_signal(server, slice.data + at);
    iocp_slice_unref(&slice);
    if (!iocp_pending(&server->signals.close))
        iocp_read_start(&server->signals, IOCP_READ_MAX);
}

static void on_signals_closed(struct iocp_op *op)
{
    run_server_part_closed(IOCP_OWNER(op, struct run_server, signals.close));
}

static const struct iocp_stream_events signal_events = {.on_read = on_signal,
                                                        .on_close = on_signals_closed};

/* ---- Start ---- */

static void on_begin(struct iocp_op *op)
{
    struct run_server *server = IOCP_OWNER(op, struct run_server, begin);
    iocp_read_start(&server->signals, IOCP_READ_MAX);
    for (size_t i = 0; i < server->listener_count; i++)
        run_listener_start(&server->listeners[i]);
}

static int open_signals(struct run_server *server, bool with_hangup, struct run_why *out_why)
{
    int os_error = 0;
    int fd = run_signals_open(with_hangup);
    if (fd < 0)
        return run_why_set(out_why, -1, "cannot receive signals: %s", strerror(errno));
    if (iocp_stream_open(&server->signals, &server->strand, fd, IOCP_STREAM_PIPE, &signal_events,
                         &os_error) != 0) {
        iocp_handle_close(server->port, fd);
        return run_why_set(out_why, -1, "cannot receive signals: %s", strerror(os_error));
    }
    server->open_parts++;
    return 0;
}

static void close_listeners(struct run_server *server, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        iocp_handle_close(server->port, server->listeners[i].engine.handle);
        run_listener_forget(&server->listeners[i]);
    }
}

static int open_listeners(struct run_server *server, struct run_why *out_why)
{
    const struct run_options *options = server->options;
    for (size_t i = 0; i < options->listen_count; i++) {
        server->listeners[i].server = server;
        server->listeners[i].url = options->listen[i];
        if (run_listener_open(&server->listeners[i], out_why) != 0) {
            close_listeners(server, i);
            return -1;
        }
        server->listener_count++;
    }
    return 0;
}

int run_server_open(struct run_server *server, bool with_hangup, struct run_why *out_why)
{
    iocp_strand_init(&server->strand, server->port);
    iocp_op_init(&server->begin, &server->strand, on_begin);
    iocp_op_init(&server->stdio_ended, &server->strand, on_stdio_ended);
    iocp_timer_init(&server->clock, &server->strand, on_clock);
    run_server_stop_init(server);
    server->clock_ns = clock_interval_ns(server->options);
    run_slots_init(&server->slots, &server->strand, (uint32_t)server->options->max_tenures);
    if (open_listeners(server, out_why) != 0)
        return -1;
    if (open_signals(server, with_hangup, out_why) == 0)
        return 0;
    close_listeners(server, server->listener_count);
    return -1;
}

void run_server_start(struct run_server *server)
{
    iocp_post(&server->begin);
}
