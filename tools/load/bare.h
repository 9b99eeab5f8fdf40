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
    LOAD_BARE_RING_BYTES = 1048576,
    LOAD_BARE_READ_BYTES = 65536,
    LOAD_BARE_FLUSH_BYTES = 65536, /* what is gathered before it is sent without waiting for more */
    LOAD_BARE_ID_SIZE = 64,
    LOAD_BARE_ARGV_LIMIT = 64,
    LOAD_BARE_REQUEST_LIMIT_BYTES = 1048576,
    LOAD_BARE_SPARE_LIMIT = 256, /* rings kept for the next sessions: mapping memory costs */
};

enum load_bare_method {
    LOAD_BARE_INITIALIZE,
    LOAD_BARE_NOTIFICATION, /* anything that wants no answer */
    LOAD_BARE_START,
    LOAD_BARE_WRITE,
    LOAD_BARE_TERMINATE,
    LOAD_BARE_UNKNOWN,
};

/* One request, whatever dialect it came in. Texts live until the next request of the connection. */
struct load_bare_request {
    enum load_bare_method method;
    bool is_v0;
    bool on_tty;
    int64_t id;
    uint32_t number; /* of the session, in packets */
    char session_id[LOAD_BARE_ID_SIZE];
    char *argv[LOAD_BARE_ARGV_LIMIT + 1];
    char *env[LOAD_BARE_ARGV_LIMIT + 1];
    struct wire_span bytes; /* to write, decoded */
};

struct load_bare_server;

struct load_bare_conn {
    struct load_bare_server *server;
    struct load_source source;
    bool is_upgraded; /* WebSocket: the handshake is over */
    bool is_v0;
    bool is_closing;
    uint32_t session_count; /* ever started here */
    struct load_buffer in;
    struct load_buffer out;
    struct load_buffer texts; /* of the request that is being served */
    struct load_idmap sessions;
    struct load_bare_session *first;
    struct load_bare_conn *next;
};

struct load_bare_session {
    struct load_bare_conn *conn;
    char id[LOAD_BARE_ID_SIZE];
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
    struct load_bare_session *previous;
    struct load_bare_session *next;
};

struct load_bare_server {
    struct load_loop loop;
    struct load_source listener;
    bool speaks_packets;
    struct load_bare_conn *connections;
    unsigned spare_count;
    unsigned char *spare_rings[LOAD_BARE_SPARE_LIMIT];
    struct wire_json_scratch scratch;
    unsigned char scratch_memory[WIRE_JSON_SCRATCH_BYTES(256)];
};

/*
 * Listens on a free loopback port, prints ws://IP:PORT (or tcp:// for packets) on standard output
 * and serves until SIGTERM ends the process. Returns an exit code.
 */
int load_bare_server_main(bool speaks_packets);

/* Serves one message of the connection. Returns 0 or LOAD_PROTOCOL: the connection must end. */
int load_bare_conn_serve(struct load_bare_conn *conn, const unsigned char *message,
                         size_t size_bytes);

/* Sends what is gathered; blocks until the socket has taken all. */
void load_bare_conn_flush(struct load_bare_conn *conn);

/* Reads a JSON request or a packet. Returns 0 or LOAD_PROTOCOL. */
int load_bare_request_read_json(struct load_bare_conn *conn, struct wire_span message,
                                struct load_bare_request *out_request);
int load_bare_request_read_packet(struct load_bare_conn *conn, struct wire_span message,
                                  struct load_bare_request *out_request);

/* Starts the command of the request. Returns the session, or NULL with errno set. */
struct load_bare_session *load_bare_session_start(struct load_bare_conn *conn,
                                                  const struct load_bare_request *request);

/* Puts the session's descriptors into the loop: its events may be sent from now on. */
void load_bare_session_watch(struct load_bare_session *session);

/* Writes to the session's stdin, blocking. */
void load_bare_session_write(struct load_bare_session *session, struct wire_span bytes);

/* Kills the session's process group. */
void load_bare_session_kill(struct load_bare_session *session);

/* Closes and frees the session; its process is killed and waited for if it still runs. */
void load_bare_session_free(struct load_bare_session *session);

/* Gather the messages of the server for a client, in the connection's framing. */
void load_bare_put_reply(struct load_bare_conn *conn, const struct load_bare_request *request,
                         bool is_good, const char *error);
void load_bare_put_output(struct load_bare_session *session, bool is_stderr,
                          const unsigned char *bytes, size_t size_bytes);
void load_bare_put_exited(struct load_bare_session *session, int32_t exit_code);
void load_bare_put_closed(struct load_bare_session *session);

#endif
