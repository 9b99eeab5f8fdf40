/*
 * Labels: their limits at the border and beyond it, copies that outlive the message, and which
 * process has what is asked for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/wire/support_msg.h"
#include "wire/msg_labels.h"
#include "wire/msg_list.h"

/* What process/list takes: labels and nothing else. */
static int parse_list(struct wire_msg_parser *parser, struct wire_span params)
{
    struct wire_msg_process_list out;
    return wire_msg_process_list_parse(parser, params, &out);
}

static size_t fill(char *out, char c, size_t size)
{
    memset(out, c, size);
    return size;
}

/* count labels with names and values of the sizes given. The caller frees them. */
static char *make_params(size_t count, size_t name_size, size_t value_size)
{
    char *params = malloc(64 + count * (name_size + value_size + 16));
    assert_non_null(params);
    size_t size = (size_t)sprintf(params, "{\"labels\":{");
    for (size_t i = 0; i < count; i++) {
        size += (size_t)sprintf(params + size, "%s\"", i > 0 ? "," : "");
        size_t start = size;
        size += fill(params + size, 'n', name_size);
        if (name_size >= 2) {
            params[start] = (char)('A' + i / 10);
            params[start + 1] = (char)('0' + i % 10);
        }
        size += (size_t)sprintf(params + size, "\":\"");
        size += fill(params + size, 'v', value_size);
        params[size++] = '"';
    }
    memcpy(params + size, "}}", 3);
    return params;
}

static void check_sizes(size_t count, size_t name_size, size_t value_size, const char *problem)
{
    char *params = make_params(count, name_size, value_size);
    struct support_msg msg;
    struct wire_msg_process_list out;
    support_msg_start(&msg, params, strlen(params));
    int error = wire_msg_process_list_parse(&msg.parser, msg.span, &out);
    if (problem) {
        assert_int_equal(error, WIRE_MSG_ERR_PARAMS);
        assert_int_equal(strncmp(msg.parser.problem.text, problem, strlen(problem)), 0);
    } else {
        assert_int_equal(error, 0);
        assert_int_equal(out.labels.count, count);
    }
    support_msg_stop(&msg);
    free(params);
}

static void test_msg_labels_limits(void **state)
{
    (void)state;
    check_sizes(WIRE_MSG_LABELS_MAX, WIRE_MSG_LABEL_NAME_MAX, WIRE_MSG_LABEL_VALUE_MAX, NULL);
    check_sizes(WIRE_MSG_LABELS_MAX + 1, 2, 0, "`labels` has more than 32 members");
    check_sizes(1, 1, 0, NULL);
    check_sizes(1, 0, 0, "a name in `labels` must not be empty");
    check_sizes(1, WIRE_MSG_LABEL_NAME_MAX + 1, 0,
                "a name in `labels` is longer than 64 bytes: A0nnn");
    check_sizes(1, 2, WIRE_MSG_LABEL_VALUE_MAX + 1, "`labels.A0` is longer than 256 bytes");
}

static const struct support_refusal refusals[] = {
    {parse_list, "{\"labels\":{\"a\":null}}", "invalid type for `labels.a`: expected a string"},
    {parse_list, "{\"labels\":{\"a\":\"\\u0000\"}}", "`labels.a` must not hold U+0000"},
    {parse_list, "{\"labels\":{\"\\u0000\":\"\"}}", "a name in `labels` must not hold U+0000"},
    {parse_list, "{\"labels\":{\"a\":\"\",\"\\u0061\":\"\"}}", "malformed params: "},
    {parse_list, "[]", "params must be an object"},
};

static void test_msg_labels_refusals(void **state)
{
    (void)state;
    support_msg_refusals(refusals, sizeof refusals / sizeof refusals[0]);
}

static void test_msg_labels_none(void **state)
{
    static const char *const texts[] = {NULL, "{}", "{\"labels\":null}", "{\"labels\":{}}"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct support_msg msg;
        struct wire_msg_process_list out;
        support_msg_start(&msg, texts[i], texts[i] ? strlen(texts[i]) : 0);
        assert_int_equal(wire_msg_process_list_parse(&msg.parser, msg.span, &out), 0);
        assert_int_equal(out.labels.count, 0);
        support_msg_stop(&msg);
    }
}

/* What is read and written again is the same. */
static void test_msg_labels_written(void **state)
{
    static const char params[] =
        "{\"labels\":{\"job\":\"7\",\"empty\":\"\",\"\\u00e9\":\"\\\"=\"}}";
    static const char *const expected[] = {"job", "7", "empty", "", "\xc3\xa9", "\"=", NULL};
    struct support_msg msg;
    struct wire_msg_process_list out;
    struct support_writer text;
    (void)state;
    support_msg_start(&msg, params, sizeof params - 1);
    assert_int_equal(wire_msg_process_list_parse(&msg.parser, msg.span, &out), 0);
    support_msg_pairs(&out.labels, expected);
    wire_msg_labels_write(support_writer_start(&text), &out.labels);
    support_msg_stop(&msg);
    json_t *root = json_loads(support_writer_text(&text), 0, NULL);
    assert_int_equal(json_object_size(root), 3);
    assert_string_equal(json_string_value(json_object_get(root, "\xc3\xa9")), "\"=");
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_msg_labels_limits),
        cmocka_unit_test(test_msg_labels_refusals),
        cmocka_unit_test(test_msg_labels_none),
        cmocka_unit_test(test_msg_labels_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
