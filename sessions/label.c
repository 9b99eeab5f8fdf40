/*
 * Labels: see label.h. Plain data behind the id of a session, written before its first event.
 */
#include "sessions/label.h"

#include "sessions/session_struct.h"

#include <string.h>

uint64_t sess_labels_bytes(const struct sess_label *labels, size_t count)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += strlen(labels[i].name) + strlen(labels[i].value) + 2;
    return bytes;
}

static char *copy(char *to, const char *string)
{
    size_t size = strlen(string) + 1;
    memcpy(to, string, size);
    return to + size;
}

void sess_labels_copy(const struct sess_label *labels, size_t count, char *to)
{
    for (size_t i = 0; i < count; i++)
        to = copy(copy(to, labels[i].name), labels[i].value);
}

bool sess_session_label(const struct sess_session *session, size_t *cursor,
                        struct sess_label *out_label)
{
    if (*cursor >= session->labels_size_bytes)
        return false;
    const char *name = session->id + session->id_size_bytes + *cursor;
    const char *value = name + strlen(name) + 1;
    *out_label = (struct sess_label){name, value};
    *cursor += strlen(name) + strlen(value) + 2;
    return true;
}

static bool has(const struct sess_session *session, const struct sess_label *wanted)
{
    struct sess_label label;
    for (size_t cursor = 0; sess_session_label(session, &cursor, &label);) {
        if (strcmp(label.name, wanted->name) == 0 && strcmp(label.value, wanted->value) == 0)
            return true;
    }
    return false;
}

bool sess_session_has_labels(const struct sess_session *session, const struct sess_label *labels,
                             size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!has(session, &labels[i]))
            return false;
    }
    return true;
}
