/*
 * Requests of the bare server: read, served, answered. Of a start only argv, env, tty and the id
 * matter; every child runs in the root directory.
 */
#include "tools/load/bare.h"

#include "tools/load/base.h"
#include "tools/load/binary.h"
#include "wire/base64.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    enum load_bare_method method;
    bool is_v0;
} methods[] = {
    {"initialize", LOAD_BARE_INITIALIZE, false},
    {"process/start", LOAD_BARE_START, false},
    {"process/write", LOAD_BARE_WRITE, false},
    {"process/terminate", LOAD_BARE_TERMINATE, false},
    {"command/exec", LOAD_BARE_START, true},
    {"command/exec/write", LOAD_BARE_WRITE, true},
    {"command/exec/terminate", LOAD_BARE_TERMINATE, true},
};

/* Copies a string token into the connection's memory for texts, with a NUL. */
static char *keep_text(struct load_bare_conn *conn, const struct wire_json_token *token)
{
    uint8_t *room = load_buffer_reserve(&conn->texts, token->text.size + 1);
    struct wire_span text;

    if (wire_json_token_string(token, room, token->text.size, &text) != 0)
        return NULL;
    if (text.data != room && text.size > 0)
        memcpy(room, text.data, text.size);
    room[text.size] = '\0';
    load_buffer_commit(&conn->texts, text.size + 1);
    return (char *)room;
}

static int read_argv(struct load_bare_conn *conn, struct wire_json_reader *json,
                     struct load_bare_request *request)
{
    struct wire_json_token token;
    size_t count = 0;
    int event = wire_json_reader_next(json, &token);

    if (event != WIRE_JSON_ARRAY_BEGIN)
        return LOAD_PROTOCOL;
    while ((event = wire_json_reader_next(json, &token)) == WIRE_JSON_STRING) {
        if (count == LOAD_BARE_ARGV_LIMIT)
            return LOAD_PROTOCOL;
        request->argv[count++] = keep_text(conn, &token);
    }
    request->argv[count] = NULL;
    return event == WIRE_JSON_ARRAY_END && count > 0 ? 0 : LOAD_PROTOCOL;
}

/* "NAME=VALUE" texts, one behind the other in the connection's memory. */
static int read_env(struct load_bare_conn *conn, struct wire_json_reader *json,
                    struct load_bare_request *request)
{
    struct wire_json_token token;
    size_t count = 0;
    int event = wire_json_reader_next(json, &token);

    if (event != WIRE_JSON_OBJECT_BEGIN)
        return LOAD_PROTOCOL;
    while ((event = wire_json_reader_next(json, &token)) == WIRE_JSON_KEY) {
        char *name = keep_text(conn, &token);

        if (count == LOAD_BARE_ARGV_LIMIT ||
            wire_json_reader_next(json, &token) != WIRE_JSON_STRING)
            return LOAD_PROTOCOL;
        keep_text(conn, &token);
        if (name != NULL)
            name[strlen(name)] = '=';
        request->env[count++] = name;
    }
    request->env[count] = NULL;
    return event == WIRE_JSON_OBJECT_END ? 0 : LOAD_PROTOCOL;
}

static int read_chunk(struct load_bare_conn *conn, const struct wire_json_token *token,
                      struct load_bare_request *request)
{
    size_t room_bytes = wire_base64_decoded_size(token->text) + 4;
    uint8_t *room = load_buffer_reserve(&conn->texts, room_bytes);
    ptrdiff_t size = wire_base64_decode(wire_base64_best(), token->text, room, room_bytes, NULL);

    if (token->event != WIRE_JSON_STRING || size < 0)
        return LOAD_PROTOCOL;
    load_buffer_commit(&conn->texts, (size_t)size);
    request->bytes = wire_span_of(room, (size_t)size);
    return 0;
}

static int read_param(struct load_bare_conn *conn, struct wire_json_reader *json,
                      const struct wire_json_token *key, struct load_bare_request *request)
{
    struct wire_json_token token;
    struct wire_span id;

    if (wire_json_token_is(key, "argv"))
        return read_argv(conn, json, request);
    if (wire_json_token_is(key, "env"))
        return read_env(conn, json, request);
    if (!wire_json_token_is(key, "processId") && !wire_json_token_is(key, "sessionId") &&
        !wire_json_token_is(key, "tty") && !wire_json_token_is(key, "chunk"))
        return wire_json_reader_skip(json, key);
    if (wire_json_reader_next(json, &token) < 0)
        return LOAD_PROTOCOL;
    if (wire_json_token_is(key, "tty"))
        return wire_json_token_bool(&token, &request->on_tty);
    if (wire_json_token_is(key, "chunk"))
        return read_chunk(conn, &token, request);
    if (wire_json_token_string(&token, (uint8_t *)request->session_id, LOAD_BARE_ID_SIZE - 1,
                               &id) != 0 ||
        id.size >= LOAD_BARE_ID_SIZE)
        return LOAD_PROTOCOL;
    memmove(request->session_id, id.data, id.size);
    request->session_id[id.size] = '\0';
    return 0;
}

static int read_params(struct load_bare_conn *conn, struct wire_json_reader *json,
                       struct load_bare_request *request)
{
    struct wire_json_token token;
    int event = wire_json_reader_next(json, &token);

    if (event == WIRE_JSON_NULL)
        return 0;
    if (event != WIRE_JSON_OBJECT_BEGIN)
        return LOAD_PROTOCOL;
    while ((event = wire_json_reader_next(json, &token)) == WIRE_JSON_KEY)
        if (read_param(conn, json, &token, request) != 0)
            return LOAD_PROTOCOL;
    return event == WIRE_JSON_OBJECT_END ? 0 : LOAD_PROTOCOL;
}

static void set_method(const struct wire_json_token *token, struct load_bare_request *request)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (wire_json_token_is(token, methods[i].name)) {
            request->method = methods[i].method;
            request->is_v0 = methods[i].is_v0;
        }
}

static int read_member(struct load_bare_conn *conn, struct wire_json_reader *json,
                       const struct wire_json_token *key, struct load_bare_request *request)
{
    struct wire_json_token token;

    if (wire_json_token_is(key, "params"))
        return read_params(conn, json, request);
    if (!wire_json_token_is(key, "id") && !wire_json_token_is(key, "method"))
        return wire_json_reader_skip(json, key);
    if (wire_json_reader_next(json, &token) < 0)
        return LOAD_PROTOCOL;
    if (wire_json_token_is(key, "id"))
        return wire_json_token_int64(&token, &request->id);
    set_method(&token, request);
    return 0;
}

int load_bare_request_read_json(struct load_bare_conn *conn, struct wire_span message,
                                struct load_bare_request *out_request)
{
    struct wire_json_reader json;
    struct wire_json_token token;
    int event;

    out_request->method = LOAD_BARE_UNKNOWN;
    out_request->id = -1;
    load_buffer_reserve(&conn->texts, message.size + LOAD_BARE_ARGV_LIMIT);
    wire_json_reader_init(&json, message, &conn->server->scratch, NULL);
    if (wire_json_reader_next(&json, &token) != WIRE_JSON_OBJECT_BEGIN)
        return LOAD_PROTOCOL;
    while ((event = wire_json_reader_next(&json, &token)) == WIRE_JSON_KEY)
        if (read_member(conn, &json, &token, out_request) != 0)
            return LOAD_PROTOCOL;
    if (event != WIRE_JSON_OBJECT_END)
        return LOAD_PROTOCOL;
    if (out_request->id == -1)
        out_request->method = LOAD_BARE_NOTIFICATION;
    return wire_json_reader_next(&json, &token) == WIRE_JSON_END ? 0 : LOAD_PROTOCOL;
}

static int read_packet_argv(struct load_bare_conn *conn, struct load_bare_request *request)
{
    char *text = (char *)load_buffer_bytes(&conn->texts);
    char *end = text + load_buffer_size(&conn->texts);
    size_t count = 0;

    if (text == end || end[-1] != '\0')
        return LOAD_PROTOCOL;
    for (; text < end && count < LOAD_BARE_ARGV_LIMIT; text += strlen(text) + 1)
        request->argv[count++] = text;
    request->argv[count] = NULL;
    return 0;
}

int load_bare_request_read_packet(struct load_bare_conn *conn, struct wire_span message,
                                  struct load_bare_request *out_request)
{
    struct load_packet_head head;

    memcpy(&head, message.data, sizeof head);
    out_request->number = head.session;
    out_request->on_tty = head.flag != 0;
    out_request->bytes = wire_span_of(message.data + sizeof head, head.payload_bytes);
    snprintf(out_request->session_id, LOAD_BARE_ID_SIZE, "%u", head.session);
    switch (head.type) {
    case LOAD_PACKET_START:
        out_request->method = LOAD_BARE_START;
        load_buffer_append(&conn->texts, out_request->bytes.data, head.payload_bytes);
        return read_packet_argv(conn, out_request);
    case LOAD_PACKET_WRITE:
        out_request->method = LOAD_BARE_WRITE;
        return 0;
    case LOAD_PACKET_TERMINATE:
        out_request->method = LOAD_BARE_TERMINATE;
        return 0;
    default:
        return LOAD_PROTOCOL;
    }
}

static void serve_start(struct load_bare_conn *conn, struct load_bare_request *request)
{
    struct load_bare_session *session;

    conn->is_v0 = conn->is_v0 || request->is_v0;
    conn->session_count++;
    if (request->is_v0)
        snprintf(request->session_id, LOAD_BARE_ID_SIZE, "session-%u", conn->session_count);
    session = load_bare_session_start(conn, request);
    load_bare_put_reply(conn, request, session != NULL, strerror(errno));
    if (session != NULL)
        load_bare_session_watch(session);
}

int load_bare_conn_serve(struct load_bare_conn *conn, const unsigned char *message,
                         size_t size_bytes)
{
    struct load_bare_request request = {0};
    struct load_bare_session *session;
    struct wire_span span = wire_span_of(message, size_bytes);
    int result;

    load_buffer_clear(&conn->texts);
    result = conn->server->speaks_packets ? load_bare_request_read_packet(conn, span, &request)
                                          : load_bare_request_read_json(conn, span, &request);
    if (result != 0 || request.method == LOAD_BARE_NOTIFICATION)
        return result;
    if (request.method == LOAD_BARE_START) {
        serve_start(conn, &request);
        return 0;
    }
    session = load_idmap_get(&conn->sessions, request.session_id, strlen(request.session_id));
    load_bare_put_reply(conn, &request, request.method != LOAD_BARE_UNKNOWN, "method not found");
    if (session != NULL && request.method == LOAD_BARE_WRITE)
        load_bare_session_write(session, request.bytes);
    if (session != NULL && request.method == LOAD_BARE_TERMINATE)
        load_bare_session_kill(session);
    return 0;
}
