/*
 * Processes that are gone and still answer: for a time their ids stay in the table, with their
 * record and what is retained of their output; after that their ids are known as expired for as
 * long as there is room.
 *
 *    gone --> tombstone (read, wait, snapshot, list answer) --time, or too many--> expired -->
 * unknown
 *
 * There is no timer: the connection's clock, and whatever is added, looks for those whose time is
 * over. On the strand of the tenure's holder.
 */
#ifndef RUN_TOMBSTONE_H
#define RUN_TOMBSTONE_H

#include "runner/tenure.h"
#include "wire/msg_gone.h"

struct run_proc;

enum {
    /* Each holds a session's memory without its handles, and its retained output: a client that
     * starts thousands of short programs a minute is not to fill the server. */
    RUN_TOMBSTONES_MAX = 4096
};

/* The process is gone: it stays in the table as a tombstone. */
void run_tombstone_add(struct run_proc *proc);

/* Takes those out of the table whose time is over. */
void run_tombstones_sweep(struct run_tenure *tenure);

/* Forgets the list, since the whole table is being emptied. */
void run_tombstones_forget(struct run_tenure *tenure);

/* Processes in the table that are not gone. */
uint32_t run_tombstones_living(const struct run_tenure *tenure);

/* Whether a process of this id was here and its tombstone's time is over. */
bool run_tombstone_is_expired(const struct run_tenure *tenure, struct wire_span id);

/* What is told of an id that is not in the table: EXPIRED or NEVER_EXISTED. */
static inline enum wire_msg_gone_reason run_tombstone_why(const struct run_tenure *tenure,
                                                          struct wire_span id)
{
    return run_tombstone_is_expired(tenure, id) ? WIRE_MSG_GONE_EXPIRED
                                                : WIRE_MSG_GONE_NEVER_EXISTED;
}

#endif
