/*
 * The strict way to read a message: every token through the reader of wire/, unknown members
 * skipped but checked. The members of params, result and error are told apart by name alone; none
 * of the names means two things.
 */
#include "tools/load/message.h"

#include "tools/load/base.h"

#include <stdlib.h>
#include <string.h>

enum { MEMBERS_LIMIT = 512 };

void load_message_reader_init(struct load_message_reader *reader)
{
    size_t size_bytes = WIRE_JSON_SCRATCH_BYTES(MEMBERS_LIMIT);

    memset(reader, 0, sizeof *reader);
    reader->memory = load_alloc(1, size_bytes);
    wire_json_scratch_init(&reader->scratch, reader->memory, size_bytes, load_random_seed());
}

void load_message_reader_deinit(struct load_message_reader *reader)
{
    free(reader->memory);
    reader->memory = NULL;
    load_buffer_deinit(&reader->decoded);
}

/* One document on its way through the reader. */
struct reading {
    struct wire_json_reader json;
    struct load_buffer *decoded;
    struct load_event *event;
};

/* A string's value; room for all decoded strings was reserved, so earlier spans stay where they
 * are. */
static int string_of(struct reading *reading, const struct wire_json_token *token,
                     struct wire_span *out)
{
    uint8_t *room = load_buffer_reserve(reading->decoded, token->text.size);
    int result = wire_json_token_string(token, room, token->text.size, out);

    if (result == 0 && out->data == room)
        load_buffer_commit(reading->decoded, out->size);
    return result;
}

static int seq_of(const struct wire_json_token *token, struct load_event *event)
{
    int result = wire_json_token_uint64(token, &event->seq);

    return result == 0 && event->seq == 0 ? WIRE_JSON_ERR_RANGE : result;
}

static int exit_code_of(const struct wire_json_token *token, struct load_event *event)
{
    if (token->event == WIRE_JSON_NULL)
        return 0; /* of a reply to a read: it has not exited */
    event->has_exit_code = true;
    return wire_json_token_int32(token, &event->exit_code);
}

struct field {
    const char *name;
    struct wire_span *value;
};

/* A member of params, result or error. Scalars only matter; the rest is skipped. */
static int read_inner(struct reading *reading, const struct wire_json_token *key)
{
    struct load_event *event = reading->event;
    const struct field fields[] = {
        {"processId", &event->session_id}, {"sessionId", &event->session_id},
        {"stream", &event->stream},        {"chunk", &event->chunk},
        {"status", &event->status},        {"message", &event->error_text},
    };
    struct wire_json_token value;
    int result;

    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (!wire_json_token_is(key, fields[i].name))
            continue;
        result = wire_json_reader_next(&reading->json, &value);
        if (result < 0 || value.event != WIRE_JSON_STRING)
            return result < 0 ? result : wire_json_reader_skip(&reading->json, &value);
        return string_of(reading, &value, fields[i].value);
    }
    if (!wire_json_token_is(key, "seq") && !wire_json_token_is(key, "exitCode") &&
        !wire_json_token_is(key, "code"))
        return wire_json_reader_skip(&reading->json, key);
    result = wire_json_reader_next(&reading->json, &value);
    if (result < 0)
        return result;
    if (wire_json_token_is(key, "seq"))
        return seq_of(&value, event);
    if (wire_json_token_is(key, "exitCode"))
        return exit_code_of(&value, event);
    return wire_json_token_int64(&value, &event->error_code);
}

/* The value of params, result or error: an object is read, anything else skipped. */
static int read_object(struct reading *reading)
{
    struct wire_json_token token;
    int result = wire_json_reader_next(&reading->json, &token);

    if (result < 0)
        return result;
    if (token.event != WIRE_JSON_OBJECT_BEGIN)
        return wire_json_reader_skip(&reading->json, &token);
    for (;;) {
        result = wire_json_reader_next(&reading->json, &token);
        if (result < 0 || token.event == WIRE_JSON_OBJECT_END)
            return result < 0 ? result : 0;
        result = read_inner(reading, &token);
        if (result < 0)
            return result;
    }
}

static int read_id(struct reading *reading)
{
    struct wire_json_token token;
    int result = wire_json_reader_next(&reading->json, &token);

    if (result < 0)
        return result;
    if (token.event != WIRE_JSON_NUMBER)
        return 0;
    reading->event->has_id = true;
    return wire_json_token_int64(&token, &reading->event->id);
}

static int read_method(struct reading *reading)
{
    struct wire_json_token token;
    int result = wire_json_reader_next(&reading->json, &token);

    return result < 0 ? result : string_of(reading, &token, &reading->event->method);
}

static int read_member(struct reading *reading, const struct wire_json_token *key)
{
    if (wire_json_token_is(key, "id"))
        return read_id(reading);
    if (wire_json_token_is(key, "method"))
        return read_method(reading);
    if (wire_json_token_is(key, "error"))
        reading->event->is_error = true;
    else if (!wire_json_token_is(key, "params") && !wire_json_token_is(key, "result"))
        return wire_json_reader_skip(&reading->json, key);
    return read_object(reading);
}

static int read_document(struct reading *reading)
{
    struct wire_json_token token;
    int result = wire_json_reader_next(&reading->json, &token);

    if (result < 0)
        return result;
    if (token.event != WIRE_JSON_OBJECT_BEGIN)
        return WIRE_JSON_ERR_TYPE;
    for (;;) {
        result = wire_json_reader_next(&reading->json, &token);
        if (result < 0)
            return result;
        if (token.event == WIRE_JSON_END)
            return 0;
        if (token.event != WIRE_JSON_KEY)
            continue;
        result = read_member(reading, &token);
        if (result < 0)
            return result;
    }
}

int load_message_read(struct load_message_reader *reader, struct wire_span text,
                      struct load_event *out_event, const char **out_why)
{
    struct reading reading = {.decoded = &reader->decoded, .event = out_event};
    int result;

    memset(out_event, 0, sizeof *out_event);
    load_buffer_clear(&reader->decoded);
    load_buffer_reserve(&reader->decoded, text.size);
    wire_json_reader_init(&reading.json, text, &reader->scratch, NULL);
    result = read_document(&reading);
    if (result < 0) {
        *out_why = wire_json_error_text(result);
        return LOAD_PROTOCOL;
    }
    out_event->kind = out_event->method.size == 0 ? LOAD_EVENT_REPLY : LOAD_EVENT_OTHER;
    return 0;
}
