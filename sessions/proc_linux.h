/*
 * The process table, as /proc shows it: which process descends from which. Runs on a helper.
 */
#ifndef SESSIONS_PROC_LINUX_H
#define SESSIONS_PROC_LINUX_H

#include "sessions/memory.h"
#include "sessions/sys_linux.h"

struct sess_tree;

struct sess_proc {
    int32_t pid, parent, group, session;
    uint64_t start;          /* since boot; with the pid it names one process for good */
    struct sess_tree *owner; /* the caller's; NULL after a scan */
    bool alive;              /* not a zombie */
    bool stopped;            /* it runs no more until it is continued */
    bool runs;               /* or would, with a processor: a signal reaches it soon */
    bool signalled;          /* the caller's; false after a scan */
};

struct sess_procs {
    struct sess_proc *list; /* by pid */
    uint32_t count, capacity;
    uint32_t unread;         /* processes that are there but could not be read */
    _Atomic uint64_t *moves; /* the caller's: counts each process that was looked at; or NULL */
};

/* Reads the whole table, but for unread ones. false: it cannot be read, or no memory. */
bool sess_procs_scan(struct sess_procs *procs, const struct sess_sys *sys,
                     const struct sess_memory *memory);

/* Frees the list. */
void sess_procs_free(struct sess_procs *procs, const struct sess_memory *memory);

/* The process of that id in the last scan, or NULL. */
struct sess_proc *sess_procs_find(const struct sess_procs *procs, int32_t pid);

/* Reads one process. false: with errno; ENOENT or ESRCH: there is none. */
bool sess_proc_read(const struct sess_sys *sys, int32_t pid, struct sess_proc *out_proc);

#endif
