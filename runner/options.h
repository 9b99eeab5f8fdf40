/* The command line of execport-runner: one flat table of options (options_table.c) from which both
 * the reading (options.c) and the help (help.c) are made. Reading keeps no state of its own apart
 * from what getopt keeps, opens nothing and prints nothing; it runs once, on the main thread,
 * before any other thread exists. Strings in the result point into argv.
 */
#ifndef RUN_OPTIONS_H
#define RUN_OPTIONS_H

#include "runner/listen_url.h"
#include "runner/options_why.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A server listens at a handful of places; sixteen leaves room and bounds what starts at once. */
#define RUN_LISTEN_MAX 16

/* Names are compared one after the other on every upgrade request. */
#define RUN_ALLOW_HOST_MAX 64

/* The exit status of a refused command line. */
#define RUN_EXIT_USAGE 2

#define RUN_SHA256_BYTES 32

enum run_options_result {
    RUN_OPTIONS_BAD = -1,    /* the text says why; exit with RUN_EXIT_USAGE */
    RUN_OPTIONS_RUN = 0,     /* serve */
    RUN_OPTIONS_HELP = 1,    /* print the help and exit 0 */
    RUN_OPTIONS_VERSION = 2, /* print the version and exit 0 */
};

/* In the order of severity: a level lets through itself and what comes before it. */
enum run_log_level {
    RUN_LOG_ERROR,
    RUN_LOG_WARN,
    RUN_LOG_INFO,
    RUN_LOG_DEBUG,
};

/* Everything that the command line decides. Numbers keep the unit of their name. */
struct run_options {
    struct run_listen_url listen[RUN_LISTEN_MAX];
    size_t listen_count;
    const char *ws_token_file; /* NULL if not given */
    bool ws_token_digest_given;
    uint8_t ws_token_sha256[RUN_SHA256_BYTES];
    const char *allow_host[RUN_ALLOW_HOST_MAX];
    size_t allow_host_count;
    bool allow_any_local_user;
    bool no_metrics;
    enum run_log_level log_level;
    bool log_json;
    uint64_t workers; /* 0: as many as processors */
    uint64_t helpers;
    uint64_t shutdown_grace_ms;
    uint64_t drain_quiet_ms;
    uint64_t drain_max_ms;
    uint64_t stdin_queue_bytes;
    uint64_t window_bytes;
    uint64_t resume_ring_bytes;
    uint64_t retain_bytes;
    uint64_t retain_total_bytes;
    uint64_t max_sessions; /* 0: what the host allows */
    uint64_t max_sessions_per_client;
    uint64_t max_tenures;
    uint64_t max_observers;
    uint64_t max_observed;
    uint64_t observer_queue_bytes;
    uint64_t max_message_bytes;
    uint64_t ping_interval_ms;
    uint64_t send_timeout_ms;
    uint64_t detach_ttl_ms;
    uint64_t tombstone_ttl_ms;
    bool no_direct_exec;
    bool no_prepared_exec;
    bool no_files;
    const char *files_root; /* NULL: none */
    uint64_t max_file_read_bytes;
    const char *bubblewrap; /* NULL: to be looked for */
    bool no_sandbox_exec;
};

/* Reads the command line into OUT_OPTIONS, with the default where nothing is given and
 * `ws://127.0.0.1:0` where no listener is. ARGV may be reordered and must outlive OUT_OPTIONS.
 * Returns an enum run_options_result. For RUN_OPTIONS_BAD OUT_WHY (may be NULL) names the option,
 * the value, what was wrong and what to do, and OUT_OPTIONS is of no use. Main thread only.
 */
RUN_MUST_CHECK int run_options_parse(int argc, char **argv, struct run_options *out_options,
                                     struct run_why *out_why);

/* Writes the help, made of the table, to FILE. Main thread only. */
void run_options_print_help(FILE *file);

#endif
