/*
 * Requests by labels: see labels.h. Posted on the holder's strand, counted on the sessions'.
 */
#include "runner/labels.h"

#include "runner/call.h"
#include "runner/reply.h"
#include "runner/tombstone.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

size_t run_labels_of(const struct wire_msg_pairs *pairs,
                     struct sess_label labels[WIRE_MSG_LABELS_MAX])
{
    assert(pairs->count <= WIRE_MSG_LABELS_MAX);
    for (size_t i = 0; i < pairs->count; i++)
        labels[i] = (struct sess_label){pairs->items[i].name, pairs->items[i].value};
    return pairs->count;
}

/* One call, shared by its requests; the last one to be answered replies and frees it. */
struct crowd {
    struct run_conn *conn; /* one reference */
    void (*write)(struct wire_json_writer *writer, struct wire_span id, uint64_t count,
                  uint64_t running);
    _Atomic uint64_t left, running;
    uint64_t count, asked_ns;
    size_t id_bytes;
    uint8_t id[]; /* JSON */
};

struct member {
    struct sess_request request;
    struct crowd *crowd;
};

static void count_down(struct crowd *crowd)
{
    struct run_reply reply;
    struct run_conn *conn = crowd->conn;
    if (atomic_fetch_sub_explicit(&crowd->left, 1, memory_order_acq_rel) > 1)
        return;
    crowd->write(run_reply_begin(&reply, conn), wire_span_of(crowd->id, crowd->id_bytes),
                 crowd->count, atomic_load(&crowd->running));
    run_reply_send(&reply);
    run_conn_note_answer(conn, crowd->asked_ns);
    free(crowd);
    run_conn_unref(conn);
}

static void on_answer(struct sess_request *request)
{
    struct member *member = IOCP_OWNER(request, struct member, request);
    struct crowd *crowd = member->crowd;
    if (request->was_running)
        atomic_fetch_add_explicit(&crowd->running, 1, memory_order_relaxed);
    free(member);
    atomic_fetch_sub(&crowd->conn->calls, 1);
    count_down(crowd);
}

static struct crowd *crowd_new(struct run_request *request, const struct run_crowd_call *call)
{
    struct crowd *crowd = calloc(1, sizeof(*crowd) + request->id.size);
    if (crowd == NULL)
        return NULL;
    crowd->conn = run_conn_ref(request->conn);
    crowd->write = call->write;
    crowd->asked_ns = request->conn->asked_ns;
    request->conn->asked_ns = 0; /* its answer takes the time */
    atomic_init(&crowd->left, 1);
    atomic_init(&crowd->running, 0);
    crowd->id_bytes = request->id.size;
    memcpy(crowd->id, request->id.data, request->id.size);
    return crowd;
}

static bool ask_one(struct crowd *crowd, struct run_proc *proc, const struct run_crowd_call *call)
{
    struct member *member = malloc(sizeof(*member));
    if (member == NULL)
        return false;
    sess_request_init(&member->request, call->kind, on_answer, NULL);
    member->crowd = crowd;
    if (call->kind == SESS_REQUEST_STOP) {
        member->request.ask.stop.mode = call->mode;
        member->request.ask.stop.timeout_ms = call->timeout_ms;
        member->request.ask.stop.ender = SESS_ENDER_CLIENT;
    }
    crowd->count++;
    atomic_fetch_add(&crowd->conn->calls, 1);
    atomic_fetch_add_explicit(&crowd->left, 1, memory_order_relaxed);
    run_proc_ask(proc, &member->request);
    return true;
}

void run_labels_ask(struct run_request *request, const struct wire_msg_pairs *pairs,
                    const struct run_crowd_call *call)
{
    struct sess_label labels[WIRE_MSG_LABELS_MAX];
    size_t label_count = run_labels_of(pairs, labels);
    struct sess_session *cursor = NULL, *session;
    if (!run_call_may(request->conn, call->kind, request->id))
        return; /* one request for all is taken however many they are */
    struct crowd *crowd = crowd_new(request, call);
    bool all = crowd != NULL;
    if (!all) {
        run_reply_text(request->conn, request->id, WIRE_RPC_TEXT_INTERNAL,
                       wire_span_text("out of memory"));
        return;
    }
    while (all && (session = sess_table_next(&request->conn->tenure->table, &cursor)) != NULL) {
        struct run_proc *proc = sess_session_context(session);
        if (proc->gone_ns == 0 && sess_session_has_labels(session, labels, label_count))
            all = ask_one(crowd, proc, call);
    }
    if (!all)
        run_conn_lose(request->conn); /* some were asked and some not: it cannot be told */
    count_down(crowd);
}
