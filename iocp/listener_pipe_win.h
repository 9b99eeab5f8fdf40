/*
 * Named pipes that programs find by name, on Windows: the listening end and the client's end. For
 * *_win.c of the layers above, which know that they are on Windows. The streams of both ends are of
 * the kind IOCP_STREAM_PIPE.
 */
#ifndef IOCP_LISTENER_PIPE_WIN_H
#define IOCP_LISTENER_PIPE_WIN_H

#include "iocp/iocp.h"

/* Characters of a name, without the prefix \\.\pipe\ (CreateNamedPipeW: 256 with the prefix). */
#define IOCP_PIPE_NAME_MAX 240

/* Makes the first instance of the pipe \\.\pipe\NAME (UTF-8, no backslash) and opens the listener.
 * An instance waits for the next client as soon as one was accepted; remote clients are refused;
 * only the owner may connect: the user, or any administrator if the process is elevated. An accept
 * that fails for want of a next instance keeps its client for the next accept. iocp_accept_start
 * and iocp_listener_close_start work as on a socket. On the strand. Errors: INVALID (the name),
 * ACCESS (somebody else has the name), NOMEM, OS. */
IOCP_MUST_CHECK int iocp_listener_open_pipe(struct iocp_listener *listener,
                                            struct iocp_strand *strand, const char *name,
                                            iocp_callback *on_accept, iocp_callback *on_close,
                                            int *out_os_error);

/* Opens the client's end of \\.\pipe\NAME; the server can learn who we are and not act as us. Does
 * not wait: IN_USE says that no instance waits now. Any thread. Errors: INVALID, NOT_FOUND, IN_USE,
 * ACCESS, OS. */
IOCP_MUST_CHECK int iocp_pipe_connect(const char *name, iocp_handle *out_handle, int *out_os_error);

/* The id of the process at the other end of an accepted pipe; 0: the system does not tell. Any
 * thread. */
uint32_t iocp_pipe_client_pid(iocp_handle handle);

#endif
