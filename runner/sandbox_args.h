/*
 * Permissions as the arguments of bubblewrap: a list of strings, each with its NUL, as its option
 * --args reads them. Pure logic.
 */
#ifndef RUN_SANDBOX_ARGS_H
#define RUN_SANDBOX_ARGS_H

#include "runner/permissions.h"

/* A list that grows; zeroed at first. data is the caller's to free, also after a failure. */
struct run_sandbox_args {
    char *data;
    size_t size, capacity;
    bool failed; /* no memory */
};

struct run_sandbox_asked {
    const struct run_permissions *permissions; /* resolved */
    const char *const *hidden; /* files that the program must not use, whatever is granted; NULL at
                                  the end, or NULL */
    const char *const *fixed; /* what nobody may write, whoever owns it; NULL at the end, or NULL */
    int filter_fd;            /* of the filter for system calls; -1: none */
};

/* Writes the arguments. Returns 0, or -1 with the reason if bubblewrap cannot give what is granted.
 */
RUN_MUST_CHECK int run_sandbox_args(struct run_sandbox_args *args,
                                    const struct run_sandbox_asked *asked, struct run_why *out_why);

#endif
