/* The keepers: two tiny processes above the server that outlive it and let nothing survive it.
 *
 * The program that the user starts becomes the OUTER keeper; it forks the INNER keeper, which
 * forks the SERVER, all before any thread exists. Both keepers are child subreapers: whatever
 * descends from the server and loses its parent, also by forking twice and calling setsid, is
 * adopted by the inner keeper, which reaps it. Keepers sleep in one call and wake for signals only.
 */

/*
 * Who dies (by SIGKILL or otherwise) and what follows:
 *   server   the inner keeper adopts all that is left and kills until nothing is; then both
 *            keepers end with the server's exit code or by its signal (without core dumps)
 *   inner    the server dies with it (parent-death signal SIGKILL); the outer one adopts and kills
 *   outer    the inner one is told by its own parent-death signal, kills the server and the rest
 *   any two but both keepers, at the same instant: the third process does the same
 *   both keepers at the same instant: the server dies by its parent-death signal, and its direct
 *            children by theirs, which is set where they are started; a process that had lost its
 *            parent before survives. No arrangement of processes can do better than its last one.
 *
 * Why two: with one keeper its death leaves the server as the only one who can adopt, so that the
 * server itself would have to be a subreaper. It would have to find adopted dead children among
 * those that sessions keep unreaped on purpose: waitid(P_ALL) can only look at the first of these
 * again and again, and a look at the whole list costs 0.5 to 3 us for each of them per adopted
 * child (5 ms at 5,000), in the process that must be quick; and at the keeper's death its threads
 * would still be starting children while it kills. The second keeper adopts what the first would,
 * at a fixed price per process, costs some tens of KiB, and survives the server's own faults.
 *
 * Signals: TERM, INT, QUIT, USR1, USR2 and HUP (unless inherited as ignored) that a keeper gets
 * are passed on downwards. A signal to the whole group reaches the server twice, from the sender
 * and from the keeper; see run_stop_vote in signals.h.
 */
#ifndef RUN_KEEPER_H
#define RUN_KEEPER_H

#include "runner/options_why.h"

#include <stdint.h>

/* For tests; all zero in the program. END is passed to run_keeper_end (keeper_end.h). */
struct run_keeper_options {
    unsigned reaping_passes;
    int scan_proc;
};

/* What the server needs to know. PID is the inner keeper's: signals from it were passed on. */
struct run_keeper {
    int64_t pid;
};

/* Splits the process as above. Returns 0 in the server only, with signal mask and dispositions as
 * they were; the keepers never return and end by _exit or a signal. Returns -1 in the calling
 * process, nothing started, with the reason in OUT_WHY (may be NULL), if the first fork fails or
 * there is no /proc; if the second one fails the process ends with status 70 and a line on standard
 * error. The keepers keep standard error only. Needs a process without threads.
 */
RUN_MUST_CHECK int run_keeper_start(const struct run_keeper_options *options,
                                    struct run_keeper *out_keeper, struct run_why *out_why);

#endif
