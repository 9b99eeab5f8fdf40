/*
 * wait and waitAny. The array of waitAny is a list of small objects: each is read by a table into
 * an element that is pushed before the others, and all are turned around at the end.
 */
#include "wire/msg_wait.h"

#include "wire/base64.h"
#include "wire/msg_fields.h"
#include "wire/rpc_writer.h"

#include <assert.h>
#include <stdio.h>

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* "processes[16383]" and a dot. */
#define ELEMENT_BYTES 48

int wire_msg_process_wait_parse(struct wire_msg_parser *parser, struct wire_span params,
                                struct wire_msg_process_wait *out)
{
    static const struct wire_msg_field fields[] = {
        WIRE_MSG_REQUIRED(struct wire_msg_process_wait, process_id, "processId", wire_msg_read_id),
        WIRE_MSG_OPTIONAL(struct wire_msg_process_wait, timeout_ms, "timeoutMs",
                          wire_msg_read_timeout),
    };
    memset(out, 0, sizeof *out);
    return wire_msg_read_params(parser, params, WIRE_MSG_TABLE(fields, ""), out);
}

void wire_msg_process_wait_reply(struct wire_json_writer *writer, struct wire_span id,
                                 const struct wire_msg_record *record)
{
    if (!record) {
        wire_rpc_write_result(writer, id, wire_span_text("{\"timedOut\":true}"));
        return;
    }
    wire_rpc_begin_result(writer, id);
    wire_msg_record_write(writer, record);
    wire_rpc_end(writer);
}

/* Base64 that is decoded where the string was put, as it is never longer. */
static int read_match(struct wire_msg_parser *parser, const char *name,
                      const struct wire_json_token *token, void *target)
{
    struct wire_msg_arena *arena = &parser->arena;
    size_t low = arena->low;
    size_t size;
    size_t bad = 0;
    if (token->event != WIRE_JSON_STRING) {
        return wire_msg_refuse_type(parser, name, "a string in base64");
    }
    if (!wire_msg_decode_text(parser, token, &size)) {
        return wire_msg_refuse_capacity(parser);
    }
    arena->low = low;
    uint8_t *bytes = wire_msg_arena_free_bytes(arena);
    ptrdiff_t decoded =
        wire_base64_decode(wire_base64_best(), wire_span_of(bytes, size), bytes, size, &bad);
    if (decoded < 0) {
        return wire_msg_refuse(parser, "invalid base64 in `%s%s` at character %lu", parser->scope,
                               name, (unsigned long)bad);
    }
    if (decoded == 0) {
        return wire_msg_refuse(parser, "`%s%s` must not be empty", parser->scope, name);
    }
    if ((size_t)decoded > WIRE_MSG_MATCH_MAX) {
        return wire_msg_refuse(parser, "`%s%s` is longer than %lu bytes", parser->scope, name,
                               (unsigned long)WIRE_MSG_MATCH_MAX);
    }
    *(struct wire_span *)target =
        wire_span_of(wire_msg_arena_take(arena, (size_t)decoded), (size_t)decoded);
    return 0;
}

static int push_item(struct wire_msg_parser *parser, const char *name, size_t index,
                     const struct wire_json_token *token)
{
    static const struct wire_msg_field fields[] = {
        WIRE_MSG_REQUIRED(struct wire_msg_wait_any_item, process_id, "processId", wire_msg_read_id),
        WIRE_MSG_OPTIONAL(struct wire_msg_wait_any_item, after_seq, "afterSeq",
                          wire_msg_read_uint64),
        WIRE_MSG_OPTIONAL(struct wire_msg_wait_any_item, match, "match", read_match),
    };
    struct wire_msg_wait_any_item item = {0};
    char element[ELEMENT_BYTES];
    char scope[ELEMENT_BYTES + 1];
    (void)snprintf(element, sizeof element, "%s[%lu]", name, (unsigned long)index);
    (void)snprintf(scope, sizeof scope, "%s.", element);
    int error = wire_msg_read_object(parser, element, token, WIRE_MSG_TABLE(fields, scope), &item);
    if (error) {
        return error;
    }
    struct wire_msg_wait_any_item *slot = wire_msg_arena_push(&parser->arena, sizeof *slot);
    if (!slot) {
        return wire_msg_refuse_capacity(parser);
    }
    *slot = item;
    return 0;
}

static void reverse_items(struct wire_msg_wait_any_item *items, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        struct wire_msg_wait_any_item item = items[i];
        items[i] = items[count - 1 - i];
        items[count - 1 - i] = item;
    }
}

static int read_items(struct wire_msg_parser *parser, const char *name,
                      const struct wire_json_token *token, void *target)
{
    struct wire_msg_process_wait_any *out = target;
    struct wire_json_token element;
    size_t count = 0;
    if (token->event != WIRE_JSON_ARRAY_BEGIN) {
        return wire_msg_refuse_type(parser, name, "an array of objects");
    }
    int event = wire_json_reader_next(&parser->reader, &element);
    for (; event > 0 && event != WIRE_JSON_ARRAY_END; count++) {
        if (count == WIRE_MSG_WAIT_ANY_MAX) {
            return wire_msg_refuse(parser, "`%s` has more than %lu elements", name,
                                   (unsigned long)WIRE_MSG_WAIT_ANY_MAX);
        }
        int error = push_item(parser, name, count, &element);
        if (error) {
            return error;
        }
        event = wire_json_reader_next(&parser->reader, &element);
    }
    if (event < 0) {
        return wire_msg_refuse_json(parser);
    }
    if (count == 0) {
        return wire_msg_refuse(parser, "`%s` must not be empty", name);
    }
    struct wire_msg_wait_any_item *items = wire_msg_arena_push(&parser->arena, 0);
    reverse_items(items, count);
    out->items = items;
    out->count = count;
    return 0;
}

int wire_msg_process_wait_any_parse(struct wire_msg_parser *parser, struct wire_span params,
                                    struct wire_msg_process_wait_any *out)
{
    static const struct wire_msg_field fields[] = {
        {"processes", read_items, 0, true},
        WIRE_MSG_OPTIONAL(struct wire_msg_process_wait_any, timeout_ms, "timeoutMs",
                          wire_msg_read_timeout),
    };
    memset(out, 0, sizeof *out);
    return wire_msg_read_params(parser, params, WIRE_MSG_TABLE(fields, ""), out);
}

void wire_msg_wait_any_begin(struct wire_json_writer *writer, struct wire_span id)
{
    wire_rpc_begin_result(writer, id);
    wire_json_writer_begin_object(writer);
    wire_json_writer_key(writer, "ready");
    wire_json_writer_begin_array(writer);
}

void wire_msg_wait_any_ready(struct wire_json_writer *writer, const struct wire_msg_ready *ready)
{
    static const char *const reasons[] = {
        [WIRE_MSG_READY_OUTPUT] = "output",   [WIRE_MSG_READY_EXITED] = "exited",
        [WIRE_MSG_READY_CLOSED] = "closed",   [WIRE_MSG_READY_MATCH] = "match",
        [WIRE_MSG_READY_UNKNOWN] = "unknown",
    };
    assert((unsigned)ready->reason < COUNT(reasons));
    wire_json_writer_begin_object(writer);
    wire_json_writer_key(writer, "processId");
    wire_json_writer_raw(writer, ready->process_id_json);
    wire_json_writer_key(writer, "reason");
    wire_json_writer_text(writer, reasons[ready->reason]);
    wire_json_writer_key(writer, "nextSeq");
    wire_json_writer_uint64(writer, ready->next_seq);
    if (ready->reason == WIRE_MSG_READY_MATCH) {
        wire_json_writer_key(writer, "matchSeq");
        wire_json_writer_uint64(writer, ready->match_seq);
        wire_json_writer_key(writer, "matchOffset");
        wire_json_writer_uint64(writer, ready->match_offset);
    }
    if (ready->reason == WIRE_MSG_READY_UNKNOWN) {
        wire_json_writer_key(writer, "unknownReason");
        wire_json_writer_text(writer, wire_msg_gone_text(ready->gone.reason));
    }
    wire_msg_gone_write_end(writer, &ready->gone);
    wire_json_writer_end_object(writer);
}

void wire_msg_wait_any_end(struct wire_json_writer *writer, bool has_timed_out)
{
    wire_json_writer_end_array(writer);
    wire_json_writer_key(writer, "timedOut");
    wire_json_writer_bool(writer, has_timed_out);
    wire_json_writer_end_object(writer);
    wire_rpc_end(writer);
}
