/*
 * Streams on epoll: pipes, terminals and sockets.
 *
 * submit    a read is parked in the handle's slot until it is known to be ready; a write is tried
 *           first, on the strand, since there is nearly always room
 * step      on the strand: lease, read(2) or recv(2); gather, writev(2) or sendmsg(2); then
 * complete, or park until the next edge. A short read of a pipe or socket emptied it, so no second
 *           read is spent to learn that; a terminal gives a line at a time and is read until empty
 * cancel    unparks; the step that follows looks a last time (read) or tells what went out (write)
 * close     cancels both; when the second one has completed, takes the handle from epoll, close(2)
 *
 * A handle is registered when it first has to wait: a child's standard input nearly never is.
 */
#include "iocp/port_epoll.h"
#include "iocp/sys_linux.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

_Static_assert(sizeof(struct iovec) == sizeof(struct iocp_vec) &&
                   offsetof(struct iovec, iov_base) == offsetof(struct iocp_vec, data) &&
                   offsetof(struct iovec, iov_len) == offsetof(struct iocp_vec, size_bytes),
               "spans are given to the kernel as they are");

int iocp_stream_open(struct iocp_stream *stream, struct iocp_strand *strand, iocp_handle handle,
                     enum iocp_stream_kind kind, const struct iocp_stream_events *events,
                     int *out_os_error)
{
    assert(handle >= 0);
    if (kind != IOCP_STREAM_SOCKET &&
        strand->port->sys->fcntl_setfl((int)handle, O_NONBLOCK) != 0) {
        *out_os_error = errno;
        return iocp_error_from_os(errno);
    }
    iocp_stream_prepare(stream, strand, handle, kind, events);
    return 0;
}

/* Makes sure that epoll tells of this direction. */
static int ensure_registered(struct iocp_stream *stream, enum iocp_direction direction,
                             int *out_os_error)
{
    struct iocp_port *port = stream->read.strand->port;
    int fd = (int)stream->handle;
    uint32_t events = direction == IOCP_IN ? EPOLLIN : EPOLLOUT;
    if (stream->kind == IOCP_STREAM_SOCKET)
        events = EPOLLIN | EPOLLOUT | EPOLLRDHUP;
    if (stream->slot != IOCP_NO_SLOT)
        return iocp_slot_add(port, stream->slot, fd, events, out_os_error);
    bool sticky = stream->kind != IOCP_STREAM_TERMINAL; /* a terminal can be opened again */
    return iocp_slot_open(port, fd, events, sticky, &stream->slot, out_os_error);
}

/* ---- Reading ---- */

void iocp_read_start(struct iocp_stream *stream, uint32_t max_bytes)
{
    struct iocp_op *op = &stream->read;
    int os_error = 0;
    iocp_stream_begin_read(stream, max_bytes);
    int result = ensure_registered(stream, IOCP_IN, &os_error);
    if (result != 0)
        iocp_op_finish(op, result, os_error);
    else if (!iocp_slot_park(op->strand->port, stream->slot, IOCP_IN, op))
        iocp_strand_push(op);
}

void iocp_read_cancel(struct iocp_stream *stream)
{
    struct iocp_op *op = &stream->read;
    struct iocp_port *port = op->strand->port;
    if (!iocp_pending(op) || (stream->slot == IOCP_NO_SLOT))
        return;
    bool mine = iocp_slot_unpark(port, stream->slot, IOCP_IN) || iocp_slab_unstarve(port, op);
    op->flags |= IOCP_F_CANCEL; /* from here on it is in the strand's queue, or about to be */
    if (mine)
        iocp_strand_push(op);
}

bool iocp_read_is_waiting(const struct iocp_stream *stream)
{
    return iocp_pending(&stream->read) && stream->slot != IOCP_NO_SLOT &&
           iocp_slot_is_parked(stream->read.strand->port, stream->slot, IOCP_IN);
}

static ssize_t read_some(struct iocp_stream *stream, uint8_t *data, uint32_t size_bytes)
{
    struct iocp_port *port = stream->read.strand->port;
    const struct iocp_sys *sys = port->sys;
    ssize_t got;
    do {
        iocp_count(port, IOCP_C_READS, 1);
        if (stream->kind == IOCP_STREAM_SOCKET)
            got = sys->recv((int)stream->handle, data, size_bytes, MSG_DONTWAIT);
        else
            got = sys->read((int)stream->handle, data, size_bytes);
    } while (got < 0 && errno == EINTR);
    return got;
}

static void deliver(struct iocp_worker *worker, struct iocp_stream *stream, uint32_t got_bytes,
                    uint32_t room_bytes)
{
    stream->slice = iocp_slab_commit(worker, got_bytes);
    worker->turn_bytes += got_bytes;
    worker->moved_bytes += got_bytes;
    iocp_count(worker->port, IOCP_C_BYTES_READ, got_bytes);
    stream->hung_up = false;
    if (got_bytes == room_bytes || stream->kind == IOCP_STREAM_TERMINAL)
        iocp_slot_set_ready(worker->port, stream->slot, IOCP_IN);
    iocp_stream_learn(stream, got_bytes, room_bytes);
}

static void fail_read(struct iocp_worker *worker, struct iocp_stream *stream, int os_error)
{
    bool hangup = stream->kind == IOCP_STREAM_TERMINAL && os_error == EIO;
    stream->read.result = hangup ? IOCP_E_HANGUP : iocp_error_from_os(os_error);
    stream->read.os_error = os_error;
    stream->hung_up = hangup;
    /* An error of a pipe or socket is there to be read again; a terminal waits for a new edge. */
    if (!hangup)
        iocp_slot_set_ready(worker->port, stream->slot, IOCP_IN);
}

static enum iocp_outcome nothing_there(struct iocp_worker *worker, struct iocp_stream *stream)
{
    iocp_count(worker->port, IOCP_C_READS_EMPTY, 1);
    if (stream->read.flags & IOCP_F_CANCEL) {
        stream->read.result = IOCP_E_CANCELLED;
        return IOCP_DONE;
    }
    iocp_slot_forget_gone(worker->port, stream->slot, IOCP_IN);
    return iocp_slot_park(worker->port, stream->slot, IOCP_IN, &stream->read) ? IOCP_WAITS
                                                                              : IOCP_AGAIN;
}

/* No slab: the read stands in the pool's queue now, unless it was cancelled. */
static enum iocp_outcome no_room(struct iocp_worker *worker, struct iocp_stream *stream, int result,
                                 bool cancelled)
{
    iocp_slot_set_ready(worker->port, stream->slot, IOCP_IN);
    if (result == IOCP_E_BUSY && !cancelled)
        return IOCP_WAITS;
    if (result == IOCP_E_BUSY && !iocp_slab_unstarve(worker->port, &stream->read))
        return IOCP_WAITS; /* it is on its way back here already */
    stream->read.result = result == IOCP_E_BUSY ? IOCP_E_CANCELLED : result;
    stream->read.os_error = result == IOCP_E_BUSY ? 0 : ENOMEM;
    return IOCP_DONE;
}

/* One hang-up may come as several edges; it is told once, and again to whoever cancels. */
static bool is_told_hangup(const struct iocp_stream *stream, int os_error)
{
    return stream->kind == IOCP_STREAM_TERMINAL && os_error == EIO && stream->hung_up &&
           (stream->read.flags & IOCP_F_CANCEL) == 0;
}

static enum iocp_outcome try_read(struct iocp_worker *worker, struct iocp_stream *stream)
{
    uint32_t room = 0;
    bool cancelled = (stream->read.flags & IOCP_F_CANCEL) != 0;
    uint8_t *data = NULL;
    int result = iocp_slab_room(worker, &stream->read, iocp_stream_want(stream), &data, &room);
    if (result != 0)
        return no_room(worker, stream, result, cancelled);
    room = room < stream->read_max_bytes ? room : stream->read_max_bytes;
    iocp_slot_try(worker->port, stream->slot, IOCP_IN);
    ssize_t got = read_some(stream, data, room);
    if (got < 0 && (errno == EAGAIN || is_told_hangup(stream, errno)))
        return nothing_there(worker, stream);
    if (got < 0) {
        fail_read(worker, stream, errno);
    } else if (got == 0) {
        stream->read.result = IOCP_E_END;
        iocp_slot_set_ready(worker->port, stream->slot, IOCP_IN);
    } else {
        deliver(worker, stream, (uint32_t)got, room);
    }
    return IOCP_DONE;
}

bool iocp_read_step(struct iocp_worker *worker, struct iocp_op *op)
{
    enum iocp_outcome outcome;
    do {
        outcome = try_read(worker, iocp_stream_of_read(op));
    } while (outcome == IOCP_AGAIN);
    return outcome == IOCP_DONE;
}

/* ---- Writing ---- */

void iocp_write_cancel(struct iocp_stream *stream)
{
    struct iocp_op *op = &stream->write;
    if (!iocp_pending(op))
        return;
    op->flags |= IOCP_F_CANCEL;
    if (stream->slot != IOCP_NO_SLOT && iocp_slot_unpark(op->strand->port, stream->slot, IOCP_OUT))
        iocp_strand_push(op);
}

static ssize_t write_some(struct iocp_stream *stream, struct iovec *vecs, int count)
{
    struct iocp_port *port = stream->write.strand->port;
    struct msghdr message = {.msg_iov = vecs, .msg_iovlen = (size_t)count};
    ssize_t put;
    do {
        iocp_count(port, IOCP_C_WRITES, 1);
        if (stream->kind == IOCP_STREAM_SOCKET)
            put = port->sys->sendmsg((int)stream->handle, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        else
            put = port->sys->writev((int)stream->handle, vecs, count);
    } while (put < 0 && errno == EINTR);
    return put;
}

/* The system takes no more now. */
static enum iocp_outcome wait_for_room(struct iocp_worker *worker, struct iocp_stream *stream,
                                       bool took_nothing)
{
    int os_error = 0;
    iocp_count(worker->port, IOCP_C_WRITES_FULL, 1);
    int result = ensure_registered(stream, IOCP_OUT, &os_error);
    if (result != 0)
        return iocp_stream_fail_write(stream, result, os_error);
    if (took_nothing)
        iocp_slot_forget_gone(worker->port, stream->slot, IOCP_OUT);
    return iocp_slot_park(worker->port, stream->slot, IOCP_OUT, &stream->write) ? IOCP_WAITS
                                                                                : IOCP_AGAIN;
}

static enum iocp_outcome try_write(struct iocp_worker *worker, struct iocp_stream *stream)
{
    struct iocp_vec vecs[IOCP_GATHER_MAX];
    size_t offered = 0;
    int count = (int)iocp_stream_gather(stream, vecs, SIZE_MAX, &offered);
    if (count == 0)
        return IOCP_DONE;
    if (stream->write.flags & IOCP_F_CANCEL)
        return iocp_stream_fail_write(stream, IOCP_E_CANCELLED, 0);
    if (stream->slot != IOCP_NO_SLOT)
        iocp_slot_try(worker->port, stream->slot, IOCP_OUT);
    ssize_t put = write_some(stream, (struct iovec *)(void *)vecs, count);
    if (put < 0 && errno == EIO && stream->kind == IOCP_STREAM_TERMINAL)
        return iocp_stream_fail_write(stream, IOCP_E_HANGUP, EIO);
    if (put < 0 && errno != EAGAIN)
        return iocp_stream_fail_write(stream, iocp_error_from_os(errno), errno);
    if (put > 0) {
        worker->moved_bytes += (uint64_t)put;
        iocp_count(worker->port, IOCP_C_BYTES_WRITTEN, (uint64_t)put);
        iocp_stream_advance(stream, (size_t)put);
    }
    if (put == (ssize_t)offered)
        return IOCP_AGAIN;
    return wait_for_room(worker, stream, put <= 0);
}

bool iocp_write_step(struct iocp_worker *worker, struct iocp_op *op)
{
    enum iocp_outcome outcome;
    do {
        outcome = try_write(worker, iocp_stream_of_write(op));
    } while (outcome == IOCP_AGAIN);
    return outcome == IOCP_DONE;
}

/* ---- Closing ---- */

bool iocp_close_step(struct iocp_worker *worker, struct iocp_op *op)
{
    struct iocp_stream *stream = IOCP_OWNER(op, struct iocp_stream, close);
    assert(stream->phase == IOCP_CLOSING);
    if (stream->slot != IOCP_NO_SLOT)
        iocp_slot_close(worker->port, stream->slot, (int)stream->handle);
    stream->slot = IOCP_NO_SLOT;
    (void)worker->port->sys->close((int)stream->handle);
    stream->handle = IOCP_NO_HANDLE;
    stream->phase = IOCP_CLOSED;
    return true;
}

/* ---- Sockets ---- */

void iocp_stream_shutdown(struct iocp_stream *stream)
{
    assert(stream->kind == IOCP_STREAM_SOCKET && stream->phase == IOCP_OPEN);
    (void)shutdown((int)stream->handle, SHUT_WR);
}

void iocp_stream_tune(struct iocp_stream *stream, uint32_t unsent_bytes)
{
    int on = 1, fd = (int)stream->handle;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (unsent_bytes > 0)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_bytes, sizeof(unsent_bytes));
}
