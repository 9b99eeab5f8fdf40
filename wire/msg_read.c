/*
 * process/read. The reply is the writer's ordinary calls: counting costs a chunk's header and never
 * its bytes, and writing is one pass in which base64 goes straight into the buffer.
 */
#include "wire/msg_read.h"

#include "wire/msg_fields.h"
#include "wire/rpc_writer.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static int read_align(struct wire_msg_parser *parser, const char *name,
                      const struct wire_json_token *token, void *target)
{
    static const char *const words[] = {"chunks", "utf8", "lines"};
    static const enum wire_msg_align_mode modes[] = {WIRE_MSG_ALIGN_NONE, WIRE_MSG_ALIGN_UTF8,
                                                     WIRE_MSG_ALIGN_LINES};
    struct wire_msg_process_read *read = target;
    size_t index;
    int error = wire_msg_read_word(parser, name, token, words, COUNT(words), &index);
    if (!error) {
        read->align = modes[index];
        read->wants_cursor = true;
    }
    return error;
}

static int read_cursor(struct wire_msg_parser *parser, const char *name,
                       const struct wire_json_token *token, void *target)
{
    struct wire_msg_process_read *read = target;
    size_t size;
    if (token->event != WIRE_JSON_STRING) {
        return wire_msg_refuse_type(parser, name, "a string");
    }
    const char *text = wire_msg_decode_text(parser, token, &size);
    if (!text) {
        return wire_msg_refuse_capacity(parser);
    }
    if (!wire_msg_cursor_parse(wire_span_of(text, size), &read->cursor)) {
        return wire_msg_refuse(parser, "`%s%s` is none that process/read gave", parser->scope,
                               name);
    }
    read->has_cursor = read->wants_cursor = true;
    return 0;
}

int wire_msg_process_read_parse(struct wire_msg_parser *parser, struct wire_span params,
                                struct wire_msg_process_read *out)
{
    static const struct wire_msg_field fields[] = {
        WIRE_MSG_REQUIRED(struct wire_msg_process_read, process_id, "processId", wire_msg_read_id),
        WIRE_MSG_OPTIONAL(struct wire_msg_process_read, after_seq, "afterSeq",
                          wire_msg_read_uint64),
        WIRE_MSG_OPTIONAL(struct wire_msg_process_read, max_bytes, "maxBytes",
                          wire_msg_read_number),
        WIRE_MSG_OPTIONAL(struct wire_msg_process_read, wait_ms, "waitMs", wire_msg_read_ms),
        {"align", read_align, 0, false},
        {"cursor", read_cursor, 0, false},
    };
    memset(out, 0, sizeof *out);
    return wire_msg_read_params(parser, params, WIRE_MSG_TABLE(fields, ""), out);
}

static void write_number(struct wire_json_writer *writer, const char *name, uint64_t value)
{
    wire_json_writer_key(writer, name);
    wire_json_writer_uint64(writer, value);
}

static void write_bool(struct wire_json_writer *writer, const char *name, bool value)
{
    wire_json_writer_key(writer, name);
    wire_json_writer_bool(writer, value);
}

void wire_msg_read_begin(struct wire_json_writer *writer, struct wire_span id)
{
    wire_rpc_begin_result(writer, id);
    wire_json_writer_begin_object(writer);
    wire_json_writer_key(writer, "chunks");
    wire_json_writer_begin_array(writer);
}

void wire_msg_read_add(struct wire_json_writer *writer, const struct wire_base64_codec *codec,
                       const struct wire_msg_read_chunk *chunk)
{
    wire_json_writer_begin_object(writer);
    write_number(writer, "seq", chunk->seq);
    wire_json_writer_key(writer, "stream");
    wire_json_writer_text(writer, wire_msg_stream_name(chunk->stream));
    wire_json_writer_key(writer, "chunk");
    wire_json_writer_base64(writer, codec, chunk->bytes);
    if (chunk->offset_bytes > 0) {
        write_number(writer, "offset", chunk->offset_bytes);
    }
    wire_json_writer_end_object(writer);
}

static void write_skipped(struct wire_json_writer *writer, const struct wire_msg_read_end *end)
{
    wire_json_writer_key(writer, "skipped");
    wire_json_writer_begin_object(writer);
    write_number(writer, "firstSeq", end->skipped_first_seq);
    write_number(writer, "lastSeq", end->skipped_last_seq);
    write_number(writer, end->skipped_is_at_most ? "bytesAtMost" : "bytes", end->skipped_bytes);
    wire_json_writer_end_object(writer);
}

static void write_cursor(struct wire_json_writer *writer, const struct wire_msg_cursor *cursor)
{
    char text[WIRE_MSG_CURSOR_BYTES];
    size_t size = wire_msg_cursor_format(cursor, text);
    wire_json_writer_key(writer, "cursor");
    wire_json_writer_string(writer, wire_span_of(text, size));
}

void wire_msg_read_end(struct wire_json_writer *writer, const struct wire_msg_read_end *end)
{
    wire_json_writer_end_array(writer);
    write_number(writer, "nextSeq", end->next_seq);
    write_bool(writer, "exited", end->has_exited);
    wire_json_writer_key(writer, "exitCode");
    if (end->has_exited) {
        wire_json_writer_int64(writer, end->exit_code);
    } else {
        wire_json_writer_null(writer);
    }
    write_bool(writer, "closed", end->is_closed);
    wire_json_writer_key(writer, "failure");
    wire_json_writer_null(writer);
    write_bool(writer, "sandboxDenied", false);
    if (end->skipped_first_seq > 0) {
        write_skipped(writer, end);
    }
    if (end->cursor) {
        write_cursor(writer, end->cursor);
    }
    wire_json_writer_end_object(writer);
    wire_rpc_end(writer);
}
