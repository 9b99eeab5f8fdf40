/*
 * Writes one JSON value into a bounded buffer of the caller. It never allocates and never writes
 * past the buffer.
 *
 * Errors are sticky, so a message is written without looking and checked once, by finish. After
 * the buffer ran full the writer goes on counting: needed_bytes is then the size that would have
 * been enough. Misuse (a value without a key, a wrong end) is our mistake and is asserted.
 * One writer belongs to one thread at a time. No white space is written.
 */
#ifndef WIRE_JSON_WRITER_H
#define WIRE_JSON_WRITER_H

#include "wire/json_token.h"

struct wire_base64_codec;

/* Nesting that a writer can do, asserted; a reader takes no more either. */
#define WIRE_JSON_WRITER_DEPTH 64

/* A value being written. Read needed_bytes; the other fields are the writer's own. */
struct wire_json_writer {
    uint8_t *buffer;
    size_t capacity;
    size_t needed_bytes; /* written so far, or what it would be had the buffer been large enough */
    uint64_t objects;    /* bit d: the container at depth d is an object */
    uint8_t depth;
    bool needs_comma;
    bool after_key;
    int8_t error; /* WIRE_JSON_OK or WIRE_JSON_ERR_TEXT */
};

/*
 * Begins writing into buffer, borrowed until finish. With capacity 0 (buffer may be NULL) it only
 * counts.
 */
void wire_json_writer_init(struct wire_json_writer *writer, uint8_t *buffer, size_t capacity);

/* Begin and end a container, as a value of its own; ends match begins (asserted). */
void wire_json_writer_begin_object(struct wire_json_writer *writer);
void wire_json_writer_end_object(struct wire_json_writer *writer);
void wire_json_writer_begin_array(struct wire_json_writer *writer);
void wire_json_writer_end_array(struct wire_json_writer *writer);

/* A member's name from our own code, UTF-8; that names are unique is the caller's matter. */
void wire_json_writer_key(struct wire_json_writer *writer, const char *name);

/* A member's name from elsewhere; as wire_json_writer_string. */
void wire_json_writer_key_span(struct wire_json_writer *writer, struct wire_span name);

/* A string. If text is not UTF-8 the writer's error becomes WIRE_JSON_ERR_TEXT. */
void wire_json_writer_string(struct wire_json_writer *writer, struct wire_span text);

/* A string. What is not UTF-8 in text becomes U+FFFD, one for each maximal subpart. */
void wire_json_writer_string_lossy(struct wire_json_writer *writer, struct wire_span text);

/* A string from a C string; as wire_json_writer_string. */
void wire_json_writer_text(struct wire_json_writer *writer, const char *text);

/* A string that holds bytes in base64, encoded straight into the buffer: the only copy. */
void wire_json_writer_base64(struct wire_json_writer *writer, const struct wire_base64_codec *codec,
                             struct wire_span bytes);

/* A string in base64 whose bytes come in pieces. The fields are the writer's own. */
struct wire_json_base64 {
    struct wire_json_writer *writer;
    const struct wire_base64_codec *codec;
    uint8_t carry[3]; /* the last bytes, which make no whole group yet */
    uint8_t carry_size;
};

/*
 * Begins such a string. Until wire_json_base64_end nothing else is written with writer; base64 is
 * the caller's memory.
 */
void wire_json_writer_begin_base64(struct wire_json_writer *writer, struct wire_json_base64 *base64,
                                   const struct wire_base64_codec *codec);

/* Adds bytes, encoded straight into the buffer. */
void wire_json_base64_push(struct wire_json_base64 *base64, struct wire_span bytes);

/* Ends the string. */
void wire_json_base64_end(struct wire_json_base64 *base64);

/* A number, exact. */
void wire_json_writer_int64(struct wire_json_writer *writer, int64_t value);
void wire_json_writer_uint64(struct wire_json_writer *writer, uint64_t value);

/* A literal. */
void wire_json_writer_bool(struct wire_json_writer *writer, bool value);
void wire_json_writer_null(struct wire_json_writer *writer);

/* A value that is JSON already, as wire_json_reader_raw gives it; copied unseen, not empty. */
void wire_json_writer_raw(struct wire_json_writer *writer, struct wire_span json);

/*
 * Ends the value (one whole value and no open container: asserted) and gives what was written, a
 * span of the buffer. Errors: WIRE_JSON_ERR_TEXT; WIRE_JSON_ERR_CAPACITY, with the size needed in
 * needed_bytes.
 */
WIRE_MUST_CHECK int wire_json_writer_finish(const struct wire_json_writer *writer,
                                            struct wire_span *out_json);

#endif
