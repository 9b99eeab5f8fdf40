/*
 * The table of error texts, and the error messages made from it. A text is put together in memory
 * of a fixed size, so that no id or reason from outside can make it long.
 */
#include "wire/rpc_errors.h"

#include "wire/rpc_writer.h"
#include "wire/utf8.h"

#include <assert.h>

/* before, the argument (if there is one), after. after is NULL where there is none. */
struct text_row {
    int code;
    const char *before;
    const char *after;
};

#define REQUEST  WIRE_RPC_CODE_INVALID_REQUEST
#define PARAMS   WIRE_RPC_CODE_INVALID_PARAMS
#define INTERNAL WIRE_RPC_CODE_INTERNAL

static const struct text_row rows[WIRE_RPC_TEXT_COUNT] = {
    [WIRE_RPC_TEXT_INVALID_REQUEST] = {REQUEST, "", ""},
    [WIRE_RPC_TEXT_INVALID_PARAMS] = {PARAMS, "", ""},
    [WIRE_RPC_TEXT_INTERNAL] = {INTERNAL, "", ""},
    [WIRE_RPC_TEXT_NOT_FOUND] = {WIRE_RPC_CODE_NOT_FOUND, "", ""},
    [WIRE_RPC_TEXT_ARGV_EMPTY] = {PARAMS, "argv must not be empty", NULL},
    [WIRE_RPC_TEXT_INITIALIZE_TWICE] = {REQUEST, "initialize may only be sent once per connection",
                                        NULL},
    [WIRE_RPC_TEXT_NO_INITIALIZE] = {REQUEST,
                                     "client must call initialize before using exec methods", NULL},
    [WIRE_RPC_TEXT_NO_INITIALIZED] = {REQUEST,
                                      "client must send initialized before using exec methods",
                                      NULL},
    [WIRE_RPC_TEXT_OTHER_DIALECT] = {REQUEST, "connection speaks ", ""},
    [WIRE_RPC_TEXT_UNKNOWN_SESSION] = {REQUEST, "unknown session id ", ""},
    [WIRE_RPC_TEXT_NO_CAPACITY] = {WIRE_RPC_CODE_NO_CAPACITY, "no capacity", NULL},
    [WIRE_RPC_TEXT_QUEUE_FULL] = {WIRE_RPC_CODE_QUEUE_FULL, "stdin queue full", NULL},
    [WIRE_RPC_TEXT_V0_UNKNOWN_METHOD] = {REQUEST, "unknown method: ", ""},
    [WIRE_RPC_TEXT_V0_STDIN_CLOSED] = {REQUEST, "stdin is closed for session ", ""},
    [WIRE_RPC_TEXT_V0_SESSION_EXISTS] = {REQUEST, "session ", " already exists"},
    [WIRE_RPC_TEXT_V0_WRITE_FAILED] = {INTERNAL, "failed to write to process stdin", NULL},
    [WIRE_RPC_TEXT_UNKNOWN_METHOD] = {WIRE_RPC_CODE_METHOD_NOT_FOUND, "method not found: ", ""},
    [WIRE_RPC_TEXT_UNPARSABLE] = {REQUEST, "failed to parse JSON-RPC message from ", ""},
    [WIRE_RPC_TEXT_UNPARSABLE_WS] = {REQUEST, "failed to parse websocket JSON-RPC message from ",
                                     ""},
    [WIRE_RPC_TEXT_ALREADY_ATTACHED] = {WIRE_RPC_CODE_ALREADY_ATTACHED, "session already attached",
                                        NULL},
    [WIRE_RPC_TEXT_RESUMED] = {REQUEST, "session has been resumed by another connection", NULL},
    [WIRE_RPC_TEXT_SANDBOX] = {PARAMS,
                               "execport cannot enforce the sandbox that was asked for: ", ""},
    [WIRE_RPC_TEXT_PROCESS_EXISTS] = {REQUEST, "process ", " already exists"},
    [WIRE_RPC_TEXT_START_CANCELLED] = {REQUEST, "process ", " start was cancelled"},
    [WIRE_RPC_TEXT_UNKNOWN_PROCESS] = {REQUEST, "unknown process id ", ""},
    [WIRE_RPC_TEXT_PROCESS_STARTING] = {REQUEST, "process id ", " is starting"},
    [WIRE_RPC_TEXT_NO_TERMINAL] = {REQUEST, "process id ", " has no terminal"},
    [WIRE_RPC_TEXT_SPEC_OFF] = {REQUEST, "this server takes no ", " specs"},
    [WIRE_RPC_TEXT_UNKNOWN_KEY] = {REQUEST, "unknown observer key", NULL},
    [WIRE_RPC_TEXT_NOT_OBSERVED] = {REQUEST, "process id ", " is not observed"},
};

static const struct text_row *row_of(enum wire_rpc_text text)
{
    assert((unsigned)text < WIRE_RPC_TEXT_COUNT);
    return &rows[text];
}

int wire_rpc_text_code(enum wire_rpc_text text)
{
    return row_of(text)->code;
}

static size_t append(char *out, size_t size, struct wire_span text)
{
    assert(size + text.size <= WIRE_RPC_TEXT_LIMIT);
    if (text.size > 0) {
        memcpy(out + size, text.data, text.size);
    }
    return size + text.size;
}

/* At most size bytes of text; where that cuts a character, only what stands before it. */
static struct wire_span cut(struct wire_span text, size_t size)
{
    if (text.size <= size) {
        return text;
    }
    while (size > 0 && (text.data[size] & 0xC0) == 0x80) {
        size--;
    }
    return wire_span_of(text.data, size);
}

size_t wire_rpc_text_format(enum wire_rpc_text text, struct wire_span argument,
                            char out_text[WIRE_RPC_TEXT_LIMIT])
{
    const struct text_row *row = row_of(text);
    struct wire_span before = wire_span_text(row->before);
    struct wire_span after = wire_span_text(row->after ? row->after : "");
    size_t size = append(out_text, 0, before);
    if (row->after) {
        size_t room = WIRE_RPC_TEXT_LIMIT - before.size - after.size;
        size = append(out_text, size, cut(argument, room));
    }
    return append(out_text, size, after);
}

/* An error message up to and including its text; the caller adds data or not, and ends it. */
static void begin_error(struct wire_json_writer *writer, struct wire_span id,
                        enum wire_rpc_text text, struct wire_span argument)
{
    char message[WIRE_RPC_TEXT_LIMIT];
    size_t size = wire_rpc_text_format(text, argument, message);
    wire_rpc_begin_error(writer, id, wire_rpc_text_code(text), wire_span_of(message, size));
}

void wire_rpc_write_text(struct wire_json_writer *writer, struct wire_span id,
                         enum wire_rpc_text text, struct wire_span argument)
{
    begin_error(writer, id, text, argument);
    wire_rpc_end_error(writer);
}

void wire_rpc_write_unparsable(struct wire_json_writer *writer, enum wire_rpc_text text,
                               struct wire_span argument)
{
    wire_rpc_write_text(writer, wire_span_text("-1"), text, argument);
}

static const struct wire_span no_argument = {0};

void wire_rpc_write_queue_full(struct wire_json_writer *writer, struct wire_span id,
                               uint64_t queued_bytes, uint64_t limit_bytes)
{
    begin_error(writer, id, WIRE_RPC_TEXT_QUEUE_FULL, no_argument);
    wire_json_writer_key(writer, "data");
    wire_json_writer_begin_object(writer);
    wire_json_writer_key(writer, "queuedBytes");
    wire_json_writer_uint64(writer, queued_bytes);
    wire_json_writer_key(writer, "limitBytes");
    wire_json_writer_uint64(writer, limit_bytes);
    wire_json_writer_end_object(writer);
    wire_rpc_end_error(writer);
}

void wire_rpc_write_no_capacity(struct wire_json_writer *writer, struct wire_span id,
                                const char *resource, uint64_t have, uint64_t need)
{
    begin_error(writer, id, WIRE_RPC_TEXT_NO_CAPACITY, no_argument);
    wire_json_writer_key(writer, "data");
    wire_json_writer_begin_object(writer);
    wire_json_writer_key(writer, "resource");
    wire_json_writer_text(writer, resource);
    wire_json_writer_key(writer, "have");
    wire_json_writer_uint64(writer, have);
    wire_json_writer_key(writer, "need");
    wire_json_writer_uint64(writer, need);
    wire_json_writer_end_object(writer);
    wire_rpc_end_error(writer);
}
