/*
 * The default table of system calls of sessions/: the system's own. The child's ones go to the
 * kernel directly, see sys_linux.h. Knows nothing else.
 */
#include "sessions/sys_linux.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3 /* linux/wait.h, since Linux 5.4 */
#endif

static int open_path(const char *path, int flags)
{
    return open(path, flags);
}

static int dup_from(int fd, int least)
{
    return fcntl(fd, F_DUPFD_CLOEXEC, least);
}

static int dup_cloexec(int fd, int at)
{
    return dup3(fd, at, O_CLOEXEC);
}

static int control(int fd, unsigned long request, void *argument)
{
    return ioctl(fd, request, argument);
}

static int open_pidfd(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

static int send_pidfd(int pidfd, int signal)
{
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

/* glibc's waitid() drops the kernel's fifth argument, the usage of the child. */
static int wait_pidfd(int pidfd, siginfo_t *info, int options, struct rusage *usage)
{
    return (int)syscall(SYS_waitid, P_PIDFD, pidfd, info, options, usage);
}

/* ---- Child ---- */

SESS_RAW static int child_close_range(unsigned first, unsigned last, unsigned flags)
{
    return (int)syscall(SYS_close_range, first, last, flags);
}

/* The kernel's sigaction, not the C library's: its mask has 64 bits everywhere. */
struct kernel_sigaction {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

SESS_RAW static int child_default_signal(int signal)
{
    struct kernel_sigaction action = {.handler = SIG_DFL};
    return (int)syscall(SYS_rt_sigaction, signal, &action, NULL, sizeof(action.mask));
}

SESS_RAW static int child_ignore_signal(int signal)
{
    struct kernel_sigaction action = {.handler = SIG_IGN};
    return (int)syscall(SYS_rt_sigaction, signal, &action, NULL, sizeof(action.mask));
}

SESS_RAW static int child_setsid(void)
{
    return (int)syscall(SYS_setsid);
}

SESS_RAW static int child_set_death_signal(int signal)
{
    return (int)syscall(SYS_prctl, PR_SET_PDEATHSIG, signal, 0, 0, 0);
}

SESS_RAW static pid_t child_getppid(void)
{
    return (pid_t)syscall(SYS_getppid);
}

SESS_RAW static int child_dup_from(int fd, int least)
{
    return (int)syscall(SYS_fcntl, fd, F_DUPFD, least);
}

SESS_RAW static int child_dup2(int fd, int at)
{
    return (int)syscall(SYS_dup3, fd, at, 0);
}

SESS_RAW static int child_close(int fd)
{
    return (int)syscall(SYS_close, fd);
}

SESS_RAW static int child_ioctl(int fd, unsigned long request, long argument)
{
    return (int)syscall(SYS_ioctl, fd, request, argument);
}

SESS_RAW static int child_chdir(const char *path)
{
    return (int)syscall(SYS_chdir, path);
}

SESS_RAW static int child_set_nofile(const struct rlimit *limit)
{
    return (int)syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, limit, NULL);
}

SESS_RAW static int child_empty_mask(void)
{
    uint64_t none = 0;
    return (int)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none));
}

SESS_RAW static int child_execve(const char *path, char *const argv[], char *const env[])
{
    return (int)syscall(SYS_execve, path, argv, env);
}

SESS_RAW static void child_exit(int status)
{
    for (;;)
        (void)syscall(SYS_exit_group, status);
}

const struct sess_sys sess_sys_default = {
    .open = open_path,
    .read = read,
    .write = write,
    .close = close,
    .dup_from = dup_from,
    .dup_cloexec = dup_cloexec,
    .ioctl = control,
    .clone = sess_clone_start,
    .kill = kill,
    .pidfd_open = open_pidfd,
    .pidfd_send_signal = send_pidfd,
    .wait_pidfd = wait_pidfd,
    .mkdir = mkdir,
    .rmdir = rmdir,
    .close_range = child_close_range,
    .default_signal = child_default_signal,
    .ignore_signal = child_ignore_signal,
    .setsid = child_setsid,
    .set_death_signal = child_set_death_signal,
    .getppid = child_getppid,
    .child_dup_from = child_dup_from,
    .dup2 = child_dup2,
    .child_close = child_close,
    .child_ioctl = child_ioctl,
    .chdir = child_chdir,
    .set_nofile = child_set_nofile,
    .empty_mask = child_empty_mask,
    .execve = child_execve,
    .exit = child_exit,
};
