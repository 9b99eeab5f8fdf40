/*
 * process/list: an entry of each process that has the labels, in the order of their ids (byte by
 * byte). Each entry is made by a look on its session's strand and kept as JSON; the last look joins
 * them. Looks are answered at once, so there is nothing to cancel; they count among what waits, so
 * that lists that are asked for faster than they are made do not fill the memory.
 *
 * A look goes to its session at once, also while that starts: such a process is "starting".
 */
#include "runner/dispatch.h"
#include "runner/labels.h"
#include "runner/look.h"
#include "runner/reply.h"
#include "runner/tombstone.h"
#include "wire/msg_list.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    ENTRY_BYTES = 2048,               /* nearly every entry: made on the stack, then copied */
    LIST_BYTES_MAX = 64 * 1024 * 1024 /* of what a connection asks for at a time: 16,384 entries of
                                       * 4 KiB */
};

enum list_fault { FAULT_NONE, FAULT_MEMORY, FAULT_SIZE };

struct list_item {
    struct sess_request request;
    struct list_call *call;
    struct run_proc *proc; /* one reference */
    uint8_t *json;         /* NULL: there is no such process any more, or a fault */
    size_t json_bytes;
};

struct list_call {
    struct run_waiting waiting;
    struct run_room_call room;
    _Atomic uint32_t unanswered; /* looks, and one for whoever posts them */
    _Atomic size_t bytes;        /* of all entries */
    _Atomic int fault;           /* enum list_fault */
    uint64_t asked_ns;           /* when the client asked */
    size_t id_bytes;
    uint8_t *id; /* of the request, JSON; at the end of the call */
    uint32_t count;
    struct list_item *items[]; /* in the order of the reply at last; then the items themselves */
};

/* ---- The reply: on the strand of the last look ---- */

static int compare(const void *left, const void *right)
{
    const struct list_item *a = *(struct list_item *const *)left;
    const struct list_item *b = *(struct list_item *const *)right;
    size_t a_size = 0, b_size = 0;
    const char *a_id = sess_session_id(a->proc->session, &a_size);
    const char *b_id = sess_session_id(b->proc->session, &b_size);
    size_t common = a_size < b_size ? a_size : b_size;
    int order = common > 0 ? memcmp(a_id, b_id, common) : 0;
    return order != 0 ? order : (a_size > b_size) - (a_size < b_size);
}

static void write_reply(struct wire_json_writer *writer, const void *context)
{
    const struct list_call *call = context;
    wire_msg_list_begin(writer, wire_span_of(call->id, call->id_bytes));
    for (uint32_t i = 0; i < call->count; i++) {
        const struct list_item *item = call->items[i];
        if (item->json != NULL)
            wire_msg_list_add(writer, wire_span_of(item->json, item->json_bytes));
    }
    wire_msg_list_end(writer);
}

static void refuse(struct run_conn *conn, struct wire_span id, enum list_fault fault)
{
    struct sess_shortage shortage = {.resource = "memory", .have = 0, .need = 1};
    struct run_reply reply;
    if (fault == FAULT_SIZE)
        shortage = (struct sess_shortage){"bytes of lists", LIST_BYTES_MAX, LIST_BYTES_MAX + 1};
    run_reply_shortage(run_reply_begin(&reply, conn), id, &shortage);
    run_reply_send(&reply);
}

static void answer(struct list_call *call)
{
    qsort(call->items, call->count, sizeof(struct list_item *), compare);
    run_reply_send_counted(call->waiting.conn, write_reply, call);
    run_conn_note_answer(call->waiting.conn, call->asked_ns);
    run_waiting_remove(&call->waiting);
}

static void answer_later(struct run_room_call *room, bool is_wanted)
{
    struct list_call *call = IOCP_OWNER(room, struct list_call, room);
    if (is_wanted)
        answer(call);
    else
        run_waiting_remove(&call->waiting);
}

static void count_look(struct list_call *call)
{
    if (atomic_fetch_sub_explicit(&call->unanswered, 1, memory_order_acq_rel) > 1)
        return;
    struct run_conn *conn = call->waiting.conn;
    int fault = atomic_load(&call->fault);
    if (fault != FAULT_NONE) {
        refuse(conn, wire_span_of(call->id, call->id_bytes), (enum list_fault)fault);
        run_conn_note_answer(conn, call->asked_ns);
        run_waiting_remove(&call->waiting);
    } else if (run_room_is_there(conn)) {
        answer(call);
    } else {
        run_room_wait(&call->room, conn, answer_later);
    }
}

/* ---- One entry: on its session's strand ---- */

/* Memory for the entry that counts in the reply; NULL: the fault is noted. */
static uint8_t *take_bytes(struct list_call *call, size_t bytes)
{
    struct run_conn *conn = call->waiting.conn;
    atomic_fetch_add(&call->bytes, bytes);
    bool fits = atomic_fetch_add(&conn->list_bytes, bytes) + bytes <= LIST_BYTES_MAX;
    uint8_t *memory = fits ? malloc(bytes) : NULL;
    if (memory == NULL)
        atomic_store(&call->fault, fits ? FAULT_MEMORY : FAULT_SIZE);
    return memory;
}

static void looked(struct sess_request *request)
{
    struct list_item *item = request->context;
    uint8_t small[ENTRY_BYTES];
    size_t bytes = run_look_entry(item->proc, small, sizeof(small));
    if (bytes > 0)
        item->json = take_bytes(item->call, bytes);
    if (item->json != NULL && bytes <= sizeof(small))
        memcpy(item->json, small, bytes);
    else if (item->json != NULL)
        (void)run_look_entry(item->proc, item->json, bytes);
    item->json_bytes = bytes;
    count_look(item->call);
}

/* ---- The request: on the connection's strand ---- */

static void cancel_call(struct run_waiting *waiting)
{
    (void)waiting; /* it is answered at once */
}

static void free_call(struct run_waiting *waiting)
{
    struct list_call *call = IOCP_OWNER(waiting, struct list_call, waiting);
    size_t bytes = atomic_load(&call->bytes);
    if (bytes > 0) /* else it may have been refused before it had a connection */
        atomic_fetch_sub(&waiting->conn->list_bytes, bytes);
    for (uint32_t i = 0; i < call->count; i++) {
        run_proc_unref(call->items[i]->proc);
        free(call->items[i]->json);
    }
    free(call);
}

/* Visits the processes that have all labels: counts them, or fills the call. */
static uint32_t visit(const struct run_conn *conn, const struct wire_msg_pairs *wanted,
                      struct list_item *out_items)
{
    struct sess_label labels[WIRE_MSG_LABELS_MAX];
    struct sess_session *cursor = NULL, *session;
    uint32_t count = 0;
    size_t label_count = run_labels_of(wanted, labels);
    while ((session = sess_table_next(&conn->tenure->table, &cursor)) != NULL) {
        if (!sess_session_has_labels(session, labels, label_count))
            continue;
        if (out_items != NULL)
            out_items[count].proc = run_proc_ref(sess_session_context(session));
        count++;
    }
    return count;
}

/* NULL: no memory. */
static struct list_call *call_new(struct run_request *request, const struct wire_msg_pairs *labels)
{
    uint32_t count = visit(request->conn, labels, NULL);
    size_t item_bytes = sizeof(struct list_item *) + sizeof(struct list_item);
    struct list_call *call = malloc(sizeof(*call) + count * item_bytes + request->id.size);
    if (call == NULL)
        return NULL;
    struct list_item *items = (struct list_item *)(void *)&call->items[count];
    call->count = visit(request->conn, labels, items);
    assert(call->count == count);
    call->id = (uint8_t *)&items[count];
    call->id_bytes = request->id.size;
    memcpy(call->id, request->id.data, request->id.size);
    atomic_init(&call->unanswered, count + 1);
    atomic_init(&call->bytes, 0);
    atomic_init(&call->fault, FAULT_NONE);
    for (uint32_t i = 0; i < count; i++) {
        sess_request_init(&items[i].request, SESS_REQUEST_VIEW, looked, &items[i]);
        items[i].call = call;
        items[i].json = NULL;
        call->items[i] = &items[i];
    }
    return call;
}

void run_process_list(struct run_request *request)
{
    struct wire_msg_process_list asked = {0};
    struct run_conn *conn = request->conn;
    if (wire_msg_process_list_parse(&request->parser, request->params, &asked) != 0) {
        run_dispatch_refuse_params(request);
        return;
    }
    run_tombstones_sweep(conn->tenure);
    struct list_call *call = call_new(request, &asked.labels);
    if (call == NULL) {
        refuse(conn, request->id, FAULT_MEMORY);
        return;
    }
    if (!run_waiting_add(&call->waiting, conn, call->count, cancel_call, free_call)) {
        run_waiting_refuse(conn, request->id);
        free_call(&call->waiting);
        return;
    }
    call->asked_ns = conn->asked_ns;
    conn->asked_ns = 0; /* its answer takes the time */
    for (uint32_t i = 0; i < call->count; i++)
        sess_request_post(&call->items[i]->request, call->items[i]->proc->session);
    count_look(call);
}
