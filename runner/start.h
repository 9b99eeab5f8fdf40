/*
 * What both dialects do alike: building a child's environment and starting it, and decoding what is
 * written to it. On the connection's strand.
 */
#ifndef RUN_START_H
#define RUN_START_H

#include "runner/dispatch.h"
#include "runner/proc.h"
#include "wire/msg_chunk.h"
#include "wire/msg_env_policy.h"

/* A start in the words of either dialect; everything is borrowed. */
struct run_start {
    struct wire_span id;
    const char *const *argv;
    const char *arg0;
    const char *cwd;
    const struct wire_msg_pairs *env;
    const struct wire_msg_env_policy *env_policy;
    enum sess_stdio stdio;
};

/* Starts it; the request is answered now or by the session. */
void run_start(struct run_request *request, const struct run_start *start);

/* Decodes the chunk into a lease and posts it as a write, which answer answers. */
void run_write(struct run_request *request, struct run_proc *proc, struct wire_span name,
               const struct wire_msg_chunk *chunk, sess_request_callback *answer);

#endif
