/*
 * Whether a request asks for a WebSocket, and whether it asks rightly (RFC 6455, section 4.2.1).
 * Who may connect is not decided here: the caller looks at Host, Origin and Authorization, which
 * are given for every request, and at the path. Pure; any thread.
 */
#ifndef WIRE_HTTP_UPGRADE_H
#define WIRE_HTTP_UPGRADE_H

#include "wire/http_fields.h"

/* The text of Sec-WebSocket-Accept: 20 bytes in base64. */
#define WIRE_HTTP_ACCEPT_BYTES 28

enum wire_http_upgrade_result {
    WIRE_HTTP_PLAIN = 0,     /* an ordinary GET */
    WIRE_HTTP_WEBSOCKET = 1, /* a good WebSocket handshake */
};

/* What the caller decides by: spans of the request; NULL and 0 where there is no such header. */
struct wire_http_upgrade {
    struct wire_span host;
    struct wire_span origin;
    struct wire_span authorization;
    struct wire_span key; /* of a WebSocket only */
};

/*
 * Looks at a request that is done. Returns enum wire_http_upgrade_result or a negative enum
 * wire_http_error, whose status answers the request; *out_upgrade is written in every case.
 * An Upgrade to anything but websocket is ignored, as HTTP asks.
 */
WIRE_MUST_CHECK int wire_http_upgrade_check(const struct wire_http_request *request,
                                            struct wire_http_upgrade *out_upgrade);

/* Whether the client offers the WebSocket subprotocol (compared with case). */
bool wire_http_upgrade_offers(const struct wire_http_request *request, const char *subprotocol);

/*
 * The token of "Bearer TOKEN" (the scheme without case). False if authorization is something else.
 * Compare the token in constant time.
 */
bool wire_http_bearer(struct wire_span authorization, struct wire_span *out_token);

/* SHA-1 of data: digest gets 20 bytes. The handshake needs it and this folder has no crypto. */
typedef void (*wire_http_sha1)(const uint8_t *data, size_t size_bytes, uint8_t digest[20]);

/* Makes the text of Sec-WebSocket-Accept (no NUL) from a key that wire_http_upgrade_check gave. */
void wire_http_accept(struct wire_span key, wire_http_sha1 sha1,
                      char out_accept[WIRE_HTTP_ACCEPT_BYTES]);

#endif
