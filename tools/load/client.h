/*
 * A client of one exec server: its connections, the requests that wait for replies, its sessions,
 * and every fault that was found. Single-threaded; its callbacks run within load_client_wait().
 *
 * Sessions and their checks stay in memory until the client is closed, so that a late event for a
 * session that is over is told from one for a session that never was.
 */
#ifndef EXECPORT_TOOLS_LOAD_CLIENT_H
#define EXECPORT_TOOLS_LOAD_CLIENT_H

#include "tools/load/conn.h"
#include "tools/load/dialect.h"
#include "tools/load/faults.h"
#include "tools/load/idmap.h"
#include "tools/load/loop.h"
#include "tools/load/session.h"

enum {
    LOAD_CLIENT_PATIENCE_MS = 20000, /* silence of a server after which it is called stuck */
    LOAD_CLIENT_PIPELINE = 100,      /* requests that wait for replies on one connection */
};

struct load_client_options {
    const struct load_dialect *dialect;
    const char *url;   /* NULL: read_fd and write_fd are a server's standard streams */
    const char *token; /* may be NULL */
    int read_fd;
    int write_fd;
    unsigned patience_ms; /* 0: LOAD_CLIENT_PATIENCE_MS */
    unsigned pipeline;    /* 0: LOAD_CLIENT_PIPELINE; later requests wait for replies to earlier */
    unsigned connections; /* sessions are spread over them; streams: 1 */
    bool wants_quick_ack;
};

/* One connection of a client. */
struct load_link {
    struct load_client *client;
    struct load_conn conn;
    struct load_idmap sessions; /* by id, those that are not over */
    uint32_t unanswered;        /* requests that were sent and have no reply */
    struct load_buffer backlog; /* requests that wait for that: each its size, then its bytes */
};

/* A request that waits for its reply. */
struct load_pending {
    int64_t id; /* 0: the slot is free */
    enum load_pending_kind {
        LOAD_PENDING_INITIALIZE,
        LOAD_PENDING_START,
        LOAD_PENDING_WRITE,
        LOAD_PENDING_TERMINATE,
        LOAD_PENDING_PING,
    } kind;
    struct load_link *link;
    struct load_session *session;
};

/* Called while load_client_wait() waits, about ten times a second. */
typedef void load_tick_fn(void *context);

/* Called when the reply to a load_client_ping() has come. */
typedef void load_pong_fn(void *context);

struct load_client {
    struct load_loop *loop;
    struct load_client_options options;
    struct load_faults faults;
    struct load_link *links;
    unsigned link_count; /* of those that are open */
    bool has_ended;      /* a connection broke: nothing more can be expected */
    uint64_t messages;   /* received, of any kind */
    struct load_message_reader reader;
    struct load_buffer request; /* reused for each request */
    struct load_buffer scratch;
    struct load_pending *pending;
    uint32_t pending_capacity;
    uint32_t pending_count;
    uint64_t next_request;
    struct load_session **sessions; /* by number - 1 */
    uint32_t session_count;
    uint32_t session_capacity;
    uint32_t live_counts[LOAD_SESSION_STATES]; /* how many sessions are in each state */
    load_tick_fn *on_tick;
    void *tick_context;
    load_pong_fn *on_pong;
    void *pong_context;
};

/*
 * Connects and says initialize on every connection, and waits for the answers. Borrows loop, url
 * and token. Returns 0 or LOAD_FAILED, said; close the client in either case.
 */
int load_client_open(struct load_client *client, struct load_loop *loop,
                     const struct load_client_options *options);

/* Closes the connections and frees everything, sessions too. */
void load_client_close(struct load_client *client);

/*
 * Asks for a session. Set its checks and callback (on_news, context, expected_exit_code) before the
 * client waits again: no event comes before that. The session is the client's.
 */
struct load_session *load_client_start(struct load_client *client, const struct load_start *start);

/* Writes to the stdin of a session that is running. */
void load_client_write(struct load_session *session, const void *bytes, size_t size_bytes);

/* Asks the server to kill the session. */
void load_client_terminate(struct load_session *session);

/* Asks on the connection of this index what is answered at once; on_pong is called then. */
void load_client_ping(struct load_client *client, unsigned link);

/* Says whether what was waited for has happened. */
typedef bool load_done_fn(void *context);

/*
 * Runs the loop until is_done says so. Returns 0; LOAD_CLOSED if a connection broke (a fault has
 * been counted); LOAD_TIMEOUT if the server said nothing for as long as the options allow: what is
 * unfinished is counted as a fault then.
 */
int load_client_wait(struct load_client *client, load_done_fn *is_done, void *context);

/* Gives up what has not happened: counts it as faults, as after a timeout. */
void load_client_give_up(struct load_client *client);

/* Whether every session is over and every request answered. */
bool load_client_is_over(const struct load_client *client);

/* Runs the loop for this long, whatever comes. Returns 0 or LOAD_CLOSED. */
int load_client_run_for(struct load_client *client, uint64_t duration_ns);

/* Waits until every session is over and every request answered, as load_client_wait(). */
int load_client_wait_for_all(struct load_client *client);

/* How many sessions are neither DONE nor FAILED. */
uint32_t load_client_live(const struct load_client *client);

#endif
