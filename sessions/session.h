/*
 * A session: one child process, its streams, its retained output, its end.
 *
 *               spawned           exit seen          every stream ended      handles closed,
 *                                                    or drain timed out      leader reaped
 *   STARTING  ----------> RUNNING ----------> EXITED --------------> CLOSED ------------> GONE
 *       |                                                                                  ^
 *       +----------------------------------------------------------------------------------+
 *                       the start failed or was cancelled: no exited, no closed
 *
 * Threads: everything of a session happens on its own strand. Its owner hears of it by the events
 * below, which are called on that strand, and asks of it by requests (request.h), which are
 * answered there. Only start, ref, unref, consumed and requests are for any thread.
 */

/*
 * Life: one heap block, reference counted. sess_session_start gives its caller one reference; the
 * session holds one of itself until it is gone. A gone session is a tombstone: it has no process
 * and no handle, still answers requests, and still has its record and its retained output. The
 * last unref frees it.
 *
 * Numbers: one counter from 1 over output chunks, the exit and the close, without holes; events
 * leave in that order, the start's answer before all of them.
 */
#ifndef SESSIONS_SESSION_H
#define SESSIONS_SESSION_H

#include "iocp/iocp.h"
#include "sessions/headtail.h"
#include "sessions/host.h"
#include "sessions/label.h"
#include "sessions/record.h"
#include "sessions/spec.h"

struct sess_session;

enum sess_state {
    SESS_STARTING,
    SESS_RUNNING,
    SESS_EXITED, /* output still draining */
    SESS_CLOSED,
    SESS_GONE,
    SESS_STATES
};

/* "starting", "running" ... */
const char *sess_state_text(enum sess_state state);

/* ---- Events -----------------------------------------------------------------------------------
 */

/* The answer to a start. */
struct sess_started {
    int result;       /* 0, or EXEC, CWD, START, NO_CAPACITY, CANCELLED */
    int os_error;     /* the system's code beside a failure, or 0 */
    const char *text; /* of a failure: what failed and the system's text; borrowed, else "" */
    struct sess_shortage shortage; /* of NO_CAPACITY */
    int64_t os_pid;                /* for logs and records; no handle for anything */
};

/* All are called on the session's strand, in the order of their numbers. A member that its owner
 * never needs may be NULL. Nothing is called after a detach was answered (request.h). A callback
 * may post requests, give references up and call what is marked "on the strand". */
struct sess_events {
    /* Exactly once and first. After a failure only on_gone follows. */
    void (*on_start)(struct sess_session *session, void *context,
                     const struct sess_started *started);
    /* 1 to SESS_CHUNK_MAX_BYTES bytes. The slice is borrowed: iocp_slice_ref keeps it. The chunk's
     * bytes count as owed until sess_session_consumed gives them back. */
    void (*on_output)(struct sess_session *session, void *context, const struct sess_chunk *chunk);
    /* The process has exited; output may follow. record is borrowed. */
    void (*on_exited)(struct sess_session *session, void *context, uint64_t seq,
                      const struct sess_record *record);
    /* The last number. record is complete now. */
    void (*on_closed)(struct sess_session *session, void *context, uint64_t seq,
                      enum sess_close_reason reason, const struct sess_record *record);
    /* Nothing of the process is left. */
    void (*on_gone)(struct sess_session *session, void *context);
};

/* ---- Life -------------------------------------------------------------------------------------
 */

/* Starts a session. spec is borrowed during the call. *out_session, with one reference of the
 * caller's, is written before the first event can run; events may run on another thread before this
 * call returns. Any thread. Errors, each without any event: INVALID, TOO_LARGE, NO_CAPACITY
 * (*out_shortage is written then), CLOSING. events must live as long as the session. */
SESS_MUST_CHECK int sess_session_start(struct sess_host *host, const struct sess_spec *spec,
                                       const struct sess_events *events, void *context,
                                       struct sess_session **out_session,
                                       struct sess_shortage *out_shortage);

/* Takes one more reference. Any thread that has one. */
struct sess_session *sess_session_ref(struct sess_session *session);

/* Gives a reference up; the last one, after the session is gone, frees it. NULL is taken. Any
 * thread. A session whose owner has unreferenced it without a detach goes on giving events. */
void sess_session_unref(struct sess_session *session);

/* ---- Flow ---------------------------------------------------------------------------------------
 */

/* Counts bytes as owed beside those of the chunk: a consumer whose own queue is full, whoever
 * filled it, makes this session wait by it. They are given back like the others. In on_output only.
 */
void sess_session_charge(struct sess_session *session, uint32_t bytes);

/* Gives bytes of delivered chunks back. When a session's owed bytes reach its window it stops
 * reading until less than half of it is owed. Any thread that has a reference. */
void sess_session_consumed(struct sess_session *session, size_t bytes);

/* ---- Looking ------------------------------------------------------------------------------------
 */

/* The session's name, as its spec gave it; *out_size_bytes may be NULL. Not terminated. Lives as
 * long as the session. Any thread. */
const char *sess_session_id(const struct sess_session *session, size_t *out_size_bytes);

/* What sess_session_start was given for the events. Any thread. */
void *sess_session_context(const struct sess_session *session);

/* Whether its standard streams are a terminal. Any thread. */
bool sess_session_is_tty(const struct sess_session *session);

/* The strand that everything of it happens on, for operations of others: who posts one there keeps
 * a reference to the session until it was called. Any thread. */
struct iocp_strand *sess_session_strand(struct sess_session *session);

struct sess_view {
    enum sess_state state;
    int64_t os_pid;                  /* 0: none */
    uint64_t next_seq;               /* the number that the next event gets */
    uint64_t exited_seq, closed_seq; /* 0: not yet */
    enum sess_close_reason close_reason;
    struct sess_record record;
    uint64_t owed_bytes;       /* delivered and not consumed */
    uint64_t waiting_since_ns; /* reading stopped for the consumer since then; 0: it did not */
    uint64_t waiting_since_wall_ms;
    uint64_t last_activity_ns; /* of start, input that was taken and output; 0: not started */
    uint64_t last_activity_wall_ms;
    uint64_t stdin_queued_bytes; /* accepted, not taken by the program's stdin */
    uint64_t
        stdin_waiting_since_ns; /* the program has taken nothing of that since; 0: none waits */
    uint64_t stdin_waiting_since_wall_ms;
    bool stdin_open;
    uint64_t retained_bytes[SESS_STREAMS], omitted_bytes[SESS_STREAMS];
    const struct sess_headtail *retained; /* borrowed, on the strand only */
};

/* Looks at everything but the labels (label.h). On the strand: in an event or in the callback of a
 * request. */
void sess_session_view(const struct sess_session *session, struct sess_view *out_view);

#endif
