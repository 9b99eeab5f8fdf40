/*
 * What one process/read gives, without a server: retained output and the ring merged, gaps told
 * exactly, limits, and cuts at characters and lines with the cursor that goes on from there.
 */
#include "runner/reading.h"

#include "runner/metrics.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
/* after the above */
#include <cmocka.h>

enum { REPLY_BYTES = 1 << 20 };

/* In place of sessions/session.c. */
struct sess_session {
    uint64_t owed_bytes;
};

static struct iocp_port *port;
static struct run_metrics *metrics;
static struct sess_session session;
static struct sess_budget budget = {.limit_bytes = UINT64_MAX};
static struct sess_headtail retained;
static struct sess_view view;
static struct run_ring ring;
static struct run_reading reading;
static char text[REPLY_BYTES];

void sess_session_consumed(struct sess_session *of, size_t bytes)
{
    of->owed_bytes -= bytes;
}

void sess_session_view(const struct sess_session *of, struct sess_view *out_view)
{
    *out_view = (struct sess_view){.owed_bytes = of->owed_bytes};
}

static int open_port(void **state)
{
    int os_error;
    (void)state;
    metrics = calloc(1, sizeof(*metrics));
    if (metrics == NULL || iocp_port_open(NULL, &port, &os_error) != 0)
        return -1;
    metrics->port = port;
    return 0;
}

static int close_port(void **state)
{
    (void)state;
    iocp_port_close(port);
    free(metrics);
    return 0;
}

static void begin(size_t cap_bytes)
{
    session.owed_bytes = 0;
    sess_headtail_init(&retained, cap_bytes, &budget, &sess_memory_libc);
    run_ring_init(&ring, true, metrics);
    view = (struct sess_view){.state = SESS_RUNNING, .next_seq = 1, .retained = &retained};
    memset(&reading, 0, sizeof(reading));
}

static void end(void)
{
    run_ring_deinit(&ring);
    sess_headtail_deinit(&retained);
    assert_int_equal(budget.held_bytes, 0);
}

/* Output as a session gives it: retained, and in the ring. */
static void writes(enum sess_stream stream, const char *bytes)
{
    uint32_t size = (uint32_t)strlen(bytes);
    struct iocp_slice slice;
    assert_int_equal(iocp_lease(port, size, &slice), 0);
    memcpy(slice.data, bytes, size);
    const struct sess_chunk chunk = {.seq = view.next_seq++, .stream = stream, .slice = slice};
    session.owed_bytes += size;
    sess_headtail_append(&retained, &chunk);
    run_ring_push(&ring, &chunk, size);
    iocp_slice_unref(&slice);
}

static void acknowledge(uint64_t bytes)
{
    (void)run_ring_acked(&ring, &session, bytes, 0);
    run_ring_fit(&ring, &session);
}

static void exits(void)
{
    view.exited_seq = view.next_seq++;
    view.record.exit_code = 3;
}

static void closes(void)
{
    view.closed_seq = view.next_seq++;
}

static void ask(uint64_t after_seq, uint64_t max_bytes)
{
    memset(&reading, 0, sizeof(reading));
    reading.ask.max_bytes = max_bytes > 0 ? max_bytes : RUN_READ_BYTES;
    reading.ask.has_max = max_bytes > 0;
    run_reading_start(&reading.ask.from, after_seq);
}

static bool is_ready(void)
{
    run_reading_look(&reading, &view, &ring);
    return run_reading_is_ready(&reading);
}

/* The reply's result; json_decref its owner, *out_reply. */
static json_t *reply(json_t **out_reply, uint64_t *out_known)
{
    struct wire_json_writer writer;
    struct wire_span json;
    run_reading_look(&reading, &view, &ring);
    wire_json_writer_init(&writer, (uint8_t *)text, sizeof(text));
    *out_known = run_reading_write(&reading, &writer, wire_base64_best(), wire_span_text("1"));
    assert_int_equal(wire_json_writer_finish(&writer, &json), 0);
    *out_reply = json_loadb((const char *)json.data, json.size, 0, NULL);
    assert_non_null(*out_reply);
    return json_object_get(*out_reply, "result");
}

/* One chunk as "SEQ STREAM OFFSET BYTES", all of them with bars between. */
static void describe(const json_t *result, char *out, size_t size)
{
    const json_t *chunk;
    size_t index;
    *out = '\0';
    json_array_foreach(json_object_get(result, "chunks"), index, chunk)
    {
        const char *base64 = json_string_value(json_object_get(chunk, "chunk"));
        uint8_t bytes[256];
        size_t bad;
        ptrdiff_t got = wire_base64_decode(wire_base64_best(), wire_span_text(base64), bytes,
                                           sizeof(bytes), &bad);
        assert_true(got > 0);
        size_t at = strlen(out);
        (void)snprintf(out + at, size - at, "%s%d %s %d %.*s", at > 0 ? "|" : "",
                       (int)json_integer_value(json_object_get(chunk, "seq")),
                       json_string_value(json_object_get(chunk, "stream")),
                       (int)json_integer_value(json_object_get(chunk, "offset")), (int)got, bytes);
    }
}

/* Reads; checks chunks and the number behind them. Returns up to where the client knows all. */
static uint64_t assert_gives(const char *chunks, uint64_t next_seq)
{
    char got[1024];
    json_t *whole;
    uint64_t known;
    const json_t *result = reply(&whole, &known);
    describe(result, got, sizeof(got));
    assert_string_equal(got, chunks);
    assert_int_equal(json_integer_value(json_object_get(result, "nextSeq")), next_seq);
    /* The next read goes on from its cursor. */
    const char *cursor = json_string_value(json_object_get(result, "cursor"));
    assert_int_equal(cursor != NULL, reading.ask.wants_cursor);
    if (cursor != NULL)
        assert_true(wire_msg_cursor_parse(wire_span_text(cursor), &reading.ask.from));
    json_decref(whole);
    return known;
}

static void assert_skips(uint64_t first_seq, uint64_t last_seq, uint64_t bytes)
{
    assert_int_equal(reading.skipped.first_seq, first_seq);
    assert_int_equal(reading.skipped.last_seq, last_seq);
    assert_int_equal(reading.skipped.bytes, bytes);
}

static void test_reading_gives_each_chunk_once(void **state)
{
    (void)state;
    begin(1000);
    writes(SESS_STDOUT, "one");
    writes(SESS_STDERR, "two");
    acknowledge(3);
    writes(SESS_STDOUT, "three");
    ask(0, 0);
    assert_int_equal(assert_gives("1 stdout 0 one|2 stderr 0 two|3 stdout 0 three", 4), 3);
    ask(2, 0);
    assert_int_equal(assert_gives("3 stdout 0 three", 4), 3);
    ask(3, 0);
    assert_int_equal(assert_gives("", 4), 3);
    assert_skips(0, 0, 0);
    end();
}

/* With nothing retained the ring alone has it, and what was acknowledged is a gap. */
static void test_reading_gives_what_only_the_ring_has(void **state)
{
    (void)state;
    begin(0);
    writes(SESS_STDOUT, "one");
    writes(SESS_STDOUT, "two");
    run_ring_bind(&ring, &session);
    writes(SESS_STDOUT, "three");
    ask(0, 0);
    assert_gives("1 stdout 0 one|2 stdout 0 two|3 stdout 0 three", 4);
    run_ring_known(&ring, &session, 1);
    ask(0, 0);
    assert_gives("2 stdout 0 two|3 stdout 0 three", 4);
    assert_skips(1, 1, 3);
    run_ring_known(&ring, &session, 2);
    acknowledge(5);
    ask(1, 0);
    assert_true(is_ready()); /* a gap is an answer */
    assert_gives("", 4);
    /* Where nothing is retained sizes are not either: of bytes there is a bound, and no more. */
    assert_int_equal(reading.skipped.first_seq, 2);
    assert_int_equal(reading.skipped.last_seq, 3);
    assert_in_range(reading.skipped.bytes, 8, 11);
    end();
}

/* Retention has the first, the ring the last, and nobody what lies between. */
static void test_reading_tells_the_gap_between_the_two(void **state)
{
    (void)state;
    begin(8); /* a head of 4, a tail of 4 */
    writes(SESS_STDOUT, "aaaa");
    writes(SESS_STDOUT, "bbbbbbbb");
    acknowledge(12);
    writes(SESS_STDOUT, "cccccccc");
    ask(0, 0);
    assert_gives("1 stdout 0 aaaa", 2); /* a gap ends it: told at the beginning of the next */
    assert_skips(0, 0, 0);
    ask(1, 0);
    assert_gives("3 stdout 0 cccccccc", 4);
    assert_skips(2, 2, 8);
    end();
}

static void test_reading_is_bounded(void **state)
{
    (void)state;
    begin(1000);
    writes(SESS_STDOUT, "aaaa");
    writes(SESS_STDOUT, "bbbb");
    writes(SESS_STDOUT, "cccc");
    ask(0, 1);
    assert_gives("1 stdout 0 aaaa", 2); /* the first is always given, and whole */
    ask(0, 8);
    assert_gives("1 stdout 0 aaaa|2 stdout 0 bbbb", 3);
    ask(0, 11);
    assert_gives("1 stdout 0 aaaa|2 stdout 0 bbbb", 3);
    ask(2, 8);
    assert_gives("3 stdout 0 cccc", 4);
    end();
}

static void test_reading_cuts_at_characters(void **state)
{
    (void)state;
    begin(1000);
    writes(SESS_STDOUT, "a\xc3");
    ask(0, 0);
    reading.ask.wants_cursor = true;
    reading.ask.align = WIRE_MSG_ALIGN_UTF8;
    assert_int_equal(assert_gives("1 stdout 0 a", 2), 0); /* of the chunk it does not have all */
    assert_false(is_ready());                             /* half a character is no answer */
    writes(SESS_STDERR, "e");
    writes(SESS_STDOUT, "\xa9z");
    assert_int_equal(assert_gives("1 stdout 1 \xc3|2 stderr 0 e|3 stdout 0 \xa9z", 4), 3);
    assert_false(is_ready());
    writes(SESS_STDOUT, "\xe2\x82");
    assert_false(is_ready());
    exits();
    closes();
    assert_true(is_ready());
    assert_gives("4 stdout 0 \xe2\x82", 7); /* it will never be whole */
    end();
}

static void test_reading_cuts_at_lines(void **state)
{
    (void)state;
    begin(1000);
    writes(SESS_STDOUT, "one\ntw");
    writes(SESS_STDERR, "no end");
    ask(0, 0);
    reading.ask.wants_cursor = true;
    reading.ask.align = WIRE_MSG_ALIGN_LINES;
    assert_gives("1 stdout 0 one\n", 3);
    assert_false(is_ready());
    writes(SESS_STDOUT, "o\n");
    assert_gives("1 stdout 4 tw|3 stdout 0 o\n", 4);
    writes(SESS_STDERR, " here\n");
    assert_gives("2 stderr 0 no end|4 stderr 0  here\n", 5);
    end();
}

/* With a limit below a line it still goes on to the line's end: else nothing would ever come. */
static void test_reading_of_lines_beyond_its_limit(void **state)
{
    (void)state;
    begin(1000);
    for (int i = 0; i < 5; i++)
        writes(SESS_STDOUT, "part ");
    writes(SESS_STDOUT, "end\nnext");
    ask(0, 3);
    reading.ask.wants_cursor = true;
    reading.ask.align = WIRE_MSG_ALIGN_LINES;
    assert_gives("1 stdout 0 part |2 stdout 0 part |3 stdout 0 part |4 stdout 0 part |"
                 "5 stdout 0 part |6 stdout 0 end\n",
                 7);
    end();
}

static void test_reading_is_ready_for_what_it_waits_for(void **state)
{
    (void)state;
    begin(1000);
    ask(0, 0);
    assert_false(is_ready());
    exits();
    assert_true(is_ready());
    assert_int_equal(assert_gives("", 2), 1);
    ask(1, 0); /* it knows of the exit */
    assert_false(is_ready());
    writes(SESS_STDOUT, "late");
    assert_true(is_ready());
    assert_gives("2 stdout 0 late", 3);
    ask(2, 0);
    assert_false(is_ready());
    closes();
    assert_true(is_ready());
    ask(3, 0); /* nothing more comes, and it is told so at once each time */
    assert_true(is_ready());
    assert_gives("", 4);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reading_gives_each_chunk_once),
        cmocka_unit_test(test_reading_gives_what_only_the_ring_has),
        cmocka_unit_test(test_reading_tells_the_gap_between_the_two),
        cmocka_unit_test(test_reading_is_bounded),
        cmocka_unit_test(test_reading_cuts_at_characters),
        cmocka_unit_test(test_reading_cuts_at_lines),
        cmocka_unit_test(test_reading_of_lines_beyond_its_limit),
        cmocka_unit_test(test_reading_is_ready_for_what_it_waits_for),
    };
    return cmocka_run_group_tests_name("runner/reading", tests, open_port, close_port);
}
