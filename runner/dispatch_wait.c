/*
 * process/wait: the exit of one process. What is waited for is the exit itself, not the close:
 * output may still come, and the record says closeReason null until the close. Asked on the
 * connection's strand, answered on the session's.
 *
 * The watch goes to the session at once, also while it starts: a start that fails answers it.
 */
#include "runner/dispatch.h"
#include "runner/look.h"
#include "runner/proc.h"
#include "runner/reply.h"
#include "sessions/watch.h"
#include "wire/msg_wait.h"

#include <stdlib.h>
#include <string.h>

struct wait_call {
    struct run_waiting waiting;
    struct sess_watch watch;
    size_t id_bytes;
    uint8_t id[]; /* of the request, JSON */
};

static void reply_record(struct run_conn *conn, struct wire_span id,
                         const struct sess_session *session)
{
    struct wire_msg_record record;
    struct sess_view view;
    struct run_reply reply;
    sess_session_view(session, &view);
    run_look_record(&view, &record);
    wire_msg_process_wait_reply(run_reply_begin(&reply, conn), id, &record);
    run_reply_send(&reply);
}

static void reply_timed_out(struct run_conn *conn, struct wire_span id)
{
    struct run_reply reply;
    wire_msg_process_wait_reply(run_reply_begin(&reply, conn), id, NULL);
    run_reply_send(&reply);
}

/* Its start has failed. */
static void reply_unknown(struct run_conn *conn, struct wire_span id,
                          const struct sess_session *session)
{
    size_t size = 0;
    const char *name = sess_session_id(session, &size);
    struct wire_msg_gone gone = run_look_gone(session);
    run_reply_gone(conn, id, WIRE_RPC_TEXT_UNKNOWN_PROCESS, wire_span_of(name, size), &gone);
}

static void watch_answered(struct sess_request *request)
{
    struct wait_call *call = request->context;
    struct run_conn *conn = call->waiting.conn;
    struct wire_span id = wire_span_of(call->id, call->id_bytes);
    if (request->result == SESS_E_CANCELLED)
        run_waiting_answer_cancelled(&call->waiting, id);
    else if (request->result != 0)
        run_waiting_refuse(conn, id); /* too many watch this process */
    else if (call->watch.reason == SESS_WATCH_EXITED)
        reply_record(conn, id, request->session);
    else if (call->watch.reason == SESS_WATCH_TIMEOUT)
        reply_timed_out(conn, id);
    else
        reply_unknown(conn, id, request->session);
    run_waiting_remove(&call->waiting);
}

static void cancel_call(struct run_waiting *waiting)
{
    sess_watch_cancel(&IOCP_OWNER(waiting, struct wait_call, waiting)->watch);
}

static void free_call(struct run_waiting *waiting)
{
    free(IOCP_OWNER(waiting, struct wait_call, waiting));
}

void run_process_wait(struct run_request *request)
{
    struct wire_msg_process_wait asked = {0};
    struct run_conn *conn = request->conn;
    if (wire_msg_process_wait_parse(&request->parser, request->params, &asked) != 0) {
        run_dispatch_refuse_params(request);
        return;
    }
    struct run_proc *proc = run_proc_find(conn, asked.process_id);
    if (proc == NULL) {
        run_dispatch_refuse_process(request, asked.process_id);
        return;
    }
    struct wait_call *call = malloc(sizeof(*call) + request->id.size);
    if (call == NULL) {
        run_reply_text(conn, request->id, WIRE_RPC_TEXT_INTERNAL, wire_span_text("out of memory"));
        return;
    }
    if (!run_waiting_add(&call->waiting, conn, 1, cancel_call, free_call)) {
        run_waiting_refuse(conn, request->id);
        free(call);
        return;
    }
    call->id_bytes = request->id.size;
    memcpy(call->id, request->id.data, request->id.size);
    sess_watch_init(&call->watch, watch_answered, call);
    call->watch.wants_exited = true;
    if (asked.timeout_ms.is_present)
        call->watch.timeout_ms = asked.timeout_ms.value;
    conn->asked_ns = 0; /* asked to wait: that is no time that an answer takes */
    sess_request_post(&call->watch.request, proc->session);
}
