/* The standard descriptors 0 to 2 of a Unix process and what may be done with them. Other programs
 * share their file descriptions (the shell that started us, a sibling in a pipeline), so none is
 * ever made non-blocking in place: a pipe is opened a second time, which makes a description of
 * our own; a socket is used with a flag per call; anything else is left to a thread that may wait.
 * Used on the main thread at start, before descriptors are handed out.
 */
#ifndef RUN_FDS_H
#define RUN_FDS_H

#include "runner/options_why.h"

enum run_fds_kind {
    RUN_FDS_PIPE,   /* our own description, non-blocking */
    RUN_FDS_SOCKET, /* shared description: every call needs MSG_DONTWAIT */
    RUN_FDS_OTHER,  /* shared description: every call may wait, so a helper makes it */
};

/* A standard handle that has become ours: FD is above 2, close-on-exec, and the caller's. */
struct run_fds_standard {
    int fd;
    enum run_fds_kind kind;
};

/* Opens /dev/null for each of 0 to 2 that is closed, so that no later descriptor takes its place.
 * Returns 0, or -1 with errno set if /dev/null cannot be opened. First thing in main.
 */
RUN_MUST_CHECK int run_fds_open_standard(void);

/* Opens the pipe behind FD once more, non-blocking and close-on-exec, with FD's access mode.
 * Returns the new descriptor, or -1 if FD is no pipe or belongs to somebody who does not let us.
 */
RUN_MUST_CHECK int run_fds_reopen_pipe(int fd);

/* Takes standard descriptor FD (0 or 1) for a listener: OUT gets a descriptor of our own, and FD
 * itself becomes /dev/null, so that closing OUT's is what the other side notices. Returns 0, or -1
 * with errno set and nothing changed.
 */
RUN_MUST_CHECK int run_fds_take(int fd, struct run_fds_standard *out);

#endif
