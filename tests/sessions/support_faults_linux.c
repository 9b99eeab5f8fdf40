/*
 * Tables whose n-th call fails: see support_faults.h. The child's calls count too, since the child
 * shares our memory; they are kept free of sanitizers for the same reason as the real ones.
 */
#include "support_faults.h"

#include <errno.h>
#include <stdatomic.h>

static _Atomic unsigned counts[FAULTS];
static _Atomic unsigned fail_at;
static _Atomic int fail_what;

void faults_set(enum fault fault, unsigned n)
{
    for (int i = 0; i < FAULTS; i++)
        atomic_store(&counts[i], 0);
    atomic_store(&fail_what, (int)fault);
    atomic_store(&fail_at, n);
}

unsigned faults_count(enum fault fault)
{
    return atomic_load(&counts[fault]);
}

bool faults_hit(void)
{
    unsigned n = atomic_load(&fail_at);
    return n > 0 && atomic_load(&counts[atomic_load(&fail_what)]) >= n;
}

/* Counts a call; whether it is the one that fails, then with this errno. */
SESS_RAW static bool fails(enum fault fault, int error)
{
    unsigned count = atomic_fetch_add(&counts[fault], 1) + 1;
    if (fault != (enum fault)atomic_load(&fail_what) || count != atomic_load(&fail_at))
        return false;
    errno = error;
    return true;
}

/* ---- sessions/ ---- */

static int fault_open(const char *path, int flags)
{
    return fails(FAULT_open, EMFILE) ? -1 : sess_sys_default.open(path, flags);
}

static ssize_t fault_read(int fd, void *data, size_t size)
{
    return fails(FAULT_read, EIO) ? -1 : sess_sys_default.read(fd, data, size);
}

static int fault_dup_from(int fd, int least)
{
    return fails(FAULT_dup_from, EMFILE) ? -1 : sess_sys_default.dup_from(fd, least);
}

static int fault_dup_cloexec(int fd, int at)
{
    return fails(FAULT_dup_cloexec, EMFILE) ? -1 : sess_sys_default.dup_cloexec(fd, at);
}

static int fault_ioctl(int fd, unsigned long request, void *argument)
{
    return fails(FAULT_ioctl, EIO) ? -1 : sess_sys_default.ioctl(fd, request, argument);
}

static pid_t fault_clone(const struct sess_clone *clone, int *out_pidfd)
{
    return fails(FAULT_clone, EAGAIN) ? -1 : sess_sys_default.clone(clone, out_pidfd);
}

static int fault_kill(pid_t pid, int signal)
{
    return fails(FAULT_kill, EPERM) ? -1 : sess_sys_default.kill(pid, signal);
}

static int fault_pidfd_open(pid_t pid)
{
    return fails(FAULT_pidfd_open, EMFILE) ? -1 : sess_sys_default.pidfd_open(pid);
}

static int fault_pidfd_send_signal(int pidfd, int signal)
{
    return fails(FAULT_pidfd_send_signal, EPERM)
               ? -1
               : sess_sys_default.pidfd_send_signal(pidfd, signal);
}

static int fault_wait_pidfd(int pidfd, siginfo_t *info, int options, struct rusage *usage)
{
    return fails(FAULT_wait_pidfd, EINVAL)
               ? -1
               : sess_sys_default.wait_pidfd(pidfd, info, options, usage);
}

/* ---- sessions/, in the child ---- */

SESS_RAW static int fault_close_range(unsigned first, unsigned last, unsigned flags)
{
    return fails(FAULT_close_range, ENOSYS) ? -1 : sess_sys_default.close_range(first, last, flags);
}

SESS_RAW static int fault_setsid(void)
{
    return fails(FAULT_setsid, EPERM) ? -1 : sess_sys_default.setsid();
}

SESS_RAW static int fault_set_death_signal(int signal)
{
    return fails(FAULT_set_death_signal, EINVAL) ? -1 : sess_sys_default.set_death_signal(signal);
}

SESS_RAW static int fault_child_dup_from(int fd, int least)
{
    return fails(FAULT_child_dup_from, EMFILE) ? -1 : sess_sys_default.child_dup_from(fd, least);
}

SESS_RAW static int fault_dup2(int fd, int at)
{
    return fails(FAULT_dup2, EBADF) ? -1 : sess_sys_default.dup2(fd, at);
}

SESS_RAW static int fault_child_ioctl(int fd, unsigned long request, long argument)
{
    return fails(FAULT_child_ioctl, EPERM) ? -1
                                           : sess_sys_default.child_ioctl(fd, request, argument);
}

SESS_RAW static int fault_chdir(const char *path)
{
    return fails(FAULT_chdir, EACCES) ? -1 : sess_sys_default.chdir(path);
}

SESS_RAW static int fault_set_nofile(const struct rlimit *limit)
{
    return fails(FAULT_set_nofile, EPERM) ? -1 : sess_sys_default.set_nofile(limit);
}

SESS_RAW static int fault_empty_mask(void)
{
    return fails(FAULT_empty_mask, EINVAL) ? -1 : sess_sys_default.empty_mask();
}

SESS_RAW static int fault_execve(const char *path, char *const argv[], char *const env[])
{
    return fails(FAULT_execve, ENOMEM) ? -1 : sess_sys_default.execve(path, argv, env);
}

/* ---- iocp/ ---- */

static ssize_t fault_io_read(int fd, void *data, size_t size)
{
    return fails(FAULT_io_read, EIO) ? -1 : iocp_sys_default.read(fd, data, size);
}

static ssize_t fault_writev(int fd, const struct iovec *vecs, int count)
{
    return fails(FAULT_writev, EIO) ? -1 : iocp_sys_default.writev(fd, vecs, count);
}

static int fault_pipe2(int fds[2], int flags)
{
    return fails(FAULT_pipe2, EMFILE) ? -1 : iocp_sys_default.pipe2(fds, flags);
}

static int fault_fcntl_setfl(int fd, int flags)
{
    return fails(FAULT_fcntl_setfl, EPERM) ? -1 : iocp_sys_default.fcntl_setfl(fd, flags);
}

static int fault_epoll_ctl(int epoll_fd, int what, int fd, struct epoll_event *event)
{
    return fails(FAULT_epoll_ctl, ENOSPC) ? -1
                                          : iocp_sys_default.epoll_ctl(epoll_fd, what, fd, event);
}

/* Asking may fail; the kernel cannot refuse to have a child reaped that it has reported dead. */
static int fault_waitid(int pidfd, siginfo_t *info, int options, struct rusage *usage)
{
    bool asks = (options & WNOWAIT) != 0;
    if (asks && fails(FAULT_waitid, EAGAIN))
        return -1;
    return iocp_sys_default.waitid(pidfd, info, options, usage);
}

static void *fault_alloc(size_t size)
{
    return fails(FAULT_alloc, ENOMEM) ? NULL : iocp_sys_default.alloc(size);
}

static void *fault_map_pages(size_t size)
{
    return fails(FAULT_map_pages, ENOMEM) ? NULL : iocp_sys_default.map_pages(size);
}

/* ---- Memory ---- */

static void *fault_resize(void *context, void *block, size_t size_bytes)
{
    (void)context;
    if (size_bytes > 0 && fails(FAULT_resize, ENOMEM))
        return NULL;
    return sess_memory_libc.resize(NULL, block, size_bytes);
}

const struct sess_memory faults_memory = {fault_resize, NULL};

/* ---- Tables; what has no fault is the system's own ---- */

static int plain_close(int fd)
{
    return sess_sys_default.close(fd);
}

static ssize_t plain_write(int fd, const void *data, size_t size)
{
    return sess_sys_default.write(fd, data, size);
}

static int plain_mkdir(const char *path, mode_t mode)
{
    return sess_sys_default.mkdir(path, mode);
}

static int plain_rmdir(const char *path)
{
    return sess_sys_default.rmdir(path);
}

SESS_RAW static int plain_default_signal(int signal)
{
    return sess_sys_default.default_signal(signal);
}

SESS_RAW static int plain_ignore_signal(int signal)
{
    return sess_sys_default.ignore_signal(signal);
}

SESS_RAW static pid_t plain_getppid(void)
{
    return sess_sys_default.getppid();
}

SESS_RAW static int plain_child_close(int fd)
{
    return sess_sys_default.child_close(fd);
}

SESS_RAW static void plain_exit(int status)
{
    sess_sys_default.exit(status);
}

const struct sess_sys faults_sess_sys = {
    .open = fault_open,
    .read = fault_read,
    .write = plain_write,
    .close = plain_close,
    .dup_from = fault_dup_from,
    .dup_cloexec = fault_dup_cloexec,
    .ioctl = fault_ioctl,
    .clone = fault_clone,
    .kill = fault_kill,
    .pidfd_open = fault_pidfd_open,
    .pidfd_send_signal = fault_pidfd_send_signal,
    .wait_pidfd = fault_wait_pidfd,
    .mkdir = plain_mkdir,
    .rmdir = plain_rmdir,
    .close_range = fault_close_range,
    .default_signal = plain_default_signal,
    .ignore_signal = plain_ignore_signal,
    .setsid = fault_setsid,
    .set_death_signal = fault_set_death_signal,
    .getppid = plain_getppid,
    .child_dup_from = fault_child_dup_from,
    .dup2 = fault_dup2,
    .child_close = plain_child_close,
    .child_ioctl = fault_child_ioctl,
    .chdir = fault_chdir,
    .set_nofile = fault_set_nofile,
    .empty_mask = fault_empty_mask,
    .execve = fault_execve,
    .exit = plain_exit,
};

static ssize_t plain_recv(int fd, void *data, size_t size, int flags)
{
    return iocp_sys_default.recv(fd, data, size, flags);
}

static ssize_t plain_sendmsg(int fd, const struct msghdr *message, int flags)
{
    return iocp_sys_default.sendmsg(fd, message, flags);
}

static int plain_accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
    return iocp_sys_default.accept4(fd, address, size, flags);
}

static int plain_io_close(int fd)
{
    return iocp_sys_default.close(fd);
}

static void plain_release(void *memory)
{
    iocp_sys_default.release(memory);
}

static void plain_unmap_pages(void *memory, size_t size)
{
    iocp_sys_default.unmap_pages(memory, size);
}

const struct iocp_sys faults_iocp_sys = {
    .read = fault_io_read,
    .recv = plain_recv,
    .writev = fault_writev,
    .sendmsg = plain_sendmsg,
    .accept4 = plain_accept4,
    .pipe2 = fault_pipe2,
    .fcntl_setfl = fault_fcntl_setfl,
    .close = plain_io_close,
    .epoll_ctl = fault_epoll_ctl,
    .waitid = fault_waitid,
    .alloc = fault_alloc,
    .release = plain_release,
    .map_pages = fault_map_pages,
    .unmap_pages = plain_unmap_pages,
};
