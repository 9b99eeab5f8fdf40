/*
 * A proxy between a client and a WebSocket server that hands every message of the server to a
 * spoiler. One connection, served by a thread of its own that blocks as it likes; the client in
 * the main thread always reads on, so nothing can lock up.
 */
#ifndef EXECPORT_TOOLS_LOAD_PROXY_H
#define EXECPORT_TOOLS_LOAD_PROXY_H

#include "tools/load/buffer.h"
#include "tools/load/spoil.h"

#include <pthread.h>
#include <stdbool.h>

struct load_proxy {
    struct load_spoil *spoil; /* the thread's until the proxy is closed */
    unsigned server_port;
    char url[64]; /* where the client connects to */
    int listener_fd;
    pthread_t thread;
    int client_fd;
    int server_fd;
    bool is_upgraded;
    struct load_buffer from_server;
    struct load_buffer to_client;
};

/*
 * Listens on a free loopback port for one client of the server at 127.0.0.1:server_port and starts
 * the thread. Borrows spoil until the close. Returns 0, or LOAD_FAILED, said: nothing to close.
 */
int load_proxy_open(struct load_proxy *proxy, unsigned server_port, struct load_spoil *spoil);

/* Ends the proxy; the client's connection should be closed by now. Waits for the thread. */
void load_proxy_close(struct load_proxy *proxy);

#endif
