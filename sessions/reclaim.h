/*
 * Keeping retained output of all sessions within the budget: the tails of the idlest go first.
 *
 * A session that has a tail is in a list of the host's strand. Whoever appends when the budget is
 * nearly used up kicks that strand; it chooses the sessions that have been silent longest, tells
 * each how much to give, and kicks it; the session shrinks its own tail on its own strand. Only
 * atomics are shared: nothing waits for anything, and appending costs two relaxed stores.
 *
 *    on the session's strand      note -> (first time: enter)      give      leave
 *    on the host's strand         choose
 */
#ifndef SESSIONS_RECLAIM_H
#define SESSIONS_RECLAIM_H

#include "iocp/iocp.h"
#include "sessions/headtail.h"

struct sess_reclaimer;

/* Where a session stands with it; the session's strand changes it. */
enum sess_reclaim_state { SESS_RECLAIM_OUT, SESS_RECLAIM_IN, SESS_RECLAIM_LEAVING };

/* A session's part, in the session. */
struct sess_reclaim {
    struct iocp_op enter, leave;      /* to the host's strand */
    struct sess_reclaim *prev, *next; /* the host's strand's */
    struct sess_reclaimer *reclaimer;
    struct iocp_op *wake;        /* kicked when something is wanted */
    struct iocp_op *left;        /* posted when the host's strand has let go of it */
    _Atomic uint64_t active_ns;  /* when it last wrote */
    _Atomic uint64_t tail_bytes; /* what it could give */
    _Atomic uint64_t want_bytes; /* what it shall give; 0: nothing */
    enum sess_reclaim_state state;
};

/* The host's part. */
struct sess_reclaimer {
    struct sess_budget *budget;
    struct iocp_op wake; /* on the host's strand */
    struct sess_reclaim *first;
    uint64_t high_bytes, low_bytes; /* begins above the one, ends below the other */
    _Atomic uint32_t asked;         /* sessions that have not given yet */
    _Atomic uint64_t given;         /* times that one gave */
    _Atomic uint64_t rest_until_ns; /* nobody had anything to give: no new round before */
};

/* Prepares it; nothing is allocated. */
void sess_reclaimer_init(struct sess_reclaimer *reclaimer, struct iocp_strand *strand,
                         struct sess_budget *budget);

/* Prepares a session's part; wake is its strand's. */
void sess_reclaim_init(struct sess_reclaim *reclaim, struct sess_reclaimer *reclaimer,
                       struct iocp_op *wake);

/* Output was appended at now_ns. On the session's strand. */
void sess_reclaim_note(struct sess_reclaim *reclaim, const struct sess_headtail *headtail,
                       uint64_t now_ns);

/* Gives what is wanted, if anything is. On the session's strand, after each kick of wake. */
void sess_reclaim_give(struct sess_reclaim *reclaim, struct sess_headtail *headtail);

/* Leaves the list: false if it is not in it, else left will be posted to the session's strand and
 * nothing of the part may be freed before. On the session's strand. */
bool sess_reclaim_leave(struct sess_reclaim *reclaim, struct iocp_op *left);

#endif
