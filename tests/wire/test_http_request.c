/*
 * The limits of the HTTP request, its memory, and its lists: at the limit, one beyond it, and every
 * allocation failing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/wire/support_case.h"
#include "wire/http_fields.h"

/* Reads input in pieces of step bytes. */
static int read_all(struct wire_http_request *request, const struct support_bytes *input,
                    size_t step)
{
    int result = WIRE_HTTP_MORE;
    for (size_t at = 0; at < input->size && result == WIRE_HTTP_MORE; at += step) {
        size_t size = step < input->size - at ? step : input->size - at;
        size_t used;
        result = wire_http_request_push(request, wire_span_of(input->data + at, size), &used);
    }
    return result;
}

/* A request whose head has exactly size bytes. */
static struct support_bytes make_head(size_t size)
{
    struct support_bytes head = {0};
    support_bytes_format(&head, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
    while (head.size + 4 < size) {
        support_bytes_add(&head, "x", 1);
    }
    support_bytes_format(&head, "\r\n\r\n");
    assert_int_equal(head.size, size);
    return head;
}

static void check_limit(size_t limit, size_t size, size_t step, int expected)
{
    struct wire_http_options options = {.head_limit_bytes = limit};
    struct wire_http_request request;
    struct support_bytes head = make_head(size);
    wire_http_request_init(&request, &options);
    assert_int_equal(read_all(&request, &head, step), expected);
    if (expected < 0) {
        assert_int_equal(wire_http_request_offset(&request),
                         limit ? limit : WIRE_HTTP_HEAD_LIMIT_DEFAULT);
        assert_int_equal(wire_http_error_status(expected), 431);
    }
    wire_http_request_deinit(&request);
    support_bytes_free(&head);
}

static void test_http_request_head_limit(void **state)
{
    static const size_t steps[] = {1, 7, 4096, SIZE_MAX / 2};
    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        check_limit(0, WIRE_HTTP_HEAD_LIMIT_DEFAULT, steps[i], WIRE_HTTP_DONE);
        check_limit(0, WIRE_HTTP_HEAD_LIMIT_DEFAULT + 1, steps[i], WIRE_HTTP_ERR_HEAD_SIZE);
        check_limit(0, WIRE_HTTP_HEAD_LIMIT_DEFAULT + 9000, steps[i], WIRE_HTTP_ERR_HEAD_SIZE);
        check_limit(100, 100, steps[i], WIRE_HTTP_DONE);
        check_limit(100, 101, steps[i], WIRE_HTTP_ERR_HEAD_SIZE);
        check_limit(WIRE_HTTP_HEAD_LIMIT_MAX, WIRE_HTTP_HEAD_LIMIT_MAX, steps[i], WIRE_HTTP_DONE);
    }
}

static int read_text(const char *format, size_t repeat, const char *behind)
{
    struct wire_http_request request;
    struct support_bytes head = {0};
    support_bytes_format(&head, "%s", format);
    for (size_t i = 0; i < repeat; i++) {
        support_bytes_add(&head, "x", 1);
    }
    support_bytes_format(&head, "%s", behind);
    wire_http_request_init(&request, NULL);
    int result = read_all(&request, &head, head.size);
    wire_http_request_deinit(&request);
    support_bytes_free(&head);
    return result;
}

static void test_http_request_method_and_target_limits(void **state)
{
    static const char rest[] = " HTTP/1.1\r\nHost: a\r\n\r\n";
    static const char target[] = " / HTTP/1.1\r\nHost: a\r\n\r\n";
    (void)state;
    assert_int_equal(read_text("", WIRE_HTTP_METHOD_LIMIT, target), WIRE_HTTP_DONE);
    assert_int_equal(read_text("", WIRE_HTTP_METHOD_LIMIT + 1, target), WIRE_HTTP_ERR_METHOD_SIZE);
    assert_int_equal(read_text("GET /", WIRE_HTTP_TARGET_LIMIT - 1, rest), WIRE_HTTP_DONE);
    assert_int_equal(read_text("GET /", WIRE_HTTP_TARGET_LIMIT, rest), WIRE_HTTP_ERR_TARGET_SIZE);
    assert_int_equal(wire_http_error_status(WIRE_HTTP_ERR_TARGET_SIZE), 414);
}

static void test_http_request_field_limit(void **state)
{
    (void)state;
    for (size_t count = WIRE_HTTP_FIELDS_MAX - 1; count <= WIRE_HTTP_FIELDS_MAX + 1; count++) {
        struct wire_http_request request;
        struct support_bytes head = {0};
        support_bytes_format(&head, "GET / HTTP/1.1\r\nHost: a\r\n");
        for (size_t i = 1; i < count; i++) {
            support_bytes_format(&head, "X-%zu: %zu\r\n", i, i);
        }
        support_bytes_format(&head, "\r\n");
        wire_http_request_init(&request, NULL);
        assert_int_equal(read_all(&request, &head, 100),
                         count > WIRE_HTTP_FIELDS_MAX ? WIRE_HTTP_ERR_FIELD_COUNT : WIRE_HTTP_DONE);
        wire_http_request_deinit(&request);
        support_bytes_free(&head);
    }
}

static void test_http_request_keeps_nothing_of_one_piece(void **state)
{
    struct support_heap heap = {0};
    struct wire_alloc alloc = {support_heap_resize, &heap};
    struct wire_http_options options = {.alloc = &alloc};
    struct wire_http_request request;
    struct support_bytes head = make_head(2000);
    size_t used;
    (void)state;
    wire_http_request_init(&request, &options);
    assert_int_equal(wire_http_request_push(&request, wire_span_of(head.data, head.size), &used),
                     WIRE_HTTP_DONE);
    assert_int_equal(used, head.size);
    assert_int_equal(heap.calls, 0);
    assert_ptr_equal(wire_http_request_method(&request).data, head.data);
    /* Once done it takes no more. */
    assert_int_equal(wire_http_request_push(&request, wire_span_of(head.data, head.size), &used),
                     WIRE_HTTP_DONE);
    assert_int_equal(used, 0);
    wire_http_request_deinit(&request);
    wire_http_request_deinit(&request);
    support_bytes_free(&head);
}

/* Memory grows with what came and stays within the limit. */
static void test_http_request_memory_is_bounded(void **state)
{
    struct support_heap heap = {0};
    struct wire_alloc alloc = {support_heap_resize, &heap};
    struct wire_http_options options = {.alloc = &alloc, .head_limit_bytes = 10000};
    struct wire_http_request request;
    struct support_bytes head = make_head(20000);
    (void)state;
    wire_http_request_init(&request, &options);
    assert_int_equal(read_all(&request, &head, 1), WIRE_HTTP_ERR_HEAD_SIZE);
    assert_true(heap.max_bytes <= 10000);
    assert_true(heap.calls < 10);
    wire_http_request_deinit(&request);
    assert_int_equal(heap.live, 0);
    support_bytes_free(&head);
}

static void test_http_request_each_allocation_fails(void **state)
{
    (void)state;
    struct support_bytes head = make_head(5000);
    int result = WIRE_HTTP_ERR_NO_MEMORY;
    size_t fail_at = 1;
    for (; result == WIRE_HTTP_ERR_NO_MEMORY; fail_at++) {
        struct support_heap heap = {.fail_at = fail_at};
        struct wire_alloc alloc = {support_heap_resize, &heap};
        struct wire_http_options options = {.alloc = &alloc};
        struct wire_http_request request;
        size_t used;
        wire_http_request_init(&request, &options);
        result = read_all(&request, &head, 100);
        if (result == WIRE_HTTP_ERR_NO_MEMORY) {
            /* An error is final. */
            assert_int_equal(
                wire_http_request_push(&request, wire_span_of(head.data, head.size), &used),
                result);
            assert_int_equal(used, 0);
        }
        wire_http_request_deinit(&request);
        assert_int_equal(heap.live, 0);
    }
    assert_int_equal(result, WIRE_HTTP_DONE);
    assert_true(fail_at > 4);
    support_bytes_free(&head);
}

static void test_http_request_fields_and_lists(void **state)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\nList: a ,, b\r\nX:\r\nlist:\r\n"
                               "LIST: ,\t, c,\r\n\r\n";
    static const char *const expected[] = {"a", "b", "c"};
    struct wire_http_request request;
    struct wire_http_list list;
    struct wire_span element;
    size_t used;
    size_t count;
    (void)state;
    wire_http_request_init(&request, NULL);
    assert_int_equal(wire_http_request_push(&request, wire_span_of(text, sizeof text - 1), &used),
                     WIRE_HTTP_DONE);
    struct wire_span value = wire_http_request_field(&request, "lIsT", &count);
    assert_int_equal(count, 3);
    assert_true(wire_span_equal(value, wire_span_text("a ,, b")));
    value = wire_http_request_field(&request, "x", &count);
    assert_int_equal(count, 1);
    assert_true(value.size == 0 && value.data != NULL);
    value = wire_http_request_field(&request, "y", &count);
    assert_int_equal(count, 0);
    assert_null(value.data);
    wire_http_list_init(&list, &request, "list");
    for (size_t i = 0; i < 3; i++) {
        assert_true(wire_http_list_next(&list, &element));
        assert_true(wire_span_equal(element, wire_span_text(expected[i])));
    }
    assert_false(wire_http_list_next(&list, &element));
    assert_false(wire_http_list_next(&list, &element));
    wire_http_request_deinit(&request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http_request_head_limit),
        cmocka_unit_test(test_http_request_method_and_target_limits),
        cmocka_unit_test(test_http_request_field_limit),
        cmocka_unit_test(test_http_request_keeps_nothing_of_one_piece),
        cmocka_unit_test(test_http_request_memory_is_bounded),
        cmocka_unit_test(test_http_request_each_allocation_fails),
        cmocka_unit_test(test_http_request_fields_and_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
