/*
 * Starting a child the bare way, shared by the bare server and the loop that only starts.
 */
#ifndef EXECPORT_TOOLS_LOAD_BARE_SPAWN_H
#define EXECPORT_TOOLS_LOAD_BARE_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

/* A child that was started: its streams' ends here, and its pidfd. */
struct load_bare_child {
    pid_t pid;
    int stdin_fd;
    int stdout_fd; /* a terminal's master */
    int stderr_fd; /* -1: a terminal */
    int pidfd;
};

/*
 * Starts argv in the root directory, in a session of its own, on three pipes or on a terminal of 24
 * rows and 80 columns. Returns 0, or -1 with errno set and nothing left open.
 */
int load_bare_spawn(char *const *argv, char *const *env, bool on_tty,
                    struct load_bare_child *out_child);

#endif
