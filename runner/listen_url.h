/* A listener's URL as the option --listen takes it: `stdio://`, `ws://IP:PORT` with a literal
 * IPv4 or bracketed IPv6 address, or `unix://PATH` with an absolute path. Only reading, judging
 * and printing: nothing is opened here. Pure functions, any thread, no OS header.
 */
#ifndef RUN_LISTEN_URL_H
#define RUN_LISTEN_URL_H

#include "runner/listen_ip.h"
#include "runner/options_why.h"

/* The longest path that fits a socket address with its NUL (sun_path has 108 bytes on Linux). */
#define RUN_UNIX_PATH_MAX 107

/* `ws://[` + address + `]:65535` + NUL, or `unix://` + path + NUL. */
#define RUN_LISTEN_URL_BYTES (RUN_UNIX_PATH_MAX + 8)

enum run_listen_kind {
    RUN_LISTEN_STDIO,
    RUN_LISTEN_WS,
    RUN_LISTEN_UNIX,
};

/* PATH points into the text that was parsed, which must outlive this; NULL unless kind is unix. */
struct run_listen_url {
    enum run_listen_kind kind;
    struct run_ip ip;
    uint16_t port;
    const char *path;
};

/* Reads TEXT (NUL-terminated, borrowed by OUT_URL). Returns 0, or -1 with the reason in OUT_WHY
 * (may be NULL); OUT_URL is left alone then. The texts for a bad scheme and a bad ws URL are part
 * of the protocol: clients of the first exec servers compare them.
 */
RUN_MUST_CHECK int run_listen_url_parse(const char *text, struct run_listen_url *out_url,
                                        struct run_why *out_why);

/* True if only this machine can reach the listener: everything but a ws URL off loopback. */
bool run_listen_url_is_local(const struct run_listen_url *url);

/* Writes the URL with PORT instead of its own (a listener on port 0 learns its port when it
 * binds), NUL-terminated. Returns the length.
 */
size_t run_listen_url_format(const struct run_listen_url *url, uint16_t port,
                             char out_text[RUN_LISTEN_URL_BYTES]);

#endif
