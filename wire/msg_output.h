/*
 * The notifications of a process: its start, its output, its end. Output is the hot path:
 * its size is computed first, so that the caller takes a buffer that fits exactly, and then frame,
 * JSON and base64 are written in one pass, straight from the program's bytes. Nothing is allocated.
 *
 * What never changes in a session is its id: the caller keeps it as JSON (wire_msg_id_json), so
 * that no chunk pays for escaping. Pure; any thread.
 */
#ifndef WIRE_MSG_OUTPUT_H
#define WIRE_MSG_OUTPUT_H

#include "wire/base64.h"
#include "wire/json_writer.h"
#include "wire/rpc_writer.h"

enum wire_msg_stream {
    WIRE_MSG_STDOUT = 0,
    WIRE_MSG_STDERR = 1,
    WIRE_MSG_PTY = 2, /* process only; v0 calls a terminal's output stdout */
};

/* "stdout", "stderr" or "pty"; the stream is one of the three (asserted). */
const char *wire_msg_stream_name(enum wire_msg_stream stream);

/*
 * The id as a JSON string with its quotes, into out. Returns its size; the size needed if capacity
 * is too small, with nothing of use in out. id is UTF-8 (it came from a parser: asserted).
 */
size_t wire_msg_id_json(struct wire_span id, uint8_t *out, size_t capacity);

/* One chunk of output. Everything is borrowed for the call. */
struct wire_msg_output {
    struct wire_span id_json; /* process id or session id, as wire_msg_id_json gave it */
    struct wire_span chunk;   /* the program's bytes */
    uint64_t seq;             /* process only */
    enum wire_msg_stream stream;
    enum wire_rpc_framing framing;
};

/* The exact size of the framed notification process/output. */
size_t wire_msg_process_output_size(const struct wire_msg_output *output);

/*
 * Writes the framed notification process/output into buffer, which has room for exactly
 * wire_msg_process_output_size bytes or more and does not overlap the chunk. Returns that size.
 */
size_t wire_msg_process_output_write(const struct wire_msg_output *output,
                                     const struct wire_base64_codec *codec, uint8_t *buffer);

/* The same for the notification command/exec/outputDelta of exec-server.v0. */
size_t wire_msg_command_output_size(const struct wire_msg_output *output);
size_t wire_msg_command_output_write(const struct wire_msg_output *output,
                                     const struct wire_base64_codec *codec, uint8_t *buffer);

/* Writes the notification process/started, for clients that asked for it. It has no number. */
void wire_msg_process_started(struct wire_json_writer *writer, struct wire_span id_json,
                              int64_t pid);

/*
 * Writes the notification process/failed, likewise: why a start failed. What in message is not
 * UTF-8 becomes U+FFFD.
 */
void wire_msg_process_failed(struct wire_json_writer *writer, struct wire_span id_json, int code,
                             struct wire_span message);

/* Writes the notification process/exited. */
void wire_msg_process_exited(struct wire_json_writer *writer, struct wire_span id_json,
                             uint64_t seq, int32_t exit_code, bool is_sandbox_denied);

/* Writes the notification process/closed. */
void wire_msg_process_closed(struct wire_json_writer *writer, struct wire_span id_json,
                             uint64_t seq);

/* Writes the notification command/exec/exited of exec-server.v0. */
void wire_msg_command_exited(struct wire_json_writer *writer, struct wire_span id_json,
                             int32_t exit_code);

#endif
