/*
 * Standard input and output as the handles of a connection. They are never made non-blocking, since
 * other programs share their file descriptions: a pipe is opened a second time, a socket is used
 * with a flag per call, and for anything else a thread copies between it and a pipe of our own.
 */
#ifndef RUN_STDIO_H
#define RUN_STDIO_H

#include "runner/conn.h"
#include "runner/options_why.h"

/* Takes descriptors 0 and 1; /dev/null stands in their place from then on. Returns 0, or -1 with
 * the reason in *out_why. Once. */
RUN_MUST_CHECK int run_stdio_take(struct run_conn_handles *out_handles, struct run_why *out_why);

/* Waits until what was sent has been written to standard output, for at most deadline_ms. After
 * the connection is closed; main thread. */
void run_stdio_finish(unsigned deadline_ms);

#endif
