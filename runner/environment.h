/*
 * What the server tells clients of its surroundings: shell, directories, platform. Learned once at
 * start on the main thread; never changes after that and is for any thread.
 */
#ifndef RUN_ENVIRONMENT_H
#define RUN_ENVIRONMENT_H

#include "wire/msg_initialize.h"

#include <limits.h>

enum { RUN_DIRECTORY_URI_BYTES = 4096 * 3 + 16 }; /* PATH_MAX bytes, all percent-encoded */

enum run_capability { RUN_CAPABILITY_WATCH_MISSING, RUN_CAPABILITIES };

struct run_environment {
    struct wire_msg_environment message; /* points into what follows */
    int64_t own_uid;                     /* the server's user */
    char shell_path[256];
    struct wire_msg_capability capabilities[RUN_CAPABILITIES];
    char *cwd_uri, *home_uri, *temp_uri; /* heap; NULL: not known, not sent */
};

/* Learns everything; what cannot be learned is not told. Looks at the file system. */
void run_environment_init(struct run_environment *environment);
void run_environment_deinit(struct run_environment *environment);

#endif
