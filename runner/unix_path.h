/* A listening Unix socket at a path. The socket is made in a directory of our own that nobody else
 * may enter (0700), gets mode 0600 there, and is renamed into place: at no time can another user
 * connect. Whoever serves a path holds a lock on PATH.lock, so that a socket left behind by a
 * server that was killed is told from one that is in use, and two servers never replace each
 * other's. Opening and closing touch the disk: main thread at start and end, or a helper.
 */
#ifndef RUN_UNIX_PATH_H
#define RUN_UNIX_PATH_H

#include "runner/listen_url.h"
#include "runner/options_why.h"

#include <stdint.h>

/* An open listener. FD is the listening socket, non-blocking and close-on-exec; the rest is for
 * run_unix_path_close.
 */
struct run_unix_path {
    int fd;
    int lock_fd;
    uint64_t device;
    uint64_t inode;
    char path[RUN_UNIX_PATH_MAX + 1];
};

/* Listens at the absolute PATH with BACKLOG connections waiting at most. The directory must exist
 * and not be writable by everybody unless sticky. A socket of ours that nobody listens at is
 * replaced; one in use, and anything that is no socket, is left alone. Returns 0, or -1 with the
 * reason in OUT_WHY (may be NULL) and nothing left behind.
 */
RUN_MUST_CHECK int run_unix_path_open(const char *path, int backlog,
                                      struct run_unix_path *out_listener, struct run_why *out_why);

/* Removes the path if it still is our socket, then the lock, and closes both descriptors. A
 * caller that has given FD away (to be closed by an engine) sets it to -1 before.
 */
void run_unix_path_close(struct run_unix_path *listener);

#endif
