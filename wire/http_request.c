/*
 * The request parser: a state machine that looks at one byte at a time, so that no split of the
 * input can change what it says. A head is read once in the life of a connection; speed is no aim.
 *
 * Bytes are kept (in the buffer) only when a piece ends before the head does. Everything found is
 * remembered as an offset, because the bytes may move when the buffer grows.
 */
#include "wire/http_request.h"

#include "wire/http_grammar.h"

#include <assert.h>

enum request_state {
    STATE_METHOD,
    STATE_TARGET,
    STATE_VERSION,
    STATE_FIELD,   /* at the start of a line */
    STATE_NAME,    /* in a header's name */
    STATE_VALUE,   /* behind the colon, white space included */
    STATE_LINE_LF, /* a CR came, its LF must */
    STATE_LAST_LF, /* the same behind the empty line */
    STATE_DONE,
};

/* The first buffer: requests seen have about 200 bytes. */
#define BUFFER_FIRST_BYTES ((size_t)512)

void wire_http_request_init(struct wire_http_request *request,
                            const struct wire_http_options *options)
{
    memset(request, 0, sizeof *request);
    if (options) {
        request->options = *options;
    }
    if (request->options.head_limit_bytes == 0) {
        request->options.head_limit_bytes = WIRE_HTTP_HEAD_LIMIT_DEFAULT;
    }
    assert(request->options.head_limit_bytes <= WIRE_HTTP_HEAD_LIMIT_MAX);
}

void wire_http_request_deinit(struct wire_http_request *request)
{
    if (request->buffer) {
        wire_alloc_resize(request->options.alloc, request->buffer, 0);
    }
    memset(request, 0, sizeof *request);
}

static struct wire_span slice(const struct wire_http_request *request, size_t offset, size_t size)
{
    return wire_span_of(request->head + offset, size);
}

/* Fails at the given offset; the offset is what a log line shows. */
static int fail_at(struct wire_http_request *request, int error, size_t offset)
{
    request->error = (int8_t)error;
    request->error_offset = offset;
    return error;
}

static int fail(struct wire_http_request *request, int error)
{
    return fail_at(request, error, request->at);
}

static int enter(struct wire_http_request *request, enum request_state state, size_t start)
{
    request->state = (uint8_t)state;
    request->start = start;
    return WIRE_HTTP_OK;
}

static int on_method(struct wire_http_request *request, uint8_t c)
{
    size_t size = request->at - request->start;
    if (c == ' ' && size > 0) {
        request->method_size = (uint16_t)size;
        return enter(request, STATE_TARGET, request->at + 1);
    }
    if (!wire_http_is_token(c)) {
        return fail(request, WIRE_HTTP_ERR_METHOD);
    }
    return size < WIRE_HTTP_METHOD_LIMIT ? WIRE_HTTP_OK : fail(request, WIRE_HTTP_ERR_METHOD_SIZE);
}

static int on_target(struct wire_http_request *request, uint8_t c)
{
    size_t size = request->at - request->start;
    if (c == ' ' && size > 0 && request->escape_left == 0) {
        request->target = (uint16_t)request->start;
        request->target_size = (uint16_t)size;
        return enter(request, STATE_VERSION, request->at + 1);
    }
    bool good = size == 0 ? c == '/' : wire_http_is_target(c) || c == '%';
    if (request->escape_left > 0) {
        good = wire_http_is_hex(c);
        request->escape_left--;
    } else if (c == '%') {
        request->escape_left = 2;
    }
    if (!good) {
        return fail(request, WIRE_HTTP_ERR_TARGET);
    }
    return size < WIRE_HTTP_TARGET_LIMIT ? WIRE_HTTP_OK : fail(request, WIRE_HTTP_ERR_TARGET_SIZE);
}

static int on_version(struct wire_http_request *request, uint8_t c)
{
    static const char pattern[] = "HTTP/1.1";
    size_t index = request->at - request->start;
    if (index == sizeof pattern - 1) {
        if (c != '\r') {
            return fail(request, WIRE_HTTP_ERR_VERSION_SYNTAX);
        }
        if (!wire_span_equal(slice(request, request->start, index), wire_span_text(pattern))) {
            return fail_at(request, WIRE_HTTP_ERR_VERSION, request->start);
        }
        return enter(request, STATE_LINE_LF, request->at);
    }
    bool good = wire_http_is_digit((uint8_t)pattern[index]) ? wire_http_is_digit(c)
                                                            : c == (uint8_t)pattern[index];
    return good ? WIRE_HTTP_OK : fail(request, WIRE_HTTP_ERR_VERSION_SYNTAX);
}

static int on_field(struct wire_http_request *request, uint8_t c)
{
    if (c == '\r') {
        return enter(request, STATE_LAST_LF, request->at);
    }
    if (wire_http_is_space(c)) {
        return fail(request, WIRE_HTTP_ERR_FOLDED);
    }
    if (!wire_http_is_token(c)) {
        return fail(request, WIRE_HTTP_ERR_FIELD_NAME);
    }
    if (request->field_count == WIRE_HTTP_FIELDS_MAX) {
        return fail(request, WIRE_HTTP_ERR_FIELD_COUNT);
    }
    return enter(request, STATE_NAME, request->at);
}

static int on_name(struct wire_http_request *request, uint8_t c)
{
    if (c == ':') {
        struct wire_http_field *field = &request->fields[request->field_count];
        field->name = (uint16_t)request->start;
        field->name_size = (uint16_t)(request->at - request->start);
        return enter(request, STATE_VALUE, request->at + 1);
    }
    return wire_http_is_token(c) ? WIRE_HTTP_OK : fail(request, WIRE_HTTP_ERR_FIELD_NAME);
}

/* Content-Length: one number; 0 is what a client without a body may say. */
static int check_length(struct wire_http_request *request, struct wire_span value, size_t offset)
{
    bool is_zero = true;
    if (request->has_length || value.size == 0) {
        return fail_at(request, WIRE_HTTP_ERR_CONTENT_LENGTH, offset);
    }
    request->has_length = true;
    for (size_t i = 0; i < value.size; i++) {
        if (!wire_http_is_digit(value.data[i])) {
            return fail_at(request, WIRE_HTTP_ERR_CONTENT_LENGTH, offset);
        }
        is_zero = is_zero && value.data[i] == '0';
    }
    return is_zero ? WIRE_HTTP_OK : fail_at(request, WIRE_HTTP_ERR_BODY, offset);
}

/* What makes a request dangerous whatever it is for: two hosts, or a body in any form. */
static int check_field(struct wire_http_request *request, const struct wire_http_field *field)
{
    struct wire_span name = slice(request, field->name, field->name_size);
    if (wire_http_equal_nocase(name, "host")) {
        bool is_repeated = request->has_host;
        request->has_host = true;
        return is_repeated ? fail_at(request, WIRE_HTTP_ERR_HOST_REPEATED, field->name)
                           : WIRE_HTTP_OK;
    }
    if (wire_http_equal_nocase(name, "transfer-encoding")) {
        return fail_at(request, WIRE_HTTP_ERR_BODY, field->name);
    }
    if (wire_http_equal_nocase(name, "content-length")) {
        return check_length(request, slice(request, field->value, field->value_size), field->name);
    }
    return WIRE_HTTP_OK;
}

static int end_field(struct wire_http_request *request)
{
    struct wire_http_field *field = &request->fields[request->field_count];
    size_t size = request->at - request->start;
    struct wire_span value = wire_http_trim(slice(request, request->start, size));
    field->value = (uint16_t)(value.data - request->head);
    field->value_size = (uint16_t)value.size;
    int error = check_field(request, field);
    if (error) {
        return error;
    }
    request->field_count++;
    return enter(request, STATE_LINE_LF, request->at);
}

static int on_value(struct wire_http_request *request, uint8_t c)
{
    if (c == '\r') {
        return end_field(request);
    }
    if (c == '\n') {
        return fail(request, WIRE_HTTP_ERR_LINE_END);
    }
    return wire_http_is_value(c) ? WIRE_HTTP_OK : fail(request, WIRE_HTTP_ERR_FIELD_VALUE);
}

static int on_lf(struct wire_http_request *request, uint8_t c)
{
    if (c != '\n') {
        return fail(request, WIRE_HTTP_ERR_LINE_END);
    }
    if (request->state == STATE_LINE_LF) {
        return enter(request, STATE_FIELD, request->at + 1);
    }
    if (!request->has_host) {
        return fail(request, WIRE_HTTP_ERR_HOST_MISSING);
    }
    return enter(request, STATE_DONE, request->at + 1);
}

static int on_byte(struct wire_http_request *request, uint8_t c)
{
    switch ((enum request_state)request->state) {
    case STATE_METHOD:
        return on_method(request, c);
    case STATE_TARGET:
        return on_target(request, c);
    case STATE_VERSION:
        return on_version(request, c);
    case STATE_FIELD:
        return on_field(request, c);
    case STATE_NAME:
        return on_name(request, c);
    case STATE_VALUE:
        return on_value(request, c);
    case STATE_LINE_LF:
    case STATE_LAST_LF:
        return on_lf(request, c);
    case STATE_DONE:
        break;
    }
    assert(!"a byte behind the head");
    return WIRE_HTTP_OK;
}

/* Reads what lies between at and end of the head's bytes. */
static int scan(struct wire_http_request *request, size_t end)
{
    while (request->at < end && request->state != STATE_DONE) {
        int error = on_byte(request, request->head[request->at]);
        if (error) {
            return error;
        }
        request->at++;
    }
    return request->state == STATE_DONE ? WIRE_HTTP_DONE : WIRE_HTTP_MORE;
}

static size_t smaller(size_t left, size_t right)
{
    return left < right ? left : right;
}

/* Puts piece behind the bytes already in the buffer. */
static int keep(struct wire_http_request *request, size_t kept, struct wire_span piece)
{
    size_t needed = kept + piece.size;
    if (needed > request->capacity) {
        size_t capacity = request->capacity ? request->capacity * 2 : BUFFER_FIRST_BYTES;
        capacity = smaller(capacity, request->options.head_limit_bytes);
        capacity = capacity < needed ? needed : capacity;
        uint8_t *buffer = wire_alloc_resize(request->options.alloc, request->buffer, capacity);
        if (!buffer) {
            return fail(request, WIRE_HTTP_ERR_NO_MEMORY);
        }
        request->buffer = buffer;
        request->capacity = capacity;
    }
    memcpy(request->buffer + kept, piece.data, piece.size);
    request->head = request->buffer;
    return WIRE_HTTP_OK;
}

/* The first piece is read where it lies, and kept only if the head goes on behind it. */
static int push_first(struct wire_http_request *request, struct wire_span piece)
{
    request->head = piece.data;
    int result = scan(request, piece.size);
    if (result != WIRE_HTTP_MORE) {
        return result;
    }
    int error = keep(request, 0, piece);
    return error ? error : WIRE_HTTP_MORE;
}

static int push_later(struct wire_http_request *request, struct wire_span piece)
{
    size_t end = request->at + piece.size;
    int error = keep(request, request->at, piece);
    return error ? error : scan(request, end);
}

int wire_http_request_push(struct wire_http_request *request, struct wire_span piece,
                           size_t *out_used)
{
    size_t before = request->at;
    *out_used = 0;
    if (request->error) {
        return request->error;
    }
    if (request->state == STATE_DONE) {
        return WIRE_HTTP_DONE;
    }
    if (piece.size == 0) {
        return WIRE_HTTP_MORE;
    }
    size_t room = request->options.head_limit_bytes - request->at;
    struct wire_span part = wire_span_of(piece.data, smaller(piece.size, room));
    int result = before == 0 ? push_first(request, part) : push_later(request, part);
    if (result == WIRE_HTTP_MORE && request->at == request->options.head_limit_bytes) {
        result = fail(request, WIRE_HTTP_ERR_HEAD_SIZE);
    }
    *out_used = request->at - before;
    return result;
}

struct wire_span wire_http_request_method(const struct wire_http_request *request)
{
    assert(request->state == STATE_DONE);
    return slice(request, 0, request->method_size);
}

struct wire_span wire_http_request_target(const struct wire_http_request *request)
{
    assert(request->state == STATE_DONE);
    return slice(request, request->target, request->target_size);
}

struct wire_span wire_http_request_path(const struct wire_http_request *request)
{
    struct wire_span path = wire_http_request_target(request);
    const uint8_t *query = memchr(path.data, '?', path.size);
    return query ? wire_span_of(path.data, (size_t)(query - path.data)) : path;
}

bool wire_http_request_field_at(const struct wire_http_request *request, size_t index,
                                struct wire_span *out_name, struct wire_span *out_value)
{
    assert(request->state == STATE_DONE);
    if (index >= request->field_count) {
        return false;
    }
    const struct wire_http_field *field = &request->fields[index];
    *out_name = slice(request, field->name, field->name_size);
    *out_value = slice(request, field->value, field->value_size);
    return true;
}
