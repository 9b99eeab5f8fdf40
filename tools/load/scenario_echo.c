/*
 * Echo: a line of 32 bytes into cat and back. So many echoes are under way at once, each in a
 * session of its own, the sessions taking turns. On a terminal the line comes back twice, from the
 * line discipline and from cat; the echo is over when both have come. Times run from just before
 * the request is sent to the moment when the last byte was checked.
 */
#include "tools/load/scenario.h"

#include "tools/load/base.h"
#include "tools/load/stats.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { LINE_BYTES = 32, STARTS_AT_ONCE = 32, WARM_UP_MS = 200 };

struct echo_session {
    struct echo *echo;
    bool is_busy;
    uint64_t sent_ns;
};

struct echo {
    struct load_client client;
    struct echo_session *items; /* one for each session, in order */
    unsigned wanted;
    unsigned started;
    unsigned running;
    unsigned next;      /* the session whose turn it is */
    unsigned under_way; /* echoes */
    bool on_tty;
    uint64_t random;
    uint64_t count_from_ns; /* samples before this are warm-up */
    uint64_t until_ns;      /* no echo is sent after this */
    struct load_stats latencies;
};

static void expect_line(struct echo *echo, struct load_session *session, const char *line)
{
    load_check_expect(&session->out, line, LINE_BYTES - 1);
    if (!echo->on_tty) {
        load_check_expect(&session->out, "\n", 1);
        return;
    }
    load_check_expect(&session->out, "\r\n", 2);
    load_check_expect(&session->out, line, LINE_BYTES - 1);
    load_check_expect(&session->out, "\r\n", 2);
}

/* Sends a line of random digits to the next session that is free. */
static void send_next(struct echo *echo)
{
    char line[LINE_BYTES + 1];
    struct load_session *session;
    unsigned number = echo->next;

    while (echo->items[number].is_busy)
        number = (number + 1) % echo->wanted;
    echo->next = (number + 1) % echo->wanted;
    session = echo->client.sessions[number];
    if (session->state != LOAD_SESSION_RUNNING)
        return;
    snprintf(line, sizeof line, "%015" PRIx64 "%016" PRIx64 "\n",
             load_random_next(&echo->random) >> 4, load_random_next(&echo->random));
    expect_line(echo, session, line);
    echo->items[number].is_busy = true;
    echo->under_way++;
    echo->items[number].sent_ns = load_now_ns();
    load_client_write(session, line, LINE_BYTES);
}

static void on_output(struct echo *echo, struct load_session *session)
{
    struct echo_session *item = &echo->items[session->number - 1];
    uint64_t now_ns;

    if (!item->is_busy || !load_check_is_complete(&session->out))
        return;
    now_ns = load_now_ns();
    item->is_busy = false;
    echo->under_way--;
    if (item->sent_ns >= echo->count_from_ns)
        load_stats_add(&echo->latencies, now_ns - item->sent_ns);
    if (now_ns < echo->until_ns)
        send_next(echo);
}

static void start_next(struct echo *echo);

static void on_news(void *context, struct load_session *session, enum load_session_news news)
{
    struct echo *echo = context;

    if (news == LOAD_NEWS_OUTPUT) {
        on_output(echo, session);
    } else if (news == LOAD_NEWS_STARTED || news == LOAD_NEWS_FAILED) {
        echo->running += news == LOAD_NEWS_STARTED;
        start_next(echo);
    }
}

static void start_next(struct echo *echo)
{
    static const char *const argv[] = {"/bin/cat", NULL};
    const struct load_start start = {.argv = argv, .on_tty = echo->on_tty, .with_stdin = true};
    struct load_session *session;

    if (echo->started == echo->wanted)
        return;
    echo->started++;
    session = load_client_start(&echo->client, &start);
    session->on_news = on_news;
    session->context = echo;
}

static bool all_have_started(void *context)
{
    const struct echo *echo = context;

    return echo->started == echo->wanted && echo->client.live_counts[LOAD_SESSION_STARTING] == 0;
}

static bool no_echo_is_under_way(void *context)
{
    const struct echo *echo = context;

    return echo->under_way == 0 && load_now_ns() >= echo->until_ns;
}

/* Sends echoes for the time of the case. Returns 0 or what a wait returned. */
static int exchange(struct load_run *run, struct echo *echo)
{
    unsigned at_once = run->options->in_flight;

    if (at_once > echo->wanted)
        at_once = echo->wanted;
    echo->count_from_ns = load_now_ns() + WARM_UP_MS * LOAD_NS_PER_MS;
    echo->until_ns = echo->count_from_ns + run->options->seconds * LOAD_NS_PER_S;
    for (unsigned i = 0; i < at_once; i++)
        send_next(echo);
    return load_client_wait(&echo->client, no_echo_is_under_way, echo);
}

static void report(struct load_run *run, struct echo *echo, const struct load_measure *measure)
{
    struct load_stats *latencies = &echo->latencies;

    load_report_add(&run->report, "echoes", NULL, (double)latencies->count);
    load_report_add(&run->report, "p50_us", "p50, us",
                    (double)load_stats_percentile(latencies, 500) / 1e3);
    load_report_add(&run->report, "p99_us", "p99, us",
                    (double)load_stats_percentile(latencies, 990) / 1e3);
    load_run_add_cpu_each(run, measure, latencies->count);
}

static void measure_case(struct load_run *run, struct echo *echo)
{
    struct load_measure measure;

    for (unsigned i = 0; i < STARTS_AT_ONCE; i++)
        start_next(echo);
    if (load_client_wait(&echo->client, all_have_started, echo) != 0 ||
        echo->running < echo->wanted)
        return;
    load_measure_begin(run, &measure);
    if (exchange(run, echo) != 0)
        return;
    load_measure_end(run, &measure);
    report(run, echo, &measure);
    for (uint32_t i = 0; i < echo->client.session_count; i++)
        load_client_terminate(echo->client.sessions[i]);
    load_client_wait_for_all(&echo->client);
}

static int run_case(struct load_run *run, unsigned sessions, bool on_tty)
{
    struct echo echo = {.wanted = sessions, .on_tty = on_tty};
    char title[48];
    char json[64];
    int result;

    snprintf(title, sizeof title, "%s, %u session%s", on_tty ? "tty" : "cat", sessions,
             sessions == 1 ? "" : "s");
    snprintf(json, sizeof json, "\"tty\":%s,\"sessions\":%u", on_tty ? "true" : "false", sessions);
    load_progress("%s: echo %s", run->target.name, title);
    echo.random = load_random_seed();
    echo.items = load_alloc(sessions, sizeof *echo.items);
    result = load_run_open_client(run, &echo.client, run->options->connections);
    if (result == 0) {
        load_report_begin(&run->report, run->target.name, "echo", title, json);
        measure_case(run, &echo);
        load_run_close_client(run, &echo.client, "echo");
    } else {
        load_client_close(&echo.client);
    }
    free(echo.items);
    load_stats_deinit(&echo.latencies);
    return result;
}

int load_scenario_echo(struct load_run *run)
{
    static const unsigned defaults[] = {1, 100, 1000};
    unsigned cases[LOAD_CASES_LIMIT];
    unsigned count = load_run_cases(run, defaults, 3, cases);

    for (int on_tty = 0; on_tty <= 1; on_tty++) {
        if (!load_run_wants_tty(run, on_tty))
            continue;
        if (!on_tty && !run->target.dialect->has_pipe_stdin) {
            load_say("echo through pipes is left out: %s gives them no stdin",
                     run->target.dialect->name);
            continue;
        }
        for (unsigned i = 0; i < count; i++)
            if (load_run_check_room(on_tty ? cases[i] : 0, cases[i]) != 0 ||
                run_case(run, cases[i], on_tty) != 0)
                return LOAD_FAILED;
    }
    return 0;
}
