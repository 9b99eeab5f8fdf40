/*
 * A session's events as messages of its client's dialect: on the session's strand, for the
 * connection that the process is bound to at that moment.
 */
#include "runner/proc_events.h"

#include "runner/reply.h"
#include "runner/server.h"
#include "wire/msg_command.h"
#include "wire/msg_output.h"
#include "wire/msg_process.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { EVENT_BYTES = 256 }; /* an exited or closed message without its id */

static void write_started(struct wire_json_writer *writer, const struct run_proc *proc)
{
    if (proc->speaks_v0)
        wire_msg_command_exec_reply(writer, proc->request_id, run_proc_id_json(proc));
    else
        wire_msg_process_start_reply(writer, proc->request_id, run_proc_id_json(proc),
                                     proc->is_sandboxed ? "linuxSeccomp" : "none");
}

static void write_failed(struct wire_json_writer *writer, const struct run_proc *proc,
                         const struct sess_started *started)
{
    size_t size = 0;
    const char *id = sess_session_id(proc->session, &size);
    if (started->result == SESS_E_NO_CAPACITY)
        run_metrics_shortage(proc->target->metrics, &started->shortage);
    if (started->result == SESS_E_NO_CAPACITY)
        run_reply_shortage(writer, proc->request_id, &started->shortage);
    else if (started->result == SESS_E_CANCELLED && !proc->speaks_v0)
        wire_rpc_write_text(writer, proc->request_id, WIRE_RPC_TEXT_START_CANCELLED,
                            wire_span_of(id, size));
    else if (started->result == SESS_E_REFUSED)
        wire_rpc_write_text(writer, proc->request_id, WIRE_RPC_TEXT_SANDBOX,
                            wire_span_text(started->text));
    else
        wire_rpc_write_text(writer, proc->request_id, WIRE_RPC_TEXT_INTERNAL,
                            wire_span_text(started->text));
}

static void note_answered(const struct run_proc *proc, int result)
{
    struct run_metrics *metrics = &proc->tenure->server->metrics;
    uint64_t time_ns = iocp_now_ns(proc->tenure->strand.port) - proc->asked_ns;
    run_metrics_start(metrics, result);
    run_metrics_observe(metrics, RUN_HISTOGRAM_START, time_ns);
    run_metrics_observe(metrics, RUN_HISTOGRAM_REQUEST, time_ns);
}

/* A refusal waits until the id has left the table: whoever hears it may use the id again. */
static void keep_refusal(struct run_proc *proc, struct run_reply *reply)
{
    struct wire_span json;
    uint8_t *text;
    int result = wire_json_writer_finish(&reply->writer, &json);
    assert(result == 0);
    (void)result;
    struct run_frame *frame = run_conn_message(proc->target, json.size, &text);
    if (frame == NULL)
        return;
    memcpy(text, json.data, json.size);
    frame->next = NULL;
    if (proc->refused == NULL)
        proc->refused = run_conn_ref(proc->target);
    struct run_frame **last = &proc->refusal;
    while (*last != NULL)
        last = &(*last)->next;
    *last = frame;
}

static void answer_start(struct run_proc *proc, const struct sess_started *started)
{
    struct run_reply reply;
    struct wire_json_writer *writer = run_reply_begin(&reply, proc->target);
    if (proc->was_started) {
        write_started(writer, proc);
        run_reply_send(&reply);
    } else {
        write_failed(writer, proc, started);
        keep_refusal(proc, &reply);
    }
}

/* Behind the answer to the start, without a number. */
static void tell_lifecycle(struct run_proc *proc, const struct sess_started *started)
{
    struct run_reply reply;
    struct wire_json_writer *writer = run_reply_begin(&reply, proc->target);
    bool no_room = started->result == SESS_E_NO_CAPACITY;
    if (proc->was_started)
        wire_msg_process_started(writer, run_proc_id_json(proc), started->os_pid);
    else
        wire_msg_process_failed(writer, run_proc_id_json(proc),
                                no_room ? WIRE_RPC_CODE_NO_CAPACITY : WIRE_RPC_CODE_INTERNAL,
                                wire_span_text(no_room ? "no capacity" : started->text));
    if (proc->was_started)
        run_reply_send(&reply);
    else
        keep_refusal(proc, &reply);
}

static void on_start(struct sess_session *session, void *context,
                     const struct sess_started *started)
{
    struct run_proc *proc = context;
    (void)session;
    proc->was_started = started->result == 0;
    note_answered(proc, started->result);
    if (proc->target == proc->asker)
        answer_start(proc, started); /* else its connection is over: requests end with it */
    if (proc->target != NULL && proc->target->wants_lifecycle)
        tell_lifecycle(proc, started);
    free((void *)(uintptr_t)proc->request_id.data);
    proc->request_id = wire_span_of(NULL, 0);
    run_proc_has_started(proc);
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
    struct run_conn *conn = proc->target;
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
    struct run_conn *target = proc->target;
    uint32_t owed_bytes = chunk->slice.size_bytes;
    /* A full queue stops whoever adds to it, until what it added has gone out. */
    bool is_full = run_ring_is_crowded(&proc->ring) ||
                   (target != NULL &&
                    run_outq_bytes(&target->queue, RUN_FRAME_OUTPUT) >= RUN_OUTPUT_QUEUE_BYTES);
    if (is_full) {
        sess_session_charge(session, proc->window_bytes);
        owed_bytes += proc->window_bytes;
    }
    run_ring_push(&proc->ring, chunk, owed_bytes);
    if (target == NULL) { /* owed to whoever resumes; a full window makes the program wait */
        run_metrics_add(&proc->tenure->server->metrics, RUN_COUNT_DROPPED, chunk->slice.size_bytes);
        return;
    }
    struct run_frame *frame = encode(proc, chunk);
    if (frame == NULL) {
        run_metrics_add(target->metrics, RUN_COUNT_UNENCODABLE, chunk->slice.size_bytes);
        run_conn_lose(target);
        return;
    }
    frame->proc = run_proc_ref(proc);
    frame->chunk_bytes = chunk->slice.size_bytes;
    frame->read_ns = chunk->time_ns;
    frame->output_bytes = owed_bytes;
    run_conn_send(target, RUN_FRAME_OUTPUT, frame);
}

/* Sends a small message in its place behind the output. */
static void send_event(struct run_proc *proc, struct wire_json_writer *writer)
{
    struct wire_span json;
    int result = wire_json_writer_finish(writer, &json);
    assert(result == 0);
    (void)result;
    uint8_t *text;
    if (proc->target == NULL)
        return; /* whoever resumes asks */
    struct run_frame *frame = run_conn_message(proc->target, json.size, &text);
    if (frame == NULL)
        return;
    memcpy(text, json.data, json.size);
    run_conn_send(proc->target, RUN_FRAME_OUTPUT, frame);
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
    run_proc_be_over(context);
}

const struct sess_events run_proc_events = {
    .on_start = on_start,
    .on_output = on_output,
    .on_exited = on_exited,
    .on_closed = on_closed,
    .on_gone = on_gone,
};
