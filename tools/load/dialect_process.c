/*
 * The dialect `process`: the client names its sessions, writes carry an id, and every event of a
 * session has a number.
 */
#include "tools/load/dialect_json.h"

#include "wire/base64.h"

#include <stdio.h>
#include <string.h>

static const struct load_method_names names = {
    .output = "process/output",
    .exited = "process/exited",
    .closed = "process/closed",
};

static void put_initialize(struct load_buffer *out, int64_t id)
{
    struct load_request request;

    load_request_begin(&request, out, id, "initialize", 0);
    load_request_text(&request, "clientName", "execport-load");
    load_request_end(&request);
}

/* cwd goes out as a file: URI, with everything escaped that is not plain in a path. */
static void put_cwd(struct load_request *request, const char *cwd)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                "-._~/";
    struct load_buffer uri = {0};

    load_buffer_text(&uri, "file://");
    for (const char *at = cwd; *at != '\0'; at++) {
        if (strchr(plain, *at) != NULL)
            load_buffer_append(&uri, at, 1);
        else
            load_buffer_format(&uri, "%%%02X", (unsigned)(unsigned char)*at);
    }
    load_request_text(request, "cwd", load_buffer_string(&uri));
    load_buffer_deinit(&uri);
}

static void put_start(struct load_buffer *out, int64_t id,
                      const struct load_target_session *session, const struct load_start *start)
{
    struct load_request request;

    load_request_begin(&request, out, id, "process/start", load_request_command_bytes(start));
    load_request_text(&request, "processId", session->id);
    load_request_command(&request, start);
    put_cwd(&request, start->cwd == NULL ? "/" : start->cwd);
    wire_json_writer_key(&request.json, "pipeStdin");
    wire_json_writer_bool(&request.json, start->with_stdin && !start->on_tty);
    wire_json_writer_key(&request.json, "arg0");
    wire_json_writer_null(&request.json);
    load_request_end(&request);
}

static void put_write(struct load_buffer *out, int64_t id,
                      const struct load_target_session *session, uint64_t write_number,
                      struct wire_span bytes)
{
    struct load_request request;
    char write_id[24];

    snprintf(write_id, sizeof write_id, "%llu", (unsigned long long)write_number);
    load_request_begin(&request, out, id, "process/write", wire_base64_encoded_size(bytes.size));
    load_request_text(&request, "processId", session->id);
    wire_json_writer_key(&request.json, "chunk");
    wire_json_writer_base64(&request.json, wire_base64_best(), bytes);
    load_request_text(&request, "writeId", write_id);
    load_request_end(&request);
}

static void put_terminate(struct load_buffer *out, int64_t id,
                          const struct load_target_session *session)
{
    struct load_request request;

    load_request_begin(&request, out, id, "process/terminate", 0);
    load_request_text(&request, "processId", session->id);
    load_request_end(&request);
}

static int read_message(struct load_message_reader *reader, struct wire_span message,
                        struct load_event *out_event, const char **out_why)
{
    return load_dialect_read_json(reader, message, out_event, &names, out_why);
}

static int read_strictly(struct load_message_reader *reader, struct wire_span message,
                         struct load_event *out_event, const char **out_why)
{
    int result = load_message_read(reader, message, out_event, out_why);

    if (result == 0)
        load_event_classify(out_event, &names);
    return result;
}

const struct load_dialect load_dialect_process = {
    .name = "process",
    .has_handshake = true,
    .has_seq = true,
    .has_closed = true,
    .has_pipe_stdin = true,
    .has_replies = true,
    .tty_stream = "pty",
    .put_initialize = put_initialize,
    .put_start = put_start,
    .put_write = put_write,
    .put_terminate = put_terminate,
    .read = read_message,
    .read_strictly = read_strictly,
};

const struct load_dialect *load_dialect_named(const char *name)
{
    if (strcmp(name, load_dialect_process.name) == 0)
        return &load_dialect_process;
    if (strcmp(name, load_dialect_v0.name) == 0)
        return &load_dialect_v0;
    return NULL;
}
