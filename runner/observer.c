/*
 * Observers: see observer.h. From the attach on everything is on the session's strand, but for the
 * stop and what is sent. How one is asked for is in dispatch_observe.c.
 */
#include "runner/observer.h"

#include "runner/reply.h"
#include "runner/server.h"
#include "wire/msg_observe.h"
#include "wire/msg_output.h"
#include "wire/msg_process.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { EVENT_BYTES = 256 }; /* a message without the name */

/* ---- Life ---- */

struct run_observer *run_observer_ref(struct run_observer *observer)
{
    atomic_fetch_add_explicit(&observer->refs, 1, memory_order_relaxed);
    return observer;
}

void run_observer_unref(struct run_observer *observer)
{
    if (atomic_fetch_sub_explicit(&observer->refs, 1, memory_order_acq_rel) > 1)
        return;
    struct run_proc *proc = observer->proc;
    struct run_conn *conn = observer->conn;
    assert(!observer->is_attached);
    free((void *)(uintptr_t)observer->unobserve_id.data);
    free(observer);
    if (proc != NULL)
        run_proc_unref(proc);
    run_conn_unref(conn);
}

static void on_leave(struct iocp_op *op)
{
    struct run_observer *observer = IOCP_OWNER(op, struct run_observer, leave);
    run_observing_remove(observer->conn, observer);
    run_observer_unref(observer);
}

static struct wire_span append(uint8_t **at, struct wire_span span)
{
    struct wire_span copy = wire_span_of(*at, span.size);
    if (span.size > 0)
        memcpy(*at, span.data, span.size);
    *at += span.size;
    return copy;
}

struct run_observer *run_observer_new(struct run_conn *conn, const struct run_observer_ask *ask)
{
    size_t json_bytes = wire_msg_id_json(ask->name, NULL, 0);
    size_t text_bytes =
        ask->request_id.size + ask->key.size + ask->process_id.size + ask->name.size + json_bytes;
    struct run_observer *observer = calloc(1, sizeof(*observer) + text_bytes);
    if (observer == NULL)
        return NULL;
    uint8_t *at = observer->text;
    atomic_init(&observer->refs, 2);
    atomic_init(&observer->phase, RUN_OBSERVER_ASKED);
    atomic_init(&observer->queued_bytes, 0);
    observer->conn = run_conn_ref(conn);
    observer->asked_ns = conn->asked_ns;
    conn->asked_ns = 0; /* its answer takes the time */
    observer->limit_bytes = conn->server->options->observer_queue_bytes;
    observer->after_seq = ask->after_seq;
    observer->request_id = append(&at, ask->request_id);
    observer->key = append(&at, ask->key);
    observer->process_id = append(&at, ask->process_id);
    observer->name = append(&at, ask->name);
    (void)wire_msg_id_json(ask->name, at, json_bytes);
    observer->name_json = wire_span_of(at, json_bytes);
    iocp_op_init(&observer->leave, &conn->strand, on_leave);
    run_observing_add(conn, observer);
    return observer;
}

/* ---- Sending ---- */

static bool has_room(const struct run_observer *observer)
{
    return atomic_load(&observer->queued_bytes) < observer->limit_bytes;
}

static void queue(struct run_observer *observer, struct run_frame *frame)
{
    frame->observer = run_observer_ref(observer);
    atomic_fetch_add(&observer->queued_bytes, frame->size_bytes);
    run_conn_send(observer->conn, RUN_FRAME_OBSERVED, frame);
}

/* Queues a small message behind what it was sent before. Returns its size. */
static uint32_t say(struct run_observer *observer, struct wire_json_writer *writer)
{
    struct wire_span json;
    uint8_t *text;
    int result = wire_json_writer_finish(writer, &json);
    assert(result == 0);
    (void)result;
    struct run_frame *frame = run_conn_message(observer->conn, json.size, &text);
    if (frame == NULL)
        return 0; /* its connection is told to end */
    uint32_t size_bytes = frame->size_bytes;
    memcpy(text, json.data, json.size);
    queue(observer, frame);
    return size_bytes;
}

static uint32_t tell_output(struct run_observer *observer, const struct run_piece *piece)
{
    struct run_conn *conn = observer->conn;
    struct wire_msg_output output = {
        .id_json = observer->name_json,
        .chunk = wire_span_of(piece->data, piece->size_bytes),
        .seq = piece->seq,
        .stream = (enum wire_msg_stream)piece->stream,
        .framing = conn->framing == RUN_FRAMING_WS ? WIRE_RPC_WEBSOCKET : WIRE_RPC_LINE,
    };
    uint32_t size = (uint32_t)wire_msg_process_output_size(&output);
    struct run_frame *frame = run_frame_new(conn->strand.port, size);
    if (frame == NULL) {
        run_conn_lose(conn);
        return 0;
    }
    wire_msg_process_output_write(&output, observer->proc->codec, frame->data);
    run_metrics_add(conn->metrics, RUN_COUNT_OBSERVED, piece->size_bytes);
    queue(observer, frame);
    return size;
}

static void tell_exit(struct run_observer *observer, const struct sess_view *view)
{
    uint8_t buffer[EVENT_BYTES + 6 * WIRE_MSG_ID_LIMIT];
    struct wire_json_writer writer;
    if (observer->exit_was_told || view->exited_seq == 0)
        return;
    observer->exit_was_told = true;
    wire_json_writer_init(&writer, buffer, sizeof(buffer));
    wire_msg_process_exited(&writer, observer->name_json, view->exited_seq, view->record.exit_code,
                            false);
    (void)say(observer, &writer);
}

static void tell_gap(struct run_observer *observer, const struct sess_skipped *skipped)
{
    uint8_t buffer[EVENT_BYTES + 6 * WIRE_MSG_ID_LIMIT];
    struct wire_json_writer writer;
    struct wire_msg_gap gap = {skipped->first_seq, skipped->last_seq, skipped->bytes,
                               !skipped->is_exact};
    wire_json_writer_init(&writer, buffer, sizeof(buffer));
    wire_msg_process_gap(&writer, observer->name_json, &gap);
    (void)say(observer, &writer);
    run_metrics_add(observer->conn->metrics, RUN_COUNT_GAPS, 1);
    run_metrics_add(observer->conn->metrics, RUN_COUNT_GAP_BYTES, skipped->bytes);
}

/* ---- The end: the name is free before the last word is sent ---- */

static void answer_unobserve(struct run_observer *observer)
{
    uint8_t buffer[EVENT_BYTES + 6 * WIRE_MSG_ID_LIMIT];
    struct wire_json_writer writer;
    wire_json_writer_init(&writer, buffer, sizeof(buffer));
    wire_msg_process_done_reply(&writer, observer->unobserve_id);
    (void)say(observer, &writer); /* not as a reply: nothing of it comes behind this */
}

static void say_last(struct run_observer *observer, enum run_observing_end why)
{
    static const char *const reasons[] = {[RUN_OBSERVING_RESUMED] = "resumed",
                                          [RUN_OBSERVING_ENDED] = "ended",
                                          [RUN_OBSERVING_EXPIRED] = "expired"};
    uint8_t buffer[EVENT_BYTES + 6 * WIRE_MSG_ID_LIMIT];
    struct wire_json_writer writer;
    struct sess_view view;
    wire_json_writer_init(&writer, buffer, sizeof(buffer));
    if (why == RUN_OBSERVING_CUT)
        return;
    if (why == RUN_OBSERVING_UNOBSERVED) {
        answer_unobserve(observer);
        return;
    }
    if (why == RUN_OBSERVING_CLOSED) {
        sess_session_view(observer->proc->session, &view);
        wire_msg_process_closed(&writer, observer->name_json, view.closed_seq);
    } else {
        assert(reasons[why] != NULL);
        wire_msg_process_observe_ended(&writer, observer->name_json, reasons[why]);
    }
    (void)say(observer, &writer);
}

static void end(struct run_observer *observer, enum run_observing_end why)
{
    struct run_proc *proc = observer->proc;
    assert(observer->is_attached);
    observer->is_attached = false;
    if (observer->proc_prev != NULL)
        observer->proc_prev->proc_next = observer->proc_next;
    else
        proc->observers = observer->proc_next;
    if (observer->proc_next != NULL)
        observer->proc_next->proc_prev = observer->proc_prev;
    atomic_fetch_sub(&proc->observer_count, 1);
    run_metrics_add(observer->conn->metrics, RUN_COUNT_OBSERVERS, UINT64_MAX); /* one less */
    iocp_post(&observer->leave);
    say_last(observer, why);
    run_observer_unref(observer); /* the list's */
}

static void on_stop(struct iocp_op *op)
{
    struct run_observer *observer = IOCP_OWNER(op, struct run_observer, stop);
    if (observer->is_attached)
        end(observer, observer->why);
    else if (observer->why == RUN_OBSERVING_UNOBSERVED)
        answer_unobserve(observer); /* it has just ended by itself */
    run_observer_unref(observer);
}

void run_observer_stop(struct run_observer *observer, enum run_observing_end why)
{
    uint8_t asked = RUN_OBSERVER_ASKED;
    if (observer->is_stopped)
        return;
    observer->is_stopped = true;
    observer->why = why;
    if (atomic_compare_exchange_strong(&observer->phase, &asked, RUN_OBSERVER_CANCELLED))
        return; /* whoever would attach it refuses it */
    (void)run_observer_ref(observer);
    iocp_post(&observer->stop);
}

/* ---- Reading on ---- */

static void wake(struct run_observer *observer)
{
    (void)run_observer_ref(observer);
    if (!iocp_kick(&observer->more))
        run_observer_unref(observer); /* one is on its way */
}

/* Sends what comes next. Returns its encoded size; 0: there is nothing, or nothing any more. */
static uint32_t step(struct run_observer *observer, struct run_source *source)
{
    const struct sess_view *view = source->view;
    struct sess_reader *reader = &source->reader;
    struct run_piece piece;
    struct sess_skipped skipped;
    uint64_t seq = reader->after_seq + 1;
    uint32_t size = 1;
    if (seq >= view->next_seq || seq == view->closed_seq)
        return 0;
    if (seq == view->exited_seq) {
        reader->after_seq = seq;
        tell_exit(observer, view);
        return size;
    }
    bool has = run_source_next(source, &piece, &skipped);
    if (skipped.first_seq != 0)
        tell_gap(observer, &skipped);
    if (!has || view->exited_seq < piece.seq)
        tell_exit(observer, view);
    if (has)
        size += tell_output(observer, &piece);
    else
        reader->after_seq = view->next_seq - (view->closed_seq != 0 ? 2 : 1);
    return size;
}

/* Sends what it has not seen, as long as there is room, and for one turn at most. */
static void read_on(struct run_observer *observer)
{
    struct run_proc *proc = observer->proc;
    uint32_t turn_bytes = 0, size = 1;
    struct sess_view view;
    sess_session_view(proc->session, &view);
    struct run_source source = {&view, &proc->ring, observer->at};
    while (size > 0 && turn_bytes < RUN_OBSERVER_TURN_BYTES && has_room(observer)) {
        size = step(observer, &source);
        turn_bytes += size;
    }
    observer->at = source.reader;
    if (size > 0 && has_room(observer))
        wake(observer);
    else if (size == 0 && view.closed_seq != 0)
        end(observer, RUN_OBSERVING_CLOSED);
}

static void on_more(struct iocp_op *op)
{
    struct run_observer *observer = IOCP_OWNER(op, struct run_observer, more);
    if (observer->is_attached)
        read_on(observer);
    run_observer_unref(observer);
}

void run_observer_sent(struct run_observer *observer, uint32_t bytes)
{
    uint64_t before = atomic_fetch_sub(&observer->queued_bytes, bytes);
    uint64_t low = observer->limit_bytes / 2;
    assert(before >= bytes);
    if (before > low && before - bytes <= low && observer->conn->state != RUN_CONN_CLOSING)
        wake(observer);
    run_observer_unref(observer);
}

/* ---- What happens to the process ---- */

void run_observers_output(struct run_proc *proc, const struct sess_chunk *chunk)
{
    struct run_piece piece = {chunk->seq, chunk->stream, chunk->slice.size_bytes,
                              chunk->slice.data};
    for (struct run_observer *at = proc->observers; at != NULL; at = at->proc_next) {
        if (at->at.after_seq + 1 != chunk->seq || !has_room(at))
            continue; /* it is behind, and is woken when there is room */
        at->at.after_seq = chunk->seq;
        if (at->at.before_bytes != SESS_BYTES_UNKNOWN)
            at->at.before_bytes += piece.size_bytes;
        (void)tell_output(at, &piece);
    }
}

void run_observers_look(struct run_proc *proc)
{
    struct run_observer *next;
    for (struct run_observer *at = proc->observers; at != NULL; at = next) {
        next = at->proc_next;
        read_on(at);
    }
}

static void on_end_all(struct iocp_op *op)
{
    struct run_proc *proc = IOCP_OWNER(op, struct run_proc, end_observers);
    proc->takes_no_observers = true;
    while (proc->observers != NULL)
        end(proc->observers, proc->observers_end);
    run_proc_unref(proc);
}

void run_observers_end(struct run_proc *proc, enum run_observing_end why)
{
    proc->observers_end = why; /* read behind the post */
    (void)run_proc_ref(proc);
    iocp_op_init(&proc->end_observers, sess_session_strand(proc->session), on_end_all);
    iocp_post(&proc->end_observers);
}

uint32_t run_observers_count(const struct run_proc *proc, uint64_t next_seq, uint64_t *out_behind)
{
    uint32_t count = 0;
    *out_behind = 0;
    for (const struct run_observer *at = proc->observers; at != NULL; at = at->proc_next) {
        uint64_t behind = next_seq - 1 - at->at.after_seq;
        if (behind > *out_behind)
            *out_behind = behind;
        count++;
    }
    return count;
}

/* ---- The attach ---- */

/* The name is free before the client can know. */
static void give_up(struct run_observer *observer)
{
    if (observer->proc != NULL)
        atomic_fetch_sub(&observer->proc->observer_count, 1);
    run_conn_note_answer(observer->conn, observer->asked_ns);
    iocp_post(&observer->leave);
}

void run_observer_refuse(struct run_observer *observer, enum wire_rpc_text text,
                         struct wire_span argument)
{
    give_up(observer);
    run_reply_text(observer->conn, observer->request_id, text, argument);
    run_observer_unref(observer);
}

void run_observer_refuse_unknown(struct run_observer *observer, enum wire_msg_gone_reason reason)
{
    struct wire_msg_gone gone = {.reason = reason};
    give_up(observer);
    run_reply_gone(observer->conn, observer->request_id, WIRE_RPC_TEXT_UNKNOWN_PROCESS,
                   observer->process_id, &gone);
    run_observer_unref(observer);
}

void run_observer_refuse_full(struct run_observer *observer, const char *resource, uint64_t need)
{
    struct sess_shortage shortage = {.resource = resource, .have = 0, .need = need};
    struct run_reply reply;
    give_up(observer);
    run_reply_shortage(run_reply_begin(&reply, observer->conn), observer->request_id, &shortage);
    run_reply_send(&reply);
    run_observer_unref(observer);
}

static void welcome(struct run_observer *observer, const struct sess_view *view)
{
    struct run_reply reply;
    struct wire_msg_observed observed = {
        .name_json = observer->name_json,
        .next_seq = view->next_seq,
        .state = sess_state_text(view->state == SESS_GONE ? SESS_CLOSED : view->state),
        .tty = sess_session_is_tty(observer->proc->session),
        .has_exited = view->exited_seq != 0,
        .exit_code = view->record.exit_code,
    };
    run_conn_note_answer(observer->conn, observer->asked_ns);
    wire_msg_process_observe_reply(run_reply_begin(&reply, observer->conn), observer->request_id,
                                   &observed);
    run_reply_send(&reply);
}

static void link_observer(struct run_observer *observer, const struct sess_view *view)
{
    struct run_proc *proc = observer->proc;
    struct run_source source;
    uint64_t after_seq = observer->after_seq;
    observer->exit_was_told = view->exited_seq != 0 && view->exited_seq <= after_seq;
    if (view->closed_seq != 0 && after_seq >= view->closed_seq)
        after_seq = view->closed_seq - 1; /* the close is what it ends with */
    run_source_init(&source, view, &proc->ring, after_seq, SESS_BYTES_UNKNOWN);
    observer->at = source.reader;
    observer->proc_prev = NULL;
    observer->proc_next = proc->observers;
    if (observer->proc_next != NULL)
        observer->proc_next->proc_prev = observer;
    proc->observers = observer;
    observer->is_attached = true;
    run_metrics_add(observer->conn->metrics, RUN_COUNT_OBSERVERS, 1);
}

static void on_attach(struct sess_request *request)
{
    struct run_observer *observer = request->context;
    struct run_proc *proc = observer->proc;
    uint8_t asked = RUN_OBSERVER_ASKED;
    struct sess_view view;
    sess_session_view(request->session, &view);
    if (!proc->was_started || proc->takes_no_observers) {
        run_observer_refuse_unknown(observer, WIRE_MSG_GONE_NEVER_EXISTED);
    } else if (observer->after_seq >= view.next_seq) {
        run_observer_refuse(observer, WIRE_RPC_TEXT_INVALID_PARAMS,
                            wire_span_text("`afterSeq` is none that this process has reached"));
    } else if (!atomic_compare_exchange_strong(&observer->phase, &asked, RUN_OBSERVER_ATTACHED)) {
        run_observer_refuse(observer, WIRE_RPC_TEXT_RESUMED, wire_span_of(NULL, 0));
    } else {
        link_observer(observer, &view);
        welcome(observer, &view);
        read_on(observer);
    }
}

void run_observer_found(struct run_observer *observer, struct run_proc *proc)
{
    struct sess_session *session = proc->session;
    observer->proc = proc;
    /* From here on who stops it may post these. */
    iocp_op_init(&observer->stop, sess_session_strand(session), on_stop);
    iocp_op_init(&observer->more, sess_session_strand(session), on_more);
    sess_request_init(&observer->attach, SESS_REQUEST_VIEW, on_attach, observer);
    run_proc_ask(proc, &observer->attach);
}
