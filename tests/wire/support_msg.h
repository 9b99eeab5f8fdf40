/*
 * A message parser with its memory, and JSON that a writer made: what the message tests share.
 */
#ifndef SUPPORT_MSG_H
#define SUPPORT_MSG_H

#include "wire/json_writer.h"
#include "wire/msg_parser.h"
#include "wire/rpc_message.h"

/* A parser whose memory is exactly what wire_msg_parser_bytes promises to be enough. */
struct support_msg {
    struct wire_msg_parser parser;
    struct wire_json_scratch scratch;
    void *scratch_memory;
    void *memory;
    char *params; /* a copy that ends where its memory ends */
    struct wire_span span;
};

/* Begins with params, a JSON text, or NULL for none. */
void support_msg_start(struct support_msg *msg, const char *params, size_t size);

/* Frees all of it. */
void support_msg_stop(struct support_msg *msg);

/* Gives msg a scratch in memory of its own; support_msg_start has done that already. */
void support_msg_scratch_make(struct support_msg *msg);

/* A writer with room for every message of the tests. */
struct support_writer {
    struct wire_json_writer writer;
    uint8_t buffer[65536];
};

/* Begins a text; what was written before is gone. Returns the writer. */
struct wire_json_writer *support_writer_start(struct support_writer *out);

/* The text that was written, with a NUL behind it. */
const char *support_writer_text(struct support_writer *out);

#endif
