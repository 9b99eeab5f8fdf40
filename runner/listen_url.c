/* Reading of listener URLs (listen_url.h). The scheme decides which of the three errors a bad
 * URL gets; the texts of the first two are fixed by the protocol, letter by letter.
 */
#include "runner/listen_url.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const char ws_scheme[] = "ws://";
static const char unix_scheme[] = "unix://";

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static int parse_ip(const char *text, size_t length, struct run_ip *out_ip)
{
    if (length >= 2 && text[0] == '[' && text[length - 1] == ']')
        return run_ip_parse_v6(text + 1, length - 2, out_ip);
    return run_ip_parse_v4(text, length, out_ip);
}

static int parse_ws(const char *text, struct run_listen_url *out_url, struct run_why *out_why)
{
    struct run_listen_url url = {.kind = RUN_LISTEN_WS};
    const char *host = text + strlen(ws_scheme);
    const char *colon = strrchr(host, ':');
    if (!colon || parse_ip(host, (size_t)(colon - host), &url.ip) != 0 ||
        run_ip_parse_port(colon + 1, strlen(colon + 1), &url.port) != 0)
        return run_why_set(out_why, -1,
                           "invalid websocket --listen URL `%s`; expected `ws://IP:PORT`", text);
    *out_url = url;
    return 0;
}

static int parse_unix(const char *text, struct run_listen_url *out_url, struct run_why *out_why)
{
    const char *path = text + strlen(unix_scheme);
    size_t length = strlen(path);
    if (length > RUN_UNIX_PATH_MAX)
        return run_why_set(out_why, -1,
                           "invalid unix --listen URL `%s`; its path has %zu bytes and a socket's "
                           "path at most %d: choose a shorter one",
                           text, length, RUN_UNIX_PATH_MAX);
    if (path[0] != '/' || path[length - 1] == '/')
        return run_why_set(out_why, -1,
                           "invalid unix --listen URL `%s`; expected `unix://PATH` with the "
                           "absolute path of a socket, as in `unix:///run/user/1000/execport`",
                           text);
    *out_url = (struct run_listen_url){.kind = RUN_LISTEN_UNIX, .path = path};
    return 0;
}

int run_listen_url_parse(const char *text, struct run_listen_url *out_url, struct run_why *out_why)
{
    if (strcmp(text, "stdio://") == 0) {
        *out_url = (struct run_listen_url){.kind = RUN_LISTEN_STDIO};
        return 0;
    }
    if (starts_with(text, ws_scheme))
        return parse_ws(text, out_url, out_why);
    if (starts_with(text, unix_scheme))
        return parse_unix(text, out_url, out_why);
    return run_why_set(out_why, -1,
                       "unsupported --listen URL `%s`; expected `stdio://` or `ws://IP:PORT` or "
                       "`unix://PATH`",
                       text);
}

bool run_listen_url_is_local(const struct run_listen_url *url)
{
    return url->kind != RUN_LISTEN_WS || run_ip_is_loopback(&url->ip);
}

static size_t format_ws(const struct run_listen_url *url, uint16_t port, char *out_text)
{
    char ip[RUN_IP_TEXT_BYTES];
    (void)run_ip_format(&url->ip, ip);
    const char *open = url->ip.family == RUN_IP_V6 ? "[" : "";
    const char *close = url->ip.family == RUN_IP_V6 ? "]" : "";
    return (size_t)snprintf(out_text, RUN_LISTEN_URL_BYTES, "%s%s%s%s:%u", ws_scheme, open, ip,
                            close, port);
}

size_t run_listen_url_format(const struct run_listen_url *url, uint16_t port,
                             char out_text[RUN_LISTEN_URL_BYTES])
{
    size_t length = 0;
    switch (url->kind) {
    case RUN_LISTEN_STDIO:
        length = (size_t)snprintf(out_text, RUN_LISTEN_URL_BYTES, "stdio://");
        break;
    case RUN_LISTEN_WS:
        length = format_ws(url, port, out_text);
        break;
    case RUN_LISTEN_UNIX:
        length = (size_t)snprintf(out_text, RUN_LISTEN_URL_BYTES, "%s%s", unix_scheme, url->path);
        break;
    }
    assert(length > 0 && length < RUN_LISTEN_URL_BYTES);
    return length;
}
