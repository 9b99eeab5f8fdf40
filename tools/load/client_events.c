/*
 * Messages of the server: replies to their requests, notifications to their sessions. Whatever fits
 * nowhere is a fault.
 */
#include "tools/load/client_events.h"

#include "tools/load/base.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void load_client_on_end(void *context, const char *why)
{
    struct load_link *link = context;

    link->client->has_ended = true;
    load_faults_add(&link->client->faults, LOAD_FAULT_MESSAGE, 1, "the connection broke: %s", why);
}

/* Moves the session between the client's counts and, once it is over, out of reach of ids. */
static void account(struct load_client *client, struct load_session *session,
                    enum load_session_state before)
{
    if (session->state == before)
        return;
    client->live_counts[before]--;
    client->live_counts[session->state]++;
    if (session->state == LOAD_SESSION_DONE || session->state == LOAD_SESSION_FAILED)
        load_idmap_remove(&session->link->sessions, session->id, strlen(session->id));
}

static void on_initialized(struct load_link *link, const struct load_event *event)
{
    static const char text[] = "{\"method\":\"initialized\",\"params\":{}}";

    if (event->is_error)
        load_faults_add(&link->client->faults, LOAD_FAULT_REFUSED, 1, "initialize refused: %.*s",
                        (int)(event->error_text.size < 120 ? event->error_text.size : 120),
                        event->error_text.size == 0 ? "" : (const char *)event->error_text.data);
    else
        load_conn_send(&link->conn, text, sizeof text - 1);
}

/* The server has named the session; returns false if the name cannot be used. */
static bool take_name(struct load_session *session, struct wire_span id)
{
    if (id.size == 0 || id.size >= sizeof session->id ||
        load_idmap_get(&session->link->sessions, (const char *)id.data, id.size) != NULL)
        return false;
    memcpy(session->id, id.data, id.size);
    session->id[id.size] = '\0';
    load_idmap_put(&session->link->sessions, session->id, id.size, session);
    return true;
}

static void on_started(struct load_session *session, const struct load_event *event)
{
    struct load_client *client = session->client;
    enum load_session_state before = session->state;

    if (session->dialect->names_sessions && !event->is_error &&
        !take_name(session, event->session_id)) {
        load_faults_add(&client->faults, LOAD_FAULT_EVENT, 1,
                        "the reply to a start has no new session id");
        return;
    }
    load_session_take_reply(session, event, &client->faults);
    account(client, session, before);
}

static void on_written(struct load_session *session, const struct load_event *event)
{
    bool accepted =
        event->status.size == 0 || wire_span_equal(event->status, wire_span_text("accepted"));

    if (!event->is_error && accepted)
        return;
    load_faults_add(&session->client->faults, LOAD_FAULT_REFUSED, 1,
                    "%s: a write was refused: %.*s", session->id,
                    (int)(event->is_error ? event->error_text.size : event->status.size),
                    (const char *)(event->is_error ? event->error_text.data : event->status.data));
}

static void answer(struct load_client *client, const struct load_pending *request,
                   const struct load_event *event)
{
    switch (request->kind) {
    case LOAD_PENDING_INITIALIZE:
        on_initialized(request->link, event);
        return;
    case LOAD_PENDING_START:
        on_started(request->session, event);
        return;
    case LOAD_PENDING_WRITE:
        on_written(request->session, event);
        return;
    case LOAD_PENDING_TERMINATE:
        load_faults_add(&client->faults, LOAD_FAULT_REFUSED, event->is_error,
                        "%s: terminate was refused", request->session->id);
        return;
    case LOAD_PENDING_PING:
        if (client->on_pong != NULL)
            client->on_pong(client->pong_context);
        return;
    }
}

static void on_reply(struct load_link *link, const struct load_event *event)
{
    struct load_client *client = link->client;
    uint64_t slot = (uint64_t)event->id & ((1u << LOAD_SLOT_BITS) - 1);
    struct load_pending request;

    if (!event->has_id || slot >= client->pending_capacity ||
        client->pending[slot].id != event->id || client->pending[slot].link != link) {
        load_faults_add(&client->faults, LOAD_FAULT_EVENT, 1,
                        "a reply to no request, or a second one: id %" PRId64 " %.*s", event->id,
                        (int)event->error_text.size,
                        event->error_text.size == 0 ? "" : (const char *)event->error_text.data);
        return;
    }
    request = client->pending[slot];
    client->pending[slot].id = 0;
    client->pending_count--;
    link->unanswered--;
    load_client_send_backlog(link);
    answer(client, &request, event);
}

static struct load_session *session_of(struct load_link *link, const struct load_event *event)
{
    struct load_client *client = link->client;
    struct load_session *session;

    if (!event->is_raw)
        return load_idmap_get(&link->sessions, (const char *)event->session_id.data,
                              event->session_id.size);
    if (event->id < 1 || event->id > client->session_count)
        return NULL;
    session = client->sessions[event->id - 1];
    return session->state == LOAD_SESSION_DONE ? NULL : session;
}

static void say_nobodys(struct load_link *link, const struct load_event *event)
{
    static const char *const names[] = {[LOAD_EVENT_OUTPUT] = "output",
                                        [LOAD_EVENT_EXITED] = "exited",
                                        [LOAD_EVENT_CLOSED] = "closed",
                                        [LOAD_EVENT_REPLY] = "a reply",
                                        [LOAD_EVENT_OTHER] = "something"};

    load_faults_add(&link->client->faults, LOAD_FAULT_EVENT, 1,
                    "%s for `%.*s`, which is no session or is over", names[event->kind],
                    (int)(event->session_id.size < 64 ? event->session_id.size : 64),
                    event->session_id.size == 0 ? "" : (const char *)event->session_id.data);
}

/* Gives a notification to its session. UNSURE: read the message strictly and try again. */
static enum load_session_result on_session_event(struct load_link *link,
                                                 const struct load_event *event)
{
    struct load_client *client = link->client;
    struct load_session *session = session_of(link, event);
    enum load_session_state before;
    enum load_session_result result;

    if (session == NULL) {
        say_nobodys(link, event);
        return LOAD_SESSION_OK;
    }
    if (event->kind == LOAD_EVENT_REPLY) {
        on_started(session, event);
        return LOAD_SESSION_OK;
    }
    before = session->state;
    result = load_session_take(session, event, &client->faults, &client->scratch);
    account(client, session, before);
    return result;
}

static enum load_session_result dispatch(struct load_link *link, const struct load_event *event)
{
    bool has_replies = link->client->options.dialect->has_replies;

    if (event->kind == LOAD_EVENT_OTHER)
        return LOAD_SESSION_OK;
    if (event->kind == LOAD_EVENT_REPLY && has_replies) {
        on_reply(link, event);
        return LOAD_SESSION_OK;
    }
    return on_session_event(link, event);
}

static void say_bad(struct load_client *client, struct wire_span message, const char *why)
{
    load_faults_add(&client->faults, LOAD_FAULT_MESSAGE, 1, "%s in the message `%.*s%s`", why,
                    (int)(message.size < 80 ? message.size : 80), (const char *)message.data,
                    message.size > 80 ? "..." : "");
}

void load_client_on_message(void *context, struct wire_span message)
{
    struct load_link *link = context;
    struct load_client *client = link->client;
    const struct load_dialect *dialect = client->options.dialect;
    struct load_event event;
    const char *why = "?";

    client->messages++;
    if (dialect->read(&client->reader, message, &event, &why) != 0) {
        say_bad(client, message, why);
        return;
    }
    if (dispatch(link, &event) == LOAD_SESSION_OK)
        return;
    if (dialect->read_strictly(&client->reader, message, &event, &why) != 0)
        say_bad(client, message, why);
    else
        dispatch(link, &event);
}
