/*
 * process/snapshot: everything that is retained of a process at one moment, by stream, and what is
 * missing between its beginning and its end. The request comes on the connection's strand, the
 * answer on the session's.
 */
#include "runner/call.h"
#include "runner/dispatch.h"
#include "runner/reply.h"
#include "wire/msg_snapshot.h"

#include <assert.h>

/* Returns how many of the stream's bytes come before what is missing. */
static uint64_t write_stream(struct wire_json_writer *writer, const struct run_proc *proc,
                             const struct sess_headtail *retained, enum sess_stream stream)
{
    struct wire_json_base64 base64;
    struct sess_piece piece;
    uint64_t head_bytes = 0;
    wire_msg_snapshot_begin_stream(writer, (enum wire_msg_stream)stream, proc->codec, &base64);
    for (uint32_t cursor = 0; sess_headtail_next(retained, &cursor, &piece);) {
        if (piece.stream != stream)
            continue;
        wire_json_base64_push(&base64, wire_span_of(piece.data, piece.size_bytes));
        if (!piece.in_tail)
            head_bytes += piece.size_bytes;
    }
    wire_json_base64_end(&base64);
    return head_bytes;
}

static void write_snapshot(struct wire_json_writer *writer, const struct run_proc *proc,
                           struct wire_span id)
{
    bool is_tty = sess_session_is_tty(proc->session);
    struct sess_view view;
    sess_session_view(proc->session, &view);
    struct wire_msg_snapshot_end end = {
        .has_exited = view.exited_seq != 0,
        .exit_code = view.record.exit_code,
        .is_running = view.exited_seq == 0,
    };
    wire_msg_snapshot_begin(writer, id);
    for (int i = 0; i < SESS_STREAMS; i++) {
        if ((i == SESS_PTY) != is_tty) {
            wire_msg_snapshot_no_stream(writer, (enum wire_msg_stream)i);
            continue;
        }
        end.omitted[i].at_bytes = write_stream(writer, proc, view.retained, (enum sess_stream)i);
        end.omitted[i].bytes = view.omitted_bytes[i];
    }
    wire_msg_snapshot_end(writer, &end);
}

static void send_snapshot(struct run_conn *conn, const struct run_proc *proc, struct wire_span id)
{
    struct wire_json_writer writer;
    struct wire_span json;
    uint8_t *text;
    wire_json_writer_init(&writer, NULL, 0);
    write_snapshot(&writer, proc, id);
    struct run_frame *frame = run_conn_message(conn, writer.needed_bytes, &text);
    if (frame == NULL)
        return;
    wire_json_writer_init(&writer, text, writer.needed_bytes);
    write_snapshot(&writer, proc, id);
    int result = wire_json_writer_finish(&writer, &json);
    assert(result == 0 && json.data == text);
    (void)result;
    run_conn_send(conn, RUN_FRAME_REPLY, frame);
}

static void snapshot_answered(struct sess_request *request)
{
    struct run_call *call = run_call_of(request);
    const struct run_proc *proc = sess_session_context(request->session);
    if (proc->was_started)
        send_snapshot(call->conn, proc, run_call_id(call));
    else
        run_reply_text(call->conn, run_call_id(call), WIRE_RPC_TEXT_UNKNOWN_PROCESS,
                       run_call_name(call));
    run_call_free(call);
}

void run_process_snapshot(struct run_request *request)
{
    struct wire_msg_process_snapshot asked = {0};
    if (wire_msg_process_snapshot_parse(&request->parser, request->params, &asked) != 0) {
        run_dispatch_refuse_params(request);
        return;
    }
    struct run_proc *proc = run_proc_find(request->conn, asked.process_id);
    if (proc == NULL) {
        run_dispatch_refuse_process(request, asked.process_id);
        return;
    }
    struct run_call *call = run_call_new(request->conn, SESS_REQUEST_VIEW, request->id,
                                         asked.process_id, snapshot_answered);
    if (call != NULL)
        run_call_post(call, proc);
}
