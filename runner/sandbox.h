/*
 * Starts in a sandbox: bubblewrap is executed in the program's place, and in it this program again,
 * which sets up what only the inside can and then executes the program (sandbox_inside.h).
 *
 *    run_sandboxes   one for the server: where bubblewrap is, whether it works here
 *    run_sandbox     one for each start: a wrap of sessions/wrap.h
 *
 * Everything that concerns paths is done by helpers. What cannot be enforced is refused with the
 * reason; nothing is ever started without the sandbox that was asked for.
 */
#ifndef RUN_SANDBOX_H
#define RUN_SANDBOX_H

#include "runner/mount_points.h"
#include "runner/permissions.h"
#include "sessions/wrap.h"

enum {
    RUN_SANDBOX_PATH_BYTES = 4096,
    /* Until the program runs: disks may be slow, but a start must not hang for ever. */
    RUN_SANDBOX_SETUP_MS = 10 * 1000,
    RUN_SANDBOX_HIDDEN_MAX = 16,
    RUN_SANDBOX_FIXED_MAX = 64 /* Linux has some fifteen; with more there are no sandboxes */
};

struct run_sandboxes {
    char why_not[256]; /* why there are none; "": there are */
    char bubblewrap[RUN_SANDBOX_PATH_BYTES];
    _Atomic bool gave_network;                      /* to a program in a sandbox, at some time */
    int self_fd;                                    /* this program; -1: none */
    const char *hidden[RUN_SANDBOX_HIDDEN_MAX + 1]; /* our Unix sockets, NULL at the end */
    const char *fixed[RUN_SANDBOX_FIXED_MAX + 1];   /* below /proc: the system's, not a process's */
    struct run_mount_points *points;                /* NULL: no memory, and there are none */
};

/*
 * Looks for bubblewrap, at path or, if that is NULL, in the PATH of env, and runs something in a
 * sandbox to see that the system lets it. Does not fail: what is missing is in why_not. At the
 * server's start, on the main thread, which waits for it (some milliseconds).
 */
void run_sandboxes_init(struct run_sandboxes *sandboxes, const char *path, const char *const *env);
/* The same without looking: all are refused, for this reason. */
void run_sandboxes_init_off(struct run_sandboxes *sandboxes, const char *why_not);
void run_sandboxes_deinit(struct run_sandboxes *sandboxes);
/* Keeps a file away from every program in a sandbox; the path is copied. Before the
 * first start. */
void run_sandboxes_hide(struct run_sandboxes *sandboxes, const char *path);

/* A wrap for one start; takes permissions, not resolved yet, over. NULL: no memory, and they are
 * still the caller's. Any thread. */
struct sess_wrap *run_sandbox_new(struct run_sandboxes *sandboxes,
                                  struct run_permissions *permissions);

#endif
