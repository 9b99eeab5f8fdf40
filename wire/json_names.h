/*
 * The names of the objects that a JSON reader has open, so that a second member of the same name
 * is found.
 *
 * Internal to json_reader.c. Works on the reader's scratch only; the reader's thread.
 */
#ifndef WIRE_JSON_NAMES_H
#define WIRE_JSON_NAMES_H

#include "wire/json_reader.h"

/* A member's name: text between the quotes, as it stands in the reader's document. */
struct wire_json_name_text {
    struct wire_span text;
    bool has_escapes;
};

/*
 * Adds a name to the innermost open object. Returns 0, WIRE_JSON_ERR_DUPLICATE or
 * WIRE_JSON_ERR_MEMBERS.
 */
int wire_json_names_add(struct wire_json_reader *reader, struct wire_json_name_text name);

/* Forgets the names of the innermost open object, which ends. */
void wire_json_names_forget(struct wire_json_reader *reader);

#endif
