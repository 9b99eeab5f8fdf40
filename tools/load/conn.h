/*
 * One connection to a server: a WebSocket, a pair of pipes with one message a line, or a plain TCP
 * stream of packets (binary.h). Takes whole messages to send and gives whole messages that came;
 * a message given is a span of the connection's buffer and valid during the callback only.
 *
 * Not blocking but for opening. A connection that ended says so once and is silent from then on;
 * its owner closes it, but not from within its callbacks.
 */
#ifndef EXECPORT_TOOLS_LOAD_CONN_H
#define EXECPORT_TOOLS_LOAD_CONN_H

#include "tools/load/buffer.h"
#include "tools/load/loop.h"
#include "wire/span.h"

#include <stdbool.h>
#include <stdint.h>

enum load_framing {
    LOAD_FRAMING_WEBSOCKET,
    LOAD_FRAMING_LINE,
    LOAD_FRAMING_PACKET,
};

typedef void load_conn_message_fn(void *context, struct wire_span message);

/* why is a text for people: "closed by the server", "a masked frame ...". */
typedef void load_conn_end_fn(void *context, const char *why);

struct load_conn_owner {
    load_conn_message_fn *on_message;
    load_conn_end_fn *on_end;
    void *context;
};

struct load_conn {
    struct load_loop *loop;
    struct load_conn_owner owner;
    enum load_framing framing;
    bool has_ended;
    bool is_paused;
    bool wants_quick_ack;
    struct load_source reader;
    struct load_source writer; /* a duplicate of the reader's socket, or another pipe */
    struct load_buffer in;
    struct load_buffer out;
    struct load_buffer fragments; /* of a WebSocket message in several frames */
    uint64_t random;              /* for masks */
};

/*
 * Opens ws://HOST:PORT[/PATH] or, for packets, tcp://HOST:PORT: connects, upgrades, enters the
 * loop. token may be NULL. Blocks for 10 s at most. Returns 0 or LOAD_FAILED, said; then there is
 * nothing to close.
 */
int load_conn_open_url(struct load_conn *conn, struct load_loop *loop, const char *url,
                       const char *token, const struct load_conn_owner *owner);

/* Takes over two descriptors of a server's standard streams. Returns 0 or LOAD_FAILED, said. */
int load_conn_open_pipes(struct load_conn *conn, struct load_loop *loop, int read_fd, int write_fd,
                         const struct load_conn_owner *owner);

/* Sends a message; what the system does not take at once waits in memory. */
void load_conn_send(struct load_conn *conn, const void *message, size_t size_bytes);

/* Stops reading, or goes on. */
void load_conn_pause(struct load_conn *conn, bool is_paused);

/* Leaves the loop, closes the descriptors without a farewell, frees the buffers. */
void load_conn_close(struct load_conn *conn);

#endif
