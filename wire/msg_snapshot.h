/*
 * process/snapshot: the head and the tail of each stream that is retained, at once. Parsing as in
 * msg_process.h. The reply is written in steps, twice, as that of process/read (msg_read.h); the
 * streams come in the order of their enum, each as the pieces that are held of it. Any thread.
 *
 *     wire_msg_snapshot_begin(writer, id);
 *     for each stream:
 *         wire_msg_snapshot_begin_stream(writer, stream, codec, &base64);
 *         for each piece: wire_json_base64_push(&base64, bytes);
 *         wire_json_base64_end(&base64);
 *     or wire_msg_snapshot_no_stream(writer, stream);
 *     wire_msg_snapshot_end(writer, &end);
 */
#ifndef WIRE_MSG_SNAPSHOT_H
#define WIRE_MSG_SNAPSHOT_H

#include "wire/msg_output.h"
#include "wire/msg_parser.h"
#include "wire/msg_record.h"

/* The params of process/snapshot. */
struct wire_msg_process_snapshot {
    struct wire_span process_id;
};

/* Parses process/snapshot. */
WIRE_MUST_CHECK int wire_msg_process_snapshot_parse(struct wire_msg_parser *parser,
                                                    struct wire_span params,
                                                    struct wire_msg_process_snapshot *out);

/* What a stream lacks between its head and its tail. */
struct wire_msg_omitted {
    uint64_t bytes;    /* 0: nothing */
    uint64_t at_bytes; /* where they would stand: an offset in the bytes of the stream that came */
};

/* What stands behind the streams. */
struct wire_msg_snapshot_end {
    struct wire_msg_omitted omitted[WIRE_MSG_STREAMS]; /* by enum wire_msg_stream */
    bool has_exited;
    int32_t exit_code; /* null unless it has exited */
    bool is_running;
};

/* Begins the reply. */
void wire_msg_snapshot_begin(struct wire_json_writer *writer, struct wire_span id);

/* Begins the bytes of a stream, which then are pushed, and ended by wire_json_base64_end. */
void wire_msg_snapshot_begin_stream(struct wire_json_writer *writer, enum wire_msg_stream stream,
                                    const struct wire_base64_codec *codec,
                                    struct wire_json_base64 *out_base64);

/* Says that the process has no such stream. */
void wire_msg_snapshot_no_stream(struct wire_json_writer *writer, enum wire_msg_stream stream);

/* Ends the reply. It is truncated if a stream lacks bytes. */
void wire_msg_snapshot_end(struct wire_json_writer *writer,
                           const struct wire_msg_snapshot_end *end);

#endif
