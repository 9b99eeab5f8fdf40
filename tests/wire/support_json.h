/*
 * A reader with its scratch, and a document as text: what the JSON tests share. To be called on the
 * test's own thread only.
 */
#ifndef SUPPORT_JSON_H
#define SUPPORT_JSON_H

#include "wire/json_reader.h"

/* A reader over a document, with scratch for the default number of members. */
struct support_json {
    struct wire_json_reader reader;
    struct wire_json_scratch scratch;
    uint32_t memory[WIRE_JSON_SCRATCH_BYTES(WIRE_JSON_MEMBERS_DEFAULT) / sizeof(uint32_t)];
};

/* Begins reading; limits may be NULL. The scratch is filled with rubbish first. */
void support_json_start(struct support_json *json, struct wire_span document,
                        const struct wire_json_limits *limits);

/* Reads to the end. Returns 0 or the error. */
int support_json_check(struct support_json *json, struct wire_span document,
                       const struct wire_json_limits *limits);

/*
 * The document's events, one a line, strings decoded with bytes outside printable ASCII as \xNN;
 * on an error its offset and words as the last line. The caller frees it.
 */
char *support_json_dump(struct wire_span document);

#endif
