/*
 * Labels between the words of the wire and those of sessions, and requests to every process that
 * has some. On the strand of the tenure's holder.
 */
#ifndef RUN_LABELS_H
#define RUN_LABELS_H

#include "runner/dispatch.h"
#include "runner/proc.h"
#include "wire/msg_labels.h"

/* Fills labels with what pairs point to, borrowed. Returns how many. */
size_t run_labels_of(const struct wire_msg_pairs *pairs,
                     struct sess_label labels[WIRE_MSG_LABELS_MAX]);

/* One request to every process that has the labels and is not gone, and one answer. */
struct run_crowd_call {
    enum sess_request_kind kind;
    enum sess_stop_mode mode; /* of STOP */
    unsigned timeout_ms;
    /* Writes the reply, when all have answered: how many there were and how many of them ran. */
    void (*write)(struct wire_json_writer *writer, struct wire_span id, uint64_t count,
                  uint64_t running);
};

/* Asks them; the request is answered when the last one has. */
void run_labels_ask(struct run_request *request, const struct wire_msg_pairs *pairs,
                    const struct run_crowd_call *call);

#endif
