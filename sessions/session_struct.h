/*
 * The inside of a session, for the files of sessions/ only. Everything belongs to the session's
 * strand but what is atomic, and table_next, which belongs to the strand of its table.
 *
 *    start.c     from a spec to a running program         output.c   reading, numbers, flow
 *    session.c   references, settling, the end            drain.c    after the exit
 *    request.c   what others ask                          stdin.c    the queue to the program
 *    stop.c      ending the tree                          clock.c    one timer for all deadlines
 *    event.c     what the owner hears               watch.c    who waits for something
 *    guard.c     limits of time and output
 */
#ifndef SESSIONS_SESSION_STRUCT_H
#define SESSIONS_SESSION_STRUCT_H

#include "sessions/clock.h"
#include "sessions/drain.h"
#include "sessions/guard.h"
#include "sessions/host_struct.h"
#include "sessions/label.h"
#include "sessions/output.h"
#include "sessions/request.h"
#include "sessions/session.h"
#include "sessions/spawn.h"
#include "sessions/state.h"
#include "sessions/stdin.h"
#include "sessions/stop.h"
#include "sessions/watch.h"

/* Who is told what. */
enum sess_voice {
    SESS_VOICE_ALL,
    SESS_VOICE_GONE_ONLY, /* the start was answered with a failure */
    SESS_VOICE_NONE       /* detached */
};

/* Waiting for the process exit. */
enum sess_exit_wait {
    SESS_EXIT_WAIT_NONE, /* no process, or it was reaped */
    SESS_EXIT_WAIT_ON,
    SESS_EXIT_WAIT_FAILED, /* the system refused; tried again */
    SESS_EXIT_WAIT_SEEN    /* it has exited and is a zombie */
};

struct sess_session {
    struct iocp_strand strand;
    struct sess_host *host;
    const struct sess_events *events;
    void *context;
    struct sess_session *table_next;
    _Atomic uint32_t refs;
    uint32_t table_hash;

    enum sess_state state : 8;
    enum sess_voice voice : 8;
    enum sess_exit_wait exit_wait : 8;
    enum sess_close_reason close_reason : 8;
    bool is_wrapped;       /* it was started with a wrap */
    bool is_unwrapping;    /* the wrap is being released */
    enum sess_stdio stdio; /* apart from the others: it is read from any thread */

    struct iocp_op wake;      /* kicked by consumers and by the host */
    struct iocp_op end;       /* posted by the last unref */
    struct sess_spawn *spawn; /* while it is starting */
    struct sess_wrap *wrap;   /* that it runs inside of; NULL: none, or it was released */
    struct iocp_exit exit;
    struct sess_output outputs[2]; /* stdout and stderr, or the terminal and none */
    struct sess_stdin input;
    struct sess_clock clock;
    struct sess_drain drain;
    struct sess_stop stop;
    struct sess_headtail retained;
    struct sess_reclaim reclaim;
    struct sess_watches watches;
    struct sess_guard *guard; /* at the end of this block; NULL: no limits */

    uint64_t next_seq, exited_seq, closed_seq;
    size_t window_bytes;
    _Atomic uint64_t owed_bytes;
    _Atomic bool waits; /* reading stopped for the consumer */
    uint64_t waiting_since_ns;

    int64_t os_pid; /* 0: none yet */
    uint64_t started_ns, server_peak_bytes;
    struct sess_record record;

    uint32_t id_size_bytes, labels_size_bytes;
    char id[]; /* and the labels behind it (label.c) */
};

/* The only place where the state changes. */
void sess_session_change(struct sess_session *session, enum sess_happening happening);

/* Takes the next steps towards the end, as far as everything that they need has happened. To be
 * called last by whatever may have been the last thing to happen. */
void sess_session_settle(struct sess_session *session);

/* What a session of this kind takes for its life, and for its start besides. (start.c) */
struct sess_need sess_session_needs(enum sess_stdio stdio, bool wrapped, bool starting);

/* The system's handle of the terminal, or IOCP_NO_HANDLE. */
iocp_handle sess_session_tty(const struct sess_session *session);

/* When there was output last, and input taken or output; not before the start. */
uint64_t sess_session_output_ns(const struct sess_session *session);
uint64_t sess_session_activity_ns(const struct sess_session *session);

/* Starts waiting for the process exit; again after a failure. */
void sess_session_wait_exit(struct sess_session *session);

/* Answers a request: its memory is the caller's again. */
void sess_request_answer(struct sess_request *request);

/* ---- event.c: each tells the owner, if it is to be told, then those who watch -------------------
 */

/* Calls the owner's on_start. */
void sess_event_start(struct sess_session *session, const struct sess_started *started);
void sess_event_output(struct sess_session *session, const struct sess_chunk *chunk);
void sess_event_exited(struct sess_session *session);
void sess_event_closed(struct sess_session *session);
void sess_event_gone(struct sess_session *session);

#endif
