/* Waiting with a deadline (support_process.h). */
#include "tests/runner/support_process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

long long support_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool wait_readable(int fd, long long end_ms)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    for (;;) {
        long long left_ms = end_ms - support_now_ms();
        if (left_ms <= 0)
            return false;
        int count = poll(&poll_fd, 1, (int)left_ms);
        if (count > 0)
            return true;
        if (count < 0 && errno != EINTR)
            return false;
    }
}

bool support_read(int fd, void *bytes, size_t size)
{
    long long end_ms = support_now_ms() + DEADLINE_MS;
    char *at = bytes;
    while (size > 0 && wait_readable(fd, end_ms)) {
        ssize_t count = read(fd, at, size);
        if (count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN))
            return false;
        if (count > 0) {
            at += count;
            size -= (size_t)count;
        }
    }
    return size == 0;
}

bool support_wait_end(int fd)
{
    long long end_ms = support_now_ms() + DEADLINE_MS;
    char bytes[4096];
    while (wait_readable(fd, end_ms)) {
        ssize_t count = read(fd, bytes, sizeof bytes);
        if (count == 0)
            return true;
        if (count < 0 && errno != EINTR && errno != EAGAIN)
            return false;
    }
    return false;
}

bool support_wait_dead(pid_t pid)
{
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0)
        return errno == ESRCH;
    bool ended = wait_readable(pidfd, support_now_ms() + DEADLINE_MS);
    (void)close(pidfd);
    return ended;
}

bool support_wait_child(pid_t pid, int *out_status)
{
    return support_wait_dead(pid) && waitpid(pid, out_status, 0) == pid;
}

bool support_wait_reaped(pid_t pid)
{
    long long end_ms = support_now_ms() + DEADLINE_MS;
    while (kill(pid, 0) == 0 || errno != ESRCH) {
        if (support_now_ms() > end_ms)
            return false;
        (void)poll(NULL, 0, 1);
    }
    return true;
}
