/*
 * What is known of a session's end: the exit record.
 *
 * Plain data, filled on the session's strand. Exit fields are set once, when the process exit is
 * seen; the byte counts go on growing until the session is closed.
 */
#ifndef SESSIONS_RECORD_H
#define SESSIONS_RECORD_H

#include <stdbool.h>
#include <stdint.h>

/* Who ended the program. An interrupt is no end: a program that dies of it ended itself. */
enum sess_ender {
    SESS_ENDER_NOBODY, /* it runs */
    SESS_ENDER_ITSELF,
    SESS_ENDER_CLIENT,     /* a stop that a client asked for */
    SESS_ENDER_DISCONNECT, /* its connection ended */
    SESS_ENDER_TIME_LIMIT, /* wall clock */
    SESS_ENDER_IDLE_LIMIT,
    SESS_ENDER_NO_OUTPUT_LIMIT,
    SESS_ENDER_OUTPUT_LIMIT,
    SESS_ENDER_SHUTDOWN, /* the server is ending */
    SESS_ENDERS
};

/* Where output comes from. */
enum sess_stream { SESS_STDOUT, SESS_STDERR, SESS_PTY, SESS_STREAMS };

/* Why a session was closed. */
enum sess_close_reason {
    SESS_CLOSE_EOF,          /* every stream has ended */
    SESS_CLOSE_DRAIN_TIMEOUT /* somebody else still holds a stream open: see sess_orphan */
};

struct sess_record {
    bool exited;       /* whether the fields up to usage are set */
    int32_t exit_code; /* code, or 128 + signal */
    int32_t code;      /* as the program gave it; 0 if a signal ended it */
    int32_t signal;    /* 0: none */
    enum sess_ender ender;
    uint64_t started_wall_ms; /* since 1970 (UTC) */
    uint64_t exited_wall_ms;
    uint64_t duration_ns; /* from start to exit, monotonic */
    bool has_cpu;         /* whether the two below are known */
    uint64_t cpu_user_us, cpu_system_us;
    bool has_peak; /* false: the host cannot tell it from the server's own peak */
    uint64_t peak_rss_bytes;
    uint64_t bytes_in;                /* what the program's stdin has taken */
    uint64_t bytes_out[SESS_STREAMS]; /* what was read of it */
};

/* A word for an ender, as it appears in records ("itself", "client", "time_limit" ...). */
const char *sess_ender_text(enum sess_ender ender);

/* "stdout", "stderr", "pty"; "eof", "drain_timeout". */
const char *sess_stream_text(enum sess_stream stream);
const char *sess_close_reason_text(enum sess_close_reason reason);

#endif
