/*
 * The system calls of the epoll backend as a table, so that a test can make the n-th one fail and
 * see that nothing is lost. A port without a table of its own uses iocp_sys_default. Each member
 * has the meaning, the errors and the man page of the call that it is named after.
 */
#ifndef IOCP_SYS_LINUX_H
#define IOCP_SYS_LINUX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

struct iocp_sys {
    ssize_t (*read)(int fd, void *data, size_t size);
    ssize_t (*recv)(int fd, void *data, size_t size, int flags);
    ssize_t (*writev)(int fd, const struct iovec *vecs, int count);
    ssize_t (*sendmsg)(int fd, const struct msghdr *message, int flags);
    int (*accept4)(int fd, struct sockaddr *address, socklen_t *size, int flags);
    int (*pipe2)(int fds[2], int flags);
    int (*fcntl_setfl)(int fd, int flags); /* fcntl(fd, F_SETFL, flags) */
    int (*close)(int fd);
    int (*epoll_ctl)(int epoll_fd, int what, int fd, struct epoll_event *event);
    int (*waitid)(int pidfd, siginfo_t *info, int options, struct rusage *usage); /* P_PIDFD */
    void *(*alloc)(size_t size);                                                  /* malloc */
    void (*release)(void *memory);                                                /* free */
    void *(*map_pages)(size_t size); /* anonymous, private; NULL and errno on failure */
    void (*unmap_pages)(void *memory, size_t size);
};

extern const struct iocp_sys iocp_sys_default;

#endif
