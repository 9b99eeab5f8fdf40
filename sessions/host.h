/*
 * The host of all sessions of one server: limits, counters, and the rare work that concerns more
 * than one session.
 *
 * The counters are atomics for any thread. What needs an order (shrinking retained output when the
 * budget is used up, walking the process table, discarding what orphans write) happens on the
 * host's own strand. No session takes a lock, and a session that is idle is not known to the
 * host's strand at all. The host knows no table and no client.
 */
#ifndef SESSIONS_HOST_H
#define SESSIONS_HOST_H

#include "iocp/iocp.h"
#include "sessions/error.h"
#include "sessions/memory.h"

struct sess_host;
struct sess_sys; /* table of system calls, for failure injection (sys_linux.h) */

/* ---- Limits that are no options, each with its reason ---------------------------------------- */

enum {
    SESS_CHUNK_MAX_BYTES = IOCP_READ_MAX, /* one read is one chunk */
    SESS_CHUNKS_MAX = 50 * 1000,          /* retained a session: bounds the index, not the bytes */
    SESS_CONTROL_DESCRIPTORS = 64, /* kept for connections and files when sessions take all */
    SESS_CONTROL_PROCESSES = 64,   /* kept for whoever has to look at a full machine */
    SESS_ORPHANS_MAX = 256,        /* one descriptor each */
    SESS_ORPHAN_BYTES_PER_S = 1024 * 1024 /* an orphan may write, not occupy a worker */
};

/* ---- Options -------------------------------------------------------------------------------- */

enum sess_cgroup_mode {
    SESS_CGROUP_OFF, /* trees are found by walking the process table */
    SESS_CGROUP_ON   /* a cgroup v2 for each session, if the system lets us make them */
};

/* Everything 0 means the default that is named here. */
struct sess_host_options {
    uint64_t max_sessions;        /* 0: as many as the system's resources carry */
    size_t window_bytes;          /* 1 MiB: output that a consumer may owe before a child waits */
    size_t retain_bytes;          /* 1 MiB a session; see no_retention */
    uint64_t retain_total_bytes;  /* 256 MiB over all sessions */
    size_t stdin_queue_bytes;     /* 1 MiB a session */
    size_t stdin_write_max_bytes; /* 64 MiB: one write, the size of the largest message */
    size_t spec_max_bytes;   /* 2 MiB: argv and env with their pointers, as Linux counts; labels */
    unsigned drain_quiet_ms; /* 200: silence after the exit that ends the drain */
    unsigned drain_max_ms;   /* 2,000: the drain's end in any case */
    unsigned limit_grace_ms; /* 5,000: from a limit that is reached to the kill */
    /* 2,000: a walk of the process table that has not moved for so long is not waited for. */
    unsigned walk_patience_ms;
    bool no_retention; /* the default of retain_bytes is 0 */
    enum sess_cgroup_mode cgroup;
    /* RLIMIT_NOFILE for the children, as it was before the server raised its own; both 0: what the
     * process has at sess_host_open. */
    uint64_t child_nofile_soft, child_nofile_hard;
    const struct sess_memory *memory; /* NULL: sess_memory_libc */
    const struct sess_sys *sys;       /* NULL: the system itself */
};

/* Makes a host on the port. options may be NULL and is borrowed during the call. Before any thread
 * but the port's works with sessions. Errors: NO_CAPACITY (memory, descriptors), OS. */
SESS_MUST_CHECK int sess_host_open(struct iocp_port *port, const struct sess_host_options *options,
                                   struct sess_host **out_host, int *out_os_error);

/* Starts the host's end: no session starts any more; orphans are let go; when the last session was
 * freed, on_closed runs once, on a strand of the host, and the host is gone after it returned. It
 * stops no session: that is their owners' part. Any thread, once. */
void sess_host_close_start(struct sess_host *host, void (*on_closed)(void *context), void *context);

/* The port that the host was opened on. Any thread. */
struct iocp_port *sess_host_port(const struct sess_host *host);

/* ---- Resources ------------------------------------------------------------------------------- */

/* Tells the host about descriptors that others of this process use (connections, files), so that
 * its count is true: n may be negative. Any thread. */
void sess_host_note_descriptors(struct sess_host *host, int n);

/* How many more sessions of that kind could be started now, and what would run out first. A
 * computed ceiling: the system may still refuse earlier. Any thread. */
uint64_t sess_host_room(struct sess_host *host, bool tty, const char **out_resource);

struct sess_host_stats {
    uint64_t sessions;         /* started and not gone */
    uint64_t objects;          /* not freed: sessions and what answers for gone ones */
    uint64_t started, failed;  /* starts answered since the host opened */
    uint64_t retained_bytes;   /* memory held for retained output now, with its index */
    uint64_t reclaims;         /* times that a session's tail was shrunk for the budget */
    uint64_t orphans;          /* streams that are being discarded now */
    uint64_t orphans_refused;  /* closed instead, because there were SESS_ORPHANS_MAX */
    uint64_t orphan_bytes;     /* discarded since the host opened */
    uint64_t descriptors;      /* in use by sessions, orphans, and noted by others */
    uint64_t descriptor_limit; /* of this process, without SESS_CONTROL_DESCRIPTORS */
    uint64_t cgroups;          /* made and kept */
};

/* Any thread; each number exact, the set of them not taken at one moment. */
void sess_host_stats(struct sess_host *host, struct sess_host_stats *out_stats);

#endif
