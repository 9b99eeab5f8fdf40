/*
 * The scanner for hot notifications: one object with "method" and "params", in which strings have
 * no escapes and numbers are plain. It finds the end of a chunk with memchr and looks at no byte
 * of it: the comparison with what is expected does. Whatever it does not know, it leaves to the
 * strict reader, so it needs no errors of its own.
 */
#include "tools/load/message.h"

#include <string.h>

struct cursor {
    const uint8_t *at;
    const uint8_t *end;
};

static bool take(struct cursor *cursor, char wanted)
{
    if (cursor->at == cursor->end || *cursor->at != (uint8_t)wanted)
        return false;
    cursor->at++;
    return true;
}

static bool take_string(struct cursor *cursor, struct wire_span *out)
{
    const uint8_t *close;

    if (!take(cursor, '"'))
        return false;
    close = memchr(cursor->at, '"', (size_t)(cursor->end - cursor->at));
    if (close == NULL || close[-1] == '\\')
        return false;
    *out = wire_span_of(cursor->at, (size_t)(close - cursor->at));
    cursor->at = close + 1;
    return true;
}

/* A string that names something: short, and truly without escapes. */
static bool take_name(struct cursor *cursor, struct wire_span *out)
{
    return take_string(cursor, out) && out->size <= 128 &&
           memchr(out->data, '\\', out->size) == NULL;
}

static bool take_number(struct cursor *cursor, int64_t *out)
{
    bool negative = take(cursor, '-');
    const uint8_t *first = cursor->at;
    int64_t value = 0;

    while (cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9') {
        if (cursor->at - first >= 18)
            return false;
        value = value * 10 + (*cursor->at++ - '0');
    }
    if (cursor->at == first || (*first == '0' && cursor->at - first > 1))
        return false;
    *out = negative ? -value : value;
    return true;
}

static bool is(struct wire_span span, const char *text, size_t size)
{
    return span.size == size && memcmp(span.data, text, size) == 0;
}

static bool take_exit_code(struct cursor *cursor, struct load_event *event)
{
    int64_t code;

    if (!take_number(cursor, &code) || code < INT32_MIN || code > INT32_MAX)
        return false;
    event->exit_code = (int32_t)code;
    event->has_exit_code = true;
    return true;
}

static bool take_seq(struct cursor *cursor, struct load_event *event)
{
    int64_t seq;

    if (!take_number(cursor, &seq) || seq <= 0)
        return false;
    event->seq = (uint64_t)seq;
    return true;
}

static bool take_param(struct cursor *cursor, struct load_event *event)
{
    struct wire_span name;

    if (!take_name(cursor, &name) || !take(cursor, ':'))
        return false;
    if (is(name, "chunk", 5))
        return event->chunk.data == NULL && take_string(cursor, &event->chunk);
    if (is(name, "seq", 3))
        return event->seq == 0 && take_seq(cursor, event);
    if (is(name, "stream", 6))
        return event->stream.data == NULL && take_name(cursor, &event->stream);
    if (is(name, "processId", 9) || is(name, "sessionId", 9))
        return event->session_id.data == NULL && take_name(cursor, &event->session_id);
    if (is(name, "exitCode", 8))
        return !event->has_exit_code && take_exit_code(cursor, event);
    return false;
}

static bool take_params(struct cursor *cursor, struct load_event *event)
{
    if (!take(cursor, '{'))
        return false;
    do {
        if (!take_param(cursor, event))
            return false;
    } while (take(cursor, ','));
    return take(cursor, '}');
}

static bool take_member(struct cursor *cursor, struct load_event *event)
{
    struct wire_span name;

    if (!take_name(cursor, &name) || !take(cursor, ':'))
        return false;
    if (is(name, "method", 6))
        return event->method.data == NULL && take_name(cursor, &event->method);
    if (is(name, "params", 6))
        return event->session_id.data == NULL && take_params(cursor, event);
    return false;
}

bool load_message_scan(struct wire_span text, struct load_event *out_event)
{
    struct cursor cursor = {text.data, text.data + text.size};

    memset(out_event, 0, sizeof *out_event);
    out_event->is_scanned = true;
    if (!take(&cursor, '{'))
        return false;
    do {
        if (!take_member(&cursor, out_event))
            return false;
    } while (take(&cursor, ','));
    return take(&cursor, '}') && cursor.at == cursor.end && out_event->method.size > 0;
}
