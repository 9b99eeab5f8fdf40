/*
 * Writes on Windows: pipes take one span a call, sockets gather.
 *
 * submit    tried on the strand, since there is nearly always room
 * step      pipe: WriteFile of a piece; socket: WSASend of up to IOCP_GATHER_MAX spans
 * complete  when all was taken; the packet of a call that had to wait says how much that was
 * cancel    CancelIoEx; written_bytes counts whole pieces
 *
 * Named pipes do not say how much of a cancelled write a reader has taken. A piece of at most what
 * the pipe can buffer is never taken in part while it waits: the system ends it as soon as all that
 * is unread fits into the buffer. So a piece is at most half of the buffer (the other half keeps
 * the reader busy) and a cancelled one was not written at all.
 */
#include "iocp/slot_win.h"

#include <string.h>

enum {
    SMALL_BYTES = 4096,            /* spans that are written as one copy, together */
    SEND_BYTES = 4 * IOCP_READ_MAX /* what the system holds of one call: replies wait behind it */
};

static struct iocp_slot *slot_of(const struct iocp_stream *stream)
{
    return iocp_slot_at(stream->write.strand->port, stream->slot);
}

static bool is_socket(const struct iocp_stream *stream)
{
    return stream->kind == IOCP_STREAM_SOCKET;
}

void iocp_write_cancel(struct iocp_stream *stream)
{
    if (!iocp_pending(&stream->write))
        return;
    stream->write.flags |= IOCP_F_CANCEL;
    iocp_flight_cancel(slot_of(stream), IOCP_OUT, stream->handle);
}

static enum iocp_outcome fail_write(struct iocp_stream *stream, DWORD error)
{
    bool broken = error == ERROR_BROKEN_PIPE || error == ERROR_PIPE_NOT_CONNECTED;
    int result = broken ? IOCP_E_BROKEN : iocp_error_from_os((int)error);
    return iocp_stream_fail_write(stream, result, (int)error);
}

/* So many bytes were taken: are there more? */
static enum iocp_outcome took(struct iocp_worker *worker, struct iocp_stream *stream,
                              uint32_t bytes)
{
    iocp_slice_unref(&slot_of(stream)->gathered);
    worker->moved_bytes += bytes;
    iocp_count(worker->port, IOCP_C_BYTES_WRITTEN, bytes);
    iocp_stream_advance(stream, bytes);
    return IOCP_AGAIN;
}

/* Small spans at the front become one piece in leased memory: a pipe has no gathering write. */
static bool put_together(struct iocp_worker *worker, struct iocp_slot *slot,
                         const struct iocp_vec *vecs, unsigned count)
{
    uint32_t total = 0;
    unsigned taken = 0;
    while (taken < count && vecs[taken].size_bytes <= SMALL_BYTES - total)
        total += (uint32_t)vecs[taken++].size_bytes;
    if (taken < 2 || iocp_lease(worker->port, total, &slot->gathered) != 0)
        return false;
    uint8_t *to = slot->gathered.data;
    for (unsigned i = 0; i < taken; i++) {
        memcpy(to, vecs[i].data, vecs[i].size_bytes);
        to += vecs[i].size_bytes;
    }
    return true;
}

static DWORD write_to_pipe(struct iocp_worker *worker, struct iocp_stream *stream,
                           const struct iocp_vec *vecs, unsigned count)
{
    struct iocp_slot *slot = slot_of(stream);
    const void *data = vecs[0].data;
    DWORD size = (DWORD)vecs[0].size_bytes;
    if (put_together(worker, slot, vecs, count)) {
        data = slot->gathered.data;
        size = slot->gathered.size_bytes;
    }
    OVERLAPPED *overlapped = iocp_flight_prepare(slot, IOCP_OUT, &stream->write);
    bool ok = worker->port->sys->write_file((HANDLE)stream->handle, data, size, overlapped);
    return ok ? 0 : GetLastError();
}

static DWORD write_to_socket(struct iocp_worker *worker, struct iocp_stream *stream,
                             const struct iocp_vec *vecs, unsigned count)
{
    WSABUF buffers[IOCP_GATHER_MAX];
    for (unsigned i = 0; i < count; i++) {
        buffers[i].buf = (char *)(uintptr_t)vecs[i].data; /* only read; the type has no const */
        buffers[i].len = (ULONG)vecs[i].size_bytes;
    }
    OVERLAPPED *overlapped = iocp_flight_prepare(slot_of(stream), IOCP_OUT, &stream->write);
    const struct iocp_sys *sys = worker->port->sys;
    int result = sys->wsa_send((SOCKET)stream->handle, buffers, count, overlapped);
    return result == 0 ? 0 : (DWORD)WSAGetLastError();
}

static enum iocp_outcome try_write(struct iocp_worker *worker, struct iocp_stream *stream)
{
    struct iocp_vec vecs[IOCP_GATHER_MAX];
    struct iocp_slot *slot = slot_of(stream);
    size_t offered = 0;
    size_t most = is_socket(stream) ? SEND_BYTES : slot->write_most_bytes;
    unsigned count = iocp_stream_gather(stream, vecs, most, &offered);
    if (count == 0)
        return IOCP_DONE;
    if (stream->write.flags & IOCP_F_CANCEL)
        return iocp_stream_fail_write(stream, IOCP_E_CANCELLED, 0);
    iocp_count(worker->port, IOCP_C_WRITES, 1);
    DWORD error = is_socket(stream) ? write_to_socket(worker, stream, vecs, count)
                                    : write_to_pipe(worker, stream, vecs, count);
    switch (iocp_flight_depart(slot, IOCP_OUT, error)) {
    case IOCP_LANDED:
        return took(worker, stream, iocp_flight_bytes(slot, IOCP_OUT));
    case IOCP_FLYING:
        iocp_count(worker->port, IOCP_C_WRITES_FULL, 1);
        return IOCP_WAITS;
    case IOCP_REFUSED:
        break;
    }
    iocp_slice_unref(&slot->gathered);
    return fail_write(stream, error);
}

/* The kernel is done with a piece: it was taken, or the cancel hit it, or nobody will read it. */
static enum iocp_outcome land(struct iocp_worker *worker, struct iocp_stream *stream)
{
    uint32_t bytes = 0;
    DWORD error =
        iocp_flight_land(slot_of(stream), IOCP_OUT, stream->handle, is_socket(stream), &bytes);
    enum iocp_outcome outcome = took(worker, stream, bytes);
    if (error == 0 || error == ERROR_OPERATION_ABORTED)
        return outcome;
    return fail_write(stream, error);
}

bool iocp_write_step(struct iocp_worker *worker, struct iocp_op *op)
{
    struct iocp_stream *stream = iocp_stream_of_write(op);
    enum iocp_outcome outcome = IOCP_AGAIN;
    if (slot_of(stream)->flights[IOCP_OUT].flying)
        outcome = land(worker, stream);
    while (outcome == IOCP_AGAIN)
        outcome = try_write(worker, stream);
    return outcome == IOCP_DONE;
}
