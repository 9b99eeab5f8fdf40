/*
 * What a look at a session is on the wire: the exit record of process/wait, the entry of
 * process/list. On the session's strand, where a view may be taken.
 *
 * The states of the wire are "starting", "running", "exited" (output may still come) and "closed";
 * a session that is gone is closed.
 */
#ifndef RUN_LOOK_H
#define RUN_LOOK_H

#include "runner/proc.h"
#include "wire/msg_gone.h"
#include "wire/msg_record.h"

/* The exit record of a session that has exited (asserted). Until the close its byte counts go on
 * growing. */
void run_look_record(const struct sess_view *view, struct wire_msg_record *out);

/* What is told of a session that does not run: that it has exited, and who ended it; that its start
 * has failed, so that it never was; nothing (NOT) if it is starting or runs. */
struct wire_msg_gone run_look_gone(const struct sess_session *session);

/* The entry of the process as JSON, into out. Returns its size; the size needed if capacity is too
 * small, with nothing of use in out; 0: its start has failed, so there is no such process. */
size_t run_look_entry(const struct run_proc *proc, uint8_t *out, size_t capacity);

#endif
