/*
 * The readers of members. What they decode goes into the parser's arena; a list grows downwards
 * there, last element first, and is turned around when it is whole.
 */
#include "wire/msg_fields.h"

#include "wire/msg_chunk.h"
#include "wire/rpc_errors.h"

#include <assert.h>
#include <stdio.h>

/* "argv[12]", for the text of a problem. */
#define ELEMENT_NAME_BYTES 64
/* How much of a name from a client stands in a problem's text. */
#define SHOWN_NAME_BYTES 80

char *wire_msg_decode_text(struct wire_msg_parser *parser, const struct wire_json_token *token,
                           size_t *out_size)
{
    struct wire_msg_arena *arena = &parser->arena;
    if (!token->has_escapes) {
        *out_size = token->text.size;
        return wire_msg_arena_copy(arena, token->text);
    }
    ptrdiff_t size = wire_json_string_decode(token->text, wire_msg_arena_free_bytes(arena),
                                             wire_msg_arena_room(arena));
    if (size < 0) {
        return NULL;
    }
    *out_size = (size_t)size;
    return wire_msg_arena_take(arena, (size_t)size);
}

static int refuse_nul(struct wire_msg_parser *parser, const char *name)
{
    return wire_msg_refuse(parser, "`%s%s` must not hold U+0000", parser->scope, name);
}

int wire_msg_read_text(struct wire_msg_parser *parser, const char *name,
                       const struct wire_json_token *token, void *target)
{
    size_t size;
    if (token->event != WIRE_JSON_STRING) {
        return wire_msg_refuse_type(parser, name, "a string");
    }
    if (token->has_nul) {
        return refuse_nul(parser, name);
    }
    const char *text = wire_msg_decode_text(parser, token, &size);
    if (!text) {
        return wire_msg_refuse_capacity(parser);
    }
    *(const char **)target = text;
    return 0;
}

int wire_msg_read_id(struct wire_msg_parser *parser, const char *name,
                     const struct wire_json_token *token, void *target)
{
    size_t size;
    if (token->event != WIRE_JSON_STRING) {
        return wire_msg_refuse_type(parser, name, "a string");
    }
    const char *text = wire_msg_decode_text(parser, token, &size);
    if (!text) {
        return wire_msg_refuse_capacity(parser);
    }
    if (size > WIRE_MSG_ID_LIMIT) {
        return wire_msg_refuse(parser, "`%s%s` is longer than %lu bytes", parser->scope, name,
                               (unsigned long)WIRE_MSG_ID_LIMIT);
    }
    *(struct wire_span *)target = wire_span_of(text, size);
    return 0;
}

int wire_msg_read_bool(struct wire_msg_parser *parser, const char *name,
                       const struct wire_json_token *token, void *target)
{
    if (wire_json_token_bool(token, target)) {
        return wire_msg_refuse_type(parser, name, "a boolean");
    }
    return 0;
}

int wire_msg_read_uint32(struct wire_msg_parser *parser, const char *name,
                         const struct wire_json_token *token, void *target)
{
    if (wire_json_token_uint32(token, target)) {
        return wire_msg_refuse_type(parser, name, "an integer from 0 to 4294967295");
    }
    return 0;
}

int wire_msg_read_uint64(struct wire_msg_parser *parser, const char *name,
                         const struct wire_json_token *token, void *target)
{
    if (wire_json_token_uint64(token, target)) {
        return wire_msg_refuse_type(parser, name, "an integer from 0 to 18446744073709551615");
    }
    return 0;
}

int wire_msg_read_ms(struct wire_msg_parser *parser, const char *name,
                     const struct wire_json_token *token, void *target)
{
    uint64_t value;
    if (wire_json_token_uint64(token, &value) || value > WIRE_MSG_MS_MAX) {
        return wire_msg_refuse_type(parser, name, "an integer from 0 to 1099511627776");
    }
    *(uint64_t *)target = value;
    return 0;
}

int wire_msg_read_number(struct wire_msg_parser *parser, const char *name,
                         const struct wire_json_token *token, void *target)
{
    struct wire_msg_number *number = target;
    int error = wire_msg_read_uint64(parser, name, token, &number->value);
    number->is_present = !error;
    return error;
}

int wire_msg_read_timeout(struct wire_msg_parser *parser, const char *name,
                          const struct wire_json_token *token, void *target)
{
    struct wire_msg_number *number = target;
    int error = wire_msg_read_ms(parser, name, token, &number->value);
    number->is_present = !error;
    return error;
}

int wire_msg_read_cells(struct wire_msg_parser *parser, const char *name,
                        const struct wire_json_token *token, void *target)
{
    uint32_t value;
    if (wire_json_token_uint32(token, &value) || value < 1 || value > UINT16_MAX) {
        return wire_msg_refuse_type(parser, name, "an integer from 1 to 65535");
    }
    *(uint16_t *)target = (uint16_t)value;
    return 0;
}

int wire_msg_read_raw(struct wire_msg_parser *parser, const char *name,
                      const struct wire_json_token *token, void *target)
{
    (void)name;
    return wire_json_reader_raw(&parser->reader, token, target) ? wire_msg_refuse_json(parser) : 0;
}

int wire_msg_read_chunk(struct wire_msg_parser *parser, const char *name,
                        const struct wire_json_token *token, void *target)
{
    struct wire_msg_chunk *chunk = target;
    if (token->event != WIRE_JSON_STRING) {
        return wire_msg_refuse_type(parser, name, "a string in base64");
    }
    chunk->name = name;
    chunk->text = token->text;
    chunk->has_escapes = token->has_escapes;
    return 0;
}

int wire_msg_read_cwd(struct wire_msg_parser *parser, const char *name,
                      const struct wire_json_token *token, void *target)
{
    struct wire_msg_arena *arena = &parser->arena;
    size_t low = arena->low;
    size_t size;
    const char *text;
    int error = wire_msg_read_text(parser, name, token, &text);
    if (error) {
        return error;
    }
    /* The text was just put at the arena's end: take it back, decode it there, take the path. */
    size = arena->low - low - 1;
    arena->low = low;
    ptrdiff_t path =
        wire_msg_path_decode(wire_msg_arena_free_bytes(arena), size, parser->path_style);
    if (path < 0) {
        return wire_msg_refuse(parser, "`%s%s` %s", parser->scope, name,
                               wire_msg_path_error_text((int)path));
    }
    *(const char **)target = wire_msg_arena_take(arena, (size_t)path);
    return 0;
}

static void reverse_strings(const char **items, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        const char *item = items[i];
        items[i] = items[count - 1 - i];
        items[count - 1 - i] = item;
    }
}

/* One element of a list of strings, pushed before the others. */
static int push_string(struct wire_msg_parser *parser, const char *name, size_t index,
                       const struct wire_json_token *token)
{
    char element[ELEMENT_NAME_BYTES];
    const char *text;
    (void)snprintf(element, sizeof element, "%s[%lu]", name, (unsigned long)index);
    int error = wire_msg_read_text(parser, element, token, &text);
    if (error) {
        return error;
    }
    const char **slot = wire_msg_arena_push(&parser->arena, sizeof *slot);
    if (!slot) {
        return wire_msg_refuse_capacity(parser);
    }
    *slot = text;
    return 0;
}

int wire_msg_read_array(struct wire_msg_parser *parser, const char *name, wire_msg_push *push,
                        size_t *out_count)
{
    struct wire_json_token element;
    size_t count = 0;
    int event = wire_json_reader_next(&parser->reader, &element);
    for (; event > 0 && event != WIRE_JSON_ARRAY_END; count++) {
        int error = push(parser, name, count, &element);
        if (error) {
            return error;
        }
        event = wire_json_reader_next(&parser->reader, &element);
    }
    if (event < 0) {
        return wire_msg_refuse_json(parser);
    }
    *out_count = count;
    return 0;
}

int wire_msg_read_strings(struct wire_msg_parser *parser, const char *name,
                          const struct wire_json_token *token, void *target)
{
    struct wire_msg_strings *strings = target;
    size_t count = 0;
    if (token->event != WIRE_JSON_ARRAY_BEGIN) {
        return wire_msg_refuse_type(parser, name, "an array of strings");
    }
    const char **end = wire_msg_arena_push(&parser->arena, sizeof *end);
    if (!end) {
        return wire_msg_refuse_capacity(parser);
    }
    *end = NULL;
    int error = wire_msg_read_array(parser, name, push_string, &count);
    if (error) {
        return error;
    }
    reverse_strings(end - count, count);
    strings->items = end - count;
    strings->count = count;
    return 0;
}

int wire_msg_read_argv(struct wire_msg_parser *parser, const char *name,
                       const struct wire_json_token *token, void *target)
{
    struct wire_msg_strings *strings = target;
    int error = wire_msg_read_strings(parser, name, token, target);
    if (error) {
        return error;
    }
    if (strings->count == 0) {
        char text[WIRE_RPC_TEXT_LIMIT];
        size_t size = wire_rpc_text_format(WIRE_RPC_TEXT_ARGV_EMPTY, wire_span_of(NULL, 0), text);
        return wire_msg_refuse(parser, "%.*s", (int)size, text);
    }
    return 0;
}

/* How much of a name is shown: no character is cut. */
static int shown_size(const char *name)
{
    size_t size = strlen(name);
    if (size > SHOWN_NAME_BYTES) {
        size = SHOWN_NAME_BYTES;
        while (size > 0 && ((uint8_t)name[size] & 0xC0) == 0x80) {
            size--;
        }
    }
    return (int)size;
}

/* A variable's name: what a system can hold; a label's: what its limit allows. */
static int read_pair_name(struct wire_msg_parser *parser, const char *name,
                          const struct wire_json_token *key, const struct wire_msg_pairs_rule *rule,
                          const char **out_name)
{
    size_t size;
    if (key->has_nul) {
        return wire_msg_refuse(parser, "a name in `%s%s` must not hold U+0000", parser->scope,
                               name);
    }
    const char *text = wire_msg_decode_text(parser, key, &size);
    if (!text) {
        return wire_msg_refuse_capacity(parser);
    }
    if (size == 0) {
        return wire_msg_refuse(parser, "a name in `%s%s` must not be empty", parser->scope, name);
    }
    if (rule->name_max_bytes > 0 && size > rule->name_max_bytes) {
        return wire_msg_refuse(parser, "a name in `%s%s` is longer than %lu bytes: %.*s",
                               parser->scope, name, (unsigned long)rule->name_max_bytes,
                               shown_size(text), text);
    }
    if (!rule->takes_equals && memchr(text, '=', size)) {
        return wire_msg_refuse(parser, "a name in `%s%s` must not hold `=`: %.*s", parser->scope,
                               name, shown_size(text), text);
    }
    *out_name = text;
    return 0;
}

static int push_pair(struct wire_msg_parser *parser, const char *name,
                     const struct wire_json_token *key, const struct wire_msg_pairs_rule *rule)
{
    char element[ELEMENT_NAME_BYTES + SHOWN_NAME_BYTES];
    struct wire_msg_pair pair;
    struct wire_json_token token;
    int error = read_pair_name(parser, name, key, rule, &pair.name);
    if (error) {
        return error;
    }
    if (wire_json_reader_next(&parser->reader, &token) < 0) {
        return wire_msg_refuse_json(parser);
    }
    (void)snprintf(element, sizeof element, "%s.%.*s", name, shown_size(pair.name), pair.name);
    error = wire_msg_read_text(parser, element, &token, &pair.value);
    if (error) {
        return error;
    }
    if (rule->value_max_bytes > 0 && strlen(pair.value) > rule->value_max_bytes) {
        return wire_msg_refuse(parser, "`%s%s` is longer than %lu bytes", parser->scope, element,
                               (unsigned long)rule->value_max_bytes);
    }
    struct wire_msg_pair *slot = wire_msg_arena_push(&parser->arena, sizeof *slot);
    if (!slot) {
        return wire_msg_refuse_capacity(parser);
    }
    *slot = pair;
    return 0;
}

static void reverse_pairs(struct wire_msg_pair *items, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        struct wire_msg_pair item = items[i];
        items[i] = items[count - 1 - i];
        items[count - 1 - i] = item;
    }
}

int wire_msg_read_ruled_pairs(struct wire_msg_parser *parser, const char *name,
                              const struct wire_json_token *token,
                              const struct wire_msg_pairs_rule *rule, struct wire_msg_pairs *out)
{
    struct wire_json_token key;
    size_t count = 0;
    if (token->event != WIRE_JSON_OBJECT_BEGIN) {
        return wire_msg_refuse_type(parser, name, "an object of strings");
    }
    int event = wire_json_reader_next(&parser->reader, &key);
    for (; event == WIRE_JSON_KEY; count++) {
        if (rule->count_max > 0 && count == rule->count_max) {
            return wire_msg_refuse(parser, "`%s%s` has more than %lu members", parser->scope, name,
                                   (unsigned long)rule->count_max);
        }
        int error = push_pair(parser, name, &key, rule);
        if (error) {
            return error;
        }
        event = wire_json_reader_next(&parser->reader, &key);
    }
    if (event < 0) {
        return wire_msg_refuse_json(parser);
    }
    struct wire_msg_pair *items = wire_msg_arena_push(&parser->arena, 0);
    reverse_pairs(items, count);
    out->items = items;
    out->count = count;
    return 0;
}

int wire_msg_read_pairs(struct wire_msg_parser *parser, const char *name,
                        const struct wire_json_token *token, void *target)
{
    static const struct wire_msg_pairs_rule variables = {0};
    return wire_msg_read_ruled_pairs(parser, name, token, &variables, target);
}

/* "`all`, `core` or `none`" */
static void list_words(const char *const *words, size_t count, char *out, size_t capacity)
{
    size_t size = 0;
    out[0] = 0;
    for (size_t i = 0; i < count && size < capacity; i++) {
        const char *before = i == 0 ? "" : i + 1 == count ? " or " : ", ";
        int written = snprintf(out + size, capacity - size, "%s`%s`", before, words[i]);
        assert(written > 0);
        size += (size_t)written;
    }
}

int wire_msg_read_word(struct wire_msg_parser *parser, const char *name,
                       const struct wire_json_token *token, const char *const *words, size_t count,
                       size_t *out_index)
{
    char list[128];
    if (token->event != WIRE_JSON_STRING) {
        return wire_msg_refuse_type(parser, name, "a string");
    }
    for (size_t i = 0; i < count; i++) {
        if (wire_json_token_is(token, words[i])) {
            *out_index = i;
            return 0;
        }
    }
    list_words(words, count, list, sizeof list);
    return wire_msg_refuse(parser, "unknown value for `%s%s`: expected %s", parser->scope, name,
                           list);
}
