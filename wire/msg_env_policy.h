/*
 * The environment that a program gets: the client's variables alone, or the server's environment
 * put through a policy and the client's variables over it.
 *
 *     inherit -> default excludes -> exclude -> set -> includeOnly -> env
 *
 * A pure function of its arguments: the server's environment is one of them, and what differs
 * between systems is a table that the caller names. Any thread.
 */
#ifndef WIRE_MSG_ENV_POLICY_H
#define WIRE_MSG_ENV_POLICY_H

#include "wire/msg_arena.h"
#include "wire/msg_parser.h"

enum wire_msg_env_inherit {
    WIRE_MSG_INHERIT_ALL = 1,
    WIRE_MSG_INHERIT_CORE = 2, /* the variables of the platform's list */
    WIRE_MSG_INHERIT_NONE = 3,
};

/* Globs know * (any characters) and ? (one character), and compare ASCII letters without case. */
struct wire_msg_env_policy {
    bool is_present; /* false: the environment is env alone */
    enum wire_msg_env_inherit inherit;
    bool
        ignores_default_excludes; /* else what looks like a secret is dropped: KEY, SECRET, TOKEN */
    struct wire_msg_strings exclude;
    struct wire_msg_pairs set;
    struct wire_msg_strings include_only; /* empty: everything */
};

/* What differs between systems. */
struct wire_msg_env_platform {
    const char *const *core; /* names, ends with NULL; compared without case */
    bool ignores_case;       /* Path and PATH are one variable */
    const char *pathext;     /* PATHEXT where a policy leaves it out; NULL: not added */
};

extern const struct wire_msg_env_platform wire_msg_env_posix;
extern const struct wire_msg_env_platform wire_msg_env_windows;

struct wire_msg_env_request {
    const struct wire_msg_env_policy *policy;
    const struct wire_msg_pairs *env;
    const char *const *server; /* "NAME=VALUE" ..., ends with NULL; others are skipped */
    const struct wire_msg_env_platform *platform;
};

/* The memory that an arena for wire_msg_env_build always finds enough. */
size_t wire_msg_env_bytes(const struct wire_msg_env_request *request);

/*
 * Builds the environment: "NAME=VALUE" strings, ends with NULL, each name once. Variables that come
 * from the server's environment unchanged are the server's own strings, the others and the array
 * are in the arena. Returns NULL if the arena is too small. *out_count may be NULL.
 */
WIRE_MUST_CHECK const char *const *wire_msg_env_build(const struct wire_msg_env_request *request,
                                                      struct wire_msg_arena *arena,
                                                      size_t *out_count);

/* Whether name matches the glob. */
bool wire_msg_env_match(const char *glob, const char *name, size_t name_size);

#endif
