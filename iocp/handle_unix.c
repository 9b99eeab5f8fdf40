/*
 * Making handles: pipes to children and listening sockets. Every descriptor is close-on-exec from
 * birth; O_NONBLOCK is set by iocp_stream_open on the end that is ours, since the flag belongs to
 * the open file and pipe2(2) would set it on both. Any thread.
 */
#include "iocp/port.h"
#include "iocp/sys_linux.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

enum { BACKLOG = 1024 }; /* a burst of clients; the system cuts it at net.core.somaxconn */

int iocp_pipe_open(const struct iocp_port *port, bool ours_reads, iocp_handle *out_ours,
                   iocp_handle *out_theirs, int *out_os_error)
{
    int fds[2];
    if (port->sys->pipe2(fds, O_CLOEXEC) != 0) {
        *out_os_error = errno;
        return iocp_error_from_os(errno);
    }
    *out_ours = ours_reads ? fds[0] : fds[1];
    *out_theirs = ours_reads ? fds[1] : fds[0];
    return 0;
}

void iocp_handle_close(const struct iocp_port *port, iocp_handle handle)
{
    if (handle != IOCP_NO_HANDLE)
        (void)port->sys->close((int)handle);
}

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* Returns the size of the address, 0 if the text is no literal address. */
static socklen_t parse_address(const char *text, uint16_t tcp_port, union address *out_address)
{
    union address address;
    memset(&address, 0, sizeof(address));
    if (inet_pton(AF_INET, text, &address.v4.sin_addr) == 1) {
        address.v4.sin_family = AF_INET;
        address.v4.sin_port = htons(tcp_port);
        *out_address = address;
        return sizeof(address.v4);
    }
    if (inet_pton(AF_INET6, text, &address.v6.sin6_addr) == 1) {
        address.v6.sin6_family = AF_INET6;
        address.v6.sin6_port = htons(tcp_port);
        *out_address = address;
        return sizeof(address.v6);
    }
    return 0;
}

/* Binds, listens and learns the port. Returns 0, or -1 with errno. */
static int bind_and_listen(int fd, union address *address, socklen_t size)
{
    int on = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0)
        return -1;
    if (address->any.sa_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0)
        return -1;
    if (bind(fd, &address->any, size) != 0 || listen(fd, BACKLOG) != 0)
        return -1;
    return getsockname(fd, &address->any, &size);
}

int iocp_listen_tcp(const char *address_text, uint16_t tcp_port, iocp_handle *out_handle,
                    uint16_t *out_tcp_port, int *out_os_error)
{
    union address address;
    socklen_t size = parse_address(address_text, tcp_port, &address);
    if (size == 0) {
        *out_os_error = EINVAL;
        return IOCP_E_INVALID;
    }
    int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind_and_listen(fd, &address, size) != 0) {
        *out_os_error = errno;
        if (fd >= 0)
            (void)close(fd);
        return iocp_error_from_os(*out_os_error);
    }
    *out_handle = fd;
    *out_tcp_port =
        ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
    return 0;
}
