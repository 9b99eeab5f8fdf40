/*
 * What the two JSON dialects share: how a request begins and ends, and how a message is read once
 * the names of the notifications are known. For the dialect files only.
 */
#ifndef EXECPORT_TOOLS_LOAD_DIALECT_JSON_H
#define EXECPORT_TOOLS_LOAD_DIALECT_JSON_H

#include "tools/load/dialect.h"
#include "wire/json_writer.h"

struct load_method_names {
    const char *output;
    const char *exited;
    const char *closed; /* NULL: the dialect has none */
};

/* A request being written into a buffer. */
struct load_request {
    struct load_buffer *out;
    struct wire_json_writer json;
};

/*
 * Begins {"id":...,"method":...,"params":{ with room for extra_bytes of parameters, counted as
 * they will be written. The caller writes members and calls load_request_end().
 */
void load_request_begin(struct load_request *request, struct load_buffer *out, int64_t id,
                        const char *method, size_t extra_bytes);
void load_request_end(struct load_request *request);

/* Writes the member as a text. */
void load_request_text(struct load_request *request, const char *name, const char *text);

/* Writes the members argv, env and tty of a start. */
void load_request_command(struct load_request *request, const struct load_start *start);

/* At most so many bytes are written by load_request_command(). */
size_t load_request_command_bytes(const struct load_start *start);

/* Gives the event its kind by the names. */
void load_event_classify(struct load_event *event, const struct load_method_names *names);

/* Scans or reads a message and classifies it; see struct load_dialect. */
int load_dialect_read_json(struct load_message_reader *reader, struct wire_span message,
                           struct load_event *out_event, const struct load_method_names *names,
                           const char **out_why);

#endif
