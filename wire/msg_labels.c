/*
 * Labels are few and short (their limits say how few and how short), so that comparing one by one
 * is all the search there is. A copy is one block: the pairs, then the texts.
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

size_t wire_msg_labels_bytes(const struct wire_msg_pairs *labels)
{
    size_t size = labels->count * sizeof(struct wire_msg_pair);
    for (size_t i = 0; i < labels->count; i++) {
        size += strlen(labels->items[i].name) + strlen(labels->items[i].value) + 2;
    }
    return size;
}

static const char *copy_text(char **at, const char *text)
{
    char *copy = *at;
    size_t size = strlen(text) + 1;
    memcpy(copy, text, size);
    *at = copy + size;
    return copy;
}

struct wire_msg_pairs wire_msg_labels_copy(const struct wire_msg_pairs *labels, void *memory)
{
    struct wire_msg_pair *items = memory;
    char *at = (char *)memory + labels->count * sizeof *items;
    for (size_t i = 0; i < labels->count; i++) {
        items[i].name = copy_text(&at, labels->items[i].name);
        items[i].value = copy_text(&at, labels->items[i].value);
    }
    return (struct wire_msg_pairs){.items = items, .count = labels->count};
}

static bool has_label(const struct wire_msg_pairs *labels, const struct wire_msg_pair *wanted)
{
    for (size_t i = 0; i < labels->count; i++) {
        if (strcmp(labels->items[i].name, wanted->name) == 0) {
            return strcmp(labels->items[i].value, wanted->value) == 0;
        }
    }
    return false;
}

bool wire_msg_labels_match(const struct wire_msg_pairs *labels, const struct wire_msg_pairs *wanted)
{
    for (size_t i = 0; i < wanted->count; i++) {
        if (!has_label(labels, &wanted->items[i])) {
            return false;
        }
    }
    return true;
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
