/* The end of everything below a subreaper: kill until nothing is left. Internal to the keepers and
 * apart from them so that it can be tested in a process of a test's own. Single-threaded: it takes
 * every child of the calling process for its own to kill and to reap.
 */
#ifndef RUN_KEEPER_END_H
#define RUN_KEEPER_END_H

#include "runner/options_why.h"

/* REAPING_PASSES: how many passes reap what they killed before passes begin to hold on to the dead
 * (0: the default); SCAN_PROC: find children by reading all of /proc even where the kernel lists
 * them. CHILDREN_FD is what run_keeper_end_prepare returned.
 */
struct run_keeper_end_options {
    unsigned reaping_passes;
    int scan_proc;
    int children_fd;
};

/* Opens what finding children needs, while descriptors are to be had. Returns a descriptor, or -1
 * if the kernel has no lists of children (then all of /proc is read at the end).
 */
int run_keeper_end_prepare(void);

/* Kills every descendant of the calling process, which must be a child subreaper with one thread,
 * and reaps them, until there is none. Blocks SIGCHLD and sets it to its default. Returns 0, or the
 * number of children that it may not signal (another user's) and that did not end by themselves in
 * two seconds.
 */
RUN_MUST_CHECK unsigned run_keeper_end(const struct run_keeper_end_options *options);

#endif
