/*
 * Labels are pairs with limits of their own; sessions/ keeps and compares them, so that reading and
 * writing is all that there is here. No I/O, no memory of its own.
 */
#include "wire/msg_labels.h"

#include "wire/msg_fields.h"

int wire_msg_read_labels(struct wire_msg_parser *parser, const char *name,
                         const struct wire_json_token *token, void *target)
{
    static const struct wire_msg_pairs_rule rule = {
        .takes_equals = true,
        .count_max = WIRE_MSG_LABELS_MAX,
        .name_max_bytes = WIRE_MSG_LABEL_NAME_MAX,
        .value_max_bytes = WIRE_MSG_LABEL_VALUE_MAX,
    };
    return wire_msg_read_ruled_pairs(parser, name, token, &rule, target);
}

void wire_msg_labels_write(struct wire_json_writer *writer, const struct wire_msg_pairs *labels)
{
    wire_json_writer_begin_object(writer);
    for (size_t i = 0; i < labels->count; i++) {
        wire_json_writer_key(writer, labels->items[i].name);
        wire_json_writer_text(writer, labels->items[i].value);
    }
    wire_json_writer_end_object(writer);
}
