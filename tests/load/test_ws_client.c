/*
 * The WebSocket client codec: the upgrade, frames at every split, and everything that a server must
 * not send.
 */
#include "tests/load/support.h"

#include "tools/load/ws_client.h"

#include <stdlib.h>
#include <string.h>

/* The key and its proof from RFC 6455, section 1.3. */
static const char sample_key[] = "dGhlIHNhbXBsZSBub25jZQ==";
static const char sample_accept[] = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

static int check(const char *answer)
{
    return load_ws_check_answer((const unsigned char *)answer, strlen(answer), sample_key);
}

static void test_ws_client_accept_is_the_rfc_example(void **state)
{
    char accept[29];

    (void)state;
    load_ws_accept_for(sample_key, accept);
    assert_string_equal(accept, sample_accept);
}

static void test_ws_client_request_has_key_and_token(void **state)
{
    struct load_buffer out = {0};

    (void)state;
    load_ws_request(&out, "127.0.0.1:80", "/x", sample_key, "secret");
    assert_string_equal(load_buffer_string(&out),
                        "GET /x HTTP/1.1\r\nHost: 127.0.0.1:80\r\nConnection: Upgrade\r\n"
                        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                        "Authorization: Bearer secret\r\n\r\n");
    load_buffer_deinit(&out);
}

static void test_ws_client_answer_is_taken_at_every_split(void **state)
{
    static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\n"
                                 "connection: upgrade\r\n"
                                 "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\nrest";
    size_t head = sizeof answer - 1 - 4;

    (void)state;
    for (size_t size = 0; size < head; size++)
        assert_int_equal(load_ws_check_answer((const unsigned char *)answer, size, sample_key), 0);
    assert_int_equal(check(answer), head);
}

static void test_ws_client_bad_answers_are_refused(void **state)
{
    char *long_answer = malloc(LOAD_WS_ANSWER_LIMIT_BYTES + 10);

    (void)state;
    assert_int_equal(check("HTTP/1.1 401 Unauthorized\r\n\r\n"), LOAD_WS_ERR_ANSWER);
    assert_int_equal(check("HTTP/1.1 101 Yes\r\n"
                           "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"),
                     LOAD_WS_ERR_ANSWER);
    assert_int_equal(check("HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\n\r\n"), LOAD_WS_ERR_ACCEPT);
    assert_int_equal(check("HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\n"
                           "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOp=\r\n\r\n"),
                     LOAD_WS_ERR_ACCEPT);
    assert_non_null(long_answer);
    memset(long_answer, 'x', LOAD_WS_ANSWER_LIMIT_BYTES + 9);
    long_answer[LOAD_WS_ANSWER_LIMIT_BYTES + 9] = '\0';
    assert_int_equal(check(long_answer), LOAD_WS_ERR_ANSWER);
    free(long_answer);
}

/* Decodes a frame of this length at every split of its head and at some of its payload. */
static void check_length(size_t length)
{
    unsigned char *payload = malloc(length + 1);
    struct load_buffer bytes = {0};
    struct load_ws_frame frame;
    size_t size;

    assert_non_null(payload);
    for (size_t i = 0; i < length; i++)
        payload[i] = (unsigned char)(i * 7);
    load_ws_encode_server_head(&bytes, LOAD_WS_TEXT, length);
    load_buffer_append(&bytes, payload, length);
    size = load_buffer_size(&bytes);
    for (size_t part = 0; part < size; part += part < 16 ? 1 : 997)
        assert_int_equal(load_ws_decode(load_buffer_bytes(&bytes), part, &frame), 0);
    assert_int_equal(load_ws_decode(load_buffer_bytes(&bytes), size, &frame), size);
    assert_true(frame.final);
    assert_int_equal(frame.opcode, LOAD_WS_TEXT);
    assert_int_equal(frame.payload_bytes, length);
    assert_memory_equal(frame.payload, payload, length);
    load_buffer_deinit(&bytes);
    free(payload);
}

static void test_ws_client_lengths_of_all_forms(void **state)
{
    static const size_t lengths[] = {0, 1, 125, 126, 127, 65535, 65536, 70000};

    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        check_length(lengths[i]);
}

static void assert_refused(const char *bytes, size_t size, int error)
{
    struct load_ws_frame frame;

    assert_int_equal(load_ws_decode((const unsigned char *)bytes, size, &frame), error);
}

static void test_ws_client_frames_against_the_rules(void **state)
{
    (void)state;
    assert_refused("\xc1\x00", 2, LOAD_WS_ERR_RESERVED);
    assert_refused("\x83\x00", 2, LOAD_WS_ERR_RESERVED);
    assert_refused("\x8b\x00", 2, LOAD_WS_ERR_RESERVED);
    assert_refused("\x81\x80", 2, LOAD_WS_ERR_MASKED);
    assert_refused("\x09\x00", 2, LOAD_WS_ERR_CONTROL);
    assert_refused("\x89\x7e", 2, LOAD_WS_ERR_CONTROL);
    assert_refused("\x81\x7e\x00\x7d", 4, LOAD_WS_ERR_LENGTH);
    assert_refused("\x81\x7f\x00\x00\x00\x00\x00\x00\xff\xff", 10, LOAD_WS_ERR_LENGTH);
    assert_refused("\x81\x7f\x00\x00\x00\x01\x00\x00\x00\x00", 10, LOAD_WS_ERR_LENGTH);
}

static void test_ws_client_encodes_masked(void **state)
{
    static const unsigned char wanted[] = {0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d,
                                           0x7f, 0x9f, 0x4d, 0x51, 0x58};
    struct load_buffer out = {0};
    uint32_t mask;

    (void)state;
    memcpy(&mask, wanted + 2, 4);
    load_ws_encode(&out, LOAD_WS_TEXT, "Hello", 5, mask);
    assert_int_equal(load_buffer_size(&out), sizeof wanted);
    assert_memory_equal(load_buffer_bytes(&out), wanted, sizeof wanted);
    load_buffer_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ws_client_accept_is_the_rfc_example),
        cmocka_unit_test(test_ws_client_request_has_key_and_token),
        cmocka_unit_test(test_ws_client_answer_is_taken_at_every_split),
        cmocka_unit_test(test_ws_client_bad_answers_are_refused),
        cmocka_unit_test(test_ws_client_lengths_of_all_forms),
        cmocka_unit_test(test_ws_client_frames_against_the_rules),
        cmocka_unit_test(test_ws_client_encodes_masked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
