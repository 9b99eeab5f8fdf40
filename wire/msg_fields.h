/*
 * Params as tables: a message is a struct, its members are rows that say where in the struct a
 * member goes and which function reads it. For the msg_ files of this folder; callers use the
 * parsers in msg_command.h, msg_process.h and msg_initialize.h.
 *
 * Unknown members are skipped; null stands for an optional member that is not there; a required
 * member that is missing, and any member of the wrong type, is a problem that names it.
 */
#ifndef WIRE_MSG_FIELDS_H
#define WIRE_MSG_FIELDS_H

#include "wire/compiler.h"
#include "wire/msg_parser.h"

/*
 * Reads a member's value, whose first token is given, into target. name is for the problem's text.
 * Returns 0 or a negative enum wire_msg_error with the parser's problem filled in.
 */
typedef int wire_msg_read(struct wire_msg_parser *parser, const char *name,
                          const struct wire_json_token *token, void *target);

struct wire_msg_field {
    const char *name;
    wire_msg_read *read;
    size_t offset; /* of the target in the message's struct */
    bool is_required;
};

#define WIRE_MSG_REQUIRED(type, member, json_name, read)                                           \
    {                                                                                              \
        json_name, read, offsetof(type, member), true                                              \
    }
#define WIRE_MSG_OPTIONAL(type, member, json_name, read)                                           \
    {                                                                                              \
        json_name, read, offsetof(type, member), false                                             \
    }

/* Rows that one table may have: the members seen are bits. */
#define WIRE_MSG_FIELDS_MAX 32

/* The members of an object. scope stands before their names in problems: "" or "envPolicy.". */
struct wire_msg_table {
    const struct wire_msg_field *fields;
    size_t count; /* at most WIRE_MSG_FIELDS_MAX (asserted) */
    const char *scope;
    bool is_strict; /* a member that is not in the table is a problem, unless null or false */
};

/* The table of an array of rows. */
#define WIRE_MSG_TABLE(rows, scope_text)                                                           \
    ((struct wire_msg_table){                                                                      \
        .fields = (rows), .count = sizeof(rows) / sizeof((rows)[0]), .scope = (scope_text)})

/* The same for an object in which nothing may be overheard. */
#define WIRE_MSG_STRICT_TABLE(rows, scope_text)                                                    \
    ((struct wire_msg_table){.fields = (rows),                                                     \
                             .count = sizeof(rows) / sizeof((rows)[0]),                            \
                             .scope = (scope_text),                                                \
                             .is_strict = true})

/*
 * Reads params, JSON that has been checked or data NULL for none, by a table into the zeroed struct
 * out. Returns 0 or a negative enum wire_msg_error.
 */
WIRE_MUST_CHECK int wire_msg_read_params(struct wire_msg_parser *parser, struct wire_span params,
                                         struct wire_msg_table table, void *out);

/* Reads a member that is an object, whose first token is given, by a table into out. */
WIRE_MUST_CHECK int wire_msg_read_object(struct wire_msg_parser *parser, const char *name,
                                         const struct wire_json_token *token,
                                         struct wire_msg_table table, void *out);

/* Readers; the comment names the target's type. */
wire_msg_read wire_msg_read_text;    /* const char *: a string without U+0000 */
wire_msg_read wire_msg_read_id;      /* struct wire_span: any string up to WIRE_MSG_ID_LIMIT */
wire_msg_read wire_msg_read_bool;    /* bool */
wire_msg_read wire_msg_read_uint32;  /* uint32_t */
wire_msg_read wire_msg_read_uint64;  /* uint64_t */
wire_msg_read wire_msg_read_ms;      /* uint64_t: up to WIRE_MSG_MS_MAX */
wire_msg_read wire_msg_read_number;  /* struct wire_msg_number */
wire_msg_read wire_msg_read_timeout; /* struct wire_msg_number: up to WIRE_MSG_MS_MAX */
wire_msg_read wire_msg_read_cells;   /* uint16_t: rows or columns of a terminal, from 1 */
wire_msg_read wire_msg_read_raw;     /* struct wire_span: any value as it stands */
wire_msg_read wire_msg_read_cwd;     /* const char *: a path, by the parser's path_style */
wire_msg_read wire_msg_read_strings; /* struct wire_msg_strings */
wire_msg_read wire_msg_read_argv;    /* struct wire_msg_strings: not empty */
wire_msg_read wire_msg_read_pairs;   /* struct wire_msg_pairs */
wire_msg_read wire_msg_read_chunk;   /* struct wire_msg_chunk */
wire_msg_read wire_msg_read_labels;  /* struct wire_msg_pairs: labels of msg_labels.h */

/* Takes an element of an array: its index counts from 0. */
typedef int wire_msg_push(struct wire_msg_parser *parser, const char *name, size_t index,
                          const struct wire_json_token *token);

/* Reads the array whose begin was read last, element by element, and counts them. */
WIRE_MUST_CHECK int wire_msg_read_array(struct wire_msg_parser *parser, const char *name,
                                        wire_msg_push *push, size_t *out_count);

/* What names and values of pairs may be; a limit of 0 is none. */
struct wire_msg_pairs_rule {
    bool takes_equals; /* in a name */
    size_t count_max;
    size_t name_max_bytes;
    size_t value_max_bytes;
};

/* Reads an object of strings as a rule has it. */
WIRE_MUST_CHECK int wire_msg_read_ruled_pairs(struct wire_msg_parser *parser, const char *name,
                                              const struct wire_json_token *token,
                                              const struct wire_msg_pairs_rule *rule,
                                              struct wire_msg_pairs *out);

/*
 * Reads a string that must be one of count words and gives its index.
 */
WIRE_MUST_CHECK int wire_msg_read_word(struct wire_msg_parser *parser, const char *name,
                                       const struct wire_json_token *token,
                                       const char *const *words, size_t count, size_t *out_index);

/* Fills the problem (invalid params) from a printf format; returns WIRE_MSG_ERR_PARAMS. */
int wire_msg_refuse(struct wire_msg_parser *parser, const char *format, ...) WIRE_PRINTF(2, 3);

/* The problem that a member should have been of another type ("a string"). */
int wire_msg_refuse_type(struct wire_msg_parser *parser, const char *name, const char *expected);

/* The problem that the memory is too small: our own mistake, and said so. */
int wire_msg_refuse_capacity(struct wire_msg_parser *parser);

/* The problem that the document itself is bad; for callers that did not check it before. */
int wire_msg_refuse_json(struct wire_msg_parser *parser);

/* Decodes a KEY or STRING into the arena, with a NUL. Returns NULL if there is no room. */
char *wire_msg_decode_text(struct wire_msg_parser *parser, const struct wire_json_token *token,
                           size_t *out_size);

#endif
