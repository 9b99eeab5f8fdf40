/*
 * process/wait, for the exit of one process, and process/waitAny, for something to happen to one of
 * many. Parsing and replies as in msg_process.h; a reply to waitAny is written in steps, whole only
 * after the last. Any thread.
 */
#ifndef WIRE_MSG_WAIT_H
#define WIRE_MSG_WAIT_H

#include "wire/msg_gone.h"
#include "wire/msg_parser.h"
#include "wire/msg_record.h"

/* Processes of one waitAny: more than a server is meant to hold sessions. */
#define WIRE_MSG_WAIT_ANY_MAX ((size_t)16384)
/* Bytes to look for: a prompt or a marker. It is kept, and so is as much output, while one waits.
 */
#define WIRE_MSG_MATCH_MAX ((size_t)1024)

/* The params of process/wait. */
struct wire_msg_process_wait {
    struct wire_span process_id;
    struct wire_msg_number timeout_ms; /* not there: as long as it takes */
};

/* Parses process/wait. */
WIRE_MUST_CHECK int wire_msg_process_wait_parse(struct wire_msg_parser *parser,
                                                struct wire_span params,
                                                struct wire_msg_process_wait *out);

/* Writes the reply: the exit record, or {timedOut:true} if record is NULL. */
void wire_msg_process_wait_reply(struct wire_json_writer *writer, struct wire_span id,
                                 const struct wire_msg_record *record);

/* One process to wait for. */
struct wire_msg_wait_any_item {
    struct wire_span process_id;
    uint64_t after_seq;     /* what is numbered up to this is known */
    struct wire_span match; /* data NULL: any output will do; else 1 to WIRE_MSG_MATCH_MAX bytes */
};

/* The params of process/waitAny. */
struct wire_msg_process_wait_any {
    const struct wire_msg_wait_any_item *items; /* in the order of the message */
    size_t count;                               /* at least 1 */
    struct wire_msg_number timeout_ms;          /* not there: as long as it takes */
};

/* Parses process/waitAny. That one process stands in it twice is for the caller to allow. */
WIRE_MUST_CHECK int wire_msg_process_wait_any_parse(struct wire_msg_parser *parser,
                                                    struct wire_span params,
                                                    struct wire_msg_process_wait_any *out);

enum wire_msg_ready_reason {
    WIRE_MSG_READY_OUTPUT,
    WIRE_MSG_READY_EXITED,
    WIRE_MSG_READY_CLOSED,
    WIRE_MSG_READY_MATCH,
    WIRE_MSG_READY_UNKNOWN, /* there is no such process */
};

/* What happened to one process. */
struct wire_msg_ready {
    struct wire_span process_id_json; /* as wire_msg_id_json gave it */
    enum wire_msg_ready_reason reason;
    uint64_t next_seq;
    uint64_t match_seq;    /* MATCH only: the chunk that has the last byte of the match */
    uint64_t match_offset; /* in that chunk, of the byte behind the match: 1 or more */
    /* UNKNOWN: EXPIRED or NEVER_EXISTED; EXITED and CLOSED: EXITED; else NOT */
    struct wire_msg_gone gone;
};

/* Begins the reply; then each that is ready, then the end. */
void wire_msg_wait_any_begin(struct wire_json_writer *writer, struct wire_span id);
void wire_msg_wait_any_ready(struct wire_json_writer *writer, const struct wire_msg_ready *ready);
void wire_msg_wait_any_end(struct wire_json_writer *writer, bool has_timed_out);

#endif
