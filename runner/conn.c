/*
 * A connection's life and its reading: see conn.h for states and threads. Sending is in
 * conn_send.c, the framings in conn_http.c and conn_messages.c.
 */
#include "runner/conn.h"

#include "runner/dispatch.h"
#include "runner/server.h"
#include "runner/tombstone.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { READ_BYTES = IOCP_READ_MAX };

_Static_assert(RUN_METRICS_CONN_STATES == RUN_CONN_CLOSING + 1, "each state is counted");

static struct run_conn *of_stream(struct iocp_stream *stream)
{
    /* A stream knows its strand, and that is the connection's first member. */
    return IOCP_OWNER(stream->read.strand, struct run_conn, strand);
}

static struct run_conn *of_read(struct iocp_op *op)
{
    return of_stream(IOCP_OWNER(op, struct iocp_stream, read));
}

void run_conn_set_state(struct run_conn *conn, enum run_conn_state state)
{
    assert(state > conn->state);
    run_metrics_move(conn->metrics, RUN_COUNT_CONNS + conn->state, RUN_COUNT_CONNS + state);
    conn->state = (uint8_t)state;
}

bool run_conn_may_be_resumed(const struct run_conn *conn)
{
    return conn->framing == RUN_FRAMING_WS && conn->dialect != RUN_DIALECT_V0 &&
           run_server_detach_ttl_ns(conn->server) > 0;
}

uint32_t run_conn_window_bytes(const struct run_conn *conn)
{
    const struct run_options *options = conn->server->options;
    uint64_t bytes = options->window_bytes;
    if (run_conn_may_be_resumed(conn) && bytes > options->resume_ring_bytes)
        bytes = options->resume_ring_bytes;
    return bytes < UINT32_MAX / 2 ? (uint32_t)bytes : UINT32_MAX / 2;
}

struct sess_host *run_conn_host(const struct run_conn *conn)
{
    return conn->server->host;
}

struct run_conn *run_conn_ref(struct run_conn *conn)
{
    atomic_fetch_add_explicit(&conn->refs, 1, memory_order_relaxed);
    return conn;
}

/* On the server's strand: whoever waits for the last connection sees it gone there. */
static void on_freed(struct iocp_op *op)
{
    struct run_conn *conn = IOCP_OWNER(op, struct run_conn, leave);
    struct run_server *server = conn->server;
    free(conn);
    run_server_conn_freed(server);
}

static void on_ended(struct iocp_op *op)
{
    struct run_conn *conn = IOCP_OWNER(op, struct run_conn, end);
    iocp_op_init(&conn->leave, run_server_strand(conn->server), on_freed);
    iocp_post(&conn->leave);
}

static void on_last_ref(struct iocp_op *op)
{
    struct run_conn *conn = IOCP_OWNER(op, struct run_conn, end);
    assert(conn->state == RUN_CONN_CLOSING && !iocp_pending(&conn->timer.op));
    assert(!iocp_pending(&conn->stopped.op));
    assert(conn->tenure == NULL && conn->waitings.first == NULL && conn->files.first == NULL);
    assert(conn->observings.first == NULL && conn->room.first == NULL);
    iocp_strand_end(&conn->strand, &conn->end, on_ended);
}

void run_conn_unref(struct run_conn *conn)
{
    if (atomic_fetch_sub_explicit(&conn->refs, 1, memory_order_acq_rel) > 1)
        return;
    iocp_op_init(&conn->end, &conn->strand, on_last_ref);
    iocp_post(&conn->end);
}

/* ---- Reading ---- */

void run_conn_read_more(struct run_conn *conn)
{
    if (conn->state == RUN_CONN_CLOSING || conn->reader_ended || iocp_pending(&conn->reader->read))
        return;
    conn->held = run_conn_is_open(conn) &&
                 run_outq_bytes(&conn->queue, RUN_FRAME_REPLY) > RUN_REPLY_QUEUE_BYTES;
    if (!conn->held)
        iocp_read_start(conn->reader, READ_BYTES);
}

/* Feeds bytes to a framing that has been chosen, unless those before have ended the connection. */
static void feed_chosen(struct run_conn *conn, uint8_t *data, size_t size)
{
    if (size > 0 && conn->state == RUN_CONN_HANDSHAKE)
        run_conn_feed_http(conn, data, size);
    else if (size > 0 && conn->state == RUN_CONN_OPEN)
        run_conn_feed_messages(conn, data, size);
}

/* "GET " begins an HTTP request; whatever else comes first is a line. */
static void sniff(struct run_conn *conn, uint8_t *data, size_t size)
{
    static const char get[] = "GET ";
    uint8_t begun[RUN_SNIFF_BYTES];
    size_t at = 0;
    while (at < size && conn->sniffed < RUN_SNIFF_BYTES && data[at] == get[conn->sniffed]) {
        conn->sniffed++;
        at++;
    }
    if (at == size && conn->sniffed < RUN_SNIFF_BYTES)
        return; /* not enough to tell */
    if (conn->sniffed == RUN_SNIFF_BYTES)
        run_conn_set_state(conn, RUN_CONN_HANDSHAKE);
    else
        run_conn_begin(conn, RUN_FRAMING_LINE);
    memcpy(begun, get, conn->sniffed);
    feed_chosen(conn, begun, conn->sniffed);
    feed_chosen(conn, data + at, size - at);
}

static void feed(struct run_conn *conn, uint8_t *data, size_t size)
{
    switch ((enum run_conn_state)conn->state) {
    case RUN_CONN_SNIFFING:
        sniff(conn, data, size);
        break;
    case RUN_CONN_HANDSHAKE:
    case RUN_CONN_OPEN:
        feed_chosen(conn, data, size);
        break;
    case RUN_CONN_CHECKING:
    case RUN_CONN_ENDING:
    case RUN_CONN_LINGERING:
    case RUN_CONN_CLOSING:
        break; /* discarded */
    }
}

/* The peer sends nothing more. */
static void on_end(struct run_conn *conn)
{
    conn->reader_ended = true;
    if (run_conn_is_open(conn))
        run_conn_feed_end(conn);
    if (conn->state == RUN_CONN_HANDSHAKE && conn->answered)
        return; /* it waits for its answer */
    conn->cut = RUN_CUT_CLIENT;
    if (conn->state < RUN_CONN_ENDING)
        run_conn_end(conn, 0, "the client closed the connection");
    else if (conn->state == RUN_CONN_LINGERING)
        run_conn_drop(conn);
}

static void on_read(struct iocp_op *op)
{
    struct run_conn *conn = of_read(op);
    if (op->result == 0) {
        struct iocp_slice slice = conn->reader->slice;
        conn->reader->slice = (struct iocp_slice){0};
        feed(conn, slice.data, slice.size_bytes);
        iocp_slice_unref(&slice);
        run_conn_read_more(conn);
        return;
    }
    if (op->result == IOCP_E_END)
        on_end(conn);
    else
        run_conn_drop_for(conn, RUN_CUT_LOST);
}

/* ---- Closing ---- */

static void on_close(struct iocp_op *op)
{
    struct run_conn *conn = of_stream(IOCP_OWNER(op, struct iocp_stream, close));
    if (--conn->open_streams > 0)
        return;
    run_conn_settle(conn);
    run_acks_forget(conn);
    run_conn_free_request(conn);
    if (conn->framing == RUN_FRAMING_LINE)
        wire_line_deinit(&conn->in.line);
    else if (conn->framing == RUN_FRAMING_WS)
        wire_ws_decoder_deinit(&conn->in.ws);
    iocp_post(&conn->leave);
}

/* The first step of every end. */
static void be_over(struct run_conn *conn)
{
    run_metrics_add(conn->metrics, RUN_COUNT_CUTS + conn->cut, 1);
    run_dispatch_conn_over(conn);
}

void run_conn_drop_for(struct run_conn *conn, enum run_cut cut)
{
    conn->cut = (uint8_t)cut;
    run_conn_drop(conn);
}

void run_conn_drop(struct run_conn *conn)
{
    if (conn->state == RUN_CONN_CLOSING)
        return;
    if (conn->state < RUN_CONN_ENDING)
        be_over(conn);
    run_conn_set_state(conn, RUN_CONN_CLOSING);
    iocp_timer_cancel(&conn->timer);
    iocp_timer_cancel(&conn->stopped);
    iocp_close_start(conn->reader);
    if (conn->writer != conn->reader)
        iocp_close_start(conn->writer);
    iocp_kick(&conn->flush); /* what is queued is freed */
}

/* A server that is made to end waits no longer for a client that does not read. */
static void hurry(struct run_conn *conn)
{
    if (conn->state != RUN_CONN_ENDING || !run_server_is_forced(conn->server) ||
        iocp_pending(&conn->timer.op))
        return;
    iocp_timer_start(&conn->timer,
                     iocp_now_ns(conn->strand.port) + RUN_LINGER_MS * UINT64_C(1000000));
}

static void end(struct run_conn *conn, const char *reason)
{
    run_server_log_conn(conn, "connection_ending", reason);
    be_over(conn);
    run_conn_set_state(conn, RUN_CONN_ENDING);
    iocp_kick(&conn->flush);
    hurry(conn);
}

void run_conn_end(struct run_conn *conn, uint16_t close_code, const char *reason)
{
    if (conn->state >= RUN_CONN_ENDING)
        return;
    if (conn->framing == RUN_FRAMING_WS && close_code != 0)
        conn->last_bytes =
            (uint8_t)wire_ws_close_frame(conn->last, close_code, wire_span_text(reason));
    end(conn, reason);
}

void run_conn_end_closed(struct run_conn *conn, uint16_t close_code)
{
    assert(run_conn_is_open(conn) && conn->framing == RUN_FRAMING_WS);
    conn->last_bytes = (uint8_t)wire_ws_close_frame(conn->last, close_code, wire_span_of(NULL, 0));
    conn->peer_closed = true;
    conn->cut = RUN_CUT_CLIENT;
    end(conn, "the client closed the WebSocket");
}

/* ---- Opening ---- */

static void on_timer(struct iocp_op *op)
{
    struct run_conn *conn = IOCP_OWNER(op, struct run_conn, timer.op);
    if (op->result != 0 || conn->state == RUN_CONN_CLOSING)
        return;
    if (conn->state < RUN_CONN_ENDING && !conn->counts_as_new)
        return;
    if (conn->state < RUN_CONN_ENDING)
        run_server_log_conn(conn, "connection_dropped", "not initialized in time");
    run_conn_drop_for(conn, RUN_CUT_NOT_INITIALIZED);
}

void run_conn_settle(struct run_conn *conn)
{
    if (!conn->counts_as_new)
        return;
    conn->counts_as_new = false;
    run_server_conn_settled(conn->server);
    if (conn->state < RUN_CONN_ENDING)
        iocp_timer_cancel(&conn->timer);
    if (conn->state == RUN_CONN_OPEN && conn->framing == RUN_FRAMING_WS)
        wire_ws_decoder_set_limit(&conn->in.ws, run_server_message_limit(conn->server, true));
    else if (conn->state == RUN_CONN_OPEN)
        conn->in.line.options.limit_bytes = run_server_message_limit(conn->server, true);
}

void run_conn_begin(struct run_conn *conn, enum run_framing framing)
{
    size_t limit_bytes = run_server_message_limit(conn->server, !conn->counts_as_new);
    run_conn_set_state(conn, RUN_CONN_OPEN);
    conn->framing = (uint8_t)framing;
    if (framing == RUN_FRAMING_LINE)
        wire_line_init(&conn->in.line, &(struct wire_line_options){.limit_bytes = limit_bytes});
    else
        wire_ws_decoder_init(&conn->in.ws, &(struct wire_ws_options){.limit_bytes = limit_bytes});
}

void run_conn_checked(struct run_conn *conn, bool allowed)
{
    if (conn->state != RUN_CONN_CHECKING)
        return;
    if (!allowed) {
        run_server_log_conn(conn, "connection_refused",
                            "the user at its other end is another one, or not known");
        run_metrics_add(conn->metrics, RUN_COUNT_REFUSALS + RUN_REFUSED_PEER, 1);
        run_conn_drop_for(conn, RUN_CUT_REFUSED);
        return;
    }
    enum run_listen_kind kind = conn->listener->url.kind;
    if (kind == RUN_LISTEN_STDIO)
        run_conn_begin(conn, RUN_FRAMING_LINE);
    else
        run_conn_set_state(conn, kind == RUN_LISTEN_WS ? RUN_CONN_HANDSHAKE : RUN_CONN_SNIFFING);
    run_conn_read_more(conn);
}

static void on_tick(struct iocp_op *op)
{
    struct run_conn *conn = IOCP_OWNER(op, struct run_conn, tick);
    run_conn_clock(conn);
}

/* Whoever moved the deadline has cancelled the timer. */
static void on_stopped(struct iocp_op *op)
{
    struct run_conn *conn = IOCP_OWNER(op, struct run_conn, stopped.op);
    if (conn->state == RUN_CONN_CLOSING)
        return;
    if (op->result != 0) {
        iocp_timer_start(&conn->stopped, conn->stopped_ns);
        return;
    }
    run_server_log_conn(conn, "connection_dropped",
                        "the client does not read, and the server ends");
    run_conn_drop_for(conn, RUN_CUT_SHUTDOWN);
}

/* A client that takes nothing makes its sessions wait, also with their end. */
static void expect_end(struct run_conn *conn, bool forced)
{
    uint64_t within_ms = RUN_LINGER_MS;
    if (!forced)
        within_ms = (uint64_t)run_server_grace_ms(conn->server) + RUN_STOP_TAKE_MS;
    conn->stopped_ns = iocp_now_ns(conn->strand.port) + within_ms * 1000000;
    if (iocp_pending(&conn->stopped.op))
        iocp_timer_cancel(&conn->stopped);
    else
        iocp_timer_start(&conn->stopped, conn->stopped_ns);
}

static void on_stop(struct iocp_op *op)
{
    struct run_conn *conn = IOCP_OWNER(op, struct run_conn, stop);
    bool forced = run_server_is_forced(conn->server);
    if (conn->state == RUN_CONN_CLOSING)
        return;
    conn->stopping = true;
    expect_end(conn, forced);
    run_dispatch_stop(conn, forced);
    run_conn_session_left(conn);
    hurry(conn);
}

void run_conn_session_left(struct run_conn *conn)
{
    if (!conn->stopping || (conn->tenure != NULL && run_tombstones_living(conn->tenure) > 0))
        return;
    conn->cut = RUN_CUT_SHUTDOWN;
    run_conn_end(conn, WIRE_WS_CLOSE_GOING_AWAY, "the server is shutting down");
}

static void on_lost(struct iocp_op *op)
{
    run_conn_drop_for(IOCP_OWNER(op, struct run_conn, lost), RUN_CUT_NO_MEMORY);
}

/* Somebody wants what this connection holds: a client that is there answers a ping. */
static void on_probe(struct iocp_op *op)
{
    struct run_conn *conn = IOCP_OWNER(op, struct run_conn, probe);
    if (conn->tenure == NULL)
        return;
    if (conn->framing != RUN_FRAMING_WS) {
        run_tenure_is_alive(conn->tenure);
        return;
    }
    run_acks_ping(conn);
    conn->probe_number = conn->acks.last_number;
}

/* What was asked for goes to another connection; this one stays, and is told when it asks. */
static void on_yield(struct iocp_op *op)
{
    struct run_conn *conn = IOCP_OWNER(op, struct run_conn, yield);
    if (conn->tenure == NULL)
        return;
    run_server_log_conn(conn, "session_resumed", "by another connection");
    run_dispatch_give_up(conn);
}

static void on_leave(struct iocp_op *op)
{
    struct run_conn *conn = IOCP_OWNER(op, struct run_conn, leave);
    run_server_conn_left(conn->server, conn);
    run_conn_unref(conn);
}

static void on_flush(struct iocp_op *op)
{
    struct run_conn *conn = IOCP_OWNER(op, struct run_conn, flush);
    run_conn_flush(conn);
}

static void on_begin(struct iocp_op *op)
{
    struct run_conn *conn = IOCP_OWNER(op, struct run_conn, end);
    uint64_t now_ns = iocp_now_ns(conn->strand.port);
    if (conn->state == RUN_CONN_CLOSING)
        return;
    if (conn->counts_as_new)
        iocp_timer_start(&conn->timer, now_ns + RUN_NEW_CONN_MS * UINT64_C(1000000));
    run_conn_check_start(conn);
}

static const struct iocp_stream_events stream_events = {
    .on_read = on_read, .on_write = run_conn_on_write, .on_close = on_close};

static int open_streams(struct run_conn *conn, const struct run_conn_handles *handles)
{
    int os_error = 0;
    conn->reader = conn->writer = &conn->streams[0];
    conn->open_streams = 1;
    int result = iocp_stream_open(conn->reader, &conn->strand, handles->in, handles->in_kind,
                                  &stream_events, &os_error);
    conn->reader->is_pressing = true; /* requests are read however much output is held */
    if (result != 0 || handles->in == handles->out)
        return result;
    conn->writer = &conn->streams[1];
    conn->open_streams = 2;
    return iocp_stream_open(conn->writer, &conn->strand, handles->out, handles->out_kind,
                            &stream_events, &os_error);
}

static void init_operations(struct run_conn *conn)
{
    iocp_op_init(&conn->flush, &conn->strand, on_flush);
    iocp_op_init(&conn->tick, &conn->strand, on_tick);
    iocp_op_init(&conn->stop, &conn->strand, on_stop);
    iocp_op_init(&conn->lost, &conn->strand, on_lost);
    iocp_op_init(&conn->probe, &conn->strand, on_probe);
    iocp_op_init(&conn->yield, &conn->strand, on_yield);
    iocp_op_init(&conn->end, &conn->strand, on_begin);
    iocp_op_init(&conn->leave, run_server_strand(conn->server), on_leave);
    iocp_timer_init(&conn->timer, &conn->strand, on_timer);
    iocp_timer_init(&conn->stopped, &conn->strand, on_stopped);
}

static struct run_conn *conn_alloc(struct run_server *server, struct run_listener *listener)
{
    struct iocp_port *port = run_server_port(server);
    struct run_conn *conn = calloc(1, sizeof(*conn));
    if (conn == NULL || iocp_random(port, &conn->json_seed, sizeof(conn->json_seed)) != 0) {
        free(conn);
        return NULL;
    }
    conn->server = server;
    conn->metrics = &server->metrics;
    conn->listener = listener;
    conn->state = RUN_CONN_CHECKING;
    conn->counts_as_new = listener->url.kind != RUN_LISTEN_STDIO;
    atomic_init(&conn->refs, 1);
    iocp_strand_init(&conn->strand, port);
    run_outq_init(&conn->queue);
    init_operations(conn);
    return conn;
}

struct run_conn *run_conn_new(struct run_server *server, struct run_listener *listener,
                              const struct run_conn_handles *handles)
{
    struct iocp_port *port = run_server_port(server);
    struct run_conn *conn = conn_alloc(server, listener);
    if (conn == NULL || open_streams(conn, handles) != 0) {
        iocp_handle_close(port, handles->in);
        if (handles->out != handles->in)
            iocp_handle_close(port, handles->out);
        free(conn);
        return NULL;
    }
    if (handles->out_kind == IOCP_STREAM_SOCKET)
        iocp_stream_tune(conn->writer, RUN_UNSENT_BYTES);
    return conn;
}

void run_conn_start(struct run_conn *conn)
{
    iocp_post(&conn->end);
}
