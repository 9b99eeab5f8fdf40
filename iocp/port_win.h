/*
 * The Windows backend's part of a port: the completion port, the one timer, and the slots. Private
 * to *_win.c. Written when the port opens, read by any thread after that.
 */
#ifndef IOCP_PORT_WIN_H
#define IOCP_PORT_WIN_H

#include "iocp/slot_win.h"

struct iocp_backend {
    HANDLE completions;
    HANDLE timer;            /* a waitable timer */
    HANDLE timer_wait;       /* posts when it is due */
    _Atomic unsigned waits;  /* of processes, registered with the system now */
    struct iocp_table slots; /* of struct iocp_slot */
};

/* ONLY and FIRST take the name or fail with ERROR_ACCESS_DENIED; ONLY allows one client in all. */
enum iocp_pipe_life { IOCP_PIPE_ONLY, IOCP_PIPE_FIRST, IOCP_PIPE_NEXT };
/* Makes an instance of the named pipe with that path: byte mode, overlapped, no remote clients; for
 * its owner alone, ONLY for whom the process's token names. Any thread. Returns 0 or the system's
 * error. */
DWORD iocp_pipe_make(const struct iocp_port *port, const wchar_t *path, enum iocp_pipe_life life,
                     HANDLE *out_handle);

/* A step of a listener of a named pipe: as iocp_accept_step. */
bool iocp_pipe_accept_step(struct iocp_worker *worker, struct iocp_listener *listener);
/* Closes what listens. On the strand. */
void iocp_pipe_listener_close(const struct iocp_port *port, struct iocp_listener *listener);

/* Makes Winsock usable. The system counts these calls; none is taken back, since sockets may
 * outlive the port. Any thread. Returns 0 or the system's error. */
int iocp_winsock_start(void);

#endif
