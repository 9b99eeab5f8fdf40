/*
 * What a program start consists of: the caller's words for one session.
 *
 * A spec and all it points to is borrowed during sess_session_start only, but for a wrap, which a
 * session that was started owns; it keeps its id and its labels and nothing else of it after the
 * start was answered.
 */
#ifndef SESSIONS_SPEC_H
#define SESSIONS_SPEC_H

#include <stddef.h>
#include <stdint.h>

/* In a size of struct sess_spec: what the host's options say. */
#define SESS_HOST_DEFAULT SIZE_MAX

enum {
    SESS_TTY_ROWS = 24, /* the size of a terminal unless told */
    SESS_TTY_COLUMNS = 80
};

/* What descriptors 0 to 2 of the program are. */
enum sess_stdio {
    SESS_STDIO_OUTPUT, /* stdin is at its end from the beginning; stdout and stderr are pipes */
    SESS_STDIO_PIPES,  /* three pipes */
    SESS_STDIO_TTY     /* one pseudoterminal, the controlling one */
};

/* A name and a value by which others find the session (label.h). */
struct sess_label {
    const char *name, *value;
};

/* What ends the session gracefully when it is reached: see guard.h. 0: no limit. */
struct sess_limits {
    uint64_t wall_ms;      /* since its start */
    uint64_t idle_ms;      /* since input was taken or output was read */
    uint64_t no_output_ms; /* since output was read */
    uint64_t output_bytes; /* of all streams: one more ends it */
};

struct sess_wrap;

struct sess_spec {
    const char *id;          /* the session's name in its table; bytes, may be empty */
    size_t id_size_bytes;    /* at most SESS_ID_MAX_BYTES */
    const char *const *argv; /* ends with NULL, at least one; argv[0] names the program */
    const char *arg0;        /* what the program sees as argv[0]; NULL: argv[0] */
    const char *const *env;  /* "NAME=VALUE" ..., ends with NULL: the whole environment */
    const char *cwd;         /* NULL: the server's own */
    enum sess_stdio stdio;
    uint16_t rows, columns;   /* of a terminal; 0: SESS_TTY_ROWS, SESS_TTY_COLUMNS */
    size_t window_bytes;      /* output that the consumer may owe; SESS_HOST_DEFAULT */
    size_t retain_bytes;      /* cap of head and tail, 0 keeps nothing; SESS_HOST_DEFAULT */
    size_t stdin_queue_bytes; /* SESS_HOST_DEFAULT */
    const struct sess_label *labels;
    size_t label_count; /* their bytes count as those of argv and env do */
    struct sess_limits limits;
    struct sess_wrap *wrap; /* runs inside of it (wrap.h); NULL: by itself */
};

/* Ids and labels come from clients and stay as long as the session, tombstone included. */
enum {
    SESS_ID_MAX_BYTES = 4096,
    SESS_LABELS_MAX_BYTES = 64 * 1024 /* names and values, each with its end */
};

#endif
