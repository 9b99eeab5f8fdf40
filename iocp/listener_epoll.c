/*
 * Listeners on epoll: an accept is parked until a connection is there, then tried on its strand.
 * Connections that wait keep the listener ready, so accepting many costs one event. Steps of
 * submit, cancel and close as in stream_epoll.c.
 */
#include "iocp/port_epoll.h"
#include "iocp/sys_linux.h"

#include <errno.h>
#include <fcntl.h>

static struct iocp_listener *of_accept(struct iocp_op *op)
{
    return IOCP_OWNER(op, struct iocp_listener, accept);
}

int iocp_listener_open(struct iocp_listener *listener, struct iocp_strand *strand,
                       iocp_handle handle, iocp_callback *on_accept, iocp_callback *on_close,
                       int *out_os_error)
{
    assert(handle >= 0 && on_accept != NULL);
    if (strand->port->sys->fcntl_setfl((int)handle, O_NONBLOCK) != 0) {
        *out_os_error = errno;
        return iocp_error_from_os(errno);
    }
    *listener =
        (struct iocp_listener){.handle = handle, .accepted = IOCP_NO_HANDLE, .phase = IOCP_OPEN};
    iocp_op_prepare(&listener->accept, strand, IOCP_OP_ACCEPT, on_accept);
    iocp_op_prepare(&listener->close, strand, IOCP_OP_UNLISTEN, on_close);
    return 0;
}

void iocp_accept_start(struct iocp_listener *listener)
{
    assert(listener->phase == IOCP_OPEN);
    struct iocp_op *op = &listener->accept;
    struct iocp_port *port = op->strand->port;
    int result = 0, os_error = 0;
    iocp_op_begin(op);
    listener->accepted = IOCP_NO_HANDLE;
    if (listener->slot == IOCP_NO_SLOT)
        result =
            iocp_slot_open(port, (int)listener->handle, EPOLLIN, true, &listener->slot, &os_error);
    if (result != 0)
        iocp_op_finish(op, result, os_error);
    else if (!iocp_slot_park(port, listener->slot, IOCP_IN, op))
        iocp_strand_push(op);
}

/* What accept(2) says of the connection, not of the listener: the next one may be well. */
static bool is_of_connection(int os_error)
{
    switch (os_error) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
    case ETIMEDOUT:
        return true;
    default:
        return false;
    }
}

static int accept_one(struct iocp_worker *worker, struct iocp_listener *listener)
{
    int fd;
    do {
        iocp_slot_try(worker->port, listener->slot, IOCP_IN);
        fd = worker->port->sys->accept4((int)listener->handle, NULL, NULL, SOCK_CLOEXEC);
    } while (fd < 0 && is_of_connection(errno));
    return fd;
}

bool iocp_accept_step(struct iocp_worker *worker, struct iocp_op *op)
{
    struct iocp_listener *listener = of_accept(op);
    struct iocp_port *port = worker->port;
    for (;;) {
        int fd = accept_one(worker, listener);
        if (fd < 0 && errno == EAGAIN) {
            if (op->flags & IOCP_F_CANCEL) {
                op->result = IOCP_E_CANCELLED;
                return true;
            }
            if (iocp_slot_park(port, listener->slot, IOCP_IN, op))
                return false;
            continue;
        }
        op->os_error = fd < 0 ? errno : 0;
        op->result = iocp_error_from_os(op->os_error);
        listener->accepted = fd;
        iocp_slot_set_ready(port, listener->slot, IOCP_IN); /* more may wait */
        return true;
    }
}

void iocp_listener_settle(struct iocp_op *op)
{
    struct iocp_listener *listener = of_accept(op);
    if (listener->phase == IOCP_CLOSING)
        iocp_strand_push(&listener->close);
}

void iocp_listener_close_start(struct iocp_listener *listener)
{
    assert(listener->phase == IOCP_OPEN);
    struct iocp_op *op = &listener->accept;
    iocp_op_begin(&listener->close);
    listener->phase = IOCP_CLOSING;
    if (!iocp_pending(op)) {
        iocp_strand_push(&listener->close);
        return;
    }
    op->flags |= IOCP_F_CANCEL;
    if (listener->slot != IOCP_NO_SLOT &&
        iocp_slot_unpark(op->strand->port, listener->slot, IOCP_IN))
        iocp_strand_push(op);
}

bool iocp_listener_close_step(struct iocp_worker *worker, struct iocp_op *op)
{
    struct iocp_listener *listener = IOCP_OWNER(op, struct iocp_listener, close);
    if (listener->slot != IOCP_NO_SLOT)
        iocp_slot_close(worker->port, listener->slot, (int)listener->handle);
    listener->slot = IOCP_NO_SLOT;
    (void)worker->port->sys->close((int)listener->handle);
    listener->handle = IOCP_NO_HANDLE;
    listener->phase = IOCP_CLOSED;
    return true;
}
