/*
 * The answers to the one request of a connection: the switch to WebSocket, or a plain response
 * after which the connection closes. Everything goes into a buffer of the caller; nothing is
 * allocated. Responses carry no Date: this folder has no clock, and a server without one sends
 * none (RFC 9110, section 6.6.1). Pure; any thread.
 */
#ifndef WIRE_HTTP_RESPONSE_H
#define WIRE_HTTP_RESPONSE_H

#include "wire/http_error.h"
#include "wire/http_upgrade.h"
#include "wire/span.h"

/* Enough for the head of every response here, and for a 101 with a subprotocol of 64 bytes. */
#define WIRE_HTTP_RESPONSE_HEAD_BYTES ((size_t)512)

/*
 * A plain response. Some statuses bring headers of their own: 401 WWW-Authenticate: Bearer, 405
 * Allow: GET, 426 Upgrade and Sec-WebSocket-Version: 13; all have Connection: close and an exact
 * Content-Length.
 */
struct wire_http_response {
    int status;               /* one that wire_http_reason knows (asserted) */
    const char *content_type; /* from our own code; NULL: plain text in UTF-8 */
    struct wire_span body;
};

/* The reason phrase of a status that we send, NULL for any other. */
const char *wire_http_reason(int status);

/*
 * Writes a plain response into buffer; WIRE_HTTP_RESPONSE_HEAD_BYTES more than the body always is
 * enough. Returns its size, or WIRE_HTTP_ERR_CAPACITY.
 */
WIRE_MUST_CHECK ptrdiff_t wire_http_response_write(const struct wire_http_response *response,
                                                   uint8_t *buffer, size_t capacity);

/*
 * The plain response to a negative enum wire_http_error: its status, and its phrase with a line end
 * as the body. Returns and fails as wire_http_response_write.
 */
WIRE_MUST_CHECK ptrdiff_t wire_http_response_write_error(int error, uint8_t *buffer,
                                                         size_t capacity);

/*
 * Writes the 101 that ends the handshake. subprotocol is the one chosen of those offered, NULL for
 * none. Returns its size, or WIRE_HTTP_ERR_CAPACITY.
 */
WIRE_MUST_CHECK ptrdiff_t
wire_http_response_write_upgrade(const char accept[WIRE_HTTP_ACCEPT_BYTES], const char *subprotocol,
                                 uint8_t *buffer, size_t capacity);

#endif
