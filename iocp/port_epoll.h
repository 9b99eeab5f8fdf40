/*
 * The epoll backend's part of a port: the epoll instance, what wakes a sleeper, the one timer, and
 * the slots. Private to *_epoll.c.
 */
#ifndef IOCP_PORT_EPOLL_H
#define IOCP_PORT_EPOLL_H

#include "iocp/slot_epoll.h"

struct iocp_backend {
    int epoll_fd;
    int wake_fd;             /* an eventfd, never read: edge-triggered, each write is one event */
    int timer_fd;            /* a timerfd, never read: setting it again clears it */
    struct iocp_table slots; /* of struct iocp_slot */
};

#endif
