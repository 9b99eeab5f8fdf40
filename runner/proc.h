/*
 * A session as a client sees it: what turns its events into messages of its dialect, and what is
 * needed to find it again.
 *
 * Threads: made on the strand of the tenure's holder (tenure.h); events run on the session's strand
 * and make frames there for the connection that it is bound to; what both touch is set before the
 * session starts. It leaves the table on the holder's strand, when the session is gone or nobody
 * wants it any more.
 *
 * Life: reference counted. One reference is the session's until no event can come any more, and the
 * tombstone's after that; one is each waiting output frame's. Each proc holds its tenure and its
 * session.
 */
#ifndef RUN_PROC_H
#define RUN_PROC_H

#include "runner/conn.h"
#include "runner/ring.h"
#include "runner/tenure.h"
#include "sessions/watch.h"
#include "wire/base64.h"

struct run_binding;

struct run_proc {
    _Atomic uint32_t refs;
    _Atomic uint32_t observer_count; /* with those that are on their way */
    struct run_tenure *tenure;
    struct run_conn *target; /* who hears of it, one reference; of the session's strand */
    struct sess_session *session;
    const struct wire_base64_codec *codec;
    struct run_notice started;               /* the start was answered */
    struct run_notice leave;                 /* out of the table */
    struct sess_request *early, *early_last; /* came before that; of the holder's strand */
    struct sess_request detach;              /* when nobody wants it any more */
    bool was_started;    /* by the answer to the start; written before `started` is posted */
    bool has_started;    /* of the holder's strand: nothing is early any more */
    bool in_table;       /* the same */
    bool close_was_told; /* on the session's strand */
    bool is_over;        /* on the session's strand: no event can come any more */
    bool speaks_v0;
    bool is_sandboxed;
    bool target_asked;       /* for the start, and waits for the answer; of the session's strand */
    bool is_unmarked;        /* of the holder's strand, like unmarked_next */
    bool is_patient;         /* of the session's strand, like patience */
    bool takes_no_observers; /* any more; of the session's strand */
    _Atomic uint8_t look_asked; /* unless 0, look is posted and has a reference */
    uint32_t window_bytes;      /* of its session */
    uint64_t id_key;            /* of its id, once it is forgotten */
    uint64_t detach_ttl_ns;     /* how long it outlives its connection; never changes */
    uint64_t gone_ns;           /* of the holder's strand, with the next: see tombstone.h */
    struct run_proc *tomb_next;
    struct run_recent write_ids;    /* of the holder's strand */
    struct run_proc *unmarked_next; /* of the holder's strand: see conn_ack.h */
    uint64_t unmarked_bytes, unmarked_read_seq;
    struct run_lane lane;                 /* of the connection's strand whose queue has it */
    struct run_ring ring;                 /* of the session's strand */
    struct sess_request look;             /* at the ring and at wanted, on the session's strand */
    struct run_binding *_Atomic wanted;   /* who shall hear of it; NULL: it is as it shall be */
    struct sess_watch patience;           /* until the client asks for what it missed; the same */
    struct run_observer *observers;       /* of the session's strand, with the next: observer.h */
    struct iocp_op end_observers;         /* once, when it leaves the table */
    enum run_observing_end observers_end; /* and why */
    uint64_t asked_ns;                    /* when the start was asked for */
    struct run_frame *refusal; /* of a start that failed, until its id is free again; made on the */
    struct run_conn *refused;  /* session's strand for this connection, one reference */
    struct wire_span request_id; /* JSON; of the start that waits for its answer; then empty */
    size_t id_json_bytes;
    uint8_t id_json[]; /* the process id, or the session id of exec-server.v0, as JSON */
};

/* What a start needs beside the spec. */
struct run_proc_start {
    uint64_t detach_ttl_ns;      /* how long it outlives its connection */
    struct wire_span request_id; /* JSON, copied */
    struct wire_span id;         /* copied */
    struct sess_spec *spec;      /* the id is filled in; its wrap is dropped if nothing starts */
};

/* Starts a session for a request, which is answered now or by the session. On the holder's
 * strand. */
void run_proc_start(struct run_conn *conn, const struct run_proc_start *start);

/* The process of this id, borrowed from the table, or NULL. On the holder's strand. */
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
 * unless it is a stop. On the holder's strand. */
void run_proc_ask(struct run_proc *proc, struct sess_request *request);

/* Its client has decoded output bytes that were sent, and, unless 0, what it missed up to the
 * number read_seq. Any thread with a reference. */
void run_proc_acked(struct run_proc *proc, uint64_t bytes, uint64_t read_seq);

/* Whether the client was told that it has exited and that no more output comes. On the session's
 * strand. */
bool run_proc_exit_was_told(const struct sess_session *session);

/* Nobody wants its processes any more: no more events come, they are killed, and the table is
 * empty. On the holder's strand. */
void run_proc_detach_all(struct run_tenure *tenure, enum sess_ender ender);

/* Nobody holds the tenure: ends the processes whose own time is over. Returns when the next one's
 * is; 0: none is left. On the holder's strand. */
uint64_t run_proc_detach_late(struct run_tenure *tenure, uint64_t now_ns);

/* Takes the process out of the table. On the holder's strand. */
void run_proc_leave_table(struct run_proc *proc);

/* Nobody hears of its processes until somebody is bound to them; what they write then counts as
 * owed. On the holder's strand. */
void run_proc_unbind_all(struct run_tenure *tenure);

/* The processes of a tenure get somebody who hears of them. */
struct run_binding {
    struct iocp_op op;
    struct run_conn *conn; /* one reference, given back after done */
    _Atomic uint32_t left;
    void (*done)(struct run_binding *binding);
};

/* Binds all processes of what conn holds to it, and calls done on its strand when every one was,
 * also if there are none. What they have written before and nobody took is kept for the client to
 * ask for (ring.h). On the holder's strand. */
void run_proc_bind_all(struct run_binding *binding, struct run_conn *conn);

#endif
