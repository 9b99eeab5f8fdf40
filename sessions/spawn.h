/*
 * One program start: a heap block that carries the spec to a helper thread and the result back.
 *
 *    sess_spawn_new        any thread: copies the spec
 *    sess_spawn_work       helper: makes handles, starts the program; never touches the session
 *    the strand            takes the handles out of the result, or closes them by sess_spawn_free
 *
 * The block is freed when the start was answered, so an idle session keeps no argv and no
 * environment.
 */
#ifndef SESSIONS_SPAWN_H
#define SESSIONS_SPAWN_H

#include "sessions/platform.h"
#include "sessions/spec.h"
#include "sessions/wrap.h"

struct sess_session;

enum { SESS_SPAWN_TEXT_BYTES = 400 };

struct sess_spawn {
    struct iocp_help help;
    const struct iocp_port *port;
    struct sess_platform *platform;
    struct sess_session *session; /* for the strand; the helper does not look at it */
    _Atomic bool cancelled;       /* set by the strand: the helper need not start any more */

    /* What is asked; all strings are in this block. */
    enum sess_stdio stdio;
    uint16_t rows, columns;
    char **argv;            /* as the program gets it */
    char **env;             /* as the program gets it */
    const char *program;    /* what to run: a path, or a name to find in search */
    const char *search;     /* PATH of env */
    const char *cwd;        /* or NULL */
    struct sess_wrap *wrap; /* or NULL; it is the session's once there is a process */

    /* The answer; valid when the helper is done. */
    int result; /* 0 or a sess_error */
    int os_error;
    struct sess_shortage shortage;
    char text[SESS_SPAWN_TEXT_BYTES];
    int64_t os_pid;
    iocp_handle process;
    iocp_handle input;          /* a pipe of ours to the program's stdin, or IOCP_NO_HANDLE */
    iocp_handle output[2];      /* stdout and stderr, or the terminal and IOCP_NO_HANDLE */
    uint32_t cgroup;            /* 0: none */
    uint64_t server_peak_bytes; /* our own peak memory at the start, see struct sess_record */
    uint64_t started_ns, started_wall_ms;
};

/* Bytes of argv and env as the system counts them: strings with their ends, and pointers. */
uint64_t sess_spawn_spec_bytes(const struct sess_spec *spec);

/* Copies a spec that was checked. NULL: no memory. Any thread. */
struct sess_spawn *sess_spawn_new(const struct sess_spec *spec, const struct iocp_port *port,
                                  struct sess_platform *platform, const struct sess_memory *memory);

/* Frees the block, closes what handles are still in it and drops its wrap. NULL is taken. */
void sess_spawn_free(struct sess_spawn *spawn, const struct sess_memory *memory);

/* Starts the program: the work of help. Sets every field of the answer. */
void sess_spawn_work(struct iocp_help *help);

/* Writes a failure into the answer: "cannot VERB NAME: SYSTEM'S TEXT (os error N)". NAME may be
 * NULL and is cut at a character if it is long. */
void sess_spawn_fail(struct sess_spawn *spawn, int result, int os_error, const char *verb,
                     const char *name);

#endif
