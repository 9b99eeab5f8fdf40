/*
 * The case folder of the HTTP request: each http/NAME.case gives exactly its dump, whole, byte by
 * byte, at every split in two and at random splits in many.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/wire/support_case.h"
#include "tests/wire/support_file.h"
#include "tests/wire/support_random.h"
#include "wire/http_upgrade.h"

#define FOLDER SOURCE_DIR "/tests/wire/http"

static struct support_random seeds;

static void dump_span(struct support_bytes *dump, const char *name, struct wire_span value)
{
    support_bytes_format(dump, "%s [", name);
    support_bytes_escape(dump, value.data, value.size);
    support_bytes_format(dump, "]\n");
}

static void dump_verdict(struct support_bytes *dump, const struct wire_http_request *request)
{
    struct wire_http_upgrade upgrade;
    int result = wire_http_upgrade_check(request, &upgrade);
    if (result < 0) {
        support_bytes_format(dump, "error %d: %s\n", wire_http_error_status(result),
                             wire_http_error_text(result));
    } else {
        support_bytes_format(dump, "%s\n", result == WIRE_HTTP_WEBSOCKET ? "websocket" : "plain");
    }
    if (upgrade.origin.data) {
        dump_span(dump, "origin", upgrade.origin);
    }
    if (upgrade.authorization.data) {
        dump_span(dump, "authorization", upgrade.authorization);
    }
}

static void dump_request(struct support_bytes *dump, const struct wire_http_request *request)
{
    struct wire_span method = wire_http_request_method(request);
    struct wire_span target = wire_http_request_target(request);
    struct wire_span path = wire_http_request_path(request);
    struct wire_span name;
    struct wire_span value;
    support_bytes_format(dump, "%.*s %.*s path %.*s\n", (int)method.size, (const char *)method.data,
                         (int)target.size, (const char *)target.data, (int)path.size,
                         (const char *)path.data);
    for (size_t i = 0; wire_http_request_field_at(request, i, &name, &value); i++) {
        char text[64];
        assert_in_range(name.size, 1, sizeof text - 1);
        memcpy(text, name.data, name.size);
        text[name.size] = 0;
        dump_span(dump, text, value);
    }
    dump_verdict(dump, request);
}

/* Pushes pieces (copies that end where their memory ends) until the parser has enough. */
struct feed {
    struct wire_http_request request;
    struct support_heap heap;
    struct wire_alloc alloc;
    uint8_t *last; /* the piece that the request may still point to */
    int result;
    size_t used;
};

static void feed_start(struct feed *feed)
{
    memset(feed, 0, sizeof *feed);
    feed->alloc = (struct wire_alloc){support_heap_resize, &feed->heap};
    struct wire_http_options options = {.alloc = &feed->alloc};
    wire_http_request_init(&feed->request, &options);
}

static void feed_push(struct feed *feed, const uint8_t *data, size_t size)
{
    size_t used;
    if (feed->result != WIRE_HTTP_MORE) {
        return;
    }
    free(feed->last);
    feed->last = malloc(size > 0 ? size : 1);
    assert_non_null(feed->last);
    memcpy(feed->last, data, size);
    feed->result = wire_http_request_push(&feed->request, wire_span_of(feed->last, size), &used);
    assert_true(used <= size && (feed->result != WIRE_HTTP_MORE || used == size));
    feed->used += used;
}

static char *feed_finish(struct feed *feed, const struct support_bytes *input)
{
    struct support_bytes dump = {0};
    if (feed->result == WIRE_HTTP_MORE) {
        support_bytes_format(&dump, "more\n");
    } else if (feed->result < 0) {
        support_bytes_format(&dump, "error %d at %zu: %s\n", wire_http_error_status(feed->result),
                             wire_http_request_offset(&feed->request),
                             wire_http_error_text(feed->result));
    } else {
        dump_request(&dump, &feed->request);
        if (feed->used < input->size) {
            support_bytes_format(&dump, "rest ");
            support_bytes_escape(&dump, input->data + feed->used, input->size - feed->used);
            support_bytes_format(&dump, "\n");
        }
    }
    wire_http_request_deinit(&feed->request);
    assert_int_equal(feed->heap.live, 0);
    free(feed->last);
    return (char *)dump.data;
}

static void check(const char *path, const char *how, size_t cut, char *dump, const char *expected)
{
    if (strcmp(dump, expected) != 0) {
        fail_msg("%s (%s %lu) gives\n%snot\n%s", path, how, (unsigned long)cut, dump, expected);
    }
    free(dump);
}

static void check_split(const char *path, const struct support_bytes *input, size_t cut,
                        const char *expected)
{
    struct feed feed;
    feed_start(&feed);
    feed_push(&feed, input->data, cut);
    feed_push(&feed, input->data + cut, input->size - cut);
    check(path, "split at", cut, feed_finish(&feed, input), expected);
}

static void check_bytes(const char *path, const struct support_bytes *input, const char *expected)
{
    struct feed feed;
    feed_start(&feed);
    for (size_t i = 0; i < input->size; i++) {
        feed_push(&feed, input->data + i, 1);
    }
    check(path, "bytes", 1, feed_finish(&feed, input), expected);
}

static void check_random(const char *path, const struct support_bytes *input, const char *expected)
{
    struct feed feed;
    feed_start(&feed);
    for (size_t at = 0; at < input->size;) {
        size_t size = 1 + support_random_below(&seeds, 40);
        size = size < input->size - at ? size : input->size - at;
        feed_push(&feed, input->data + at, size);
        at += size;
    }
    check(path, "random", 0, feed_finish(&feed, input), expected);
}

/* The bytes meant by the input lines: what stands in a line, unescaped, without its line end. */
static struct support_bytes read_input(const char *text)
{
    struct support_bytes input = {0};
    while (*text) {
        size_t size = strcspn(text, "\n");
        support_bytes_unescape(&input, text, size);
        text += size + 1;
    }
    return input;
}

static void run_case(const char *stem)
{
    char path[600];
    snprintf(path, sizeof path, "%s.case", stem);
    struct support_case one = support_case_read(path);
    struct support_bytes input = read_input(one.input);
    for (size_t cut = 0; cut <= input.size; cut++) {
        check_split(path, &input, cut, one.expected);
    }
    check_bytes(path, &input, one.expected);
    for (int i = 0; i < 20; i++) {
        check_random(path, &input, one.expected);
    }
    support_bytes_free(&input);
    support_case_free(&one);
}

static void test_http_cases_at_every_split(void **state)
{
    (void)state;
    seeds = support_random_start();
    assert_true(support_file_cases(FOLDER, ".case", run_case) >= 80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http_cases_at_every_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
