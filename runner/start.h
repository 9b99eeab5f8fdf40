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
#include "wire/msg_sandbox.h"

/* A start in the words of either dialect; everything is borrowed. */
struct run_start {
    struct wire_span id;
    const char *const *argv;
    const char *arg0;
    const char *cwd;
    const struct wire_msg_pairs *env;
    const struct wire_msg_env_policy *env_policy;
    enum sess_stdio stdio;
    uint16_t rows, columns; /* of a terminal; 0: the usual */
    const struct sess_label *labels;
    size_t label_count;
    struct sess_limits limits;
    uint64_t detach_ttl_ns;
    const struct wire_msg_sandbox *sandbox; /* managed; NULL: none was asked for */
};

/* Starts it; the request is answered now or by the session. */
void run_start(struct run_request *request, const struct run_start *start);

/* Answers a start whose sandbox cannot be enforced, for this reason. */
void run_start_refuse_sandbox(struct run_request *request, const char *reason);

/* A write in the words of either dialect; everything is borrowed. */
struct run_write {
    struct wire_span name; /* the session's, for texts */
    const struct wire_msg_chunk *chunk;
    uint64_t key; /* of its write id; 0: none */
    sess_request_callback *answer;
};

/* Decodes the chunk into a lease and posts it. */
void run_write(struct run_request *request, struct run_proc *proc, const struct run_write *write);

#endif
