/* What the host allows: descriptors, pseudoterminals and processes, and how many sessions of each
 * kind that makes. Measured once at start and printed; checked before each start, so that the lack
 * of something is one clear answer that names it and not a failure halfway through.
 */
#ifndef RUN_RLIMIT_H
#define RUN_RLIMIT_H

#include "runner/options_why.h"

#include <stdbool.h>
#include <stdint.h>

/* Descriptors that sessions never get: listeners, connections, files, the engine's own. */
#define RUN_CONTROL_DESCRIPTORS 64

/* Processes that sessions never get: threads and keepers of the server, and the host's own life. */
#define RUN_CONTROL_PIDS 64

/* The limit on descriptors as it was before it was raised; children are started with that one. */
struct run_rlimit {
    uint64_t original_soft;
    uint64_t original_hard;
    uint64_t soft; /* as it is now */
};

/* Something of which there is a limited number. NAME is for people and for error data: constant. */
struct run_resource {
    const char *name;
    uint64_t limit; /* UINT64_MAX: none is known */
    uint64_t used;  /* when it was measured */
};

/* The three that bound sessions. PIDS is the tightest of the several limits on processes. */
struct run_resources {
    struct run_resource descriptors;
    struct run_resource ptys;
    struct run_resource pids;
};

/* What sessions keep while they run, as the code that starts them knows: the server's own
 * descriptors per session of each kind, and those that a start needs for its duration.
 */
struct run_session_cost {
    uint64_t pipe_descriptors;
    uint64_t pty_descriptors;
    uint64_t start_descriptors;
};

/* How many sessions fit and which resource bounds them. */
struct run_ceiling {
    uint64_t pipe_sessions;
    const char *pipe_bound_by;
    uint64_t pty_sessions;
    const char *pty_bound_by;
};

/* Sessions that run now. */
struct run_session_count {
    uint64_t pipe;
    uint64_t pty;
};

/* The data of the error `no capacity`: what is short, how much is free and how much was needed. */
struct run_shortage {
    const char *resource;
    uint64_t have;
    uint64_t need;
};

/* Where to measure; both NULL for /proc and /sys/fs/cgroup. Tests give directories of their own. */
struct run_resource_roots {
    const char *proc;
    const char *cgroup;
};

/* Raises the soft limit on descriptors to the hard one. Returns 0, or -1 with errno set if the
 * limit cannot be read; if it cannot be raised, SOFT is what it was. Main thread, at start.
 */
RUN_MUST_CHECK int run_rlimit_raise(struct run_rlimit *out_rlimit);

/* Measures the resources; what cannot be measured counts as unlimited. Descriptors: the soft limit,
 * and those open now. Reads small files: at start.
 */
void run_resources_measure(const struct run_resource_roots *roots,
                           struct run_resources *out_resources);

/* Computes the ceilings from resources that were measured while no session ran. Pure. */
void run_resources_ceiling(const struct run_resources *resources,
                           const struct run_session_cost *cost, struct run_ceiling *out_ceiling);

/* Whether one more session (PTY or pipe) fits beside those that RUN. Returns 0, or -1 and names in
 * OUT_SHORTAGE what is short. Pure, any thread.
 */
RUN_MUST_CHECK int run_resources_admit(const struct run_resources *resources,
                                       const struct run_session_cost *cost,
                                       const struct run_session_count *running, bool pty,
                                       struct run_shortage *out_shortage);

#endif
