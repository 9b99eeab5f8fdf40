/*
 * The dialects of exec servers as this program speaks them: a table of functions each, because a
 * run may speak several at once. They write whole messages into a buffer and read whole messages
 * into events; they keep no state but the reader's memory.
 */
#ifndef EXECPORT_TOOLS_LOAD_DIALECT_H
#define EXECPORT_TOOLS_LOAD_DIALECT_H

#include "tools/load/buffer.h"
#include "tools/load/message.h"

#include <stdbool.h>
#include <stdint.h>

/* A command to start. */
struct load_start {
    const char *const *argv; /* ends with NULL */
    const char *const *env;  /* "NAME=VALUE", ends with NULL; NULL: only PATH and LC_ALL */
    const char *cwd;         /* absolute; NULL: the root directory */
    bool on_tty;
    bool with_stdin; /* pipes: stdin stays open; a terminal's always is */
};

/* A session as requests name it. */
struct load_target_session {
    const char *id;
    uint32_t number; /* counts up from 1 with the client's starts */
};

struct load_dialect {
    const char *name;
    bool has_handshake;  /* initialize and initialized come first */
    bool has_seq;        /* output, exit and close are numbered from 1 */
    bool has_closed;     /* a last event follows output and exit */
    bool names_sessions; /* the server names the session in its reply to the start */
    bool has_pipe_stdin; /* stdin of sessions without a terminal can be written to */
    bool has_replies;    /* every request is answered under its id; else only starts, by number */
    const char *tty_stream; /* the stream of a terminal's output */

    void (*put_initialize)(struct load_buffer *out, int64_t id);
    void (*put_start)(struct load_buffer *out, int64_t id,
                      const struct load_target_session *session, const struct load_start *start);
    void (*put_write)(struct load_buffer *out, int64_t id,
                      const struct load_target_session *session, uint64_t write_number,
                      struct wire_span bytes);
    void (*put_terminate)(struct load_buffer *out, int64_t id,
                          const struct load_target_session *session);

    /* Returns 0, or LOAD_PROTOCOL with *out_why, a static text. */
    int (*read)(struct load_message_reader *reader, struct wire_span message,
                struct load_event *out_event, const char **out_why);

    /* Reads again, strictly, a message that was only scanned; as read. */
    int (*read_strictly)(struct load_message_reader *reader, struct wire_span message,
                         struct load_event *out_event, const char **out_why);
};

/* Today's Codex, and execport's main one: process/start ... */
extern const struct load_dialect load_dialect_process;

/* The first exec-server clients': command/exec ... */
extern const struct load_dialect load_dialect_v0;

/* Packets of the bare binary loop, see binary.h. */
extern const struct load_dialect load_dialect_packet;

/* The dialect of the name, "process" or "v0"; NULL if there is none. */
const struct load_dialect *load_dialect_named(const char *name);

#endif
