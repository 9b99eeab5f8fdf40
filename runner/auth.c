/* Checks of the Authorization and Host headers (auth.h). Pure functions for any thread; the file
 * that a token comes from is read in auth_token_unix.c.
 */
#include "runner/auth.h"

#include "runner/listen_ip.h"

#include <string.h>

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool equals_any_case(const char *text, size_t length, const char *expected)
{
    if (strlen(expected) != length)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (lower(text[i]) != lower(expected[i]))
            return false;
    }
    return true;
}

/* The time depends on the size alone. */
static bool equals_constant_time(const uint8_t *a, const uint8_t *b, size_t size)
{
    volatile uint8_t difference = 0;
    for (size_t i = 0; i < size; i++)
        difference |= a[i] ^ b[i];
    return difference == 0;
}

static bool is_token(const char *text, size_t length)
{
    if (length < RUN_TOKEN_MIN_BYTES || length > RUN_TOKEN_MAX_BYTES)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    }
    return true;
}

bool run_auth_check_token(const struct run_auth *auth, const char *header, size_t length)
{
    static const char scheme[] = "Bearer";
    size_t prefix = sizeof scheme; /* with the space in place of the NUL */
    uint8_t digest[RUN_SHA256_SIZE];
    if (!auth->token_required)
        return true;
    if (!header || length <= prefix || header[prefix - 1] != ' ')
        return false;
    if (!equals_any_case(header, prefix - 1, scheme))
        return false;
    /* Bounded before it is hashed; a token of wrong form is wrong whatever its digest is. */
    if (!is_token(header + prefix, length - prefix))
        return false;
    run_sha256(header + prefix, length - prefix, digest);
    return equals_constant_time(digest, auth->token_digest, sizeof digest);
}

/* The length of the host in `HOST` or `HOST:PORT`, 0 if it is neither. */
static size_t host_length(const char *header, size_t length)
{
    size_t host = 0;
    uint16_t port;
    if (length > 0 && header[0] == '[') {
        const char *close = memchr(header, ']', length);
        if (!close)
            return 0;
        host = (size_t)(close - header) + 1;
    } else {
        const char *colon = memchr(header, ':', length);
        host = colon ? (size_t)(colon - header) : length;
    }
    if (host == length)
        return host;
    if (header[host] != ':' || run_ip_parse_port(header + host + 1, length - host - 1, &port) != 0)
        return 0;
    return host;
}

static bool is_ip_literal(const char *host, size_t length)
{
    struct run_ip ip;
    if (host[0] == '[')
        return run_ip_parse_v6(host + 1, length - 2, &ip) == 0;
    return run_ip_parse_v4(host, length, &ip) == 0;
}

bool run_auth_check_host(const struct run_auth_hosts *hosts, const char *header, size_t length)
{
    if (!header)
        return false;
    size_t host = host_length(header, length);
    if (host == 0)
        return false;
    if (is_ip_literal(header, host) || equals_any_case(header, host, "localhost"))
        return true;
    for (size_t i = 0; i < hosts->count; i++) {
        if (equals_any_case(header, host, hosts->names[i]))
            return true;
    }
    return false;
}
