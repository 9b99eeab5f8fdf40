/*
 * The pieces of a JSON document as the reader hands them out, what is wrong with a document, and
 * how a token becomes a value.
 *
 * A token is a span of the reader's input and lives as long as that input; nothing is copied or
 * decoded until one of the functions here is asked to. They are pure; any thread.
 */
#ifndef WIRE_JSON_TOKEN_H
#define WIRE_JSON_TOKEN_H

#include "wire/span.h"

/* What wire_json_reader_next returns when it does not return an error. */
enum wire_json_event {
    WIRE_JSON_END = 1, /* the document and the white space behind it have ended */
    WIRE_JSON_OBJECT_BEGIN,
    WIRE_JSON_OBJECT_END,
    WIRE_JSON_ARRAY_BEGIN,
    WIRE_JSON_ARRAY_END,
    WIRE_JSON_KEY, /* a member's name; its value comes next */
    WIRE_JSON_STRING,
    WIRE_JSON_NUMBER,
    WIRE_JSON_TRUE,
    WIRE_JSON_FALSE,
    WIRE_JSON_NULL,
};

/* Why something failed. The first group belongs to the reader, the second to the functions here. */
enum wire_json_error {
    WIRE_JSON_OK = 0,
    WIRE_JSON_ERR_TRUNCATED = -1,  /* the input ends inside the document */
    WIRE_JSON_ERR_VALUE = -2,      /* something else where a value must begin */
    WIRE_JSON_ERR_NAME = -3,       /* something else where a member's name must begin */
    WIRE_JSON_ERR_COLON = -4,      /* no colon behind a name */
    WIRE_JSON_ERR_COMMA = -5,      /* neither comma nor closing bracket behind an element */
    WIRE_JSON_ERR_TRAILING = -6,   /* something behind the document */
    WIRE_JSON_ERR_NUMBER = -7,     /* against the number grammar */
    WIRE_JSON_ERR_CONTROL = -8,    /* raw control character in a string */
    WIRE_JSON_ERR_ESCAPE = -9,     /* unknown or malformed escape */
    WIRE_JSON_ERR_SURROGATE = -10, /* half of a surrogate pair alone */
    WIRE_JSON_ERR_UTF8 = -11,      /* ill-formed UTF-8 in a string */
    WIRE_JSON_ERR_DUPLICATE = -12, /* an object names a member twice */
    WIRE_JSON_ERR_DEPTH = -13,     /* limit: nesting */
    WIRE_JSON_ERR_MEMBERS = -14,   /* limit: members of open objects */
    WIRE_JSON_ERR_STRING = -15,    /* limit: size of one string */
    WIRE_JSON_ERR_TOTAL = -16,     /* limit: size of the document */

    WIRE_JSON_ERR_TYPE = -20,     /* the token is of another kind */
    WIRE_JSON_ERR_INTEGER = -21,  /* a number with a fraction or an exponent */
    WIRE_JSON_ERR_RANGE = -22,    /* an integer that does not fit */
    WIRE_JSON_ERR_CAPACITY = -23, /* the buffer is too small */
    WIRE_JSON_ERR_TEXT = -24,     /* writer: a text that must be UTF-8 is not */
};

/*
 * One token. text is, by event: KEY and STRING what is between the quotes, escapes as they stand;
 * NUMBER, TRUE, FALSE, NULL the characters; a begin or end its bracket; END nothing.
 */
struct wire_json_token {
    struct wire_span text;
    uint8_t event;    /* enum wire_json_event */
    bool has_escapes; /* KEY, STRING: text holds backslashes and must be decoded */
    bool has_nul;     /* KEY, STRING: decoded, it holds U+0000 */
};

/* A short English phrase for an error, for messages to people; never NULL. */
const char *wire_json_error_text(int error);

/*
 * Gives the token's string. Without escapes *out_text is the token's own span and buffer is not
 * touched; with escapes it is decoded into buffer. A buffer of token->text.size bytes always is
 * enough. The text may hold U+0000 (has_nul).
 * Errors: WIRE_JSON_ERR_TYPE unless the token is a KEY or STRING, WIRE_JSON_ERR_CAPACITY.
 */
WIRE_MUST_CHECK int wire_json_token_string(const struct wire_json_token *token, uint8_t *buffer,
                                           size_t capacity, struct wire_span *out_text);

/*
 * Decodes the escapes of text, which must be a KEY's or STRING's text from the reader (asserted),
 * into buffer, which may be text's own memory. Returns the decoded size, never above text.size, or
 * WIRE_JSON_ERR_CAPACITY, after which buffer's content is undefined.
 */
WIRE_MUST_CHECK ptrdiff_t wire_json_string_decode(struct wire_span text, uint8_t *buffer,
                                                  size_t capacity);

/* Whether the token is a KEY or STRING and decodes to exactly the C string name. */
bool wire_json_token_is(const struct wire_json_token *token, const char *name);

/* Whether two texts of a KEY or STRING are the same once decoded. */
bool wire_json_string_equal(struct wire_span left, struct wire_span right);

/*
 * The exact integer of a NUMBER token; -0 is 0. Errors: WIRE_JSON_ERR_TYPE, WIRE_JSON_ERR_INTEGER
 * (1.0 and 1e2 are no integers here), WIRE_JSON_ERR_RANGE.
 */
WIRE_MUST_CHECK int wire_json_token_int64(const struct wire_json_token *token, int64_t *out_value);
WIRE_MUST_CHECK int wire_json_token_uint64(const struct wire_json_token *token,
                                           uint64_t *out_value);
WIRE_MUST_CHECK int wire_json_token_uint32(const struct wire_json_token *token,
                                           uint32_t *out_value);
WIRE_MUST_CHECK int wire_json_token_int32(const struct wire_json_token *token, int32_t *out_value);

/* The value of a TRUE or FALSE token; else WIRE_JSON_ERR_TYPE. */
WIRE_MUST_CHECK int wire_json_token_bool(const struct wire_json_token *token, bool *out_value);

#endif
