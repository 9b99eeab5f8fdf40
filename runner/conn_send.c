/*
 * Sending to a client: frames out of the queue into gathered writes, and the clock that finds
 * clients that do not read. On the connection's strand, but for run_conn_send and what makes
 * messages, which are for any thread.
 */
#include "runner/conn.h"
#include "runner/observer.h"
#include "runner/proc_events.h"
#include "runner/server.h"
#include "runner/tombstone.h"

#include <assert.h>
#include <string.h>

/* ---- Making and queueing: any thread ---- */

void run_conn_send(struct run_conn *conn, enum run_frame_class class, struct run_frame *frame)
{
    run_metrics_queue(conn->metrics, class, frame->size_bytes); /* before anybody can send it */
    run_outq_push(&conn->queue, class, frame);
    iocp_kick(&conn->flush);
}

struct run_frame *run_conn_message(struct run_conn *conn, size_t size_bytes, uint8_t **out_json)
{
    bool ws = conn->framing == RUN_FRAMING_WS;
    size_t around = ws ? wire_ws_header_size(size_bytes) : 1;
    struct run_frame *frame = NULL;
    if (size_bytes <= UINT32_MAX / 2)
        frame = run_frame_new(conn->strand.port, (uint32_t)(around + size_bytes));
    if (frame == NULL) {
        run_conn_lose(conn);
        return NULL;
    }
    if (ws)
        (void)wire_ws_header(frame->data, WIRE_WS_TEXT, true, size_bytes);
    else
        frame->data[size_bytes] = '\n';
    *out_json = frame->data + (ws ? around : 0);
    return frame;
}

void run_conn_send_json(struct run_conn *conn, struct wire_span json)
{
    uint8_t *text;
    struct run_frame *frame = run_conn_message(conn, json.size, &text);
    if (frame == NULL)
        return;
    memcpy(text, json.data, json.size);
    run_conn_send(conn, RUN_FRAME_REPLY, frame);
}

void run_conn_note_answer(struct run_conn *conn, uint64_t asked_ns)
{
    if (asked_ns != 0)
        run_metrics_observe(conn->metrics, RUN_HISTOGRAM_REQUEST,
                            iocp_now_ns(conn->strand.port) - asked_ns);
}

void run_conn_send_raw(struct run_conn *conn, enum run_frame_class class, const void *data,
                       size_t size)
{
    struct run_frame *frame = run_frame_new(conn->strand.port, (uint32_t)size);
    if (frame == NULL) {
        run_conn_lose(conn);
        return;
    }
    memcpy(frame->data, data, size);
    run_conn_send(conn, class, frame);
}

void run_conn_lose(struct run_conn *conn)
{
    iocp_kick(&conn->lost);
}

/* ---- The queue: on the strand ---- */

/* A frame is done with. What was written of a session is its client's to acknowledge; what was not
 * stays owed, to be asked for by whoever resumes. */
static void release(struct run_conn *conn, struct run_frame *frame, enum run_frame_class class,
                    bool was_written)
{
    struct run_proc *proc = frame->proc;
    uint32_t output_bytes = frame->output_bytes;
    uint64_t read_seq = frame->read_seq;
    struct run_observer *observer = frame->observer;
    uint32_t size_bytes = frame->size_bytes;
    run_outq_sent(&conn->queue, class, size_bytes);
    frame->proc = NULL;
    frame->observer = NULL;
    run_frame_free(frame);
    if (observer != NULL)
        run_observer_sent(observer, size_bytes);
    if (proc == NULL)
        return;
    if (was_written && (output_bytes > 0 || read_seq > 0))
        run_acks_written(conn, proc, output_bytes, read_seq);
    else
        run_proc_unref(proc);
}

/* Nobody will get it. */
static void drop(struct run_conn *conn, struct run_frame *frame, enum run_frame_class class)
{
    unsigned worker = iocp_worker_number(conn->strand.port);
    struct run_metrics_part *part = &conn->metrics->parts[worker];
    run_metrics_unqueue(part, worker, class, frame->size_bytes);
    iocp_tally_add(&part->counts[RUN_COUNT_DROPPED], worker, frame->chunk_bytes);
    release(conn, frame, class, false);
}

static void discard_queue(struct run_conn *conn)
{
    enum run_frame_class class;
    struct run_frame *frame;
    conn->queue.holds_output = false;
    run_outq_collect(&conn->queue);
    while ((frame = run_outq_pop(&conn->queue, &class)) != NULL)
        drop(conn, frame, class);
}

static void add_to_write(struct run_conn *conn, struct run_frame *frame, enum run_frame_class class)
{
    conn->sending[conn->sending_count] = frame;
    conn->sending_class[conn->sending_count] = (uint8_t) class;
    conn->vecs[conn->sending_count] = (struct iocp_vec){frame->data, frame->size_bytes};
    conn->sending_count++;
}

/* The frame as it is sent; NULL: no memory, and the connection is told to end. */
static struct run_frame *encoded(struct run_conn *conn, struct run_frame *frame)
{
    if (!frame->is_raw)
        return frame;
    struct run_frame *made =
        run_proc_encode(frame->proc, conn, (const struct run_raw *)(const void *)frame->data);
    if (made == NULL) {
        drop(conn, frame, RUN_FRAME_OUTPUT);
        run_conn_lose(conn);
        return NULL;
    }
    assert(made->size_bytes == frame->size_bytes);
    made->output_bytes = frame->output_bytes;
    made->chunk_bytes = frame->chunk_bytes;
    made->read_ns = frame->read_ns;
    made->proc = frame->proc;
    frame->proc = NULL;
    run_frame_free(frame);
    return made;
}

/* Takes a frame for the next write. A peer that has closed its side waits for our close, and not
 * for output. */
static bool take_frame(struct run_conn *conn)
{
    enum run_frame_class class;
    struct run_frame *frame;
    while ((frame = run_outq_pop(&conn->queue, &class)) != NULL) {
        bool is_wanted = !conn->peer_closed || class == RUN_FRAME_REPLY;
        if (is_wanted) {
            frame = encoded(conn, frame);
            if (frame == NULL)
                return false;
            add_to_write(conn, frame, class);
            return true;
        }
        drop(conn, frame, class);
    }
    return false;
}

/* Whatever else waits, one frame of a write is of what is observed. */
static void take_observed(struct run_conn *conn)
{
    struct run_frame *frame = conn->peer_closed ? NULL : run_outq_pop_observed(&conn->queue);
    if (frame != NULL)
        add_to_write(conn, frame, RUN_FRAME_OBSERVED);
}

/* Takes what one write sends; returns the number of its spans. */
static unsigned take_frames(struct run_conn *conn)
{
    size_t bytes = 0;
    assert(conn->sending_count == 0);
    run_outq_collect(&conn->queue);
    while (conn->sending_count < IOCP_GATHER_MAX - 1 && bytes < RUN_WRITE_BYTES && take_frame(conn))
        bytes += conn->sending[conn->sending_count - 1]->size_bytes;
    take_observed(conn);
    if (conn->sending_count > 0 || conn->state != RUN_CONN_ENDING || conn->last_bytes == 0)
        return conn->sending_count;
    conn->vecs[0] = (struct iocp_vec){conn->last, conn->last_bytes};
    conn->last_bytes = 0;
    conn->said_all = true;
    return 1;
}

/* The frames of a write go to the system now. */
static void note_handed(struct run_conn *conn)
{
    unsigned worker = iocp_worker_number(conn->strand.port);
    struct run_metrics_part *part = &conn->metrics->parts[worker];
    for (unsigned i = 0; i < conn->sending_count; i++) {
        uint64_t read_ns = conn->sending[i]->read_ns;
        if (read_ns != 0)
            run_times_add(&part->times[RUN_HISTOGRAM_OUTPUT], worker, conn->progress_ns - read_ns);
    }
    iocp_tally_add(&part->counts[RUN_COUNT_WRITING], worker, 1);
}

/* The write of these frames has ended. */
static void note_written(struct run_conn *conn, bool whole)
{
    unsigned worker = iocp_worker_number(conn->strand.port);
    struct run_metrics_part *part = &conn->metrics->parts[worker];
    uint64_t chunk_bytes = 0;
    for (unsigned i = 0; i < conn->sending_count; i++) {
        const struct run_frame *frame = conn->sending[i];
        chunk_bytes += frame->chunk_bytes;
        run_metrics_unqueue(part, worker, conn->sending_class[i], frame->size_bytes);
    }
    unsigned count = whole ? RUN_COUNT_DELIVERED : RUN_COUNT_DROPPED;
    iocp_tally_add(&part->counts[count], worker, chunk_bytes);
    iocp_tally_add(&part->counts[RUN_COUNT_WRITING], worker, UINT64_MAX); /* one less */
}

/* Everything is out: the peer gets time to read it. A deadline that runs still is soon enough. */
static void linger(struct run_conn *conn)
{
    if (conn->state != RUN_CONN_ENDING)
        return;
    if (conn->writer->kind != IOCP_STREAM_SOCKET || conn->reader_ended) {
        run_conn_drop(conn);
        return;
    }
    run_conn_set_state(conn, RUN_CONN_LINGERING);
    iocp_stream_shutdown(conn->writer);
    uint64_t now_ns = iocp_now_ns(conn->strand.port);
    if (!iocp_pending(&conn->timer.op))
        iocp_timer_start(&conn->timer, now_ns + RUN_LINGER_MS * UINT64_C(1000000));
    run_conn_read_more(conn);
}

void run_conn_flush(struct run_conn *conn)
{
    bool said_all = conn->said_all || conn->state >= RUN_CONN_LINGERING;
    if (said_all)
        discard_queue(conn); /* answers that came too late */
    if (conn->state == RUN_CONN_CLOSING || iocp_pending(&conn->writer->write))
        return;
    unsigned count = said_all ? 0 : take_frames(conn);
    if (count == 0) {
        linger(conn);
        return;
    }
    conn->progress_bytes = 0;
    conn->progress_ns = iocp_now_ns(conn->strand.port);
    note_handed(conn);
    iocp_write_start(conn->writer, conn->vecs, count);
}

void run_conn_on_write(struct iocp_op *op)
{
    struct iocp_stream *stream = IOCP_OWNER(op, struct iocp_stream, write);
    struct run_conn *conn = IOCP_OWNER(op->strand, struct run_conn, strand);
    assert(stream == conn->writer);
    (void)stream;
    note_written(conn, op->result == 0);
    for (unsigned i = 0; i < conn->sending_count; i++)
        release(conn, conn->sending[i], (enum run_frame_class)conn->sending_class[i],
                op->result == 0);
    conn->sending_count = 0;
    if (op->result != 0)
        run_conn_drop_for(conn, RUN_CUT_LOST);
    else if (run_conn_is_open(conn) && run_acks_want_ping(conn))
        run_acks_ping(conn);
    run_conn_flush(conn);
    if (conn->held)
        run_conn_read_more(conn);
    run_room_go_on(conn);
    run_files_go_on(conn);
}

/* ---- The clock ---- */

static bool is_stuck(struct run_conn *conn, uint64_t now_ns, uint64_t timeout_ns)
{
    if (!iocp_pending(&conn->writer->write))
        return false;
    if (conn->writer->written_bytes != conn->progress_bytes) {
        conn->progress_bytes = conn->writer->written_bytes;
        conn->progress_ns = now_ns;
        return false;
    }
    return now_ns - conn->progress_ns >= timeout_ns;
}

/* A tick is all the precision there is: the ping goes out with the one nearest to its time. */
static bool ping_is_due(const struct run_conn *conn, uint64_t now_ns)
{
    uint64_t interval_ns = run_server_ping_interval_ns(conn->server);
    uint64_t slack_ns = conn->server->clock_ns / 2;
    return interval_ns > 0 && now_ns - conn->last_ping_ns + slack_ns >= interval_ns;
}

void run_conn_clock(struct run_conn *conn)
{
    uint64_t now_ns = iocp_now_ns(conn->strand.port);
    uint64_t timeout_ns = run_server_send_timeout_ns(conn->server);
    uint64_t since_ns = run_acks_waiting_since_ns(conn);
    bool pong_late = since_ns != 0 && now_ns - since_ns >= timeout_ns;
    if (conn->state == RUN_CONN_CLOSING)
        return;
    if (conn->tenure != NULL)
        run_tombstones_sweep(conn->tenure);
    if (is_stuck(conn, now_ns, timeout_ns) || pong_late) {
        run_server_log_conn(conn, "connection_dropped",
                            pong_late ? "no pong in time" : "the client does not read");
        run_conn_drop_for(conn, pong_late ? RUN_CUT_NO_PONG : RUN_CUT_NOT_READING);
        return;
    }
    if (run_conn_is_open(conn) && conn->framing == RUN_FRAMING_WS && ping_is_due(conn, now_ns)) {
        conn->last_ping_ns = now_ns;
        run_acks_ping(conn);
    }
}
