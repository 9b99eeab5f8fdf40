/*
 * Replies: a message of bounded size on the stack, sent when it is whole. Any thread that holds the
 * connection.
 */
#ifndef RUN_REPLY_H
#define RUN_REPLY_H

#include "runner/conn.h"
#include "sessions/error.h"
#include "wire/msg_gone.h"
#include "wire/rpc_errors.h"
#include "wire/rpc_writer.h"

/* An error with the longest text and id, both escaped, is shorter. */
enum { RUN_REPLY_BYTES = 16 * 1024 };

struct run_reply {
    struct run_conn *conn;
    struct wire_json_writer writer;
    uint8_t buffer[RUN_REPLY_BYTES];
};

/* Begins a reply; the caller writes one whole message with the writer. */
struct wire_json_writer *run_reply_begin(struct run_reply *reply, struct run_conn *conn);

/* Sends it. */
void run_reply_send(struct run_reply *reply);

/* Writes one whole message; called twice, and writes the same each time. */
typedef void run_reply_write(struct wire_json_writer *writer, const void *context);

/* Sends a reply of any size: counted first, then written into a frame that fits. */
void run_reply_send_counted(struct run_conn *conn, run_reply_write *write, const void *context);

/* Sends the error that a text of the table stands for. */
void run_reply_text(struct run_conn *conn, struct wire_span id, enum wire_rpc_text text,
                    struct wire_span argument);

/* The same, and what is told of a process that does not run as its data. */
void run_reply_gone(struct run_conn *conn, struct wire_span id, enum wire_rpc_text text,
                    struct wire_span argument, const struct wire_msg_gone *gone);

/* Writes the error of a resource that is used up. */
void run_reply_shortage(struct wire_json_writer *writer, struct wire_span id,
                        const struct sess_shortage *shortage);

#endif
