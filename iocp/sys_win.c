/*
 * The default table of system calls: the system's own, with the arguments that never vary here.
 * Knows nothing else.
 */
#include "iocp/sys_win.h"

#include "iocp/iocp.h"

#include <stdlib.h>

/* A pending write never exceeds half of it, so the reader always finds the other half filled. */
enum { PIPE_BUFFER_BYTES = 2 * IOCP_READ_MAX };

static HANDLE associate(HANDLE handle, HANDLE port, ULONG_PTR key)
{
    return CreateIoCompletionPort(handle, port, key, 0);
}

static BOOL read_file(HANDLE handle, void *data, DWORD size, OVERLAPPED *overlapped)
{
    return ReadFile(handle, data, size, NULL, overlapped);
}

static BOOL write_file(HANDLE handle, const void *data, DWORD size, OVERLAPPED *overlapped)
{
    return WriteFile(handle, data, size, NULL, overlapped);
}

static BOOL peek_pipe(HANDLE handle, DWORD *out_available)
{
    return PeekNamedPipe(handle, NULL, 0, NULL, out_available, NULL);
}

static int wsa_recv(SOCKET socket, WSABUF *buffer, DWORD *out_got, OVERLAPPED *overlapped)
{
    DWORD flags = 0;
    return WSARecv(socket, buffer, 1, out_got, &flags, overlapped, NULL);
}

static int wsa_send(SOCKET socket, WSABUF *buffers, DWORD count, OVERLAPPED *overlapped)
{
    return WSASend(socket, buffers, count, NULL, 0, overlapped, NULL);
}

static SOCKET wsa_socket(int family)
{
    return WSASocketW(family, SOCK_STREAM, IPPROTO_TCP, NULL, 0,
                      WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
}

static HANDLE create_pipe(const wchar_t *path, bool first, DWORD instances,
                          SECURITY_ATTRIBUTES *security)
{
    DWORD access =
        PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | (first ? FILE_FLAG_FIRST_PIPE_INSTANCE : 0);
    DWORD mode = PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS;
    return CreateNamedPipeW(path, access, mode, instances, PIPE_BUFFER_BYTES, PIPE_BUFFER_BYTES, 0,
                            security);
}

static BOOL register_wait(HANDLE *out_wait, HANDLE handle, WAITORTIMERCALLBACK call, void *context)
{
    return RegisterWaitForSingleObject(out_wait, handle, call, context, INFINITE,
                                       WT_EXECUTEINWAITTHREAD | WT_EXECUTEONLYONCE);
}

static void *map_pages(size_t size)
{
    return VirtualAlloc(NULL, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
}

static void unmap_pages(void *memory, size_t size)
{
    (void)size; /* MEM_RELEASE takes the whole reservation */
    (void)VirtualFree(memory, 0, MEM_RELEASE);
}

const struct iocp_sys iocp_sys_default = {
    .associate = associate,
    .read_file = read_file,
    .write_file = write_file,
    .peek_pipe = peek_pipe,
    .wsa_recv = wsa_recv,
    .wsa_send = wsa_send,
    .wsa_socket = wsa_socket,
    .create_pipe = create_pipe,
    .register_wait = register_wait,
    .alloc = malloc,
    .release = free,
    .map_pages = map_pages,
    .unmap_pages = unmap_pages,
};
