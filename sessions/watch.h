/*
 * Watches: requests that are answered when something has happened to a session.
 *
 * A watch is a request of the kind SESS_REQUEST_WATCH with what it waits for around it. It lies in
 * its caller's memory, like every request; a session that nobody watches has nothing of it but an
 * empty list. It is looked at first when it is posted, so nothing is missed between a look and a
 * watch. It is answered exactly once, with the first of what it wants that has happened, in this
 * order where several have: a match, output, the exit, the close. Watches hold nobody up and see
 * what they watch also after the owner has detached.
 *
 *    init -> filled by the caller -> sess_request_post -> callback on the session's strand
 *                                        | any thread: sess_watch_cancel |
 */

/*
 * What a match promises. All bytes of what is found come from chunks of one stream with numbers
 * above after_seq, one behind the other. Everything that is read from the post on is searched, kept
 * or not. Of what was read before, everything that is kept is searched, parts of chunks too. A
 * string of which a byte was omitted already when the watch was posted is not found, and nothing is
 * found across such a gap; match_misses tells that there is one.
 */
#ifndef SESSIONS_WATCH_H
#define SESSIONS_WATCH_H

#include "sessions/match.h"
#include "sessions/request.h"

struct sess_chunk;

/* Watches of one session that have not been answered: each look at a chunk takes time. */
enum { SESS_WATCHES_MAX = 10 * 1000 };

/* In timeout_ms: no time-out. */
#define SESS_WATCH_FOREVER UINT64_MAX

enum sess_watch_reason {
    SESS_WATCH_MATCH,   /* the string was found */
    SESS_WATCH_OUTPUT,  /* there is output above after_seq */
    SESS_WATCH_EXITED,  /* the exit was told, with a number above after_seq */
    SESS_WATCH_CLOSED,  /* the close was told */
    SESS_WATCH_OVER,    /* nothing of what is wanted can come any more: closed, or never started */
    SESS_WATCH_TIMEOUT, /* the time is over */
    SESS_WATCH_REASONS
};

/* Where a watch stands. Changed by whoever cancels, on any thread, and by the strand.
 *
 *    IDLE --post--> POSTED --cancel--> CANCELLING --strand--> ANSWERED
 *                      |                                          ^
 *                      +------------------ strand ----------------+
 */
enum sess_watch_phase {
    SESS_WATCH_IDLE,
    SESS_WATCH_POSTED,
    SESS_WATCH_CANCELLING, /* the cancel is under way; the answer waits for it */
    SESS_WATCH_ANSWERED
};

struct sess_watch {
    /* request.result: 0 and a reason, CANCELLED, TOO_LARGE (of match), NO_CAPACITY (memory for the
     * match), TOO_MANY_WATCHES. */
    struct sess_request request;
    /* What is wanted; filled by the caller between init and post. */
    bool wants_output, wants_exited, wants_closed;
    uint8_t match_streams; /* 1 << enum sess_stream ...; 0: every stream, each for itself */
    const void *match;     /* the string to find, the session's until the answer */
    uint32_t match_bytes;  /* 0: none; at most SESS_MATCH_MAX_BYTES */
    uint64_t after_seq;    /* numbers up to this one are known already */
    uint64_t timeout_ms;   /* from the post on; 0: a look only; SESS_WATCH_FOREVER */
    /* The answer; valid in the callback whatever the result. */
    enum sess_watch_reason reason;   /* if the result is 0 */
    uint64_t next_seq;               /* the number that the next event gets */
    uint64_t exited_seq, closed_seq; /* 0: not yet */
    uint64_t match_seq;    /* the chunk that has the last byte of what was found; 0: none */
    uint32_t match_offset; /* in that chunk, of the byte behind it */
    enum sess_stream match_stream;
    bool match_misses; /* output above after_seq was omitted before the post: not searched */
    /* Private. */
    struct sess_match search;
    struct sess_watch *prev, *next; /* of the session's list; prev of the first is the last */
    struct iocp_op cancel;
    uint64_t due_ns; /* 0: never */
    _Atomic uint8_t phase;
    bool is_linked, is_decided;
};

/* Prepares a watch that wants nothing and waits for ever. Any thread. */
void sess_watch_init(struct sess_watch *watch, sess_request_callback *callback, void *context);

/* Makes an answered watch ready to be posted once more; what it wants stays. It may be cancelled
 * meanwhile, in vain: whoever posts it looks for that behind the post. In the callback. */
void sess_watch_again(struct sess_watch *watch);

/* Asks for the answer now: CANCELLED, unless something else has come before. Nothing if it was
 * answered or asked already. After sess_request_post returned, as long as the watch's memory is
 * there, any number of times. Any thread. */
void sess_watch_cancel(struct sess_watch *watch);

/* "match", "output", "exited", "closed", "over", "timeout". */
const char *sess_watch_reason_text(enum sess_watch_reason reason);

/* The watch of a request of that kind. */
static inline struct sess_watch *sess_watch_of(struct sess_request *request)
{
    return IOCP_OWNER(request, struct sess_watch, request);
}

/* ---- For the files of sessions/, on the session's strand ----------------------------------------
 */

struct sess_watches {
    struct sess_watch *first;
    uint32_t count;
};

/* Makes it ready to be cancelled; before the request is posted. */
void sess_watch_prepare(struct sess_watch *watch, struct sess_session *session);

/* Looks, and answers or waits. */
void sess_watch_serve(struct sess_session *session, struct sess_watch *watch);

/* A chunk was told. */
void sess_watches_output(struct sess_session *session, const struct sess_chunk *chunk);

/* The exit, the close or the end was told. */
void sess_watches_look(struct sess_session *session);

/* The deadline has come. */
void sess_watches_due(struct sess_session *session);

#endif
