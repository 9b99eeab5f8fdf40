/*
 * Starting a program inside another one that confines it: what the session's caller adds to a
 * start.
 *
 *    prepare   helper, before anything is started: says what to execute in the program's place
 *    confirm   helper, after that was executed: waits until the program itself runs, or cannot
 *    ended_by  the session's strand, after the wrapper's own exit: how the program ended; no wait
 *    release   helper, when nothing of the program is left, or nothing was started: undoes a
 *              prepare that succeeded
 *    drop      any thread, last: frees the wrap
 *
 * The wrapper ignores what asks a process to do something: that is meant for the program. It has no
 * controlling terminal, which the program takes with a session of its own. A wrap belongs to its
 * session from the start on that succeeded; this folder knows nothing of what it does.
 */
#ifndef SESSIONS_WRAP_H
#define SESSIONS_WRAP_H

#include "iocp/iocp.h"
#include "sessions/error.h"

#include <stdbool.h>

struct sess_session;

/* Descriptors that a wrapper is given besides 0 to 2: from 3 on, in their order. */
enum { SESS_WRAP_HANDLES_MAX = 6 };

/* A start as prepare finds it, and may change it; all strings are borrowed. */
struct sess_wrap_start {
    /* What is asked. */
    const char *program, *search, *cwd; /* as in struct sess_spawn */
    char *const *argv, *const *env;
    bool tty;
    /* What prepare says; its memory, and its handles, stay the wrap's. */
    const char *wrapper; /* a path */
    const char *const *wrapper_argv, *const *wrapper_env;
    iocp_handle handles[SESS_WRAP_HANDLES_MAX];
    size_t handle_count;
    /* For confirm: our ends of the program's output, to read what the wrapper said. */
    const iocp_handle *output; /* stdout and stderr, or the terminal and IOCP_NO_HANDLE */
    /* Why not, for prepare and confirm that fail. */
    char *text;
    size_t text_bytes;
    int os_error;
};

struct sess_wrap {
    /* Both return 0 or a sess_error: REFUSED and START with the text written, CWD and EXEC with the
     * system's code. */
    int (*prepare)(struct sess_wrap *wrap, struct sess_wrap_start *start);
    int (*confirm)(struct sess_wrap *wrap, struct sess_wrap_start *start);
    /* The signal that ended the program; 0: none did, or it is not known. NULL: it never is. */
    int (*ended_by)(struct sess_wrap *wrap);
    void (*release)(struct sess_wrap *wrap);
    void (*drop)(struct sess_wrap *wrap);
    struct sess_session *session; /* the session's own, as is what follows */
    struct iocp_help help;
};

#endif
