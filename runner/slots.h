/*
 * How many tenures (tenure.h) there may be. Whoever makes one takes a slot first, which comes back
 * when the tenure's memory is gone. When all are taken, the tenure that nobody has held for longest
 * and that keeps nothing is asked to end, so that clients who come and vanish lock nobody out.
 *
 *   wish -> granted                                        a slot was free meanwhile
 *        -> waiting (a tenure was asked to end) -> granted  when one is freed
 *        -> refused                              -> refused when it is held again, and none is left
 */

/*
 * Threads: the count is for any thread and exact. The list of idle tenures and the wishes belong to
 * the server's strand. As many tenures are leaving as wishes wait, at least: each one that is
 * freed, for whatever reason, grants the oldest wish.
 *
 * Life: a wish lies in its maker's memory and holds a reference to its connection until it is told.
 */
#ifndef RUN_SLOTS_H
#define RUN_SLOTS_H

#include "iocp/iocp.h"

#include <stdbool.h>
#include <stdint.h>

struct run_conn;
struct run_tenure;

/* A wish for a slot: made by a connection, which is told once, by `done` on its strand. */
struct run_slot_wish {
    struct iocp_op op;
    struct run_slot_wish *next;
    struct run_slots *slots;
    struct run_conn *conn; /* one reference, given back after done */
    bool granted;          /* the slot is the connection's, to be used or given back */
    void (*done)(struct run_slot_wish *wish);
};

struct run_slots {
    struct iocp_strand *strand; /* the server's; like most, it never changes */
    uint32_t most;
    _Atomic uint32_t taken;
    /* Of the server's strand. */
    struct run_tenure *idle_oldest, *idle_newest;
    struct run_slot_wish *wishes; /* those that wait, the oldest first */
    uint32_t waiting;             /* so many */
    uint32_t leaving;             /* tenures that were asked to end and are not freed */
};

/* Before anything else. strand: where its lists belong. */
void run_slots_init(struct run_slots *slots, struct iocp_strand *strand, uint32_t most);

/* Takes a slot if one is free. Any thread. */
bool run_slots_take(struct run_slots *slots);

/* Gives one back of which no tenure was made. Any thread. */
void run_slots_give_back(struct run_slots *slots);

/* How many are taken. Any thread. */
uint32_t run_slots_taken(const struct run_slots *slots);

/* Wishes for one where none was free; wish->done is set. On conn's strand. */
void run_slots_wish(struct run_slots *slots, struct run_slot_wish *wish, struct run_conn *conn);

/* ---- For tenures: on the server's strand ---- */

/* Nobody holds it, and it keeps nothing: from now on it may be asked to end. */
void run_slots_idle(struct run_slots *slots, struct run_tenure *tenure);
/* It was asked to end, and does not: somebody holds it or is about to. */
void run_slots_stays(struct run_slots *slots, struct run_tenure *tenure);
/* It has ended: it is not asked any more. */
void run_slots_left(struct run_slots *slots, struct run_tenure *tenure);
/* One is freed; was_leaving: one that was asked to end. */
void run_slots_freed(struct run_slots *slots, bool was_leaving);

#endif
