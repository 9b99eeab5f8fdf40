/*
 * Requests: how other threads ask something of a session.
 *
 * A request lives in its caller's memory. It is posted from any thread to the session's strand, and
 * answered exactly once, by its callback on that strand, never inside the call that posted it. From
 * post to callback the request and what it names belong to the session, and it keeps a reference of
 * its own; in the callback the memory is the caller's again. Requests of one session are taken in
 * the order in which they were posted. All but writes, the closing of stdin and watches are
 * answered at once; writes and closing are answered in their order among themselves, and none of
 * the three holds others up.
 */

/*
 *    kind         answered when                   results besides 0
 *    WRITE        its bytes are in the queue      STARTING, STDIN_CLOSED, STDIN_FULL, TOO_LARGE,
 *                                                 EXITED
 *    CLOSE_STDIN  stdin was closed, after all     STARTING, STDIN_CLOSED, EXITED, NOT_CANONICAL
 *                 that was written before it
 *    INTERRUPT    the signal was sent             STARTING, EXITED, OS
 *    RESIZE       the terminal has its new size   STARTING, EXITED, NOT_TTY, OS
 *    STOP         stopping has begun              (always 0; was_running tells)
 *    DETACH       no event can come any more      (always 0)
 *    VIEW         at once                         (always 0)
 *    WATCH        something has happened          CANCELLED, TOO_LARGE, NO_CAPACITY,
 *                                                 TOO_MANY_WATCHES
 */
#ifndef SESSIONS_REQUEST_H
#define SESSIONS_REQUEST_H

#include "iocp/iocp.h"
#include "sessions/record.h"
#include "sessions/session.h"

enum sess_request_kind {
    SESS_REQUEST_WRITE,
    SESS_REQUEST_CLOSE_STDIN,
    SESS_REQUEST_INTERRUPT,
    SESS_REQUEST_RESIZE,
    SESS_REQUEST_STOP,
    SESS_REQUEST_DETACH,
    SESS_REQUEST_VIEW,  /* to call sess_session_view in the callback */
    SESS_REQUEST_WATCH, /* only as the part of a struct sess_watch: see watch.h */
    SESS_REQUESTS
};

enum sess_stop_mode {
    SESS_STOP_NONE,     /* DETACH only: the program runs on */
    SESS_STOP_GRACEFUL, /* terminate the tree, wait for timeout_ms, kill what is left */
    SESS_STOP_FORCE     /* kill the tree */
};

struct sess_request;
typedef void sess_request_callback(struct sess_request *request);

struct sess_request {
    struct iocp_op op;            /* private */
    struct sess_session *session; /* set by post; valid in the callback */
    struct sess_request *next;    /* private: the queue that it waits in */
    sess_request_callback *callback;
    void *context; /* the caller's own */
    enum sess_request_kind kind;
    /* What is asked; filled by the caller between init and post. */
    union {
        struct {
            struct iocp_slice slice; /* taken by the post, whatever the answer */
            bool may_wait;           /* false: STDIN_FULL instead of waiting behind a full queue */
            uint64_t end_offset;     /* private */
        } write;
        struct {
            uint16_t rows, columns; /* at least 1 */
        } resize;
        struct {
            enum sess_stop_mode mode;
            unsigned timeout_ms; /* of GRACEFUL */
            enum sess_ender ender;
        } stop; /* of STOP and DETACH */
    } ask;
    /* The answer; valid in the callback. */
    int result;            /* 0 or a sess_error */
    int os_error;          /* of SESS_E_OS */
    bool was_running;      /* whether the program was starting or running when this was taken */
    uint64_t queued_bytes; /* of WRITE: what was in stdin's queue and what it may hold */
    uint64_t limit_bytes;
};

/* Prepares a request; ask is cleared. Any thread. */
void sess_request_init(struct sess_request *request, enum sess_request_kind kind,
                       sess_request_callback *callback, void *context);

/* Posts it. The caller has a reference to the session. Any thread. */
void sess_request_post(struct sess_request *request, struct sess_session *session);

#endif
