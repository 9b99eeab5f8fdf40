/*
 * Bystander: on one connection a hundred sessions write as fast as they can, on another a small
 * request is sent as soon as the one before is answered. The request is a terminate of a session
 * that does not exist: every dialect answers it at once. What this client itself needs to check
 * one read of the flood is part of the time: about a tenth of a millisecond.
 */
#include "tools/load/scenario.h"

#include "tools/load/base.h"
#include "tools/load/stats.h"

#include <stdio.h>

struct bystander {
    struct load_client flood;
    struct load_client pinger;
    struct load_stats latencies;
    uint64_t sent_ns;
    bool is_over; /* the flood has ended: ask no more */
};

static void ping(struct bystander *bystander)
{
    bystander->sent_ns = load_now_ns();
    load_client_ping(&bystander->pinger, 0);
}

static void on_pong(void *context)
{
    struct bystander *bystander = context;

    load_stats_add(&bystander->latencies, load_now_ns() - bystander->sent_ns);
    if (!bystander->is_over)
        ping(bystander);
}

static int measure_case(struct load_run *run, struct bystander *bystander, unsigned sessions,
                        uint64_t bytes)
{
    int result = load_start_floods(run, &bystander->flood, sessions, bytes / sessions,
                                   run->options->tty == LOAD_TTY_ALL);

    if (result != 0)
        return result;
    bystander->pinger.on_pong = on_pong;
    bystander->pinger.pong_context = bystander;
    load_open_gates(&bystander->flood);
    ping(bystander);
    result = load_client_wait_for_all(&bystander->flood);
    bystander->is_over = true;
    if (result == 0)
        result = load_client_wait_for_all(&bystander->pinger);
    return result;
}

static void report(struct load_run *run, struct bystander *bystander)
{
    load_report_add(&run->report, "replies", NULL, (double)bystander->latencies.count);
    load_report_add(&run->report, "p50_us", "reply p50, us",
                    (double)load_stats_percentile(&bystander->latencies, 500) / 1e3);
    load_report_add(&run->report, "p99_us", "reply p99, us",
                    (double)load_stats_percentile(&bystander->latencies, 990) / 1e3);
    load_report_add(&run->report, "max_us", "reply max, us",
                    (double)load_stats_percentile(&bystander->latencies, 1000) / 1e3);
    load_faults_merge(&bystander->flood.faults, &bystander->pinger.faults);
}

static int run_case(struct load_run *run, unsigned sessions)
{
    struct bystander bystander = {.is_over = false};
    uint64_t bytes;
    char title[48];
    char json[32];
    int result;

    snprintf(title, sizeof title, "beside %u flooding sessions", sessions);
    snprintf(json, sizeof json, "\"sessions\":%u", sessions);
    load_progress("%s: bystander %s", run->target.name, title);
    bytes = load_calibrate_flood(run, sessions, run->options->tty == LOAD_TTY_ALL);
    result = bytes == 0 ? LOAD_FAILED : load_run_open_client(run, &bystander.flood, 1);
    if (result == 0)
        result = load_run_open_client(run, &bystander.pinger, 1);
    if (result == 0) {
        load_report_begin(&run->report, run->target.name, "bystander", title, json);
        if (measure_case(run, &bystander, sessions, bytes) == 0)
            report(run, &bystander);
        load_run_close_client(run, &bystander.flood, "bystander");
    } else {
        load_client_close(&bystander.flood);
    }
    load_client_close(&bystander.pinger);
    load_stats_deinit(&bystander.latencies);
    return result;
}

int load_scenario_bystander(struct load_run *run)
{
    static const unsigned defaults[] = {100};
    unsigned cases[LOAD_CASES_LIMIT];
    unsigned count = load_run_cases(run, defaults, 1, cases);

    if (run->target.with_stdio)
        return load_say("bystander needs two connections, and a server on stdio has one: leave it");
    for (unsigned i = 0; i < count; i++)
        if (run_case(run, cases[i]) != 0)
            return LOAD_FAILED;
    return 0;
}
