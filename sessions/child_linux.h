/*
 * The child's side of a program start: what runs between clone and exec.
 *
 * It runs in the server's memory while the helper that started it stands still, with all signals
 * blocked. It must not allocate, lock, return, or touch what other threads may change; it tells of
 * a failure by writing to struct sess_child, which the helper reads when it runs again.
 */
#ifndef SESSIONS_CHILD_LINUX_H
#define SESSIONS_CHILD_LINUX_H

#include "sessions/sys_linux.h"

/* What failed; nothing did if the program ran, or if a signal ended the child before it could. */
enum sess_child_step {
    SESS_CHILD_OK,
    SESS_CHILD_UNSHARE, /* a table of descriptors of its own */
    SESS_CHILD_SESSION, /* setsid */
    SESS_CHILD_DEATH_SIGNAL,
    SESS_CHILD_ORPHANED, /* the server is gone: nobody reads this */
    SESS_CHILD_TERMINAL, /* the controlling terminal */
    SESS_CHILD_STDIO,    /* descriptors 0 to 2 */
    SESS_CHILD_CWD,
    SESS_CHILD_LIMIT,
    SESS_CHILD_MASK,
    SESS_CHILD_EXEC
};

enum { SESS_CHILD_EXTRA_MAX = 8 };

struct sess_child {
    const struct sess_sys *sys;
    pid_t server_pid;
    int stdio[3];          /* what becomes descriptors 0 to 2 */
    const intptr_t *extra; /* what becomes those from 3 on; of a wrapper */
    int extra_count;
    bool wraps;       /* it is a wrapper: signals to the program do not concern it */
    int unshare_from; /* with shared descriptors: the first that is not needed; 0: not shared */
    bool tty;         /* stdio[0] becomes the controlling terminal */
    bool cleared;     /* no signal handler of ours is left */
    uint64_t ignored_signals, handled_signals; /* see struct sess_platform */
    struct rlimit nofile;
    const char *cwd; /* or NULL */
    const char *program, *search;
    char **argv, **env;
    char path[4096]; /* room for the search */

    enum sess_child_step failed; /* written by the child */
    int os_error;
};

/* What the child does; argument is a struct sess_child. Ends in exec or exit. */
void sess_child_run(void *argument);

#endif
