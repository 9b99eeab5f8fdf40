/*
 * Reads on Windows: a buffer is leased when there is something to read, not before.
 *
 * submit    a read of zero bytes, which the system ends when there is something (or at once)
 * step      pipe: PeekNamedPipe tells how much is there; lease, ReadFile, which ends at once.
 *           Socket: lease by what came before, WSARecv that does not wait
 * complete  with the bytes; or arms again if nothing was there: a zero-byte write of the other
 *           side ends a zero-byte read too, and is no end of anything
 * cancel    CancelIoEx; then looks a last time, so what came before the cancel is delivered
 *
 * A read that filled its room is followed by a look without arming. A ReadFile that does not end at
 * once although bytes were there is left pending with its lease and counted. An empty message or
 * write may stay in a pipe and end every read of zero bytes at once while the look finds nothing:
 * only a read with room takes it away.
 */
#include "iocp/slot_win.h"

static struct iocp_slot *slot_of(const struct iocp_stream *stream)
{
    return iocp_slot_at(stream->read.strand->port, stream->slot);
}

static bool is_socket(const struct iocp_stream *stream)
{
    return stream->kind == IOCP_STREAM_SOCKET;
}

static bool is_cancelled(const struct iocp_stream *stream)
{
    return (stream->read.flags & IOCP_F_CANCEL) != 0;
}

void iocp_read_start(struct iocp_stream *stream, uint32_t max_bytes)
{
    iocp_stream_begin_read(stream, max_bytes);
    iocp_strand_push(&stream->read);
}

void iocp_read_cancel(struct iocp_stream *stream)
{
    struct iocp_op *op = &stream->read;
    if (!iocp_pending(op))
        return;
    bool mine = iocp_slab_unstarve(op->strand->port, op);
    op->flags |= IOCP_F_CANCEL;
    if (mine)
        iocp_strand_push(op);
    else
        iocp_flight_cancel(slot_of(stream), IOCP_IN, stream->handle);
}

bool iocp_read_is_waiting(const struct iocp_stream *stream)
{
    return iocp_pending(&stream->read) && iocp_flight_is_up(slot_of(stream), IOCP_IN);
}

/* ---- Results ---- */

static enum iocp_outcome end_read(struct iocp_stream *stream, int result, DWORD os_error)
{
    stream->read.result = result;
    stream->read.os_error = (int)os_error;
    slot_of(stream)->more = true; /* an end or an error is there to be read again */
    return IOCP_DONE;
}

static enum iocp_outcome fail_read(struct iocp_stream *stream, DWORD error)
{
    switch (error) {
    case ERROR_BROKEN_PIPE:
    case ERROR_PIPE_NOT_CONNECTED:
    case ERROR_NO_DATA:
    case ERROR_HANDLE_EOF:
        return end_read(stream, IOCP_E_END, error);
    default:
        return end_read(stream, iocp_error_from_os((int)error), error);
    }
}

static enum iocp_outcome deliver(struct iocp_worker *worker, struct iocp_stream *stream,
                                 struct iocp_slice slice, uint32_t room_bytes)
{
    stream->slice = slice;
    worker->turn_bytes += slice.size_bytes;
    worker->moved_bytes += slice.size_bytes;
    iocp_count(worker->port, IOCP_C_BYTES_READ, slice.size_bytes);
    slot_of(stream)->more = slice.size_bytes == room_bytes;
    iocp_stream_learn(stream, slice.size_bytes, room_bytes);
    return IOCP_DONE;
}

/* No slab: the read stands in the pool's queue now, unless it was cancelled. */
static enum iocp_outcome no_room(struct iocp_stream *stream, int result, bool cancelled)
{
    slot_of(stream)->more = true;
    if (result == IOCP_E_BUSY && !cancelled)
        return IOCP_WAITS;
    if (result == IOCP_E_BUSY && !iocp_slab_unstarve(stream->read.strand->port, &stream->read))
        return IOCP_WAITS; /* it is on its way back here already */
    if (result == IOCP_E_BUSY)
        return end_read(stream, IOCP_E_CANCELLED, 0);
    return end_read(stream, result, ERROR_NOT_ENOUGH_MEMORY);
}

/* ---- Steps ---- */

static enum iocp_outcome arm(struct iocp_stream *stream)
{
    struct iocp_slot *slot = slot_of(stream);
    const struct iocp_sys *sys = stream->read.strand->port->sys;
    char *nowhere = (char *)slot; /* nothing is put there, but it must be an address */
    WSABUF none = {0, nowhere};
    OVERLAPPED *overlapped = iocp_flight_prepare(slot, IOCP_IN, &stream->read);
    slot->reading = IOCP_READING_ARMED;
    DWORD error = 0;
    if (is_socket(stream)) {
        if (sys->wsa_recv((SOCKET)stream->handle, &none, NULL, overlapped) != 0)
            error = (DWORD)WSAGetLastError();
    } else if (!sys->read_file((HANDLE)stream->handle, nowhere, 0, overlapped)) {
        error = GetLastError();
    }
    switch (iocp_flight_depart(slot, IOCP_IN, error)) {
    case IOCP_LANDED:
        slot->hollow = true;
        return IOCP_AGAIN;
    case IOCP_FLYING:
        return IOCP_WAITS;
    case IOCP_REFUSED:
        break;
    }
    return fail_read(stream, error);
}

static enum iocp_outcome nothing_there(struct iocp_worker *worker, struct iocp_stream *stream)
{
    iocp_count(worker->port, IOCP_C_READS_EMPTY, 1);
    slot_of(stream)->more = false;
    if (!is_cancelled(stream))
        return arm(stream);
    stream->read.result = IOCP_E_CANCELLED;
    return IOCP_DONE;
}

/* Nothing came of what was there. The other side can repeat that for ever, so others on the strand
 * and this worker come first. */
static enum iocp_outcome later(struct iocp_worker *worker, struct iocp_stream *stream)
{
    slot_of(stream)->more = false;
    worker->since_poll++; /* as a callback would: the worker looks at the kernel in between */
    iocp_strand_push(&stream->read);
    return IOCP_WAITS;
}

/* Room for want_bytes or, if slabs are scarce, for less. 0, or the outcome without it. */
static bool find_room(struct iocp_worker *worker, struct iocp_stream *stream, uint32_t want_bytes,
                      WSABUF *out_room, enum iocp_outcome *out_outcome)
{
    bool cancelled = is_cancelled(stream);
    uint8_t *data = NULL;
    uint32_t room = 0;
    int result = iocp_slab_room(worker, &stream->read, want_bytes, &data, &room);
    if (result != 0) {
        *out_outcome = no_room(stream, result, cancelled);
        return false;
    }
    out_room->buf = (char *)data;
    out_room->len = room < stream->read_max_bytes ? room : stream->read_max_bytes;
    return true;
}

/* The bytes were there and yet the read pends: its lease stays with it. */
static enum iocp_outcome leave_pending(struct iocp_worker *worker, struct iocp_stream *stream,
                                       uint32_t room_bytes)
{
    struct iocp_slot *slot = slot_of(stream);
    slot->reading = IOCP_READING_FILLING;
    slot->lease = iocp_slab_commit(worker, room_bytes);
    iocp_count(worker->port, IOCP_C_READS_PENDING, 1);
    if (is_cancelled(stream))
        iocp_flight_cancel(slot, IOCP_IN, stream->handle);
    return IOCP_WAITS;
}

/* Reads up to size_bytes, of which all or none is there. */
static enum iocp_outcome read_pipe(struct iocp_worker *worker, struct iocp_stream *stream,
                                   uint32_t size_bytes)
{
    struct iocp_slot *slot = slot_of(stream);
    enum iocp_outcome outcome;
    WSABUF room;
    if (!find_room(worker, stream, size_bytes, &room, &outcome))
        return outcome;
    slot->hollow = false;
    iocp_count(worker->port, IOCP_C_READS, 1);
    OVERLAPPED *overlapped = iocp_flight_prepare(slot, IOCP_IN, &stream->read);
    bool ok = worker->port->sys->read_file((HANDLE)stream->handle, room.buf, room.len, overlapped);
    DWORD error = ok ? 0 : GetLastError();
    enum iocp_departure departure = iocp_flight_depart(slot, IOCP_IN, error);
    if (departure == IOCP_FLYING)
        return leave_pending(worker, stream, room.len);
    if (departure == IOCP_REFUSED)
        return fail_read(stream, error);
    uint32_t got = iocp_flight_bytes(slot, IOCP_IN);
    return got == 0 ? later(worker, stream)
                    : deliver(worker, stream, iocp_slab_commit(worker, got), room.len);
}

static enum iocp_outcome look_at_pipe(struct iocp_worker *worker, struct iocp_stream *stream)
{
    const struct iocp_sys *sys = worker->port->sys;
    uint32_t most = stream->read_max_bytes;
    DWORD available = 0;
    DWORD error = sys->peek_pipe((HANDLE)stream->handle, &available) ? 0 : GetLastError();
    if (error == 0 && available == 0 && slot_of(stream)->hollow && !is_cancelled(stream))
        return read_pipe(worker, stream, most < IOCP_READ_MIN ? most : IOCP_READ_MIN);
    if (error != 0 || available == 0)
        iocp_slab_pass_on(&stream->read); /* it has waited for room that it does not need */
    if (error != 0)
        return fail_read(stream, error);
    if (available == 0)
        return nothing_there(worker, stream);
    return read_pipe(worker, stream, available < most ? available : most);
}

static enum iocp_outcome look_at_socket(struct iocp_worker *worker, struct iocp_stream *stream)
{
    enum iocp_outcome outcome;
    DWORD got = 0;
    WSABUF room;
    if (!find_room(worker, stream, iocp_stream_want(stream), &room, &outcome))
        return outcome;
    iocp_count(worker->port, IOCP_C_READS, 1);
    if (worker->port->sys->wsa_recv((SOCKET)stream->handle, &room, &got, NULL) != 0) {
        DWORD error = (DWORD)WSAGetLastError();
        return error == WSAEWOULDBLOCK ? nothing_there(worker, stream) : fail_read(stream, error);
    }
    if (got == 0)
        return end_read(stream, IOCP_E_END, 0);
    return deliver(worker, stream, iocp_slab_commit(worker, got), room.len);
}

static enum iocp_outcome look(struct iocp_worker *worker, struct iocp_stream *stream)
{
    return is_socket(stream) ? look_at_socket(worker, stream) : look_at_pipe(worker, stream);
}

/* The kernel is done with what it had. */
static enum iocp_outcome land(struct iocp_worker *worker, struct iocp_stream *stream)
{
    struct iocp_slot *slot = slot_of(stream);
    uint32_t bytes = 0;
    DWORD error = iocp_flight_land(slot, IOCP_IN, stream->handle, is_socket(stream), &bytes);
    struct iocp_slice lease = slot->lease;
    slot->lease = (struct iocp_slice){0};
    if (slot->reading == IOCP_READING_FILLING && bytes > 0 && bytes <= lease.size_bytes) {
        uint32_t room_bytes = lease.size_bytes;
        lease.size_bytes = bytes;
        return deliver(worker, stream, lease, room_bytes);
    }
    iocp_slice_unref(&lease);
    if (error != 0 && error != ERROR_OPERATION_ABORTED)
        return fail_read(stream, error);
    return IOCP_AGAIN;
}

bool iocp_read_step(struct iocp_worker *worker, struct iocp_op *op)
{
    struct iocp_stream *stream = iocp_stream_of_read(op);
    struct iocp_slot *slot = slot_of(stream);
    enum iocp_outcome outcome = IOCP_AGAIN;
    if (slot->flights[IOCP_IN].flying)
        outcome = land(worker, stream);
    else if (!slot->more && !is_cancelled(stream))
        outcome = arm(stream);
    while (outcome == IOCP_AGAIN)
        outcome = look(worker, stream);
    return outcome == IOCP_DONE;
}
