/*
 * Support on Unix: the other ends of pipes, sockets and terminals, with plain blocking calls. What
 * a child or a client would do to the engine's streams, without one.
 */
#include "support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

long sup_end_read(struct sup_end *end, void *data, size_t size_bytes)
{
    ssize_t n;
    do {
        n = read((int)end->handle, data, size_bytes);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EIO)
        return 0; /* a terminal whose controlling side has gone */
    return (long)n;
}

size_t sup_end_write(struct sup_end *end, const void *data, size_t size_bytes)
{
    size_t done = 0;
    while (done < size_bytes) {
        const uint8_t *rest = (const uint8_t *)data + done;
        ssize_t n = end->is_socket ? send((int)end->handle, rest, size_bytes - done, MSG_NOSIGNAL)
                                   : write((int)end->handle, rest, size_bytes - done);
        if (n < 0 && errno != EINTR)
            break;
        if (n > 0)
            done += (size_t)n;
    }
    return done;
}

void sup_end_close(struct sup_end *end)
{
    SUP_CHECK(close((int)end->handle) == 0); /* also called in callbacks and on threads */
    end->handle = IOCP_NO_HANDLE;
}

void sup_end_reset(struct sup_end *end)
{
    const struct linger at_once = {1, 0};
    SUP_CHECK(setsockopt((int)end->handle, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
    sup_end_close(end);
}

void sup_end_shutdown(struct sup_end *end)
{
    SUP_CHECK(shutdown((int)end->handle, SHUT_WR) == 0);
}

/* ---- Making pairs -------------------------------------------------------------------------- */

static bool parse_address(const char *text, uint16_t tcp_port, struct sockaddr_storage *out,
                          socklen_t *out_size)
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
    socklen_t size;
    if (!parse_address(address, tcp_port, &to, &size))
        return false;
    int fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    if (connect(fd, (struct sockaddr *)&to, size) != 0) {
        close(fd);
        return false;
    }
    const int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    *out_end = (struct sup_end){fd, true};
    return true;
}

static bool accept_one(int listener, int *out_fd)
{
    const int on = 1;
    *out_fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (*out_fd < 0)
        return false;
    (void)setsockopt(*out_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return true;
}

static bool tcp_pair(iocp_handle out_handles[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    struct sup_end client = {IOCP_NO_HANDLE, true};
    int accepted = -1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0)
        return false;
    bool good = bind(listener, (struct sockaddr *)&address, size) == 0 &&
                listen(listener, 1) == 0 &&
                getsockname(listener, (struct sockaddr *)&address, &size) == 0 &&
                sup_tcp_connect("127.0.0.1", ntohs(address.sin_port), &client) &&
                accept_one(listener, &accepted);
    close(listener);
    if (!good && client.handle != IOCP_NO_HANDLE)
        close((int)client.handle);
    out_handles[0] = accepted;
    out_handles[1] = client.handle;
    return good;
}

bool sup_pair_sockets(enum sup_pair_kind kind, iocp_handle out_handles[2])
{
    int fds[2];
    if (kind == SUP_TCP)
        return tcp_pair(out_handles);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        return false;
    out_handles[0] = fds[0];
    out_handles[1] = fds[1];
    return true;
}

bool sup_terminal_attach(iocp_handle ours, struct sup_end *out_end)
{
    struct termios modes;
    char name[64];
    if (ptsname_r((int)ours, name, sizeof name) != 0)
        return false;
    int fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return false;
    if (tcgetattr(fd, &modes) == 0) {
        cfmakeraw(&modes);
        (void)tcsetattr(fd, TCSANOW, &modes);
    }
    *out_end = (struct sup_end){fd, false};
    return true;
}

static bool terminal_pair(struct sup_pair *out)
{
    int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return false;
    out->ours = fd;
    out->kind = IOCP_STREAM_TERMINAL;
    if (grantpt(fd) == 0 && unlockpt(fd) == 0 && sup_terminal_attach(fd, &out->theirs))
        return true;
    close(fd);
    return false;
}

static bool pipe_pair(const struct iocp_port *port, bool ours_reads, struct sup_pair *out)
{
    int os_error = 0;
    out->kind = IOCP_STREAM_PIPE;
    out->theirs.is_socket = false;
    return iocp_pipe_open(port, ours_reads, &out->ours, &out->theirs.handle, &os_error) == IOCP_OK;
}

bool sup_pair_open(const struct iocp_port *port, enum sup_pair_kind kind, struct sup_pair *out)
{
    iocp_handle both[2];
    if (kind == SUP_PIPE_IN || kind == SUP_PIPE_OUT)
        return pipe_pair(port, kind == SUP_PIPE_IN, out);
    if (kind == SUP_TERMINAL)
        return terminal_pair(out);
    if (!sup_pair_sockets(kind, both))
        return false;
    *out = (struct sup_pair){both[0], IOCP_STREAM_SOCKET, {both[1], true}};
    return true;
}
