/*
 * One message from a JSON server, read into the few members that this program acts upon, whatever
 * the dialect. Output comes by the gigabyte, so a scanner that knows its usual layout (members in
 * any order, no white space, no escapes) goes first; everything else is read by the strict reader
 * of wire/, and so is each output message whose content turns out wrong.
 *
 * Spans of a message live as long as the text it was read from and the reader's next message.
 */
#ifndef EXECPORT_TOOLS_LOAD_MESSAGE_H
#define EXECPORT_TOOLS_LOAD_MESSAGE_H

#include "tools/load/buffer.h"

#include "wire/json_reader.h"
#include "wire/span.h"

#include <stdbool.h>
#include <stdint.h>

/* What a message was found to be. REPLY and the three notifications of a session matter. */
enum load_event_kind {
    LOAD_EVENT_OTHER, /* a notification or a request that nothing here waits for */
    LOAD_EVENT_REPLY, /* to the request `id`; an error if is_error */
    LOAD_EVENT_OUTPUT,
    LOAD_EVENT_EXITED,
    LOAD_EVENT_CLOSED,
};

struct load_event {
    enum load_event_kind kind;
    bool is_scanned;         /* by the scanner: the chunk was not looked into */
    bool is_raw;             /* chunk holds the bytes themselves, not base64 */
    bool is_error;           /* an error reply */
    bool has_id;             /* id is set */
    bool has_exit_code;      /* exit_code is set */
    int32_t exit_code;       /* of LOAD_EVENT_EXITED */
    int64_t id;              /* of a reply */
    int64_t error_code;      /* of an error reply */
    uint64_t seq;            /* 0: the message has none */
    struct wire_span method; /* empty: a reply */
    struct wire_span session_id;
    struct wire_span stream;
    struct wire_span chunk;
    struct wire_span status;     /* of a reply to a write */
    struct wire_span error_text; /* of an error reply */
};

struct load_message_reader {
    struct wire_json_scratch scratch;
    void *memory;
    struct load_buffer decoded; /* strings that had escapes */
};

/* Prepares a reader; load_message_reader_deinit() frees its memory. */
void load_message_reader_init(struct load_message_reader *reader);
void load_message_reader_deinit(struct load_message_reader *reader);

/* Tries the fast scanner. Returns false, with *out_event undefined, if the layout is not its own.
 */
bool load_message_scan(struct wire_span text, struct load_event *out_event);

/*
 * Reads the message strictly. Returns 0, or LOAD_PROTOCOL with *out_why (a static text) saying what
 * is wrong with it. out_event->kind is REPLY or OTHER: what a method means is the dialect's.
 */
int load_message_read(struct load_message_reader *reader, struct wire_span text,
                      struct load_event *out_event, const char **out_why);

#endif
