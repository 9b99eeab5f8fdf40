/*
 * A tenure: what one client owns over several connections, one after the other. Its processes, the
 * ids that are taken, and the name by which a new connection takes it up again.
 *
 *              connection over                   time over, or the server stops
 *   ATTACHED ------------------> DETACHED --------------------------------------> ENDED
 *      |  ^                         |                                               ^
 *      |  +-------- resume ---------+                                               |
 *      +----- exec-server.v0, or the server stops: its processes end with it -------+
 */

/*
 * Threads: the state and the holder belong to the tenure's own strand. Everything else (the table,
 * tombstones, what processes keep for the table) belongs to the holder: while attached that is the
 * connection's strand, else the tenure's. It changes hands by a post only: `give` to the
 * connection, `release` from it. So requests find their process without a detour, and what comes
 * from elsewhere (run_notice) goes to the tenure's strand first and from there to the holder's; a
 * holder that has released meanwhile sends it back, and finds its release arrived before.
 *
 * Life: reference counted: one while it is not ended, one of its connection, one of each process.
 */
#ifndef RUN_TENURE_H
#define RUN_TENURE_H

#include "runner/recent.h"
#include "sessions/record.h"
#include "sessions/table.h"
#include "wire/span.h"

enum {
    RUN_TENURE_ID_BYTES = 36,
    RUN_TENURE_KEY_BYTES = 32,
    RUN_TENURE_PROBE_MS = 2000 /* a connection that is alive answers a ping by then */
};

struct run_conn;
struct run_proc;
struct run_server;

enum run_tenure_state { RUN_TENURE_ATTACHED, RUN_TENURE_DETACHED, RUN_TENURE_ENDED };

struct run_tenure {
    struct iocp_strand strand;
    struct run_server *server;
    /* In the server's registry, by id and by observer key; of the server's strand. */
    struct run_tenure *next, *next_by_key;
    _Atomic uint32_t refs;
    char id[RUN_TENURE_ID_BYTES + 1];            /* 128 random bits; never changes */
    char observer_key[RUN_TENURE_KEY_BYTES + 1]; /* 128 others: to look, and not to own */
    uint64_t seed;                               /* secret; never changes */

    /* Of the tenure's strand. */
    uint8_t state;             /* enum run_tenure_state */
    struct run_conn *holder;   /* one reference; NULL unless attached */
    struct run_resume *waiter; /* wants to take it up while the holder is asked */
    struct iocp_timer ttl, probe;
    uint64_t ttl_deadline_ns, probe_deadline_ns; /* 0: none */
    uint64_t detached_ns;                        /* since when nobody holds it */
    struct iocp_op release, alive, stop, enroll, leave, end;
    struct iocp_op idle, room; /* it may be asked to end; it is asked, or says that it stays */
    bool stopping;
    bool ends; /* set by the holder before it posts the release */

    /* Of the server's strand; the list is that of slots.h. */
    bool told_to_stop;
    bool in_idle, leaving, idle_again;
    struct run_tenure *idle_next, *idle_prev;

    /* Of the holder's strand. */
    struct sess_table table;
    struct run_proc *tombs_oldest, *tombs_newest; /* of the table: see tombstone.h */
    uint32_t tombs_count;
    struct run_recent expired; /* ids of processes whose tombstones are gone, too */
};

/* Makes a tenure that the connection holds, and enrolls it with the server. It takes the caller's
 * slot over (slots.h). NULL: out of memory or of random numbers; then the slot is the caller's
 * still. On the connection's strand; the caller gets a reference. */
struct run_tenure *run_tenure_new(struct run_server *server, struct run_conn *conn);

/* References; see Life above. Any thread that has one. */
struct run_tenure *run_tenure_ref(struct run_tenure *tenure);
void run_tenure_unref(struct run_tenure *tenure);

/* The connection gives the tenure up, and its reference. ends: its processes were detached, and
 * nobody may resume it. On the holder's strand. */
void run_tenure_release(struct run_tenure *tenure, bool ends);

/* The holder has answered a ping. Any thread with a reference. */
void run_tenure_is_alive(struct run_tenure *tenure);

/* The server stops: ends it unless a connection holds it. On the server's strand. */
void run_tenure_stop(struct run_tenure *tenure);

/* Room is needed: ends it if nobody holds it or is about to, and it keeps nothing, or tells
 * run_slots_stays. Not again before that. On the server's strand. */
void run_tenure_make_room(struct run_tenure *tenure);

/* ---- Resuming ---------------------------------------------------------------------------------
 */

enum run_resume_outcome {
    RUN_RESUME_UNKNOWN,  /* no such tenure, or it has ended */
    RUN_RESUME_ATTACHED, /* its connection is alive */
    RUN_RESUME_GIVEN     /* conn is the holder now */
};

/* A wish to take a tenure up: made by a connection, which is told once, by `done` on its strand. */
struct run_resume {
    struct iocp_op op;
    struct run_conn *conn; /* one reference, given back after done */
    struct run_tenure *tenure;
    char id[RUN_TENURE_ID_BYTES + 1];
    bool take_over; /* does not ask whether the holder is alive */
    enum run_resume_outcome outcome;
    void (*done)(struct run_resume *resume);
};

/* Looks for the tenure, asks its holder and comes back. On the connection's strand. With GIVEN the
 * connection has a reference to resume->tenure and holds it. */
void run_resume_start(struct run_resume *resume, struct run_conn *conn);

/* ---- Notices ----------------------------------------------------------------------------------
 */

/* Something that has to be done where the tenure is held; holder is NULL if it is detached. Lives
 * in its caller's memory, which keeps the tenure alive; posted by one thread at a time, taken once.
 */
struct run_notice;
typedef void run_notice_take(struct run_notice *notice, struct run_conn *holder);

struct run_notice {
    struct iocp_op op;
    struct run_tenure *tenure;
    struct run_conn *at; /* where it was sent; one reference */
    run_notice_take *take;
};

/* Any thread. `take` runs on the holder's strand and may free the notice. */
void run_notice_post(struct run_notice *notice, struct run_tenure *tenure, run_notice_take *take);

#endif
