/*
 * process/snapshot: what is retained of a process at one moment, by stream, and what is missing
 * between its beginning and its end. A reply is bounded: of more than RUN_SNAPSHOT_BYTES the
 * middle is left out, as if it had never been kept. The request comes on the connection's strand,
 * the answer on the session's, once its client has taken those before it.
 */
#include "runner/call.h"
#include "runner/dispatch.h"
#include "runner/reading.h"
#include "runner/reply.h"
#include "wire/msg_snapshot.h"

#include <assert.h>

/* Decoded, of all streams: with the rest of the message as much as any reply has. */
enum { RUN_SNAPSHOT_BYTES = (RUN_READ_MESSAGE_BYTES - 4096) / 4 * 3 };

/* The first and the last bytes of a stream's retained output. */
struct ends {
    uint64_t head_bytes, tail_bytes;
};

static uint64_t sum(struct ends ends)
{
    return ends.head_bytes + ends.tail_bytes;
}

/* What is kept of a stream, before and behind what is missing; where nothing is, in halves. */
static struct ends kept_of(const struct sess_view *view, int stream)
{
    struct ends kept = {0};
    struct sess_piece piece;
    for (uint32_t cursor = 0; sess_headtail_next(view->retained, &cursor, &piece);) {
        if ((int)piece.stream != stream)
            continue;
        if (piece.in_tail)
            kept.tail_bytes += piece.size_bytes;
        else
            kept.head_bytes += piece.size_bytes;
    }
    if (view->omitted_bytes[stream] > 0)
        return kept;
    return (struct ends){sum(kept) / 2, sum(kept) - sum(kept) / 2};
}

/* So much of both ends that they have limit_bytes together, half each where both have that. */
static struct ends cut_to(struct ends kept, uint64_t limit_bytes)
{
    uint64_t half = limit_bytes / 2;
    if (sum(kept) <= limit_bytes)
        return kept;
    if (kept.head_bytes <= half)
        return (struct ends){kept.head_bytes, limit_bytes - kept.head_bytes};
    if (kept.tail_bytes <= limit_bytes - half)
        return (struct ends){limit_bytes - kept.tail_bytes, kept.tail_bytes};
    return (struct ends){half, limit_bytes - half};
}

/* What is given: a stream that needs less than half of the reply leaves the rest to the other. */
static void choose(const struct ends kept[SESS_STREAMS], struct ends out_given[SESS_STREAMS])
{
    uint64_t all = 0;
    for (int i = 0; i < SESS_STREAMS; i++)
        all += sum(kept[i]);
    for (int i = 0; i < SESS_STREAMS; i++) {
        uint64_t others = all - sum(kept[i]), half = RUN_SNAPSHOT_BYTES / 2;
        out_given[i] = cut_to(kept[i], RUN_SNAPSHOT_BYTES - (others < half ? others : half));
    }
}

static void push(struct wire_json_base64 *base64, const struct sess_piece *piece, uint64_t from,
                 uint64_t to)
{
    if (from < to)
        wire_json_base64_push(base64, wire_span_of(piece->data + from, (size_t)(to - from)));
}

static uint64_t at_most(uint64_t value, uint64_t limit)
{
    return value < limit ? value : limit;
}

/* Writes the first and the last bytes of the stream, of which all_bytes are kept. */
static void write_stream(struct wire_json_writer *writer, const struct run_proc *proc,
                         const struct sess_headtail *retained, int stream, struct ends given,
                         uint64_t all_bytes)
{
    struct wire_json_base64 base64;
    struct sess_piece piece;
    uint64_t before = 0, tail_at = all_bytes - given.tail_bytes;
    wire_msg_snapshot_begin_stream(writer, (enum wire_msg_stream)stream, proc->codec, &base64);
    for (uint32_t cursor = 0; sess_headtail_next(retained, &cursor, &piece);) {
        if ((int)piece.stream != stream)
            continue;
        uint64_t size = piece.size_bytes;
        uint64_t head_end =
            given.head_bytes > before ? at_most(given.head_bytes - before, size) : 0;
        uint64_t tail_from = tail_at > before ? at_most(tail_at - before, size) : 0;
        push(&base64, &piece, 0, head_end);
        push(&base64, &piece, tail_from > head_end ? tail_from : head_end, size);
        before += size;
    }
    wire_json_base64_end(&base64);
}

static void write_snapshot(struct wire_json_writer *writer, const struct run_proc *proc,
                           struct wire_span id)
{
    bool is_tty = sess_session_is_tty(proc->session);
    struct ends kept[SESS_STREAMS], given[SESS_STREAMS];
    struct sess_view view;
    sess_session_view(proc->session, &view);
    for (int i = 0; i < SESS_STREAMS; i++)
        kept[i] = kept_of(&view, i);
    choose(kept, given);
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
        write_stream(writer, proc, view.retained, i, given[i], sum(kept[i]));
        end.omitted[i].at_bytes = given[i].head_bytes;
        end.omitted[i].bytes = view.omitted_bytes[i] + sum(kept[i]) - sum(given[i]);
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

static void snapshot_answered(struct sess_request *request);

static void ask_again(struct run_room_call *room, bool is_wanted)
{
    struct run_call *call = IOCP_OWNER(room, struct run_call, room);
    if (!is_wanted) {
        call->asked_ns = 0; /* it has no answer */
        run_call_free(call);
        return;
    }
    sess_request_init(&call->request, SESS_REQUEST_VIEW, snapshot_answered, NULL);
    sess_request_post(&call->request, call->proc->session);
}

static void snapshot_answered(struct sess_request *request)
{
    static const struct wire_msg_gone never = {.reason = WIRE_MSG_GONE_NEVER_EXISTED};
    struct run_call *call = run_call_of(request);
    const struct run_proc *proc = call->proc;
    if (proc->was_started && !run_room_is_there(call->conn)) {
        run_room_wait(&call->room, call->conn, ask_again);
        return;
    }
    if (proc->was_started)
        send_snapshot(call->conn, proc, run_call_id(call));
    else
        run_reply_gone(call->conn, run_call_id(call), WIRE_RPC_TEXT_UNKNOWN_PROCESS,
                       run_call_name(call), &never);
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
