/*
 * The processes of a tenure: starting, finding, leaving, and who hears of them. See proc.h for
 * threads and life; what is said of a session's events is in proc_events.c.
 */
#include "runner/proc.h"

#include "runner/observer.h"
#include "runner/proc_events.h"
#include "runner/reply.h"
#include "runner/server.h"
#include "runner/tombstone.h"
#include "sessions/wrap.h"
#include "wire/msg_output.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct run_proc *run_proc_ref(struct run_proc *proc)
{
    atomic_fetch_add_explicit(&proc->refs, 1, memory_order_relaxed);
    return proc;
}

void run_proc_unref(struct run_proc *proc)
{
    if (atomic_fetch_sub_explicit(&proc->refs, 1, memory_order_acq_rel) > 1)
        return;
    struct run_tenure *tenure = proc->tenure;
    struct run_conn *target = proc->target;
    assert(atomic_load(&proc->lane.queue) == NULL);
    sess_session_unref(proc->session);
    run_recent_deinit(&proc->write_ids);
    run_ring_deinit(&proc->ring);
    free((void *)(uintptr_t)proc->request_id.data);
    free(proc);
    if (target != NULL)
        run_conn_unref(target);
    run_tenure_unref(tenure);
}

/* ---- What is to be done on the session's strand ---- */

/* Of run_proc.look_asked. A look that begins sees all that was wished before it was asked for. */
enum { LOOK_IS_POSTED = 1, LOOK_FITS = 2 };

static void on_look(struct sess_request *request);

static void ask_look(struct run_proc *proc, uint8_t wishes)
{
    if (atomic_fetch_or(&proc->look_asked, LOOK_IS_POSTED | wishes) != 0)
        return;
    sess_request_init(&proc->look, SESS_REQUEST_VIEW, on_look, run_proc_ref(proc));
    sess_request_post(&proc->look, proc->session);
}

void run_proc_acked(struct run_proc *proc, uint64_t bytes, uint64_t read_seq)
{
    if (run_ring_acked(&proc->ring, proc->session, bytes, read_seq))
        ask_look(proc, LOOK_FITS);
}

static void be_patient(struct run_proc *proc);

static void on_patience(struct sess_request *request)
{
    struct run_proc *proc = request->context;
    bool timed_out = request->result != 0 || proc->patience.reason == SESS_WATCH_TIMEOUT;
    proc->is_patient = false;
    if (timed_out && proc->target != NULL && run_ring_lose_patience(&proc->ring, proc->session))
        be_patient(proc);
    run_proc_unref(proc);
}

/* What its client missed is kept for it, and its program may have to wait, but not for ever. */
static void be_patient(struct run_proc *proc)
{
    proc->is_patient = true;
    sess_watch_init(&proc->patience, on_patience, run_proc_ref(proc));
    proc->patience.timeout_ms = RUN_MISSED_MS;
    sess_request_post(&proc->patience.request, proc->session);
}

static void bind_ring(struct run_proc *proc)
{
    run_ring_bind(&proc->ring, proc->session);
    proc->ring.was_asked = proc->is_patient; /* a watch that runs already comes too early */
    if (proc->ring.missed.count > 0 && !proc->is_patient)
        be_patient(proc);
}

struct run_proc *run_proc_find(struct run_conn *conn, struct wire_span id)
{
    struct sess_table *table = &conn->tenure->table;
    struct sess_session *session = sess_table_find(table, (const char *)id.data, id.size);
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

static void take_started(struct run_notice *notice, struct run_conn *holder)
{
    struct run_proc *proc = IOCP_OWNER(notice, struct run_proc, started);
    (void)holder;
    ask_early(proc);
    run_proc_unref(proc);
}

void run_proc_has_started(struct run_proc *proc)
{
    (void)run_proc_ref(proc);
    run_notice_post(&proc->started, proc->tenure, take_started);
}

/* ---- The end ---- */

void run_proc_leave_table(struct run_proc *proc)
{
    if (!proc->in_table)
        return;
    proc->in_table = false;
    sess_table_remove(&proc->tenure->table, proc->session);
    if (atomic_load(&proc->observer_count) > 0)
        run_observers_end(proc, proc->gone_ns != 0 ? RUN_OBSERVING_EXPIRED : RUN_OBSERVING_ENDED);
    sess_session_unref(proc->session); /* the table's reference */
    if (proc->gone_ns != 0)
        run_proc_unref(proc); /* the tombstone's, which was the session's */
}

/* The start failed, and its id is free. */
static void send_refusal(struct run_proc *proc)
{
    struct run_conn *conn = proc->refused;
    while (proc->refusal != NULL) {
        struct run_frame *frame = proc->refusal;
        proc->refusal = frame->next;
        run_conn_send(conn, RUN_FRAME_REPLY, frame);
    }
    proc->refused = NULL;
    if (conn != NULL)
        run_conn_unref(conn);
}

/* Nothing of the program is left. What its client may ask for stays for a while. */
static void take_leave(struct run_notice *notice, struct run_conn *holder)
{
    struct run_proc *proc = IOCP_OWNER(notice, struct run_proc, leave);
    ask_early(proc); /* only after a detach that came before the answer to the start */
    if (proc->in_table && proc->was_started && !proc->speaks_v0) {
        run_tombstone_add(proc); /* with the session's reference */
    } else {
        run_proc_leave_table(proc);
        send_refusal(proc);
        run_proc_unref(proc);
    }
    if (holder != NULL)
        run_conn_session_left(holder);
}

void run_proc_be_over(struct run_proc *proc)
{
    if (proc->is_over)
        return;
    proc->is_over = true;
    run_notice_post(&proc->leave, proc->tenure, take_leave);
}

static void on_detached(struct sess_request *request)
{
    struct run_proc *proc = request->context;
    run_proc_be_over(proc);
    run_proc_unref(proc); /* the request's reference */
}

static void detach(struct run_proc *proc, enum sess_ender ender)
{
    assert(proc->in_table);
    sess_request_init(&proc->detach, SESS_REQUEST_DETACH, on_detached, run_proc_ref(proc));
    proc->detach.ask.stop.mode = SESS_STOP_FORCE;
    proc->detach.ask.stop.ender = ender;
    sess_request_post(&proc->detach, proc->session);
    run_proc_leave_table(proc);
}

/* Visits a table of which each may be detached: one that is gone already may be freed on its own
 * strand before the visit goes on from it, so it is kept until then. */
static struct run_proc *next_to_detach(struct run_tenure *tenure, struct sess_session **cursor)
{
    struct sess_session *last = *cursor;
    struct sess_session *session = sess_table_next(&tenure->table, cursor);
    sess_session_unref(last);
    return session != NULL ? sess_session_context(sess_session_ref(session)) : NULL;
}

void run_proc_detach_all(struct run_tenure *tenure, enum sess_ender ender)
{
    struct sess_session *cursor = NULL;
    struct run_proc *proc;
    run_tombstones_forget(tenure);
    while ((proc = next_to_detach(tenure, &cursor)) != NULL)
        detach(proc, ender);
}

uint64_t run_proc_detach_late(struct run_tenure *tenure, uint64_t now_ns)
{
    struct sess_session *cursor = NULL;
    struct run_proc *proc;
    uint64_t next_ns = 0;
    run_tombstones_sweep(tenure);
    while ((proc = next_to_detach(tenure, &cursor)) != NULL) {
        uint64_t late_ns = tenure->detached_ns + proc->detach_ttl_ns;
        if (proc->gone_ns != 0)
            continue;
        if (now_ns >= late_ns)
            detach(proc, SESS_ENDER_DISCONNECT);
        else if (next_ns == 0 || late_ns < next_ns)
            next_ns = late_ns;
    }
    return next_ns;
}

/* ---- Who hears of it: changed on the session's strand, in the order of the wishes ---- */

static struct run_binding nobody; /* what an unbind asks for */

static void count_bound(struct run_binding *binding)
{
    if (atomic_fetch_sub_explicit(&binding->left, 1, memory_order_acq_rel) == 1)
        iocp_post(&binding->op);
}

static void retarget(struct run_proc *proc, struct run_binding *binding)
{
    struct run_conn *before = proc->target;
    proc->target = binding != &nobody ? run_conn_ref(binding->conn) : NULL;
    proc->target_asked = false;
    if (binding != &nobody) {
        bind_ring(proc);
        count_bound(binding);
    }
    if (before != NULL)
        run_conn_unref(before);
}

/* Once nothing is asked any more, another thread may post it again. */
static void on_look(struct sess_request *request)
{
    struct run_proc *proc = request->context;
    if ((atomic_exchange(&proc->look_asked, 0) & LOOK_FITS) != 0)
        run_ring_fit(&proc->ring, proc->session);
    struct run_binding *binding = atomic_exchange(&proc->wanted, NULL);
    if (binding != NULL)
        retarget(proc, binding);
    run_proc_unref(proc);
}

/* Nothing of this can fail: a connection that is open still must not hear of what it gave up. A
 * wish that waits is of a connection that has given up since, and the newest one takes its place.
 */
static void want(struct run_proc *proc, struct run_binding *wanted)
{
    struct run_binding *before = atomic_exchange(&proc->wanted, wanted);
    ask_look(proc, 0);
    if (before != NULL && before != &nobody)
        count_bound(before);
}

void run_proc_unbind_all(struct run_tenure *tenure)
{
    struct sess_session *cursor = NULL, *session;
    while ((session = sess_table_next(&tenure->table, &cursor)) != NULL)
        want(sess_session_context(session), &nobody);
}

static void on_bound(struct iocp_op *op)
{
    struct run_binding *binding = IOCP_OWNER(op, struct run_binding, op);
    struct run_conn *conn = binding->conn;
    binding->done(binding); /* may free it */
    run_conn_unref(conn);
}

void run_proc_bind_all(struct run_binding *binding, struct run_conn *conn)
{
    struct sess_session *cursor = NULL, *session;
    binding->conn = run_conn_ref(conn);
    atomic_init(&binding->left, 1);
    iocp_op_init(&binding->op, &conn->strand, on_bound);
    while ((session = sess_table_next(&conn->tenure->table, &cursor)) != NULL) {
        atomic_fetch_add_explicit(&binding->left, 1, memory_order_relaxed);
        want(sess_session_context(session), binding);
    }
    count_bound(binding);
}

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
    atomic_init(&proc->lane.queue, NULL);
    proc->tenure = run_tenure_ref(conn->tenure);
    proc->target = run_conn_ref(conn);
    proc->target_asked = true;
    proc->asked_ns = conn->asked_ns;
    proc->detach_ttl_ns = start->detach_ttl_ns;
    proc->id_key = run_recent_key(conn->tenure->seed, start->id);
    proc->codec = wire_base64_best();
    proc->is_sandboxed = start->spec->wrap != NULL;
    proc->speaks_v0 = conn->dialect == RUN_DIALECT_V0;
    proc->window_bytes = run_conn_window_bytes(conn);
    run_ring_init(&proc->ring, run_conn_may_be_resumed(conn), conn->metrics);
    atomic_init(&proc->look_asked, 0);
    atomic_init(&proc->wanted, NULL);
    atomic_init(&proc->observer_count, 0);
    proc->id_json_bytes = wire_msg_id_json(start->id, proc->id_json, id_json_bytes);
    return proc;
}

static void refuse(struct run_conn *conn, const struct run_proc_start *start, int result,
                   const struct sess_shortage *shortage)
{
    bool v0 = conn->dialect == RUN_DIALECT_V0;
    struct sess_wrap *wrap = start->spec->wrap;
    struct run_reply reply;
    struct wire_json_writer *writer = run_reply_begin(&reply, conn);
    run_metrics_start(conn->metrics, result);
    if (wrap != NULL)
        wrap->drop(wrap);
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

static int start_session(struct run_proc *proc, struct run_conn *conn,
                         const struct run_proc_start *start, struct sess_shortage *out_shortage)
{
    int result = sess_session_start(run_conn_host(conn), start->spec, &run_proc_events, proc,
                                    &proc->session, out_shortage);
    if (result != 0)
        return result;
    sess_table_add(&proc->tenure->table, sess_session_ref(proc->session));
    proc->in_table = true;
    conn->asked_ns = 0; /* its answer takes the time */
    return 0;
}

/* Room for one more. Errors: CLOSING, EXISTS, NO_CAPACITY. Once the server stops, those that are
 * there have been asked to end; nobody would ask another one. */
static int reserve(struct run_conn *conn, struct wire_span id, struct sess_shortage *out_shortage)
{
    struct run_tenure *tenure = conn->tenure;
    uint32_t most = run_server_sessions_per_client(conn->server);
    if (conn->stopping)
        return SESS_E_CLOSING;
    run_tombstones_sweep(tenure);
    if (run_observing_find(conn, id) != NULL)
        return SESS_E_EXISTS;
    int result = sess_table_reserve(&tenure->table, (const char *)id.data, id.size, out_shortage);
    if (result == 0 && most != 0 && run_tombstones_living(tenure) >= most) {
        *out_shortage = (struct sess_shortage){"sessions of this connection", 0, 1};
        result = SESS_E_NO_CAPACITY;
    }
    return result;
}

void run_proc_start(struct run_conn *conn, const struct run_proc_start *start)
{
    struct sess_shortage shortage = {.resource = "memory"};
    const char *id = (const char *)start->id.data;
    int result = reserve(conn, start->id, &shortage);
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
    result = start_session(proc, conn, start, &shortage);
    if (result != 0) {
        refuse(conn, start, result, &shortage);
        run_proc_unref(proc);
    }
}
