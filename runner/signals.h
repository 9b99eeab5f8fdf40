/* Signals of the server process. All threads block what would end or disturb them; requests to
 * stop are read from a descriptor as bytes, like any other input; SIGPIPE is ignored and SIGCHLD is
 * at its default. Job control (SIGTSTP and its like), SIGQUIT and faults stay as they are. Children
 * get default handlers and an empty mask from whoever starts them.
 */
#ifndef RUN_SIGNALS_H
#define RUN_SIGNALS_H

#include "runner/options_why.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The size of one record that the descriptor delivers; reads give whole records. */
#define RUN_SIGNAL_RECORD_BYTES 128

/* Repeats of a request within this time are the same request: a terminal, `timeout` and service
 * managers signal the whole group, so that the keeper's copy arrives beside ours.
 */
#define RUN_STOP_REPEAT_NS 250000000ULL

enum run_signal_kind {
    RUN_SIGNAL_TERMINATE, /* SIGTERM */
    RUN_SIGNAL_INTERRUPT, /* SIGINT */
    RUN_SIGNAL_HANGUP,    /* SIGHUP */
};

/* One signal. SENDER_PID is 0 if the kernel sent it (a terminal's Ctrl-C). */
struct run_signal {
    enum run_signal_kind kind;
    int64_t sender_pid;
};

/* What has been asked for so far; the value zero is the start. */
struct run_stop_votes {
    unsigned direct;
    unsigned passed_on;
    unsigned level;
    uint64_t raised_ns;
};

enum run_stop_level {
    RUN_STOP_NONE = 0,
    RUN_STOP_GRACEFUL = 1,
    RUN_STOP_FORCE = 2,
};

/* Sets dispositions as above and blocks signals in the calling thread; threads that it starts
 * inherit the mask. OUT_HANGUP_IGNORED: SIGHUP was inherited as ignored (nohup) and is no request.
 * Main thread, before any other thread.
 */
void run_signals_init(bool *out_hangup_ignored);

/* Opens a non-blocking, close-on-exec descriptor that delivers SIGTERM and SIGINT, and SIGHUP if
 * WITH_HANGUP. Returns it, or -1 with errno set. The caller closes it. Needs the mask set first.
 */
RUN_MUST_CHECK int run_signals_open(bool with_hangup);

/* Reads one record of RUN_SIGNAL_RECORD_BYTES at BYTES. Returns 0, or -1 if it is of a signal that
 * is no request. Pure.
 */
RUN_MUST_CHECK int run_signals_decode(const void *bytes, struct run_signal *out_signal);

/* Counts one request and returns the level that is now asked for: an enum run_stop_level. A request
 * reaches the server directly, through the keeper, or both ways, so the two ways are counted
 * apart and the larger count holds. PASSED_ON: the sender was the keeper. NOW_NS is monotonic.
 * Pure; the votes belong to the caller.
 */
unsigned run_stop_vote(struct run_stop_votes *votes, bool passed_on, uint64_t now_ns);

#endif
