/*
 * process/read: params with every refusal, and replies of random chunks, whose size is counted
 * before they are written, read back with jansson.
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
#include "wire/msg_read.h"

static int parse_read(struct wire_msg_parser *parser, struct wire_span params)
{
    struct wire_msg_process_read out;
    return wire_msg_process_read_parse(parser, params, &out);
}

#define P "{\"processId\":\"p\","

static const struct support_refusal refusals[] = {
    {parse_read, NULL, "missing field `processId`"},
    {parse_read, "{\"afterSeq\":1}", "missing field `processId`"},
    {parse_read, P "\"afterSeq\":\"1\"}",
     "invalid type for `afterSeq`: expected an integer from 0 to 18446744073709551615"},
    {parse_read, P "\"maxBytes\":-1}",
     "invalid type for `maxBytes`: expected an integer from 0 to 18446744073709551615"},
    {parse_read, P "\"waitMs\":1099511627777}",
     "invalid type for `waitMs`: expected an integer from 0 to 1099511627776"},
    {parse_read, P "\"align\":\"utf-8\"}",
     "unknown value for `align`: expected `chunks`, `utf8` or `lines`"},
    {parse_read, P "\"align\":1}", "invalid type for `align`: expected a string"},
    {parse_read, P "\"cursor\":1}", "invalid type for `cursor`: expected a string"},
    {parse_read, P "\"cursor\":\"\"}", "`cursor` is none that process/read gave"},
    {parse_read, P "\"cursor\":\"1.0.0.0.0.0.0.0\"}", "`cursor` is none that process/read gave"},
    {parse_read, P "\"cursor\":\"2.\\u0000.0.0.0.0.0.0\"}",
     "`cursor` is none that process/read gave"},
};

static void test_msg_read_refusals(void **state)
{
    (void)state;
    support_msg_refusals(refusals, sizeof refusals / sizeof refusals[0]);
}

static void parse_good(const char *params, struct wire_msg_process_read *out)
{
    struct support_msg msg;
    support_msg_start(&msg, params, strlen(params));
    assert_int_equal(wire_msg_process_read_parse(&msg.parser, msg.span, out), 0);
    assert_true(wire_span_equal(out->process_id, wire_span_text("p")));
    support_msg_stop(&msg);
}

static void test_msg_read_params(void **state)
{
    struct wire_msg_process_read read;
    (void)state;
    parse_good("{\"processId\":\"p\"}", &read);
    assert_true(read.after_seq == 0 && read.wait_ms == 0 && !read.max_bytes.is_present);
    assert_true(read.align == WIRE_MSG_ALIGN_NONE && !read.has_cursor && !read.wants_cursor);
    parse_good(P "\"afterSeq\":null,\"maxBytes\":null,\"waitMs\":null,\"align\":null,\"cursor\":"
                 "null}",
               &read);
    assert_true(!read.max_bytes.is_present && !read.has_cursor);
    parse_good(P "\"afterSeq\":18446744073709551615,\"maxBytes\":0,\"waitMs\":7,\"align\":"
                 "\"lines\",\"cursor\":\"2.a.b.0.0.c\\u002e1.d\"}",
               &read);
    assert_true(read.after_seq == UINT64_MAX && read.wait_ms == 7);
    assert_true(read.max_bytes.is_present && read.max_bytes.value == 0);
    assert_true(read.align == WIRE_MSG_ALIGN_LINES && read.has_cursor);
    assert_true(read.cursor.streams[WIRE_MSG_STDOUT].seq == 10);
    assert_true(read.cursor.streams[WIRE_MSG_STDOUT].offset_bytes == 11);
    assert_true(read.cursor.streams[WIRE_MSG_PTY].seq == 12);
    assert_true(read.cursor.before_bytes == 13);
    parse_good(P "\"align\":\"utf8\"}", &read);
    assert_true(read.align == WIRE_MSG_ALIGN_UTF8 && read.wants_cursor);
    parse_good(P "\"align\":\"chunks\"}", &read);
    assert_true(read.align == WIRE_MSG_ALIGN_NONE && read.wants_cursor);
}

struct reply {
    struct wire_span id;
    struct wire_msg_read_chunk *chunks;
    size_t count;
    struct wire_msg_read_end end;
};

static void write_reply(struct wire_json_writer *writer, void *context)
{
    const struct reply *reply = context;
    wire_msg_read_begin(writer, reply->id);
    for (size_t i = 0; i < reply->count; i++) {
        wire_msg_read_add(writer, wire_base64_best(), &reply->chunks[i]);
    }
    wire_msg_read_end(writer, &reply->end);
}

static void test_msg_read_text(void **state)
{
    const struct wire_msg_cursor cursor = {{{1, 2}, {3, 0}, {0, 0}}, 255};
    struct wire_msg_read_chunk chunks[] = {
        {1, WIRE_MSG_STDOUT, wire_span_text("hi"), 0},
        {2, WIRE_MSG_STDERR, wire_span_of(NULL, 0), 0},
        {UINT64_MAX, WIRE_MSG_PTY, wire_span_text("!"), 65535},
    };
    struct reply reply = {.id = wire_span_text("\"x\""), .end = {.next_seq = 1}};
    (void)state;
    char *text = support_framed_text(write_reply, &reply);
    assert_string_equal(text,
                        "{\"id\":\"x\",\"result\":{\"chunks\":[],\"nextSeq\":1,\"exited\":false,"
                        "\"exitCode\":null,\"closed\":false,\"failure\":null,\"sandboxDenied\":"
                        "false}}");
    free(text);
    reply = (struct reply){.id = wire_span_text("7"),
                           .chunks = chunks,
                           .count = 3,
                           .end = {.next_seq = 9,
                                   .has_exited = true,
                                   .exit_code = -1,
                                   .is_closed = true,
                                   .skipped_first_seq = 3,
                                   .skipped_last_seq = 5,
                                   .skipped_bytes = 600,
                                   .cursor = &cursor}};
    text = support_framed_text(write_reply, &reply);
    assert_string_equal(
        text, "{\"id\":7,\"result\":{\"chunks\":[{\"seq\":1,\"stream\":\"stdout\",\"chunk\":"
              "\"aGk=\"},{\"seq\":2,\"stream\":\"stderr\",\"chunk\":\"\"},{\"seq\":"
              "18446744073709551615,\"stream\":\"pty\",\"chunk\":\"IQ==\",\"offset\":65535}],"
              "\"nextSeq\":9,\"exited\":true,\"exitCode\":-1,\"closed\":true,\"failure\":null,"
              "\"sandboxDenied\":false,\"skipped\":{\"firstSeq\":3,\"lastSeq\":5,\"bytes\":600},"
              "\"cursor\":\"2.1.2.3.0.0.0.ff\"}}");
    free(text);
    reply = (struct reply){.id = wire_span_text("7"),
                           .end = {.next_seq = 9,
                                   .skipped_first_seq = 3,
                                   .skipped_last_seq = 5,
                                   .skipped_bytes = 600,
                                   .skipped_is_at_most = true}};
    text = support_framed_text(write_reply, &reply);
    assert_non_null(
        strstr(text, "\"skipped\":{\"firstSeq\":3,\"lastSeq\":5,\"bytesAtMost\":600}}}"));
    free(text);
}

static void check_chunk(json_t *object, const struct wire_msg_read_chunk *chunk)
{
    json_int_t seq;
    const char *stream;
    const char *text;
    json_int_t offset = 0;
    assert_int_equal(json_unpack(object, "{s:I, s:s, s:s, s?I!}", "seq", &seq, "stream", &stream,
                                 "chunk", &text, "offset", &offset),
                     0);
    assert_true((uint64_t)seq == chunk->seq && (uint64_t)offset == chunk->offset_bytes);
    assert_string_equal(stream, wire_msg_stream_name(chunk->stream));
    uint8_t *bytes = malloc(chunk->bytes.size + 1);
    assert_non_null(bytes);
    assert_int_equal(wire_base64_decode(wire_base64_codec_at(0), wire_span_text(text), bytes,
                                        chunk->bytes.size, NULL),
                     chunk->bytes.size);
    assert_memory_equal(bytes, chunk->bytes.data, chunk->bytes.size);
    free(bytes);
}

static void check_read_back(struct reply *reply)
{
    char *text = support_framed_text(write_reply, reply);
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    const json_t *result = json_object_get(root, "result");
    const json_t *chunks = json_object_get(result, "chunks");
    assert_int_equal(json_array_size(chunks), reply->count);
    for (size_t i = 0; i < reply->count; i++) {
        check_chunk(json_array_get(chunks, i), &reply->chunks[i]);
    }
    assert_int_equal(json_integer_value(json_object_get(result, "nextSeq")), reply->end.next_seq);
    assert_true((json_object_get(result, "skipped") != NULL) == (reply->end.skipped_first_seq > 0));
    json_decref(root);
    free(text);
}

static void test_msg_read_back(void **state)
{
    enum { CHUNKS = 40, BYTES = 70000 };
    struct support_random random = support_random_start();
    struct wire_msg_read_chunk chunks[CHUNKS];
    uint8_t *data = malloc(BYTES);
    (void)state;
    assert_non_null(data);
    support_random_fill(&random, data, BYTES);
    for (size_t round = 0; round < 100; round++) {
        struct reply reply = {.id = wire_span_text("12"),
                              .chunks = chunks,
                              .count = support_random_below(&random, CHUNKS),
                              .end = {.next_seq = support_random_next(&random) >> 12}};
        for (size_t i = 0; i < reply.count; i++) {
            size_t size = support_random_below(&random, round % 10 ? 100 : 65537);
            chunks[i] = (struct wire_msg_read_chunk){
                .seq = support_random_next(&random) >> (2 + support_random_below(&random, 60)),
                .stream = (enum wire_msg_stream)support_random_below(&random, 3),
                .bytes = wire_span_of(data + support_random_below(&random, BYTES - size), size),
                .offset_bytes = support_random_below(&random, 3) ? 0 : i + 1,
            };
        }
        reply.end.skipped_first_seq = round % 2;
        check_read_back(&reply);
    }
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_msg_read_refusals),
        cmocka_unit_test(test_msg_read_params),
        cmocka_unit_test(test_msg_read_text),
        cmocka_unit_test(test_msg_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
