/*
 * Control: on one connection a hundred sessions write as fast as they can, on another a small
 * request is sent as soon as the one before is answered. The request is a terminate of a session
 * that does not exist: every dialect answers it at once. What this client itself needs to check
 * one read of the flood is part of the time: about a tenth of a millisecond.
 */
#include "tools/load/scenario.h"

#include "tools/load/base.h"
#include "tools/load/stats.h"

#include <stdio.h>

struct control {
    struct load_client flood;
    struct load_client pinger;
    struct load_stats latencies;
    uint64_t sent_ns;
    bool is_over; /* the flood has ended: ask no more */
};

static void ping(struct control *control)
{
    control->sent_ns = load_now_ns();
    load_client_ping(&control->pinger, 0);
}

static void on_pong(void *context)
{
    struct control *control = context;

    load_stats_add(&control->latencies, load_now_ns() - control->sent_ns);
    if (!control->is_over)
        ping(control);
}

static int measure_case(struct load_run *run, struct control *control, unsigned sessions,
                        uint64_t bytes)
{
    int result = load_start_floods(run, &control->flood, sessions, bytes / sessions,
                                   run->options->tty == LOAD_TTY_ALL);

    if (result != 0)
        return result;
    control->pinger.on_pong = on_pong;
    control->pinger.pong_context = control;
    load_open_gates(&control->flood);
    ping(control);
    result = load_client_wait_for_all(&control->flood);
    control->is_over = true;
    if (result == 0)
        result = load_client_wait_for_all(&control->pinger);
    return result;
}

static void report(struct load_run *run, struct control *control)
{
    load_report_add(&run->report, "replies", NULL, (double)control->latencies.count);
    load_report_add(&run->report, "p50_us", "reply p50, us",
                    (double)load_stats_percentile(&control->latencies, 500) / 1e3);
    load_report_add(&run->report, "p99_us", "reply p99, us",
                    (double)load_stats_percentile(&control->latencies, 990) / 1e3);
    load_faults_merge(&control->flood.faults, &control->pinger.faults);
}

static int run_case(struct load_run *run, unsigned sessions)
{
    struct control control = {.is_over = false};
    uint64_t bytes;
    char title[48];
    char json[32];
    int result;

    snprintf(title, sizeof title, "beside %u flooding sessions", sessions);
    snprintf(json, sizeof json, "\"sessions\":%u", sessions);
    load_progress("%s: control %s", run->target.name, title);
    bytes = load_calibrate_flood(run, sessions, run->options->tty == LOAD_TTY_ALL);
    result = bytes == 0 ? LOAD_FAILED : load_run_open_client(run, &control.flood, 1);
    if (result == 0)
        result = load_run_open_client(run, &control.pinger, 1);
    if (result == 0) {
        load_report_begin(&run->report, run->target.name, "control", title, json);
        if (measure_case(run, &control, sessions, bytes) == 0)
            report(run, &control);
        load_run_close_client(run, &control.flood, "control");
    } else {
        load_client_close(&control.flood);
    }
    load_client_close(&control.pinger);
    load_stats_deinit(&control.latencies);
    return result;
}

int load_scenario_control(struct load_run *run)
{
    static const unsigned defaults[] = {100};
    unsigned cases[LOAD_CASES_LIMIT];
    unsigned count = load_run_cases(run, defaults, 1, cases);

    if (run->target.with_stdio)
        return load_say("control needs two connections, and a server on stdio has one: leave it");
    for (unsigned i = 0; i < count; i++)
        if (run_case(run, cases[i]) != 0)
            return LOAD_FAILED;
    return 0;
}
