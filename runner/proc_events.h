/*
 * What proc.c and proc_events.c know of one another. On the session's strand.
 */
#ifndef RUN_PROC_EVENTS_H
#define RUN_PROC_EVENTS_H

#include "runner/proc.h"

/* What a process wants to hear of its session; the context is the process. */
extern const struct sess_events run_proc_events;

/* The message of a chunk, for this connection. NULL: no memory. On any strand that has the chunk.
 */
struct run_frame *run_proc_encode(const struct run_proc *proc, struct run_conn *conn,
                                  const struct run_raw *raw);

/* The start was answered: what came early may go on. */
void run_proc_has_started(struct run_proc *proc);

/* After gone, or after the detach was answered, whichever is first: out of the table. */
void run_proc_be_over(struct run_proc *proc);

#endif
