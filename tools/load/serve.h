/*
 * A server that this program starts itself, to measure it: its process, how to reach it, and which
 * processes make it up. It is ended by its process id, and it does not outlive this program.
 */
#ifndef EXECPORT_TOOLS_LOAD_SERVE_H
#define EXECPORT_TOOLS_LOAD_SERVE_H

#include "tools/load/proc.h"

#include <stdbool.h>
#include <sys/types.h>

enum { LOAD_URL_SIZE = 512 };

struct load_server {
    pid_t pid; /* of the command; 0: none was started */
    char url[LOAD_URL_SIZE];
    int stdin_fd;  /* -1, or with_stdio: to the server's standard input */
    int stdout_fd; /* where the URL came from, or with_stdio: the server's standard output */
    int log_fd;    /* what it says on standard error */
    struct load_proc_set set;
};

/*
 * Starts the shell command. Without stdio: waits at most 30 s for a line of its standard output
 * that begins with ws:// or tcp://. Afterwards server->set holds its processes. Returns 0, or
 * LOAD_FAILED with what the server said; then nothing is left running.
 */
int load_server_start(struct load_server *server, const char *command, bool with_stdio);

/*
 * Ends the server: SIGTERM, after 10 s SIGKILL, and whatever of its set is left then. Does nothing
 * if none was started.
 */
void load_server_stop(struct load_server *server);

/* Says on standard error the last of what the server wrote to its own. */
void load_server_say_log(const struct load_server *server);

#endif
