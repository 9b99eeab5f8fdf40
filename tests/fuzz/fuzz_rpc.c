/*
 * Fuzzes the envelope and every message behind it. The first byte chooses the form of paths; the
 * rest is a message. Whatever the bytes: parsers say what is wrong in UTF-8, their promised memory
 * is enough, ids and texts survive being written and parsed again, and environments are built in
 * the memory that they promise to need.
 */
#include <stdlib.h>

#include "wire/msg_command.h"
#include "wire/msg_fs.h"
#include "wire/msg_initialize.h"
#include "wire/msg_list.h"
#include "wire/msg_method.h"
#include "wire/msg_output.h"
#include "wire/msg_process.h"
#include "wire/msg_read.h"
#include "wire/msg_snapshot.h"
#include "wire/msg_wait.h"
#include "wire/rpc_errors.h"
#include "wire/rpc_message.h"
#include "wire/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                           \
    if (!(condition)) {                                                                            \
        abort();                                                                                   \
    }

struct fuzz {
    struct wire_msg_parser parser;
    struct wire_json_scratch scratch;
    uint32_t memory[WIRE_JSON_SCRATCH_BYTES(WIRE_JSON_MEMBERS_DEFAULT) / sizeof(uint32_t)];
};

static void check_env(const struct wire_msg_process_start *start, enum wire_msg_path_style style)
{
    static const char *const server[] = {"PATH=/bin", "A_KEY=1", "Home=x", "B=", "=C:=x", NULL};
    struct wire_msg_env_request request = {
        .policy = &start->env_policy,
        .env = &start->env,
        .server = server,
        .platform = style == WIRE_MSG_PATH_WINDOWS ? &wire_msg_env_windows : &wire_msg_env_posix,
    };
    struct wire_msg_arena arena;
    size_t size = wire_msg_env_bytes(&request);
    size_t count;
    void *memory = malloc(size);
    CHECK(memory != NULL);
    wire_msg_arena_init(&arena, memory, size);
    const char *const *items = wire_msg_env_build(&request, &arena, &count);
    CHECK(items != NULL && items[count] == NULL);
    for (size_t i = 0; i < count; i++) {
        CHECK(strchr(items[i], '=') > items[i]);
    }
    free(memory);
}

static void check_chunk(const struct wire_msg_chunk *chunk)
{
    struct wire_msg_problem problem;
    size_t capacity = wire_msg_chunk_capacity(chunk);
    uint8_t *bytes = malloc(capacity > 0 ? capacity : 1);
    CHECK(bytes != NULL);
    ptrdiff_t size = wire_msg_chunk_decode(chunk, wire_base64_best(), bytes, capacity, &problem);
    CHECK(size <= (ptrdiff_t)capacity);
    CHECK(size < 0 || chunk->has_escapes || (size_t)size == capacity);
    free(bytes);
}

/* An id as JSON reads back as the same id. */
static void check_id(struct fuzz *fuzz, struct wire_span id)
{
    size_t size = wire_msg_id_json(id, NULL, 0);
    uint8_t *json = malloc(size);
    struct wire_json_reader reader;
    struct wire_json_token token;
    struct wire_span text;
    uint8_t buffer[6 * WIRE_MSG_ID_LIMIT];
    CHECK(json != NULL && id.size <= WIRE_MSG_ID_LIMIT);
    CHECK(wire_msg_id_json(id, json, size) == size);
    wire_json_reader_init(&reader, wire_span_of(json, size), &fuzz->scratch, NULL);
    CHECK(wire_json_reader_next(&reader, &token) == WIRE_JSON_STRING);
    CHECK(wire_json_token_string(&token, buffer, sizeof buffer, &text) == 0);
    CHECK(wire_span_equal(text, id));
    free(json);
}

/* Labels are within their limits, and a copy in the memory promised is equal. */
static void check_labels(const struct wire_msg_pairs *labels)
{
    size_t size = wire_msg_labels_bytes(labels);
    void *memory = malloc(size > 0 ? size : 1);
    CHECK(memory != NULL && labels->count <= WIRE_MSG_LABELS_MAX);
    for (size_t i = 0; i < labels->count; i++) {
        size_t name_size = strlen(labels->items[i].name);
        CHECK(name_size > 0 && name_size <= WIRE_MSG_LABEL_NAME_MAX);
        CHECK(strlen(labels->items[i].value) <= WIRE_MSG_LABEL_VALUE_MAX);
    }
    struct wire_msg_pairs copy = wire_msg_labels_copy(labels, memory);
    CHECK(wire_msg_labels_match(&copy, labels) && wire_msg_labels_match(labels, &copy));
    free(memory);
}

static int parse_start(struct fuzz *fuzz, struct wire_span params)
{
    struct wire_msg_process_start start;
    int error = wire_msg_process_start_parse(&fuzz->parser, params, &start);
    if (error) {
        return error;
    }
    CHECK(start.argv.count > 0 && start.argv.items[start.argv.count] == NULL);
    CHECK(start.cwd[0] != 0);
    CHECK(start.tty || (start.rows == 0 && start.cols == 0));
    CHECK(start.form != WIRE_MSG_START_PREPARED || !start.env_policy.is_present);
    CHECK(start.limits.wall_ms <= WIRE_MSG_MS_MAX && start.limits.idle_ms <= WIRE_MSG_MS_MAX);
    check_env(&start, fuzz->parser.path_style);
    check_labels(&start.labels);
    check_id(fuzz, start.process_id);
    return 0;
}

/* Stops and signals are for one process or for labels that name something. */
static void check_target(struct wire_span process_id, const struct wire_msg_pairs *labels)
{
    CHECK((process_id.data != NULL) == (labels->count == 0));
    check_labels(labels);
}

static int parse_act(struct fuzz *fuzz, enum wire_msg_method method, struct wire_span params)
{
    struct wire_msg_process_write write;
    struct wire_msg_process_signal sent;
    struct wire_msg_process_terminate terminate;
    struct wire_msg_process_close_stdin close_stdin;
    struct wire_msg_process_resize resize;
    int error;
    switch (method) {
    case WIRE_MSG_METHOD_PROCESS_WRITE:
        error = wire_msg_process_write_parse(&fuzz->parser, params, &write);
        if (!error) {
            check_chunk(&write.chunk);
        }
        return error;
    case WIRE_MSG_METHOD_PROCESS_SIGNAL:
        error = wire_msg_process_signal_parse(&fuzz->parser, params, &sent);
        if (!error) {
            check_target(sent.process_id, &sent.labels);
        }
        return error;
    case WIRE_MSG_METHOD_PROCESS_TERMINATE:
        error = wire_msg_process_terminate_parse(&fuzz->parser, params, &terminate);
        if (!error) {
            check_target(terminate.process_id, &terminate.labels);
        }
        return error;
    case WIRE_MSG_METHOD_PROCESS_CLOSE_STDIN:
        return wire_msg_process_close_stdin_parse(&fuzz->parser, params, &close_stdin);
    default:
        error = wire_msg_process_resize_parse(&fuzz->parser, params, &resize);
        CHECK(error || (resize.rows > 0 && resize.cols > 0));
        return error;
    }
}

static int parse_wait_any(struct fuzz *fuzz, struct wire_span params)
{
    struct wire_msg_process_wait_any any;
    int error = wire_msg_process_wait_any_parse(&fuzz->parser, params, &any);
    if (error) {
        return error;
    }
    CHECK(any.count > 0 && any.count <= WIRE_MSG_WAIT_ANY_MAX);
    for (size_t i = 0; i < any.count; i++) {
        CHECK(any.items[i].match.size <= WIRE_MSG_MATCH_MAX);
        check_id(fuzz, any.items[i].process_id);
    }
    return 0;
}

static int parse_read(struct fuzz *fuzz, struct wire_span params)
{
    char text[WIRE_MSG_CURSOR_BYTES];
    struct wire_msg_process_read read;
    struct wire_msg_cursor cursor;
    int error = wire_msg_process_read_parse(&fuzz->parser, params, &read);
    if (!error && read.has_cursor) {
        size_t size = wire_msg_cursor_format(&read.cursor, text);
        CHECK(wire_msg_cursor_parse(wire_span_of(text, size), &cursor));
        for (size_t i = 0; i < WIRE_MSG_STREAMS; i++) {
            CHECK(cursor.streams[i].seq == read.cursor.streams[i].seq);
            CHECK(cursor.streams[i].offset_bytes == read.cursor.streams[i].offset_bytes);
        }
    }
    return error;
}

static int parse_ask(struct fuzz *fuzz, enum wire_msg_method method, struct wire_span params)
{
    struct wire_msg_process_wait wait;
    struct wire_msg_process_snapshot snapshot;
    struct wire_msg_process_list list;
    int error;
    switch (method) {
    case WIRE_MSG_METHOD_PROCESS_WAIT:
        return wire_msg_process_wait_parse(&fuzz->parser, params, &wait);
    case WIRE_MSG_METHOD_PROCESS_WAIT_ANY:
        return parse_wait_any(fuzz, params);
    case WIRE_MSG_METHOD_PROCESS_READ:
        return parse_read(fuzz, params);
    case WIRE_MSG_METHOD_PROCESS_SNAPSHOT:
        return wire_msg_process_snapshot_parse(&fuzz->parser, params, &snapshot);
    default:
        error = wire_msg_process_list_parse(&fuzz->parser, params, &list);
        if (!error) {
            check_labels(&list.labels);
        }
        return error;
    }
}

static int parse_process(struct fuzz *fuzz, enum wire_msg_method method, struct wire_span params)
{
    switch (method) {
    case WIRE_MSG_METHOD_PROCESS_START:
        return parse_start(fuzz, params);
    case WIRE_MSG_METHOD_PROCESS_WRITE:
    case WIRE_MSG_METHOD_PROCESS_SIGNAL:
    case WIRE_MSG_METHOD_PROCESS_TERMINATE:
    case WIRE_MSG_METHOD_PROCESS_CLOSE_STDIN:
    case WIRE_MSG_METHOD_PROCESS_RESIZE:
        return parse_act(fuzz, method, params);
    default:
        return parse_ask(fuzz, method, params);
    }
}

static int parse_files(struct fuzz *fuzz, enum wire_msg_method method, struct wire_span params)
{
    struct wire_msg_fs fs;
    int error = wire_msg_fs_parse(&fuzz->parser, method, params, &fs);
    if (!error && method == WIRE_MSG_METHOD_FS_WRITE_FILE) {
        check_chunk(&fs.data);
    }
    for (size_t i = 0; !error && i < fs.missing.count; i++) {
        CHECK(strlen(fs.missing.items[i]) > 0);
    }
    return error;
}

static int parse_other(struct fuzz *fuzz, enum wire_msg_method method, struct wire_span params)
{
    struct wire_msg_command_exec exec;
    struct wire_msg_command_write write;
    struct wire_msg_command_terminate terminate;
    struct wire_msg_initialize initialize;
    int error;
    switch (method) {
    case WIRE_MSG_METHOD_INITIALIZE:
        return wire_msg_initialize_parse(&fuzz->parser, params, &initialize);
    case WIRE_MSG_METHOD_COMMAND_EXEC:
        return wire_msg_command_exec_parse(&fuzz->parser, params, &exec);
    case WIRE_MSG_METHOD_COMMAND_WRITE:
        error = wire_msg_command_write_parse(&fuzz->parser, params, &write);
        if (!error) {
            check_chunk(&write.chunk);
        }
        return error;
    case WIRE_MSG_METHOD_COMMAND_TERMINATE:
        return wire_msg_command_terminate_parse(&fuzz->parser, params, &terminate);
    default:
        return wire_msg_fs_is_method(method) ? parse_files(fuzz, method, params) : 0;
    }
}

/* The error reply parses again, with the same id. */
static void check_reply(struct fuzz *fuzz, struct wire_span id, struct wire_span text)
{
    uint8_t buffer[WIRE_RPC_ID_LIMIT + 6 * WIRE_RPC_TEXT_LIMIT + 128];
    struct wire_json_writer writer;
    struct wire_rpc_message message;
    struct wire_rpc_problem problem;
    struct wire_span json;
    wire_json_writer_init(&writer, buffer, sizeof buffer);
    wire_rpc_write_text(&writer, id, WIRE_RPC_TEXT_V0_UNKNOWN_METHOD, text);
    CHECK(wire_json_writer_finish(&writer, &json) == 0);
    CHECK(wire_rpc_parse(json, &fuzz->scratch, &message, &problem) == WIRE_RPC_ERROR);
    CHECK(wire_span_equal(message.id, id));
}

static void check_params(struct fuzz *fuzz, const struct wire_rpc_message *message,
                         enum wire_msg_path_style style)
{
    enum wire_msg_method method = wire_msg_method_find(message->method);
    size_t size = wire_msg_parser_bytes(message->params.size);
    void *memory = malloc(size);
    CHECK(memory != NULL);
    wire_msg_parser_init(&fuzz->parser, &fuzz->scratch, memory, size, style);
    int error = wire_msg_method_dialect(message->method) == WIRE_MSG_DIALECT_PROCESS
                    ? parse_process(fuzz, method, message->params)
                    : parse_other(fuzz, method, message->params);
    CHECK(error == 0 || error == WIRE_MSG_ERR_PARAMS);
    if (error) {
        CHECK(fuzz->parser.problem.code == WIRE_RPC_CODE_INVALID_PARAMS);
        CHECK(wire_utf8_check(wire_span_text(fuzz->parser.problem.text)));
    }
    free(memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz fuzz;
    struct wire_rpc_message message;
    struct wire_rpc_problem problem;
    if (size < 1) {
        return 0;
    }
    wire_json_scratch_init(&fuzz.scratch, fuzz.memory, sizeof fuzz.memory, size);
    int kind = wire_rpc_parse(wire_span_of(data + 1, size - 1), &fuzz.scratch, &message, &problem);
    if (kind < 0) {
        CHECK(problem.text != NULL && problem.offset <= size - 1);
        return 0;
    }
    CHECK(kind == message.kind);
    if (kind == WIRE_RPC_REQUEST || kind == WIRE_RPC_NOTIFICATION) {
        check_params(&fuzz, &message, data[0] % 2 ? WIRE_MSG_PATH_WINDOWS : WIRE_MSG_PATH_POSIX);
    }
    if (kind == WIRE_RPC_REQUEST) {
        check_reply(&fuzz, message.id, message.method);
    }
    return 0;
}
