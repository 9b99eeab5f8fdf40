/*
 * The budget over all sessions: see reclaim.h.
 */
#include "sessions/reclaim.h"

#include <assert.h>
#include <stdlib.h>

enum {
    VICTIMS_MAX = 64,     /* asked in one round; the last of them begins the next */
    HIGH_SIXTEENTHS = 15, /* of the budget: the sixteenth above is for what comes in meanwhile */
    LOW_SIXTEENTHS = 14,
    REST_NS = 100 * 1000 * 1000
};

/* ---- The host's strand ---- */

struct victims {
    struct sess_reclaim *at[VICTIMS_MAX];
    unsigned count, latest; /* latest: the one that was active last */
};

static uint64_t activity(const struct sess_reclaim *reclaim)
{
    return atomic_load_explicit(&reclaim->active_ns, memory_order_relaxed);
}

static void find_latest(struct victims *victims)
{
    victims->latest = 0;
    for (unsigned i = 1; i < victims->count; i++) {
        if (activity(victims->at[i]) > activity(victims->at[victims->latest]))
            victims->latest = i;
    }
}

/* Keeps the idlest ones. */
static void consider(struct victims *victims, struct sess_reclaim *reclaim)
{
    if (atomic_load_explicit(&reclaim->tail_bytes, memory_order_relaxed) == 0)
        return;
    if (victims->count < VICTIMS_MAX)
        victims->at[victims->count++] = reclaim;
    else if (activity(reclaim) < activity(victims->at[victims->latest]))
        victims->at[victims->latest] = reclaim;
    else
        return;
    if (victims->count == VICTIMS_MAX)
        find_latest(victims);
}

static struct sess_reclaim *take_idlest(struct victims *victims)
{
    unsigned idlest = 0;
    for (unsigned i = 1; i < victims->count; i++) {
        if (activity(victims->at[i]) < activity(victims->at[idlest]))
            idlest = i;
    }
    struct sess_reclaim *reclaim = victims->at[idlest];
    victims->at[idlest] = victims->at[--victims->count];
    return reclaim;
}

static void ask(struct sess_reclaimer *reclaimer, struct sess_reclaim *reclaim, uint64_t bytes)
{
    atomic_fetch_add(&reclaimer->asked, 1);
    atomic_store(&reclaim->want_bytes, bytes);
    (void)iocp_kick(reclaim->wake);
}

static void on_wake(struct iocp_op *op)
{
    struct sess_reclaimer *reclaimer = IOCP_OWNER(op, struct sess_reclaimer, wake);
    uint64_t held = atomic_load(&reclaimer->budget->held_bytes);
    if (held <= reclaimer->high_bytes || atomic_load(&reclaimer->asked) > 0)
        return;
    struct victims victims = {.count = 0};
    for (struct sess_reclaim *at = reclaimer->first; at != NULL; at = at->next)
        consider(&victims, at);
    if (victims.count == 0)
        atomic_store_explicit(&reclaimer->rest_until_ns, iocp_now_ns(op->strand->port) + REST_NS,
                              memory_order_relaxed);
    uint64_t goal = held - reclaimer->low_bytes;
    while (goal > 0 && victims.count > 0) {
        struct sess_reclaim *victim = take_idlest(&victims);
        uint64_t can = atomic_load_explicit(&victim->tail_bytes, memory_order_relaxed);
        uint64_t bytes = can < goal ? can : goal;
        goal -= bytes;
        if (bytes > 0)
            ask(reclaimer, victim, bytes);
    }
}

static void on_enter(struct iocp_op *op)
{
    struct sess_reclaim *reclaim = IOCP_OWNER(op, struct sess_reclaim, enter);
    struct sess_reclaimer *reclaimer = reclaim->reclaimer;
    reclaim->prev = NULL;
    reclaim->next = reclaimer->first;
    if (reclaim->next != NULL)
        reclaim->next->prev = reclaim;
    reclaimer->first = reclaim;
}

static void on_leave(struct iocp_op *op)
{
    struct sess_reclaim *reclaim = IOCP_OWNER(op, struct sess_reclaim, leave);
    if (reclaim->prev != NULL)
        reclaim->prev->next = reclaim->next;
    else
        reclaim->reclaimer->first = reclaim->next;
    if (reclaim->next != NULL)
        reclaim->next->prev = reclaim->prev;
    iocp_post(reclaim->left); /* behind any kick of wake that came from here */
}

void sess_reclaimer_init(struct sess_reclaimer *reclaimer, struct iocp_strand *strand,
                         struct sess_budget *budget)
{
    *reclaimer = (struct sess_reclaimer){
        .budget = budget,
        .high_bytes = budget->limit_bytes / 16 * HIGH_SIXTEENTHS,
        .low_bytes = budget->limit_bytes / 16 * LOW_SIXTEENTHS,
    };
    iocp_op_init(&reclaimer->wake, strand, on_wake);
}

/* ---- The session's strand ---- */

void sess_reclaim_init(struct sess_reclaim *reclaim, struct sess_reclaimer *reclaimer,
                       struct iocp_op *wake)
{
    *reclaim = (struct sess_reclaim){.reclaimer = reclaimer, .wake = wake};
}

static void wake_if_needed(struct sess_reclaimer *reclaimer)
{
    uint64_t held = atomic_load_explicit(&reclaimer->budget->held_bytes, memory_order_relaxed);
    if (held > reclaimer->high_bytes && atomic_load(&reclaimer->asked) == 0)
        (void)iocp_kick(&reclaimer->wake);
}

void sess_reclaim_note(struct sess_reclaim *reclaim, const struct sess_headtail *headtail,
                       uint64_t now_ns)
{
    uint64_t tail_bytes = sess_part_held(&headtail->tail);
    atomic_store_explicit(&reclaim->active_ns, now_ns, memory_order_relaxed);
    atomic_store_explicit(&reclaim->tail_bytes, tail_bytes, memory_order_relaxed);
    if (tail_bytes > 0 && reclaim->state == SESS_RECLAIM_OUT) {
        reclaim->state = SESS_RECLAIM_IN;
        iocp_op_init(&reclaim->enter, reclaim->reclaimer->wake.strand, on_enter);
        iocp_post(&reclaim->enter);
    }
    if (now_ns >= atomic_load_explicit(&reclaim->reclaimer->rest_until_ns, memory_order_relaxed))
        wake_if_needed(reclaim->reclaimer);
}

void sess_reclaim_give(struct sess_reclaim *reclaim, struct sess_headtail *headtail)
{
    struct sess_reclaimer *reclaimer = reclaim->reclaimer;
    uint64_t want = atomic_exchange(&reclaim->want_bytes, 0);
    if (want == 0)
        return;
    (void)sess_headtail_shrink(headtail, want);
    atomic_store_explicit(&reclaim->tail_bytes, sess_part_held(&headtail->tail),
                          memory_order_relaxed);
    atomic_fetch_add_explicit(&reclaimer->given, 1, memory_order_relaxed);
    if (atomic_fetch_sub(&reclaimer->asked, 1) == 1)
        wake_if_needed(reclaimer);
}

bool sess_reclaim_leave(struct sess_reclaim *reclaim, struct iocp_op *left)
{
    if (reclaim->state != SESS_RECLAIM_IN)
        return false;
    reclaim->state = SESS_RECLAIM_LEAVING;
    reclaim->left = left;
    iocp_op_init(&reclaim->leave, reclaim->reclaimer->wake.strand, on_leave);
    iocp_post(&reclaim->leave); /* runs behind enter, should that still be waiting */
    return true;
}
