/*
 * The output streams of a session: reading, numbering, keeping, delivering, and standing still
 * while the consumer owes a whole window. On the session's strand.
 *
 *    NONE     never opened
 *    OPEN     read from, unless the consumer is waited for
 *    ENDED    its end was seen; a pipe is being closed, a terminal waits for the session's end
 *    CLOSING, CLOSED
 */
#ifndef SESSIONS_OUTPUT_H
#define SESSIONS_OUTPUT_H

#include "iocp/iocp.h"
#include "sessions/record.h"

struct sess_session;

enum sess_output_phase {
    SESS_OUTPUT_NONE,
    SESS_OUTPUT_OPEN,
    SESS_OUTPUT_ENDED,
    SESS_OUTPUT_CLOSING,
    SESS_OUTPUT_CLOSED
};

struct sess_output {
    struct iocp_stream io;
    struct sess_session *session;
    uint64_t unread_bytes; /* after the exit: of what was there then, not read yet */
    enum sess_output_phase phase : 8;
    enum sess_stream stream : 8;
    bool hung_up; /* terminal: nobody had it open at the last look */
    bool looked;  /* drain: the last look is over */
};

/* Takes the handle over. false: the system refused, *out_os_error; it is the caller's then. */
bool sess_output_open(struct sess_session *session, int index, iocp_handle handle,
                      enum sess_stream stream, int *out_os_error);

/* Starts reading wherever nothing is read and nobody is waited for. */
void sess_outputs_resume(struct sess_session *session);

/* Whether the consumer has given back enough; then reads on. */
void sess_outputs_wake(struct sess_session *session);

/* Nobody is delivered to any more, so nobody is waited for. */
void sess_outputs_unbind(struct sess_session *session);

/* Whether every open stream was found empty by a read that waits now. */
bool sess_outputs_are_empty(const struct sess_session *session);

/* Whether every stream has ended. */
bool sess_outputs_ended(const struct sess_session *session);

/* The stream has ended: closes a pipe. */
void sess_output_end(struct sess_output *output);

/* Closes what is open. Whether everything is closed. */
bool sess_outputs_close(struct sess_session *session);

#endif
