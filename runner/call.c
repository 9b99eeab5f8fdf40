/*
 * Requests to sessions: see call.h. Made on the connection's strand, answered and freed on the
 * session's.
 */
#include "runner/call.h"

#include "runner/reply.h"

#include <stdlib.h>
#include <string.h>

bool run_call_may(struct run_conn *conn, enum sess_request_kind kind, struct wire_span request_id)
{
    bool is_first = kind == SESS_REQUEST_STOP || kind == SESS_REQUEST_WRITE;
    uint32_t most = is_first ? 2 * RUN_CALLS_MAX : RUN_CALLS_MAX;
    bool may = atomic_load(&conn->calls) < most;
    if (!may)
        run_waiting_refuse(conn, request_id);
    return may;
}

struct run_call *run_call_new(struct run_conn *conn, enum sess_request_kind kind,
                              struct wire_span id, struct wire_span name,
                              sess_request_callback *answer)
{
    if (id.size > 0 && !run_call_may(conn, kind, id))
        return NULL;
    struct run_call *call = malloc(sizeof(*call) + id.size + name.size);
    if (call == NULL) {
        if (id.size > 0)
            run_reply_text(conn, id, WIRE_RPC_TEXT_INTERNAL, wire_span_text("out of memory"));
        return NULL;
    }
    sess_request_init(&call->request, kind, answer, NULL);
    call->conn = run_conn_ref(conn);
    atomic_fetch_add(&conn->calls, 1);
    call->asked_ns = conn->asked_ns;
    conn->asked_ns = 0; /* its answer takes the time */
    call->write_bytes = 0;
    call->proc = NULL;
    call->write_key = 0;
    call->id_bytes = id.size;
    call->name_bytes = name.size;
    memcpy(call->text, id.data, id.size);
    if (name.size > 0)
        memcpy(call->text + id.size, name.data, name.size);
    return call;
}

/* Whoever answers may look at the process, which may leave its table meanwhile. */
void run_call_post(struct run_call *call, struct run_proc *proc)
{
    call->proc = run_proc_ref(proc);
    run_proc_ask(proc, &call->request);
}

void run_call_post_write(struct run_call *call, struct run_proc *proc, struct iocp_slice slice)
{
    struct run_conn *conn = call->conn;
    call->write_bytes = slice.size_bytes;
    size_t waiting = atomic_fetch_add(&conn->waiting_write_bytes, call->write_bytes);
    call->request.ask.write.slice = slice;
    call->request.ask.write.may_wait = waiting + call->write_bytes <= RUN_WAITING_WRITE_BYTES &&
                                       atomic_load(&conn->calls) <= RUN_CALLS_MAX;
    run_call_post(call, proc);
}

static void release(struct run_call *call)
{
    struct run_conn *conn = call->conn;
    struct run_proc *proc = call->proc;
    atomic_fetch_sub(&conn->waiting_write_bytes, call->write_bytes);
    atomic_fetch_sub(&conn->calls, 1);
    free(call);
    if (proc != NULL)
        run_proc_unref(proc);
    run_conn_unref(conn);
}

static void take_forget(struct run_notice *notice, struct run_conn *holder)
{
    struct run_call *call = IOCP_OWNER(notice, struct run_call, forget);
    (void)holder;
    run_recent_forget(&call->proc->write_ids, call->write_key);
    release(call);
}

void run_call_remember(struct run_call *call, struct run_proc *proc, uint64_t key)
{
    call->write_key = key;
    run_recent_add(&proc->write_ids, key);
}

void run_call_free(struct run_call *call)
{
    run_conn_note_answer(call->conn, call->asked_ns);
    if (call->write_key == 0 || call->request.result == 0) {
        release(call);
        return;
    }
    run_notice_post(&call->forget, call->proc->tenure, take_forget);
}
