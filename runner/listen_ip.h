/* IP addresses as text: strict reading of literal IPv4 and IPv6 addresses, and writing them.
 * Used for listener URLs and for the Host header, where a name that merely looks like an address
 * must not pass. Pure functions over bytes: no OS header, no look-up of names, any thread.
 */
#ifndef RUN_LISTEN_IP_H
#define RUN_LISTEN_IP_H

#include "runner/options_why.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest text of an address (an IPv6 address that ends in dotted decimal) and its NUL. */
#define RUN_IP_TEXT_BYTES 46

enum run_ip_family {
    RUN_IP_V4 = 4,
    RUN_IP_V6 = 6,
};

/* An address in network order; of BYTES an IPv4 address uses the first 4. */
struct run_ip {
    enum run_ip_family family;
    uint8_t bytes[16];
};

/* Reads exactly LENGTH bytes of TEXT as four decimal numbers 0 to 255 without leading zeros.
 * Returns 0 and fills OUT_IP, or -1 and leaves it alone.
 */
RUN_MUST_CHECK int run_ip_parse_v4(const char *text, size_t length, struct run_ip *out_ip);

/* Reads exactly LENGTH bytes of TEXT as an IPv6 address (RFC 4291, section 2.2, all three forms;
 * no brackets, no zone). Returns 0 and fills OUT_IP, or -1 and leaves it alone.
 */
RUN_MUST_CHECK int run_ip_parse_v6(const char *text, size_t length, struct run_ip *out_ip);

/* Reads 1 to 5 decimal digits of at most 65535. Returns 0 and fills OUT_PORT, or -1. */
RUN_MUST_CHECK int run_ip_parse_port(const char *text, size_t length, uint16_t *out_port);

/* True for 127.0.0.0/8, ::1 and 127.0.0.0/8 written as an IPv4-mapped IPv6 address. */
bool run_ip_is_loopback(const struct run_ip *ip);

/* Writes IP as RFC 5952 asks (lower case, the longest run of zeros as `::`), without brackets,
 * NUL-terminated. Returns the length.
 */
size_t run_ip_format(const struct run_ip *ip, char out_text[RUN_IP_TEXT_BYTES]);

#endif
