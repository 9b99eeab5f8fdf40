/*
 * The JSON reader beyond the case folders: every limit at and beyond its value, duplicates in
 * bounded scratch, skip and raw, answers that stay, spans into the input.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/wire/support_json.h"

static int check(const char *document, const struct wire_json_limits *limits, size_t *out_offset)
{
    struct support_json json;
    int error = support_json_check(&json, wire_span_text(document), limits);
    if (out_offset) {
        *out_offset = wire_json_reader_offset(&json.reader);
    }
    return error;
}

/* Reads a token that must be of the event given. */
static struct wire_json_token expect(struct support_json *json, enum wire_json_event event)
{
    struct wire_json_token token = {0};
    assert_int_equal(wire_json_reader_next(&json->reader, &token), event);
    assert_int_equal(token.event, event);
    return token;
}

static void expect_text(struct wire_span text, const char *expected)
{
    assert_int_equal(text.size, strlen(expected));
    assert_memory_equal(text.data, expected, text.size);
}

static void test_json_reader_limit_total(void **state)
{
    (void)state;
    size_t offset;
    struct wire_json_limits limits = {.total_bytes = 5};
    assert_int_equal(check("[1,2]", &limits, NULL), 0);
    assert_int_equal(check("[1,2] ", &limits, &offset), WIRE_JSON_ERR_TOTAL);
    assert_int_equal(offset, 5);
}

static void test_json_reader_limit_string(void **state)
{
    (void)state;
    size_t offset;
    struct wire_json_limits limits = {.string_bytes = 6};
    assert_int_equal(check("[\"abcdef\"]", &limits, NULL), 0);
    assert_int_equal(check("[\"\\u0041\"]", &limits, NULL), 0);
    assert_int_equal(check("[\"abcdefg\"]", &limits, &offset), WIRE_JSON_ERR_STRING);
    assert_int_equal(offset, 1);
    assert_int_equal(check("{\"abcdefg\":1}", &limits, &offset), WIRE_JSON_ERR_STRING);
    assert_int_equal(offset, 1);
}

static void test_json_reader_limit_depth(void **state)
{
    (void)state;
    size_t offset;
    struct wire_json_limits limits = {.depth = 2};
    assert_int_equal(check("[{},[]]", &limits, NULL), 0);
    assert_int_equal(check("[[],[[]]]", &limits, &offset), WIRE_JSON_ERR_DEPTH);
    assert_int_equal(offset, 5);
    assert_int_equal(check("{\"a\":{\"b\":{}}}", &limits, &offset), WIRE_JSON_ERR_DEPTH);
    assert_int_equal(offset, 10);
}

static void test_json_reader_limit_members(void **state)
{
    (void)state;
    size_t offset;
    struct wire_json_limits limits = {.members = 3};
    assert_int_equal(check("{\"a\":1,\"b\":2,\"c\":3}", &limits, NULL), 0);
    assert_int_equal(check("{\"a\":1,\"b\":2,\"c\":3,\"d\":4}", &limits, &offset),
                     WIRE_JSON_ERR_MEMBERS);
    assert_int_equal(offset, 19);
    /* What ended does not count; what is open around does. */
    assert_int_equal(check("{\"a\":{\"a\":1,\"b\":2},\"b\":{\"a\":1}}", &limits, NULL), 0);
    assert_int_equal(check("{\"a\":{\"a\":{\"a\":{\"a\":1}}}}", &limits, NULL),
                     WIRE_JSON_ERR_MEMBERS);
}

/* Writes an object of count members with distinct names, the last one named name if not NULL. */
static size_t write_object(char *out, size_t count, const char *name)
{
    size_t size = 0;
    out[size++] = '{';
    for (size_t i = 0; i < count; i++) {
        if (name && i + 1 == count) {
            size += (size_t)sprintf(out + size, "\"%s\":0,", name);
        } else {
            size += (size_t)sprintf(out + size, "\"n%zu\":0,", i);
        }
    }
    out[size - 1] = '}';
    return size;
}

static void test_json_reader_default_members_fit_the_default_scratch(void **state)
{
    (void)state;
    struct support_json *json = malloc(sizeof *json);
    char *document = malloc(16 * (WIRE_JSON_MEMBERS_DEFAULT + 1));
    assert_non_null(json);
    assert_non_null(document);
    size_t size = write_object(document, WIRE_JSON_MEMBERS_DEFAULT, NULL);
    assert_int_equal(support_json_check(json, wire_span_of(document, size), NULL), 0);
    size = write_object(document, WIRE_JSON_MEMBERS_DEFAULT + 1, NULL);
    assert_int_equal(support_json_check(json, wire_span_of(document, size), NULL),
                     WIRE_JSON_ERR_MEMBERS);
    size = write_object(document, WIRE_JSON_MEMBERS_DEFAULT, "n7");
    assert_int_equal(support_json_check(json, wire_span_of(document, size), NULL),
                     WIRE_JSON_ERR_DUPLICATE);
    free(document);
    free(json);
}

/* A scratch for exactly capacity members, in memory that ends where it ends. */
static int check_with_scratch(size_t capacity, size_t members, const char *last_name)
{
    char document[1024];
    struct wire_json_scratch scratch;
    struct wire_json_reader reader;
    struct wire_json_token token;
    struct wire_json_limits limits = {.members = WIRE_JSON_MEMBERS_MAX};
    void *memory = malloc(WIRE_JSON_SCRATCH_BYTES(capacity));
    assert_non_null(memory);
    memset(memory, 0xFF, WIRE_JSON_SCRATCH_BYTES(capacity));
    wire_json_scratch_init(&scratch, memory, WIRE_JSON_SCRATCH_BYTES(capacity), 1);
    size_t size = write_object(document, members, last_name);
    wire_json_reader_init(&reader, wire_span_of(document, size), &scratch, &limits);
    int event;
    do {
        event = wire_json_reader_next(&reader, &token);
    } while (event > WIRE_JSON_END);
    free(memory);
    return event;
}

static void test_json_reader_small_scratches(void **state)
{
    (void)state;
    for (size_t capacity = 1; capacity <= 40; capacity++) {
        assert_int_equal(check_with_scratch(capacity, capacity, NULL), WIRE_JSON_END);
        assert_int_equal(check_with_scratch(capacity, capacity + 1, NULL), WIRE_JSON_ERR_MEMBERS);
        assert_int_equal(check_with_scratch(capacity, capacity + 1, "n0"), WIRE_JSON_ERR_DUPLICATE);
    }
}

/* The same scratch serves document after document, one that was left in the middle included. */
static void test_json_reader_scratch_is_reused(void **state)
{
    (void)state;
    struct support_json json;
    struct wire_json_token token;
    support_json_start(&json, wire_span_text("{\"a\":{\"b\":{\"c\":1,\"d\":2}}}"), NULL);
    for (int i = 0; i < 8; i++) {
        assert_true(wire_json_reader_next(&json.reader, &token) > 0);
    }
    wire_json_reader_init(&json.reader, wire_span_text("{\"a\":1,\"b\":2,\"c\":3,\"d\":{\"a\":4}}"),
                          &json.scratch, NULL);
    int event;
    do {
        event = wire_json_reader_next(&json.reader, &token);
    } while (event > WIRE_JSON_END);
    assert_int_equal(event, WIRE_JSON_END);
}

/* Every seed finds the same duplicates: here all pairs of short names, plain and escaped. */
static void test_json_reader_duplicates_for_many_seeds(void **state)
{
    (void)state;
    static const char *const names[] = {"",
                                        "a",
                                        "b",
                                        "ab",
                                        "\\u0061",
                                        "\\u0061b",
                                        "abcdefgh",
                                        "abcdefghi",
                                        "abcdefg\\n",
                                        "\\u00e9",
                                        "\xC3\xA9",
                                        "a\\u0000",
                                        "abcdefg\\u0068",
                                        "\\\"",
                                        "\\u0022",
                                        "0123456789abcdef"};
    static const int same[] = {0, 1, 2, 3, 1, 3, 6, 7, 8, 9, 9, 11, 6, 13, 13, 15};
    size_t count = sizeof names / sizeof names[0];
    for (uint64_t seed = 0; seed < 20; seed++) {
        for (size_t i = 0; i < count * count; i++) {
            char document[128];
            struct support_json json;
            struct wire_json_token token;
            snprintf(document, sizeof document, "{\"%s\":1,\"%s\":2}", names[i / count],
                     names[i % count]);
            support_json_start(&json, wire_span_text(document), NULL);
            json.scratch.seed = seed * UINT64_C(0x123456789ABCDEF);
            int event;
            do {
                event = wire_json_reader_next(&json.reader, &token);
            } while (event > WIRE_JSON_END);
            bool is_same = same[i / count] == same[i % count];
            assert_int_equal(event, is_same ? WIRE_JSON_ERR_DUPLICATE : WIRE_JSON_END);
        }
    }
}

/* How write_members spells names: a letter, plain or escaped, between a prefix and a suffix. */
struct spelling {
    const char *prefix;
    const char *suffix;
    bool first_escaped; /* all members but the last */
    bool last_escaped;
    const char *value;
};

/* An object of count members named by letters, the last one named as the twin-th. */
static size_t write_members(char *out, size_t count, size_t twin, const struct spelling *spelling)
{
    size_t size = 0;
    out[size++] = '{';
    for (size_t i = 0; i < count; i++) {
        bool is_last = i + 1 == count;
        bool is_escaped = is_last ? spelling->last_escaped : spelling->first_escaped;
        int letter = (int)('A' + (is_last ? twin : i));
        size += (size_t)sprintf(out + size, "\"%s", spelling->prefix);
        size += (size_t)(is_escaped ? sprintf(out + size, "\\u00%x", (unsigned)letter)
                                    : sprintf(out + size, "%c", letter));
        size += (size_t)sprintf(out + size, "%s\":%s,", spelling->suffix, spelling->value);
    }
    out[size - 1] = '}';
    return size;
}

static int check_members(size_t count, size_t twin, const struct spelling *spelling)
{
    char document[32768];
    struct support_json json;
    size_t size = write_members(document, count, twin, spelling);
    return support_json_check(&json, wire_span_of(document, size), NULL);
}

#define LONG_NAME "0123456789012345678901234567890123456789"

/* Objects around the size and the spelling where names move into the hash index. */
static void test_json_reader_duplicates_at_every_place(void **state)
{
    (void)state;
    static const char nested[] = "{\"A\":{\"A\":1,\"B\":2,\"C\":3,\"D\":4,\"E\":5,\"F\":6,"
                                 "\"G\":7,\"H\":8,\"I\":9,\"J\":10},\"\\u0041A\":[{\"A\":0}]}";
    static const struct spelling spellings[] = {
        {"", "", false, false, "0"},       {"", "", false, true, "0"},
        {"", "", true, false, "0"},        {LONG_NAME, "", false, false, "0"},
        {"", LONG_NAME, false, true, "0"}, {"", "", false, false, nested},
        {"", "", false, true, nested},     {LONG_NAME, "", false, false, nested},
    };
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
        for (size_t count = 1; count <= 20; count++) {
            for (size_t twin = 0; twin < count; twin++) {
                int expected = twin + 1 == count ? 0 : WIRE_JSON_ERR_DUPLICATE;
                assert_int_equal(check_members(count, twin, &spellings[i]), expected);
            }
        }
    }
}

static void test_json_reader_tokens_are_spans_of_the_input(void **state)
{
    (void)state;
    const char *document = "{\"key\" : [ \"text\" , -12.5e3,true,false,null ] }";
    struct support_json json;
    support_json_start(&json, wire_span_text(document), NULL);
    expect_text(expect(&json, WIRE_JSON_OBJECT_BEGIN).text, "{");
    struct wire_json_token key = expect(&json, WIRE_JSON_KEY);
    expect_text(key.text, "key");
    assert_ptr_equal(key.text.data, document + 2);
    expect_text(expect(&json, WIRE_JSON_ARRAY_BEGIN).text, "[");
    struct wire_json_token text = expect(&json, WIRE_JSON_STRING);
    expect_text(text.text, "text");
    assert_ptr_equal(text.text.data, document + 12);
    assert_false(text.has_escapes);
    expect_text(expect(&json, WIRE_JSON_NUMBER).text, "-12.5e3");
    expect_text(expect(&json, WIRE_JSON_TRUE).text, "true");
    expect_text(expect(&json, WIRE_JSON_FALSE).text, "false");
    expect_text(expect(&json, WIRE_JSON_NULL).text, "null");
    expect_text(expect(&json, WIRE_JSON_ARRAY_END).text, "]");
    expect_text(expect(&json, WIRE_JSON_OBJECT_END).text, "}");
    expect_text(expect(&json, WIRE_JSON_END).text, "");
}

static void test_json_reader_answers_stay(void **state)
{
    (void)state;
    struct support_json json;
    struct wire_json_token token = {.event = 99};
    assert_int_equal(support_json_check(&json, wire_span_text(" 1 "), NULL), 0);
    assert_int_equal(wire_json_reader_next(&json.reader, &token), WIRE_JSON_END);
    assert_int_equal(wire_json_reader_error(&json.reader), WIRE_JSON_OK);
    assert_int_equal(support_json_check(&json, wire_span_text("[1,]"), NULL), WIRE_JSON_ERR_VALUE);
    token.event = 99;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(wire_json_reader_next(&json.reader, &token), WIRE_JSON_ERR_VALUE);
        assert_int_equal(wire_json_reader_error(&json.reader), WIRE_JSON_ERR_VALUE);
        assert_int_equal(wire_json_reader_offset(&json.reader), 3);
    }
    assert_int_equal(token.event, 99);
}

static void test_json_reader_empty_span_without_memory(void **state)
{
    (void)state;
    struct support_json json;
    assert_int_equal(support_json_check(&json, wire_span_of(NULL, 0), NULL),
                     WIRE_JSON_ERR_TRUNCATED);
}

/* Skips or takes raw the value of the first member, whose bytes are expected. */
static void check_raw(const char *value)
{
    char document[256];
    snprintf(document, sizeof document, "{\"a\" :  %s , \"b\":1}", value);
    struct support_json json;
    struct wire_span raw;
    for (int skips = 0; skips < 2; skips++) {
        support_json_start(&json, wire_span_text(document), NULL);
        expect(&json, WIRE_JSON_OBJECT_BEGIN);
        struct wire_json_token key = expect(&json, WIRE_JSON_KEY);
        if (skips) {
            assert_int_equal(wire_json_reader_skip(&json.reader, &key), 0);
        } else {
            assert_int_equal(wire_json_reader_raw(&json.reader, &key, &raw), 0);
            expect_text(raw, value);
        }
        key = expect(&json, WIRE_JSON_KEY);
        assert_true(wire_json_token_is(&key, "b"));
        expect(&json, WIRE_JSON_NUMBER);
        expect(&json, WIRE_JSON_OBJECT_END);
        expect(&json, WIRE_JSON_END);
    }
}

static void test_json_reader_raw_and_skip_behind_a_key(void **state)
{
    (void)state;
    check_raw("1");
    check_raw("-9223372036854775808");
    check_raw("1.50e+07");
    check_raw("\"\"");
    check_raw("\"x\\u0041\\\"\"");
    check_raw("true");
    check_raw("null");
    check_raw("[]");
    check_raw("{ }");
    check_raw("[1, {\"a\": [ ] } , \"]\" ]");
    check_raw("{\"b\":{\"b\":{\"b\":[[[]]]}},\"a\":\"}\"}");
}

static void test_json_reader_raw_of_a_begun_value(void **state)
{
    (void)state;
    struct support_json json;
    struct wire_span raw;
    support_json_start(&json, wire_span_text(" [ [1 , 2] , \"s\", 3 ,{\"a\":[]} ] "), NULL);
    expect(&json, WIRE_JSON_ARRAY_BEGIN);
    struct wire_json_token token = expect(&json, WIRE_JSON_ARRAY_BEGIN);
    assert_int_equal(wire_json_reader_raw(&json.reader, &token, &raw), 0);
    expect_text(raw, "[1 , 2]");
    token = expect(&json, WIRE_JSON_STRING);
    assert_int_equal(wire_json_reader_raw(&json.reader, &token, &raw), 0);
    expect_text(raw, "\"s\"");
    token = expect(&json, WIRE_JSON_NUMBER);
    assert_int_equal(wire_json_reader_raw(&json.reader, &token, &raw), 0);
    expect_text(raw, "3");
    token = expect(&json, WIRE_JSON_OBJECT_BEGIN);
    assert_int_equal(wire_json_reader_skip(&json.reader, &token), 0);
    token = expect(&json, WIRE_JSON_ARRAY_END);
    assert_int_equal(wire_json_reader_skip(&json.reader, &token), 0);
    expect(&json, WIRE_JSON_END);
}

/* The whole document at once is skipped as strictly as it is read. */
static void test_json_reader_skip_is_strict(void **state)
{
    (void)state;
    static const struct {
        const char *document;
        int error;
    } cases[] = {
        {"{\"a\":[1,{\"b\":1,\"b\":2}]}", WIRE_JSON_ERR_DUPLICATE},
        {"{\"a\":[1,{\"b\":01}]}", WIRE_JSON_ERR_NUMBER},
        {"{\"a\":[\"\xFF\"]}", WIRE_JSON_ERR_UTF8},
        {"{\"a\":[\"\\ud800\"]}", WIRE_JSON_ERR_SURROGATE},
        {"{\"a\":[1}", WIRE_JSON_ERR_COMMA},
        {"{\"a\":[1", WIRE_JSON_ERR_TRUNCATED},
        {"{\"a\":", WIRE_JSON_ERR_TRUNCATED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct support_json json;
        support_json_start(&json, wire_span_text(cases[i].document), NULL);
        struct wire_json_token token = expect(&json, WIRE_JSON_OBJECT_BEGIN);
        assert_int_equal(wire_json_reader_skip(&json.reader, &token), cases[i].error);
        support_json_start(&json, wire_span_text(cases[i].document), NULL);
        expect(&json, WIRE_JSON_OBJECT_BEGIN);
        int event = wire_json_reader_next(&json.reader, &token);
        if (event == WIRE_JSON_KEY) {
            assert_int_equal(wire_json_reader_skip(&json.reader, &token), cases[i].error);
        } else {
            assert_int_equal(event, cases[i].error);
        }
    }
}

/* Many objects of many members: linear, so a test that has a time limit can have millions. */
static void test_json_reader_large_document(void **state)
{
    (void)state;
    enum { OBJECTS = 1000, MEMBERS = 1000 };
    struct support_json *json = malloc(sizeof *json);
    char *document = malloc((size_t)OBJECTS * MEMBERS * 10 + 2);
    assert_non_null(json);
    assert_non_null(document);
    size_t size = 0;
    document[size++] = '[';
    for (int i = 0; i < OBJECTS; i++) {
        size += write_object(document + size, MEMBERS, NULL);
        document[size++] = ',';
    }
    document[size - 1] = ']';
    assert_int_equal(support_json_check(json, wire_span_of(document, size), NULL), 0);
    free(document);
    free(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_reader_limit_total),
        cmocka_unit_test(test_json_reader_limit_string),
        cmocka_unit_test(test_json_reader_limit_depth),
        cmocka_unit_test(test_json_reader_limit_members),
        cmocka_unit_test(test_json_reader_default_members_fit_the_default_scratch),
        cmocka_unit_test(test_json_reader_small_scratches),
        cmocka_unit_test(test_json_reader_scratch_is_reused),
        cmocka_unit_test(test_json_reader_duplicates_for_many_seeds),
        cmocka_unit_test(test_json_reader_duplicates_at_every_place),
        cmocka_unit_test(test_json_reader_tokens_are_spans_of_the_input),
        cmocka_unit_test(test_json_reader_answers_stay),
        cmocka_unit_test(test_json_reader_empty_span_without_memory),
        cmocka_unit_test(test_json_reader_raw_and_skip_behind_a_key),
        cmocka_unit_test(test_json_reader_raw_of_a_begun_value),
        cmocka_unit_test(test_json_reader_skip_is_strict),
        cmocka_unit_test(test_json_reader_large_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
