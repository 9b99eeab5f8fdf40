/*
 * Who may open a pipe of ours. One object is filled, used for one call and freed, on one thread;
 * nothing is shared. Any thread.
 */
#ifndef IOCP_SECURITY_WIN_H
#define IOCP_SECURITY_WIN_H

#include "iocp/sys_win.h"

struct iocp_port;

struct iocp_security {
    SECURITY_ATTRIBUTES attributes; /* for the system call; inherited by nobody */
    SECURITY_DESCRIPTOR own;        /* around a list that the token gave */
    void *given;                    /* a descriptor to be freed with LocalFree */
    void *token;                    /* what the token told, from the port's allocator */
};

/* Everything for the owner of what is made, nothing for others. The owner is the user, or, of an
 * elevated process, the group of administrators: then no process of the same user that is not
 * elevated may open it. Returns 0 or the system's error. */
DWORD iocp_security_owner_only(struct iocp_security *out);

/* What this process gives to objects without a name: the default list of its token. A sandbox that
 * restricts a token widens that list for its own, so a child's pipe works inside it as an anonymous
 * pipe would. Owner-only where the token has no list. Returns 0 or the system's error. */
DWORD iocp_security_of_token(const struct iocp_port *port, struct iocp_security *out);

/* Gives back what one of the two above took. */
void iocp_security_free(const struct iocp_port *port, struct iocp_security *security);

#endif
