/*
 * A notification of output is a few constants with an id, a number and base64 between them. Both
 * dialects go through one function; the parts are laid out once, their sizes are summed, and they
 * are written in order.
 */
#include "wire/msg_output.h"

#include <assert.h>

/* The parts of a notification before its base64, in order. */
struct parts {
    struct wire_span before_id;
    struct wire_span id;
    struct wire_span before_seq; /* empty in v0, which has no numbers */
    uint8_t seq[20];
    size_t seq_start; /* of seq; 20 when there is none */
    struct wire_span before_chunk;
};

#define LITERAL(text)                                                                              \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }

static const struct wire_span process_before_id =
    LITERAL("{\"method\":\"process/output\",\"params\":{\"processId\":");
static const struct wire_span process_before_seq = LITERAL(",\"seq\":");
static const struct wire_span command_before_id =
    LITERAL("{\"method\":\"command/exec/outputDelta\",\"params\":{\"sessionId\":");
static const struct wire_span before_chunk[] = {
    [WIRE_MSG_STDOUT] = LITERAL(",\"stream\":\"stdout\",\"chunk\":\""),
    [WIRE_MSG_STDERR] = LITERAL(",\"stream\":\"stderr\",\"chunk\":\""),
    [WIRE_MSG_PTY] = LITERAL(",\"stream\":\"pty\",\"chunk\":\""),
};
static const struct wire_span behind_chunk = LITERAL("\"}}");

const char *wire_msg_stream_name(enum wire_msg_stream stream)
{
    static const char *const names[] = {
        [WIRE_MSG_STDOUT] = "stdout", [WIRE_MSG_STDERR] = "stderr", [WIRE_MSG_PTY] = "pty"};
    assert((unsigned)stream < sizeof names / sizeof names[0]);
    return names[stream];
}

size_t wire_msg_id_json(struct wire_span id, uint8_t *out, size_t capacity)
{
    struct wire_json_writer writer;
    struct wire_span json;
    wire_json_writer_init(&writer, out, capacity);
    wire_json_writer_string(&writer, id);
    int error = wire_json_writer_finish(&writer, &json);
    assert(error != WIRE_JSON_ERR_TEXT);
    (void)error;
    return writer.needed_bytes;
}

static void lay_out_process(const struct wire_msg_output *output, struct parts *parts)
{
    uint64_t seq = output->seq;
    parts->before_id = process_before_id;
    parts->id = output->id_json;
    parts->before_seq = process_before_seq;
    parts->before_chunk = before_chunk[output->stream];
    parts->seq_start = sizeof parts->seq;
    do {
        parts->seq[--parts->seq_start] = (uint8_t)('0' + seq % 10);
        seq /= 10;
    } while (seq > 0);
}

static void lay_out_command(const struct wire_msg_output *output, struct parts *parts)
{
    enum wire_msg_stream stream = output->stream == WIRE_MSG_PTY ? WIRE_MSG_STDOUT : output->stream;
    parts->before_id = command_before_id;
    parts->id = output->id_json;
    parts->before_seq = wire_span_of(NULL, 0);
    parts->before_chunk = before_chunk[stream];
    parts->seq_start = sizeof parts->seq;
}

/* The size of the JSON text. */
static size_t json_size(const struct parts *parts, size_t chunk_bytes)
{
    return parts->before_id.size + parts->id.size + parts->before_seq.size + sizeof parts->seq -
           parts->seq_start + parts->before_chunk.size + wire_base64_encoded_size(chunk_bytes) +
           behind_chunk.size;
}

static size_t framed_size(const struct wire_msg_output *output, const struct parts *parts)
{
    size_t size = json_size(parts, output->chunk.size);
    return wire_rpc_size_before(output->framing, size) + size +
           wire_rpc_size_behind(output->framing);
}

static uint8_t *put(uint8_t *at, struct wire_span bytes)
{
    if (bytes.size > 0) {
        memcpy(at, bytes.data, bytes.size);
    }
    return at + bytes.size;
}

static size_t write_parts(const struct wire_msg_output *output, const struct parts *parts,
                          const struct wire_base64_codec *codec, uint8_t *buffer)
{
    struct wire_span seq =
        wire_span_of(parts->seq + parts->seq_start, sizeof parts->seq - parts->seq_start);
    uint8_t *at = buffer;
    at += wire_rpc_write_before(output->framing, json_size(parts, output->chunk.size), at);
    at = put(at, parts->before_id);
    at = put(at, parts->id);
    at = put(at, parts->before_seq);
    at = put(at, seq);
    at = put(at, parts->before_chunk);
    at += wire_base64_encode(codec, output->chunk, at);
    at = put(at, behind_chunk);
    at += wire_rpc_write_behind(output->framing, at);
    return (size_t)(at - buffer);
}

size_t wire_msg_process_output_size(const struct wire_msg_output *output)
{
    struct parts parts;
    lay_out_process(output, &parts);
    return framed_size(output, &parts);
}

size_t wire_msg_process_output_write(const struct wire_msg_output *output,
                                     const struct wire_base64_codec *codec, uint8_t *buffer)
{
    struct parts parts;
    lay_out_process(output, &parts);
    return write_parts(output, &parts, codec, buffer);
}

size_t wire_msg_command_output_size(const struct wire_msg_output *output)
{
    struct parts parts;
    lay_out_command(output, &parts);
    return framed_size(output, &parts);
}

size_t wire_msg_command_output_write(const struct wire_msg_output *output,
                                     const struct wire_base64_codec *codec, uint8_t *buffer)
{
    struct parts parts;
    lay_out_command(output, &parts);
    return write_parts(output, &parts, codec, buffer);
}

/* The beginning of a notification of the process dialect. */
static void begin_unnumbered(struct wire_json_writer *writer, const char *method,
                             struct wire_span id_json)
{
    wire_rpc_begin_notification(writer, method);
    wire_json_writer_begin_object(writer);
    wire_json_writer_key(writer, "processId");
    wire_json_writer_raw(writer, id_json);
}

static void begin_process(struct wire_json_writer *writer, const char *method,
                          struct wire_span id_json, uint64_t seq)
{
    begin_unnumbered(writer, method, id_json);
    wire_json_writer_key(writer, "seq");
    wire_json_writer_uint64(writer, seq);
}

static void end_notification(struct wire_json_writer *writer)
{
    wire_json_writer_end_object(writer);
    wire_rpc_end(writer);
}

void wire_msg_process_started(struct wire_json_writer *writer, struct wire_span id_json,
                              int64_t pid)
{
    begin_unnumbered(writer, "process/started", id_json);
    wire_json_writer_key(writer, "pid");
    wire_json_writer_int64(writer, pid);
    end_notification(writer);
}

void wire_msg_process_failed(struct wire_json_writer *writer, struct wire_span id_json, int code,
                             struct wire_span message)
{
    begin_unnumbered(writer, "process/failed", id_json);
    wire_json_writer_key(writer, "error");
    wire_json_writer_begin_object(writer);
    wire_json_writer_key(writer, "code");
    wire_json_writer_int64(writer, code);
    wire_json_writer_key(writer, "message");
    wire_json_writer_string_lossy(writer, message);
    wire_json_writer_end_object(writer);
    end_notification(writer);
}

void wire_msg_process_exited(struct wire_json_writer *writer, struct wire_span id_json,
                             uint64_t seq, int32_t exit_code, bool is_sandbox_denied)
{
    begin_process(writer, "process/exited", id_json, seq);
    wire_json_writer_key(writer, "exitCode");
    wire_json_writer_int64(writer, exit_code);
    wire_json_writer_key(writer, "sandboxDenied");
    wire_json_writer_bool(writer, is_sandbox_denied);
    end_notification(writer);
}

void wire_msg_process_closed(struct wire_json_writer *writer, struct wire_span id_json,
                             uint64_t seq)
{
    begin_process(writer, "process/closed", id_json, seq);
    end_notification(writer);
}

void wire_msg_command_exited(struct wire_json_writer *writer, struct wire_span id_json,
                             int32_t exit_code)
{
    wire_rpc_begin_notification(writer, "command/exec/exited");
    wire_json_writer_begin_object(writer);
    wire_json_writer_key(writer, "sessionId");
    wire_json_writer_raw(writer, id_json);
    wire_json_writer_key(writer, "exitCode");
    wire_json_writer_int64(writer, exit_code);
    end_notification(writer);
}
