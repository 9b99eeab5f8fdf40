/*
 * One client connection: its handles, its framing, what it may do, what waits to be sent to it.
 *
 *   CHECKING -> SNIFFING -> HANDSHAKE -> OPEN -> ENDING -> LINGERING -> CLOSING -> closed
 *      |  (unix://)  |  (ws, GET)        ^          |                      ^
 *      +-------------+---(newline)-------+          +----------------------+
 *                                                    from every state: the peer is gone
 */

/*
 *   CHECKING   a helper asks the system who is at the other end
 *   SNIFFING   unix://: the first bytes tell WebSocket from newline JSON-RPC
 *   HANDSHAKE  the HTTP request of a WebSocket, or of a health question
 *   OPEN       messages
 *   ENDING     nothing more is read as messages; what is queued goes out (only replies, if the peer
 *              has sent a close frame), then a close frame, and behind that nothing
 *   LINGERING  everything is out; what still comes is discarded until the peer closes, for at most
 *              RUN_LINGER_MS, so that the system does not cut what the peer has not read yet
 *   CLOSING    handles are being closed
 *
 * Threads: everything happens on the connection's strand, apart from run_conn_send and the
 * reference count, which are for any thread. Framing and dialect are set before any session of the
 * connection exists, so sessions read them without care.
 *
 * Life: one reference of the server until the handles are closed, one of each process. The last one
 * ends the strand and tells the server.
 */
#ifndef RUN_CONN_H
#define RUN_CONN_H

#include "runner/conn_ack.h"
#include "runner/files_call.h"
#include "runner/metrics.h"
#include "runner/observing.h"
#include "runner/outq.h"
#include "runner/room.h"
#include "runner/tenure.h"
#include "runner/waiting.h"
#include "wire/http_request.h"
#include "wire/line.h"
#include "wire/ws_decoder.h"

enum {
    RUN_LINGER_MS = 2000,         /* a peer that reads at all has the close by then */
    RUN_STOP_TAKE_MS = 10 * 1000, /* beyond the grace time, for what the sessions still said */
    RUN_WRITE_BYTES = 256 * 1024, /* in one gathered write: a reply waits behind less */
    RUN_OUTPUT_QUEUE_BYTES = 4 * 1024 * 1024,   /* encoded output of all sessions that may wait */
    RUN_REPLY_QUEUE_BYTES = 4 * 1024 * 1024,    /* replies that may wait before requests do */
    RUN_WAITING_WRITE_BYTES = 16 * 1024 * 1024, /* stdin writes that may wait for room */
    RUN_CALLS_MAX = 64 * 1024,                  /* that sessions have not answered: some 25 MB */
    RUN_SNIFF_BYTES = 4,                        /* "GET " */
    RUN_NEW_CONN_MS = 10 * 1000,                /* to get initialized */
    RUN_NEW_MESSAGE_BYTES = 64 * 1024,          /* a message before that */
    RUN_UNSENT_BYTES = 256 * 1024               /* in the system, beyond what is in flight */
};

enum run_conn_state {
    RUN_CONN_CHECKING,
    RUN_CONN_SNIFFING,
    RUN_CONN_HANDSHAKE,
    RUN_CONN_OPEN,
    RUN_CONN_ENDING,
    RUN_CONN_LINGERING,
    RUN_CONN_CLOSING
};

enum run_framing { RUN_FRAMING_NONE, RUN_FRAMING_LINE, RUN_FRAMING_WS };

/* What exec methods the connection speaks, from its first one on. */
enum run_dialect { RUN_DIALECT_OPEN, RUN_DIALECT_V0, RUN_DIALECT_PROCESS };

/* How far the handshake of the dialects is. */
enum run_greeting {
    RUN_GREETING_NONE,
    RUN_GREETING_RESUMING, /* initialize is answered when the tenure was found and bound, or made */
    RUN_GREETING_INITIALIZED,
    RUN_GREETING_DONE
};

struct run_server;
struct run_listener;

struct run_conn {
    struct iocp_strand strand;
    struct run_server *server;
    struct run_metrics *metrics; /* the server's */
    struct run_listener *listener;
    struct run_conn *next, *prev; /* the server's list; of the server's strand */
    _Atomic uint32_t refs;
    uint32_t number; /* for the log */

    uint8_t state;        /* enum run_conn_state; changed by run_conn_set_state alone */
    uint8_t framing;      /* enum run_framing */
    uint8_t dialect;      /* enum run_dialect */
    uint8_t greeting;     /* enum run_greeting */
    bool counts_as_new;   /* among the connections that have not initialized yet */
    bool held;            /* requests wait until replies have gone out */
    bool answered;        /* HANDSHAKE: the request is being answered, what follows is discarded */
    uint8_t cut;          /* enum run_cut: why it ends, for the metrics */
    bool reader_ended;    /* the peer sends nothing more */
    uint8_t sniffed;      /* SNIFFING: bytes of "GET " that came */
    bool stopping;        /* the server shuts down: ends when its last session has */
    bool greeted_early;   /* `initialized` came while RESUMING */
    bool peer_closed;     /* by a close frame: output is not sent any more */
    bool said_all;        /* the close frame is on its way: nothing may follow it */
    bool wants_lifecycle; /* process/started and process/failed; set before any process is */
    uint8_t open_streams;

    uint64_t probe_number; /* of the ping whose pong somebody waits for; 0: nobody does */

    struct iocp_stream streams[2];
    struct iocp_stream *reader, *writer; /* the same one for sockets */
    struct iocp_op flush;                /* kicked by whoever pushed a frame */
    struct iocp_op tick;                 /* kicked by the server's clock */
    struct iocp_op stop;                 /* kicked by the server's shutdown */
    struct iocp_op lost;                 /* kicked by whoever had no memory for a frame */
    struct iocp_op probe, yield;         /* kicked by the tenure: is the client there? give it up */
    struct iocp_op end;                  /* the first and the last callback */
    struct iocp_op leave;                /* out of the server's list; on the server's strand */
    struct iocp_timer timer;             /* the deadline of a new connection, then of lingering */
    struct iocp_timer stopped;           /* the server's shutdown waits no longer for the client */
    uint64_t stopped_ns;                 /* its deadline */
    struct iocp_help check;              /* who is at the other end; then, of the metrics */
    iocp_handle check_handle;
    bool check_allowed; /* what it found */

    struct wire_http_request *request; /* HANDSHAKE only */
    union {
        struct wire_line line;
        struct wire_ws_decoder ws;
    } in;

    struct run_outq queue;
    struct run_frame *sending[IOCP_GATHER_MAX]; /* of the write in progress */
    uint8_t sending_class[IOCP_GATHER_MAX];
    struct iocp_vec vecs[IOCP_GATHER_MAX];
    unsigned sending_count;
    uint8_t last[WIRE_WS_CONTROL_FRAME_MAX]; /* ENDING: the close frame */
    uint8_t last_bytes;                      /* 0: there is none, or it is on its way */
    size_t progress_bytes; /* of the write in progress, when the clock last looked */
    uint64_t progress_ns;  /* when it last moved */
    uint64_t last_ping_ns; /* of the clock's pings */
    struct run_acks acks;

    struct run_tenure *tenure; /* what it holds, one reference; NULL before initialize, or lost */
    uint64_t asked_ns; /* when the request was taken that is being dispatched; 0: none is, or
                        * whoever answers it later has taken the time over */
    struct run_waitings waitings;
    struct run_room room;             /* answers that wait until the client takes replies */
    struct run_observings observings; /* what it observes */
    struct run_file_calls files;
    uint64_t json_seed;
    uint64_t next_v0_id;
    _Atomic size_t waiting_write_bytes;
    _Atomic size_t list_bytes; /* of all process/list that are under way */
    _Atomic uint32_t calls;    /* requests that sessions were asked and have not answered */
};

/* What a connection reads from and writes to: one socket, or two standard handles. */
struct run_conn_handles {
    iocp_handle in, out; /* the same for a socket */
    enum iocp_stream_kind in_kind, out_kind;
};

/* Makes a connection, which takes the handles over, with one reference of the server's list. NULL
 * and the handles closed if memory is short. On the server's strand. */
struct run_conn *run_conn_new(struct run_server *server, struct run_listener *listener,
                              const struct run_conn_handles *handles);

/* Begins to serve it. On the server's strand, once. */
void run_conn_start(struct run_conn *conn);

/* References; see Life above. Any thread that has one. */
struct run_conn *run_conn_ref(struct run_conn *conn);
void run_conn_unref(struct run_conn *conn);

/* Queues a frame and sees to it that it is sent; frees it if the connection is over. Any thread
 * with a reference. */
void run_conn_send(struct run_conn *conn, enum run_frame_class class, struct run_frame *frame);

/* A frame for a message of size_bytes of JSON: framing is around it already, *out_json is where the
 * text goes. NULL: out of memory, and the connection is told to end. Any thread with a reference.
 */
struct run_frame *run_conn_message(struct run_conn *conn, size_t size_bytes, uint8_t **out_json);

/* Sends a whole JSON text as a reply. Any thread with a reference. */
void run_conn_send_json(struct run_conn *conn, struct wire_span json);

/* A request that was taken at asked_ns has been answered; 0: there was none. Any thread. */
void run_conn_note_answer(struct run_conn *conn, uint64_t asked_ns);

/* Ends the connection in good order: what is queued goes out, WebSocket with this close code and
 * reason behind it. Its sessions end now. On the strand; the first call counts. */
void run_conn_end(struct run_conn *conn, uint16_t close_code, const char *reason);

/* The same because the peer has sent a close frame with this code, which it gets back; 0: it had
 * none. */
void run_conn_end_closed(struct run_conn *conn, uint16_t close_code);

/* Ends it at once, because the peer is gone or does not read. On the strand. */
void run_conn_drop(struct run_conn *conn);
void run_conn_drop_for(struct run_conn *conn, enum run_cut cut);

/* No memory for a frame: the client cannot be told all, so it is told nothing more. Any thread. */
void run_conn_lose(struct run_conn *conn);

/* Whether its sessions outlive it and keep for the next one what its client has not acknowledged.
 * Once it has its dialect; any thread. */
bool run_conn_may_be_resumed(const struct run_conn *conn);

/* The window of each of its sessions, once it has its dialect. Any thread. */
uint32_t run_conn_window_bytes(const struct run_conn *conn);

/* The host of its sessions. Any thread. */
struct sess_host *run_conn_host(const struct run_conn *conn);

/* Whether messages are taken. On the strand. */
static inline bool run_conn_is_open(const struct run_conn *conn)
{
    return conn->state == RUN_CONN_OPEN;
}

/* Takes the connection out of the new ones once it has initialized. On the strand. */
void run_conn_settle(struct run_conn *conn);

/* Tells the connection that a process of its tenure has left the table. On the strand. */
void run_conn_session_left(struct run_conn *conn);

/* ---- for conn_*.c ---- */

/* Sends what waits; ends the connection when it is ending and nothing waits. */
void run_conn_flush(struct run_conn *conn);
iocp_callback run_conn_on_write;
/* Looks whether the client reads and answers pings, and sends the next ping. */
void run_conn_clock(struct run_conn *conn);
/* Reads on unless that has to wait. */
void run_conn_read_more(struct run_conn *conn);

/* Goes on to a later state (asserted). */
void run_conn_set_state(struct run_conn *conn, enum run_conn_state state);
/* Begins reading with this framing. */
void run_conn_begin(struct run_conn *conn, enum run_framing framing);
/* Frees what the handshake needed; conn_http.c. */
void run_conn_free_request(struct run_conn *conn);
/* Takes bytes in HANDSHAKE; conn_http.c. They may be overwritten. */
void run_conn_feed_http(struct run_conn *conn, uint8_t *data, size_t size);
/* Answers a request for the metrics, now or after a helper's look; conn_metrics.c. */
void run_conn_answer_metrics(struct run_conn *conn);
/* Takes bytes in OPEN; conn_messages.c. */
void run_conn_feed_messages(struct run_conn *conn, uint8_t *data, size_t size);
/* The end of the peer's bytes in OPEN; conn_messages.c. */
void run_conn_feed_end(struct run_conn *conn);
/* Starts the check of who is at the other end; conn_check_linux.c. Then run_conn_checked. */
void run_conn_check_start(struct run_conn *conn);
void run_conn_checked(struct run_conn *conn, bool allowed);
/* Bytes that are no message (HTTP, control frames), as they are. */
void run_conn_send_raw(struct run_conn *conn, enum run_frame_class class, const void *data,
                       size_t size);

#endif
