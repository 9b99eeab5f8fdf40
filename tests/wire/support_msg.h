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

/* Params that a parser must refuse, and what it must say. */
typedef int support_parse(struct wire_msg_parser *parser, struct wire_span params);
struct support_refusal {
    support_parse *parse;
    const char *params; /* NULL: none */
    const char *text;   /* with a space at its end: only the beginning of what is said */
};

/* Checks them one by one. */
void support_msg_refusals(const struct support_refusal *rows, size_t count);

/* Whether pairs is names and values in turn, NULL behind the last. */
void support_msg_pairs(const struct wire_msg_pairs *pairs, const char *const *expected);

/* A writer with room for every message of the tests. */
struct support_writer {
    struct wire_json_writer writer;
    uint8_t buffer[65536];
};

/* Begins a text; what was written before is gone. Returns the writer. */
struct wire_json_writer *support_writer_start(struct support_writer *out);

/* The text that was written, with a NUL behind it. */
const char *support_writer_text(struct support_writer *out);

/* Writes one message; called twice, the first time with a writer that only counts. */
typedef void support_write(struct wire_json_writer *writer, void *context);

/*
 * Writes a message in both framings into buffers of exactly the size that was counted, with bytes
 * behind them that must stay. Returns the JSON text with a NUL, which the caller frees.
 */
char *support_framed_text(support_write *write, void *context);

#endif
