/*
 * initialize: few members in, a tree of optional members out. The order of members is that of the
 * servers that clients know.
 */
#include "wire/msg_initialize.h"

#include "wire/msg_fields.h"
#include "wire/rpc_writer.h"

static int read_extensions(struct wire_msg_parser *parser, const char *name,
                           const struct wire_json_token *token, void *target)
{
    static const struct {
        const char *name;
        enum wire_msg_extension bit;
    } known[] = {{"lifecycle", WIRE_MSG_EXTENSION_LIFECYCLE}};
    struct wire_msg_strings names;
    unsigned extensions = 0;
    int error = wire_msg_read_strings(parser, name, token, &names);
    if (error) {
        return error;
    }
    for (size_t i = 0; i < names.count; i++) {
        for (size_t k = 0; k < sizeof known / sizeof known[0]; k++) {
            if (strcmp(names.items[i], known[k].name) == 0) {
                extensions |= (unsigned)known[k].bit;
            }
        }
    }
    *(unsigned *)target = extensions;
    return 0;
}

int wire_msg_initialize_parse(struct wire_msg_parser *parser, struct wire_span params,
                              struct wire_msg_initialize *out)
{
    static const struct wire_msg_field fields[] = {
        WIRE_MSG_REQUIRED(struct wire_msg_initialize, client_name, "clientName",
                          wire_msg_read_text),
        WIRE_MSG_OPTIONAL(struct wire_msg_initialize, resume_session_id, "resumeSessionId",
                          wire_msg_read_id),
        WIRE_MSG_OPTIONAL(struct wire_msg_initialize, take_over, "takeOver", wire_msg_read_bool),
        WIRE_MSG_OPTIONAL(struct wire_msg_initialize, extensions, "extensions", read_extensions),
    };
    memset(out, 0, sizeof *out);
    return wire_msg_read_params(parser, params, WIRE_MSG_TABLE(fields, ""), out);
}

static void write_text(struct wire_json_writer *writer, const char *name, const char *text)
{
    if (text) {
        wire_json_writer_key(writer, name);
        wire_json_writer_text(writer, text);
    }
}

static void write_strings(struct wire_json_writer *writer, const char *name,
                          const struct wire_msg_strings *strings)
{
    if (!strings->items) {
        return;
    }
    wire_json_writer_key(writer, name);
    wire_json_writer_begin_array(writer);
    for (size_t i = 0; i < strings->count; i++) {
        wire_json_writer_text(writer, strings->items[i]);
    }
    wire_json_writer_end_array(writer);
}

static void write_shell(struct wire_json_writer *writer,
                        const struct wire_msg_environment *environment)
{
    wire_json_writer_key(writer, "shell");
    wire_json_writer_begin_object(writer);
    write_text(writer, "name", environment->shell_name);
    write_text(writer, "path", environment->shell_path);
    wire_json_writer_end_object(writer);
}

static void write_capabilities(struct wire_json_writer *writer,
                               const struct wire_msg_environment *environment)
{
    if (!environment->capabilities) {
        return;
    }
    wire_json_writer_key(writer, "capabilities");
    wire_json_writer_begin_object(writer);
    for (size_t i = 0; i < environment->capability_count; i++) {
        wire_json_writer_key(writer, environment->capabilities[i].name);
        wire_json_writer_bool(writer, environment->capabilities[i].is_present);
    }
    wire_json_writer_end_object(writer);
}

static void write_environment(struct wire_json_writer *writer,
                              const struct wire_msg_environment *environment)
{
    wire_json_writer_begin_object(writer);
    write_shell(writer, environment);
    write_text(writer, "executorVersion", environment->executor_version);
    write_text(writer, "providerId", environment->provider_id);
    write_text(writer, "cwd", environment->cwd);
    write_text(writer, "userHomeDir", environment->user_home_dir);
    write_text(writer, "platformOs", environment->platform_os);
    write_strings(writer, "prependPathDirs", &environment->prepend_path_dirs);
    write_strings(writer, "temporaryDirectories", &environment->temporary_directories);
    write_text(writer, "tempDir", environment->temp_dir);
    write_capabilities(writer, environment);
    wire_json_writer_end_object(writer);
}

static void write_limits(struct wire_json_writer *writer, const struct wire_msg_limits *limits)
{
    const struct {
        const char *name;
        uint64_t value;
    } members[] = {
        {"windowBytes", limits->window_bytes},
        {"resumeRingBytes", limits->resume_ring_bytes},
        {"outputQueueBytes", limits->output_queue_bytes},
        {"replyQueueBytes", limits->reply_queue_bytes},
        {"chunkBytes", limits->chunk_bytes},
        {"retainedBytes", limits->retained_bytes},
        {"stdinQueueBytes", limits->stdin_queue_bytes},
        {"waitingWriteBytes", limits->waiting_write_bytes},
        {"messageBytes", limits->message_bytes},
        {"sendTimeoutMs", limits->send_timeout_ms},
        {"pingIntervalMs", limits->ping_interval_ms},
        {"detachTtlMs", limits->detach_ttl_ms},
        {"tombstoneTtlMs", limits->tombstone_ttl_ms},
    };
    wire_json_writer_begin_object(writer);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        wire_json_writer_key(writer, members[i].name);
        wire_json_writer_uint64(writer, members[i].value);
    }
    wire_json_writer_end_object(writer);
}

void wire_msg_initialize_reply(struct wire_json_writer *writer, struct wire_span id,
                               const struct wire_msg_initialized *reply)
{
    wire_rpc_begin_result(writer, id);
    wire_json_writer_begin_object(writer);
    write_text(writer, "protocolVersion", reply->protocol_version);
    if (reply->session_id.data) {
        wire_json_writer_key(writer, "sessionId");
        wire_json_writer_string(writer, reply->session_id);
    }
    if (reply->observer_key.data) {
        wire_json_writer_key(writer, "observerKey");
        wire_json_writer_string(writer, reply->observer_key);
    }
    if (reply->environment) {
        wire_json_writer_key(writer, "environmentInfo");
        write_environment(writer, reply->environment);
    }
    if (reply->limits) {
        wire_json_writer_key(writer, "limits");
        write_limits(writer, reply->limits);
    }
    wire_json_writer_end_object(writer);
    wire_rpc_end(writer);
}

void wire_msg_environment_info_reply(struct wire_json_writer *writer, struct wire_span id,
                                     const struct wire_msg_environment *environment)
{
    wire_rpc_begin_result(writer, id);
    write_environment(writer, environment);
    wire_rpc_end(writer);
}

void wire_msg_environment_status_reply(struct wire_json_writer *writer, struct wire_span id)
{
    wire_rpc_write_result(writer, id, wire_span_text("{\"status\":\"ready\"}"));
}
