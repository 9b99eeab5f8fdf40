/*
 * execport-runner: the order in which the program comes up and goes down. Main thread only; after
 * the keepers have forked, this is the server.
 */
#include "runner/auth.h"
#include "runner/fds.h"
#include "runner/keeper.h"
#include "runner/rlimit.h"
#include "runner/sandbox_inside.h"
#include "runner/server.h"
#include "runner/stdio.h"

#include <execport_version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    STDERR_DESCRIPTOR = 2,
    READ_SLAB_BYTES = 256 * 1024 * 1024,
    LOG_CLOSE_MS = 1000,   /* for a reader of the log that is slow */
    STDOUT_CLOSE_MS = 2000 /* the same for standard output */
};

extern char **environ;

static int fail(const struct run_why *why)
{
    (void)fprintf(stderr, "execport-runner: %s\n", why->text);
    return EXIT_FAILURE;
}

/* ---- Opening, each step undone by close_parts ---- */

static int open_log(struct run_server *server, struct run_why *out_why)
{
    struct run_log_options options = {.level = server->options->log_level,
                                      .json = server->options->log_json,
                                      .fd = STDERR_DESCRIPTOR};
    if (run_log_open(&options, &server->log) != 0)
        return run_why_set(out_why, -1, "cannot start the log: out of memory or threads");
    return 0;
}

static void on_helper_late(void *context, const char *what, unsigned elapsed_ms)
{
    struct run_server *server = context;
    run_log_event(server->log, RUN_LOG_WARN, "call_hangs", RUN_LOG_TEXT("call", what),
                  RUN_LOG_UNSIGNED("elapsed_ms", elapsed_ms));
}

static int open_port(struct run_server *server, struct run_why *out_why)
{
    const struct run_options *options = server->options;
    struct iocp_port_options port_options = {
        .workers = (unsigned)options->workers,
        .helpers = {(unsigned)options->helpers, (unsigned)options->helpers,
                    (unsigned)options->helpers},
        /* Retained output may pin twice its size, and reads need slabs beside it. */
        .slab_limit_bytes = (size_t)(2 * options->retain_total_bytes) + READ_SLAB_BYTES,
        .on_helper_late = on_helper_late,
        .context = server,
    };
    int os_error = 0;
    int result = iocp_port_open(&port_options, &server->port, &os_error);
    if (result != 0)
        return run_why_set(out_why, -1, "cannot start the engine: %s",
                           os_error != 0 ? strerror(os_error) : iocp_error_text(result));
    run_metrics_init(&server->metrics, server->port);
    return 0;
}

static int open_host(struct run_server *server, const struct run_rlimit *rlimit,
                     struct run_why *out_why)
{
    const struct run_options *options = server->options;
    struct sess_host_options host_options = {
        .max_sessions = options->max_sessions,
        .window_bytes = (size_t)options->window_bytes,
        .retain_bytes = (size_t)options->retain_bytes,
        .no_retention = options->retain_bytes == 0,
        .retain_total_bytes = options->retain_total_bytes,
        .stdin_queue_bytes = (size_t)options->stdin_queue_bytes,
        .stdin_write_max_bytes = (size_t)options->max_message_bytes,
        .drain_quiet_ms = (unsigned)options->drain_quiet_ms,
        .drain_max_ms = (unsigned)options->drain_max_ms,
        .cgroup = SESS_CGROUP_ON,
        .child_nofile_soft = rlimit->original_soft,
        .child_nofile_hard = rlimit->original_hard,
    };
    int os_error = 0;
    int result = sess_host_open(server->port, &host_options, &server->host, &os_error);
    if (result != 0)
        return run_why_set(out_why, -1, "cannot make room for sessions: %s",
                           os_error != 0 ? strerror(os_error) : sess_error_text(result));
    return 0;
}

static int open_files(struct run_server *server, struct run_why *out_why)
{
    const struct run_options *options = server->options;
    server->environment.capabilities[RUN_CAPABILITY_WATCH_MISSING].is_present = !options->no_files;
    if (run_files_init(&server->files, server->port, options->files_root, out_why) != 0)
        return -1;
    server->files.read_limit_bytes = options->max_file_read_bytes;
    return 0;
}

/* Looks whether programs can be confined here, and says so, before anybody asks for it. */
static void open_sandboxes(struct run_server *server)
{
    struct run_sandboxes *sandboxes = &server->sandboxes;
    if (server->options->no_sandbox_exec)
        run_sandboxes_init_off(sandboxes, "the server was started with --no-sandbox-exec");
    else
        run_sandboxes_init(sandboxes, server->options->bubblewrap, server->env);
    if (sandboxes->why_not[0] == '\0')
        run_log_event(server->log, RUN_LOG_INFO, "sandboxes",
                      RUN_LOG_TEXT("bubblewrap", sandboxes->bubblewrap));
    else
        run_log_event(server->log, RUN_LOG_INFO, "no_sandboxes",
                      RUN_LOG_TEXT("reason", sandboxes->why_not));
}

static int load_auth(struct run_server *server, struct run_why *out_why)
{
    const struct run_options *options = server->options;
    server->hosts = (struct run_auth_hosts){options->allow_host, options->allow_host_count};
    if (options->ws_token_file != NULL)
        return run_auth_load_token(options->ws_token_file, &server->auth, out_why);
    server->auth.token_required = options->ws_token_digest_given;
    memcpy(server->auth.token_digest, options->ws_token_sha256, RUN_SHA256_SIZE);
    return 0;
}

/* ---- Telling where it listens ---- */

static void print_urls(const struct run_server *server)
{
    FILE *file = stdout;
    for (size_t i = 0; i < server->listener_count; i++)
        if (server->listeners[i].url.kind == RUN_LISTEN_STDIO)
            file = stderr; /* standard output is for messages */
    for (size_t i = 0; i < server->listener_count; i++) {
        char text[RUN_LISTEN_URL_BYTES];
        run_listen_url_format(&server->listeners[i].url, server->listeners[i].tcp_port, text);
        (void)fprintf(file, "%s\n", text);
    }
    (void)fflush(file);
}

/* Logs what bounds the number of sessions, so that nobody has to find out by failing. */
static void log_ceiling(struct run_server *server)
{
    const char *pipes = NULL, *ttys = NULL;
    uint64_t pipe_count = sess_host_room(server->host, false, &pipes);
    uint64_t tty_count = sess_host_room(server->host, true, &ttys);
    run_log_event(server->log, RUN_LOG_INFO, "ceiling",
                  RUN_LOG_UNSIGNED("pipe_sessions", pipe_count),
                  RUN_LOG_TEXT("pipe_bound_by", pipes), RUN_LOG_UNSIGNED("tty_sessions", tty_count),
                  RUN_LOG_TEXT("tty_bound_by", ttys));
}

/* ---- Serving ---- */

static void host_closed(void *context)
{
    iocp_port_stop(context);
}

/* A start that failed halfway: the host was opened and nothing runs on it. */
static void close_idle_host(struct run_server *server)
{
    sess_host_close_start(server->host, host_closed, server->port);
    iocp_port_wait(server->port);
}

static int serve(struct run_server *server, bool with_hangup)
{
    struct run_why why;
    if (run_server_open(server, with_hangup, &why) != 0) {
        close_idle_host(server);
        return fail(&why);
    }
    log_ceiling(server);
    print_urls(server);
    run_server_start(server);
    iocp_port_wait(server->port);
    return EXIT_SUCCESS;
}

static int run(struct run_server *server, bool with_hangup)
{
    struct run_rlimit rlimit = {0};
    struct run_why why;
    int status = EXIT_FAILURE;
    if (run_rlimit_raise(&rlimit) != 0)
        rlimit = (struct run_rlimit){0}; /* children then get what we have */
    if (open_log(server, &why) != 0)
        return fail(&why);
    run_environment_init(&server->environment);
    open_sandboxes(server);
    if (open_port(server, &why) != 0)
        (void)fail(&why);
    else if (open_files(server, &why) != 0 || open_host(server, &rlimit, &why) != 0)
        (void)fail(&why);
    else
        status = serve(server, with_hangup);
    iocp_port_close(server->port);
    run_files_deinit(&server->files);
    run_stdio_finish(STDOUT_CLOSE_MS);
    (void)run_log_close(server->log, LOG_CLOSE_MS);
    run_environment_deinit(&server->environment);
    run_sandboxes_deinit(&server->sandboxes);
    return status;
}

static int start_server(const struct run_options *options)
{
    struct run_why why;
    const struct run_keeper_options keeper_options = {0};
    struct run_keeper keeper;
    bool hangup_ignored = false;
    struct run_server *server = calloc(1, sizeof(*server));
    if (server == NULL)
        return EXIT_FAILURE;
    server->options = options;
    server->files.root = -1;
    server->env = (const char *const *)environ;
    if (load_auth(server, &why) != 0 || run_keeper_start(&keeper_options, &keeper, &why) != 0) {
        free(server);
        return fail(&why);
    }
    server->keeper_pid = keeper.pid;
    run_signals_init(&hangup_ignored);
    int status = run(server, !hangup_ignored);
    free(server);
    return status;
}

int main(int argc, char **argv)
{
    static struct run_options options;
    struct run_why why;
    if (argc == 2 && strcmp(argv[1], RUN_SANDBOX_INSIDE_ARGUMENT) == 0)
        run_sandbox_inside();
    if (run_fds_open_standard() != 0)
        return EXIT_FAILURE;
    switch (run_options_parse(argc, argv, &options, &why)) {
    case RUN_OPTIONS_HELP:
        run_options_print_help(stdout);
        return EXIT_SUCCESS;
    case RUN_OPTIONS_VERSION:
        (void)puts("execport-runner " EXECPORT_VERSION);
        return EXIT_SUCCESS;
    case RUN_OPTIONS_RUN:
        return start_server(&options);
    default:
        (void)fail(&why);
        return RUN_EXIT_USAGE;
    }
}
