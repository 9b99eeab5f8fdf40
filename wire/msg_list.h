/*
 * process/list: one entry for each process. Parsing as in msg_process.h. Entries are made one by
 * one, each by whoever knows its process and on that one's thread, as a JSON text of its own; the
 * reply only joins them. It is written in steps, twice, as that of process/read (msg_read.h).
 *
 *     wire_msg_list_begin(writer, id);
 *     for each entry: wire_msg_list_add(writer, json);
 *     wire_msg_list_end(writer);
 */
#ifndef WIRE_MSG_LIST_H
#define WIRE_MSG_LIST_H

#include "wire/msg_labels.h"
#include "wire/msg_record.h"

/* The params of process/list. */
struct wire_msg_process_list {
    struct wire_msg_pairs labels; /* empty: all processes */
};

/* Parses process/list. */
WIRE_MUST_CHECK int wire_msg_process_list_parse(struct wire_msg_parser *parser,
                                                struct wire_span params,
                                                struct wire_msg_process_list *out);

/* One process. */
struct wire_msg_list_entry {
    struct wire_span process_id_json; /* as wire_msg_id_json gave it */
    const char *state;                /* a word of our own */
    struct wire_msg_pairs labels;
    bool tty;
    int64_t pid; /* 0: none yet, sent as null */
    uint64_t started_at_ms;
    uint64_t last_activity_at_ms;
    uint64_t next_seq;
    uint64_t bytes_in;
    uint64_t bytes_out[WIRE_MSG_STREAMS];
    uint64_t retained_bytes;
    uint64_t omitted_bytes;
    uint64_t stdin_queued_bytes;
    bool stdin_waits;              /* for the program */
    uint64_t stdin_waits_since_ms; /* if it waits */
    uint64_t window_bytes;
    uint64_t unread_bytes;
    bool waits_for_client;
    uint64_t waits_since_ms; /* if it waits */
    uint64_t observers;
    uint64_t observers_behind;          /* events that the slowest was not sent yet */
    const struct wire_msg_record *exit; /* NULL: it has not exited */
};

/*
 * The entry as JSON, into out. Returns its size; the size needed if capacity is too small (out may
 * be NULL with 0), with nothing of use in out.
 */
size_t wire_msg_list_entry_json(const struct wire_msg_list_entry *entry, uint8_t *out,
                                size_t capacity);

/* Begins the reply. */
void wire_msg_list_begin(struct wire_json_writer *writer, struct wire_span id);

/* Adds an entry as wire_msg_list_entry_json gave it. */
void wire_msg_list_add(struct wire_json_writer *writer, struct wire_span json);

/* Ends the reply. */
void wire_msg_list_end(struct wire_json_writer *writer);

#endif
