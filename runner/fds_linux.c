/* Standard descriptors on Linux (fds.h). Opening /proc/self/fd/N of a pipe makes a new file
 * description for the same pipe (proc(5)); of a socket it fails with ENXIO. A pipe made by another
 * user can refuse us (EACCES): it is then used as it is, by a thread that may wait.
 */
#include "runner/fds.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROC_FD_BYTES 32

int run_fds_open_standard(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            continue;
        /* The lowest free number is FD: those below are open by now. */
        int opened = open("/dev/null", fd == STDIN_FILENO ? O_RDONLY : O_WRONLY);
        if (opened < 0)
            return -1;
        assert(opened == fd);
    }
    return 0;
}

int run_fds_reopen_pipe(int fd)
{
    struct stat status;
    char path[PROC_FD_BYTES];
    if (fstat(fd, &status) != 0 || !S_ISFIFO(status.st_mode))
        return -1;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0)
        return -1;
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, (flags & O_ACCMODE) | O_NONBLOCK | O_CLOEXEC);
}

static int duplicate(int fd, struct run_fds_standard *out)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return -1;
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (copy < 0)
        return -1;
    out->fd = copy;
    out->kind = S_ISSOCK(status.st_mode) ? RUN_FDS_SOCKET : RUN_FDS_OTHER;
    return 0;
}

static int replace_by_null(int fd)
{
    int null = open("/dev/null", (fd == STDIN_FILENO ? O_RDONLY : O_WRONLY) | O_CLOEXEC);
    if (null < 0)
        return -1;
    int result = dup2(null, fd);
    (void)close(null);
    return result < 0 ? -1 : 0;
}

int run_fds_take(int fd, struct run_fds_standard *out)
{
    assert(fd == STDIN_FILENO || fd == STDOUT_FILENO);
    struct run_fds_standard taken = {.fd = run_fds_reopen_pipe(fd), .kind = RUN_FDS_PIPE};
    if (taken.fd < 0 && duplicate(fd, &taken) != 0)
        return -1;
    if (replace_by_null(fd) != 0) {
        int error = errno;
        (void)close(taken.fd);
        errno = error;
        return -1;
    }
    *out = taken;
    return 0;
}
