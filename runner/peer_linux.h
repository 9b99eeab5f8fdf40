/* What the two ways of finding a loopback peer on Linux share: the four addresses as the other end
 * sees them. Internal to peer_linux.c and peer_proc_linux.c.
 */
#ifndef RUN_PEER_LINUX_H
#define RUN_PEER_LINUX_H

#include "runner/peer.h"

#include <netinet/in.h>
#include <stdbool.h>

/* A connection whose LOCAL end is the peer's socket and whose REMOTE end is ours. IPv4 addresses
 * are held as IPv4-mapped ones; IS_V4 says that both are such.
 */
struct run_peer_pair {
    struct sockaddr_in6 local;
    struct sockaddr_in6 remote;
    bool is_v4;
};

/* Looks PAIR up in /proc/net/tcp and tcp6. Returns 0 or an enum run_peer_error. */
RUN_MUST_CHECK int run_peer_proc_find(const struct run_peer_pair *pair,
                                      struct run_peer_owner *out_owner);

/* True for TCP states (numbers of tcp_states.h) in which a connection has a socket with an owner:
 * established, or one side closed.
 */
bool run_peer_state_counts(unsigned state);

/* Fills OUT_PAIR from the accepted SOCKET. Returns 0 or an enum run_peer_error. */
RUN_MUST_CHECK int run_peer_pair_of(int socket, struct run_peer_pair *out_pair);

#endif
