/*
 * What the parsers of single messages share: where they put what they decode, and what they say
 * when the params are bad. One parser serves one message after the other; what a message decoded to
 * lives in the caller's memory and in the message itself, as long as both do.
 *
 * Every failure leaves a code and a text that names the member, ready for an error reply. Belongs
 * to one thread at a time.
 */
#ifndef WIRE_MSG_PARSER_H
#define WIRE_MSG_PARSER_H

#include "wire/json_reader.h"
#include "wire/msg_arena.h"
#include "wire/msg_path.h"

/* A process id, session id or write id once decoded: it is in every frame or kept for long. */
#define WIRE_MSG_ID_LIMIT ((size_t)1024)
/* The text of a problem; names from clients are cut to fit. */
#define WIRE_MSG_PROBLEM_BYTES 256

/* A time in milliseconds: 34 years, so that its nanoseconds fit every clock. */
#define WIRE_MSG_MS_MAX (UINT64_C(1) << 40)

enum wire_msg_error {
    WIRE_MSG_ERR_PARAMS = -1,   /* the client's mistake: the problem says which */
    WIRE_MSG_ERR_CAPACITY = -2, /* the memory is smaller than wire_msg_parser_bytes */
};

/* Why a message is refused: what the error reply says. */
struct wire_msg_problem {
    int code;                          /* enum wire_rpc_code */
    char text[WIRE_MSG_PROBLEM_BYTES]; /* UTF-8 with a NUL */
};

/* Strings with a NUL each; items ends with NULL, which count does not include. */
struct wire_msg_strings {
    const char *const *items; /* NULL if the member was not there */
    size_t count;
};

/* Names with their values, in the order of the message. */
struct wire_msg_pair {
    const char *name; /* not empty; a variable's has no '=' */
    const char *value;
};
struct wire_msg_pairs {
    const struct wire_msg_pair *items;
    size_t count;
};

/* A number that may not be there. */
struct wire_msg_number {
    uint64_t value; /* 0 if it was not */
    bool is_present;
};

struct wire_msg_parser {
    struct wire_json_scratch *scratch;
    struct wire_msg_arena arena;
    enum wire_msg_path_style path_style;
    const char *scope; /* what stands before a member's name in a text: "" or "envPolicy." */
    struct wire_json_reader reader;
    struct wire_msg_problem problem; /* of the last failure */
};

/* The memory that always is enough for a message with params of so many bytes. */
static inline size_t wire_msg_parser_bytes(size_t params_bytes)
{
    /* The worst is a list of empty strings: 3 bytes of JSON make a pointer and a NUL. */
    return 3 * params_bytes + 64;
}

/*
 * Begins with memory (borrowed, as scratch is, until the caller is done with the message).
 * path_style is the form in which the server wants working directories.
 */
void wire_msg_parser_init(struct wire_msg_parser *parser, struct wire_json_scratch *scratch,
                          void *memory, size_t size_bytes, enum wire_msg_path_style path_style);

#endif
