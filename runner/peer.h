/* Who is at the other end of a local connection. For a Unix socket the kernel says so; for a
 * loopback TCP connection the other end's own socket is looked up by its four addresses. The answer
 * is the user of that socket's creator, taken only while a process holds it: an address pair whose
 * socket is closed, waits for the end or merely listens belongs to nobody here. May take
 * milliseconds on a host with many sockets where the fast way is closed: for a helper thread.
 */
#ifndef RUN_PEER_H
#define RUN_PEER_H

#include "runner/options_why.h"

#include <stdbool.h>
#include <stdint.h>

enum run_peer_error {
    RUN_PEER_NOT_LOCAL = -1,   /* neither a Unix socket nor both ends on loopback */
    RUN_PEER_NOT_FOUND = -2,   /* the other end is gone, or in another network namespace */
    RUN_PEER_UNAVAILABLE = -3, /* the system did not answer; errno says why */
};

/* Who holds the other end. */
struct run_peer_owner {
    int64_t uid;
    uint64_t inode; /* of the peer's socket; 0 for a Unix socket, where nobody asks */
};

/* As run_peer_uid, and tells the socket apart from others. */
RUN_MUST_CHECK int run_peer_owner(int socket, struct run_peer_owner *out_owner);

/* Whether a process that has this socket open lives in our user namespace, so is in no sandbox.
 * Looks at every process: milliseconds. Any thread that may wait.
 */
bool run_peer_is_outside(uint64_t inode);

/* Writes the numeric user id of the process at the other end of the accepted SOCKET. Returns 0 or
 * an enum run_peer_error. Borrows SOCKET. Any thread that may wait.
 */
RUN_MUST_CHECK int run_peer_uid(int socket, int64_t *out_uid);

/* The same for a TCP connection by way of /proc/net alone, which run_peer_uid falls back to. */
RUN_MUST_CHECK int run_peer_uid_from_proc(int socket, int64_t *out_uid);

#endif
