/*
 * Idle: so many sessions that have written 200 bytes and read 20, then silence. What they cost the
 * server in private memory, descriptors and threads is the growth from no session to all of them;
 * what it does meanwhile is its CPU time and its voluntary context switches.
 */
#include "tools/load/scenario.h"

#include "tools/load/base.h"
#include "tools/load/child.h"

#include <stdio.h>
#include <string.h>

enum { STARTS_AT_ONCE = 32, SETTLE_MS = 1000 };

struct idle {
    struct load_run *run;
    struct load_client client;
    unsigned wanted;
    unsigned started;
    unsigned ready; /* have written all and read all */
    enum load_tty_choice tty;
};

static void start_next(struct idle *idle);

/* The first part of a session's output has come: it may read now. */
static void feed(struct load_session *session)
{
    static const char bytes[LOAD_IDLE_READ_BYTES] = "reads twenty bytes.";
    char last[LOAD_IDLE_LAST_BYTES];

    memset(last, 'i', sizeof last);
    load_check_expect(&session->out, last, sizeof last);
    if (session->on_tty || session->dialect->has_pipe_stdin)
        load_client_write(session, bytes, sizeof bytes);
}

static void on_news(void *context, struct load_session *session, enum load_session_news news)
{
    struct idle *idle = context;

    if (news == LOAD_NEWS_STARTED || news == LOAD_NEWS_FAILED)
        start_next(idle);
    if (news != LOAD_NEWS_OUTPUT || !load_check_is_complete(&session->out))
        return;
    if (session->out.expected == LOAD_IDLE_FIRST_BYTES)
        feed(session);
    else
        idle->ready++;
}

static void start_next(struct idle *idle)
{
    const char *const argv[] = {idle->run->self, "child", "idle", NULL};
    struct load_start start = {.argv = argv, .with_stdin = true};
    char first[LOAD_IDLE_FIRST_BYTES];
    struct load_session *session;

    if (idle->started == idle->wanted)
        return;
    start.on_tty = idle->tty == LOAD_TTY_ALL || (idle->tty == LOAD_TTY_HALF && idle->started % 2);
    idle->started++;
    memset(first, 'i', sizeof first);
    session = load_client_start(&idle->client, &start);
    load_check_expect(&session->out, first, sizeof first);
    session->on_news = on_news;
    session->context = idle;
}

static bool all_are_ready(void *context)
{
    const struct idle *idle = context;

    return idle->ready + idle->client.live_counts[LOAD_SESSION_FAILED] == idle->wanted;
}

static void report_growth(struct load_run *run, const struct idle *idle,
                          const struct load_usage *before, const struct load_usage *after)
{
    struct load_report *out = &run->report;
    double sessions = idle->wanted;

    load_report_add(out, "sessions", NULL, sessions);
    load_report_add(out, "empty_resident_bytes", "resident at first, KiB",
                    (double)before->resident_bytes / 1024);
    load_report_add(out, "empty_largest_resident_bytes", "of the largest process, KiB",
                    (double)before->largest_resident_bytes / 1024);
    load_report_add(out, "empty_others_private_bytes", "private of the others, KiB",
                    (double)before->others_private_bytes / 1024);
    load_report_add(out, "empty_private_bytes", NULL, (double)before->private_bytes);
    load_report_add(out, "private_bytes_per_session", "private, B/session",
                    ((double)after->private_bytes - (double)before->private_bytes) / sessions);
    load_report_add(out, "descriptors_per_session", "descriptors/session",
                    ((double)after->descriptors - (double)before->descriptors) / sessions);
    load_report_add(out, "threads", "threads", after->threads);
}

static void report_silence(struct load_run *run, const struct load_measure *measure,
                           const struct load_usage *before, const struct load_usage *after)
{
    double seconds = (double)measure->ns / 1e9;

    load_report_add(&run->report, "cpu_ms_per_s", "CPU while idle, ms/s",
                    (double)measure->server_cpu_ns / 1e6 / seconds);
    load_report_add(&run->report, "voluntary_switches_per_s", "switches while idle, /s",
                    (double)(after->voluntary_switches - before->voluntary_switches) / seconds);
}

static void measure_case(struct load_run *run, struct idle *idle)
{
    struct load_usage empty;
    struct load_usage full;
    struct load_usage quiet;
    struct load_measure measure;

    load_proc_usage(&run->set, &empty);
    for (unsigned i = 0; i < STARTS_AT_ONCE; i++)
        start_next(idle);
    if (load_client_wait(&idle->client, all_are_ready, idle) != 0)
        return;
    load_progress("%s: %u sessions are idle, measuring for %u s", run->target.name, idle->wanted,
                  run->options->quiet_seconds);
    if (load_client_run_for(&idle->client, SETTLE_MS * LOAD_NS_PER_MS) != 0)
        return;
    load_proc_usage(&run->set, &full);
    load_measure_begin(run, &measure);
    if (load_client_run_for(&idle->client, run->options->quiet_seconds * LOAD_NS_PER_S) != 0)
        return;
    load_measure_end(run, &measure);
    load_proc_usage(&run->set, &quiet);
    report_growth(run, idle, &empty, &quiet);
    report_silence(run, &measure, &full, &quiet);
    for (uint32_t i = 0; i < idle->client.session_count; i++)
        load_client_terminate(idle->client.sessions[i]);
    load_client_wait_for_all(&idle->client);
}

static const char *title_of(enum load_tty_choice tty)
{
    return tty == LOAD_TTY_NONE ? "pipe" : tty == LOAD_TTY_ALL ? "tty" : "half tty";
}

static int run_case(struct load_run *run, unsigned sessions, enum load_tty_choice tty)
{
    struct idle idle = {.run = run, .wanted = sessions, .tty = tty};
    char title[48];
    char json[64];

    snprintf(title, sizeof title, "%s, %u sessions", title_of(tty), sessions);
    snprintf(json, sizeof json, "\"kind\":\"%s\"", title_of(tty));
    load_progress("%s: idle %s", run->target.name, title);
    if (load_run_open_client(run, &idle.client, run->options->connections) != 0) {
        load_client_close(&idle.client);
        return LOAD_FAILED;
    }
    if (run->set.count == 0) {
        load_client_close(&idle.client);
        return load_say("idle measures the server's processes, but none was found: use --serve or "
                        "--server-pid");
    }
    load_report_begin(&run->report, run->target.name, "idle", title, json);
    measure_case(run, &idle);
    load_run_close_client(run, &idle.client, "idle");
    return 0;
}

/* A server that has held a thousand sessions keeps memory: each case gets a fresh one. */
static int run_case_afresh(struct load_run *run, unsigned sessions, enum load_tty_choice tty)
{
    struct load_target target = run->target;
    unsigned ptys = tty == LOAD_TTY_ALL ? sessions : tty == LOAD_TTY_HALF ? sessions / 2 : 0;

    if (load_run_check_room(ptys, sessions) != 0)
        return LOAD_FAILED;
    if (run->server.pid > 0 && !target.with_stdio) {
        load_run_close_target(run);
        target.url = NULL;
        if (load_run_open_target(run, &target) != 0)
            return LOAD_FAILED;
    }
    return run_case(run, sessions, tty);
}

int load_scenario_idle(struct load_run *run)
{
    static const unsigned defaults[] = {1000};
    unsigned cases[LOAD_CASES_LIMIT];
    unsigned count = load_run_cases(run, defaults, 1, cases);
    enum load_tty_choice choice = run->options->tty;

    for (unsigned i = 0; i < count; i++) {
        if (choice != LOAD_TTY_DEFAULT) {
            if (run_case_afresh(run, cases[i], choice) != 0)
                return LOAD_FAILED;
            continue;
        }
        if (run_case_afresh(run, cases[i], LOAD_TTY_NONE) != 0 ||
            run_case_afresh(run, cases[i], LOAD_TTY_ALL) != 0)
            return LOAD_FAILED;
    }
    return 0;
}
