/*
 * Real conversations (captures/README.md): every message is one of the four shapes, everything that
 * the client asked of the methods we serve parses, and everything that the server said of them
 * comes out of our writers again, byte for byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/wire/support_file.h"
#include "tests/wire/support_msg.h"
#include "wire/msg_fs.h"
#include "wire/msg_fs_reply.h"
#include "wire/msg_initialize.h"
#include "wire/msg_method.h"
#include "wire/msg_output.h"
#include "wire/msg_process.h"

#define FOLDER SOURCE_DIR "/tests/wire/captures"

/* How many messages of each kind were seen; each kind must be there. */
static struct {
    size_t parsed[WIRE_MSG_METHOD_COUNT];
    size_t initialized_replies;
    size_t start_replies;
    size_t status_replies;
    size_t running_replies;
    size_t outputs;
    size_t exits;
    size_t closes;
    size_t file_replies;
} seen;

static void check_start(const struct wire_msg_process_start *start)
{
    assert_true(start->argv.count == 3);
    assert_string_equal(start->argv.items[0], "/bin/bash");
    assert_true(strncmp(start->cwd, "/srv/demo/", 10) == 0);
    assert_true(start->env.count > 5);
    assert_true(start->env_policy.is_present);
    assert_int_equal(start->env_policy.inherit, WIRE_MSG_INHERIT_ALL);
    assert_non_null(start->metadata.data);
}

static int parse_params(struct support_msg *msg, enum wire_msg_method method)
{
    union {
        struct wire_msg_initialize initialize;
        struct wire_msg_process_start start;
        struct wire_msg_process_write write;
        struct wire_msg_process_signal signal;
        struct wire_msg_process_terminate terminate;
        struct wire_msg_fs fs;
    } out;
    int error = 0;
    switch (method) {
    case WIRE_MSG_METHOD_INITIALIZE:
        return wire_msg_initialize_parse(&msg->parser, msg->span, &out.initialize);
    case WIRE_MSG_METHOD_PROCESS_START:
        error = wire_msg_process_start_parse(&msg->parser, msg->span, &out.start);
        if (!error) {
            check_start(&out.start);
        }
        return error;
    case WIRE_MSG_METHOD_PROCESS_WRITE:
        return wire_msg_process_write_parse(&msg->parser, msg->span, &out.write);
    case WIRE_MSG_METHOD_PROCESS_SIGNAL:
        return wire_msg_process_signal_parse(&msg->parser, msg->span, &out.signal);
    case WIRE_MSG_METHOD_PROCESS_TERMINATE:
        return wire_msg_process_terminate_parse(&msg->parser, msg->span, &out.terminate);
    default:
        return wire_msg_fs_is_method(method)
                   ? wire_msg_fs_parse(&msg->parser, method, msg->span, &out.fs)
                   : 0;
    }
}

static void check_client(const struct wire_rpc_message *message)
{
    enum wire_msg_method method = wire_msg_method_find(message->method);
    struct support_msg msg;
    assert_int_equal(message->kind, method == WIRE_MSG_METHOD_INITIALIZED ? WIRE_RPC_NOTIFICATION
                                                                          : WIRE_RPC_REQUEST);
    support_msg_start(&msg, (const char *)message->params.data, message->params.size);
    int error = parse_params(&msg, method);
    if (error) {
        fail_msg("%.*s: %s", (int)message->params.size, (const char *)message->params.data,
                 msg.parser.problem.text);
    }
    seen.parsed[method]++;
    support_msg_stop(&msg);
}

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static struct wire_msg_strings list_of(const json_t *object, const char *name, const char **items)
{
    const json_t *list = json_object_get(object, name);
    struct wire_msg_strings strings = {items, json_array_size(list)};
    assert_non_null(list);
    assert_true(strings.count < 8);
    for (size_t i = 0; i < strings.count; i++) {
        items[i] = json_string_value(json_array_get(list, i));
    }
    return strings;
}

/* initialize: all members of the environment go through our struct. */
static void write_initialized(struct wire_json_writer *writer, struct wire_span id,
                              const json_t *result)
{
    json_t *info = json_object_get(result, "environmentInfo");
    const json_t *shell = json_object_get(info, "shell");
    json_t *flags = json_object_get(info, "capabilities");
    struct wire_msg_capability capabilities[64];
    const char *paths[8];
    const char *temporary[8];
    const char *name;
    json_t *flag;
    struct wire_msg_environment environment = {
        .shell_name = text_of(shell, "name"),
        .shell_path = text_of(shell, "path"),
        .executor_version = text_of(info, "executorVersion"),
        .provider_id = text_of(info, "providerId"),
        .cwd = text_of(info, "cwd"),
        .user_home_dir = text_of(info, "userHomeDir"),
        .platform_os = text_of(info, "platformOs"),
        .temp_dir = text_of(info, "tempDir"),
        .prepend_path_dirs = list_of(info, "prependPathDirs", paths),
        .temporary_directories = list_of(info, "temporaryDirectories", temporary),
        .capabilities = capabilities,
    };
    json_object_foreach(flags, name, flag)
    {
        assert_true(environment.capability_count < 64);
        capabilities[environment.capability_count].name = name;
        capabilities[environment.capability_count++].is_present = json_is_true(flag);
    }
    struct wire_msg_initialized reply = {
        .session_id = wire_span_text(text_of(result, "sessionId")),
        .environment = &environment,
    };
    wire_msg_initialize_reply(writer, id, &reply);
    seen.initialized_replies++;
}

/* What servers that were recorded tell of processes that do not run. */
static const struct wire_msg_gone nothing = {0};

static struct wire_span id_json(const char *id, uint8_t out[256])
{
    size_t size = wire_msg_id_json(wire_span_text(id), out, 256);
    assert_in_range(size, 2, 256);
    return wire_span_of(out, size);
}

static void write_status(struct wire_json_writer *writer, struct wire_span id, const char *status)
{
    assert_string_equal(status, "accepted");
    wire_msg_process_write_reply(writer, id, WIRE_MSG_WRITE_ACCEPTED, &nothing);
    seen.status_replies++;
}

/* Writes the reply again, by its members. False: it answers a method that we do not serve. */
static void write_metadata(struct wire_json_writer *writer, struct wire_span id,
                           const json_t *result)
{
    struct wire_msg_fs_metadata metadata = {
        .is_directory = json_is_true(json_object_get(result, "isDirectory")),
        .is_file = json_is_true(json_object_get(result, "isFile")),
        .is_symlink = json_is_true(json_object_get(result, "isSymlink")),
        .size = (uint64_t)json_integer_value(json_object_get(result, "size")),
        .created_at_ms = json_integer_value(json_object_get(result, "createdAtMs")),
        .modified_at_ms = json_integer_value(json_object_get(result, "modifiedAtMs")),
    };
    wire_msg_fs_metadata_reply(writer, id, &metadata);
}

static void write_content(struct wire_json_writer *writer, struct wire_span id, const char *text)
{
    uint8_t bytes[4096];
    struct wire_json_base64 base64;
    ptrdiff_t size =
        wire_base64_decode(wire_base64_best(), wire_span_text(text), bytes, sizeof bytes, NULL);
    assert_true(size >= 0);
    wire_msg_fs_read_begin(writer, id, &base64);
    wire_json_base64_push(&base64, wire_span_of(bytes, (size_t)size));
    wire_msg_fs_read_end(writer, &base64);
}

static void write_walk(struct wire_json_writer *writer, struct wire_span id, const json_t *result)
{
    const json_t *entries = json_object_get(result, "entries");
    wire_msg_fs_entries_begin(writer, id);
    for (size_t i = 0; i < json_array_size(entries); i++) {
        const json_t *entry = json_array_get(entries, i);
        wire_msg_fs_walk_entry(writer, text_of(entry, "path"),
                               strcmp(text_of(entry, "kind"), "directory") == 0);
    }
    wire_msg_fs_walk_errors(writer);
    wire_msg_fs_walk_end(writer, json_is_true(json_object_get(result, "truncated")));
}

/* False: it is no reply about files. */
static bool write_file_reply(struct wire_json_writer *writer, struct wire_span id,
                             const json_t *result)
{
    if (json_object_get(result, "isSymlink")) {
        write_metadata(writer, id, result);
    } else if (text_of(result, "dataBase64")) {
        write_content(writer, id, text_of(result, "dataBase64"));
    } else if (json_object_get(result, "truncated")) {
        write_walk(writer, id, result);
    } else if (text_of(result, "path")) {
        wire_msg_fs_path_reply(writer, id, text_of(result, "path"));
    } else if (json_object_size(result) == 0) {
        wire_msg_fs_done_reply(writer, id);
    } else {
        return false;
    }
    seen.file_replies++;
    return true;
}

static bool write_reply(struct wire_json_writer *writer, struct wire_span id, const json_t *result)
{
    uint8_t buffer[256];
    const json_t *running = json_object_get(result, "running");
    if (json_object_get(result, "environmentInfo")) {
        write_initialized(writer, id, result);
    } else if (json_object_get(result, "processId")) {
        wire_msg_process_start_reply(writer, id, id_json(text_of(result, "processId"), buffer),
                                     text_of(result, "sandboxType"));
        seen.start_replies++;
    } else if (text_of(result, "status")) {
        write_status(writer, id, text_of(result, "status"));
    } else if (running) {
        wire_msg_process_terminate_reply(writer, id, json_is_true(running), &nothing);
        seen.running_replies++;
    } else {
        return write_file_reply(writer, id, result);
    }
    return true;
}

/* The text of the notification process/output, which is not written with a writer. */
static void check_output(const json_t *params, const char *expected)
{
    uint8_t id[256];
    uint8_t bytes[65536];
    const char *stream = text_of(params, "stream");
    struct wire_span chunk = wire_span_text(text_of(params, "chunk"));
    ptrdiff_t size = wire_base64_decode(wire_base64_best(), chunk, bytes, sizeof bytes, NULL);
    assert_true(size >= 0);
    struct wire_msg_output output = {
        .id_json = id_json(text_of(params, "processId"), id),
        .chunk = wire_span_of(bytes, (size_t)size),
        .seq = (uint64_t)json_integer_value(json_object_get(params, "seq")),
        .stream = strcmp(stream, "pty") == 0      ? WIRE_MSG_PTY
                  : strcmp(stream, "stderr") == 0 ? WIRE_MSG_STDERR
                                                  : WIRE_MSG_STDOUT,
        .framing = WIRE_RPC_LINE,
    };
    size_t frame_size = wire_msg_process_output_size(&output);
    uint8_t *frame = malloc(frame_size);
    assert_non_null(frame);
    assert_int_equal(wire_msg_process_output_write(&output, wire_base64_best(), frame), frame_size);
    assert_int_equal(frame_size, strlen(expected) + 1);
    assert_memory_equal(frame, expected, frame_size - 1);
    free(frame);
    seen.outputs++;
}

/* Writes the notification again. False: it is of a method that we do not serve. */
static bool write_notification(struct wire_json_writer *writer, const char *method,
                               const json_t *params)
{
    uint8_t buffer[256];
    uint64_t seq = (uint64_t)json_integer_value(json_object_get(params, "seq"));
    if (strcmp(method, "process/exited") == 0) {
        wire_msg_process_exited(writer, id_json(text_of(params, "processId"), buffer), seq,
                                (int32_t)json_integer_value(json_object_get(params, "exitCode")),
                                json_is_true(json_object_get(params, "sandboxDenied")));
        seen.exits++;
        return true;
    }
    if (strcmp(method, "process/closed") == 0) {
        wire_msg_process_closed(writer, id_json(text_of(params, "processId"), buffer), seq);
        seen.closes++;
        return true;
    }
    return false;
}

static void check_server(const struct wire_rpc_message *message, const char *text)
{
    struct support_writer out;
    json_t *root = json_loads(text, 0, NULL);
    const char *method = text_of(root, "method");
    bool is_written = false;
    assert_non_null(root);
    support_writer_start(&out);
    if (method && strcmp(method, "process/output") == 0) {
        check_output(json_object_get(root, "params"), text);
    } else if (method) {
        is_written = write_notification(&out.writer, method, json_object_get(root, "params"));
    } else {
        const json_t *result = json_object_get(root, "result");
        assert_int_equal(message->kind, result ? WIRE_RPC_RESPONSE : WIRE_RPC_ERROR);
        is_written = result && write_reply(&out.writer, message->id, result);
    }
    if (is_written) {
        assert_string_equal(support_writer_text(&out), text);
    }
    json_decref(root);
}

static void check_line(const char *line)
{
    struct support_msg msg;
    struct wire_rpc_message message;
    struct wire_rpc_problem problem;
    const char *text = line + 2;
    assert_true(line[0] == '>' || line[0] == '<');
    support_msg_start(&msg, text, strlen(text));
    if (wire_rpc_parse(msg.span, &msg.scratch, &message, &problem) < 0) {
        fail_msg("%s: %s", line, problem.text);
    }
    if (line[0] == '>') {
        check_client(&message);
    } else {
        check_server(&message, text);
    }
    support_msg_stop(&msg);
}

static void check_file(const char *stem)
{
    char path[600];
    size_t size;
    snprintf(path, sizeof path, "%s.messages", stem);
    char *text = (char *)support_file_read(path, &size);
    for (char *line = text; *line;) {
        char *end = strchr(line, '\n');
        assert_non_null(end);
        *end = 0;
        check_line(line);
        line = end + 1;
    }
    free(text);
}

static void test_msg_captures(void **state)
{
    (void)state;
    assert_int_equal(support_file_cases(FOLDER, ".messages", check_file), 9);
    assert_true(seen.parsed[WIRE_MSG_METHOD_INITIALIZE] >= 9);
    assert_true(seen.parsed[WIRE_MSG_METHOD_INITIALIZED] >= 9);
    assert_true(seen.parsed[WIRE_MSG_METHOD_PROCESS_START] >= 9);
    assert_true(seen.parsed[WIRE_MSG_METHOD_PROCESS_WRITE] >= 5);
    assert_true(seen.parsed[WIRE_MSG_METHOD_PROCESS_TERMINATE] >= 9);
    assert_true(seen.parsed[WIRE_MSG_METHOD_FS_GET_METADATA] >= 40);
    assert_true(seen.parsed[WIRE_MSG_METHOD_FS_READ_FILE] >= 5);
    assert_true(seen.parsed[WIRE_MSG_METHOD_FS_WRITE_FILE] >= 3);
    assert_true(seen.parsed[WIRE_MSG_METHOD_FS_WALK] >= 1);
    assert_true(seen.file_replies >= 18);
    assert_true(seen.initialized_replies >= 9 && seen.start_replies >= 9);
    assert_true(seen.status_replies >= 4 && seen.running_replies >= 9);
    assert_true(seen.outputs >= 30 && seen.exits >= 9 && seen.closes >= 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_msg_captures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
