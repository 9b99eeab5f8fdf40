/*
 * Making handles: pipes to children and listening sockets. Nothing here is inherited by anybody
 * until a child's start says so. Any thread.
 *
 * A pipe is a named one, since only those do overlapped I/O: one instance, byte mode, a name that
 * nobody can guess and that is taken at once. Our end is the server's; the child's is opened
 * synchronous, as programs expect of their standard handles.
 */
#include "iocp/port_win.h"
#include "iocp/security_win.h"

#include <stdio.h>
#include <ws2tcpip.h>

enum { BACKLOG = SOMAXCONN };

/* ---- Pipes ---- */

static int make_name(const struct iocp_port *port, wchar_t *out_name, size_t size)
{
    uint64_t random[2];
    if (iocp_random((struct iocp_port *)(uintptr_t)port, random, sizeof(random)) != 0)
        return IOCP_E_OS;
    (void)swprintf(out_name, size, L"\\\\.\\pipe\\execport-%08lx-%016llx%016llx",
                   (unsigned long)GetCurrentProcessId(), (unsigned long long)random[0],
                   (unsigned long long)random[1]);
    return 0;
}

DWORD iocp_pipe_make(const struct iocp_port *port, const wchar_t *path, enum iocp_pipe_life life,
                     HANDLE *out_handle)
{
    bool only = life == IOCP_PIPE_ONLY;
    struct iocp_security security;
    DWORD error =
        only ? iocp_security_of_token(port, &security) : iocp_security_owner_only(&security);
    if (error != 0)
        return error;
    HANDLE handle = port->sys->create_pipe(
        path, life != IOCP_PIPE_NEXT, only ? 1 : PIPE_UNLIMITED_INSTANCES, &security.attributes);
    if (handle == INVALID_HANDLE_VALUE)
        error = GetLastError();
    else
        *out_handle = handle;
    iocp_security_free(port, &security);
    return error;
}

/* Opens both ends. Returns 0 or the system's error. */
static DWORD open_ends(const struct iocp_port *port, const wchar_t *name, DWORD their_access,
                       HANDLE out_ends[2])
{
    DWORD error = iocp_pipe_make(port, name, IOCP_PIPE_ONLY, &out_ends[0]);
    if (error != 0)
        return error;
    out_ends[1] = CreateFileW(name, their_access, 0, NULL, OPEN_EXISTING, 0, NULL);
    if (out_ends[1] != INVALID_HANDLE_VALUE)
        return 0;
    error = GetLastError();
    (void)CloseHandle(out_ends[0]);
    return error;
}

int iocp_pipe_open(const struct iocp_port *port, bool ours_reads, iocp_handle *out_ours,
                   iocp_handle *out_theirs, int *out_os_error)
{
    /* The attributes let a runtime ask what kind of file its standard handle is, and set the mode.
     */
    DWORD access =
        ours_reads ? GENERIC_WRITE | FILE_READ_ATTRIBUTES : GENERIC_READ | FILE_WRITE_ATTRIBUTES;
    wchar_t name[96];
    HANDLE ends[2] = {INVALID_HANDLE_VALUE, INVALID_HANDLE_VALUE};
    int result = make_name(port, name, sizeof(name) / sizeof(name[0]));
    if (result != 0) {
        *out_os_error = ERROR_GEN_FAILURE; /* the random numbers have codes of another kind */
        return result;
    }
    *out_os_error = (int)open_ends(port, name, access, ends);
    if (*out_os_error != 0)
        return iocp_error_from_os(*out_os_error);
    *out_ours = (iocp_handle)ends[0];
    *out_theirs = (iocp_handle)ends[1];
    return 0;
}

void iocp_handle_close(const struct iocp_port *port, iocp_handle handle)
{
    int type = 0, size = sizeof(type);
    (void)port;
    if (handle == IOCP_NO_HANDLE)
        return;
    if (getsockopt((SOCKET)handle, SOL_SOCKET, SO_TYPE, (char *)&type, &size) == 0)
        (void)closesocket((SOCKET)handle);
    else
        (void)CloseHandle((HANDLE)handle);
}

/* ---- Listening sockets ---- */

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* Returns the size of the address, 0 if the text is no literal address. */
static int parse_address(const char *text, uint16_t tcp_port, union address *out_address)
{
    union address address = {0};
    if (inet_pton(AF_INET, text, &address.v4.sin_addr) == 1) {
        address.v4.sin_family = AF_INET;
        address.v4.sin_port = htons(tcp_port);
        *out_address = address;
        return sizeof(address.v4);
    }
    address = (union address){0};
    if (inet_pton(AF_INET6, text, &address.v6.sin6_addr) == 1) {
        address.v6.sin6_family = AF_INET6;
        address.v6.sin6_port = htons(tcp_port);
        *out_address = address;
        return sizeof(address.v6);
    }
    return 0;
}

/* Binds, listens and learns the port. Returns 0, or the system's error. */
static int bind_and_listen(SOCKET socket, union address *address, int size)
{
    const DWORD on = 1;
    /* Nobody else may take the address while we have it; SO_REUSEADDR would let anybody. */
    if (setsockopt(socket, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, (const char *)&on, sizeof(on)) != 0)
        return WSAGetLastError();
    if (address->any.sa_family == AF_INET6 &&
        setsockopt(socket, IPPROTO_IPV6, IPV6_V6ONLY, (const char *)&on, sizeof(on)) != 0)
        return WSAGetLastError();
    if (bind(socket, &address->any, size) != 0 || listen(socket, BACKLOG) != 0)
        return WSAGetLastError();
    return getsockname(socket, &address->any, &size) == 0 ? 0 : WSAGetLastError();
}

int iocp_listen_tcp(const char *address_text, uint16_t tcp_port, iocp_handle *out_handle,
                    uint16_t *out_tcp_port, int *out_os_error)
{
    union address address;
    *out_os_error = iocp_winsock_start();
    if (*out_os_error != 0)
        return iocp_error_from_os(*out_os_error);
    int size = parse_address(address_text, tcp_port, &address);
    if (size == 0) {
        *out_os_error = WSAEINVAL;
        return IOCP_E_INVALID;
    }
    SOCKET socket = WSASocketW(address.any.sa_family, SOCK_STREAM, IPPROTO_TCP, NULL, 0,
                               WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
    if (socket == INVALID_SOCKET) {
        *out_os_error = WSAGetLastError();
        return iocp_error_from_os(*out_os_error);
    }
    *out_os_error = bind_and_listen(socket, &address, size);
    if (*out_os_error != 0) {
        (void)closesocket(socket);
        return iocp_error_from_os(*out_os_error);
    }
    *out_handle = (iocp_handle)socket;
    *out_tcp_port =
        ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
    return 0;
}
