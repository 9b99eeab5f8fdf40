/*
 * What can go wrong with a session, as one enum, and its texts.
 *
 * Every fallible call of sessions/ returns 0 or one of these; the system's own code is kept beside
 * it where there is one. Nothing here knows how a protocol words or numbers its errors.
 */
#ifndef SESSIONS_ERROR_H
#define SESSIONS_ERROR_H

#include <stdint.h>

#define SESS_MUST_CHECK __attribute__((warn_unused_result))

enum sess_error {
    SESS_OK = 0,
    SESS_E_INVALID = -1,        /* a start that makes no sense: no argv, "NAME" without "=" ... */
    SESS_E_TOO_LARGE = -2,      /* beyond a named limit of the host: argv and env, one write */
    SESS_E_NO_CAPACITY = -3,    /* out of a resource: see struct sess_shortage */
    SESS_E_EXEC = -4,           /* the program could not be run: os_error says why */
    SESS_E_CWD = -5,            /* the working directory could not be entered */
    SESS_E_START = -6,          /* another step of the start failed */
    SESS_E_CANCELLED = -7,      /* stopped while it was starting; a watch that was cancelled */
    SESS_E_STARTING = -8,       /* not possible before the start was answered */
    SESS_E_EXITED = -9,         /* the program has exited */
    SESS_E_STDIN_CLOSED = -10,  /* closed by a request, by the program, or never open */
    SESS_E_STDIN_FULL = -11,    /* the queue is full and the write may not wait */
    SESS_E_NOT_TTY = -12,       /* a request that only a terminal understands */
    SESS_E_NOT_CANONICAL = -13, /* the terminal is in a mode that knows no end of file */
    SESS_E_EXISTS = -14,        /* the table has a session of that id */
    SESS_E_CLOSING = -15,       /* the host is closing and starts nothing more */
    SESS_E_TOO_MANY_WATCHES = -16, /* SESS_WATCHES_MAX wait on the session already */
    SESS_E_REFUSED = -17,          /* the program cannot be confined as asked: see the text */
    SESS_E_OS = -18                /* anything else: see the OS code kept beside it */
};

/* What there is of a resource that a request needs more of. */
struct sess_shortage {
    const char *resource; /* static: "sessions", "descriptors", "pseudoterminals", ...; or NULL */
    uint64_t have, need;
};

/* A short English text for a sess_error, never NULL. Any thread. */
const char *sess_error_text(int error);

#endif
