/*
 * Support on Windows: the other ends of pipes and sockets, with calls that wait for their end. What
 * a child or a client would do to the engine's streams, without one.
 *
 * A pipe's end may be synchronous (as a child has it) or overlapped (of SUP_LOCAL, where a read and
 * a write wait at once); a call with an event of its own waits on both. SUP_LOCAL is a duplex pipe;
 * the engine gets its two ends in turn, and their count is the only state at file scope. Two ends
 * for the engine that have to be sockets are a connection of the loopback, over IPv6 where there is
 * one. There is no terminal: a pseudoconsole has two pipes.
 */
#include "support_win.h"

#include <wchar.h>
#include <ws2tcpip.h>

enum {
    LOCAL_BUFFER_BYTES = 64 * 1024, /* each way */
    PIECE_UNKNOWN_BYTES = 4096,     /* of a write, if the pipe does not tell its buffers */
    SOCKET_PIECE_BYTES = 64 * 1024
};

static _Atomic unsigned local_pairs;

/* ---- Pipes ----------------------------------------------------------------------------------- */

/* Ends a call that was told ERROR_IO_PENDING or was done at once; returns 0 or the error. */
static DWORD finish(HANDLE pipe, BOOL done, OVERLAPPED *call, DWORD *out_bytes)
{
    DWORD error = done ? 0 : GetLastError();
    if (error == ERROR_IO_PENDING)
        done = TRUE;
    if (done)
        error = GetOverlappedResult(pipe, call, out_bytes, TRUE) ? 0 : GetLastError();
    SUP_CHECK(CloseHandle(call->hEvent));
    return error;
}

static long read_pipe(HANDLE pipe, void *data, size_t size_bytes)
{
    DWORD most = size_bytes < MAXLONG ? (DWORD)size_bytes : MAXLONG;
    for (;;) {
        DWORD got = 0;
        OVERLAPPED call = {.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL)};
        DWORD error = finish(pipe, ReadFile(pipe, data, most, NULL, &call), &call, &got);
        if (error == ERROR_BROKEN_PIPE || error == ERROR_PIPE_NOT_CONNECTED)
            return 0;
        if (error != 0)
            return -1;
        if (got > 0)
            return (long)got; /* 0: the other side wrote nothing, which is no end */
    }
}

/* A write that fails does not tell how much of it was taken. One that the pipe's buffer has room
 * for is taken whole or not at all: the system ends it before anybody can read a part of it. */
static size_t piece_bytes(HANDLE pipe)
{
    DWORD out = 0, in = 0;
    if (!GetNamedPipeInfo(pipe, NULL, &out, &in, NULL))
        return PIECE_UNKNOWN_BYTES;
    DWORD least = out == 0 || (in > 0 && in < out) ? in : out;
    return least > 0 ? least : PIECE_UNKNOWN_BYTES;
}

static size_t write_pipe(HANDLE pipe, const uint8_t *data, size_t size_bytes)
{
    size_t done = 0, most = piece_bytes(pipe);
    while (done < size_bytes) {
        size_t piece = size_bytes - done < most ? size_bytes - done : most;
        DWORD took = 0;
        OVERLAPPED call = {.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL)};
        BOOL at_once = WriteFile(pipe, data + done, (DWORD)piece, NULL, &call);
        if (finish(pipe, at_once, &call, &took) != 0)
            break;
        done += took;
    }
    return done;
}

/* ---- Sockets --------------------------------------------------------------------------------- */

static size_t write_socket(SOCKET socket, const char *data, size_t size_bytes)
{
    size_t done = 0;
    while (done < size_bytes) {
        size_t piece = size_bytes - done;
        int n = send(socket, data + done,
                     (int)(piece < SOCKET_PIECE_BYTES ? piece : SOCKET_PIECE_BYTES), 0);
        if (n < 0)
            break;
        done += (size_t)n;
    }
    return done;
}

/* ---- Ends ------------------------------------------------------------------------------------ */

long sup_end_read(struct sup_end *end, void *data, size_t size_bytes)
{
    if (!end->is_socket)
        return read_pipe((HANDLE)end->handle, data, size_bytes);
    return recv((SOCKET)end->handle, data, size_bytes < MAXLONG ? (int)size_bytes : MAXLONG, 0);
}

size_t sup_end_write(struct sup_end *end, const void *data, size_t size_bytes)
{
    return end->is_socket ? write_socket((SOCKET)end->handle, data, size_bytes)
                          : write_pipe((HANDLE)end->handle, data, size_bytes);
}

void sup_end_close(struct sup_end *end)
{
    if (end->is_socket)
        SUP_CHECK(closesocket((SOCKET)end->handle) == 0);
    else
        SUP_CHECK(CloseHandle((HANDLE)end->handle));
    end->handle = IOCP_NO_HANDLE;
}

void sup_end_reset(struct sup_end *end)
{
    const struct linger at_once = {1, 0};
    SUP_CHECK(setsockopt((SOCKET)end->handle, SOL_SOCKET, SO_LINGER, (const char *)&at_once,
                         sizeof at_once) == 0);
    sup_end_close(end);
}

void sup_end_shutdown(struct sup_end *end)
{
    SUP_CHECK(shutdown((SOCKET)end->handle, SD_SEND) == 0);
}

/* ---- Making connections ---------------------------------------------------------------------- */

/* Of a kind that the engine can use, too. */
static SOCKET new_socket(int family)
{
    return WSASocketW(family, SOCK_STREAM, IPPROTO_TCP, NULL, 0,
                      WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
}

static void send_at_once(SOCKET socket)
{
    const int on = 1;
    (void)setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, (const char *)&on, sizeof on);
}

static bool connect_to(const struct sockaddr_storage *to, int size, SOCKET *out_socket)
{
    SOCKET made = new_socket(to->ss_family);
    if (made == INVALID_SOCKET)
        return false;
    if (connect(made, (const struct sockaddr *)to, size) != 0) {
        closesocket(made);
        return false;
    }
    send_at_once(made);
    *out_socket = made;
    return true;
}

static bool parse_address(const char *text, uint16_t tcp_port, struct sockaddr_storage *out,
                          int *out_size)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)out;
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(tcp_port);
        *out_size = sizeof *v4;
        return true;
    }
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(tcp_port);
    *out_size = sizeof *v6;
    return inet_pton(AF_INET6, text, &v6->sin6_addr) == 1;
}

bool sup_tcp_connect(const char *address, uint16_t tcp_port, struct sup_end *out_end)
{
    struct sockaddr_storage to;
    int size;
    SOCKET made;
    if (!parse_address(address, tcp_port, &to, &size) || !connect_to(&to, size, &made))
        return false;
    *out_end = (struct sup_end){(iocp_handle)made, true};
    return true;
}

static bool accept_one(SOCKET listener, SOCKET *out_socket)
{
    *out_socket = accept(listener, NULL, NULL);
    if (*out_socket == INVALID_SOCKET)
        return false;
    SUP_CHECK(SetHandleInformation((HANDLE)*out_socket, HANDLE_FLAG_INHERIT, 0));
    send_at_once(*out_socket);
    return true;
}

static bool tcp_pair(const char *address, iocp_handle out_handles[2])
{
    struct sockaddr_storage at;
    int size;
    SOCKET client = INVALID_SOCKET, accepted = INVALID_SOCKET;
    if (!parse_address(address, 0, &at, &size))
        return false;
    SOCKET listener = new_socket(at.ss_family);
    if (listener == INVALID_SOCKET)
        return false;
    bool good = bind(listener, (const struct sockaddr *)&at, size) == 0 &&
                listen(listener, 1) == 0 &&
                getsockname(listener, (struct sockaddr *)&at, &size) == 0 &&
                connect_to(&at, size, &client) && accept_one(listener, &accepted);
    closesocket(listener);
    if (!good && client != INVALID_SOCKET)
        closesocket(client);
    out_handles[0] = (iocp_handle)accepted;
    out_handles[1] = (iocp_handle)client;
    return good;
}

bool sup_pair_sockets(enum sup_pair_kind kind, iocp_handle out_handles[2])
{
    if (kind == SUP_LOCAL && tcp_pair("::1", out_handles))
        return true;
    return tcp_pair("127.0.0.1", out_handles);
}

/* ---- Making pipes ---------------------------------------------------------------------------- */

static bool pipe_pair(const struct iocp_port *port, bool ours_reads, struct sup_pair *out)
{
    int os_error = 0;
    out->kind = IOCP_STREAM_PIPE;
    out->theirs.is_socket = false;
    return iocp_pipe_open(port, ours_reads, &out->ours, &out->theirs.handle, &os_error) == IOCP_OK;
}

static bool duplex_pipe(const wchar_t *name, HANDLE out_ends[2])
{
    out_ends[0] = CreateNamedPipeW(
        name, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | FILE_FLAG_FIRST_PIPE_INSTANCE,
        PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS, 1,
        LOCAL_BUFFER_BYTES, LOCAL_BUFFER_BYTES, 0, NULL);
    if (out_ends[0] == INVALID_HANDLE_VALUE)
        return false;
    out_ends[1] = CreateFileW(name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING,
                              FILE_FLAG_OVERLAPPED, NULL);
    if (out_ends[1] != INVALID_HANDLE_VALUE)
        return true;
    CloseHandle(out_ends[0]);
    return false;
}

static bool local_pair(struct sup_pair *out)
{
    wchar_t name[80];
    HANDLE ends[2];
    unsigned number = atomic_fetch_add(&local_pairs, 1);
    swprintf(name, sizeof name / sizeof name[0], L"\\\\.\\pipe\\execport-test-%lu-%u",
             GetCurrentProcessId(), number);
    if (!duplex_pipe(name, ends))
        return false;
    *out = (struct sup_pair){(iocp_handle)ends[number % 2],
                             IOCP_STREAM_PIPE,
                             {(iocp_handle)ends[1 - number % 2], false}};
    return true;
}

/* ---- Pairs ----------------------------------------------------------------------------------- */

static BOOL CALLBACK tell_no_terminal(INIT_ONCE *once, void *parameter, void **context)
{
    (void)once;
    (void)parameter;
    (void)context;
    printf("[  LACKS   ] terminal\n");
    return TRUE;
}

bool sup_terminal_attach(iocp_handle ours, struct sup_end *out_end)
{
    (void)ours;
    (void)out_end;
    return false;
}

bool sup_pair_open(const struct iocp_port *port, enum sup_pair_kind kind, struct sup_pair *out)
{
    static INIT_ONCE told = INIT_ONCE_STATIC_INIT;
    iocp_handle both[2];
    switch (kind) {
    case SUP_PIPE_IN:
    case SUP_PIPE_OUT:
        return pipe_pair(port, kind == SUP_PIPE_IN, out);
    case SUP_LOCAL:
        return local_pair(out);
    case SUP_TCP:
        if (!sup_pair_sockets(kind, both))
            return false;
        *out = (struct sup_pair){both[0], IOCP_STREAM_SOCKET, {both[1], true}};
        return true;
    default:
        (void)InitOnceExecuteOnce(&told, tell_no_terminal, NULL, NULL);
        return false;
    }
}
