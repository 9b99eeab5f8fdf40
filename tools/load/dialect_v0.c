/*
 * The dialect exec-server.v0: the server names the sessions, nothing is numbered, and a session is
 * over when its exit and its output have come. A child without a terminal has no stdin.
 */
#include "tools/load/dialect_json.h"

#include "wire/base64.h"

static const struct load_method_names names = {
    .output = "command/exec/outputDelta",
    .exited = "command/exec/exited",
};

static void put_initialize(struct load_buffer *out, int64_t id)
{
    struct load_request request;

    load_request_begin(&request, out, id, "initialize", 0);
    load_request_text(&request, "clientName", "execport-load");
    load_request_end(&request);
}

static void put_start(struct load_buffer *out, int64_t id,
                      const struct load_target_session *session, const struct load_start *start)
{
    struct load_request request;

    (void)session;
    load_request_begin(&request, out, id, "command/exec", load_request_command_bytes(start));
    load_request_command(&request, start);
    load_request_text(&request, "cwd", start->cwd == NULL ? "/" : start->cwd);
    wire_json_writer_key(&request.json, "arg0");
    wire_json_writer_null(&request.json);
    load_request_end(&request);
}

static void put_write(struct load_buffer *out, int64_t id,
                      const struct load_target_session *session, uint64_t write_number,
                      struct wire_span bytes)
{
    struct load_request request;

    (void)write_number;
    load_request_begin(&request, out, id, "command/exec/write",
                       wire_base64_encoded_size(bytes.size));
    load_request_text(&request, "sessionId", session->id);
    wire_json_writer_key(&request.json, "chunk");
    wire_json_writer_base64(&request.json, wire_base64_best(), bytes);
    load_request_end(&request);
}

static void put_terminate(struct load_buffer *out, int64_t id,
                          const struct load_target_session *session)
{
    struct load_request request;

    load_request_begin(&request, out, id, "command/exec/terminate", 0);
    load_request_text(&request, "sessionId", session->id);
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

const struct load_dialect load_dialect_v0 = {
    .name = "v0",
    .has_handshake = true,
    .names_sessions = true,
    .has_replies = true,
    .tty_stream = "stdout",
    .put_initialize = put_initialize,
    .put_start = put_start,
    .put_write = put_write,
    .put_terminate = put_terminate,
    .read = read_message,
    .read_strictly = read_strictly,
};
