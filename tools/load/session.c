/*
 * The rules that a session's events must follow, whatever the dialect. Numbers run from 1 without
 * a hole; exited comes once, closed last; bytes are what the check says. Events that overtook each
 * other are taken as they come and counted as late. v0 has no closed: there a session is done when
 * it has exited and all that was expected has come.
 */
#include "tools/load/session.h"

#include "tools/load/base.h"
#include "wire/base64.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

const char *load_session_state_name(enum load_session_state state)
{
    static const char *const names[LOAD_SESSION_STATES] = {
        [LOAD_SESSION_STARTING] = "starting", [LOAD_SESSION_RUNNING] = "running",
        [LOAD_SESSION_EXITED] = "exited",     [LOAD_SESSION_DONE] = "done",
        [LOAD_SESSION_FAILED] = "failed",
    };

    assert(state < LOAD_SESSION_STATES);
    return names[state];
}

static void tell(struct load_session *session, enum load_session_news news)
{
    if (session->on_news != NULL)
        session->on_news(session->context, session, news);
}

static void check_seq(struct load_session *session, uint64_t number, struct load_faults *faults)
{
    if (session->dialect->has_seq)
        load_seq_take(&session->seq, number, session->id, faults);
}

/* The check of the event's stream, or NULL: the session has no such stream. */
static struct load_check *check_of(struct load_session *session, const struct load_event *event)
{
    const char *out = session->on_tty ? session->dialect->tty_stream : "stdout";

    if (wire_span_equal(event->stream, wire_span_text(out)))
        return &session->out;
    if (!session->on_tty && wire_span_equal(event->stream, wire_span_text("stderr")))
        return &session->err;
    return NULL;
}

/* Decodes and checks a chunk. Returns UNSURE if it is no base64 but might be with its escapes. */
static enum load_session_result check_decoded(struct load_session *session,
                                              struct load_check *check,
                                              const struct load_event *event,
                                              struct load_faults *faults,
                                              struct load_buffer *scratch)
{
    size_t room_bytes = wire_base64_decoded_size(event->chunk) + 4;
    uint8_t *room;
    ptrdiff_t size;
    size_t bad_offset;

    load_buffer_clear(scratch);
    room = load_buffer_reserve(scratch, room_bytes);
    size = wire_base64_decode(wire_base64_best(), event->chunk, room, room_bytes, &bad_offset);
    if (size < 0 && event->is_scanned)
        return LOAD_SESSION_UNSURE;
    check_seq(session, event->seq, faults);
    if (size < 0)
        load_faults_add(faults, LOAD_FAULT_MESSAGE, 1,
                        "%s: event %" PRIu64 ": bad base64 at character %zu", session->id,
                        event->seq, bad_offset);
    else
        load_check_bytes(check, room, (size_t)size);
    return LOAD_SESSION_OK;
}

static enum load_session_result check_chunk(struct load_session *session, struct load_check *check,
                                            const struct load_event *event,
                                            struct load_faults *faults, struct load_buffer *scratch)
{
    if (event->is_raw) {
        check_seq(session, event->seq, faults);
        load_check_bytes(check, event->chunk.data, event->chunk.size);
        return LOAD_SESSION_OK;
    }
    if (load_check_base64(check, (const char *)event->chunk.data, event->chunk.size)) {
        check_seq(session, event->seq, faults);
        return LOAD_SESSION_OK;
    }
    return check_decoded(session, check, event, faults, scratch);
}

static bool is_complete(const struct load_session *session)
{
    return load_check_is_complete(&session->out) && load_check_is_complete(&session->err);
}

static void finish(struct load_session *session)
{
    session->state = LOAD_SESSION_DONE;
    load_seq_finish(&session->seq, session->id, session->out.faults);
    load_check_finish(&session->out);
    load_check_finish(&session->err);
    tell(session, LOAD_NEWS_DONE);
}

/* Whether the session is over: the last event came and none that it overtook is missing; in v0,
 * which has no last event, the exit and all output that was expected. */
static void finish_if_over(struct load_session *session)
{
    bool is_over = session->dialect->has_closed
                       ? session->has_closed && !load_seq_is_missing_any(&session->seq)
                       : session->state == LOAD_SESSION_EXITED && is_complete(session);

    if (is_over)
        finish(session);
}

static enum load_session_result take_output(struct load_session *session,
                                            const struct load_event *event,
                                            struct load_faults *faults, struct load_buffer *scratch)
{
    struct load_check *check = check_of(session, event);
    enum load_session_result result;

    if (check == NULL) {
        check_seq(session, event->seq, faults);
        load_faults_add(faults, LOAD_FAULT_STREAM, 1, "%s: output of stream `%.*s`", session->id,
                        (int)(event->stream.size < 32 ? event->stream.size : 32),
                        event->stream.size == 0 ? "" : (const char *)event->stream.data);
        return LOAD_SESSION_OK;
    }
    result = check_chunk(session, check, event, faults, scratch);
    if (result != LOAD_SESSION_OK)
        return result;
    tell(session, LOAD_NEWS_OUTPUT);
    finish_if_over(session);
    return LOAD_SESSION_OK;
}

static void take_exited(struct load_session *session, const struct load_event *event,
                        struct load_faults *faults)
{
    check_seq(session, event->seq, faults);
    if (session->state != LOAD_SESSION_RUNNING || !event->has_exit_code) {
        load_faults_add(faults, LOAD_FAULT_EVENT, 1, "%s: an exit %s", session->id,
                        event->has_exit_code ? "of a session that is not running"
                                             : "without an exit code");
        return;
    }
    session->state = LOAD_SESSION_EXITED;
    session->exit_code = event->exit_code;
    if (session->expected_exit_code != LOAD_EXIT_ANY)
        load_faults_add(faults, LOAD_FAULT_EXIT_CODE,
                        event->exit_code != session->expected_exit_code,
                        "%s: exit code %d instead of %d", session->id, event->exit_code,
                        session->expected_exit_code);
    tell(session, LOAD_NEWS_EXITED);
    finish_if_over(session);
}

static void take_closed(struct load_session *session, const struct load_event *event,
                        struct load_faults *faults)
{
    check_seq(session, event->seq, faults);
    if (session->state != LOAD_SESSION_EXITED && !load_seq_is_missing_any(&session->seq))
        load_faults_add(faults, LOAD_FAULT_EVENT, 1, "%s: closed while %s", session->id,
                        load_session_state_name(session->state));
    load_faults_add(faults, LOAD_FAULT_EVENT, session->has_closed, "%s: closed again", session->id);
    session->has_closed = true;
    finish_if_over(session);
}

static void become_running(struct load_session *session)
{
    session->state = LOAD_SESSION_RUNNING;
    session->started_ns = load_now_ns();
    tell(session, LOAD_NEWS_STARTED);
}

enum load_session_result load_session_take(struct load_session *session,
                                           const struct load_event *event,
                                           struct load_faults *faults, struct load_buffer *scratch)
{
    if (session->state == LOAD_SESSION_STARTING) {
        load_faults_add(faults, LOAD_FAULT_OUT_OF_TURN, 1,
                        "%s: an event came before the reply to its start", session->id);
        become_running(session);
    }
    if (event->kind == LOAD_EVENT_OUTPUT)
        return take_output(session, event, faults, scratch);
    if (event->kind == LOAD_EVENT_EXITED)
        take_exited(session, event, faults);
    else
        take_closed(session, event, faults);
    return LOAD_SESSION_OK;
}

void load_session_take_reply(struct load_session *session, const struct load_event *event,
                             struct load_faults *faults)
{
    if (event->is_error) {
        load_faults_add(faults, LOAD_FAULT_REFUSED, 1, "start refused: %" PRId64 " %.*s",
                        event->error_code,
                        (int)(event->error_text.size < 120 ? event->error_text.size : 120),
                        event->error_text.size == 0 ? "" : (const char *)event->error_text.data);
        session->state = LOAD_SESSION_FAILED;
        tell(session, LOAD_NEWS_FAILED);
    } else if (session->state == LOAD_SESSION_STARTING) {
        become_running(session);
    }
}

void load_session_give_up(struct load_session *session, struct load_faults *faults)
{
    if (session->state == LOAD_SESSION_DONE || session->state == LOAD_SESSION_FAILED)
        return;
    load_faults_add(
        faults, LOAD_FAULT_STUCK, 1, "%s: still %s after %" PRIu64 " of %" PRIu64 " bytes",
        session->id[0] == '\0' ? "a session" : session->id, load_session_state_name(session->state),
        session->out.received, session->out.expected);
    session->state = LOAD_SESSION_DONE;
    load_seq_finish(&session->seq, session->id, faults);
    load_check_finish(&session->out);
    load_check_finish(&session->err);
}
