/*
 * The system calls of a start that no server can do without, in their plainest form: three pipes or
 * a terminal; posix_spawn with a session of its own, closefrom, chdir, default signals; a pidfd.
 */
#include "tools/load/bare_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The ends of a child's streams: its own, and the server's. */
struct streams {
    int child[3];
    int server[3];
    char terminal[64]; /* the path of the terminal; empty: pipes */
};

static void close_all(const int fds[3])
{
    for (int i = 0; i < 3; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

static int open_pipes(struct streams *streams)
{
    for (int i = 0; i < 3; i++) {
        int ends[2];

        if (pipe2(ends, O_CLOEXEC) != 0)
            return -1;
        streams->child[i] = ends[i == 0 ? 0 : 1];
        streams->server[i] = ends[i == 0 ? 1 : 0];
    }
    return 0;
}

static int open_terminal(struct streams *streams)
{
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

    if (master < 0)
        return -1;
    streams->server[1] = master;
    if (grantpt(master) != 0 || unlockpt(master) != 0 ||
        ptsname_r(master, streams->terminal, sizeof streams->terminal) != 0 ||
        ioctl(master, TIOCSWINSZ, &size) != 0)
        return -1;
    streams->server[0] = fcntl(master, F_DUPFD_CLOEXEC, 0);
    return streams->server[0] < 0 ? -1 : 0;
}

static void add_actions(posix_spawn_file_actions_t *actions, const struct streams *streams)
{
    if (streams->terminal[0] != '\0') {
        /* The first terminal that a session's leader opens becomes its controlling one. */
        posix_spawn_file_actions_addopen(actions, 0, streams->terminal, O_RDWR, 0);
        posix_spawn_file_actions_adddup2(actions, 0, 1);
        posix_spawn_file_actions_adddup2(actions, 0, 2);
    } else {
        for (int i = 0; i < 3; i++)
            posix_spawn_file_actions_adddup2(actions, streams->child[i], i);
    }
    posix_spawn_file_actions_addclosefrom_np(actions, 3);
    posix_spawn_file_actions_addchdir_np(actions, "/");
}

static int spawn(const struct streams *streams, char *const *argv, char *const *env, pid_t *out_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t ignored;
    sigset_t none;
    int error;

    /* What is handled becomes the default by exec itself; only what is ignored stays so. */
    sigemptyset(&ignored);
    sigaddset(&ignored, SIGPIPE);
    sigemptyset(&none);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigdefault(&attributes, &ignored);
    posix_spawnattr_setsigmask(&attributes, &none);
    add_actions(&actions, streams);
    error = posix_spawnp(out_pid, argv[0], &actions, &attributes, argv, env);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    errno = error;
    return error == 0 ? 0 : -1;
}

int load_bare_spawn(char *const *argv, char *const *env, bool on_tty,
                    struct load_bare_child *out_child)
{
    struct streams streams = {.child = {-1, -1, -1}, .server = {-1, -1, -1}};
    int result = on_tty ? open_terminal(&streams) : open_pipes(&streams);
    int error;

    if (result == 0)
        result = spawn(&streams, argv, env, &out_child->pid);
    error = errno;
    close_all(streams.child);
    if (result != 0) {
        close_all(streams.server);
        errno = error;
        return -1;
    }
    out_child->stdin_fd = streams.server[0];
    out_child->stdout_fd = streams.server[1];
    out_child->stderr_fd = streams.server[2];
    out_child->pidfd = (int)syscall(SYS_pidfd_open, out_child->pid, 0);
    return 0;
}
