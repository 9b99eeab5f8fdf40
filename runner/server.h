/*
 * The server: its listeners, its connections, its clock, its end.
 *
 *   STARTING -> SERVING -> STOPPING (graceful) -> STOPPING (forced) -> ENDED
 *
 * Threads: everything happens on the server's strand; the limits that connections ask for never
 * change after the start and are for any thread, and so is the log. Connections are linked in a
 * list of the server's strand and tell it there when they are closed; the last one to be freed lets
 * the host of the sessions close, and then the port stops.
 */
#ifndef RUN_SERVER_H
#define RUN_SERVER_H

#include "runner/auth.h"
#include "runner/conn.h"
#include "runner/environment.h"
#include "runner/files.h"
#include "runner/log.h"
#include "runner/options.h"
#include "runner/sandbox.h"
#include "runner/signals.h"
#include "runner/slots.h"
#include "runner/unix_path.h"
#include "sessions/host.h"

enum {
    RUN_NEW_CONNS_MAX = 64,     /* connections that have not initialized */
    RUN_TENURE_BUCKETS = 4096,  /* chains stay short up to the tenures that there may be */
    RUN_ACCEPT_PAUSE_MS = 1000, /* of a listener that finds the system out of descriptors */
    RUN_HANGS_MS = 30 * 1000,   /* beyond the grace time: what a loaded machine needs for the end */
    RUN_HANGS_FORCED_MS = 5000  /* when everything was killed: somebody waits for that */
};

struct run_listener {
    struct run_server *server;
    struct run_listen_url url;
    uint16_t tcp_port; /* of ws://: the one that is listened at */
    struct run_unix_path unix_path;
    struct iocp_listener engine;
    struct iocp_timer pause;
    bool is_open;
    bool said_pause;
    bool said_new_limit;
};

enum run_server_state { RUN_SERVER_SERVING, RUN_SERVER_STOPPING, RUN_SERVER_ENDED };

struct run_server {
    struct iocp_strand strand;
    struct iocp_port *port;
    struct sess_host *host;
    struct run_log *log;
    const struct run_options *options;
    struct run_metrics metrics;
    struct run_auth auth;
    struct run_auth_hosts hosts;
    const char *const *env;
    struct run_environment environment;
    struct run_files files;
    struct run_sandboxes sandboxes; /* never changes once it serves, but for its mount points */
    int64_t keeper_pid;

    uint8_t state; /* enum run_server_state */
    _Atomic bool forced;
    struct run_listener listeners[RUN_LISTEN_MAX];
    size_t listener_count;
    size_t open_parts; /* listeners, timers and the signal stream that must close yet */
    bool host_closing, host_is_closed;
    struct run_conn *conns;
    uint32_t conn_count; /* not freed */
    _Atomic uint32_t new_conns;
    uint32_t next_number;

    struct run_tenure *tenures[RUN_TENURE_BUCKETS];  /* the registry, by id */
    struct run_tenure *observed[RUN_TENURE_BUCKETS]; /* the same, by observer key */
    struct run_slots slots;                          /* taken: tenures that are not freed */

    struct iocp_timer hangs; /* of the end: a call of a helper may never return */
    uint64_t hangs_ns;       /* its deadline; 0: the end is not held up any more */
    struct iocp_timer clock;
    uint64_t clock_ns; /* between two ticks */
    struct iocp_stream signals;
    struct run_stop_votes votes;
    struct iocp_op begin, stdio_ended, host_closed, end;
};

/* Opens every listener of the options and prints their URLs. Before anything else of the server
 * runs. Returns 0, or -1 with the reason in *out_why and nothing left open. */
RUN_MUST_CHECK int run_server_open(struct run_server *server, bool with_hangup,
                                   struct run_why *out_why);

/* Begins to serve. Once. */
void run_server_start(struct run_server *server);

/* ---- For connections ---- */

static inline struct iocp_port *run_server_port(const struct run_server *server)
{
    return server->port;
}
static inline struct iocp_strand *run_server_strand(struct run_server *server)
{
    return &server->strand;
}
/* Whether a second request to stop came. Any thread. */
bool run_server_is_forced(const struct run_server *server);
uint32_t run_server_sessions_per_client(const struct run_server *server);
/* The largest message of a connection, by whether it has initialized. */
size_t run_server_message_limit(const struct run_server *server, bool initialized);
uint64_t run_server_send_timeout_ns(const struct run_server *server);
uint64_t run_server_ping_interval_ns(const struct run_server *server);
/* What a session may take to end at a graceful stop. */
unsigned run_server_grace_ms(const struct run_server *server);
/* How long what a connection held waits to be resumed; 0: it ends with the connection. */
uint64_t run_server_detach_ttl_ns(const struct run_server *server);
/* How long a process answers after it is gone. */
uint64_t run_server_tombstone_ttl_ns(const struct run_server *server);
/* The registry of tenures: one came, was ended, was freed (was_leaving: of slots.h); the one with
 * this id or NULL. On the server's strand. */
void run_server_tenure_came(struct run_server *server, struct run_tenure *tenure);
void run_server_tenure_left(struct run_server *server, struct run_tenure *tenure);
void run_server_tenure_freed(struct run_server *server, bool was_leaving);
struct run_tenure *run_server_find_tenure(struct run_server *server, const char *id);
/* The one with this observer key, of RUN_TENURE_KEY_BYTES, or NULL. On the server's strand. */
struct run_tenure *run_server_find_observed(struct run_server *server, const char *key);
/* Tells every tenure that the server stops. */
void run_server_stop_tenures(struct run_server *server);
/* The server's own environment, for clients that inherit from it. */
const char *const *run_server_env(const struct run_server *server);
/* How to start something in a sandbox. */
struct run_sandboxes *run_server_sandboxes(struct run_server *server);
/* What initialize tells of the server's surroundings. */
const struct wire_msg_environment *run_server_environment(const struct run_server *server);
/* A connection is not new any more. Any thread. */
void run_server_conn_settled(struct run_server *server);
/* A connection's handles are closed: out of the list. On the server's strand. */
void run_server_conn_left(struct run_server *server, struct run_conn *conn);
/* Its memory is gone. On the server's strand. */
void run_server_conn_freed(struct run_server *server);
/* Logs an event of a connection with its reason. Any thread. */
void run_server_log_conn(const struct run_conn *conn, const char *event, const char *reason);
/* The input of the only listener, stdio://, has ended: so does the server. On any strand. */
void run_server_stdio_ended(struct run_server *server);

/* ---- for server_*.c ---- */

/* server_listen.c: opens one listener; accepts; closes. */
RUN_MUST_CHECK int run_listener_open(struct run_listener *listener, struct run_why *out_why);
/* Removes what an open listener has left in the file system; its handle is closed. */
void run_listener_forget(struct run_listener *listener);
void run_listener_start(struct run_listener *listener);
void run_listener_close(struct run_listener *listener);
/* server_stop.c: begins or hurries the end. On the strand. */
void run_server_stop(struct run_server *server, bool force);
/* Ends what can end by now. */
void run_server_advance_stop(struct run_server *server);
/* Makes the operations of the end. */
void run_server_stop_init(struct run_server *server);
/* One of open_parts is closed. */
void run_server_part_closed(struct run_server *server);
/* Takes a new connection into the list and starts it. */
void run_server_add(struct run_server *server, struct run_listener *listener,
                    const struct run_conn_handles *handles);

#endif
