/*
 * A session's standard input: a bounded queue in front of a pipe or a terminal. On its strand.
 *
 * Bytes are slices of the caller's, or copies where a slice would pin much more than it carries.
 * What is queued goes out in gathered writes. A write is answered when its last byte is within the
 * queue's limit; closing waits behind what was written before. The queue exists only while
 * something is in it.
 *
 *    CLOSED   from the start, by a request, by the program, or by the exit
 *    OPEN     takes writes
 *    CLOSING  pipe: a close waits behind data; no write is taken any more
 */
#ifndef SESSIONS_STDIN_H
#define SESSIONS_STDIN_H

#include "iocp/iocp.h"

struct sess_session;
struct sess_request;
struct sess_stdin_queue;

enum sess_stdin_phase { SESS_STDIN_CLOSED, SESS_STDIN_OPEN, SESS_STDIN_CLOSING };

/* The pipe's handle; a terminal's belongs to its output. */
enum sess_stdin_pipe { SESS_PIPE_NONE, SESS_PIPE_OPEN, SESS_PIPE_CLOSING, SESS_PIPE_CLOSED };

struct sess_stdin {
    struct iocp_stream io; /* of a pipe */
    struct sess_stdin_queue *queue;
    uint64_t queued_bytes; /* not yet taken by the system */
    uint64_t limit_bytes;
    uint64_t taken_ns; /* when the system last took bytes; 0: never */
    enum sess_stdin_phase phase : 8;
    enum sess_stdin_pipe pipe : 8;
    bool line_begun; /* the last byte that went out did not end a line */
};

/* Takes a pipe's handle over. false: the system refused; it is the caller's then. */
bool sess_stdin_open_pipe(struct sess_session *session, iocp_handle handle, int *out_os_error);

/* A terminal takes writes through its output's stream. */
void sess_stdin_open_tty(struct sess_session *session);

/* Serve a request of their kind and answer it, now or later. */
void sess_stdin_write(struct sess_session *session, struct sess_request *request);
void sess_stdin_close(struct sess_session *session, struct sess_request *request);

/* A write to the terminal has completed. */
void sess_stdin_on_tty_write(struct sess_session *session);

/* The program has exited: whatever waits is answered, whatever is queued is dropped. */
void sess_stdin_end(struct sess_session *session);

/* Since when what is queued waits for the program, which has taken nothing since; 0: nothing is. */
uint64_t sess_stdin_waiting_since_ns(const struct sess_session *session);

/* Whether nothing of it is open or pending. */
bool sess_stdin_is_over(const struct sess_session *session);

#endif
