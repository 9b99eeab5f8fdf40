/*
 * The parser's beginning, the texts of problems, and the table-driven reading of objects that all
 * messages use. What a member holds is read in msg_fields.c.
 */
#include "wire/msg_parser.h"

#include "wire/msg_fields.h"
#include "wire/rpc_errors.h"
#include "wire/utf8.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

/* How much of a member's name that is not known stands in a problem's text. */
#define UNKNOWN_SHOWN_BYTES ((size_t)80)

void wire_msg_parser_init(struct wire_msg_parser *parser, struct wire_json_scratch *scratch,
                          void *memory, size_t size_bytes, enum wire_msg_path_style path_style)
{
    parser->scratch = scratch;
    parser->path_style = path_style;
    parser->scope = "";
    parser->problem.code = 0;
    parser->problem.text[0] = 0;
    wire_msg_arena_init(&parser->arena, memory, size_bytes);
}

int wire_msg_refuse(struct wire_msg_parser *parser, const char *format, ...)
{
    struct wire_msg_problem *problem = &parser->problem;
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(problem->text, sizeof problem->text, format, arguments);
    va_end(arguments);
    assert(size >= 0);
    /* What was cut off may have begun a character. */
    problem->text[wire_utf8_valid_prefix(wire_span_text(problem->text))] = 0;
    problem->code = WIRE_RPC_CODE_INVALID_PARAMS;
    return WIRE_MSG_ERR_PARAMS;
}

int wire_msg_refuse_type(struct wire_msg_parser *parser, const char *name, const char *expected)
{
    return wire_msg_refuse(parser, "invalid type for `%s%s`: expected %s", parser->scope, name,
                           expected);
}

int wire_msg_refuse_capacity(struct wire_msg_parser *parser)
{
    (void)wire_msg_refuse(parser, "message does not fit its memory");
    parser->problem.code = WIRE_RPC_CODE_INTERNAL;
    return WIRE_MSG_ERR_CAPACITY;
}

int wire_msg_refuse_json(struct wire_msg_parser *parser)
{
    return wire_msg_refuse(parser, "malformed params: %s",
                           wire_json_error_text(wire_json_reader_error(&parser->reader)));
}

static const struct wire_msg_field *find_field(const struct wire_msg_table *table,
                                               const struct wire_json_token *key)
{
    for (size_t i = 0; i < table->count; i++) {
        if (wire_json_token_is(key, table->fields[i].name)) {
            return &table->fields[i];
        }
    }
    return NULL;
}

static int read_field(struct wire_msg_parser *parser, const struct wire_msg_field *field, void *out)
{
    struct wire_json_token token;
    int event = wire_json_reader_next(&parser->reader, &token);
    if (event < 0) {
        return wire_msg_refuse_json(parser);
    }
    if (event == WIRE_JSON_NULL && !field->is_required) {
        return 0;
    }
    return field->read(parser, field->name, &token, (uint8_t *)out + field->offset);
}

static int check_required(struct wire_msg_parser *parser, const struct wire_msg_table *table,
                          uint32_t seen)
{
    for (size_t i = 0; i < table->count; i++) {
        if (table->fields[i].is_required && !(seen >> i & 1)) {
            return wire_msg_refuse(parser, "missing field `%s%s`", table->scope,
                                   table->fields[i].name);
        }
    }
    return 0;
}

/* A member that the table does not have. */
static int skip_unknown(struct wire_msg_parser *parser, const struct wire_msg_table *table,
                        const struct wire_json_token *key)
{
    struct wire_span value;
    if (wire_json_reader_raw(&parser->reader, key, &value)) {
        return wire_msg_refuse_json(parser);
    }
    if (!table->is_strict || wire_span_equal(value, wire_span_text("null")) ||
        wire_span_equal(value, wire_span_text("false"))) {
        return 0;
    }
    size_t shown = key->text.size < UNKNOWN_SHOWN_BYTES ? key->text.size : UNKNOWN_SHOWN_BYTES;
    bool is_plain = true;
    for (size_t i = 0; i < shown; i++) {
        is_plain = is_plain && key->text.data[i] >= ' ' && key->text.data[i] < 0x7F;
    }
    return wire_msg_refuse(parser, "unknown member `%s%.*s`", table->scope,
                           is_plain ? (int)shown : 0, (const char *)key->text.data);
}

/* The members of an object that is open, and its end. */
static int read_members(struct wire_msg_parser *parser, const struct wire_msg_table *table,
                        void *out)
{
    struct wire_json_token key;
    uint32_t seen = 0;
    int event = wire_json_reader_next(&parser->reader, &key);
    for (; event == WIRE_JSON_KEY; event = wire_json_reader_next(&parser->reader, &key)) {
        const struct wire_msg_field *field = find_field(table, &key);
        int error = field ? read_field(parser, field, out) : skip_unknown(parser, table, &key);
        if (error) {
            return error;
        }
        seen |= field ? (uint32_t)1 << (field - table->fields) : 0;
    }
    if (event < 0) {
        return wire_msg_refuse_json(parser);
    }
    return check_required(parser, table, seen);
}

int wire_msg_read_object(struct wire_msg_parser *parser, const char *name,
                         const struct wire_json_token *token, struct wire_msg_table table,
                         void *out)
{
    assert(table.count <= WIRE_MSG_FIELDS_MAX);
    if (token->event != WIRE_JSON_OBJECT_BEGIN) {
        return wire_msg_refuse_type(parser, name, "an object");
    }
    const char *outer = parser->scope;
    parser->scope = table.scope;
    int error = read_members(parser, &table, out);
    parser->scope = outer;
    return error;
}

int wire_msg_read_params(struct wire_msg_parser *parser, struct wire_span params,
                         struct wire_msg_table table, void *out)
{
    struct wire_json_limits limits = {.total_bytes = params.size,
                                      .string_bytes = params.size,
                                      .members = parser->scratch->capacity};
    struct wire_json_token token;
    assert(params.size <= UINT32_MAX);
    if (!params.data) {
        return check_required(parser, &table, 0);
    }
    wire_json_reader_init(&parser->reader, params, parser->scratch, &limits);
    int event = wire_json_reader_next(&parser->reader, &token);
    if (event > 0 && event != WIRE_JSON_OBJECT_BEGIN) {
        return wire_msg_refuse(parser, "params must be an object");
    }
    int error = event < 0 ? wire_msg_refuse_json(parser)
                          : wire_msg_read_object(parser, "params", &token, table, out);
    if (error) {
        return error;
    }
    event = wire_json_reader_next(&parser->reader, &token);
    return event == WIRE_JSON_END ? 0 : wire_msg_refuse_json(parser);
}
