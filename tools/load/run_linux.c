/*
 * Targets, clients and measurements of a run.
 */
#include "tools/load/run.h"

#include "tools/load/base.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int load_run_init(struct load_run *run, const struct load_options *options)
{
    ssize_t length;

    memset(run, 0, sizeof *run);
    run->options = options;
    run->server.stdin_fd = -1;
    run->server.stdout_fd = -1;
    run->server.log_fd = -1;
    length = readlink("/proc/self/exe", run->self, sizeof run->self - 1);
    if (length <= 0)
        return load_say("cannot find this program's path: %s", strerror(errno));
    load_raise_descriptors();
    load_report_init(&run->report, stdout, options->style);
    run->pattern = load_pattern_new();
    return load_loop_init(&run->loop);
}

void load_run_deinit(struct load_run *run)
{
    load_loop_deinit(&run->loop);
    load_pattern_free(run->pattern);
    load_report_deinit(&run->report);
}

/* The processes of a server that somebody else started, if it is on this machine. */
static void find_processes(struct load_run *run)
{
    const char *url = run->target.url;
    const char *colon = strrchr(url, ':');
    bool is_local = strstr(url, "://127.") != NULL || strstr(url, "://[::1]") != NULL ||
                    strstr(url, "://localhost:") != NULL;
    pid_t pid = run->options->server_pid;

    if (pid == 0 && is_local && colon != NULL)
        pid = load_proc_listener((unsigned)strtoul(colon + 1, NULL, 10));
    run->set.count = 0;
    if (pid > 0)
        load_proc_same_program(pid, &run->set);
}

int load_run_open_target(struct load_run *run, const struct load_target *target)
{
    run->target = *target;
    run->set.count = 0;
    if (target->url != NULL) {
        find_processes(run);
        return 0;
    }
    if (target->with_stdio)
        return 0;
    if (load_server_start(&run->server, target->command, false) != 0)
        return LOAD_FAILED;
    run->target.url = run->server.url;
    run->set = run->server.set;
    return 0;
}

void load_run_close_target(struct load_run *run)
{
    load_server_stop(&run->server);
    run->set.count = 0;
}

int load_run_target_of_options(const struct load_options *options, struct load_target *out_target)
{
    unsigned count =
        options->serve_count + (options->url != NULL) + (options->stdio_command != NULL);

    if (count == 0)
        return load_say("which server? Give --serve 'CMD', --url ws://IP:PORT or --command 'CMD'");
    if (count > 1)
        return load_say("one server at a time, please; only bench takes several --serve");
    *out_target = (struct load_target){.name = "server", .dialect = options->dialect};
    if (options->serve_count == 1) {
        out_target->name = options->serves[0].name;
        out_target->command = options->serves[0].command;
    } else if (options->url != NULL) {
        out_target->url = options->url;
    } else {
        out_target->command = options->stdio_command;
        out_target->with_stdio = true;
    }
    return 0;
}

/* A server on stdio serves one client: each gets a new one. */
static int start_stdio_server(struct load_run *run, struct load_client_options *options)
{
    load_server_stop(&run->server);
    if (load_server_start(&run->server, run->target.command, true) != 0)
        return LOAD_FAILED;
    options->url = NULL;
    options->read_fd = run->server.stdout_fd;
    options->write_fd = run->server.stdin_fd;
    run->server.stdout_fd = -1;
    run->server.stdin_fd = -1;
    return 0;
}

int load_run_open_client(struct load_run *run, struct load_client *client, unsigned connections)
{
    struct load_client_options options = {
        .dialect = run->target.dialect,
        .url = run->target.url,
        .token = run->options->token,
        .pipeline = run->options->pipeline,
        .connections = connections,
        .wants_quick_ack = run->options->wants_quick_ack,
    };

    memset(client, 0, sizeof *client);
    if (run->target.with_stdio && start_stdio_server(run, &options) != 0)
        return LOAD_FAILED;
    if (load_client_open(client, &run->loop, &options) != 0) {
        load_server_say_log(&run->server);
        return LOAD_FAILED;
    }
    /* Only now have all processes of a server on stdio surely been started. */
    if (run->target.with_stdio) {
        load_proc_tree(run->server.pid, &run->server.set);
        run->set = run->server.set;
    }
    return 0;
}

void load_run_close_client(struct load_run *run, struct load_client *client, const char *title)
{
    load_report_add_faults(&run->report, &client->faults);
    load_report_end(&run->report);
    load_faults_say(&client->faults, title);
    if (client->has_ended)
        load_server_say_log(&run->server);
    load_faults_merge(&run->faults, &client->faults);
    load_client_close(client);
}

void load_measure_begin(const struct load_run *run, struct load_measure *measure)
{
    measure->server_cpu_ns = load_proc_cpu_ns(&run->set);
    measure->client_cpu_ns = load_own_cpu_ns();
    measure->ns = load_now_ns();
}

void load_measure_end(const struct load_run *run, struct load_measure *measure)
{
    measure->ns = load_now_ns() - measure->ns;
    measure->server_cpu_ns = load_proc_cpu_ns(&run->set) - measure->server_cpu_ns;
    measure->client_cpu_ns = load_own_cpu_ns() - measure->client_cpu_ns;
}

void load_run_add_cpu_per_gb(struct load_run *run, const struct load_measure *measure,
                             uint64_t bytes)
{
    if (bytes == 0)
        return;
    if (run->set.count > 0)
        load_report_add(&run->report, "server_cpu_s_per_gb", "server CPU, s/GB",
                        (double)measure->server_cpu_ns / (double)bytes);
    load_report_add(&run->report, "client_cpu_s_per_gb", "client CPU, s/GB",
                    (double)measure->client_cpu_ns / (double)bytes);
}

void load_run_add_cpu_each(struct load_run *run, const struct load_measure *measure, uint64_t count)
{
    if (count == 0)
        return;
    if (run->set.count > 0)
        load_report_add(&run->report, "server_cpu_us", "server CPU, us each",
                        (double)measure->server_cpu_ns / 1e3 / (double)count);
    load_report_add(&run->report, "client_cpu_us", "client CPU, us each",
                    (double)measure->client_cpu_ns / 1e3 / (double)count);
}

bool load_run_wants_tty(const struct load_run *run, bool on_tty)
{
    enum load_tty_choice choice = run->options->tty;

    return on_tty ? choice != LOAD_TTY_NONE : choice != LOAD_TTY_ALL;
}

unsigned load_run_cases(const struct load_run *run, const unsigned *defaults, unsigned count,
                        unsigned out_cases[LOAD_CASES_LIMIT])
{
    if (run->options->sessions_count > 0) {
        defaults = run->options->sessions;
        count = run->options->sessions_count;
    }
    memcpy(out_cases, defaults, count * sizeof *defaults);
    return count;
}

int load_run_check_room(unsigned ptys, unsigned children)
{
    unsigned free_ptys = load_proc_free_ptys();
    uint64_t descriptors = load_raise_descriptors();

    if (ptys > free_ptys)
        return load_say("%u terminals are wanted, the system has %u left: use fewer --sessions, "
                        "--tty none, or raise kernel.pty.max",
                        ptys, free_ptys);
    /* What the server needs is its own matter; most servers take three for a session with pipes. */
    if (children * 3ull > descriptors)
        load_say("warning: %u sessions may need more descriptors than `ulimit -n` %llu allows",
                 children, (unsigned long long)descriptors);
    return 0;
}
