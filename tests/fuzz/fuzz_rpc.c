/*
 * Fuzzes the envelope and every message behind it. The first byte chooses the form of paths; the
 * rest is a message. Whatever the bytes: parsers say what is wrong in UTF-8, their promised memory
 * is enough, ids and texts survive being written and parsed again, and environments are built in
 * the memory that they promise to need.
 */
#include <stdlib.h>

#include "wire/msg_command.h"
#include "wire/msg_initialize.h"
#include "wire/msg_method.h"
#include "wire/msg_output.h"
#include "wire/msg_process.h"
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

static int parse_process(struct fuzz *fuzz, enum wire_msg_method method, struct wire_span params)
{
    struct wire_msg_process_start start;
    struct wire_msg_process_write write;
    struct wire_msg_process_signal sent;
    struct wire_msg_process_terminate terminate;
    int error;
    switch (method) {
    case WIRE_MSG_METHOD_PROCESS_START:
        error = wire_msg_process_start_parse(&fuzz->parser, params, &start);
        if (!error) {
            CHECK(start.argv.count > 0 && start.argv.items[start.argv.count] == NULL);
            CHECK(start.cwd[0] != 0);
            check_env(&start, fuzz->parser.path_style);
            check_id(fuzz, start.process_id);
        }
        return error;
    case WIRE_MSG_METHOD_PROCESS_WRITE:
        error = wire_msg_process_write_parse(&fuzz->parser, params, &write);
        if (!error) {
            check_chunk(&write.chunk);
        }
        return error;
    case WIRE_MSG_METHOD_PROCESS_SIGNAL:
        return wire_msg_process_signal_parse(&fuzz->parser, params, &sent);
    default:
        return wire_msg_process_terminate_parse(&fuzz->parser, params, &terminate);
    }
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
        return 0;
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
