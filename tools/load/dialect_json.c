/*
 * Requests and messages as both JSON dialects have them.
 */
#include "tools/load/dialect_json.h"

#include "tools/load/base.h"

#include <assert.h>
#include <string.h>

enum {
    ENVELOPE_BYTES = 512, /* id, method, brackets, a session's id, small members */
    ESCAPED_BYTES = 6,    /* the longest a character of a string can become */
    DEFAULT_ENV_BYTES = 96,
};

static const char *const default_env[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C", NULL};

void load_request_begin(struct load_request *request, struct load_buffer *out, int64_t id,
                        const char *method, size_t extra_bytes)
{
    size_t capacity = ENVELOPE_BYTES + extra_bytes;

    request->out = out;
    wire_json_writer_init(&request->json, load_buffer_reserve(out, capacity), capacity);
    wire_json_writer_begin_object(&request->json);
    wire_json_writer_key(&request->json, "id");
    wire_json_writer_int64(&request->json, id);
    wire_json_writer_key(&request->json, "method");
    wire_json_writer_text(&request->json, method);
    wire_json_writer_key(&request->json, "params");
    wire_json_writer_begin_object(&request->json);
}

void load_request_end(struct load_request *request)
{
    struct wire_span json;
    int result;

    wire_json_writer_end_object(&request->json);
    wire_json_writer_end_object(&request->json);
    result = wire_json_writer_finish(&request->json, &json);
    assert(result == 0);
    (void)result;
    load_buffer_commit(request->out, json.size);
}

void load_request_text(struct load_request *request, const char *name, const char *text)
{
    wire_json_writer_key(&request->json, name);
    wire_json_writer_text(&request->json, text);
}

static void put_env(struct wire_json_writer *json, const char *const *env)
{
    wire_json_writer_key(json, "env");
    wire_json_writer_begin_object(json);
    for (; *env != NULL; env++) {
        size_t name_length = strcspn(*env, "=");

        wire_json_writer_key_span(json, wire_span_of(*env, name_length));
        wire_json_writer_text(json, *env + name_length + 1);
    }
    wire_json_writer_end_object(json);
}

void load_request_command(struct load_request *request, const struct load_start *start)
{
    struct wire_json_writer *json = &request->json;

    wire_json_writer_key(json, "argv");
    wire_json_writer_begin_array(json);
    for (const char *const *item = start->argv; *item != NULL; item++)
        wire_json_writer_text(json, *item);
    wire_json_writer_end_array(json);
    put_env(json, start->env == NULL ? default_env : start->env);
    wire_json_writer_key(json, "tty");
    wire_json_writer_bool(json, start->on_tty);
}

static size_t list_bytes(const char *const *list)
{
    size_t bytes = 0;

    for (; list != NULL && *list != NULL; list++)
        bytes += strlen(*list) * ESCAPED_BYTES + 8;
    return bytes;
}

size_t load_request_command_bytes(const struct load_start *start)
{
    return list_bytes(start->argv) + list_bytes(start->env) + DEFAULT_ENV_BYTES +
           (start->cwd == NULL ? 0 : strlen(start->cwd) * ESCAPED_BYTES);
}

static bool is(struct wire_span span, const char *text)
{
    return text != NULL && span.size == strlen(text) && memcmp(span.data, text, span.size) == 0;
}

void load_event_classify(struct load_event *event, const struct load_method_names *names)
{
    if (event->method.size == 0)
        event->kind = LOAD_EVENT_REPLY;
    else if (is(event->method, names->output))
        event->kind = LOAD_EVENT_OUTPUT;
    else if (is(event->method, names->exited))
        event->kind = LOAD_EVENT_EXITED;
    else if (is(event->method, names->closed))
        event->kind = LOAD_EVENT_CLOSED;
    else
        event->kind = LOAD_EVENT_OTHER;
}

int load_dialect_read_json(struct load_message_reader *reader, struct wire_span message,
                           struct load_event *out_event, const struct load_method_names *names,
                           const char **out_why)
{
    if (!load_message_scan(message, out_event)) {
        int result = load_message_read(reader, message, out_event, out_why);

        if (result < 0)
            return result;
    }
    load_event_classify(out_event, names);
    return 0;
}
