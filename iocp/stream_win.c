/*
 * Streams on Windows: opening, closing, and what only sockets know. Reads and writes are in
 * read_win.c and write_win.c.
 *
 * submit    opening makes the handle known to the port, for good; its slot lives until the close
 * close     cancels read and write; when the second one has completed no packet can come any more,
 *           and the handle is closed
 *
 * A pseudoconsole is no stream here: it has two pipes, and they are streams of the kind pipe.
 */
#include "iocp/slot_win.h"

#include <ws2tcpip.h>

/* What a piece may be long at most so that it is never taken in part: see write_win.c. */
static uint32_t most_of_a_piece(HANDLE pipe)
{
    enum { UNKNOWN_BUFFER = 4096 }; /* what the system gives a pipe that asks for nothing */
    DWORD flags = 0, out_bytes = 0, in_bytes = 0, buffer = UNKNOWN_BUFFER;
    if (GetNamedPipeInfo(pipe, &flags, &out_bytes, &in_bytes, NULL))
        buffer = (flags & PIPE_SERVER_END) ? out_bytes : in_bytes;
    /* Without a buffer each write waits for a reader, who may have taken a part when it is
     * cancelled: then fewer bytes are told than went out. A byte at a time would avoid that. */
    DWORD half = (buffer > 1 ? buffer : UNKNOWN_BUFFER) / 2;
    return half < IOCP_READ_MAX ? half : IOCP_READ_MAX;
}

/* Makes sure that no call waits and that a message is read like bytes. */
static bool prepare(HANDLE handle, bool is_socket)
{
    u_long on = 1;
    DWORD mode = PIPE_READMODE_BYTE | PIPE_WAIT, state = 0;
    if (is_socket)
        return ioctlsocket((SOCKET)handle, FIONBIO, &on) == 0;
    if (GetNamedPipeHandleStateW(handle, &state, NULL, NULL, NULL, NULL, 0) &&
        (state & (PIPE_READMODE_MESSAGE | PIPE_NOWAIT)) != 0)
        return SetNamedPipeHandleState(handle, &mode, NULL, NULL);
    return true;
}

int iocp_stream_open(struct iocp_stream *stream, struct iocp_strand *strand, iocp_handle handle,
                     enum iocp_stream_kind kind, const struct iocp_stream_events *events,
                     int *out_os_error)
{
    bool is_socket = kind == IOCP_STREAM_SOCKET;
    uint32_t number = IOCP_NO_SLOT;
    assert(handle != IOCP_NO_HANDLE);
    if (kind == IOCP_STREAM_TERMINAL) {
        *out_os_error = ERROR_NOT_SUPPORTED;
        return IOCP_E_INVALID;
    }
    if (!prepare((HANDLE)handle, is_socket)) {
        *out_os_error = (int)GetLastError();
        return iocp_error_from_os(*out_os_error);
    }
    int result = iocp_slot_open(strand->port, (HANDLE)handle, is_socket, &number, out_os_error);
    if (result != 0)
        return result;
    iocp_stream_prepare(stream, strand, handle, kind, events);
    stream->slot = number;
    if (!is_socket)
        iocp_slot_at(strand->port, number)->write_most_bytes = most_of_a_piece((HANDLE)handle);
    return 0;
}

bool iocp_close_step(struct iocp_worker *worker, struct iocp_op *op)
{
    struct iocp_stream *stream = IOCP_OWNER(op, struct iocp_stream, close);
    assert(stream->phase == IOCP_CLOSING);
    iocp_slot_close(worker->port, stream->slot);
    stream->slot = IOCP_NO_SLOT;
    if (stream->kind == IOCP_STREAM_SOCKET)
        (void)closesocket((SOCKET)stream->handle);
    else
        (void)CloseHandle((HANDLE)stream->handle);
    stream->handle = IOCP_NO_HANDLE;
    stream->phase = IOCP_CLOSED;
    return true;
}

void iocp_stream_shutdown(struct iocp_stream *stream)
{
    assert(stream->kind == IOCP_STREAM_SOCKET && stream->phase == IOCP_OPEN);
    (void)shutdown((SOCKET)stream->handle, SD_SEND);
}

void iocp_stream_tune(struct iocp_stream *stream, uint32_t unsent_bytes)
{
    SOCKET socket = (SOCKET)stream->handle;
    int on = 1, size = unsent_bytes < INT_MAX ? (int)unsent_bytes : INT_MAX;
    if (stream->kind != IOCP_STREAM_SOCKET)
        return;
    (void)setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, (const char *)&on, sizeof(on));
    if (size > 0) /* Windows keeps one call beyond this, which SEND_BYTES bounds */
        (void)setsockopt(socket, SOL_SOCKET, SO_SNDBUF, (const char *)&size, sizeof(size));
}
