/*
 * What a Host header names: an address or a name, and a port. The caller decides which of them it
 * serves; a server that must not be reached through a name that somebody else resolves to it (DNS
 * rebinding) takes addresses and names of its own only. Pure; any thread.
 */
#ifndef WIRE_HTTP_HOST_H
#define WIRE_HTTP_HOST_H

#include "wire/http_error.h"
#include "wire/span.h"

enum wire_http_host_kind {
    WIRE_HTTP_HOST_NAME = 1, /* letters, digits, '-', '.', '_': not looked up here */
    WIRE_HTTP_HOST_IPV4 = 2, /* four decimal numbers without leading zeroes */
    WIRE_HTTP_HOST_IPV6 = 3, /* what stood between the brackets */
};

struct wire_http_host {
    struct wire_span name; /* of the text parsed, without brackets and port */
    uint8_t kind;          /* enum wire_http_host_kind */
    bool has_port;
    uint16_t port;
};

/*
 * Parses the value of a Host header. Stricter than RFC 3986: no empty host, no percent signs, no
 * IPv6 zone. A name whose last label is all digits but that is no IPv4 address is refused, because
 * resolvers take such texts for addresses. Returns 0 or WIRE_HTTP_ERR_HOST_SYNTAX.
 */
WIRE_MUST_CHECK int wire_http_host_parse(struct wire_span value, struct wire_http_host *out_host);

/* Whether the host is the name given (without case; "localhost." with its dot is another name). */
bool wire_http_host_is(const struct wire_http_host *host, const char *name);

#endif
