/*
 * Labels: names with values that a client gives a process when it starts, to find it by later. A
 * request that names labels means every process that has all of them.
 *
 * Pure functions of their arguments; any thread.
 */
#ifndef WIRE_MSG_LABELS_H
#define WIRE_MSG_LABELS_H

#include "wire/json_writer.h"
#include "wire/msg_parser.h"

/* Labels of one process: they are kept with it, compared one by one and sent in every list. */
#define WIRE_MSG_LABELS_MAX ((size_t)32)
/* A name has at least one byte. As long as names in other systems of labels. */
#define WIRE_MSG_LABEL_NAME_MAX ((size_t)64)
/* Room for a path or a digest; 32 labels so are 10 KiB at the most. */
#define WIRE_MSG_LABEL_VALUE_MAX ((size_t)256)

/* The memory that wire_msg_labels_copy needs; 0 for no labels. */
size_t wire_msg_labels_bytes(const struct wire_msg_pairs *labels);

/*
 * Copies labels into memory of wire_msg_labels_bytes, aligned for a pointer, which stays the
 * caller's: the copy needs nothing of the message any more.
 */
struct wire_msg_pairs wire_msg_labels_copy(const struct wire_msg_pairs *labels, void *memory);

/* Whether labels has each of wanted with the same value; always, if wanted is empty. */
bool wire_msg_labels_match(const struct wire_msg_pairs *labels,
                           const struct wire_msg_pairs *wanted);

/* Writes labels as a value: an object. */
void wire_msg_labels_write(struct wire_json_writer *writer, const struct wire_msg_pairs *labels);

#endif
