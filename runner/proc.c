/*
 * A session's events as messages: see proc.h for threads and life. Events run on the session's
 * strand; starting, leaving and detaching on the connection's.
 */
#include "runner/proc.h"

#include "runner/reply.h"
#include "wire/msg_command.h"
#include "wire/msg_output.h"
#include "wire/msg_process.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { EVENT_BYTES = 256 }; /* an exited or closed message without its id */

struct run_proc *run_proc_ref(struct run_proc *proc)
{
    atomic_fetch_add_explicit(&proc->refs, 1, memory_order_relaxed);
    return proc;
}

void run_proc_unref(struct run_proc *proc)
{
    if (atomic_fetch_sub_explicit(&proc->refs, 1, memory_order_acq_rel) > 1)
        return;
    struct run_conn *conn = proc->conn;
    sess_session_unref(proc->session);
    run_recent_deinit(&proc->write_ids);
    free((void *)(uintptr_t)proc->request_id.data);
    free(proc);
    run_conn_unref(conn);
}

void run_proc_consumed(struct run_proc *proc, uint32_t bytes)
{
    sess_session_consumed(proc->session, bytes);
}

struct run_proc *run_proc_find(struct run_conn *conn, struct wire_span id)
{
    struct sess_session *session = sess_table_find(&conn->table, (const char *)id.data, id.size);
    return session != NULL ? sess_session_context(session) : NULL;
}

/* ---- Requests that come early: a client need not wait for the answer to its start ---- */

void run_proc_ask(struct run_proc *proc, struct sess_request *request)
{
    if (proc->has_started || request->kind == SESS_REQUEST_STOP) {
        sess_request_post(request, proc->session);
        return;
    }
    request->next = NULL;
    if (proc->early_last != NULL)
        proc->early_last->next = request;
    else
        proc->early = request;
    proc->early_last = request;
}

static void ask_early(struct run_proc *proc)
{
    struct sess_request *request = proc->early;
    proc->has_started = true;
    proc->early = proc->early_last = NULL;
    while (request != NULL) {
        struct sess_request *next = request->next;
        sess_request_post(request, proc->session);
        request = next;
    }
}

static void on_started(struct iocp_op *op)
{
    ask_early(IOCP_OWNER(op, struct run_proc, started));
}

/* ---- The end ---- */

static void leave_table(struct run_proc *proc)
{
    if (!proc->in_table)
        return;
    proc->in_table = false;
    if (!proc->speaks_v0 && proc->was_started)
        run_recent_add(&proc->conn->tombstones, proc->id_key, iocp_now_ns(proc->conn->strand.port));
    sess_table_remove(&proc->conn->table, proc->session);
    sess_session_unref(proc->session); /* the table's reference */
}

static void on_leave(struct iocp_op *op)
{
    struct run_proc *proc = IOCP_OWNER(op, struct run_proc, leave);
    ask_early(proc); /* only after a detach that came before the answer to the start */
    leave_table(proc);
    run_conn_session_left(proc->conn);
    run_proc_unref(proc);
}

/* On the session's strand: after gone, or after the detach was answered, whichever is first. */
static void be_over(struct run_proc *proc)
{
    if (proc->is_over)
        return;
    proc->is_over = true;
    iocp_post(&proc->leave);
}

static void on_detached(struct sess_request *request)
{
    struct run_proc *proc = request->context;
    be_over(proc);
    run_proc_unref(proc); /* the request's reference */
}

void run_proc_detach(struct run_proc *proc, enum sess_ender ender)
{
    assert(proc->in_table);
    sess_request_init(&proc->detach, SESS_REQUEST_DETACH, on_detached, run_proc_ref(proc));
    proc->detach.ask.stop.mode = SESS_STOP_FORCE;
    proc->detach.ask.stop.ender = ender;
    sess_request_post(&proc->detach, proc->session);
    leave_table(proc);
}

/* ---- Events ---- */

static void write_started(struct wire_json_writer *writer, const struct run_proc *proc)
{
    if (proc->speaks_v0)
        wire_msg_command_exec_reply(writer, proc->request_id, run_proc_id_json(proc));
    else
        wire_msg_process_start_reply(writer, proc->request_id, run_proc_id_json(proc), "none");
}

static void write_failed(struct wire_json_writer *writer, const struct run_proc *proc,
                         const struct sess_started *started)
{
    size_t size = 0;
    const char *id = sess_session_id(proc->session, &size);
    if (started->result == SESS_E_NO_CAPACITY)
        run_metrics_shortage(proc->conn->metrics, &started->shortage);
    if (started->result == SESS_E_NO_CAPACITY)
        run_reply_shortage(writer, proc->request_id, &started->shortage);
    else if (started->result == SESS_E_CANCELLED && !proc->speaks_v0)
        wire_rpc_write_text(writer, proc->request_id, WIRE_RPC_TEXT_START_CANCELLED,
                            wire_span_of(id, size));
    else
        wire_rpc_write_text(writer, proc->request_id, WIRE_RPC_TEXT_INTERNAL,
                            wire_span_text(started->text));
}

static void note_answered(const struct run_proc *proc, int result)
{
    struct run_metrics *metrics = proc->conn->metrics;
    uint64_t time_ns = iocp_now_ns(proc->conn->strand.port) - proc->asked_ns;
    run_metrics_start(metrics, result);
    run_metrics_observe(metrics, RUN_HISTOGRAM_START, time_ns);
    run_metrics_observe(metrics, RUN_HISTOGRAM_REQUEST, time_ns);
}

static void on_start(struct sess_session *session, void *context,
                     const struct sess_started *started)
{
    struct run_proc *proc = context;
    struct run_reply reply;
    (void)session;
    struct wire_json_writer *writer = run_reply_begin(&reply, proc->conn);
    proc->was_started = started->result == 0;
    if (proc->was_started)
        write_started(writer, proc);
    else
        write_failed(writer, proc, started);
    note_answered(proc, started->result);
    run_reply_send(&reply);
    free((void *)(uintptr_t)proc->request_id.data);
    proc->request_id = wire_span_of(NULL, 0);
    iocp_post(&proc->started);
}

static enum wire_msg_stream stream_of(enum sess_stream stream)
{
    switch (stream) {
    case SESS_STDERR:
        return WIRE_MSG_STDERR;
    case SESS_PTY:
        return WIRE_MSG_PTY;
    default:
        return WIRE_MSG_STDOUT;
    }
}

static struct run_frame *encode(const struct run_proc *proc, const struct sess_chunk *chunk)
{
    struct run_conn *conn = proc->conn;
    bool v0 = proc->speaks_v0;
    struct wire_msg_output output = {
        .id_json = run_proc_id_json(proc),
        .chunk = wire_span_of(chunk->slice.data, chunk->slice.size_bytes),
        .seq = chunk->seq,
        .stream = stream_of(chunk->stream),
        .framing = conn->framing == RUN_FRAMING_WS ? WIRE_RPC_WEBSOCKET : WIRE_RPC_LINE,
    };
    size_t size =
        v0 ? wire_msg_command_output_size(&output) : wire_msg_process_output_size(&output);
    struct run_frame *frame = run_frame_new(conn->strand.port, (uint32_t)size);
    if (frame == NULL)
        return NULL;
    if (v0)
        wire_msg_command_output_write(&output, proc->codec, frame->data);
    else
        wire_msg_process_output_write(&output, proc->codec, frame->data);
    return frame;
}

static void on_output(struct sess_session *session, void *context, const struct sess_chunk *chunk)
{
    struct run_proc *proc = context;
    struct run_frame *frame = encode(proc, chunk);
    if (frame == NULL) {
        sess_session_consumed(session, chunk->slice.size_bytes);
        run_metrics_add(proc->conn->metrics, RUN_COUNT_UNENCODABLE, chunk->slice.size_bytes);
        run_conn_lose(proc->conn);
        return;
    }
    frame->proc = run_proc_ref(proc);
    frame->output_bytes = frame->chunk_bytes = chunk->slice.size_bytes;
    frame->read_ns = chunk->time_ns;
    /* A full queue stops whoever adds to it, until what it added has gone out. */
    if (run_outq_bytes(&proc->conn->queue, RUN_FRAME_OUTPUT) >= RUN_OUTPUT_QUEUE_BYTES) {
        uint32_t window_bytes = run_conn_window_bytes(proc->conn);
        sess_session_charge(session, window_bytes);
        frame->output_bytes += window_bytes;
    }
    run_conn_send(proc->conn, RUN_FRAME_OUTPUT, frame);
}

/* Sends a small message in its place behind the output. */
static void send_event(struct run_proc *proc, struct wire_json_writer *writer)
{
    struct wire_span json;
    int result = wire_json_writer_finish(writer, &json);
    assert(result == 0);
    (void)result;
    uint8_t *text;
    struct run_frame *frame = run_conn_message(proc->conn, json.size, &text);
    if (frame == NULL)
        return;
    memcpy(text, json.data, json.size);
    run_conn_send(proc->conn, RUN_FRAME_OUTPUT, frame);
}

static void on_exited(struct sess_session *session, void *context, uint64_t seq,
                      const struct sess_record *record)
{
    struct run_proc *proc = context;
    uint8_t buffer[EVENT_BYTES + 6 * WIRE_MSG_ID_LIMIT];
    struct wire_json_writer writer;
    (void)session;
    if (proc->speaks_v0)
        return; /* its clients take the exit for the end of output: told when that has come */
    wire_json_writer_init(&writer, buffer, sizeof(buffer));
    wire_msg_process_exited(&writer, run_proc_id_json(proc), seq, record->exit_code, false);
    send_event(proc, &writer);
}

static void on_closed(struct sess_session *session, void *context, uint64_t seq,
                      enum sess_close_reason reason, const struct sess_record *record)
{
    struct run_proc *proc = context;
    uint8_t buffer[EVENT_BYTES + 6 * WIRE_MSG_ID_LIMIT];
    struct wire_json_writer writer;
    (void)session;
    (void)reason;
    wire_json_writer_init(&writer, buffer, sizeof(buffer));
    if (proc->speaks_v0)
        wire_msg_command_exited(&writer, run_proc_id_json(proc), record->exit_code);
    else
        wire_msg_process_closed(&writer, run_proc_id_json(proc), seq);
    send_event(proc, &writer);
    proc->close_was_told = true;
}

bool run_proc_exit_was_told(const struct sess_session *session)
{
    const struct run_proc *proc = sess_session_context(session);
    return proc->close_was_told;
}

static void on_gone(struct sess_session *session, void *context)
{
    (void)session;
    be_over(context);
}

static const struct sess_events events = {
    .on_start = on_start,
    .on_output = on_output,
    .on_exited = on_exited,
    .on_closed = on_closed,
    .on_gone = on_gone,
};

/* ---- The start ---- */

static struct wire_span copy(struct wire_span span)
{
    void *memory = malloc(span.size > 0 ? span.size : 1);
    if (memory != NULL)
        memcpy(memory, span.data, span.size);
    return wire_span_of(memory, span.size);
}

static struct run_proc *proc_new(struct run_conn *conn, const struct run_proc_start *start)
{
    size_t id_json_bytes = wire_msg_id_json(start->id, NULL, 0);
    struct run_proc *proc = calloc(1, sizeof(*proc) + id_json_bytes);
    if (proc == NULL)
        return NULL;
    proc->request_id = copy(start->request_id);
    if (proc->request_id.data == NULL) {
        free(proc);
        return NULL;
    }
    atomic_init(&proc->refs, 1);
    proc->conn = run_conn_ref(conn);
    proc->asked_ns = conn->asked_ns;
    proc->id_key = run_recent_key(conn->json_seed, start->id);
    proc->codec = wire_base64_best();
    proc->speaks_v0 = conn->dialect == RUN_DIALECT_V0;
    proc->id_json_bytes = wire_msg_id_json(start->id, proc->id_json, id_json_bytes);
    iocp_op_init(&proc->started, &conn->strand, on_started);
    iocp_op_init(&proc->leave, &conn->strand, on_leave);
    return proc;
}

static void refuse(struct run_conn *conn, const struct run_proc_start *start, int result,
                   const struct sess_shortage *shortage)
{
    bool v0 = conn->dialect == RUN_DIALECT_V0;
    struct run_reply reply;
    struct wire_json_writer *writer = run_reply_begin(&reply, conn);
    run_metrics_start(conn->metrics, result);
    if (result == SESS_E_NO_CAPACITY)
        run_metrics_shortage(conn->metrics, shortage);
    if (result == SESS_E_EXISTS)
        wire_rpc_write_text(writer, start->request_id,
                            v0 ? WIRE_RPC_TEXT_V0_SESSION_EXISTS : WIRE_RPC_TEXT_PROCESS_EXISTS,
                            start->id);
    else if (result == SESS_E_NO_CAPACITY)
        run_reply_shortage(writer, start->request_id, shortage);
    else if (result == SESS_E_INVALID || result == SESS_E_TOO_LARGE)
        wire_rpc_write_text(writer, start->request_id, WIRE_RPC_TEXT_INVALID_PARAMS,
                            wire_span_text(sess_error_text(result)));
    else
        wire_rpc_write_text(writer, start->request_id, WIRE_RPC_TEXT_INTERNAL,
                            wire_span_text(sess_error_text(result)));
    run_reply_send(&reply);
}

static int start_session(struct run_proc *proc, const struct run_proc_start *start,
                         struct sess_shortage *out_shortage)
{
    struct run_conn *conn = proc->conn;
    int result = sess_session_start(run_conn_host(conn), start->spec, &events, proc, &proc->session,
                                    out_shortage);
    if (result != 0)
        return result;
    sess_table_add(&conn->table, sess_session_ref(proc->session));
    proc->in_table = true;
    conn->asked_ns = 0; /* its answer takes the time */
    return 0;
}

/* Whether a process of this id is gone since a short while only. */
static bool is_buried(const struct run_conn *conn, struct wire_span id)
{
    uint64_t ttl_ns = RUN_TOMBSTONE_MS * UINT64_C(1000000);
    uint64_t now_ns = iocp_now_ns(conn->strand.port);
    uint64_t since_ns = now_ns > ttl_ns ? now_ns - ttl_ns : 0;
    return conn->tombstones.count > 0 &&
           run_recent_has(&conn->tombstones, run_recent_key(conn->json_seed, id), since_ns);
}

void run_proc_start(struct run_conn *conn, const struct run_proc_start *start)
{
    struct sess_shortage shortage = {.resource = "memory"};
    const char *id = (const char *)start->id.data;
    int result = sess_table_reserve(&conn->table, id, start->id.size, &shortage);
    if (result == 0 && is_buried(conn, start->id))
        result = SESS_E_EXISTS;
    if (result != 0) {
        refuse(conn, start, result, &shortage);
        return;
    }
    struct run_proc *proc = proc_new(conn, start);
    if (proc == NULL) {
        refuse(conn, start, SESS_E_NO_CAPACITY, &shortage);
        return;
    }
    start->spec->id = id;
    start->spec->id_size_bytes = start->id.size;
    result = start_session(proc, start, &shortage);
    if (result != 0) {
        refuse(conn, start, result, &shortage);
        run_proc_unref(proc);
    }
}
