/*
 * The demo: two hundred sessions of real commands, pipes and terminals mixed, over one connection.
 * All are started and wait for a line; once all stand, that line goes to all of them, and they
 * stream at once while the interactive ones exchange lines. Every byte and exit code is checked.
 */
#include "tools/load/scenario.h"

#include "tools/load/base.h"
#include "tools/load/demo_plan.h"
#include "tools/load/stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STARTS_AT_ONCE = 16 };

struct demo_session {
    struct load_demo_plan plan;
    unsigned number;
    unsigned lines; /* exchanged or under way */
    bool has_go;
    uint64_t sent_ns;
};

struct demo {
    struct load_run *run;
    struct load_client client;
    struct demo_session *items;
    unsigned wanted;
    unsigned started;
    uint64_t begin_ns;
    uint64_t bulk_bytes;   /* of the sessions that write all they can */
    uint64_t bulk_done_ns; /* when the last of them ended */
    struct load_stats starts;
    struct load_stats echoes;
};

static uint64_t received_bytes(const struct load_client *client)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < client->session_count; i++)
        bytes += client->sessions[i]->out.received + client->sessions[i]->err.received;
    return bytes;
}

static void show(void *context)
{
    const struct demo *demo = context;
    const uint32_t *counts = demo->client.live_counts;
    double seconds = (double)(load_now_ns() - demo->begin_ns) / 1e9;

    load_progress("demo: %5.1f s  %4u of %u running, %4u done, %8.1f MB checked", seconds,
                  counts[LOAD_SESSION_RUNNING], demo->wanted,
                  counts[LOAD_SESSION_EXITED] + counts[LOAD_SESSION_DONE],
                  (double)received_bytes(&demo->client) / 1e6);
}

static void expect_line(struct load_session *session, const char *line)
{
    load_check_expect(&session->out, line, strlen(line));
    load_check_expect(&session->out, session->on_tty ? "\r\n" : "\n", session->on_tty ? 2 : 1);
}

/* Types a line: the terminal echoes it, and the command of an interactive session repeats it. */
static void type_line(struct load_session *session, const char *line, bool is_repeated)
{
    char text[128];
    int length = snprintf(text, sizeof text, "%s\n", line);

    if (session->on_tty)
        expect_line(session, line);
    if (is_repeated)
        expect_line(session, line);
    load_client_write(session, text, (size_t)length);
}

static void say_next_line(struct demo_session *item, struct load_session *session)
{
    char line[96];

    if (item->lines == LOAD_DEMO_LINES)
        return;
    load_demo_line(item->number, item->lines++, line, sizeof line);
    item->sent_ns = load_now_ns();
    type_line(session, line, true);
}

static void on_output(struct demo *demo, struct demo_session *item, struct load_session *session)
{
    if (!item->plan.is_interactive || !item->has_go || !load_check_is_complete(&session->out))
        return;
    if (item->lines > 0 && item->sent_ns != 0)
        load_stats_add(&demo->echoes, load_now_ns() - item->sent_ns);
    item->sent_ns = 0;
    say_next_line(item, session);
}

static void start_next(struct demo *demo);

static void on_news(void *context, struct load_session *session, enum load_session_news news)
{
    struct demo *demo = context;
    struct demo_session *item = &demo->items[session->number - 1];

    if (news == LOAD_NEWS_STARTED)
        load_stats_add(&demo->starts, session->started_ns - session->start_ns);
    if (news == LOAD_NEWS_STARTED || news == LOAD_NEWS_FAILED)
        start_next(demo);
    if (news == LOAD_NEWS_OUTPUT)
        on_output(demo, item, session);
    if (news == LOAD_NEWS_DONE && !item->plan.is_slow) {
        demo->bulk_bytes += session->out.received + session->err.received;
        demo->bulk_done_ns = load_now_ns();
    }
}

static void start_next(struct demo *demo)
{
    static const char *const env[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C",
                                      "DEMO=a demo \303\204", "TERM=xterm-256color", NULL};
    struct demo_session *item;
    char script[sizeof item->plan.script + 16];
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    struct load_start start = {.argv = argv, .env = env, .with_stdin = true};
    struct load_session *session;

    if (demo->started == demo->wanted)
        return;
    item = &demo->items[demo->started];
    item->number = demo->started++;
    load_demo_plan_init(&item->plan, item->number, demo->run->target.dialect->has_pipe_stdin);
    snprintf(script, sizeof script, "read go; %s", item->plan.script);
    start.on_tty = item->plan.on_tty;
    session = load_client_start(&demo->client, &start);
    session->expected_exit_code = item->plan.exit_code;
    session->on_news = on_news;
    session->context = demo;
    if (!load_flood_has_gate(&demo->client, item->plan.on_tty))
        load_check_expect(&session->out, load_buffer_bytes(&item->plan.out),
                          load_buffer_size(&item->plan.out));
    load_check_expect(&session->err, load_buffer_bytes(&item->plan.err),
                      load_buffer_size(&item->plan.err));
}

static bool all_have_started(void *context)
{
    const struct demo *demo = context;

    return demo->started == demo->wanted && demo->client.live_counts[LOAD_SESSION_STARTING] == 0;
}

/* The line for which all sessions wait. Without stdin a session has not waited. */
static void give_go(struct demo *demo)
{
    for (unsigned i = 0; i < demo->started; i++) {
        struct demo_session *item = &demo->items[i];
        struct load_session *session = demo->client.sessions[i];

        if (session->state != LOAD_SESSION_RUNNING ||
            !load_flood_has_gate(&demo->client, session->on_tty))
            continue;
        type_line(session, "go", false);
        load_check_expect(&session->out, load_buffer_bytes(&item->plan.out),
                          load_buffer_size(&item->plan.out));
        item->has_go = true;
        if (item->plan.is_interactive && !session->on_tty)
            say_next_line(item, session);
    }
}

static unsigned count_ttys(const struct demo *demo)
{
    unsigned count = 0;

    for (unsigned i = 0; i < demo->started; i++)
        count += demo->items[i].plan.on_tty;
    return count;
}

static void report(struct load_run *run, struct demo *demo, uint64_t go_ns)
{
    struct load_report *out = &run->report;
    uint64_t bytes = received_bytes(&demo->client);

    load_report_add(out, "sessions", "sessions at once", demo->started);
    load_report_add(out, "ttys", "of them on terminals", count_ttys(demo));
    load_report_add(out, "bytes", "bytes checked", (double)bytes);
    if (demo->bulk_done_ns > go_ns)
        load_report_add(out, "mb_per_s", "MB/s",
                        (double)demo->bulk_bytes * 1e3 / (double)(demo->bulk_done_ns - go_ns));
    load_report_add(out, "start_p50_ms", "start p50, ms",
                    (double)load_stats_percentile(&demo->starts, 500) / 1e6);
    load_report_add(out, "start_p99_ms", "start p99, ms",
                    (double)load_stats_percentile(&demo->starts, 990) / 1e6);
    load_report_add(out, "echo_p50_ms", "echo p50, ms",
                    (double)load_stats_percentile(&demo->echoes, 500) / 1e6);
    load_report_add(out, "echo_p99_ms", "echo p99, ms",
                    (double)load_stats_percentile(&demo->echoes, 990) / 1e6);
}

static void measure(struct load_run *run, struct demo *demo)
{
    struct load_usage empty;
    struct load_usage full;
    uint64_t go_ns;

    load_proc_usage(&run->set, &empty);
    for (unsigned i = 0; i < STARTS_AT_ONCE; i++)
        start_next(demo);
    if (load_client_wait(&demo->client, all_have_started, demo) != 0)
        return;
    load_proc_usage(&run->set, &full);
    go_ns = load_now_ns();
    give_go(demo);
    load_client_wait_for_all(&demo->client);
    report(run, demo, go_ns);
    if (run->set.count > 0)
        load_report_add(&run->report, "private_bytes_per_session", "server memory, KiB/session",
                        ((double)full.private_bytes - (double)empty.private_bytes) / 1024 /
                            demo->started);
}

static void say_verdict(const struct load_run *run, const struct demo *demo)
{
    bool is_good = load_faults_total(&demo->client.faults) == 0;

    load_progress("%s", "");
    if (run->options->style == LOAD_REPORT_TABLE)
        printf("%u sessions of real commands over one connection: %s\n\n", demo->started,
               is_good ? "every byte and exit code was right."
                       : "NOT everything was right, see standard error.");
}

int load_scenario_demo(struct load_run *run)
{
    unsigned wanted = run->options->sessions_count > 0 ? run->options->sessions[0] : 200;
    struct demo demo = {.run = run, .wanted = wanted};

    if (load_run_check_room(wanted / 2, wanted) != 0)
        return LOAD_FAILED;
    if (load_run_open_client(run, &demo.client, run->options->connections) != 0) {
        load_client_close(&demo.client);
        return LOAD_FAILED;
    }
    demo.items = load_alloc(wanted, sizeof *demo.items);
    demo.begin_ns = load_now_ns();
    demo.client.on_tick = show;
    demo.client.tick_context = &demo;
    load_report_begin(&run->report, run->target.name, "demo", "", "");
    measure(run, &demo);
    say_verdict(run, &demo);
    load_run_close_client(run, &demo.client, "demo");
    for (unsigned i = 0; i < demo.started; i++)
        load_demo_plan_deinit(&demo.items[i].plan);
    free(demo.items);
    load_stats_deinit(&demo.starts);
    load_stats_deinit(&demo.echoes);
    return 0;
}
