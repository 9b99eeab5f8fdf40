/*
 * Reads the envelope in one pass over the document. What a member holds is checked when it comes,
 * which of the four shapes the members make is decided at the end, and only then is the document
 * known to be good JSON.
 */
#include "wire/rpc_message.h"

/* A message on its way through the reader. */
struct envelope {
    struct wire_json_reader reader;
    struct wire_rpc_message *message;
    struct wire_rpc_problem *problem;
    struct wire_span result;
    struct wire_span error;
};

static int invalid(struct envelope *envelope, const char *text)
{
    envelope->problem->text = text;
    envelope->problem->offset = wire_json_reader_offset(&envelope->reader);
    return WIRE_RPC_ERR_INVALID;
}

static int unparsable(struct envelope *envelope)
{
    envelope->problem->text = wire_json_error_text(wire_json_reader_error(&envelope->reader));
    envelope->problem->offset = wire_json_reader_offset(&envelope->reader);
    return WIRE_RPC_ERR_PARSE;
}

static int next(struct envelope *envelope, struct wire_json_token *token)
{
    int event = wire_json_reader_next(&envelope->reader, token);
    return event < 0 ? unparsable(envelope) : event;
}

/* The value behind a key as it stands; null leaves *value alone. */
static int read_raw(struct envelope *envelope, const struct wire_json_token *key,
                    struct wire_span *value)
{
    struct wire_span raw;
    if (wire_json_reader_raw(&envelope->reader, key, &raw)) {
        return unparsable(envelope);
    }
    if (!wire_span_equal(raw, wire_span_text("null"))) {
        *value = raw;
    }
    return 0;
}

/* A result may be null, so a member that is there is told from one that is not by its data. */
static int read_result(struct envelope *envelope, const struct wire_json_token *key)
{
    return wire_json_reader_raw(&envelope->reader, key, &envelope->result) ? unparsable(envelope)
                                                                           : 0;
}

static int read_id(struct envelope *envelope)
{
    struct wire_json_token token;
    struct wire_span *id = &envelope->message->id;
    int64_t number;
    int event = next(envelope, &token);
    if (event < 0) {
        return event;
    }
    if (event == WIRE_JSON_NULL) {
        return 0;
    }
    if (event == WIRE_JSON_STRING) {
        *id = wire_span_of(token.text.data - 1, token.text.size + 2); /* with the quotes */
    } else if (event == WIRE_JSON_NUMBER && wire_json_token_int64(&token, &number) == 0) {
        *id = token.text;
    } else {
        return invalid(envelope, "id is neither a string nor a 64-bit integer");
    }
    return id->size <= WIRE_RPC_ID_LIMIT ? 0 : invalid(envelope, "id is too long");
}

static int read_method(struct envelope *envelope)
{
    struct wire_rpc_message *message = envelope->message;
    struct wire_json_token token;
    int event = next(envelope, &token);
    if (event < 0) {
        return event;
    }
    if (event != WIRE_JSON_STRING) {
        return invalid(envelope, "method is not a string");
    }
    if (token.text.size > WIRE_RPC_METHOD_LIMIT ||
        wire_json_token_string(&token, message->method_buffer, sizeof message->method_buffer,
                               &message->method)) {
        return invalid(envelope, "method is too long");
    }
    return 0;
}

static int read_member(struct envelope *envelope, const struct wire_json_token *key)
{
    if (wire_json_token_is(key, "id")) {
        return read_id(envelope);
    }
    if (wire_json_token_is(key, "method")) {
        return read_method(envelope);
    }
    if (wire_json_token_is(key, "params")) {
        return read_raw(envelope, key, &envelope->message->params);
    }
    if (wire_json_token_is(key, "result")) {
        return read_result(envelope, key);
    }
    if (wire_json_token_is(key, "error")) {
        return read_raw(envelope, key, &envelope->error);
    }
    return wire_json_reader_skip(&envelope->reader, key) ? unparsable(envelope) : 0;
}

/* All members, and whatever stands behind the object. */
static int read_members(struct envelope *envelope)
{
    struct wire_json_token token;
    int event = next(envelope, &token);
    while (event == WIRE_JSON_KEY) {
        int error = read_member(envelope, &token);
        if (error) {
            return error;
        }
        event = next(envelope, &token);
    }
    if (event == WIRE_JSON_OBJECT_END) {
        event = next(envelope, &token);
    }
    return event < 0 ? event : 0;
}

/* Which shape the members make. A method decides alone: unknown members are ignored. */
static int classify(struct envelope *envelope)
{
    struct wire_rpc_message *message = envelope->message;
    bool has_id = message->id.data != NULL;
    if (message->method.data) {
        message->kind = has_id ? WIRE_RPC_REQUEST : WIRE_RPC_NOTIFICATION;
    } else if (envelope->result.data && envelope->error.data) {
        return invalid(envelope, "result and error in one message");
    } else if (envelope->error.data) {
        if (envelope->error.data[0] != '{') {
            return invalid(envelope, "error is not an object");
        }
        message->body = envelope->error;
        message->kind = WIRE_RPC_ERROR; /* without an id: what could not be parsed had none */
    } else if (envelope->result.data && has_id) {
        message->body = envelope->result;
        message->kind = WIRE_RPC_RESPONSE;
    } else {
        return invalid(envelope, "neither a method nor the answer to one");
    }
    return message->kind;
}

int wire_rpc_parse(struct wire_span document, struct wire_json_scratch *scratch,
                   struct wire_rpc_message *out_message, struct wire_rpc_problem *out_problem)
{
    struct envelope envelope = {.message = out_message, .problem = out_problem};
    struct wire_json_limits limits = {
        .total_bytes = document.size, .string_bytes = document.size, .members = scratch->capacity};
    struct wire_json_token token;
    memset(out_message, 0, offsetof(struct wire_rpc_message, method_buffer));
    if (document.size > UINT32_MAX) {
        *out_problem = (struct wire_rpc_problem){.text = wire_json_error_text(WIRE_JSON_ERR_TOTAL)};
        return WIRE_RPC_ERR_PARSE;
    }
    wire_json_reader_init(&envelope.reader, document, scratch, &limits);
    int event = next(&envelope, &token);
    if (event < 0) {
        return event;
    }
    if (event != WIRE_JSON_OBJECT_BEGIN) {
        /* What is no JSON at all is to be called that, so the rest is looked at first. */
        bool is_json = wire_json_reader_skip(&envelope.reader, &token) == 0 &&
                       wire_json_reader_next(&envelope.reader, &token) == WIRE_JSON_END;
        return is_json ? invalid(&envelope, "message is not an object") : unparsable(&envelope);
    }
    int error = read_members(&envelope);
    return error ? error : classify(&envelope);
}
