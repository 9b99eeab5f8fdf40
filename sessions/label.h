/*
 * Labels: pairs of strings that a spec gives a session, by which others find it.
 *
 * A session keeps a copy in its own block, behind its id: "NAME\0VALUE\0..." in the order of the
 * spec. It never changes, so any thread that has a reference reads it without asking.
 */
#ifndef SESSIONS_LABEL_H
#define SESSIONS_LABEL_H

#include "sessions/spec.h"

#include <stdbool.h>

struct sess_session;

/* Bytes that a session keeps for so many labels. Every name and value must be there. Any thread. */
uint64_t sess_labels_bytes(const struct sess_label *labels, size_t count);

/* Writes what is kept of them, sess_labels_bytes bytes. Any thread. */
void sess_labels_copy(const struct sess_label *labels, size_t count, char *to);

/* The label at *cursor (start with 0), counting *cursor up; false at the end. The strings live as
 * long as the session. Any thread that has a reference. */
bool sess_session_label(const struct sess_session *session, size_t *cursor,
                        struct sess_label *out_label);

/* Whether the session has each of the labels, with the same value; without any: true. Any thread
 * that has a reference. */
bool sess_session_has_labels(const struct sess_session *session, const struct sess_label *labels,
                             size_t count);

#endif
