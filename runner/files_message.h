/*
 * A reply that is made on a helper: a frame that is leased for the most that it may need, written
 * once, and cut to what it came to. Bytes of files are encoded straight into it. Any thread.
 */
#ifndef RUN_FILES_MESSAGE_H
#define RUN_FILES_MESSAGE_H

#include "runner/outq.h"
#include "wire/json_writer.h"
#include "wire/rpc_writer.h"

struct run_file_message {
    struct run_frame *frame;
    enum wire_rpc_framing framing;
    struct wire_json_writer writer;
};

/* Begins one of at most json_bytes of JSON. false: out of memory, or beyond what a frame holds. */
bool run_file_message_begin(struct run_file_message *message, struct iocp_port *port,
                            enum wire_rpc_framing framing, size_t json_bytes);

/* Ends it: one whole JSON text that fits was written (asserted). The frame is the caller's. */
struct run_frame *run_file_message_end(struct run_file_message *message);

/* Gives it up. */
void run_file_message_drop(struct run_file_message *message);

#endif
