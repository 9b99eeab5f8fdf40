/*
 * The requests of the dialect process that act on a process, and their replies; what asks about
 * processes has files of its own. Parsing decodes into the caller's parser
 * (msg_parser.h): what *out points to lives in its memory and in the message. Each parser returns
 * 0, or a negative enum wire_msg_error with the parser's problem filled in; *out is then of no use.
 * Replies are whole messages in the caller's writer; ids are JSON. Any thread.
 */
#ifndef WIRE_MSG_PROCESS_H
#define WIRE_MSG_PROCESS_H

#include "wire/json_writer.h"
#include "wire/msg_chunk.h"
#include "wire/msg_gone.h"
#include "wire/msg_start.h"

/* The params of process/write. */
struct wire_msg_process_write {
    struct wire_span process_id;
    struct wire_msg_chunk chunk;
    struct wire_span write_id; /* data NULL: repeats are not known; never empty */
};

/* Parses process/write; the chunk is decoded later (msg_chunk.h). */
WIRE_MUST_CHECK int wire_msg_process_write_parse(struct wire_msg_parser *parser,
                                                 struct wire_span params,
                                                 struct wire_msg_process_write *out);

enum wire_msg_signal {
    WIRE_MSG_SIGNAL_INTERRUPT = 1,
};

/* The params of process/signal: for one process, or for all that have the labels. */
struct wire_msg_process_signal {
    struct wire_span process_id;  /* data NULL: labels say for which */
    struct wire_msg_pairs labels; /* at least one where they stand for process_id, else none */
    enum wire_msg_signal signal;
};

/* Parses process/signal; a signal that is not served is refused. */
WIRE_MUST_CHECK int wire_msg_process_signal_parse(struct wire_msg_parser *parser,
                                                  struct wire_span params,
                                                  struct wire_msg_process_signal *out);

/* How process/terminate ends the tree. */
enum wire_msg_stop_mode {
    WIRE_MSG_STOP_FORCE = 0, /* also when the request names no mode */
    WIRE_MSG_STOP_GRACEFUL = 1,
};
struct wire_msg_stop {
    enum wire_msg_stop_mode mode;
    uint32_t timeout_ms; /* GRACEFUL: then force */
};

/* The params of process/terminate: for one process, or for all that have the labels. */
struct wire_msg_process_terminate {
    struct wire_span process_id;  /* data NULL: labels say for which */
    struct wire_msg_pairs labels; /* at least one where they stand for process_id, else none */
    struct wire_msg_stop stop;
};

/* Parses process/terminate. A graceful stop must say how long it may take. */
WIRE_MUST_CHECK int wire_msg_process_terminate_parse(struct wire_msg_parser *parser,
                                                     struct wire_span params,
                                                     struct wire_msg_process_terminate *out);

/* The params of process/closeStdin. */
struct wire_msg_process_close_stdin {
    struct wire_span process_id;
};

/* Parses process/closeStdin. */
WIRE_MUST_CHECK int wire_msg_process_close_stdin_parse(struct wire_msg_parser *parser,
                                                       struct wire_span params,
                                                       struct wire_msg_process_close_stdin *out);

/* The params of process/resize. */
struct wire_msg_process_resize {
    struct wire_span process_id;
    uint16_t rows, cols; /* from 1 */
};

/* Parses process/resize. */
WIRE_MUST_CHECK int wire_msg_process_resize_parse(struct wire_msg_parser *parser,
                                                  struct wire_span params,
                                                  struct wire_msg_process_resize *out);

/* {processId, sandboxType?}: process_id_json as wire_msg_id_json gave it; sandbox_type may be NULL
 */
void wire_msg_process_start_reply(struct wire_json_writer *writer, struct wire_span id,
                                  struct wire_span process_id_json, const char *sandbox_type);

/* What became of a write: results, not errors. */
enum wire_msg_write_status {
    WIRE_MSG_WRITE_ACCEPTED,
    WIRE_MSG_WRITE_UNKNOWN_PROCESS,
    WIRE_MSG_WRITE_STDIN_CLOSED,
    WIRE_MSG_WRITE_STARTING,
};

/* Writes the reply {status}, and what is told of a process that does not run. */
void wire_msg_process_write_reply(struct wire_json_writer *writer, struct wire_span id,
                                  enum wire_msg_write_status status,
                                  const struct wire_msg_gone *gone);

/* Writes the reply {}: of closeStdin and of resize. */
void wire_msg_process_done_reply(struct wire_json_writer *writer, struct wire_span id);

/* Writes the reply of signal for one process: {}, or what is told of one that does not run. */
void wire_msg_process_signal_reply(struct wire_json_writer *writer, struct wire_span id,
                                   const struct wire_msg_gone *gone);

/* Writes the reply {count} of signal by labels: how many processes it was for. */
void wire_msg_process_signal_all_reply(struct wire_json_writer *writer, struct wire_span id,
                                       uint64_t count);

/* Writes the reply {running}, and what is told of a process that does not run. */
void wire_msg_process_terminate_reply(struct wire_json_writer *writer, struct wire_span id,
                                      bool is_running, const struct wire_msg_gone *gone);

/*
 * Writes the reply {count, running} of terminate by labels: how many processes it was for, and how
 * many of them ran.
 */
void wire_msg_process_terminate_all_reply(struct wire_json_writer *writer, struct wire_span id,
                                          uint64_t count, uint64_t running);

#endif
