/*
 * The bare server's listener and connections. Requests are read when the loop says so; what was
 * gathered in one turn of the loop is sent at its end.
 */
#include "tools/load/bare.h"

#include "tools/load/base.h"
#include "tools/load/binary.h"
#include "tools/load/ws_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

void load_bare_conn_flush(struct load_bare_conn *conn)
{
    while (load_buffer_size(&conn->out) > 0) {
        ssize_t sent = send(conn->source.fd, load_buffer_bytes(&conn->out),
                            load_buffer_size(&conn->out), MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0) {
            conn->is_closing = true;
            load_buffer_clear(&conn->out);
            return;
        }
        load_buffer_consume(&conn->out, (size_t)sent);
    }
}

static void free_conn(struct load_bare_conn *conn)
{
    int fd = conn->source.fd;

    while (conn->first != NULL)
        load_bare_session_free(conn->first);
    load_loop_remove(&conn->server->loop, &conn->source);
    close(fd);
    load_idmap_deinit(&conn->sessions);
    load_buffer_deinit(&conn->in);
    load_buffer_deinit(&conn->out);
    load_buffer_deinit(&conn->texts);
    free(conn);
}

/* Answers the upgrade request once its head is whole. Returns false if it is no such request. */
static bool upgrade(struct load_bare_conn *conn)
{
    const char *head = load_buffer_string(&conn->in);
    const char *end = strstr(head, "\r\n\r\n");
    const char *field = strcasestr(head, "\r\nSec-WebSocket-Key:");
    char key[LOAD_WS_KEY_SIZE];
    char accept[29];

    if (end == NULL)
        return load_buffer_size(&conn->in) < LOAD_WS_ANSWER_LIMIT_BYTES;
    if (field == NULL || sscanf(field + 20, " %24s", key) != 1)
        return false;
    load_ws_accept_for(key, accept);
    load_buffer_format(&conn->out,
                       "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                       "Upgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                       accept);
    load_buffer_consume(&conn->in, (size_t)(end + 4 - head));
    conn->is_upgraded = true;
    return true;
}

/* Unmasks and serves the client's frame at the start of the input. Returns its size, 0 or -1. */
static ptrdiff_t take_frame(struct load_bare_conn *conn)
{
    unsigned char *bytes = load_buffer_bytes(&conn->in);
    size_t size_bytes = load_buffer_size(&conn->in);
    size_t extra = size_bytes < 2             ? 0
                   : (bytes[1] & 0x7f) == 127 ? 8
                   : (bytes[1] & 0x7f) == 126 ? 2
                                              : 0;
    uint64_t length = size_bytes < 2 ? 0 : bytes[1] & 0x7f;

    if (size_bytes < 6 + extra)
        return 0;
    for (size_t i = 0; i < extra; i++)
        length = (i == 0 ? 0 : length << 8) | bytes[2 + i];
    if ((bytes[1] & 0x80) == 0 || length > LOAD_BARE_REQUEST_LIMIT_BYTES)
        return -1;
    if (size_bytes < 6 + extra + length)
        return 0;
    load_ws_mask(bytes + 6 + extra, (size_t)length, bytes + 2 + extra);
    if ((bytes[0] & 0x0f) == LOAD_WS_CLOSE)
        return -1;
    if ((bytes[0] & 0x0f) <= LOAD_WS_BINARY &&
        load_bare_conn_serve(conn, bytes + 6 + extra, (size_t)length) != 0)
        return -1;
    return (ptrdiff_t)(6 + extra + length);
}

static ptrdiff_t take_packet(struct load_bare_conn *conn)
{
    struct load_packet_head head;
    size_t size_bytes = load_buffer_size(&conn->in);

    if (size_bytes < sizeof head)
        return 0;
    memcpy(&head, load_buffer_bytes(&conn->in), sizeof head);
    if (head.payload_bytes > LOAD_BARE_REQUEST_LIMIT_BYTES)
        return -1;
    if (size_bytes < sizeof head + head.payload_bytes)
        return 0;
    if (load_bare_conn_serve(conn, load_buffer_bytes(&conn->in),
                             sizeof head + head.payload_bytes) != 0)
        return -1;
    return (ptrdiff_t)(sizeof head + head.payload_bytes);
}

static void serve_input(struct load_bare_conn *conn)
{
    ptrdiff_t taken = 1;

    if (!conn->server->speaks_packets && !conn->is_upgraded && !upgrade(conn))
        conn->is_closing = true;
    if (!conn->server->speaks_packets && !conn->is_upgraded)
        return;
    while (taken > 0 && load_buffer_size(&conn->in) > 0) {
        taken = conn->server->speaks_packets ? take_packet(conn) : take_frame(conn);
        if (taken > 0)
            load_buffer_consume(&conn->in, (size_t)taken);
    }
    if (taken < 0)
        conn->is_closing = true;
}

static void on_input(void *context, unsigned ready)
{
    struct load_bare_conn *conn = context;
    unsigned char *room = load_buffer_reserve(&conn->in, LOAD_BARE_READ_BYTES);
    ssize_t got = recv(conn->source.fd, room, LOAD_BARE_READ_BYTES, 0);

    (void)ready;
    if (got <= 0) {
        conn->is_closing = true;
        load_loop_want(&conn->server->loop, &conn->source, 0);
        return;
    }
    load_buffer_commit(&conn->in, (size_t)got);
    serve_input(conn);
}

static void on_connection(void *context, unsigned ready)
{
    struct load_bare_server *server = context;
    struct load_bare_conn *conn;
    int fd = accept4(server->listener.fd, NULL, NULL, SOCK_CLOEXEC);
    int on = 1;

    (void)ready;
    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    conn = load_alloc(1, sizeof *conn);
    conn->server = server;
    conn->source = (struct load_source){.fd = fd, .on_ready = on_input, .context = conn};
    conn->next = server->connections;
    server->connections = conn;
    load_loop_add(&server->loop, &conn->source, LOAD_READABLE);
}

static int open_listener(struct load_bare_server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(fd, 64) != 0 || getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        return load_say("cannot listen on loopback: %s", strerror(errno));
    printf("%s://127.0.0.1:%u\n", server->speaks_packets ? "tcp" : "ws", ntohs(address.sin_port));
    fflush(stdout);
    server->listener = (struct load_source){.fd = fd, .on_ready = on_connection, .context = server};
    return load_loop_add(&server->loop, &server->listener, LOAD_READABLE);
}

/* Sends what this turn gathered and drops the connections that ended. */
static void end_turn(struct load_bare_server *server)
{
    struct load_bare_conn **link = &server->connections;

    while (*link != NULL) {
        struct load_bare_conn *conn = *link;

        load_bare_conn_flush(conn);
        if (conn->is_closing) {
            *link = conn->next;
            free_conn(conn);
        } else {
            link = &conn->next;
        }
    }
}

int load_bare_server_main(bool speaks_packets)
{
    struct load_bare_server *server = load_alloc(1, sizeof *server);

    server->speaks_packets = speaks_packets;
    signal(SIGPIPE, SIG_IGN);
    wire_json_scratch_init(&server->scratch, server->scratch_memory, sizeof server->scratch_memory,
                           load_random_seed());
    if (load_loop_init(&server->loop) != 0 || open_listener(server) != 0) {
        free(server);
        return 1;
    }
    for (;;) {
        load_loop_run_once(&server->loop, -1);
        end_turn(server);
    }
}
