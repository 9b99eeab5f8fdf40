/*
 * The inside of a host, for the files of sessions/ only.
 */
#ifndef SESSIONS_HOST_STRUCT_H
#define SESSIONS_HOST_STRUCT_H

#include "sessions/capacity.h"
#include "sessions/headtail.h"
#include "sessions/host.h"
#include "sessions/orphan.h"
#include "sessions/platform.h"
#include "sessions/reclaim.h"
#include "sessions/tally.h"
#include "sessions/tree.h"

struct sess_host {
    struct iocp_port *port;
    const struct sess_memory *memory;
    struct sess_platform *platform;
    struct sess_host_options options; /* with the defaults filled in */
    struct iocp_strand strand;
    struct iocp_op close, end;
    _Atomic uint32_t refs; /* one of its own until it is closed, one of each session and orphan */
    _Atomic bool closing;
    void (*on_closed)(void *context);
    void *closed_context;

    struct sess_capacity capacity;
    struct sess_budget budget;
    struct sess_reclaimer reclaimer;
    struct sess_trees trees;
    struct sess_orphans orphans;
    _Atomic uint64_t objects, started, failed;
    struct sess_tally tally;
};

/* References; any thread. The last unref, after the close began, ends the host. */
void sess_host_ref(struct sess_host *host);
void sess_host_unref(struct sess_host *host);

#endif
