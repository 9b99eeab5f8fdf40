/*
 * The system calls of the Windows backend as a table, so that a test can make the n-th one fail and
 * see that nothing is lost. A port without a table of its own uses iocp_sys_default. Each member
 * has the meaning and the errors (GetLastError, WSAGetLastError) of the call that it is named
 * after.
 */
#ifndef IOCP_SYS_WIN_H
#define IOCP_SYS_WIN_H

#include <winsock2.h>

#include <stdbool.h>
#include <stddef.h>
#include <windows.h>

struct iocp_sys {
    HANDLE (*associate)(HANDLE handle, HANDLE port, ULONG_PTR key); /* CreateIoCompletionPort */
    BOOL (*read_file)(HANDLE handle, void *data, DWORD size, OVERLAPPED *overlapped);
    BOOL (*write_file)(HANDLE handle, const void *data, DWORD size, OVERLAPPED *overlapped);
    BOOL (*peek_pipe)(HANDLE handle, DWORD *out_available); /* PeekNamedPipe */
    int (*wsa_recv)(SOCKET socket, WSABUF *buffer, DWORD *out_got, OVERLAPPED *overlapped);
    int (*wsa_send)(SOCKET socket, WSABUF *buffers, DWORD count, OVERLAPPED *overlapped);
    SOCKET (*wsa_socket)(int family); /* TCP, overlapped, inherited by nobody */
    HANDLE(*create_pipe)
    (const wchar_t *path, bool first, DWORD instances,
     SECURITY_ATTRIBUTES *security); /* CreateNamedPipeW */
    BOOL (*register_wait)(HANDLE *out_wait, HANDLE handle, WAITORTIMERCALLBACK call, void *context);
    void *(*alloc)(size_t size);     /* malloc */
    void (*release)(void *memory);   /* free */
    void *(*map_pages)(size_t size); /* VirtualAlloc; NULL on failure */
    void (*unmap_pages)(void *memory, size_t size);
};

extern const struct iocp_sys iocp_sys_default;

#endif
