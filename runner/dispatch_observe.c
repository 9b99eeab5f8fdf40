/*
 * process/observe and process/unobserve. The key of a tenure is looked up on the server's strand,
 * the process in the tenure's table where that is held, and from there on it is the observer's
 * (observer.c).
 */
#include "runner/dispatch.h"
#include "runner/observer.h"
#include "runner/reply.h"
#include "runner/server.h"
#include "runner/tombstone.h"
#include "wire/msg_observe.h"

#include <stdlib.h>
#include <string.h>

static const struct wire_span none = {0};

/* ---- Finding the process: on the strand of the tenure's holder ---- */

static void find_process(struct run_observer *observer, struct run_tenure *tenure)
{
    struct wire_span id = observer->process_id;
    uint64_t most = tenure->server->options->max_observers;
    struct sess_session *session = sess_table_find(&tenure->table, (const char *)id.data, id.size);
    if (session == NULL) {
        run_observer_refuse_unknown(observer, run_tombstone_why(tenure, id));
        return;
    }
    struct run_proc *proc = sess_session_context(session);
    if (atomic_load(&proc->observer_count) >= most) {
        run_observer_refuse_full(observer, "observers of this process", 1);
        return;
    }
    atomic_fetch_add(&proc->observer_count, 1);
    run_observer_found(observer, run_proc_ref(proc));
}

static void take_search(struct run_notice *notice, struct run_conn *holder)
{
    struct run_observer *observer = IOCP_OWNER(notice, struct run_observer, search);
    struct run_tenure *tenure = notice->tenure;
    if (holder == NULL && tenure->state == RUN_TENURE_ENDED) /* this is its strand */
        run_observer_refuse(observer, WIRE_RPC_TEXT_UNKNOWN_KEY, none);
    else
        find_process(observer, tenure);
    run_tenure_unref(tenure);
}

/* On the server's strand. */
static void on_lookup(struct iocp_op *op)
{
    struct run_observer *observer = IOCP_OWNER(op, struct run_observer, lookup);
    struct run_tenure *tenure = NULL;
    if (observer->key.size == RUN_TENURE_KEY_BYTES)
        tenure = run_server_find_observed(observer->conn->server, (const char *)observer->key.data);
    if (tenure == NULL)
        run_observer_refuse(observer, WIRE_RPC_TEXT_UNKNOWN_KEY, none);
    else
        run_notice_post(&observer->search, run_tenure_ref(tenure), take_search);
}

/* ---- The requests: on the connection's strand ---- */

static void refuse_full(struct run_request *request)
{
    struct sess_shortage shortage = {
        .resource = "observed processes of this connection", .have = 0, .need = 1};
    struct run_reply reply;
    run_reply_shortage(run_reply_begin(&reply, request->conn), request->id, &shortage);
    run_reply_send(&reply);
}

/* A name is one thing on a connection: what it owns, or what it observes. */
static bool is_taken(struct run_conn *conn, struct wire_span name)
{
    return run_proc_find(conn, name) != NULL || run_observing_find(conn, name) != NULL;
}

void run_process_observe(struct run_request *request)
{
    struct run_conn *conn = request->conn;
    struct wire_msg_process_observe asked = {0};
    if (wire_msg_process_observe_parse(&request->parser, request->params, &asked) != 0) {
        run_dispatch_refuse_params(request);
        return;
    }
    run_tombstones_sweep(conn->tenure);
    if (is_taken(conn, asked.name)) {
        run_reply_text(conn, request->id, WIRE_RPC_TEXT_PROCESS_EXISTS, asked.name);
        return;
    }
    if (conn->observings.count >= conn->server->options->max_observed) {
        refuse_full(request);
        return;
    }
    struct run_observer_ask ask = {request->id, asked.observer_key, asked.process_id, asked.name,
                                   asked.after_seq};
    struct run_observer *observer = run_observer_new(conn, &ask);
    if (observer == NULL) {
        run_reply_text(conn, request->id, WIRE_RPC_TEXT_INTERNAL, wire_span_text("out of memory"));
        return;
    }
    iocp_op_init(&observer->lookup, run_server_strand(conn->server), on_lookup);
    iocp_post(&observer->lookup);
}

/* Remembers who asks, for the answer. */
static bool keep_id(struct run_observer *observer, struct wire_span id)
{
    uint8_t *copy = malloc(id.size);
    if (copy == NULL)
        return false;
    memcpy(copy, id.data, id.size);
    observer->unobserve_id = wire_span_of(copy, id.size);
    return true;
}

void run_process_unobserve(struct run_request *request)
{
    struct run_conn *conn = request->conn;
    struct wire_msg_process_unobserve asked = {0};
    if (wire_msg_process_unobserve_parse(&request->parser, request->params, &asked) != 0) {
        run_dispatch_refuse_params(request);
        return;
    }
    struct run_observer *observer = run_observing_find(conn, asked.name);
    if (observer == NULL || observer->is_stopped)
        run_reply_text(conn, request->id, WIRE_RPC_TEXT_NOT_OBSERVED, asked.name);
    else if (atomic_load(&observer->phase) == RUN_OBSERVER_ASKED)
        run_reply_text(conn, request->id, WIRE_RPC_TEXT_PROCESS_STARTING, asked.name);
    else if (!keep_id(observer, request->id))
        run_reply_text(conn, request->id, WIRE_RPC_TEXT_INTERNAL, wire_span_text("out of memory"));
    else
        run_observer_stop(observer, RUN_OBSERVING_UNOBSERVED);
}
