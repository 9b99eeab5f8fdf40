/*
 * Observers: process/observe and process/unobserve, their replies, and the notifications that only
 * observers get. What else they get is what owners get (msg_output.h), under the name that they
 * gave the process. Parsing as in msg_process.h; writing is whole messages in the caller's writer.
 * Any thread.
 */
#ifndef WIRE_MSG_OBSERVE_H
#define WIRE_MSG_OBSERVE_H

#include "wire/json_writer.h"
#include "wire/msg_parser.h"

/* The params of process/observe. */
struct wire_msg_process_observe {
    struct wire_span observer_key;
    struct wire_span process_id;
    struct wire_span name; /* `as`; the process id where that is not there */
    uint64_t after_seq;    /* what is numbered up to this is known */
};

/* Parses process/observe. */
WIRE_MUST_CHECK int wire_msg_process_observe_parse(struct wire_msg_parser *parser,
                                                   struct wire_span params,
                                                   struct wire_msg_process_observe *out);

/* The params of process/unobserve. */
struct wire_msg_process_unobserve {
    struct wire_span name; /* `processId`: what the observer calls it */
};

/* Parses process/unobserve. */
WIRE_MUST_CHECK int wire_msg_process_unobserve_parse(struct wire_msg_parser *parser,
                                                     struct wire_span params,
                                                     struct wire_msg_process_unobserve *out);

/* The state of a process when somebody begins to observe it. */
struct wire_msg_observed {
    struct wire_span name_json; /* as wire_msg_id_json gave it */
    uint64_t next_seq;
    const char *state; /* a word of our own */
    bool tty;
    bool has_exited;
    int32_t exit_code; /* null unless it has exited */
};

/* Writes the reply to process/observe. That to process/unobserve is wire_msg_process_done_reply. */
void wire_msg_process_observe_reply(struct wire_json_writer *writer, struct wire_span id,
                                    const struct wire_msg_observed *observed);

/* Output that an observer does not get. */
struct wire_msg_gap {
    uint64_t first_seq, last_seq;
    uint64_t bytes;
    bool is_at_most; /* bytes is an upper bound, and sent as such */
};

/* Writes the notification process/gap. */
void wire_msg_process_gap(struct wire_json_writer *writer, struct wire_span name_json,
                          const struct wire_msg_gap *gap);

/* Writes the notification process/observeEnded; reason is a word of our own. */
void wire_msg_process_observe_ended(struct wire_json_writer *writer, struct wire_span name_json,
                                    const char *reason);

#endif
