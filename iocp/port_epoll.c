/*
 * The epoll backend: how a worker looks at the kernel, and how it is woken.
 *
 * submit    the operation is tried on its strand, or parked in its slot (slot_epoll.h)
 * complete  an event takes it out of the slot and into its strand's queue; the strand does the I/O
 * cancel    takes it out of the slot the same way, and looks a last time
 * close     after both directions are idle: out of epoll, the slot's generation goes on, close(2)
 *
 * Every handle is registered once, edge-triggered, so neither a hang-up that nobody reads nor a
 * handle without a pending operation can wake a worker again and again. All workers wait on one
 * epoll instance; the kernel wakes one of them for each event.
 */
#include "iocp/port_epoll.h"

#include "iocp/sys_linux.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* Tags of the two handles that are no slots. */
#define TAG_WAKE  (UINT64_MAX)
#define TAG_TIMER (UINT64_MAX - 1)

const struct iocp_sys *iocp_backend_sys(void)
{
    return &iocp_sys_default;
}

void *iocp_backend_alloc_dirty(const struct iocp_port *port, size_t size_bytes)
{
    return port->sys->alloc(size_bytes);
}

void *iocp_backend_alloc(const struct iocp_port *port, size_t size_bytes)
{
    void *memory = iocp_backend_alloc_dirty(port, size_bytes);
    if (memory != NULL)
        memset(memory, 0, size_bytes);
    return memory;
}

void iocp_backend_release(const struct iocp_port *port, void *memory)
{
    port->sys->release(memory);
}

void *iocp_backend_map(const struct iocp_port *port, size_t size_bytes)
{
    return port->sys->map_pages(size_bytes);
}

void iocp_backend_unmap(const struct iocp_port *port, void *memory, size_t size_bytes)
{
    port->sys->unmap_pages(memory, size_bytes);
}

static int watch(struct iocp_port *port, int fd, uint64_t tag)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = tag};
    return port->sys->epoll_ctl(port->backend->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static int open_handles(struct iocp_port *port)
{
    struct iocp_backend *backend = port->backend;
    backend->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    backend->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    backend->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (backend->epoll_fd < 0 || backend->wake_fd < 0 || backend->timer_fd < 0)
        return -1;
    if (watch(port, backend->wake_fd, TAG_WAKE) != 0)
        return -1;
    return watch(port, backend->timer_fd, TAG_TIMER);
}

int iocp_backend_open(struct iocp_port *port, int *out_os_error)
{
    port->backend = iocp_backend_alloc(port, sizeof(*port->backend));
    if (port->backend == NULL) {
        *out_os_error = ENOMEM;
        return IOCP_E_NOMEM;
    }
    iocp_table_init(&port->backend->slots, sizeof(struct iocp_slot));
    if (open_handles(port) == 0)
        return 0;
    *out_os_error = errno;
    iocp_backend_close(port);
    return iocp_error_from_os(*out_os_error);
}

static void close_fd(int fd)
{
    if (fd >= 0)
        (void)close(fd);
}

void iocp_backend_close(struct iocp_port *port)
{
    struct iocp_backend *backend = port->backend;
    close_fd(backend->timer_fd);
    close_fd(backend->wake_fd);
    close_fd(backend->epoll_fd);
    iocp_table_deinit(port, &backend->slots);
    iocp_backend_release(port, backend);
    port->backend = NULL;
}

void iocp_backend_wake(struct iocp_port *port)
{
    uint64_t one = 1;
    /* Cannot fail before 2^64 - 2 wakes. */
    ssize_t written = write(port->backend->wake_fd, &one, sizeof(one));
    assert(written == (ssize_t)sizeof(one));
    (void)written;
}

unsigned iocp_backend_wait_threads(struct iocp_port *port)
{
    (void)port;
    return 0; /* pidfds are epoll's */
}

void iocp_backend_set_timer(struct iocp_port *port, uint64_t deadline_ns)
{
    struct itimerspec when = {
        .it_value.tv_sec = (time_t)(deadline_ns / 1000000000),
        .it_value.tv_nsec = (long)(deadline_ns % 1000000000),
    };
    int result = timerfd_settime(port->backend->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
    assert(result == 0);
    (void)result;
}

static void take_event(struct iocp_port *port, const struct epoll_event *event)
{
    if (event->data.u64 == TAG_WAKE)
        atomic_store(&port->waking, false);
    else if (event->data.u64 == TAG_TIMER)
        iocp_timers_fire(port);
    else
        iocp_slot_event(port, event->data.u64, event->events);
}

void iocp_backend_look(struct iocp_worker *worker, bool block)
{
    struct iocp_port *port = worker->port;
    struct epoll_event events[IOCP_EVENT_BATCH];
    iocp_count(port, block ? IOCP_C_WAITS : IOCP_C_POLLS, 1);
    int count = epoll_wait(port->backend->epoll_fd, events, IOCP_EVENT_BATCH, block ? -1 : 0);
    if (count < 0 && errno != EINTR)
        abort(); /* EBADF, EFAULT, EINVAL: our mistake, and nothing can go on without it */
    for (int i = 0; i < count; i++)
        take_event(port, &events[i]);
    if (count > 0)
        iocp_count(port, IOCP_C_EVENTS, (uint64_t)count);
}
