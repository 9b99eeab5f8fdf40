/* Who may open a connection: the bearer token and the Host header of an upgrade request, and the
 * file the token comes from. A token is known to the server only as its SHA-256 digest; what a
 * client sends is hashed too and the digests are compared in constant time. Nothing here logs a
 * token or puts one into a text. Checking is pure and for any thread; loading is for the start.
 */
#ifndef RUN_AUTH_H
#define RUN_AUTH_H

#include "runner/options_why.h"
#include "runner/sha.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Shorter ones can be guessed through a socket; 16 characters of hexadecimal are 64 bits. */
#define RUN_TOKEN_MIN_BYTES 16

/* A token must fit the headers of a request (16 KiB) with room for all the others. */
#define RUN_TOKEN_MAX_BYTES 4096

/* The expected token. TOKEN_REQUIRED false: no token is looked at. */
struct run_auth {
    bool token_required;
    uint8_t token_digest[RUN_SHA256_SIZE];
};

/* Names that the Host header may carry beside IP addresses and localhost; borrowed. */
struct run_auth_hosts {
    const char *const *names;
    size_t count;
};

/* Sets AUTH to expect the token in the file PATH: a regular file of the server's user or root that
 * nobody else may read or write, 16 to 4,096 visible ASCII characters and one optional newline.
 * Returns 0, or -1 with the reason in OUT_WHY (may be NULL). Reads the disk.
 */
RUN_MUST_CHECK int run_auth_load_token(const char *path, struct run_auth *out_auth,
                                       struct run_why *out_why);

/* Judges the value of an Authorization header of LENGTH bytes (HEADER NULL: there was none):
 * `Bearer`, in any case, one space, the token, nothing else. True if no token is required.
 */
bool run_auth_check_token(const struct run_auth *auth, const char *header, size_t length);

/* Judges the value of a Host header of LENGTH bytes: an IPv4 address, an IPv6 address in brackets,
 * `localhost` or one of HOSTS, in any case, each with an optional `:PORT`. A page in a browser that
 * was lured here by a name of its own (DNS rebinding) sends that name and is refused.
 */
bool run_auth_check_host(const struct run_auth_hosts *hosts, const char *header, size_t length);

#endif
