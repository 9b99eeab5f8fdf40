/*
 * Starts of /bin/true: so many at a time, each from the request to the end of the session, for the
 * time of the case. A session counts when it is over.
 */
#include "tools/load/scenario.h"

#include "tools/load/base.h"
#include "tools/load/stats.h"

#include <stdio.h>
#include <string.h>

enum { WARM_UP_STARTS = 16 };

struct starts {
    struct load_client client;
    uint64_t until_ns;   /* no start after this */
    uint64_t until_left; /* nor after so many more */
    uint64_t done;
    struct load_stats replies;
    struct load_stats ends;
};

static void start_one(struct starts *starts);

static void on_news(void *context, struct load_session *session, enum load_session_news news)
{
    struct starts *starts = context;

    if (news == LOAD_NEWS_STARTED)
        load_stats_add(&starts->replies, session->started_ns - session->start_ns);
    if (news != LOAD_NEWS_DONE)
        return;
    starts->done++;
    load_stats_add(&starts->ends, load_now_ns() - session->start_ns);
    start_one(starts);
}

static void start_one(struct starts *starts)
{
    static const char *const argv[] = {"/bin/true", NULL};
    const struct load_start start = {.argv = argv, .with_stdin = true};
    struct load_session *session;

    if (starts->until_left == 0 || load_now_ns() >= starts->until_ns)
        return;
    starts->until_left--;
    session = load_client_start(&starts->client, &start);
    session->expected_exit_code = 0;
    session->on_news = on_news;
    session->context = starts;
}

/* Runs starts until the limit; returns 0 or what the wait returned. */
static int run_starts(struct starts *starts, unsigned at_a_time, uint64_t until_ns, uint64_t limit)
{
    starts->until_ns = until_ns;
    starts->until_left = limit;
    starts->done = 0;
    load_stats_clear(&starts->replies);
    load_stats_clear(&starts->ends);
    for (unsigned i = 0; i < at_a_time; i++)
        start_one(starts);
    return load_client_wait_for_all(&starts->client);
}

static void report(struct load_run *run, struct starts *starts, const struct load_measure *measure)
{
    struct load_report *out = &run->report;

    load_report_add(out, "starts", NULL, (double)starts->done);
    load_report_add(out, "starts_per_s", "starts/s",
                    (double)starts->done * 1e9 / (double)measure->ns);
    load_report_add(out, "reply_p50_us", "reply p50, us",
                    (double)load_stats_percentile(&starts->replies, 500) / 1e3);
    load_report_add(out, "reply_p99_us", "reply p99, us",
                    (double)load_stats_percentile(&starts->replies, 990) / 1e3);
    load_report_add(out, "end_p50_us", "closed p50, us",
                    (double)load_stats_percentile(&starts->ends, 500) / 1e3);
    load_report_add(out, "end_p99_us", "closed p99, us",
                    (double)load_stats_percentile(&starts->ends, 990) / 1e3);
    load_run_add_cpu_each(run, measure, starts->done);
}

static int run_case(struct load_run *run, unsigned at_a_time)
{
    struct starts starts = {0};
    struct load_measure measure;
    char title[32];
    char json[32];
    uint64_t until_ns;

    snprintf(title, sizeof title, "%u at a time", at_a_time);
    snprintf(json, sizeof json, "\"at_a_time\":%u", at_a_time);
    load_progress("%s: starts %s", run->target.name, title);
    if (load_run_open_client(run, &starts.client, 1) != 0) {
        load_client_close(&starts.client);
        return LOAD_FAILED;
    }
    load_report_begin(&run->report, run->target.name, "starts", title, json);
    if (run_starts(&starts, at_a_time, UINT64_MAX, WARM_UP_STARTS) == 0) {
        load_measure_begin(run, &measure);
        until_ns = measure.ns + run->options->seconds * LOAD_NS_PER_S;
        run_starts(&starts, at_a_time, until_ns, UINT64_MAX);
        load_measure_end(run, &measure);
        report(run, &starts, &measure);
    }
    load_run_close_client(run, &starts.client, "starts");
    load_stats_deinit(&starts.replies);
    load_stats_deinit(&starts.ends);
    return 0;
}

int load_scenario_starts(struct load_run *run)
{
    static const unsigned defaults[] = {1, 8};
    unsigned cases[LOAD_CASES_LIMIT];
    unsigned count = load_run_cases(run, defaults, 2, cases);

    for (unsigned i = 0; i < count; i++)
        if (run_case(run, cases[i]) != 0)
            return LOAD_FAILED;
    return 0;
}
