/*
 * Orphans: read ends of streams that outlived their session.
 *
 * When a session's drain times out, somebody else still holds its stream open. Closing the read end
 * would kill that process with SIGPIPE, so it goes on being read here, and what it writes is thrown
 * away: counted, at most SESS_ORPHAN_BYTES_PER_S each. Orphans belong to the host's strand.
 */
#ifndef SESSIONS_ORPHAN_H
#define SESSIONS_ORPHAN_H

#include "iocp/iocp.h"
#include "sessions/host.h"

struct sess_orphan {
    struct iocp_op op; /* from the session's strand to the host's */
    struct sess_host *host;
    struct sess_orphan *prev, *next;
    struct iocp_stream io;
    iocp_handle handle; /* until io has it */
    enum iocp_stream_kind kind;
    uint32_t allowance_bytes; /* what it may still write before the next refill */
};

struct sess_orphans {
    struct sess_orphan *first;
    struct iocp_timer refill;
    _Atomic uint32_t count;
    _Atomic uint64_t refused;
    _Atomic uint64_t discarded_bytes;
    bool closing;
};

/* Prepares it; nothing is allocated. */
void sess_orphans_init(struct sess_orphans *orphans, struct iocp_strand *strand);

/* Takes the handle over: it is discarded from, or closed if there are SESS_ORPHANS_MAX or no
 * memory. Takes a reference to the host. Any thread. */
void sess_orphan_adopt(struct sess_host *host, iocp_handle handle, enum iocp_stream_kind kind);

/* Closes all of them, and each that comes later. On the host's strand. */
void sess_orphans_close(struct sess_orphans *orphans);

#endif
