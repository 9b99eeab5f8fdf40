/*
 * Writes the envelope of the JSON-RPC dialects around a body that the caller writes with the same
 * writer, and puts the frame of a transport around the whole, in place. Ids are JSON as
 * wire_rpc_parse gave them. What may fail is reported by wire_json_writer_finish. Any thread.
 *
 *     wire_json_writer_init(&writer, buffer + WIRE_RPC_ROOM_BEFORE, capacity - WIRE_RPC_ROOM);
 *     wire_rpc_begin_result(&writer, id);
 *     ... one value ...
 *     wire_rpc_end(&writer);
 *     if (wire_json_writer_finish(&writer, &json) == 0)
 *         send(wire_rpc_frame(framing, buffer, json.size));
 */
#ifndef WIRE_RPC_WRITER_H
#define WIRE_RPC_WRITER_H

#include "wire/json_writer.h"

/* How messages are told apart on a connection. */
enum wire_rpc_framing {
    WIRE_RPC_LINE = 1,      /* one a line */
    WIRE_RPC_WEBSOCKET = 2, /* one text message each */
};

/* Room for the largest frame before the JSON text, and in all. */
#define WIRE_RPC_ROOM_BEFORE 10
#define WIRE_RPC_ROOM        (WIRE_RPC_ROOM_BEFORE + 1)

/* {"id":ID,"result": - the caller writes one value, then wire_rpc_end. */
void wire_rpc_begin_result(struct wire_json_writer *writer, struct wire_span id);

/* {"method":METHOD,"params": - the caller writes one value, then wire_rpc_end. */
void wire_rpc_begin_notification(struct wire_json_writer *writer, const char *method);

/* Ends a result or a notification. */
void wire_rpc_end(struct wire_json_writer *writer);

/* A whole result whose value is JSON already. */
void wire_rpc_write_result(struct wire_json_writer *writer, struct wire_span id,
                           struct wire_span json);

/*
 * {"id":ID,"error":{"code":CODE,"message":MESSAGE - the caller may write the member "data", then
 * wire_rpc_end_error. What in message is not UTF-8 becomes U+FFFD.
 */
void wire_rpc_begin_error(struct wire_json_writer *writer, struct wire_span id, int code,
                          struct wire_span message);
void wire_rpc_end_error(struct wire_json_writer *writer);

/* The bytes that a frame puts before a JSON text of so many bytes, and behind it. */
size_t wire_rpc_size_before(enum wire_rpc_framing framing, size_t json_bytes);
size_t wire_rpc_size_behind(enum wire_rpc_framing framing);

/* Writes what a frame puts before a JSON text; returns wire_rpc_size_before. */
size_t wire_rpc_write_before(enum wire_rpc_framing framing, size_t json_bytes, uint8_t *out);

/* Writes what a frame puts behind a JSON text; returns wire_rpc_size_behind. */
size_t wire_rpc_write_behind(enum wire_rpc_framing framing, uint8_t *out);

/*
 * Frames in place the JSON text of json_bytes at buffer + WIRE_RPC_ROOM_BEFORE; one more byte of
 * the buffer must be free behind it. Returns the whole, a span of buffer.
 */
struct wire_span wire_rpc_frame(enum wire_rpc_framing framing, uint8_t *buffer, size_t json_bytes);

/*
 * A message whose size is known before it is written, so that its buffer fits exactly: it is
 * written twice by the same function of the caller, first with a writer that only counts.
 *
 *     wire_json_writer_init(&writer, NULL, 0);
 *     write_it(&writer, ...);
 *     json_bytes = writer.needed_bytes;
 *     buffer = take(wire_rpc_framed_size(framing, json_bytes));
 *     wire_rpc_begin_framed(&writer, framing, json_bytes, buffer);
 *     write_it(&writer, ...);
 *     wire_rpc_end_framed(&writer, framing);
 */

/* The size of the frame and the JSON text of json_bytes in it. */
size_t wire_rpc_framed_size(enum wire_rpc_framing framing, size_t json_bytes);

/*
 * Writes into buffer what stands before the JSON text of json_bytes, and begins a writer for
 * exactly that text behind it. buffer has room for wire_rpc_framed_size.
 */
void wire_rpc_begin_framed(struct wire_json_writer *writer, enum wire_rpc_framing framing,
                           size_t json_bytes, uint8_t *buffer);

/* Ends it: exactly json_bytes of good JSON were written (asserted). Returns the whole size. */
size_t wire_rpc_end_framed(struct wire_json_writer *writer, enum wire_rpc_framing framing);

#endif
