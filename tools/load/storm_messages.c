/*
 * What is said on a link of a storm. A request's id is its kind and the number of the session, so
 * replies need no table; ids are free again on the next connection.
 */
#include "tools/load/storm.h"

#include "tools/load/base.h"
#include "tools/load/child.h"
#include "tools/load/dialect_json.h"
#include "wire/base64.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum request_kind { ASK_INITIALIZE, ASK_START, ASK_READ, ASK_TERMINATE, ASK_KINDS };

enum { SESSION_BITS = 24 };

static int64_t id_of(enum request_kind kind, unsigned session)
{
    return ((int64_t)kind << SESSION_BITS) | session;
}

static unsigned number_of(const struct storm_session *session)
{
    return (unsigned)(session - session->link->sessions);
}

static void send_request(struct storm_link *link)
{
    struct load_buffer *request = &link->storm->request;

    load_conn_send(&link->conn, load_buffer_bytes(request), load_buffer_size(request));
    load_buffer_clear(request);
}

/* ---- Asking ---- */

void storm_greet(struct storm_link *link)
{
    struct load_request request;

    load_request_begin(&request, &link->storm->request, id_of(ASK_INITIALIZE, 0), "initialize", 0);
    load_request_text(&request, "clientName", "execport-load");
    if (link->session_id[0] != '\0')
        load_request_text(&request, "resumeSessionId", link->session_id);
    load_request_end(&request);
    send_request(link);
}

static void wait_for(struct storm_session *session)
{
    session->is_waiting = true;
    session->link->waiting++;
}

static void ask_start(struct storm_session *session)
{
    struct storm *storm = session->link->storm;
    const struct load_target_session target = {session->id, number_of(session) + 1};
    char total[24];
    char seed[24];
    const char *const flood[] = {storm->run->self, "child", "flood", total, seed, NULL};
    const char *const quiet[] = {storm->run->self, "child", "idle", NULL};
    const struct load_start start = {.argv = session->floods ? flood : quiet};

    snprintf(total, sizeof total, "%" PRIu64, session->out.expected);
    snprintf(seed, sizeof seed, "%" PRIu64,
             (uint64_t)(session->link - storm->links) * storm->sessions_each + number_of(session) +
                 1);
    load_dialect_process.put_start(&storm->request, id_of(ASK_START, number_of(session)), &target,
                                   &start);
    send_request(session->link);
    wait_for(session);
}

static void ask_read(struct storm_session *session)
{
    struct storm *storm = session->link->storm;
    struct load_request request;

    load_request_begin(&request, &storm->request, id_of(ASK_READ, number_of(session)),
                       "process/read", 0);
    load_request_text(&request, "processId", session->id);
    wire_json_writer_key(&request.json, "afterSeq");
    wire_json_writer_uint64(&request.json, session->seq);
    load_request_end(&request);
    send_request(session->link);
}

void storm_terminate(struct storm_session *session)
{
    struct storm *storm = session->link->storm;
    const struct load_target_session target = {session->id, number_of(session) + 1};

    load_dialect_process.put_terminate(&storm->request, id_of(ASK_TERMINATE, number_of(session)),
                                       &target);
    send_request(session->link);
}

/* ---- Output ---- */

static bool decode(struct storm *storm, struct wire_span chunk, struct wire_span *out_bytes)
{
    size_t room_bytes = wire_base64_decoded_size(chunk) + 4;
    ptrdiff_t size;
    size_t bad_offset;
    uint8_t *room;

    load_buffer_clear(&storm->decoded);
    room = load_buffer_reserve(&storm->decoded, room_bytes);
    size = wire_base64_decode(wire_base64_best(), chunk, room, room_bytes, &bad_offset);
    if (size < 0) {
        load_faults_add(&storm->faults, LOAD_FAULT_MESSAGE, 1, "bad base64 at character %zu",
                        bad_offset);
        return false;
    }
    *out_bytes = wire_span_of(room, (size_t)size);
    return true;
}

/* Takes the next output. A number that was left out is a loss, which the bytes show too. */
static void take(struct storm_session *session, uint64_t seq, struct wire_span bytes)
{
    struct load_faults *faults = &session->link->storm->faults;

    if (seq <= session->seq) {
        load_faults_add(faults, LOAD_FAULT_SEQ_REPEAT, 1, "%s: %" PRIu64 " again", session->id,
                        seq);
        return;
    }
    load_faults_add(faults, LOAD_FAULT_SEQ_HOLE, seq - session->seq - 1,
                    "%s: %" PRIu64 " after %" PRIu64, session->id, seq, session->seq);
    session->seq = seq;
    load_check_bytes(&session->out, bytes.data, bytes.size);
}

struct held_head {
    uint64_t seq;
    size_t size_bytes;
};

static void hold(struct storm_session *session, uint64_t seq, struct wire_span bytes)
{
    const struct held_head head = {seq, bytes.size};

    load_buffer_append(&session->held, &head, sizeof head);
    load_buffer_append(&session->held, bytes.data, bytes.size);
}

/* The number of the first that is held; 0: none is. */
static uint64_t first_held(const struct storm_session *session)
{
    struct held_head head = {0};

    if (load_buffer_size(&session->held) > 0)
        memcpy(&head, load_buffer_bytes(&session->held), sizeof head);
    return head.seq;
}

/* What was held and not read meanwhile comes next. */
static void take_held(struct storm_session *session)
{
    while (load_buffer_size(&session->held) > 0) {
        struct held_head head;

        memcpy(&head, load_buffer_bytes(&session->held), sizeof head);
        load_buffer_consume(&session->held, sizeof head);
        if (head.seq > session->seq)
            take(session, head.seq,
                 wire_span_of(load_buffer_bytes(&session->held), head.size_bytes));
        load_buffer_consume(&session->held, head.size_bytes);
    }
}

static struct storm_session *session_named(struct storm_link *link, struct wire_span id)
{
    char text[16] = "";
    unsigned long number;

    if (id.size < 2 || id.size >= sizeof text)
        return NULL;
    memcpy(text, id.data, id.size);
    number = strtoul(text + 1, NULL, 10);
    return number < link->storm->sessions_each ? &link->sessions[number] : NULL;
}

static void on_notification(struct storm_link *link, const struct load_event *event)
{
    struct storm *storm = link->storm;
    struct storm_session *session = session_named(link, event->session_id);
    struct wire_span bytes;

    if (storm->is_ending)
        return; /* the exit has a number too, and output may follow it */
    if (session == NULL || event->kind != LOAD_EVENT_OUTPUT) {
        load_faults_add(&storm->faults, LOAD_FAULT_EVENT, 1, "an event of `%.*s`: it has ended",
                        (int)event->session_id.size, (const char *)event->session_id.data);
        return;
    }
    if (!decode(storm, event->chunk, &bytes))
        return;
    if (session->first_told == 0)
        session->first_told = event->seq;
    if (event->seq <= session->read_seq)
        return; /* replies overtake output: it was read while it waited to be sent */
    if (session->is_waiting && session->is_started)
        hold(session, event->seq, bytes);
    else
        take(session, event->seq, bytes);
}

/* ---- Replies ---- */

static void note_ready(struct storm_link *link)
{
    if (link->waiting > 0)
        return;
    load_stats_add(&link->storm->caught_up, load_now_ns() - link->storm->cut_ns);
    storm_move(link, STORM_READY);
}

static void no_longer_waits(struct storm_session *session)
{
    session->is_waiting = false;
    session->link->waiting--;
    note_ready(session->link);
}

static void begin_sessions(struct storm_link *link)
{
    storm_move(link, STORM_READING);
    for (unsigned i = 0; i < link->storm->sessions_each; i++) {
        struct storm_session *session = &link->sessions[i];

        if (session->is_lost)
            continue;
        if (!session->is_started) {
            ask_start(session);
            continue;
        }
        wait_for(session);
        ask_read(session);
    }
    note_ready(link);
}

static bool has_text(struct wire_span span, const char *text)
{
    return span.size > 0 && memmem(span.data, span.size, text, strlen(text)) != NULL;
}

static void on_initialized(struct storm_link *link, const struct load_event *event)
{
    static const char text[] = "{\"method\":\"initialized\",\"params\":{}}";
    struct storm *storm = link->storm;

    if (event->is_error && has_text(event->error_text, "attached")) {
        storm->retries++; /* the server has not seen the end of the connection before */
        storm_greet(link);
        return;
    }
    if (event->is_error || event->session_id.size >= STORM_ID_SIZE) {
        load_faults_add(&storm->faults, LOAD_FAULT_REFUSED, 1, "initialize refused: %.*s",
                        (int)event->error_text.size, (const char *)event->error_text.data);
        storm->sessions_lost += storm->sessions_each;
        storm_move(link, STORM_READY);
        return;
    }
    if (link->session_id[0] != '\0')
        load_stats_add(&storm->resumed, load_now_ns() - storm->cut_ns);
    memcpy(link->session_id, event->session_id.data, event->session_id.size);
    link->session_id[event->session_id.size] = '\0';
    load_conn_send(&link->conn, text, sizeof text - 1);
    begin_sessions(link);
}

static void on_lost(struct storm_session *session, const struct load_event *event)
{
    struct storm *storm = session->link->storm;

    load_faults_add(&storm->faults, LOAD_FAULT_REFUSED, 1, "%s: %.*s", session->id,
                    (int)event->error_text.size, (const char *)event->error_text.data);
    storm->sessions_lost++;
    session->is_lost = true;
    no_longer_waits(session);
}

/* ---- What a reply to a read has ---- */

/* One element of `chunks`. Returns 0 or the reader's error. */
static int take_element(struct storm_session *session, struct wire_json_reader *json)
{
    struct storm *storm = session->link->storm;
    struct wire_json_token token;
    struct wire_span chunk = {0};
    struct wire_span bytes;
    uint64_t seq = 0;
    int result;

    while ((result = wire_json_reader_next(json, &token)) == WIRE_JSON_KEY) {
        bool is_seq = wire_json_token_is(&token, "seq");
        bool is_chunk = wire_json_token_is(&token, "chunk");

        result = is_seq || is_chunk ? wire_json_reader_next(json, &token)
                                    : wire_json_reader_skip(json, &token);
        if (result >= 0 && is_seq)
            result = wire_json_token_uint64(&token, &seq);
        if (is_chunk)
            chunk = token.text;
        if (result < 0)
            return result;
    }
    if (first_held(session) != 0 && first_held(session) <= session->seq + 1)
        take_held(session); /* told and acknowledged, so it need not be in the reply */
    if (result > 0 && seq > session->seq && decode(storm, chunk, &bytes)) {
        session->read_seq = seq;
        storm->missed_bytes += bytes.size;
        take(session, seq, bytes);
    }
    return result < 0 ? result : 0;
}

static int take_chunks(struct storm_session *session, struct wire_json_reader *json,
                       unsigned *out_count)
{
    struct wire_json_token token;
    int result;

    while ((result = wire_json_reader_next(json, &token)) > 0 && token.event != WIRE_JSON_ARRAY_END)
        if (token.event == WIRE_JSON_OBJECT_BEGIN) {
            ++*out_count;
            result = take_element(session, json);
            if (result < 0)
                return result;
        }
    return result < 0 ? result : 0;
}

/* Returns how many chunks the reply gives, or the reader's error. */
static int take_read(struct storm_session *session, struct wire_span message)
{
    struct wire_json_reader json;
    struct wire_json_token token;
    unsigned count = 0;
    int result;

    wire_json_reader_init(&json, message, &session->link->storm->reader.scratch, NULL);
    while ((result = wire_json_reader_next(&json, &token)) > 0 && token.event != WIRE_JSON_END) {
        if (token.event != WIRE_JSON_KEY || wire_json_token_is(&token, "result"))
            continue;
        result = wire_json_token_is(&token, "chunks") ? take_chunks(session, &json, &count)
                                                      : wire_json_reader_skip(&json, &token);
        if (result < 0)
            return result;
    }
    return result < 0 ? result : (int)count;
}

static void on_read(struct storm_session *session, struct wire_span message)
{
    int count = take_read(session, message);
    if (count < 0)
        load_faults_add(&session->link->storm->faults, LOAD_FAULT_MESSAGE, 1,
                        "%s in a reply to process/read", wire_json_error_text(count));
    if (count > 0 && (session->first_told == 0 || session->first_told > session->seq + 1)) {
        ask_read(session);
        return;
    }
    take_held(session);
    no_longer_waits(session);
}

static void on_reply(struct storm_link *link, const struct load_event *event,
                     struct wire_span message)
{
    struct storm *storm = link->storm;
    uint64_t number = (uint64_t)event->id & ((1u << SESSION_BITS) - 1);
    struct storm_session *session = &link->sessions[number];
    int64_t kind = event->id >> SESSION_BITS;

    if (!event->has_id || kind < 0 || kind >= ASK_KINDS || number >= storm->sessions_each) {
        load_faults_add(&storm->faults, LOAD_FAULT_EVENT, 1, "a reply to no request");
        return;
    }
    if (kind == ASK_INITIALIZE) {
        on_initialized(link, event);
    } else if (kind == ASK_TERMINATE) {
        storm->replies++;
    } else if (event->is_error) {
        on_lost(session, event);
    } else if (kind == ASK_START) {
        session->is_started = true;
        no_longer_waits(session);
    } else {
        on_read(session, message);
    }
}

void storm_on_message(void *context, struct wire_span message)
{
    struct storm_link *link = context;
    struct storm *storm = link->storm;
    struct load_event event;
    const char *why = "?";

    if (load_dialect_process.read(&storm->reader, message, &event, &why) != 0)
        load_faults_add(&storm->faults, LOAD_FAULT_MESSAGE, 1, "%s in a message", why);
    else if (event.kind == LOAD_EVENT_REPLY)
        on_reply(link, &event, message);
    else if (event.kind != LOAD_EVENT_OTHER)
        on_notification(link, &event);
}
