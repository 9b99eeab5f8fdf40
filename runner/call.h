/*
 * A request to a session that waits for its answer: what is kept of the client's request until the
 * session has answered, on the session's strand, and the answer that is made of it there.
 */
#ifndef RUN_CALL_H
#define RUN_CALL_H

#include "runner/proc.h"

struct run_call {
    struct sess_request request;
    struct run_conn *conn; /* one reference */
    struct run_proc *proc; /* whose session was asked, one reference; NULL before the post */
    uint64_t write_key;    /* of a write with a write id; 0: none */
    union {
        struct run_notice forget;  /* a write id, since nothing was written */
        struct run_room_call room; /* of an answer that is large */
    };
    size_t write_bytes; /* of a write: counted among those that wait */
    uint64_t asked_ns;  /* when the client asked; 0: he did not, or asked to wait */
    size_t id_bytes, name_bytes;
    uint8_t text[]; /* the request's id as JSON, then the session's name */
};

/* Makes a call that answer will answer; name is the session's, for texts; an empty id is a call of
 * our own. NULL: out of memory, or RUN_CALLS_MAX wait already, and the client was told. On the
 * connection's strand. */
struct run_call *run_call_new(struct run_conn *conn, enum sess_request_kind kind,
                              struct wire_span id, struct wire_span name,
                              sess_request_callback *answer);

/* Whether a client may ask sessions for more; else its request was refused. What ends a process is
 * taken still when nothing else is, and so are writes, which then do not wait for room. On the
 * connection's strand. */
bool run_call_may(struct run_conn *conn, enum sess_request_kind kind, struct wire_span request_id);

/* Posts it to the process's session. On the connection's strand. */
void run_call_post(struct run_call *call, struct run_proc *proc);

/* Posts a write of bytes that the slice holds, which is taken. */
void run_call_post_write(struct run_call *call, struct run_proc *proc, struct iocp_slice slice);

static inline struct run_call *run_call_of(struct sess_request *request)
{
    return IOCP_OWNER(request, struct run_call, request);
}
static inline struct wire_span run_call_id(const struct run_call *call)
{
    return wire_span_of(call->text, call->id_bytes);
}
static inline struct wire_span run_call_name(const struct run_call *call)
{
    return wire_span_of(call->text + call->id_bytes, call->name_bytes);
}

/* Remembers the id of a write to proc, so that a repeat is not written again. Before it is posted.
 */
void run_call_remember(struct run_call *call, struct run_proc *proc, uint64_t key);

/* Frees it after it was answered; a refused write's id is forgotten. On the session's strand,
 * before the answer is sent: whoever repeats the write when he has it finds the id forgotten. */
void run_call_free(struct run_call *call);

#endif
