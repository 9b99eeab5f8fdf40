/*
 * Reads documents for the JSON tests, and dumps them as events in the form of the case folders'
 * expected files. Runs on the test's thread and fails the test itself.
 */
#include "tests/wire/support_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

void support_json_start(struct support_json *json, struct wire_span document,
                        const struct wire_json_limits *limits)
{
    memset(json->memory, 0xA5, sizeof json->memory);
    wire_json_scratch_init(&json->scratch, json->memory, sizeof json->memory, 0x5EED);
    wire_json_reader_init(&json->reader, document, &json->scratch, limits);
}

int support_json_check(struct support_json *json, struct wire_span document,
                       const struct wire_json_limits *limits)
{
    support_json_start(json, document, limits);
    struct wire_json_token token;
    int event;
    do {
        event = wire_json_reader_next(&json->reader, &token);
    } while (event > WIRE_JSON_END);
    return event < 0 ? event : 0;
}

static const char *event_name(int event)
{
    static const char *const names[] = {
        [WIRE_JSON_END] = "end",        [WIRE_JSON_OBJECT_BEGIN] = "{",
        [WIRE_JSON_OBJECT_END] = "}",   [WIRE_JSON_ARRAY_BEGIN] = "[",
        [WIRE_JSON_ARRAY_END] = "]",    [WIRE_JSON_KEY] = "key ",
        [WIRE_JSON_STRING] = "string ", [WIRE_JSON_NUMBER] = "number ",
        [WIRE_JSON_TRUE] = "true",      [WIRE_JSON_FALSE] = "false",
        [WIRE_JSON_NULL] = "null",
    };
    return names[event];
}

/* Text that grows towards a capacity that is known to be enough. */
struct dump {
    char *text;
    size_t size;
    size_t capacity;
};

static void add(struct dump *dump, const char *text)
{
    size_t size = strlen(text);
    assert_true(size < dump->capacity - dump->size);
    memcpy(dump->text + dump->size, text, size);
    dump->size += size;
}

/* Adds bytes, what is not printable ASCII (and the backslash) as \xNN. */
static void add_bytes(struct dump *dump, struct wire_span bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        uint8_t c = bytes.data[i];
        char text[8] = {(char)c, 0};
        if (c < 0x20 || c > 0x7E || c == '\\') {
            snprintf(text, sizeof text, "\\x%02x", c);
        }
        add(dump, text);
    }
}

static void add_string(struct dump *dump, const struct wire_json_token *token)
{
    uint8_t *buffer = malloc(token->text.size + 1);
    struct wire_span text;
    assert_non_null(buffer);
    assert_int_equal(wire_json_token_string(token, buffer, token->text.size, &text), 0);
    bool has_nul = text.size > 0 && memchr(text.data, 0, text.size) != NULL;
    assert_int_equal(token->has_nul, has_nul);
    add_bytes(dump, text);
    free(buffer);
}

static void add_token(struct dump *dump, const struct wire_json_token *token)
{
    add(dump, event_name(token->event));
    if (token->event == WIRE_JSON_NUMBER) {
        add_bytes(dump, token->text);
    }
    if (token->event == WIRE_JSON_KEY || token->event == WIRE_JSON_STRING) {
        add_string(dump, token);
    }
    add(dump, "\n");
}

char *support_json_dump(struct wire_span document)
{
    struct support_json *json = malloc(sizeof *json);
    struct dump dump = {.capacity = document.size * 16 + 256};
    dump.text = calloc(1, dump.capacity);
    assert_non_null(json);
    assert_non_null(dump.text);
    support_json_start(json, document, NULL);
    struct wire_json_token token;
    int event;
    while ((event = wire_json_reader_next(&json->reader, &token)) > WIRE_JSON_END) {
        add_token(&dump, &token);
    }
    if (event < 0) {
        char text[100];
        snprintf(text, sizeof text, "%zu %s\n", wire_json_reader_offset(&json->reader),
                 wire_json_error_text(event));
        add(&dump, text);
    }
    free(json);
    return dump.text;
}
