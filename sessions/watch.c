/*
 * Watches: see watch.h. All but sess_watch_init and sess_watch_cancel runs on the session's strand.
 *
 * The watches of a session are a list in the order of their posts. The nearest of their times is
 * one deadline of the session's clock; when a watch with a time is answered by something else that
 * deadline may come in vain, once.
 */
#include "sessions/watch.h"

#include "sessions/session_struct.h"

#include <assert.h>
#include <string.h>

enum { NS_PER_MS = 1000 * 1000 };

void sess_watch_init(struct sess_watch *watch, sess_request_callback *callback, void *context)
{
    memset(watch, 0, sizeof(*watch));
    sess_request_init(&watch->request, SESS_REQUEST_WATCH, callback, context);
    watch->timeout_ms = SESS_WATCH_FOREVER;
    atomic_init(&watch->phase, SESS_WATCH_IDLE);
}

void sess_watch_again(struct sess_watch *watch)
{
    assert(atomic_load(&watch->phase) == SESS_WATCH_ANSWERED && !watch->is_linked);
    watch->is_decided = false;
    watch->request.result = 0;
    watch->match_seq = 0;
    watch->match_misses = false;
}

/* ---- The list ---- */

static void link_watch(struct sess_session *session, struct sess_watch *watch)
{
    struct sess_watch *first = session->watches.first;
    struct sess_watch *last = first != NULL ? first->prev : watch;
    watch->next = NULL;
    watch->prev = last;
    if (first != NULL) {
        last->next = watch;
        first->prev = watch;
    } else {
        session->watches.first = watch;
    }
    session->watches.count++;
    watch->is_linked = true;
}

static void unlink_watch(struct sess_session *session, struct sess_watch *watch)
{
    struct sess_watches *watches = &session->watches;
    if (watch == watches->first)
        watches->first = watch->next;
    else
        watch->prev->next = watch->next;
    if (watch->next != NULL)
        watch->next->prev = watch->prev;
    else if (watches->first != NULL)
        watches->first->prev = watch->prev;
    watches->count--;
    watch->is_linked = false;
    if (watches->count == 0)
        sess_clock_set(session, SESS_DEADLINE_WATCH, 0);
}

/* ---- Answering ---- */

/* Gives the memory back. The callback may free it. */
static void answer(struct sess_session *session, struct sess_watch *watch)
{
    sess_match_deinit(&watch->search, session->host->memory);
    watch->next_seq = session->next_seq;
    watch->exited_seq = session->exited_seq;
    watch->closed_seq = session->closed_seq;
    sess_request_answer(&watch->request);
}

/* It is over for this watch. If somebody is cancelling it, its memory is still in use. */
static void decide(struct sess_session *session, struct sess_watch *watch, int result)
{
    uint8_t posted = SESS_WATCH_POSTED;
    assert(!watch->is_decided);
    if (watch->is_linked)
        unlink_watch(session, watch);
    watch->is_decided = true;
    watch->request.result = result;
    if (atomic_compare_exchange_strong(&watch->phase, &posted, SESS_WATCH_ANSWERED))
        answer(session, watch);
}

static void decide_for(struct sess_session *session, struct sess_watch *watch,
                       enum sess_watch_reason reason)
{
    watch->reason = reason;
    decide(session, watch, 0);
}

static void on_cancel(struct iocp_op *op)
{
    struct sess_watch *watch = IOCP_OWNER(op, struct sess_watch, cancel);
    struct sess_session *session = watch->request.session;
    if (!watch->is_decided)
        decide(session, watch, SESS_E_CANCELLED);
    atomic_store(&watch->phase, SESS_WATCH_ANSWERED);
    answer(session, watch);
}

void sess_watch_prepare(struct sess_watch *watch, struct sess_session *session)
{
    iocp_op_init(&watch->cancel, &session->strand, on_cancel);
    atomic_store(&watch->phase, SESS_WATCH_POSTED);
}

void sess_watch_cancel(struct sess_watch *watch)
{
    uint8_t posted = SESS_WATCH_POSTED;
    if (atomic_compare_exchange_strong(&watch->phase, &posted, SESS_WATCH_CANCELLING))
        iocp_post(&watch->cancel); /* no answer comes before this was taken */
}

/* ---- Looking ---- */

/* The number of the last chunk; 0: there was none. */
static uint64_t last_output(const struct sess_session *session)
{
    uint64_t seq = session->next_seq - 1;
    if (seq == session->closed_seq && seq != 0)
        seq--;
    return seq == session->exited_seq && seq != 0 ? seq - 1 : seq;
}

/* Whether anything but output of this moment has happened. */
static bool has_happened(const struct sess_session *session, const struct sess_watch *watch,
                         enum sess_watch_reason *out_reason)
{
    if (watch->wants_exited && session->exited_seq > watch->after_seq)
        *out_reason = SESS_WATCH_EXITED;
    else if (watch->wants_closed && session->closed_seq != 0)
        *out_reason = SESS_WATCH_CLOSED;
    else if (session->state >= SESS_CLOSED)
        *out_reason = SESS_WATCH_OVER;
    else
        return false;
    return true;
}

static bool searches(const struct sess_watch *watch, enum sess_stream stream)
{
    return watch->match_bytes > 0 &&
           (watch->match_streams == 0 || (watch->match_streams & 1U << stream) != 0);
}

static bool search(struct sess_watch *watch, uint64_t seq, enum sess_stream stream,
                   const uint8_t *data, uint32_t size_bytes)
{
    if (seq <= watch->after_seq || !searches(watch, stream) ||
        !sess_match_feed(&watch->search, stream, data, size_bytes, &watch->match_offset))
        return false;
    watch->match_seq = seq;
    watch->match_stream = stream;
    return true;
}

/* Between head and tail: nothing is found across what is missing there. */
static void search_gap(struct sess_watch *watch, const struct sess_headtail *retained)
{
    for (int stream = 0; stream < SESS_STREAMS; stream++) {
        if (retained->omitted_bytes[stream] == 0 || !searches(watch, (enum sess_stream)stream))
            continue;
        sess_match_break(&watch->search, (enum sess_stream)stream);
        watch->match_misses |= retained->lost.last_seq > watch->after_seq;
    }
}

/* Searches what is kept. */
static bool search_retained(struct sess_watch *watch, const struct sess_headtail *retained)
{
    struct sess_piece piece;
    bool in_tail = false;
    for (uint32_t cursor = 0; sess_headtail_next(retained, &cursor, &piece);) {
        if (piece.in_tail && !in_tail)
            search_gap(watch, retained);
        in_tail = piece.in_tail;
        if (search(watch, piece.seq, piece.stream, piece.data, piece.size_bytes)) {
            watch->match_offset += piece.offset_bytes;
            return true;
        }
    }
    if (!in_tail)
        search_gap(watch, retained);
    return false;
}

/* ---- Waiting ---- */

/* 0: never. */
static uint64_t due_of(const struct sess_session *session, const struct sess_watch *watch)
{
    uint64_t now_ns = iocp_now_ns(session->host->port);
    if (watch->timeout_ms > (UINT64_MAX - now_ns) / NS_PER_MS)
        return 0; /* for ever, or for centuries */
    return now_ns + watch->timeout_ms * NS_PER_MS;
}

static void wait(struct sess_session *session, struct sess_watch *watch)
{
    uint64_t nearest_ns = session->clock.due_ns[SESS_DEADLINE_WATCH];
    link_watch(session, watch);
    watch->due_ns = due_of(session, watch);
    if (watch->due_ns != 0 && (nearest_ns == 0 || watch->due_ns < nearest_ns))
        sess_clock_set(session, SESS_DEADLINE_WATCH, watch->due_ns);
}

static int prepare_search(struct sess_session *session, struct sess_watch *watch)
{
    if (watch->match_bytes == 0)
        return 0;
    if (watch->match_bytes > SESS_MATCH_MAX_BYTES)
        return SESS_E_TOO_LARGE;
    bool ready =
        sess_match_init(&watch->search, watch->match, watch->match_bytes, session->host->memory);
    return ready ? 0 : SESS_E_NO_CAPACITY;
}

void sess_watch_serve(struct sess_session *session, struct sess_watch *watch)
{
    enum sess_watch_reason reason;
    int result = prepare_search(session, watch);
    if (result != 0)
        decide(session, watch, result);
    else if (watch->match_bytes > 0 && search_retained(watch, &session->retained))
        decide_for(session, watch, SESS_WATCH_MATCH);
    else if (watch->wants_output && last_output(session) > watch->after_seq)
        decide_for(session, watch, SESS_WATCH_OUTPUT);
    else if (has_happened(session, watch, &reason))
        decide_for(session, watch, reason);
    else if (watch->timeout_ms == 0)
        decide_for(session, watch, SESS_WATCH_TIMEOUT);
    else if (session->watches.count == SESS_WATCHES_MAX)
        decide(session, watch, SESS_E_TOO_MANY_WATCHES);
    else
        wait(session, watch);
}

/* ---- What happens ---- */

void sess_watches_output(struct sess_session *session, const struct sess_chunk *chunk)
{
    struct sess_watch *next;
    for (struct sess_watch *at = session->watches.first; at != NULL; at = next) {
        next = at->next;
        if (search(at, chunk->seq, chunk->stream, chunk->slice.data, chunk->slice.size_bytes))
            decide_for(session, at, SESS_WATCH_MATCH);
        else if (at->wants_output && chunk->seq > at->after_seq)
            decide_for(session, at, SESS_WATCH_OUTPUT);
    }
}

void sess_watches_look(struct sess_session *session)
{
    enum sess_watch_reason reason;
    struct sess_watch *next;
    for (struct sess_watch *at = session->watches.first; at != NULL; at = next) {
        next = at->next;
        if (has_happened(session, at, &reason))
            decide_for(session, at, reason);
    }
}

void sess_watches_due(struct sess_session *session)
{
    uint64_t now_ns = iocp_now_ns(session->host->port), nearest_ns = 0;
    struct sess_watch *next;
    for (struct sess_watch *at = session->watches.first; at != NULL; at = next) {
        next = at->next;
        if (at->due_ns != 0 && at->due_ns <= now_ns)
            decide_for(session, at, SESS_WATCH_TIMEOUT);
        else if (at->due_ns != 0 && (nearest_ns == 0 || at->due_ns < nearest_ns))
            nearest_ns = at->due_ns;
    }
    sess_clock_set(session, SESS_DEADLINE_WATCH, nearest_ns);
}

const char *sess_watch_reason_text(enum sess_watch_reason reason)
{
    static const char *const texts[SESS_WATCH_REASONS] = {
        [SESS_WATCH_MATCH] = "match",   [SESS_WATCH_OUTPUT] = "output",
        [SESS_WATCH_EXITED] = "exited", [SESS_WATCH_CLOSED] = "closed",
        [SESS_WATCH_OVER] = "over",     [SESS_WATCH_TIMEOUT] = "timeout",
    };
    assert((unsigned)reason < SESS_WATCH_REASONS);
    return texts[reason];
}
