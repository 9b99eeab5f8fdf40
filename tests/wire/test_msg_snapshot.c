/*
 * process/snapshot: streams that come in random pieces are one string of base64 each, in a buffer
 * whose size was counted, read back with jansson.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/wire/support_msg.h"
#include "tests/wire/support_random.h"
#include "wire/base64.h"
#include "wire/msg_snapshot.h"

static int parse_snapshot(struct wire_msg_parser *parser, struct wire_span params)
{
    struct wire_msg_process_snapshot out;
    return wire_msg_process_snapshot_parse(parser, params, &out);
}

static void test_msg_snapshot_params(void **state)
{
    static const struct support_refusal refusals[] = {
        {parse_snapshot, NULL, "missing field `processId`"},
        {parse_snapshot, "{}", "missing field `processId`"},
        {parse_snapshot, "{\"processId\":[]}", "invalid type for `processId`: expected a string"},
    };
    static const char params[] = "{\"processId\":\"p\",\"maxBytes\":1}";
    struct support_msg msg;
    struct wire_msg_process_snapshot out;
    (void)state;
    support_msg_refusals(refusals, sizeof refusals / sizeof refusals[0]);
    support_msg_start(&msg, params, sizeof params - 1);
    assert_int_equal(wire_msg_process_snapshot_parse(&msg.parser, msg.span, &out), 0);
    assert_true(wire_span_equal(out.process_id, wire_span_text("p")));
    support_msg_stop(&msg);
}

enum { PIECES_MAX = 50 };

/* A stream and where it is cut into pieces. */
struct stream {
    bool is_there;
    struct wire_span bytes;
    size_t sizes[PIECES_MAX];
    size_t count;
};

struct reply {
    struct stream streams[WIRE_MSG_STREAMS];
    struct wire_msg_snapshot_end end;
};

static void write_stream(struct wire_json_writer *writer, enum wire_msg_stream index,
                         const struct stream *stream)
{
    struct wire_json_base64 base64;
    size_t at = 0;
    if (!stream->is_there) {
        wire_msg_snapshot_no_stream(writer, index);
        return;
    }
    wire_msg_snapshot_begin_stream(writer, index, wire_base64_best(), &base64);
    for (size_t i = 0; i < stream->count; i++) {
        wire_json_base64_push(&base64, wire_span_of(stream->bytes.data + at, stream->sizes[i]));
        at += stream->sizes[i];
    }
    assert_int_equal(at, stream->bytes.size);
    wire_json_base64_end(&base64);
}

static void write_reply(struct wire_json_writer *writer, void *context)
{
    const struct reply *reply = context;
    wire_msg_snapshot_begin(writer, wire_span_text("4"));
    for (int i = 0; i < WIRE_MSG_STREAMS; i++) {
        write_stream(writer, (enum wire_msg_stream)i, &reply->streams[i]);
    }
    wire_msg_snapshot_end(writer, &reply->end);
}

static struct stream stream_of(const char *text, size_t first)
{
    return (struct stream){.is_there = true,
                           .bytes = wire_span_text(text),
                           .sizes = {first, strlen(text) - first},
                           .count = 2};
}

static void test_msg_snapshot_text(void **state)
{
    struct reply reply = {
        .streams = {stream_of("hello", 4), {.is_there = true}},
        .end = {.omitted = {{0}, {7, 0}}, .has_exited = true, .exit_code = 3},
    };
    (void)state;
    char *text = support_framed_text(write_reply, &reply);
    assert_string_equal(text, "{\"id\":4,\"result\":{\"stdout\":\"aGVsbG8=\",\"stderr\":\"\","
                              "\"terminal\":null,\"truncated\":true,\"omitted\":{\"stderr\":"
                              "{\"bytes\":7,\"at\":0}},\"exitCode\":3,\"running\":false}}");
    free(text);
    reply =
        (struct reply){.streams = {{0}, {0}, stream_of("hello!", 1)}, .end = {.is_running = true}};
    text = support_framed_text(write_reply, &reply);
    assert_string_equal(text, "{\"id\":4,\"result\":{\"stdout\":null,\"stderr\":null,\"terminal\":"
                              "\"aGVsbG8h\",\"truncated\":false,\"omitted\":{},\"exitCode\":null,"
                              "\"running\":true}}");
    free(text);
    reply.end.omitted[WIRE_MSG_PTY] = (struct wire_msg_omitted){UINT64_MAX, 6};
    text = support_framed_text(write_reply, &reply);
    assert_non_null(strstr(text, "\"truncated\":true,\"omitted\":{\"terminal\":{\"bytes\":"
                                 "18446744073709551615,\"at\":6}}"));
    free(text);
}

/* Cuts a random part of data into random pieces, empty ones among them. */
static void make_stream(struct support_random *random, const uint8_t *data, size_t size,
                        struct stream *out)
{
    size_t left = support_random_below(random, size + 1);
    out->is_there = support_random_below(random, 4) > 0;
    out->bytes = wire_span_of(data + support_random_below(random, size - left + 1), left);
    out->count = 0;
    while (out->count < PIECES_MAX - 1 && left > 0) {
        size_t piece = support_random_below(random, support_random_below(random, 2) ? 5 : left + 1);
        piece = piece > left ? left : piece;
        out->sizes[out->count++] = piece;
        left -= piece;
    }
    out->sizes[out->count++] = left;
}

static void check_stream(const json_t *value, const struct stream *stream)
{
    if (!stream->is_there) {
        assert_true(json_is_null(value));
        return;
    }
    uint8_t *bytes = malloc(stream->bytes.size + 1);
    assert_true(bytes && json_is_string(value));
    assert_int_equal(wire_base64_decode(wire_base64_codec_at(0),
                                        wire_span_text(json_string_value(value)), bytes,
                                        stream->bytes.size, NULL),
                     stream->bytes.size);
    assert_memory_equal(bytes, stream->bytes.data, stream->bytes.size);
    free(bytes);
}

static void test_msg_snapshot_random_pieces(void **state)
{
    static const char *const names[] = {"stdout", "stderr", "terminal"};
    enum { BYTES = 100000 };
    struct support_random random = support_random_start();
    uint8_t *data = malloc(BYTES);
    (void)state;
    assert_non_null(data);
    support_random_fill(&random, data, BYTES);
    for (size_t round = 0; round < 1000; round++) {
        struct reply reply = {.end = {.is_running = true}};
        for (size_t i = 0; i < WIRE_MSG_STREAMS; i++) {
            make_stream(&random, data, round % 50 ? 40 : BYTES, &reply.streams[i]);
        }
        char *text = support_framed_text(write_reply, &reply);
        json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
        const json_t *result = json_object_get(root, "result");
        for (size_t i = 0; i < WIRE_MSG_STREAMS; i++) {
            check_stream(json_object_get(result, names[i]), &reply.streams[i]);
        }
        json_decref(root);
        free(text);
    }
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_msg_snapshot_params),
        cmocka_unit_test(test_msg_snapshot_text),
        cmocka_unit_test(test_msg_snapshot_random_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
