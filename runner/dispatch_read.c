/*
 * process/read: one look, and if there is nothing to answer with and the client waits, a watch for
 * the next output, the exit or the close, and another look, until the time is over. A look that is
 * woken may find nothing to give: half a character, a line without its end.
 *
 *    dispatched -> looks --(ready, no time, or starting)--> answered -> freed
 *                   ^  |                                        ^
 *                   |  v                                        |
 *                  waits --(its connection is over)--> cancelled
 *
 * Made and freed on the connection's strand, everything else on the session's.
 */
#include "runner/dispatch.h"
#include "runner/proc.h"
#include "runner/reading.h"
#include "runner/reply.h"
#include "runner/waiting.h"
#include "wire/msg_read.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { NS_PER_MS = 1000 * 1000 };

struct read_call {
    struct run_waiting waiting; /* if it waits */
    struct sess_watch watch;
    struct run_conn *conn; /* one reference */
    struct run_proc *proc; /* one reference */
    struct run_reading reading;
    uint64_t deadline_ns; /* 0: does not wait */
    bool waits;           /* added to what waits; never changes */
    _Atomic bool cancelled;
    size_t id_bytes, name_bytes;
    uint8_t text[]; /* the request's id as JSON, then the process id */
};

static struct wire_span id_of(const struct read_call *call)
{
    return wire_span_of(call->text, call->id_bytes);
}

/* ---- The end ---- */

static void free_call(struct read_call *call)
{
    struct run_conn *conn = call->conn;
    free(call);
    run_conn_unref(conn);
}

static void free_waiting(struct run_waiting *waiting)
{
    free_call(IOCP_OWNER(waiting, struct read_call, waiting));
}

/* It was answered. */
static void end_call(struct read_call *call)
{
    struct run_proc *proc = call->proc;
    if (call->waits)
        run_waiting_remove(&call->waiting); /* from here on it may be freed */
    else
        free_call(call);
    run_proc_unref(proc);
}

static void cancel_call(struct run_waiting *waiting)
{
    struct read_call *call = IOCP_OWNER(waiting, struct read_call, waiting);
    atomic_store(&call->cancelled, true);
    sess_watch_cancel(&call->watch);
}

/* ---- Answering ---- */

static void refuse(struct read_call *call, enum wire_rpc_text text, struct wire_span argument)
{
    run_reply_text(call->conn, id_of(call), text, argument);
    end_call(call);
}

/* Its start has failed. */
static void refuse_unknown(struct read_call *call, struct wire_span name)
{
    static const struct wire_msg_gone never = {.reason = WIRE_MSG_GONE_NEVER_EXISTED};
    run_reply_gone(call->conn, id_of(call), WIRE_RPC_TEXT_UNKNOWN_PROCESS, name, &never);
    end_call(call);
}

/* The frame tells, once it was sent, what the client does not miss any more. */
static void mark_frame(struct read_call *call, struct run_frame *frame, uint64_t known_seq)
{
    struct run_proc *proc = call->proc;
    if (proc->target != call->conn || proc->ring.missed.count == 0)
        return;
    frame->proc = run_proc_ref(proc);
    frame->read_seq = known_seq;
    run_ring_gave(&proc->ring, known_seq);
}

static void answer(struct read_call *call)
{
    struct wire_json_writer writer;
    struct wire_span json;
    uint8_t *text;
    wire_json_writer_init(&writer, NULL, 0);
    (void)run_reading_write(&call->reading, &writer, call->proc->codec, id_of(call));
    struct run_frame *frame = run_conn_message(call->conn, writer.needed_bytes, &text);
    if (frame != NULL) {
        wire_json_writer_init(&writer, text, writer.needed_bytes);
        uint64_t known_seq =
            run_reading_write(&call->reading, &writer, call->proc->codec, id_of(call));
        int result = wire_json_writer_finish(&writer, &json);
        assert(result == 0 && json.data == text);
        (void)result;
        mark_frame(call, frame, known_seq);
        run_conn_send(call->conn, RUN_FRAME_REPLY, frame);
    }
    end_call(call);
}

/* ---- Looking ---- */

/* A client that does not take its replies gets small ones. */
static uint64_t limit_of(const struct read_call *call, uint64_t asked_bytes)
{
    if (run_outq_bytes(&call->conn->queue, RUN_FRAME_REPLY) >= RUN_REPLY_QUEUE_BYTES)
        return 0;
    return asked_bytes < RUN_READ_BYTES ? asked_bytes : RUN_READ_BYTES;
}

/* Waits for what comes behind what was seen. */
static void wait_more(struct read_call *call, uint64_t now_ns)
{
    struct sess_watch *watch = &call->watch;
    const struct run_reading *reading = &call->reading;
    sess_watch_again(watch);
    watch->wants_output = watch->wants_exited = watch->wants_closed = true;
    watch->after_seq =
        reading->end_seq > reading->known_seq ? reading->end_seq : reading->known_seq;
    watch->timeout_ms = (call->deadline_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS;
    sess_request_post(&watch->request, call->proc->session);
    if (atomic_load(&call->cancelled))
        sess_watch_cancel(watch); /* it came while nothing was posted */
}

/* Whether the client's cursor can be of this process. */
static bool is_possible(const struct read_call *call, const struct sess_view *view)
{
    for (int i = 0; i < WIRE_MSG_STREAMS; i++) {
        if (call->reading.ask.from.streams[i].seq > view->next_seq)
            return false;
    }
    return true;
}

static void look(struct read_call *call)
{
    struct run_proc *proc = call->proc;
    struct run_reading *reading = &call->reading;
    struct sess_view view;
    uint64_t now_ns = iocp_now_ns(call->conn->strand.port);
    uint64_t asked_bytes = reading->ask.max_bytes;
    if (proc->target == call->conn) /* before the look: the ring gives up what is known */
        run_ring_known(&proc->ring, proc->session, run_reading_after(&reading->ask.from));
    sess_session_view(proc->session, &view);
    reading->ask.max_bytes = limit_of(call, asked_bytes);
    run_reading_look(reading, &view, &proc->ring);
    if (!run_reading_is_ready(reading) && now_ns < call->deadline_ns) {
        reading->ask.max_bytes = asked_bytes;
        wait_more(call, now_ns);
        return;
    }
    answer(call);
}

static void on_woken(struct sess_request *request)
{
    struct read_call *call = request->context;
    if (request->result == SESS_E_CANCELLED) {
        run_waiting_answer_cancelled(&call->waiting, id_of(call));
        end_call(call);
    } else if (request->result != 0) {
        refuse(call, WIRE_RPC_TEXT_INTERNAL, wire_span_text(sess_error_text(request->result)));
    } else {
        look(call);
    }
}

/* The first answer comes at once, whatever the state. */
static void on_first(struct sess_request *request)
{
    struct read_call *call = request->context;
    struct wire_span name = wire_span_of(call->text + call->id_bytes, call->name_bytes);
    struct sess_view view;
    sess_session_view(request->session, &view);
    request->callback = on_woken;
    if (view.state == SESS_STARTING)
        refuse(call, WIRE_RPC_TEXT_PROCESS_STARTING, name);
    else if (!call->proc->was_started)
        refuse_unknown(call, name);
    else if (call->reading.ask.wants_cursor && !is_possible(call, &view))
        refuse(call, WIRE_RPC_TEXT_INVALID_PARAMS,
               wire_span_text("`cursor` is none that process/read gave for this process"));
    else
        on_woken(request);
}

/* ---- The request ---- */

static void fill_ask(struct run_reading_ask *ask, const struct wire_msg_process_read *asked)
{
    ask->has_max = asked->max_bytes.is_present;
    ask->max_bytes = ask->has_max ? asked->max_bytes.value : RUN_READ_BYTES;
    ask->align = asked->align;
    ask->wants_cursor = asked->wants_cursor;
    if (asked->has_cursor)
        ask->from = asked->cursor;
    else
        run_reading_start(&ask->from, asked->after_seq);
}

static struct read_call *call_new(struct run_request *request, struct run_proc *proc,
                                  const struct wire_msg_process_read *asked)
{
    struct wire_span id = request->id, name = asked->process_id;
    struct read_call *call = calloc(1, sizeof(*call) + id.size + name.size);
    if (call == NULL)
        return NULL;
    call->conn = run_conn_ref(request->conn);
    call->proc = run_proc_ref(proc);
    call->id_bytes = id.size;
    call->name_bytes = name.size;
    memcpy(call->text, id.data, id.size);
    memcpy(call->text + id.size, name.data, name.size);
    atomic_init(&call->cancelled, false);
    fill_ask(&call->reading.ask, asked);
    sess_watch_init(&call->watch, on_first, call);
    call->watch.timeout_ms = 0;
    return call;
}

static uint64_t deadline_of(const struct run_conn *conn, uint64_t wait_ms)
{
    uint64_t now_ns = iocp_now_ns(conn->strand.port);
    if (wait_ms == 0)
        return 0;
    return wait_ms < (UINT64_MAX - now_ns) / NS_PER_MS ? now_ns + wait_ms * NS_PER_MS : UINT64_MAX;
}

void run_process_read(struct run_request *request)
{
    struct run_conn *conn = request->conn;
    struct wire_msg_process_read asked = {0};
    if (wire_msg_process_read_parse(&request->parser, request->params, &asked) != 0) {
        run_dispatch_refuse_params(request);
        return;
    }
    struct run_proc *proc = run_proc_find(conn, asked.process_id);
    if (proc == NULL) {
        run_dispatch_refuse_process(request, asked.process_id);
        return;
    }
    struct read_call *call = call_new(request, proc, &asked);
    if (call == NULL) {
        run_reply_text(conn, request->id, WIRE_RPC_TEXT_INTERNAL, wire_span_text("out of memory"));
        return;
    }
    call->deadline_ns = deadline_of(conn, asked.wait_ms);
    call->waits = call->deadline_ns > 0;
    if (call->waits && !run_waiting_add(&call->waiting, conn, 1, cancel_call, free_waiting)) {
        call->waits = false;
        run_waiting_refuse(conn, request->id);
        end_call(call);
        return;
    }
    sess_request_post(&call->watch.request, proc->session);
}
