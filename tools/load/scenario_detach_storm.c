/*
 * Detach storm: many connections with sessions, every tenth of which writes as fast as it can, are
 * all cut at once, and all come back at once, again and again. How long it takes until a client is
 * known again and until it has read what it missed; that no session and no byte is lost; memory and
 * CPU time of the server. At the end the sessions are ended, or given up for --let-go seconds to
 * see that nothing of them is left.
 */
#include "tools/load/scenario.h"

#include "tools/load/base.h"
#include "tools/load/storm.h"

#include <stdio.h>

enum {
    STORM_CONNECTIONS = 100,
    FLOW_MS = 200, /* between two storms */
    GONE_MS = 100, /* between the cut and the first that comes back */
    LOOK_MS = 500,
};

struct counted {
    struct load_measure measure; /* sums over all storms */
    unsigned storms;
};

static int run_storms(struct load_run *run, struct storm *storm, struct counted *out_counted)
{
    struct load_measure measure;

    for (unsigned i = 0; i < run->options->storms; i++) {
        load_progress("%s: storm %u of %u", run->target.name, i + 1, run->options->storms);
        storm_run_for(storm, FLOW_MS * LOAD_NS_PER_MS);
        storm_cut_all(storm);
        storm_run_for(storm, GONE_MS * LOAD_NS_PER_MS);
        storm->cut_ns = load_now_ns();
        load_measure_begin(run, &measure);
        if (storm_open_all(storm) != 0)
            return LOAD_FAILED;
        load_measure_end(run, &measure);
        out_counted->measure.server_cpu_ns += measure.server_cpu_ns;
        out_counted->measure.client_cpu_ns += measure.client_cpu_ns;
        out_counted->storms++;
    }
    return 0;
}

/* Nobody comes back: whether everything of the sessions goes within the time. */
static void let_go(struct load_run *run, struct storm *storm, const struct load_usage *before)
{
    uint64_t deadline_ns = load_now_ns() + run->options->let_go_seconds * LOAD_NS_PER_S;
    struct load_usage now;
    unsigned zombies;

    storm_cut_all(storm);
    do {
        storm_run_for(storm, LOOK_MS * LOAD_NS_PER_MS);
        load_proc_usage(&run->set, &now);
        zombies = load_proc_zombies(&run->set);
    } while ((now.descriptors > before->descriptors || zombies > 0) && load_now_ns() < deadline_ns);
    load_report_add(&run->report, "descriptors_left", "descriptors left",
                    (double)now.descriptors - (double)before->descriptors);
    load_report_add(&run->report, "zombies", NULL, zombies);
    if (now.descriptors > before->descriptors || zombies > 0)
        load_faults_add(&storm->faults, LOAD_FAULT_SERVER, 1,
                        "%u descriptors and %u zombies are left %u s after everybody went",
                        now.descriptors - before->descriptors, zombies,
                        run->options->let_go_seconds);
}

static void add_times(struct load_report *report, struct load_stats *stats,
                      const char *const *names, const char *const *labels)
{
    static const unsigned per_mille[] = {500, 990, 1000};

    for (int i = 0; i < 3; i++)
        load_report_add(report, names[i], labels[i],
                        (double)load_stats_percentile(stats, per_mille[i]) / 1e6);
}

static void report(struct load_run *run, struct storm *storm, const struct counted *counted,
                   const struct load_usage *before)
{
    static const char *const resumed_names[] = {"resumed_p50_ms", "resumed_p99_ms",
                                                "resumed_max_ms"};
    static const char *const resumed_labels[] = {"resumed p50, ms", "resumed p99, ms",
                                                 "resumed max, ms"};
    static const char *const read_names[] = {"read_p50_ms", "read_p99_ms", "read_max_ms"};
    static const char *const read_labels[] = {"all read p50, ms", "all read p99, ms",
                                              "all read max, ms"};
    struct load_report *out = &run->report;

    load_report_add(out, "storms", NULL, counted->storms);
    add_times(out, &storm->resumed, resumed_names, resumed_labels);
    add_times(out, &storm->caught_up, read_names, read_labels);
    load_report_add(out, "missed_bytes", "missed and read, MB", (double)storm->missed_bytes / 1e6);
    load_report_add(out, "sessions_lost", "sessions lost", (double)storm->sessions_lost);
    load_report_add(out, "retries", NULL, (double)storm->retries);
    if (run->set.count > 0) {
        load_report_add(out, "peak_private_kib", "peak private, KiB",
                        (double)storm->peak_bytes / 1024);
        load_report_add(out, "peak_growth_kib", "growth, KiB",
                        ((double)storm->peak_bytes - (double)before->private_bytes) / 1024);
    }
    load_run_add_cpu_each(run, &counted->measure, (uint64_t)counted->storms * storm->link_count);
}

static void measure_case(struct load_run *run, struct storm *storm)
{
    struct counted counted = {.storms = 0};
    struct load_usage before;

    load_proc_usage(&run->set, &before);
    if (storm_open_all(storm) != 0) {
        load_faults_add(&storm->faults, LOAD_FAULT_STUCK, 1, "not all sessions could be started");
        return;
    }
    load_stats_clear(&storm->caught_up);
    if (run_storms(run, storm, &counted) != 0)
        load_faults_add(&storm->faults, LOAD_FAULT_STUCK, 1, "not all clients came back");
    report(run, storm, &counted, &before);
    if (run->options->let_go_seconds > 0)
        let_go(run, storm, &before);
    else if (storm_end_all(storm) != 0)
        load_faults_add(&storm->faults, LOAD_FAULT_STUCK, 1, "not all sessions could be ended");
}

static void run_case(struct load_run *run, unsigned connections, unsigned sessions)
{
    struct storm storm;
    char title[64];
    char json[64];

    snprintf(title, sizeof title, "%u connections of %u sessions", connections, sessions);
    snprintf(json, sizeof json, "\"connections\":%u,\"sessions\":%u", connections, sessions);
    load_progress("%s: detach-storm %s", run->target.name, title);
    storm_init(&storm, run, connections, sessions);
    load_report_begin(&run->report, run->target.name, "detach-storm", title, json);
    measure_case(run, &storm);
    load_report_add_faults(&run->report, &storm.faults);
    load_report_end(&run->report);
    load_faults_say(&storm.faults, "detach-storm");
    load_faults_merge(&run->faults, &storm.faults);
    storm_deinit(&storm);
}

int load_scenario_detach_storm(struct load_run *run)
{
    static const unsigned defaults[] = {10};
    unsigned cases[LOAD_CASES_LIMIT];
    unsigned count = load_run_cases(run, defaults, 1, cases);
    unsigned connections = run->options->connections;

    if (run->target.url == NULL || run->target.dialect != &load_dialect_process)
        return load_say("detach-storm needs a ws:// URL and the dialect process: nothing else can "
                        "be resumed");
    if (connections == 0)
        connections = STORM_CONNECTIONS;
    for (unsigned i = 0; i < count; i++) {
        if (load_run_check_room(0, connections * cases[i]) != 0)
            return LOAD_FAILED;
        run_case(run, connections, cases[i]);
    }
    return 0;
}
