/*
 * Writes responses piece by piece through a small sink that counts on when the buffer is full and
 * so knows at the end whether all of it fitted.
 */
#include "wire/http_response.h"

#include "wire/http_grammar.h"

#include <assert.h>

struct status_row {
    int status;
    const char *reason;
    const char *connection; /* the value of Connection */
    const char *extra;      /* whole header lines that the status brings */
};

/* RFC 9110, section 15.5.22: a 426 names the protocol, and Upgrade is listed in Connection. */
static const struct status_row rows[] = {
    {200, "OK", "close", ""},
    {400, "Bad Request", "close", ""},
    {401, "Unauthorized", "close", "WWW-Authenticate: Bearer\r\n"},
    {403, "Forbidden", "close", ""},
    {404, "Not Found", "close", ""},
    {405, "Method Not Allowed", "close", "Allow: GET\r\n"},
    {408, "Request Timeout", "close", ""},
    {413, "Content Too Large", "close", ""},
    {414, "URI Too Long", "close", ""},
    {426, "Upgrade Required", "close, Upgrade",
     "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"},
    {431, "Request Header Fields Too Large", "close", ""},
    {500, "Internal Server Error", "close", ""},
    {501, "Not Implemented", "close", ""},
    {503, "Service Unavailable", "close", ""},
    {505, "HTTP Version Not Supported", "close", ""},
};

struct sink {
    uint8_t *buffer;
    size_t capacity;
    size_t size; /* above capacity once something did not fit */
};

static void put(struct sink *sink, struct wire_span bytes)
{
    if (bytes.size > 0 && sink->size <= sink->capacity &&
        bytes.size <= sink->capacity - sink->size) {
        memcpy(sink->buffer + sink->size, bytes.data, bytes.size);
    }
    sink->size += bytes.size;
}

static void put_text(struct sink *sink, const char *text)
{
    put(sink, wire_span_text(text));
}

static void put_number(struct sink *sink, uint64_t number)
{
    uint8_t digits[20];
    size_t start = sizeof digits;
    do {
        digits[--start] = (uint8_t)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    put(sink, wire_span_of(digits + start, sizeof digits - start));
}

static ptrdiff_t finish(const struct sink *sink)
{
    return sink->size <= sink->capacity ? (ptrdiff_t)sink->size : WIRE_HTTP_ERR_CAPACITY;
}

static const struct status_row *find_row(int status)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].status == status) {
            return &rows[i];
        }
    }
    return NULL;
}

const char *wire_http_reason(int status)
{
    const struct status_row *row = find_row(status);
    return row ? row->reason : NULL;
}

ptrdiff_t wire_http_response_write(const struct wire_http_response *response, uint8_t *buffer,
                                   size_t capacity)
{
    const struct status_row *row = find_row(response->status);
    struct sink sink = {.buffer = buffer, .capacity = capacity};
    assert(row);
    put_text(&sink, "HTTP/1.1 ");
    put_number(&sink, (uint64_t)response->status);
    put_text(&sink, " ");
    put_text(&sink, row->reason);
    put_text(&sink, "\r\nConnection: ");
    put_text(&sink, row->connection);
    put_text(&sink, "\r\n");
    put_text(&sink, row->extra);
    put_text(&sink, "Content-Type: ");
    put_text(&sink, response->content_type ? response->content_type : "text/plain; charset=utf-8");
    put_text(&sink, "\r\nContent-Length: ");
    put_number(&sink, response->body.size);
    put_text(&sink, "\r\n\r\n");
    put(&sink, response->body);
    return finish(&sink);
}

ptrdiff_t wire_http_response_write_error(int error, uint8_t *buffer, size_t capacity)
{
    char body[128];
    const char *text = wire_http_error_text(error);
    size_t size = strlen(text);
    assert(error < 0 && size + 1 < sizeof body);
    memcpy(body, text, size);
    body[size] = '\n';
    struct wire_http_response response = {
        .status = wire_http_error_status(error),
        .body = wire_span_of(body, size + 1),
    };
    return wire_http_response_write(&response, buffer, capacity);
}

ptrdiff_t wire_http_response_write_upgrade(const char accept[WIRE_HTTP_ACCEPT_BYTES],
                                           const char *subprotocol, uint8_t *buffer,
                                           size_t capacity)
{
    struct sink sink = {.buffer = buffer, .capacity = capacity};
    put_text(&sink, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                    "Upgrade: websocket\r\nSec-WebSocket-Accept: ");
    put(&sink, wire_span_of(accept, WIRE_HTTP_ACCEPT_BYTES));
    if (subprotocol) {
        assert(wire_http_all_token(wire_span_text(subprotocol)));
        put_text(&sink, "\r\nSec-WebSocket-Protocol: ");
        put_text(&sink, subprotocol);
    }
    put_text(&sink, "\r\n\r\n");
    return finish(&sink);
}
