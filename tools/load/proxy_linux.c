/*
 * The proxy's thread: accepts, connects, and copies until either side ends. From the client bytes
 * pass as they are; from the server they are cut into frames, and text frames go to the spoiler.
 */
#include "tools/load/proxy.h"

#include "tools/load/base.h"
#include "tools/load/ws_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { COPY_BYTES = 65536 };

static bool send_all(int fd, const unsigned char *bytes, size_t size_bytes)
{
    while (size_bytes > 0) {
        ssize_t sent = send(fd, bytes, size_bytes, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        bytes += sent;
        size_bytes -= (size_t)sent;
    }
    return true;
}

static int connect_to(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

/* Passes the head of the upgrade's answer on. Returns false while it is not whole. */
static bool pass_head(struct load_proxy *proxy)
{
    struct load_buffer *in = &proxy->from_server;
    const char *head = load_buffer_string(in);
    const char *end = strstr(head, "\r\n\r\n");

    if (end == NULL)
        return false;
    load_buffer_append(&proxy->to_client, head, (size_t)(end + 4 - head));
    load_buffer_consume(in, (size_t)(end + 4 - head));
    proxy->is_upgraded = true;
    return true;
}

/* Moves whole frames of the server on, text by way of the spoiler. False if they are no frames. */
static bool pass_frames(struct load_proxy *proxy)
{
    struct load_buffer *in = &proxy->from_server;
    struct load_ws_frame frame;

    while (load_buffer_size(in) > 0) {
        ptrdiff_t size = load_ws_decode(load_buffer_bytes(in), load_buffer_size(in), &frame);

        if (size <= 0)
            return size == 0;
        if (frame.opcode == LOAD_WS_TEXT && frame.final)
            load_spoil_message(proxy->spoil, wire_span_of(frame.payload, frame.payload_bytes),
                               &proxy->to_client);
        else
            load_buffer_append(&proxy->to_client, load_buffer_bytes(in), (size_t)size);
        load_buffer_consume(in, (size_t)size);
    }
    return true;
}

static bool copy_from_server(struct load_proxy *proxy)
{
    unsigned char *room = load_buffer_reserve(&proxy->from_server, COPY_BYTES);
    ssize_t got = recv(proxy->server_fd, room, COPY_BYTES, 0);
    bool is_good;

    if (got <= 0)
        return false;
    load_buffer_commit(&proxy->from_server, (size_t)got);
    if (!proxy->is_upgraded && !pass_head(proxy))
        return true;
    is_good = pass_frames(proxy) && send_all(proxy->client_fd, load_buffer_bytes(&proxy->to_client),
                                             load_buffer_size(&proxy->to_client));
    load_buffer_clear(&proxy->to_client);
    return is_good;
}

static bool copy_from_client(struct load_proxy *proxy)
{
    unsigned char bytes[4096];
    ssize_t got = recv(proxy->client_fd, bytes, sizeof bytes, 0);

    return got > 0 && send_all(proxy->server_fd, bytes, (size_t)got);
}

static void copy_both_ways(struct load_proxy *proxy)
{
    struct pollfd wait[2] = {{.fd = proxy->client_fd, .events = POLLIN},
                             {.fd = proxy->server_fd, .events = POLLIN}};

    for (;;) {
        if (poll(wait, 2, -1) < 0 && errno != EINTR)
            return;
        if (wait[0].revents != 0 && !copy_from_client(proxy))
            return;
        if (wait[1].revents != 0 && !copy_from_server(proxy))
            return;
    }
}

static void *serve(void *context)
{
    struct load_proxy *proxy = context;

    proxy->client_fd = accept4(proxy->listener_fd, NULL, NULL, SOCK_CLOEXEC);
    if (proxy->client_fd < 0)
        return NULL;
    proxy->server_fd = connect_to(proxy->server_port);
    if (proxy->server_fd >= 0) {
        copy_both_ways(proxy);
        close(proxy->server_fd);
    }
    close(proxy->client_fd);
    return NULL;
}

int load_proxy_open(struct load_proxy *proxy, unsigned server_port, struct load_spoil *spoil)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;

    memset(proxy, 0, sizeof *proxy);
    proxy->spoil = spoil;
    proxy->server_port = server_port;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    proxy->listener_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (proxy->listener_fd < 0 ||
        bind(proxy->listener_fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(proxy->listener_fd, 1) != 0 ||
        getsockname(proxy->listener_fd, (struct sockaddr *)&address, &size) != 0 ||
        pthread_create(&proxy->thread, NULL, serve, proxy) != 0) {
        if (proxy->listener_fd >= 0)
            close(proxy->listener_fd);
        return load_say("the proxy cannot listen on loopback: %s", strerror(errno));
    }
    snprintf(proxy->url, sizeof proxy->url, "ws://127.0.0.1:%u", ntohs(address.sin_port));
    return 0;
}

void load_proxy_close(struct load_proxy *proxy)
{
    /* Wakes an accept that still waits for a client that never came. */
    shutdown(proxy->listener_fd, SHUT_RDWR);
    pthread_join(proxy->thread, NULL);
    close(proxy->listener_fd);
    load_buffer_deinit(&proxy->from_server);
    load_buffer_deinit(&proxy->to_client);
}
