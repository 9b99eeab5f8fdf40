/*
 * Observers' messages: params with every refusal, and every reply and notification as it is sent.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/wire/support_msg.h"
#include "wire/msg_observe.h"

static int parse_observe(struct wire_msg_parser *parser, struct wire_span params)
{
    struct wire_msg_process_observe out;
    return wire_msg_process_observe_parse(parser, params, &out);
}

static int parse_unobserve(struct wire_msg_parser *parser, struct wire_span params)
{
    struct wire_msg_process_unobserve out;
    return wire_msg_process_unobserve_parse(parser, params, &out);
}

#define K "{\"observerKey\":\"k\","

static void test_msg_observe_refusals(void **state)
{
    static const struct support_refusal refusals[] = {
        {parse_observe, NULL, "missing field `observerKey`"},
        {parse_observe, "{\"processId\":\"p\"}", "missing field `observerKey`"},
        {parse_observe, "{\"observerKey\":\"k\"}", "missing field `processId`"},
        {parse_observe, "{\"observerKey\":1}", "invalid type for `observerKey`: expected a string"},
        {parse_observe, K "\"processId\":1}", "invalid type for `processId`: expected a string"},
        {parse_observe, K "\"as\":[]}", "invalid type for `as`: expected a string"},
        {parse_observe, K "\"afterSeq\":-1}",
         "invalid type for `afterSeq`: expected an integer from 0 to 18446744073709551615"},
        {parse_unobserve, "{}", "missing field `processId`"},
        {parse_unobserve, "{\"processId\":7}", "invalid type for `processId`: expected a string"},
    };
    (void)state;
    support_msg_refusals(refusals, sizeof refusals / sizeof refusals[0]);
}

static void parse_good(const char *params, struct wire_msg_process_observe *out)
{
    struct support_msg msg;
    support_msg_start(&msg, params, strlen(params));
    assert_int_equal(wire_msg_process_observe_parse(&msg.parser, msg.span, out), 0);
    assert_true(wire_span_equal(out->observer_key, wire_span_text("k")));
    assert_true(wire_span_equal(out->process_id, wire_span_text("p")));
    assert_true(wire_span_equal(out->name, wire_span_text(out->after_seq > 0 ? "n" : "p")));
    support_msg_stop(&msg);
}

static void test_msg_observe_params(void **state)
{
    struct wire_msg_process_observe observe;
    (void)state;
    parse_good(K "\"processId\":\"p\"}", &observe);
    parse_good(K "\"processId\":\"p\",\"as\":null,\"afterSeq\":null}", &observe);
    parse_good(K "\"processId\":\"p\",\"as\":\"n\",\"afterSeq\":18446744073709551615}", &observe);
    assert_true(observe.after_seq == UINT64_MAX);
}

typedef void write_case(struct wire_json_writer *writer);

static void write_running(struct wire_json_writer *writer)
{
    struct wire_msg_observed observed = {
        .name_json = wire_span_text("\"n\""), .next_seq = 7, .state = "running", .tty = true};
    wire_msg_process_observe_reply(writer, wire_span_text("1"), &observed);
}

static void write_closed(struct wire_json_writer *writer)
{
    struct wire_msg_observed observed = {.name_json = wire_span_text("\"n\""),
                                         .next_seq = UINT64_MAX,
                                         .state = "closed",
                                         .has_exited = true,
                                         .exit_code = -3};
    wire_msg_process_observe_reply(writer, wire_span_text("\"x\""), &observed);
}

static void write_gap(struct wire_json_writer *writer)
{
    struct wire_msg_gap gap = {3, 5, 600, false};
    wire_msg_process_gap(writer, wire_span_text("\"n\""), &gap);
}

static void write_gap_at_most(struct wire_json_writer *writer)
{
    struct wire_msg_gap gap = {3, UINT64_MAX, 600, true};
    wire_msg_process_gap(writer, wire_span_text("\"n\""), &gap);
}

static void write_ended(struct wire_json_writer *writer)
{
    wire_msg_process_observe_ended(writer, wire_span_text("\"n\""), "expired");
}

static void test_msg_observe_text(void **state)
{
    static const struct {
        write_case *write;
        const char *text;
    } cases[] = {
        {write_running, "{\"id\":1,\"result\":{\"processId\":\"n\",\"nextSeq\":7,\"state\":"
                        "\"running\",\"tty\":true,\"exitCode\":null}}"},
        {write_closed,
         "{\"id\":\"x\",\"result\":{\"processId\":\"n\",\"nextSeq\":18446744073709551615,"
         "\"state\":\"closed\",\"tty\":false,\"exitCode\":-3}}"},
        {write_gap, "{\"method\":\"process/gap\",\"params\":{\"processId\":\"n\",\"firstSeq\":3,"
                    "\"lastSeq\":5,\"bytes\":600}}"},
        {write_gap_at_most,
         "{\"method\":\"process/gap\",\"params\":{\"processId\":\"n\",\"firstSeq\":3,\"lastSeq\":"
         "18446744073709551615,\"bytesAtMost\":600}}"},
        {write_ended, "{\"method\":\"process/observeEnded\",\"params\":{\"processId\":\"n\","
                      "\"reason\":\"expired\"}}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t buffer[512];
        struct wire_json_writer writer;
        struct wire_span json;
        wire_json_writer_init(&writer, buffer, sizeof buffer);
        cases[i].write(&writer);
        assert_int_equal(wire_json_writer_finish(&writer, &json), 0);
        assert_int_equal(json.size, strlen(cases[i].text));
        assert_memory_equal(json.data, cases[i].text, json.size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_msg_observe_refusals),
        cmocka_unit_test(test_msg_observe_params),
        cmocka_unit_test(test_msg_observe_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
