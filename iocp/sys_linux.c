/*
 * The default table of system calls: the system's own. Knows nothing else.
 */
#include "iocp/sys_linux.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3 /* linux/wait.h, since Linux 5.4 */
#endif

static int set_flags(int fd, int flags)
{
    return fcntl(fd, F_SETFL, flags);
}

/* glibc's waitid() drops the kernel's fifth argument, the usage of the child. */
static int wait_pidfd(int pidfd, siginfo_t *info, int options, struct rusage *usage)
{
    return (int)syscall(SYS_waitid, P_PIDFD, pidfd, info, options, usage);
}

static void *map_pages(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static void unmap_pages(void *memory, size_t size)
{
    (void)munmap(memory, size);
}

const struct iocp_sys iocp_sys_default = {
    .read = read,
    .recv = recv,
    .writev = writev,
    .sendmsg = sendmsg,
    .accept4 = accept4,
    .pipe2 = pipe2,
    .fcntl_setfl = set_flags,
    .close = close,
    .epoll_ctl = epoll_ctl,
    .waitid = wait_pidfd,
    .alloc = malloc,
    .release = free,
    .map_pages = map_pages,
    .unmap_pages = unmap_pages,
};
