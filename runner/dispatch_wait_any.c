/*
 * process/waitAny: whatever happens first to one of many processes. Each has a watch; the first
 * answer cancels all others, and the last of their answers makes the reply. A watch is looked at
 * before it is cancelled, so the reply has every process that was ready at that moment.
 *
 *    post all watches  ->  the first answer, or the connection: cancel all  ->  all answered: reply
 *      conn's strand          any session's strand, conn's strand               whose is the last
 */

/*
 * An element without a match waits for output, the exit or the close; one with a match waits for
 * that or the close: what a program wrote before its exit may be read after it, and is still
 * searched. An unknown process, or one whose start has failed, is ready at once.
 *
 * The call is one block of memory; it goes when the connection's strand has taken it out of the
 * list of what waits, after every watch was answered.
 */
#include "runner/dispatch.h"
#include "runner/look.h"
#include "runner/reply.h"
#include "runner/tombstone.h"
#include "sessions/watch.h"
#include "wire/msg_output.h"
#include "wire/msg_wait.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Who has come first; the one that completes POSTED and DECIDED cancels the watches. */
enum {
    ALL_POSTED = 1,
    DECIDED = 2, /* the call is to be answered now */
    CUT = 4      /* by its connection */
};

struct any_item {
    struct sess_watch watch;
    struct any_call *call;
    struct run_proc *proc;     /* one reference; NULL: unknown */
    struct wire_span id_json;  /* the proc's, or at the end of the call */
    struct wire_msg_gone gone; /* what is told of the process if it does not run */
};

struct any_call {
    struct run_waiting waiting;
    _Atomic unsigned flags;
    _Atomic uint32_t unanswered; /* watches, and one for whoever posts them */
    bool only_looks;
    uint64_t timeout_ms;
    struct wire_span request_id; /* at the end of the call, as are matches */
    size_t count;
    struct any_item items[];
};

/* ---- The reply: on the strand of the last answer ---- */

/* Whether something has happened to the process, and what. */
static bool is_ready(const struct any_item *item, enum wire_msg_ready_reason *out_reason)
{
    const struct sess_watch *watch = &item->watch;
    if (item->proc != NULL && watch->request.result != 0)
        return false;
    if (item->proc == NULL || watch->reason == SESS_WATCH_OVER)
        *out_reason = WIRE_MSG_READY_UNKNOWN;
    else if (watch->reason == SESS_WATCH_MATCH)
        *out_reason = WIRE_MSG_READY_MATCH;
    else if (watch->reason == SESS_WATCH_OUTPUT)
        *out_reason = WIRE_MSG_READY_OUTPUT;
    else if (watch->reason == SESS_WATCH_TIMEOUT)
        return false;
    else if (watch->exited_seq > watch->after_seq)
        *out_reason = WIRE_MSG_READY_EXITED;
    else
        *out_reason = WIRE_MSG_READY_CLOSED;
    return true;
}

static void write_reply(struct wire_json_writer *writer, const void *context)
{
    const struct any_call *call = context;
    bool timed_out = true;
    wire_msg_wait_any_begin(writer, call->request_id);
    for (size_t i = 0; i < call->count; i++) {
        const struct any_item *item = &call->items[i];
        struct wire_msg_ready ready = {.process_id_json = item->id_json};
        if (!is_ready(item, &ready.reason))
            continue;
        if (ready.reason != WIRE_MSG_READY_UNKNOWN)
            ready.next_seq = item->watch.next_seq;
        ready.match_seq = item->watch.match_seq;
        ready.match_offset = item->watch.match_offset;
        if (ready.reason != WIRE_MSG_READY_OUTPUT && ready.reason != WIRE_MSG_READY_MATCH)
            ready.gone = item->gone;
        wire_msg_wait_any_ready(writer, &ready);
        timed_out = false;
    }
    wire_msg_wait_any_end(writer, timed_out);
}

static void refuse_memory(struct run_conn *conn, struct wire_span request_id)
{
    run_reply_text(conn, request_id, WIRE_RPC_TEXT_INTERNAL, wire_span_text("out of memory"));
}

/* Why a watch could not be made (too many watch that process, no memory); 0: each was. */
static int fault_of(const struct any_call *call)
{
    for (size_t i = 0; i < call->count; i++) {
        int result = call->items[i].proc != NULL ? call->items[i].watch.request.result : 0;
        if (result != 0 && result != SESS_E_CANCELLED)
            return result;
    }
    return 0;
}

static void count_answer(struct any_call *call)
{
    if (atomic_fetch_sub_explicit(&call->unanswered, 1, memory_order_acq_rel) > 1)
        return;
    int fault = fault_of(call);
    if ((atomic_load(&call->flags) & CUT) != 0)
        run_waiting_answer_cancelled(&call->waiting, call->request_id);
    else if (fault == SESS_E_TOO_MANY_WATCHES)
        run_waiting_refuse(call->waiting.conn, call->request_id);
    else if (fault != 0)
        refuse_memory(call->waiting.conn, call->request_id);
    else
        run_reply_send_counted(call->waiting.conn, write_reply, call);
    run_waiting_remove(&call->waiting);
}

/* ---- The first answer ---- */

/* Whoever calls this keeps the call: by its own share of the answers, or on the connection's
 * strand.
 */
static void cancel_watches(struct any_call *call)
{
    for (size_t i = 0; i < call->count; i++) {
        if (call->items[i].proc != NULL)
            sess_watch_cancel(&call->items[i].watch);
    }
}

static void raise_flags(struct any_call *call, unsigned raised)
{
    const unsigned both = ALL_POSTED | DECIDED;
    unsigned before = atomic_fetch_or(&call->flags, raised);
    if ((before & both) != both && ((before | raised) & both) == both)
        cancel_watches(call);
}

static void watch_answered(struct sess_request *request)
{
    struct any_item *item = request->context;
    struct any_call *call = item->call;
    item->gone = run_look_gone(request->session);
    if (!call->only_looks)
        raise_flags(call, DECIDED);
    count_answer(call);
}

static void cancel_call(struct run_waiting *waiting)
{
    raise_flags(IOCP_OWNER(waiting, struct any_call, waiting), DECIDED | CUT);
}

static void free_call(struct run_waiting *waiting)
{
    struct any_call *call = IOCP_OWNER(waiting, struct any_call, waiting);
    for (size_t i = 0; i < call->count; i++) {
        if (call->items[i].proc != NULL)
            run_proc_unref(call->items[i].proc);
    }
    free(call);
}

/* ---- The request: on the connection's strand ---- */

/* What is kept of the message behind the items. */
static size_t bytes_to_keep(const struct run_request *request,
                            const struct wire_msg_process_wait_any *asked)
{
    size_t bytes = request->id.size;
    for (size_t i = 0; i < asked->count; i++) {
        const struct wire_msg_wait_any_item *item = &asked->items[i];
        bool is_known = run_proc_find(request->conn, item->process_id) != NULL;
        bytes += is_known ? item->match.size : wire_msg_id_json(item->process_id, NULL, 0);
    }
    return bytes;
}

static struct wire_span keep(uint8_t **at, struct wire_span span)
{
    struct wire_span kept = wire_span_of(*at, span.size);
    if (span.size > 0)
        memcpy(*at, span.data, span.size);
    *at += span.size;
    return kept;
}

/* Whether there is such a process. */
static bool fill_item(struct any_item *item, struct run_conn *conn,
                      const struct wire_msg_wait_any_item *asked, uint8_t **at)
{
    struct run_proc *proc = run_proc_find(conn, asked->process_id);
    if (proc == NULL) {
        size_t size = wire_msg_id_json(asked->process_id, NULL, 0);
        item->proc = NULL;
        item->gone =
            (struct wire_msg_gone){.reason = run_tombstone_why(conn->tenure, asked->process_id)};
        item->id_json = wire_span_of(*at, size);
        *at += wire_msg_id_json(asked->process_id, *at, size);
        return false;
    }
    item->proc = run_proc_ref(proc);
    item->id_json = run_proc_id_json(proc);
    sess_watch_init(&item->watch, watch_answered, item);
    item->watch.after_seq = asked->after_seq;
    item->watch.wants_closed = true;
    item->watch.wants_output = item->watch.wants_exited = asked->match.data == NULL;
    if (asked->match.data != NULL) {
        item->watch.match_bytes = (uint32_t)asked->match.size;
        item->watch.match = keep(at, asked->match).data;
    }
    return true;
}

/* NULL: no memory. */
static struct any_call *call_new(struct run_request *request,
                                 const struct wire_msg_process_wait_any *asked)
{
    size_t bytes = bytes_to_keep(request, asked);
    struct any_call *call = malloc(sizeof(*call) + asked->count * sizeof(call->items[0]) + bytes);
    if (call == NULL)
        return NULL;
    uint8_t *at = (uint8_t *)&call->items[asked->count], *end = at + bytes;
    uint32_t known = 0;
    call->count = asked->count;
    call->request_id = keep(&at, request->id);
    for (size_t i = 0; i < asked->count; i++) {
        call->items[i].call = call;
        known += fill_item(&call->items[i], request->conn, &asked->items[i], &at);
    }
    assert(at == end);
    (void)end;
    call->timeout_ms = asked->timeout_ms.is_present ? asked->timeout_ms.value : SESS_WATCH_FOREVER;
    call->only_looks = known < asked->count || call->timeout_ms == 0;
    atomic_init(&call->unanswered, known + 1);
    atomic_init(&call->flags, 0);
    return call;
}

/* One watch has the time of all. Each watch is of the session from its post on. */
static void post_watches(struct any_call *call)
{
    uint64_t timeout_ms = call->only_looks ? 0 : call->timeout_ms;
    for (size_t i = 0; i < call->count; i++) {
        struct any_item *item = &call->items[i];
        if (item->proc == NULL)
            continue;
        item->watch.timeout_ms = timeout_ms;
        if (!call->only_looks)
            timeout_ms = SESS_WATCH_FOREVER;
        sess_request_post(&item->watch.request, item->proc->session);
    }
    raise_flags(call, ALL_POSTED);
    count_answer(call);
}

void run_process_wait_any(struct run_request *request)
{
    struct wire_msg_process_wait_any asked = {0};
    if (wire_msg_process_wait_any_parse(&request->parser, request->params, &asked) != 0) {
        run_dispatch_refuse_params(request);
        return;
    }
    struct any_call *call = call_new(request, &asked);
    if (call == NULL) {
        refuse_memory(request->conn, request->id);
    } else if (run_waiting_add(&call->waiting, request->conn, (uint32_t)asked.count, cancel_call,
                               free_call)) {
        request->conn->asked_ns = 0; /* asked to wait: that is no time that an answer takes */
        post_watches(call);
    } else {
        run_waiting_refuse(request->conn, request->id);
        free_call(&call->waiting);
    }
}
