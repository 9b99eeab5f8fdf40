/*
 * What the sessions of a host have done, as numbers: for whoever watches the server.
 *
 * Counted where it happens, by whatever thread that is, each worker into a part of its own: no
 * locked instruction on a worker, nothing allocated, nothing kept of a session. The numbers of one
 * reading are not taken at one moment.
 */
#ifndef SESSIONS_TALLY_H
#define SESSIONS_TALLY_H

#include "iocp/tally.h"
#include "sessions/capacity.h"
#include "sessions/session.h"

/* What a session's standard streams are. */
enum sess_kind { SESS_KIND_PIPE, SESS_KIND_TTY, SESS_KINDS };

struct sess_totals {
    uint64_t in_state[SESS_STATES][SESS_KINDS]; /* sessions now; gone ones until they are freed */
    uint64_t waiting;                           /* sessions whose consumer is waited for now */
    uint64_t exits[SESS_ENDERS];
    uint64_t bytes_in; /* taken by programs' standard inputs */
    uint64_t bytes_out[SESS_STREAMS];
    uint64_t bytes_unheard;    /* of those: nobody was told any more */
    uint64_t omitted_at_cap;   /* fell out of retained output while more was added to it */
    uint64_t omitted_reclaims; /* shrunk away for the budget */
    uint64_t used[SESS_RESOURCES], limits[SESS_RESOURCES]; /* UINT64_MAX: no limit is known */
    uint64_t retained_limit_bytes;
};

/* Any thread. */
void sess_host_totals(struct sess_host *host, struct sess_totals *out_totals);

/* ---- For the files of sessions/ ---------------------------------------------------------------
 */

/* One worker's part, apart from the next one's. */
struct sess_tally_part {
    _Atomic uint64_t in_state[SESS_STATES][SESS_KINDS];
    _Atomic uint64_t waiting, exits[SESS_ENDERS], bytes_in, bytes_out[SESS_STREAMS], bytes_unheard;
    _Atomic uint64_t omitted_at_cap, omitted_reclaims;
    uint8_t apart[IOCP_TALLY_APART_BYTES];
};

struct sess_tally {
    const struct iocp_port *port;
    struct sess_tally_part parts[IOCP_TALLY_PARTS];
};

/* A session goes from one state to another; SESS_STATES stands for not being there. Any thread. */
void sess_tally_move(struct sess_session *session, enum sess_state from, enum sess_state to);

/* Output was read, and so much fell out of what is retained. Any thread. */
void sess_tally_output(struct sess_session *session, const struct sess_chunk *chunk,
                       uint64_t omitted_bytes);

/* Retained output was shrunk for the budget. Any thread. */
void sess_tally_reclaim(struct sess_session *session, uint64_t omitted_bytes);

/* The program's standard input took so many bytes. Any thread. */
void sess_tally_input(struct sess_session *session, size_t bytes);

/* A session begins or ends to wait for its consumer. Any thread. */
void sess_tally_wait(struct sess_session *session, bool waits);

/* A program has ended. Any thread. */
void sess_tally_exit(struct sess_session *session, enum sess_ender ender);

#endif
