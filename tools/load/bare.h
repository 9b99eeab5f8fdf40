/*
 * The bare server: the least that a server can do for the same clients, as the lower bound to
 * measure others against. One thread; for each session three pipes or a terminal, a process, a
 * ring that output is read into, base64 and a JSON frame (or a packet) to a blocking socket. No
 * retention beyond the ring, no limits, no resume, no token: never serve anything real with it.
 *
 * It speaks enough of `process`, v0 and the packets for every scenario of this program.
 */
#ifndef EXECPORT_TOOLS_LOAD_BARE_H
#define EXECPORT_TOOLS_LOAD_BARE_H

#include "tools/load/buffer.h"
#include "tools/load/idmap.h"
#include "tools/load/loop.h"
#include "wire/json_reader.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    BARE_RING_BYTES = 1048576,
    BARE_READ_BYTES = 65536,
    BARE_FLUSH_BYTES = 65536, /* what is gathered before it is sent without waiting for more */
    BARE_ID_SIZE = 64,
    BARE_ARGV_LIMIT = 64,
    BARE_REQUEST_LIMIT_BYTES = 1048576,
    BARE_SPARE_LIMIT = 256, /* rings kept for the next sessions: mapping memory costs */
};

enum bare_method {
    BARE_INITIALIZE,
    BARE_NOTIFICATION, /* anything that wants no answer */
    BARE_START,
    BARE_WRITE,
    BARE_TERMINATE,
    BARE_UNKNOWN,
};

/* One request, whatever dialect it came in. Texts live until the next request of the connection. */
struct bare_request {
    enum bare_method method;
    bool is_v0;
    bool on_tty;
    int64_t id;
    uint32_t number; /* of the session, in packets */
    char session_id[BARE_ID_SIZE];
    char *argv[BARE_ARGV_LIMIT + 1];
    char *env[BARE_ARGV_LIMIT + 1];
    struct wire_span bytes; /* to write, decoded */
};

struct bare_server;

struct bare_conn {
    struct bare_server *server;
    struct load_source source;
    bool is_upgraded; /* WebSocket: the handshake is over */
    bool is_v0;
    bool is_closing;
    uint32_t session_count; /* ever started here */
    struct load_buffer in;
    struct load_buffer out;
    struct load_buffer texts; /* of the request that is being served */
    struct load_idmap sessions;
    struct bare_session *first;
    struct bare_conn *next;
};

struct bare_session {
    struct bare_conn *conn;
    char id[BARE_ID_SIZE];
    uint32_t number;
    bool on_tty;
    bool has_exited;
    pid_t pid;
    uint64_t seq;
    unsigned char *ring;
    size_t ring_at;
    int stdin_fd;
    struct load_source out;
    struct load_source err;
    struct load_source exit; /* a pidfd */
    struct bare_session *previous;
    struct bare_session *next;
};

struct bare_server {
    struct load_loop loop;
    struct load_source listener;
    bool speaks_packets;
    struct bare_conn *connections;
    unsigned spare_count;
    unsigned char *spare_rings[BARE_SPARE_LIMIT];
    struct wire_json_scratch scratch;
    unsigned char scratch_memory[WIRE_JSON_SCRATCH_BYTES(256)];
};

/*
 * Listens on a free loopback port, prints ws://IP:PORT (or tcp:// for packets) on standard output
 * and serves until SIGTERM ends the process. Returns an exit code.
 */
int bare_server_main(bool speaks_packets);

/* Serves one message of the connection. Returns 0 or LOAD_PROTOCOL: the connection must end. */
int bare_conn_serve(struct bare_conn *conn, const unsigned char *message, size_t size_bytes);

/* Sends what is gathered; blocks until the socket has taken all. */
void bare_conn_flush(struct bare_conn *conn);

/* Reads a JSON request or a packet. Returns 0 or LOAD_PROTOCOL. */
int bare_request_read_json(struct bare_conn *conn, struct wire_span message,
                           struct bare_request *out_request);
int bare_request_read_packet(struct bare_conn *conn, struct wire_span message,
                             struct bare_request *out_request);

/* Starts the command of the request. Returns the session, or NULL with errno set. */
struct bare_session *bare_session_start(struct bare_conn *conn, const struct bare_request *request);

/* Puts the session's descriptors into the loop: its events may be sent from now on. */
void bare_session_watch(struct bare_session *session);

/* Writes to the session's stdin, blocking. */
void bare_session_write(struct bare_session *session, struct wire_span bytes);

/* Kills the session's process group. */
void bare_session_kill(struct bare_session *session);

/* Closes and frees the session; its process is killed and waited for if it still runs. */
void bare_session_free(struct bare_session *session);

/* Gather the messages of the server for a client, in the connection's framing. */
void bare_put_reply(struct bare_conn *conn, const struct bare_request *request, bool is_good,
                    const char *error);
void bare_put_output(struct bare_session *session, bool is_stderr, const unsigned char *bytes,
                     size_t size_bytes);
void bare_put_exited(struct bare_session *session, int32_t exit_code);
void bare_put_closed(struct bare_session *session);

#endif
