/*
 * The child's side of a program start: see child_linux.h.
 *
 * Every function here is SESS_RAW and calls only the table's child calls, so that neither a
 * sanitizer nor the C library leaves a trace in the memory that is shared with the server.
 */
#include "sessions/child_linux.h"

#include <errno.h>
#include <linux/close_range.h>
#include <sys/ioctl.h>

SESS_RAW static void fail(struct sess_child *child, enum sess_child_step step)
{
    child->os_error = errno;
    child->failed = step;
    child->sys->exit(127);
}

/* A copy of the lowest descriptors for itself; all others are let go at once. */
SESS_RAW static void unshare_files(struct sess_child *child)
{
    unsigned from = (unsigned)child->unshare_from;
    if (from > 0 && child->sys->close_range(from, ~0U, CLOSE_RANGE_UNSHARE) != 0)
        fail(child, SESS_CHILD_UNSHARE);
}

SESS_RAW static void reset_signals(struct sess_child *child)
{
    uint64_t signals = child->ignored_signals;
    if (!child->cleared)
        signals |= child->handled_signals;
    for (int number = 1; signals != 0; number++, signals >>= 1) {
        if (signals & 1)
            (void)child->sys->default_signal(number);
    }
}

/* What a client or a terminal sends to a program. The one inside sets them back. */
SESS_RAW static void ignore_requests(struct sess_child *child)
{
    static const int requests[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM, SIGUSR1,
                                   SIGUSR2, SIGALRM, SIGTSTP, SIGTTIN, SIGTTOU};
    for (size_t i = 0; child->wraps && i < sizeof(requests) / sizeof(requests[0]); i++)
        (void)child->sys->ignore_signal(requests[i]);
}

/* A session of its own; dies with the helper thread that started it, so with the server. */
SESS_RAW static void enter_session(struct sess_child *child)
{
    const struct sess_sys *sys = child->sys;
    if (sys->setsid() < 0)
        fail(child, SESS_CHILD_SESSION);
    if (sys->set_death_signal(SIGKILL) != 0)
        fail(child, SESS_CHILD_DEATH_SIGNAL);
    if (sys->getppid() != child->server_pid)
        fail(child, SESS_CHILD_ORPHANED); /* it died before it could be told apart */
    if (child->tty && sys->child_ioctl(child->stdio[0], TIOCSCTTY, 0) != 0)
        fail(child, SESS_CHILD_TERMINAL);
}

SESS_RAW static int move_up(struct sess_child *child, int fd)
{
    int least = 3 + child->extra_count;
    if (fd < least)
        fd = child->sys->child_dup_from(fd, least);
    if (fd < 0)
        fail(child, SESS_CHILD_STDIO);
    return fd;
}

/* Sources that are themselves among the targets are moved out of the way first. */
SESS_RAW static void place_stdio(struct sess_child *child)
{
    const struct sess_sys *sys = child->sys;
    int extra[SESS_CHILD_EXTRA_MAX];
    for (int i = 0; i < 3; i++)
        child->stdio[i] = move_up(child, child->stdio[i]);
    for (int i = 0; i < child->extra_count; i++)
        extra[i] = move_up(child, (int)child->extra[i]);
    for (int i = 0; i < 3 + child->extra_count; i++) {
        if (sys->dup2(i < 3 ? child->stdio[i] : extra[i - 3], i) < 0)
            fail(child, SESS_CHILD_STDIO);
    }
}

/* Descriptors of ours are closed by exec; these came with the server from whoever started it. */
SESS_RAW static void close_others(struct sess_child *child)
{
    const struct sess_sys *sys = child->sys;
    unsigned from = 3 + (unsigned)child->extra_count;
    if (sys->close_range(from, ~0U, 0) == 0)
        return;
    /* Before Linux 5.9, or forbidden. */
    for (rlim_t fd = from; fd < child->nofile.rlim_max && fd < 1024 * 1024; fd++)
        (void)sys->child_close((int)fd);
}

/* ---- Running the program ---- */

/* Writes "directory/program" to child->path. Whether it fits. */
SESS_RAW static bool join(struct sess_child *child, const char *directory, size_t size)
{
    size_t used = 0, room = sizeof(child->path) - 1;
    for (size_t i = 0; i < size && used < room; i++)
        child->path[used++] = directory[i];
    if (size > 0 && used < room)
        child->path[used++] = '/';
    const char *from = child->program;
    while (*from != '\0' && used < room)
        child->path[used++] = *from++;
    child->path[used] = '\0';
    return *from == '\0' && used > size;
}

SESS_RAW static bool goes_on(int error)
{
    return error == ENOENT || error == ENOTDIR || error == EACCES || error == ESTALE ||
           error == ENODEV || error == ETIMEDOUT || error == ENAMETOOLONG;
}

/* Tries every directory of the search path, as execvp(3) does; an empty one is the working
 * directory. A program that may not be run is reported only if no other was found. A file that is
 * no program (ENOEXEC) is an error and not handed to a shell: nobody asked for one. */
SESS_RAW static void search(struct sess_child *child)
{
    const char *at = child->search != NULL ? child->search : "/bin:/usr/bin";
    int error = ENOENT;
    for (;;) {
        size_t size = 0;
        while (at[size] != '\0' && at[size] != ':')
            size++;
        if (join(child, at, size)) {
            (void)child->sys->execve(child->path, child->argv, child->env);
            if (!goes_on(errno)) {
                error = errno;
                break;
            }
            if (errno == EACCES)
                error = EACCES;
        }
        if (at[size] == '\0')
            break;
        at += size + 1;
    }
    errno = error;
}

SESS_RAW static bool has_slash(const char *name)
{
    while (*name != '\0' && *name != '/')
        name++;
    return *name == '/';
}

SESS_RAW static void execute(struct sess_child *child)
{
    if (child->program[0] == '\0')
        errno = ENOENT;
    else if (has_slash(child->program))
        (void)child->sys->execve(child->program, child->argv, child->env);
    else
        search(child);
    fail(child, SESS_CHILD_EXEC);
}

SESS_RAW void sess_child_run(void *argument)
{
    struct sess_child *child = argument;
    const struct sess_sys *sys = child->sys;
    unshare_files(child);
    reset_signals(child);
    ignore_requests(child);
    enter_session(child);
    place_stdio(child);
    close_others(child);
    if (child->cwd != NULL && sys->chdir(child->cwd) != 0)
        fail(child, SESS_CHILD_CWD);
    if (sys->set_nofile(&child->nofile) != 0)
        fail(child, SESS_CHILD_LIMIT);
    if (sys->empty_mask() != 0)
        fail(child, SESS_CHILD_MASK);
    execute(child);
}
