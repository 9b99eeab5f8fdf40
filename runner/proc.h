/*
 * A session as a connection sees it: what turns its events into messages of the connection's
 * dialect, and what the connection needs to find it again.
 *
 * Threads: made on the connection's strand; events run on the session's strand and make frames
 * there; what both touch is set before the session starts. It leaves the connection's table on the
 * connection's strand, when the session is gone or the connection is over.
 *
 * Life: reference counted. One reference is the session's until no event can come any more, one is
 * each waiting output frame's. Each proc holds its connection and its session.
 */
#ifndef RUN_PROC_H
#define RUN_PROC_H

#include "runner/conn.h"
#include "runner/recent.h"
#include "sessions/request.h"
#include "wire/base64.h"

struct run_proc {
    _Atomic uint32_t refs;
    struct run_conn *conn;
    struct sess_session *session;
    const struct wire_base64_codec *codec;
    struct iocp_op started; /* the start was answered; on the connection's strand */
    struct iocp_op leave;   /* out of the connection's table; the same */
    struct sess_request *early, *early_last; /* came before that; on the connection's strand */
    struct sess_request detach;              /* when the connection is over */
    bool was_started;    /* by the answer to the start; written before `started` is posted */
    bool has_started;    /* on the connection's strand: nothing is early any more */
    bool in_table;       /* the same */
    bool close_was_told; /* on the session's strand */
    bool is_over;        /* on the session's strand: no event can come any more */
    bool speaks_v0;
    uint64_t id_key;             /* of its id, once it is gone */
    struct run_recent write_ids; /* on the connection's strand */
    uint64_t asked_ns;           /* when the start was asked for */
    struct wire_span request_id; /* JSON; of the start that waits for its answer; then empty */
    size_t id_json_bytes;
    uint8_t id_json[]; /* the process id, or the session id of exec-server.v0, as JSON */
};

/* What a start needs beside the spec. */
struct run_proc_start {
    struct wire_span request_id; /* JSON, copied */
    struct wire_span id;         /* copied */
    struct sess_spec *spec;      /* the id is filled in */
};

/* Starts a session for a request, which is answered now or by the session. On the connection's
 * strand. */
void run_proc_start(struct run_conn *conn, const struct run_proc_start *start);

/* The process of this id, borrowed from the table, or NULL. On the connection's strand. */
struct run_proc *run_proc_find(struct run_conn *conn, struct wire_span id);

/* References; see Life above. Any thread that has one. */
struct run_proc *run_proc_ref(struct run_proc *proc);
void run_proc_unref(struct run_proc *proc);

/* The id as JSON. Any thread. */
static inline struct wire_span run_proc_id_json(const struct run_proc *proc)
{
    return wire_span_of(proc->id_json, proc->id_json_bytes);
}

/* Posts a request to the session; one that comes before the start was answered waits for that,
 * unless it is a stop. On the connection's strand. */
void run_proc_ask(struct run_proc *proc, struct sess_request *request);

/* Gives decoded output bytes back that have been sent or dropped. Any thread. */
void run_proc_consumed(struct run_proc *proc, uint32_t bytes);

/* Whether the client was told that it has exited and that no more output comes. On the session's
 * strand. */
bool run_proc_exit_was_told(const struct sess_session *session);

/* The connection is over: no more events come, and the session is killed. Takes the process out of
 * the table. On the connection's strand. */
void run_proc_detach(struct run_proc *proc, enum sess_ender ender);

#endif
