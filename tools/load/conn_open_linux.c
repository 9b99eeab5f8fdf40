/*
 * Opening a connection by URL: address, connect, WebSocket upgrade. This part blocks, with a time
 * limit, because nothing else happens while a client connects.
 */
#include "tools/load/conn.h"

#include "tools/load/base.h"
#include "tools/load/conn_frames.h"
#include "tools/load/ws_client.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { OPEN_LIMIT_S = 10 };

struct address {
    bool is_websocket;
    char host[256];
    char port[8];
    char authority[272]; /* host and port as the URL has them, for the Host header */
    const char *path;
};

/* Cuts [HOST]:PORT or HOST:PORT. */
static bool parse_authority(struct address *address)
{
    const char *text = address->authority;
    const char *colon = strrchr(text, ':');
    size_t length;

    if (colon == NULL || colon == text || strlen(colon + 1) >= sizeof address->port)
        return false;
    snprintf(address->port, sizeof address->port, "%s", colon + 1);
    length = (size_t)(colon - text);
    if (text[0] == '[' && text[length - 1] == ']') {
        text++;
        length -= 2;
    }
    if (length == 0 || length >= sizeof address->host)
        return false;
    memcpy(address->host, text, length);
    address->host[length] = '\0';
    return true;
}

static bool parse_url(const char *url, struct address *out_address)
{
    const char *rest = url + (strncmp(url, "ws://", 5) == 0 ? 5 : 6);
    size_t length;

    out_address->is_websocket = strncmp(url, "ws://", 5) == 0;
    if (!out_address->is_websocket && strncmp(url, "tcp://", 6) != 0)
        return false;
    length = strcspn(rest, "/");
    if (length == 0 || length >= sizeof out_address->authority)
        return false;
    memcpy(out_address->authority, rest, length);
    out_address->authority[length] = '\0';
    out_address->path = rest[length] == '/' ? rest + length : "/";
    return parse_authority(out_address);
}

static void set_options(int fd)
{
    struct timeval limit = {.tv_sec = OPEN_LIMIT_S};
    int on = 1;

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* Connects to the first address that answers. Returns a blocking socket or -1, said. */
static int connect_to(const struct address *address)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list;
    int fd = -1;
    int error = getaddrinfo(address->host, address->port, &hints, &list);

    if (error != 0)
        return load_say("%s: %s", address->authority, gai_strerror(error));
    for (struct addrinfo *item = list; item != NULL && fd < 0; item = item->ai_next) {
        fd = socket(item->ai_family, item->ai_socktype | SOCK_CLOEXEC, 0);
        if (fd < 0)
            continue;
        set_options(fd);
        if (connect(fd, item->ai_addr, item->ai_addrlen) == 0)
            break;
        error = errno;
        close(fd);
        fd = -1;
        errno = error;
    }
    freeaddrinfo(list);
    if (fd < 0)
        load_say("cannot connect to %s: %s (is the server running there?)", address->authority,
                 strerror(errno));
    return fd;
}

static int send_all(int fd, struct load_buffer *bytes)
{
    while (load_buffer_size(bytes) > 0) {
        ssize_t sent = send(fd, load_buffer_bytes(bytes), load_buffer_size(bytes), MSG_NOSIGNAL);

        if (sent <= 0)
            return load_say("sending the WebSocket upgrade: %s", strerror(errno));
        load_buffer_consume(bytes, (size_t)sent);
    }
    return 0;
}

static int say_refused(const struct load_buffer *in, int error)
{
    int length = (int)strcspn((const char *)load_buffer_bytes(in), "\r\n");

    load_say("%s: \"%.*s\"", load_ws_error_text(error), length < 100 ? length : 100,
             (const char *)load_buffer_bytes(in));
    return load_say("is the URL that of an exec server, and does it want a --token?");
}

/* Reads until the answer's head is whole and right; what comes behind it stays in conn->in. */
static int read_answer(struct load_conn *conn, int fd, const char *key)
{
    for (;;) {
        unsigned char *room = load_buffer_reserve(&conn->in, 4096);
        ssize_t got = recv(fd, room, 4095, 0);
        int head;

        if (got <= 0)
            return load_say("no answer to the WebSocket upgrade: %s",
                            got == 0 ? "the server closed the connection" : strerror(errno));
        load_buffer_commit(&conn->in, (size_t)got);
        load_buffer_string(&conn->in);
        head = load_ws_check_answer(load_buffer_bytes(&conn->in), load_buffer_size(&conn->in), key);
        if (head < 0)
            return say_refused(&conn->in, head);
        if (head > 0) {
            load_buffer_consume(&conn->in, (size_t)head);
            return 0;
        }
    }
}

static int upgrade(struct load_conn *conn, int fd, const struct address *address, const char *token)
{
    uint64_t random[2] = {load_random_seed(), load_random_seed()};
    struct load_buffer request = {0};
    char key[LOAD_WS_KEY_SIZE];
    int result;

    load_ws_make_key(random, key);
    load_ws_request(&request, address->authority, address->path, key, token);
    result = send_all(fd, &request);
    load_buffer_deinit(&request);
    return result == 0 ? read_answer(conn, fd, key) : result;
}

static int open_socket(struct load_conn *conn, const struct address *address, const char *token)
{
    int fd = connect_to(address);
    int write_fd;

    if (fd < 0)
        return LOAD_FAILED;
    if (address->is_websocket && upgrade(conn, fd, address, token) != 0) {
        close(fd);
        return LOAD_FAILED;
    }
    write_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (write_fd < 0) {
        close(fd);
        return load_say("out of descriptors: raise `ulimit -n`");
    }
    return load_conn_enter(conn, fd, write_fd);
}

int load_conn_open_url(struct load_conn *conn, struct load_loop *loop, const char *url,
                       const char *token, const struct load_conn_owner *owner)
{
    struct address address;

    memset(conn, 0, sizeof *conn);
    if (!parse_url(url, &address))
        return load_say("cannot read the URL `%s`: expected ws://IP:PORT", url);
    conn->framing = address.is_websocket ? LOAD_FRAMING_WEBSOCKET : LOAD_FRAMING_PACKET;
    conn->loop = loop;
    conn->owner = *owner;
    if (open_socket(conn, &address, token) != 0) {
        load_buffer_deinit(&conn->in);
        conn->loop = NULL;
        return LOAD_FAILED;
    }
    return 0;
}
