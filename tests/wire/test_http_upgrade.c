/*
 * The rest of the handshake: the accept text (the example of RFC 6455 and two recorded from a
 * client), tokens, subprotocols, hosts, and every response byte for byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/wire/support_sha1.h"
#include "wire/http_host.h"
#include "wire/http_response.h"

static void test_http_upgrade_accept(void **state)
{
    static const char *const rows[][2] = {
        {"dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="},
        {"gxRUHqDdDGK9b90OT1mqSw==", "YFq6pmHWSMo654cvJWmrkx+LcAM="},
        {"yhNhBmc3fNWynqHb8DH8/A==", "fn3MNQCQA6SLbfmPAJcKyTI5VAo="},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char accept[WIRE_HTTP_ACCEPT_BYTES];
        wire_http_accept(wire_span_text(rows[i][0]), support_sha1, accept);
        assert_memory_equal(accept, rows[i][1], WIRE_HTTP_ACCEPT_BYTES);
    }
}

static bool bearer_is(const char *authorization, const char *expected)
{
    struct wire_span token;
    return wire_http_bearer(wire_span_text(authorization), &token) &&
           wire_span_equal(token, wire_span_text(expected));
}

static void test_http_upgrade_bearer(void **state)
{
    static const char *const bad[] = {"",        "Bearer",     "Bearer ",   "Bearer a b",
                                      "Basic a", "Bearerer a", "Bearer\ta", "Bear"};
    struct wire_span token;
    (void)state;
    assert_true(bearer_is("Bearer s3cret", "s3cret"));
    assert_true(bearer_is("bEARER  s3=", "s3="));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(wire_http_bearer(wire_span_text(bad[i]), &token));
    }
    assert_false(wire_http_bearer(wire_span_of(NULL, 0), &token));
}

static void test_http_upgrade_offers(void **state)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Protocol: a, b\r\n"
                               "Sec-WebSocket-Protocol: execport.v1\r\n\r\n";
    struct wire_http_request request;
    size_t used;
    (void)state;
    wire_http_request_init(&request, NULL);
    assert_int_equal(wire_http_request_push(&request, wire_span_of(text, sizeof text - 1), &used),
                     WIRE_HTTP_DONE);
    assert_true(wire_http_upgrade_offers(&request, "b"));
    assert_true(wire_http_upgrade_offers(&request, "execport.v1"));
    assert_false(wire_http_upgrade_offers(&request, "Execport.v1"));
    assert_false(wire_http_upgrade_offers(&request, "execport"));
    wire_http_request_deinit(&request);
}

struct host_row {
    const char *value;
    int kind; /* 0: refused */
    const char *name;
    int port; /* -1: none */
};

static const struct host_row host_rows[] = {
    {"127.0.0.1:8080", WIRE_HTTP_HOST_IPV4, "127.0.0.1", 8080},
    {"127.0.0.1", WIRE_HTTP_HOST_IPV4, "127.0.0.1", -1},
    {"255.255.255.255:65535", WIRE_HTTP_HOST_IPV4, "255.255.255.255", 65535},
    {"0.0.0.0:0", WIRE_HTTP_HOST_IPV4, "0.0.0.0", 0},
    {"[::1]:80", WIRE_HTTP_HOST_IPV6, "::1", 80},
    {"[::]", WIRE_HTTP_HOST_IPV6, "::", -1},
    {"[1::]", WIRE_HTTP_HOST_IPV6, "1::", -1},
    {"[2001:db8::aBcD:1]", WIRE_HTTP_HOST_IPV6, "2001:db8::aBcD:1", -1},
    {"[1:2:3:4:5:6:7:8]", WIRE_HTTP_HOST_IPV6, "1:2:3:4:5:6:7:8", -1},
    {"[::ffff:127.0.0.1]", WIRE_HTTP_HOST_IPV6, "::ffff:127.0.0.1", -1},
    {"[1:2:3:4:5:6:1.2.3.4]", WIRE_HTTP_HOST_IPV6, "1:2:3:4:5:6:1.2.3.4", -1},
    {"[1:2:3:4:5:6:7::]", WIRE_HTTP_HOST_IPV6, "1:2:3:4:5:6:7::", -1},
    {"localhost", WIRE_HTTP_HOST_NAME, "localhost", -1},
    {"LocalHost:1", WIRE_HTTP_HOST_NAME, "LocalHost", 1},
    {"localhost:", WIRE_HTTP_HOST_NAME, "localhost", -1},
    {"a-b.example_1.com", WIRE_HTTP_HOST_NAME, "a-b.example_1.com", -1},
    {"1.example", WIRE_HTTP_HOST_NAME, "1.example", -1},
    {"0x7f.1.x", WIRE_HTTP_HOST_NAME, "0x7f.1.x", -1},
    {"", 0, NULL, 0},
    {":80", 0, NULL, 0},
    {"a:65536", 0, NULL, 0},
    {"a:x", 0, NULL, 0},
    {"a:1:2", 0, NULL, 0},
    {"a:-1", 0, NULL, 0},
    {"a:000080", 0, NULL, 0},
    {"a b", 0, NULL, 0},
    {"a@b", 0, NULL, 0},
    {"a/b", 0, NULL, 0},
    {"a%2eb", 0, NULL, 0},
    {"caf\xc3\xa9", 0, NULL, 0},
    {".a", 0, NULL, 0},
    {"2130706433", 0, NULL, 0},
    {"127.1", 0, NULL, 0},
    {"127.0.0.01", 0, NULL, 0},
    {"127.0.0.256", 0, NULL, 0},
    {"127.0.0.1.", 0, NULL, 0},
    {"127.0.0.1.2", 0, NULL, 0},
    {"::1", 0, NULL, 0},
    {"[]", 0, NULL, 0},
    {"[", 0, NULL, 0},
    {"[::1", 0, NULL, 0},
    {"[::1]x", 0, NULL, 0},
    {"[::1]:", WIRE_HTTP_HOST_IPV6, "::1", -1},
    {"[:1]", 0, NULL, 0},
    {"[1:]", 0, NULL, 0},
    {"[1::2::3]", 0, NULL, 0},
    {"[12345::]", 0, NULL, 0},
    {"[1:2:3:4:5:6:7]", 0, NULL, 0},
    {"[1:2:3:4:5:6:7:8:9]", 0, NULL, 0},
    {"[1:2:3:4:5:6:7:8::]", 0, NULL, 0},
    {"[:::]", 0, NULL, 0},
    {"[::g]", 0, NULL, 0},
    {"[fe80::1%25eth0]", 0, NULL, 0},
    {"[v1.x]", 0, NULL, 0},
    {"[::1.2.3]", 0, NULL, 0},
    {"[1.2.3.4]", 0, NULL, 0},
    {"[1:2:3:4:5:6:7:1.2.3.4]", 0, NULL, 0},
};

static void test_http_host(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof host_rows / sizeof host_rows[0]; i++) {
        const struct host_row *row = &host_rows[i];
        struct wire_http_host host;
        int error = wire_http_host_parse(wire_span_text(row->value), &host);
        if (row->kind == 0) {
            if (error != WIRE_HTTP_ERR_HOST_SYNTAX) {
                fail_msg("%s is taken", row->value);
            }
            continue;
        }
        if (error || host.kind != row->kind || host.has_port != (row->port >= 0) ||
            (host.has_port && host.port != row->port) ||
            !wire_span_equal(host.name, wire_span_text(row->name))) {
            fail_msg("%s: %d, kind %d, name %.*s, port %d %d", row->value, error, host.kind,
                     (int)host.name.size, (const char *)host.name.data, host.has_port, host.port);
        }
    }
    assert_int_equal(wire_http_host_parse(wire_span_of(NULL, 0), &(struct wire_http_host){0}),
                     WIRE_HTTP_ERR_HOST_SYNTAX);
}

static void test_http_host_name_size_and_case(void **state)
{
    char name[255];
    struct wire_http_host host;
    (void)state;
    memset(name, 'a', sizeof name);
    assert_int_equal(wire_http_host_parse(wire_span_of(name, 253), &host), 0);
    assert_int_equal(wire_http_host_parse(wire_span_of(name, 254), &host),
                     WIRE_HTTP_ERR_HOST_SYNTAX);
    assert_int_equal(wire_http_host_parse(wire_span_text("LOCALhost:1"), &host), 0);
    assert_true(wire_http_host_is(&host, "localhost"));
    assert_false(wire_http_host_is(&host, "localhost."));
    assert_false(wire_http_host_is(&host, "localhos"));
}

/* Writes a response into memory of exactly its size, and into one byte less. */
static void check_response(const struct wire_http_response *response, const char *expected)
{
    size_t size = strlen(expected);
    uint8_t *buffer = malloc(size);
    assert_non_null(buffer);
    assert_int_equal(wire_http_response_write(response, buffer, size), size);
    assert_memory_equal(buffer, expected, size);
    for (size_t capacity = 0; capacity < size; capacity++) {
        uint8_t *small = malloc(capacity > 0 ? capacity : 1);
        assert_int_equal(wire_http_response_write(response, small, capacity),
                         WIRE_HTTP_ERR_CAPACITY);
        free(small);
    }
    free(buffer);
}

#define PLAIN "Content-Type: text/plain; charset=utf-8\r\n"

static void test_http_response_plain(void **state)
{
    struct wire_http_response response = {.status = 200, .body = wire_span_text("ok\n")};
    (void)state;
    check_response(&response, "HTTP/1.1 200 OK\r\nConnection: close\r\n" PLAIN
                              "Content-Length: 3\r\n\r\nok\n");
    response = (struct wire_http_response){.status = 401};
    check_response(&response, "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n"
                              "WWW-Authenticate: Bearer\r\n" PLAIN "Content-Length: 0\r\n\r\n");
    response = (struct wire_http_response){.status = 405, .content_type = "text/x"};
    check_response(&response, "HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\n"
                              "Allow: GET\r\nContent-Type: text/x\r\n"
                              "Content-Length: 0\r\n\r\n");
    response = (struct wire_http_response){.status = 426, .body = wire_span_text("0123456789")};
    check_response(&response, "HTTP/1.1 426 Upgrade Required\r\nConnection: close, Upgrade\r\n"
                              "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" PLAIN
                              "Content-Length: 10\r\n\r\n0123456789");
}

static void test_http_response_every_status(void **state)
{
    static const int statuses[] = {200, 400, 401, 403, 404, 405, 408, 413,
                                   414, 426, 431, 500, 501, 503, 505};
    (void)state;
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        uint8_t buffer[WIRE_HTTP_RESPONSE_HEAD_BYTES + 1];
        struct wire_http_response response = {.status = statuses[i]};
        ptrdiff_t size = wire_http_response_write(&response, buffer, sizeof buffer - 1);
        assert_true(size > 0);
        buffer[size] = 0;
        const char *text = (const char *)buffer;
        assert_int_equal(strtol(text + sizeof "HTTP/1.1", NULL, 10), statuses[i]);
        assert_non_null(wire_http_reason(statuses[i]));
        assert_non_null(strstr(text, wire_http_reason(statuses[i])));
        assert_non_null(strstr(text, "\r\nConnection: close"));
        assert_non_null(strstr(text, "\r\nContent-Length: 0\r\n"));
        assert_string_equal(text + size - 4, "\r\n\r\n");
    }
    assert_null(wire_http_reason(302));
}

/* Every error has a response. */
static void test_http_response_errors(void **state)
{
    (void)state;
    for (int error = -1; error >= WIRE_HTTP_ERR_CAPACITY; error--) {
        uint8_t buffer[WIRE_HTTP_RESPONSE_HEAD_BYTES + 128];
        ptrdiff_t size = wire_http_response_write_error(error, buffer, sizeof buffer);
        assert_true(size > 0 && buffer[size - 1] == '\n');
    }
    assert_string_equal(wire_http_error_text(-1000), "unknown error");
    assert_int_equal(wire_http_error_status(-1000), 500);
}

static void test_http_response_upgrade(void **state)
{
    static const char expected[] =
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    static const char protocol[] = "\r\nSec-WebSocket-Protocol: execport.v1\r\n\r\n";
    static const char accept[] = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    uint8_t buffer[WIRE_HTTP_RESPONSE_HEAD_BYTES];
    (void)state;
    ptrdiff_t size = wire_http_response_write_upgrade(accept, NULL, buffer, sizeof buffer);
    assert_int_equal(size, sizeof expected - 1);
    assert_memory_equal(buffer, expected, sizeof expected - 1);
    assert_int_equal(wire_http_response_write_upgrade(accept, NULL, buffer, sizeof expected - 2),
                     WIRE_HTTP_ERR_CAPACITY);
    size = wire_http_response_write_upgrade(accept, "execport.v1", buffer, sizeof buffer);
    assert_int_equal(size, sizeof expected - 5 + sizeof protocol - 1);
    assert_memory_equal(buffer + size - (sizeof protocol - 1), protocol, sizeof protocol - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http_upgrade_accept),
        cmocka_unit_test(test_http_upgrade_bearer),
        cmocka_unit_test(test_http_upgrade_offers),
        cmocka_unit_test(test_http_host),
        cmocka_unit_test(test_http_host_name_size_and_case),
        cmocka_unit_test(test_http_response_plain),
        cmocka_unit_test(test_http_response_every_status),
        cmocka_unit_test(test_http_response_errors),
        cmocka_unit_test(test_http_response_upgrade),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
