/*
 * The case folders of the JSON reader: each json/valid/NAME.json gives exactly the events of
 * NAME.events; each json/invalid/NAME.json fails at the offset and for the reason of NAME.error.
 * Every proper beginning of a valid document is either valid itself or cut off, never anything
 * else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/wire/support_file.h"
#include "tests/wire/support_json.h"

#define FOLDER SOURCE_DIR "/tests/wire/json/"

/* Reads stem + ending. */
static uint8_t *read_part(const char *stem, const char *ending, size_t *out_size)
{
    char path[600];
    snprintf(path, sizeof path, "%s%s", stem, ending);
    return support_file_read(path, out_size);
}

static void check_valid(const char *stem)
{
    size_t size;
    size_t expected_size;
    uint8_t *document = read_part(stem, ".json", &size);
    char *expected = (char *)read_part(stem, ".events", &expected_size);
    char *events = support_json_dump(wire_span_of(document, size));
    if (strcmp(events, expected) != 0) {
        fail_msg("%s gives\n%snot\n%s", stem, events, expected);
    }
    free(events);
    free(expected);
    free(document);
}

/* The last line of a dump. */
static const char *last_line(const char *text)
{
    size_t at = strlen(text);
    assert_true(at > 0 && text[at - 1] == '\n');
    for (at--; at > 0 && text[at - 1] != '\n'; at--) {
    }
    return text + at;
}

static void check_invalid(const char *stem)
{
    size_t size;
    size_t expected_size;
    uint8_t *document = read_part(stem, ".json", &size);
    char *expected = (char *)read_part(stem, ".error", &expected_size);
    char *events = support_json_dump(wire_span_of(document, size));
    if (strcmp(last_line(events), expected) != 0) {
        fail_msg("%s gives\n%snot\n%s", stem, events, expected);
    }
    free(events);
    free(expected);
    free(document);
}

/* A copy that ends where its memory ends, so that a sanitizer sees a read behind it. */
static int check_exact(struct support_json *json, const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, data, size);
    int error = support_json_check(json, wire_span_of(copy, size), NULL);
    free(copy);
    return error;
}

static void check_beginnings(const char *stem)
{
    struct support_json *json = malloc(sizeof *json);
    size_t size;
    uint8_t *document = read_part(stem, ".json", &size);
    assert_non_null(json);
    for (size_t cut = 0; cut < size; cut++) {
        int error = check_exact(json, document, cut);
        if (error != 0 && error != WIRE_JSON_ERR_TRUNCATED) {
            fail_msg("%s cut at %lu: %s", stem, (unsigned long)cut, wire_json_error_text(error));
        }
        if (error != 0) {
            assert_int_equal(wire_json_reader_offset(&json->reader), cut);
        }
    }
    assert_int_equal(check_exact(json, document, size), 0);
    free(document);
    free(json);
}

static void test_json_cases_valid(void **state)
{
    (void)state;
    assert_true(support_file_cases(FOLDER "valid", ".json", check_valid) >= 70);
}

static void test_json_cases_invalid(void **state)
{
    (void)state;
    assert_true(support_file_cases(FOLDER "invalid", ".json", check_invalid) >= 190);
}

static void test_json_cases_beginnings_are_cut_off(void **state)
{
    (void)state;
    assert_true(support_file_cases(FOLDER "valid", ".json", check_beginnings) >= 70);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_cases_valid),
        cmocka_unit_test(test_json_cases_invalid),
        cmocka_unit_test(test_json_cases_beginnings_are_cut_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
