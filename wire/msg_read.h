/*
 * process/read: output that is retained, by number. Parsing as in msg_process.h. The reply may be
 * megabytes, so it is written in steps straight from the program's bytes, with the writer of a
 * buffer that fits: the same steps first with a writer that only counts, see wire_rpc_begin_framed.
 * Any thread.
 *
 *     wire_msg_read_begin(writer, id);
 *     for each chunk: wire_msg_read_add(writer, codec, &chunk);
 *     wire_msg_read_end(writer, &end);
 */
#ifndef WIRE_MSG_READ_H
#define WIRE_MSG_READ_H

#include "wire/msg_align.h"
#include "wire/msg_cursor.h"
#include "wire/msg_parser.h"

/* The params of process/read. */
struct wire_msg_process_read {
    struct wire_span process_id;
    uint64_t after_seq;               /* what is numbered up to this is known */
    struct wire_msg_number max_bytes; /* of decoded output; not there: no limit of the client's */
    uint64_t wait_ms;
    enum wire_msg_align_mode align; /* NONE: not there, or whole chunks */
    bool wants_cursor;              /* align is there, or a cursor is */
    bool has_cursor;                /* then it says where to read on, and not after_seq */
    struct wire_msg_cursor cursor;
};

/* Parses process/read. */
WIRE_MUST_CHECK int wire_msg_process_read_parse(struct wire_msg_parser *parser,
                                                struct wire_span params,
                                                struct wire_msg_process_read *out);

/* One chunk of the reply, or what is given of it. */
struct wire_msg_read_chunk {
    uint64_t seq;
    enum wire_msg_stream stream;
    struct wire_span bytes;
    uint64_t offset_bytes; /* where in the chunk they begin; 0 is not sent */
};

/* What stands behind the chunks. */
struct wire_msg_read_end {
    uint64_t next_seq;
    bool has_exited;
    int32_t exit_code; /* null unless it has exited */
    bool is_closed;
    uint64_t skipped_first_seq; /* 0: nothing was skipped, and the next two mean nothing */
    uint64_t skipped_last_seq;
    uint64_t skipped_bytes;
    bool skipped_is_at_most;              /* they are an upper bound, and sent as such */
    const struct wire_msg_cursor *cursor; /* NULL: not sent */
};

/* Begins the reply. */
void wire_msg_read_begin(struct wire_json_writer *writer, struct wire_span id);

/* Writes one chunk; chunks come in the order of their numbers. */
void wire_msg_read_add(struct wire_json_writer *writer, const struct wire_base64_codec *codec,
                       const struct wire_msg_read_chunk *chunk);

/* Ends the reply. */
void wire_msg_read_end(struct wire_json_writer *writer, const struct wire_msg_read_end *end);

#endif
