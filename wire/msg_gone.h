/*
 * What is told of a process that does not run: that it has exited, and who ended it; that it is
 * over and its record was dropped; that it never was. Each is one word, `reason`, beside the
 * members that an answer has anyhow, or in the data of an error.
 *
 * Writes into the caller's writer; any thread.
 */
#ifndef WIRE_MSG_GONE_H
#define WIRE_MSG_GONE_H

#include "wire/json_writer.h"
#include "wire/rpc_errors.h"

enum wire_msg_gone_reason {
    WIRE_MSG_GONE_NOT, /* it is starting or runs */
    WIRE_MSG_GONE_EXITED,
    WIRE_MSG_GONE_EXPIRED,
    WIRE_MSG_GONE_NEVER_EXISTED,
};

struct wire_msg_gone {
    enum wire_msg_gone_reason reason;
    int32_t exit_code;    /* of EXITED */
    const char *ended_by; /* the same: a word as in the exit record */
};

/* "exited", "expired", "neverExisted". The reason is not NOT. */
const char *wire_msg_gone_text(enum wire_msg_gone_reason reason);

/* Writes the members exitCode and endedBy of EXITED into an object that is open; else nothing. */
void wire_msg_gone_write_end(struct wire_json_writer *writer, const struct wire_msg_gone *gone);

/* Writes the member reason, and the two above. Nothing if it is NOT. */
void wire_msg_gone_write(struct wire_json_writer *writer, const struct wire_msg_gone *gone);

/* Writes the whole error that text stands for, with these members as its data. id is JSON. */
void wire_msg_gone_refuse(struct wire_json_writer *writer, struct wire_span id,
                          enum wire_rpc_text text, struct wire_span argument,
                          const struct wire_msg_gone *gone);

#endif
