/*
 * The JSON reader against jansson over generated documents and mutations of them: both take a
 * document or both refuse it, and what they take is the same tree.
 *
 * Left out, by jansson's own error code, is where it differs by design: numbers that no double or
 * 64-bit integer holds, U+0000 in names, and nesting, where our limit is the lower one. A raw NUL
 * byte is no JSON anywhere, but jansson 2.14 loses one that follows a literal or a number.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/wire/support_json.h"
#include "tests/wire/support_random.h"

#define ROUNDS_DEFAULT 60000
#define ROUNDS_SOAK    2000000
#define DOCUMENT_BYTES 4096

struct document {
    uint8_t data[DOCUMENT_BYTES];
    size_t size;
};

static void add(struct document *document, const char *text)
{
    size_t size = strlen(text);
    if (size <= DOCUMENT_BYTES - document->size) {
        memcpy(document->data + document->size, text, size);
        document->size += size;
    }
}

static void add_space(struct document *document, struct support_random *random)
{
    static const char *const spaces[] = {"", "", "", "", " ", "\n", "\t", "\r\n", "  "};
    add(document, spaces[support_random_below(random, 9)]);
}

static void add_string(struct document *document, struct support_random *random)
{
    static const char *const pieces[] = {"a",
                                         "b",
                                         "abc",
                                         "key",
                                         "0123456789abcdef",
                                         "\\n",
                                         "\\\"",
                                         "\\\\",
                                         "\\/",
                                         "\\u0061",
                                         "\\u00e9",
                                         "\xC3\xA9",
                                         "\\u20AC",
                                         "\xE2\x82\xAC",
                                         "\\ud83d\\ude00",
                                         "\xF0\x9F\x98\x80",
                                         "\\u0000",
                                         " ",
                                         "'",
                                         "\x7F"};
    size_t count = support_random_below(random, 5);
    add(document, "\"");
    for (size_t i = 0; i < count; i++) {
        add(document, pieces[support_random_below(random, sizeof pieces / sizeof pieces[0])]);
    }
    add(document, "\"");
}

static void add_number(struct document *document, struct support_random *random)
{
    static const char *const numbers[] = {"0",
                                          "-0",
                                          "1",
                                          "-1",
                                          "42",
                                          "3.25",
                                          "-0.5",
                                          "1e3",
                                          "1E-3",
                                          "2.5e+10",
                                          "7",
                                          "0.1",
                                          "1e-300",
                                          "1e300",
                                          "0e0",
                                          "-0.0e0",
                                          "9223372036854775807",
                                          "-9223372036854775808",
                                          "9223372036854775808",
                                          "4294967296"};
    add(document, numbers[support_random_below(random, sizeof numbers / sizeof numbers[0])]);
}

static void add_value(struct document *document, struct support_random *random, int depth);

static void add_members(struct document *document, struct support_random *random, int depth,
                        bool is_object)
{
    size_t count = support_random_below(random, is_object && depth < 2 ? 14 : 4);
    for (size_t i = 0; i < count; i++) {
        add(document, i > 0 ? "," : "");
        add_space(document, random);
        if (is_object) {
            add_string(document, random);
            add_space(document, random);
            add(document, ":");
            add_space(document, random);
        }
        add_value(document, random, depth + 1);
        add_space(document, random);
    }
}

static void add_value(struct document *document, struct support_random *random, int depth)
{
    switch (support_random_below(random, depth < 6 ? 9 : 5)) {
    case 0:
        add_number(document, random);
        break;
    case 1:
    case 2:
        add_string(document, random);
        break;
    case 3:
        add(document, support_random_below(random, 2) ? "true" : "false");
        break;
    case 4:
        add(document, "null");
        break;
    case 5:
    case 6:
        add(document, "[");
        add_members(document, random, depth, false);
        add(document, "]");
        break;
    default:
        add(document, "{");
        add_members(document, random, depth, true);
        add(document, "}");
        break;
    }
}

/* Spoils one place: a byte replaced, taken out, doubled, or a piece moved over another. */
static void mutate(struct document *document, struct support_random *random)
{
    static const char bytes[] = "{}[],:\"\\u0189aeE+-.tfn \n\x01\x80\xC3\xED\xF4\xFF";
    if (document->size < 2) {
        return;
    }
    size_t at = support_random_below(random, document->size);
    size_t rest = document->size - at;
    switch (support_random_below(random, 4)) {
    case 0:
        document->data[at] = (uint8_t)bytes[support_random_below(random, sizeof bytes)];
        break;
    case 1:
        memmove(document->data + at, document->data + at + 1, rest - 1);
        document->size--;
        break;
    case 2:
        if (document->size < DOCUMENT_BYTES) {
            memmove(document->data + at + 1, document->data + at, rest);
            document->size++;
        }
        break;
    default: {
        size_t from = support_random_below(random, document->size);
        size_t size = rest < document->size - from ? rest : document->size - from;
        memmove(document->data + at, document->data + from, size > 6 ? 6 : size);
        break;
    }
    }
}

static bool same_string(const struct wire_json_token *token, const char *text, size_t size)
{
    uint8_t buffer[DOCUMENT_BYTES];
    struct wire_span decoded;
    assert_int_equal(wire_json_token_string(token, buffer, sizeof buffer, &decoded), 0);
    return wire_span_equal(decoded, wire_span_of(text, size));
}

static bool same_number(const struct wire_json_token *token, const json_t *value)
{
    char text[DOCUMENT_BYTES + 1];
    int64_t integer;
    int error = wire_json_token_int64(token, &integer);
    if (json_is_integer(value)) {
        return error == 0 && integer == json_integer_value(value);
    }
    memcpy(text, token->text.data, token->text.size);
    text[token->text.size] = 0;
    double real = strtod(text, NULL);
    double expected = json_real_value(value);
    return error == WIRE_JSON_ERR_INTEGER && memcmp(&real, &expected, sizeof real) == 0;
}

static bool same_value(struct wire_json_reader *reader, const json_t *value);

static bool same_array(struct wire_json_reader *reader, const json_t *array)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (!same_value(reader, json_array_get(array, i))) {
            return false;
        }
    }
    struct wire_json_token token;
    return wire_json_reader_next(reader, &token) == WIRE_JSON_ARRAY_END;
}

/* Compares in the order of the document, which jansson keeps. */
static bool same_object(struct wire_json_reader *reader, json_t *object)
{
    struct wire_json_token token;
    for (void *i = json_object_iter(object); i; i = json_object_iter_next(object, i)) {
        const char *name = json_object_iter_key(i);
        if (wire_json_reader_next(reader, &token) != WIRE_JSON_KEY ||
            !same_string(&token, name, strlen(name)) || !wire_json_token_is(&token, name) ||
            !same_value(reader, json_object_iter_value(i))) {
            return false;
        }
    }
    return wire_json_reader_next(reader, &token) == WIRE_JSON_OBJECT_END;
}

static bool same_value(struct wire_json_reader *reader, const json_t *value)
{
    struct wire_json_token token;
    switch (wire_json_reader_next(reader, &token)) {
    case WIRE_JSON_OBJECT_BEGIN: {
        json_t *object = json_deep_copy(value);
        bool same = json_is_object(value) && same_object(reader, object);
        json_decref(object);
        return same;
    }
    case WIRE_JSON_ARRAY_BEGIN:
        return json_is_array(value) && same_array(reader, value);
    case WIRE_JSON_STRING:
        return json_is_string(value) &&
               same_string(&token, json_string_value(value), json_string_length(value));
    case WIRE_JSON_NUMBER:
        return json_is_number(value) && same_number(&token, value);
    case WIRE_JSON_TRUE:
        return json_is_true(value);
    case WIRE_JSON_FALSE:
        return json_is_false(value);
    case WIRE_JSON_NULL:
        return json_is_null(value);
    default:
        return false;
    }
}

/* Whether jansson refuses for a reason that is no matter of grammar. */
static bool differs_by_design(const json_error_t *error)
{
    enum json_error_code code = json_error_code(error);
    return code == json_error_numeric_overflow || code == json_error_null_byte_in_key ||
           code == json_error_stack_overflow;
}

enum outcome { BOTH_TAKE, BOTH_REFUSE, LEFT_OUT };

/* Compares one document; on a difference prints it and fails. */
static enum outcome compare(const struct document *document)
{
    struct support_json json;
    struct wire_span span = wire_span_of(document->data, document->size);
    json_error_t why;
    json_t *value = json_loadb((const char *)document->data, document->size,
                               JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
    if (!value && differs_by_design(&why)) {
        return LEFT_OUT;
    }
    int error = support_json_check(&json, span, NULL);
    if (memchr(document->data, 0, document->size)) {
        json_decref(value);
        assert_int_not_equal(error, 0);
        return BOTH_REFUSE;
    }
    bool same = value ? error == 0 : error != 0;
    if (same && value) {
        support_json_start(&json, span, NULL);
        same = same_value(&json.reader, value);
    }
    json_decref(value);
    if (!same) {
        fwrite(document->data, 1, document->size, stdout);
        fail_msg("\nours: %s; jansson: %s", wire_json_error_text(error), why.text);
    }
    return value ? BOTH_TAKE : BOTH_REFUSE;
}

static void run(bool mutates)
{
    struct support_random random = support_random_start();
    size_t outcomes[3] = {0};
    size_t rounds = getenv("EXECPORT_SOAK") ? ROUNDS_SOAK : ROUNDS_DEFAULT;
    for (size_t round = 0; round < rounds; round++) {
        struct document document;
        document.size = 0;
        add_space(&document, &random);
        add_value(&document, &random, 0);
        add_space(&document, &random);
        size_t mutations = mutates ? 1 + support_random_below(&random, 3) : 0;
        for (size_t i = 0; i < mutations; i++) {
            mutate(&document, &random);
        }
        outcomes[compare(&document)]++;
    }
    printf("taken %zu, refused %zu, left out %zu\n", outcomes[BOTH_TAKE], outcomes[BOTH_REFUSE],
           outcomes[LEFT_OUT]);
    /* The comparison must have had both kinds to compare, in numbers. */
    assert_true(outcomes[BOTH_TAKE] > rounds / 10);
    assert_true(outcomes[BOTH_REFUSE] > rounds / 50);
    assert_true(outcomes[LEFT_OUT] < rounds / 2);
}

static void test_json_differential_generated(void **state)
{
    (void)state;
    run(false);
}

static void test_json_differential_mutated(void **state)
{
    (void)state;
    run(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_differential_generated),
        cmocka_unit_test(test_json_differential_mutated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
