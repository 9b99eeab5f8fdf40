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

/* Writes labels as a value: an object. */
void wire_msg_labels_write(struct wire_json_writer *writer, const struct wire_msg_pairs *labels);

#endif
