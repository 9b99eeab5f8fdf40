/*
 * Headers, close frames and masks: every length form, every close code, and masking at every phase,
 * alignment and size against a loop of one line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/wire/support_random.h"
#include "wire/ws_error.h"
#include "wire/ws_frame.h"

static void check_header(uint64_t size, const char *expected, size_t expected_size)
{
    uint8_t out[WIRE_WS_HEADER_MAX];
    assert_int_equal(wire_ws_header_size(size), expected_size);
    assert_int_equal(wire_ws_header(out, WIRE_WS_BINARY, true, size), expected_size);
    assert_memory_equal(out, expected, expected_size);
}

static void test_ws_frame_header(void **state)
{
    uint8_t out[WIRE_WS_HEADER_MAX];
    (void)state;
    check_header(0, "\x82\x00", 2);
    check_header(1, "\x82\x01", 2);
    check_header(125, "\x82\x7d", 2);
    check_header(126, "\x82\x7e\x00\x7e", 4);
    check_header(127, "\x82\x7e\x00\x7f", 4);
    check_header(65535, "\x82\x7e\xff\xff", 4);
    check_header(65536, "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10);
    check_header(UINT64_C(0x7123456789abcdef), "\x82\x7f\x71\x23\x45\x67\x89\xab\xcd\xef", 10);
    wire_ws_header(out, WIRE_WS_TEXT, false, 0);
    assert_int_equal(out[0], 0x01);
    wire_ws_header(out, WIRE_WS_CONTINUATION, true, 0);
    assert_int_equal(out[0], 0x80);
}

static void test_ws_frame_control(void **state)
{
    uint8_t out[WIRE_WS_CONTROL_FRAME_MAX];
    uint8_t payload[WIRE_WS_CONTROL_MAX];
    (void)state;
    memset(payload, 'p', sizeof payload);
    assert_int_equal(wire_ws_control_frame(out, WIRE_WS_PONG, wire_span_of(NULL, 0)), 2);
    assert_memory_equal(out, "\x8a\x00", 2);
    assert_int_equal(
        wire_ws_control_frame(out, WIRE_WS_PING, wire_span_of(payload, sizeof payload)),
        WIRE_WS_CONTROL_FRAME_MAX);
    assert_memory_equal(out, "\x89\x7d", 2);
    assert_memory_equal(out + 2, payload, sizeof payload);
}

static void test_ws_frame_close(void **state)
{
    uint8_t out[WIRE_WS_CONTROL_FRAME_MAX];
    char reason[200];
    (void)state;
    assert_int_equal(wire_ws_close_frame(out, WIRE_WS_CLOSE_NO_CODE, wire_span_text("ignored")), 2);
    assert_memory_equal(out, "\x88\x00", 2);
    assert_int_equal(wire_ws_close_frame(out, 1001, wire_span_text("bye")), 7);
    assert_memory_equal(out,
                        "\x88\x05\x03\xe9"
                        "bye",
                        7);
    /* A reason too long is cut behind a whole character. */
    memset(reason, 'r', sizeof reason);
    assert_int_equal(wire_ws_close_frame(out, 1000, wire_span_of(reason, 123)), 127);
    assert_int_equal(wire_ws_close_frame(out, 1000, wire_span_of(reason, 124)), 127);
    memcpy(reason + 121, "\xe2\x82\xac", 3);
    assert_int_equal(wire_ws_close_frame(out, 1000, wire_span_of(reason, sizeof reason)), 125);
    assert_int_equal(out[1], 123);
    memcpy(reason + 120, "\xe2\x82\xac", 3);
    assert_int_equal(wire_ws_close_frame(out, 1000, wire_span_of(reason, sizeof reason)), 127);
}

static void test_ws_frame_close_codes(void **state)
{
    (void)state;
    for (uint32_t code = 0; code <= 70000; code++) {
        bool is_reserved = code < 1000 || code == 1004 || code == 1005 || code == 1006;
        bool is_unassigned = (code >= 1015 && code <= 2999) || code > 4999;
        assert_int_equal(wire_ws_close_code_is_valid(code), !is_reserved && !is_unassigned);
    }
}

/* Each error has a code that may be sent and a phrase that fits a close frame. */
static void test_ws_frame_errors(void **state)
{
    (void)state;
    for (int error = -1; error >= WIRE_WS_ERR_NO_MEMORY; error--) {
        assert_true(wire_ws_close_code_is_valid(wire_ws_error_code(error)));
        assert_in_range(strlen(wire_ws_error_text(error)), 1, WIRE_WS_CONTROL_MAX - 2);
    }
    assert_int_equal(wire_ws_error_code(WIRE_WS_ERR_TOO_BIG), 1009);
    assert_int_equal(wire_ws_error_code(WIRE_WS_ERR_TEXT), 1007);
    assert_int_equal(wire_ws_error_code(WIRE_WS_ERR_CLOSE_REASON), 1007);
    assert_int_equal(wire_ws_error_code(WIRE_WS_ERR_NO_MEMORY), 1011);
    assert_int_equal(wire_ws_error_code(WIRE_WS_ERR_RSV), 1002);
}

static void check_mask(const uint8_t *data, size_t size, size_t shift, uint64_t phase,
                       const uint8_t key[4])
{
    uint8_t buffer[160];
    uint8_t other[160];
    memcpy(buffer + shift, data, size);
    memset(other, 0, sizeof other);
    wire_ws_mask(other, buffer + shift, size, key, phase);
    wire_ws_mask(buffer + shift, buffer + shift, size, key, phase);
    for (size_t i = 0; i < size; i++) {
        assert_int_equal(buffer[shift + i], data[i] ^ key[(phase + i) % 4]);
    }
    assert_memory_equal(other, buffer + shift, size);
    assert_int_equal(other[size], 0);
}

static void test_ws_frame_mask(void **state)
{
    struct support_random random = support_random_start();
    uint8_t data[128];
    uint8_t key[4];
    (void)state;
    support_random_fill(&random, data, sizeof data);
    for (size_t size = 0; size <= sizeof data; size++) {
        for (size_t shift = 0; shift < 8; shift++) {
            for (uint64_t phase = 0; phase < 4; phase++) {
                support_random_fill(&random, key, sizeof key);
                check_mask(data, size, shift, phase, key);
                check_mask(data, size, shift, phase + ((uint64_t)1 << 40), key);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ws_frame_header), cmocka_unit_test(test_ws_frame_control),
        cmocka_unit_test(test_ws_frame_close),  cmocka_unit_test(test_ws_frame_close_codes),
        cmocka_unit_test(test_ws_frame_errors), cmocka_unit_test(test_ws_frame_mask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
