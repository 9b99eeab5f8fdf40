/*
 * Requests out, messages in. A request's id is its slot in the table of pending requests plus a
 * count, so that a reply finds its request without a search and a repeated reply finds none.
 */
#include "tools/load/client.h"

#include "tools/load/base.h"
#include "tools/load/client_events.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_PENDING = 64, FIRST_SESSIONS = 64, TICK_MS = 100 };

static uint32_t free_slot(struct load_client *client)
{
    uint32_t capacity = client->pending_capacity;

    for (uint32_t i = 0; i < capacity; i++) {
        uint32_t slot = (uint32_t)((client->next_request + i) % capacity);

        if (client->pending[slot].id == 0)
            return slot;
    }
    client->pending_capacity = capacity == 0 ? FIRST_PENDING : capacity * 2;
    client->pending =
        load_realloc(client->pending, client->pending_capacity * sizeof *client->pending);
    memset(client->pending + capacity, 0,
           (client->pending_capacity - capacity) * sizeof *client->pending);
    return capacity;
}

/* Reserves an id for a request of this kind and empties the request buffer. */
static int64_t begin_request(struct load_link *link, enum load_pending_kind kind,
                             struct load_session *session)
{
    struct load_client *client = link->client;
    uint32_t slot = free_slot(client);
    int64_t id = (int64_t)((++client->next_request << LOAD_SLOT_BITS) | slot);

    assert(slot < 1u << LOAD_SLOT_BITS);
    load_buffer_clear(&client->request);
    if (!client->options.dialect->has_replies)
        return id;
    client->pending[slot] =
        (struct load_pending){.id = id, .kind = kind, .link = link, .session = session};
    client->pending_count++;
    return id;
}

void load_client_send_backlog(struct load_link *link)
{
    struct load_buffer *backlog = &link->backlog;
    size_t size_bytes;

    while (load_buffer_size(backlog) > 0 && link->unanswered < link->client->options.pipeline) {
        memcpy(&size_bytes, load_buffer_bytes(backlog), sizeof size_bytes);
        load_conn_send(&link->conn, load_buffer_bytes(backlog) + sizeof size_bytes, size_bytes);
        load_buffer_consume(backlog, sizeof size_bytes + size_bytes);
        link->unanswered++;
    }
}

/* Sends the request that was written, or lets it wait for replies: a server that queues a bounded
 * number of requests may lock up with a client that sends more and more (Codex's does, at 128). */
static void send_request(struct load_link *link)
{
    struct load_buffer *request = &link->client->request;
    size_t size_bytes = load_buffer_size(request);

    if (!link->client->options.dialect->has_replies) {
        load_conn_send(&link->conn, load_buffer_bytes(request), size_bytes);
        return;
    }
    load_buffer_append(&link->backlog, &size_bytes, sizeof size_bytes);
    load_buffer_append(&link->backlog, load_buffer_bytes(request), size_bytes);
    load_client_send_backlog(link);
}

static void initialize(struct load_link *link)
{
    struct load_client *client = link->client;
    const struct load_dialect *dialect = client->options.dialect;

    if (!dialect->has_handshake)
        return;
    dialect->put_initialize(&client->request, begin_request(link, LOAD_PENDING_INITIALIZE, NULL));
    send_request(link);
}

static int open_link(struct load_client *client, struct load_link *link)
{
    const struct load_client_options *options = &client->options;
    const struct load_conn_owner owner = {
        .on_message = load_client_on_message, .on_end = load_client_on_end, .context = link};
    int result;

    link->client = client;
    if (options->url != NULL)
        result =
            load_conn_open_url(&link->conn, client->loop, options->url, options->token, &owner);
    else
        result = load_conn_open_pipes(&link->conn, client->loop, options->read_fd,
                                      options->write_fd, &owner);
    if (result == 0)
        link->conn.wants_quick_ack = options->wants_quick_ack && options->url != NULL;
    return result;
}

static bool no_request_waits(void *context)
{
    const struct load_client *client = context;

    return client->pending_count == 0;
}

int load_client_open(struct load_client *client, struct load_loop *loop,
                     const struct load_client_options *options)
{
    memset(client, 0, sizeof *client);
    client->loop = loop;
    client->options = *options;
    if (options->connections == 0 || options->url == NULL)
        client->options.connections = 1;
    if (options->pipeline == 0)
        client->options.pipeline = LOAD_CLIENT_PIPELINE;
    if (options->patience_ms == 0)
        client->options.patience_ms = LOAD_CLIENT_PATIENCE_MS;
    client->links = load_alloc(client->options.connections, sizeof *client->links);
    load_message_reader_init(&client->reader);
    for (unsigned i = 0; i < client->options.connections; i++) {
        if (open_link(client, &client->links[i]) != 0)
            return LOAD_FAILED;
        client->link_count++;
        initialize(&client->links[i]);
    }
    if (load_client_wait(client, no_request_waits, client) != 0 ||
        load_faults_total(&client->faults) > 0) {
        load_faults_say(&client->faults, "initialize");
        return load_say("the server did not answer initialize (is --dialect right?)");
    }
    return 0;
}

static void free_session(struct load_session *session)
{
    load_check_deinit(&session->out);
    load_check_deinit(&session->err);
    free(session);
}

void load_client_close(struct load_client *client)
{
    for (unsigned i = 0; i < client->link_count; i++) {
        load_conn_close(&client->links[i].conn);
        load_idmap_deinit(&client->links[i].sessions);
        load_buffer_deinit(&client->links[i].backlog);
    }
    for (uint32_t i = 0; i < client->session_count; i++)
        free_session(client->sessions[i]);
    free(client->links);
    free(client->sessions);
    free(client->pending);
    load_message_reader_deinit(&client->reader);
    load_buffer_deinit(&client->request);
    load_buffer_deinit(&client->scratch);
    memset(client, 0, sizeof *client);
}

static struct load_session *new_session(struct load_client *client)
{
    struct load_session *session = load_alloc(1, sizeof *session);

    if (client->session_count == client->session_capacity) {
        client->session_capacity =
            client->session_capacity == 0 ? FIRST_SESSIONS : client->session_capacity * 2;
        client->sessions =
            load_realloc(client->sessions, client->session_capacity * sizeof *client->sessions);
    }
    client->sessions[client->session_count++] = session;
    session->number = client->session_count;
    session->client = client;
    session->dialect = client->options.dialect;
    session->link = &client->links[session->number % client->link_count];
    session->expected_exit_code = LOAD_EXIT_ANY;
    load_check_init_text(&session->out, session->id, &client->faults);
    load_check_init_text(&session->err, session->id, &client->faults);
    return session;
}

struct load_session *load_client_start(struct load_client *client, const struct load_start *start)
{
    struct load_session *session = new_session(client);
    const struct load_target_session target = {session->id, session->number};
    int64_t id;

    session->on_tty = start->on_tty;
    if (!session->dialect->names_sessions) {
        snprintf(session->id, sizeof session->id, "p%u", session->number);
        load_idmap_put(&session->link->sessions, session->id, strlen(session->id), session);
    }
    client->live_counts[LOAD_SESSION_STARTING]++;
    id = begin_request(session->link, LOAD_PENDING_START, session);
    session->dialect->put_start(&client->request, id, &target, start);
    session->start_ns = load_now_ns();
    send_request(session->link);
    return session;
}

void load_client_write(struct load_session *session, const void *bytes, size_t size_bytes)
{
    struct load_client *client = session->client;
    const struct load_target_session target = {session->id, session->number};
    int64_t id = begin_request(session->link, LOAD_PENDING_WRITE, session);

    session->dialect->put_write(&client->request, id, &target, ++session->write_count,
                                wire_span_of(bytes, size_bytes));
    send_request(session->link);
}

void load_client_terminate(struct load_session *session)
{
    struct load_client *client = session->client;
    const struct load_target_session target = {session->id, session->number};
    int64_t id = begin_request(session->link, LOAD_PENDING_TERMINATE, session);

    session->dialect->put_terminate(&client->request, id, &target);
    send_request(session->link);
}

void load_client_ping(struct load_client *client, unsigned link)
{
    const struct load_target_session nobody = {"no-such-session", 0};
    int64_t id = begin_request(&client->links[link], LOAD_PENDING_PING, NULL);

    client->options.dialect->put_terminate(&client->request, id, &nobody);
    send_request(&client->links[link]);
}

uint32_t load_client_live(const struct load_client *client)
{
    return client->live_counts[LOAD_SESSION_STARTING] + client->live_counts[LOAD_SESSION_RUNNING] +
           client->live_counts[LOAD_SESSION_EXITED];
}

void load_client_give_up(struct load_client *client)
{
    load_faults_add(&client->faults, LOAD_FAULT_EVENT, client->pending_count,
                    "%u requests are without a reply", client->pending_count);
    client->pending_count = 0;
    for (unsigned i = 0; i < client->link_count; i++) {
        client->links[i].unanswered = 0;
        load_buffer_clear(&client->links[i].backlog);
    }
    if (client->pending != NULL)
        memset(client->pending, 0, client->pending_capacity * sizeof *client->pending);
    for (uint32_t i = 0; i < client->session_count; i++)
        load_session_give_up(client->sessions[i], &client->faults);
    client->live_counts[LOAD_SESSION_DONE] += load_client_live(client);
    client->live_counts[LOAD_SESSION_STARTING] = 0;
    client->live_counts[LOAD_SESSION_RUNNING] = 0;
    client->live_counts[LOAD_SESSION_EXITED] = 0;
}

/* One turn of the loop, not beyond the deadline, and the tick when it is due. */
static void turn(struct load_client *client, uint64_t deadline_ns, uint64_t *next_tick_ns)
{
    uint64_t now_ns = load_now_ns();
    uint64_t until_ns = *next_tick_ns < deadline_ns ? *next_tick_ns : deadline_ns;

    if (now_ns >= *next_tick_ns) {
        *next_tick_ns = now_ns + TICK_MS * LOAD_NS_PER_MS;
        if (client->on_tick != NULL)
            client->on_tick(client->tick_context);
    }
    load_loop_run_once(client->loop,
                       until_ns <= now_ns ? 0 : (int)((until_ns - now_ns) / LOAD_NS_PER_MS) + 1);
}

int load_client_wait(struct load_client *client, load_done_fn *is_done, void *context)
{
    unsigned patience_ms = client->options.patience_ms;
    uint64_t messages = client->messages;
    uint64_t next_tick_ns = 0;
    uint64_t deadline_ns = load_now_ns() + patience_ms * LOAD_NS_PER_MS;

    while (!is_done(context)) {
        if (client->has_ended) {
            load_client_give_up(client);
            return LOAD_CLOSED;
        }
        if (load_now_ns() >= deadline_ns) {
            if (client->messages == messages) {
                load_client_give_up(client);
                return LOAD_TIMEOUT;
            }
            messages = client->messages;
            deadline_ns = load_now_ns() + patience_ms * LOAD_NS_PER_MS;
        }
        turn(client, deadline_ns, &next_tick_ns);
    }
    return 0;
}

int load_client_run_for(struct load_client *client, uint64_t duration_ns)
{
    uint64_t deadline_ns = load_now_ns() + duration_ns;
    uint64_t next_tick_ns = 0;

    while (load_now_ns() < deadline_ns && !client->has_ended)
        turn(client, deadline_ns, &next_tick_ns);
    return client->has_ended ? LOAD_CLOSED : 0;
}

bool load_client_is_over(const struct load_client *client)
{
    return client->pending_count == 0 && load_client_live(client) == 0;
}

static bool is_over(void *context)
{
    return load_client_is_over(context);
}

int load_client_wait_for_all(struct load_client *client)
{
    return load_client_wait(client, is_over, client);
}
