/*
 * Envelopes and frames. An envelope is a few fixed members around a value of the caller's; a frame
 * is written around the text where it lies.
 */
#include "wire/rpc_writer.h"

#include "wire/ws_frame.h"

#include <assert.h>

_Static_assert(WIRE_RPC_ROOM_BEFORE == WIRE_WS_HEADER_MAX, "room for the largest header");

void wire_rpc_begin_result(struct wire_json_writer *writer, struct wire_span id)
{
    wire_json_writer_begin_object(writer);
    wire_json_writer_key(writer, "id");
    wire_json_writer_raw(writer, id);
    wire_json_writer_key(writer, "result");
}

void wire_rpc_begin_notification(struct wire_json_writer *writer, const char *method)
{
    wire_json_writer_begin_object(writer);
    wire_json_writer_key(writer, "method");
    wire_json_writer_text(writer, method);
    wire_json_writer_key(writer, "params");
}

void wire_rpc_end(struct wire_json_writer *writer)
{
    wire_json_writer_end_object(writer);
}

void wire_rpc_write_result(struct wire_json_writer *writer, struct wire_span id,
                           struct wire_span json)
{
    wire_rpc_begin_result(writer, id);
    wire_json_writer_raw(writer, json);
    wire_rpc_end(writer);
}

void wire_rpc_begin_error(struct wire_json_writer *writer, struct wire_span id, int code,
                          struct wire_span message)
{
    wire_json_writer_begin_object(writer);
    wire_json_writer_key(writer, "id");
    wire_json_writer_raw(writer, id);
    wire_json_writer_key(writer, "error");
    wire_json_writer_begin_object(writer);
    wire_json_writer_key(writer, "code");
    wire_json_writer_int64(writer, code);
    wire_json_writer_key(writer, "message");
    wire_json_writer_string_lossy(writer, message);
}

void wire_rpc_end_error(struct wire_json_writer *writer)
{
    wire_json_writer_end_object(writer);
    wire_json_writer_end_object(writer);
}

size_t wire_rpc_size_before(enum wire_rpc_framing framing, size_t json_bytes)
{
    return framing == WIRE_RPC_WEBSOCKET ? wire_ws_header_size(json_bytes) : 0;
}

size_t wire_rpc_size_behind(enum wire_rpc_framing framing)
{
    return framing == WIRE_RPC_LINE ? 1 : 0;
}

size_t wire_rpc_write_before(enum wire_rpc_framing framing, size_t json_bytes, uint8_t *out)
{
    return framing == WIRE_RPC_WEBSOCKET ? wire_ws_header(out, WIRE_WS_TEXT, true, json_bytes) : 0;
}

size_t wire_rpc_write_behind(enum wire_rpc_framing framing, uint8_t *out)
{
    if (framing == WIRE_RPC_LINE) {
        out[0] = '\n';
    }
    return wire_rpc_size_behind(framing);
}

struct wire_span wire_rpc_frame(enum wire_rpc_framing framing, uint8_t *buffer, size_t json_bytes)
{
    uint8_t header[WIRE_RPC_ROOM_BEFORE];
    size_t before = wire_rpc_write_before(framing, json_bytes, header);
    uint8_t *start = buffer + WIRE_RPC_ROOM_BEFORE - before;
    assert(before <= WIRE_RPC_ROOM_BEFORE);
    memcpy(start, header, before);
    size_t behind = wire_rpc_write_behind(framing, buffer + WIRE_RPC_ROOM_BEFORE + json_bytes);
    return wire_span_of(start, before + json_bytes + behind);
}

size_t wire_rpc_framed_size(enum wire_rpc_framing framing, size_t json_bytes)
{
    return wire_rpc_size_before(framing, json_bytes) + json_bytes + wire_rpc_size_behind(framing);
}

void wire_rpc_begin_framed(struct wire_json_writer *writer, enum wire_rpc_framing framing,
                           size_t json_bytes, uint8_t *buffer)
{
    size_t before = wire_rpc_write_before(framing, json_bytes, buffer);
    wire_json_writer_init(writer, buffer + before, json_bytes);
}

size_t wire_rpc_end_framed(struct wire_json_writer *writer, enum wire_rpc_framing framing)
{
    struct wire_span json;
    int error = wire_json_writer_finish(writer, &json);
    assert(error == 0 && writer->needed_bytes == writer->capacity);
    (void)error;
    (void)wire_rpc_write_behind(framing, writer->buffer + writer->needed_bytes);
    return wire_rpc_framed_size(framing, writer->needed_bytes);
}
