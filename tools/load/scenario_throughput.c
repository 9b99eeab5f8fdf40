/*
 * Throughput: children that write as fast as they can, from the moment when all of them stand
 * ready to the end of the last one. How much they write is found by a short try, so that each case
 * takes about as long whatever the server's speed.
 */
#include "tools/load/scenario.h"

#include "tools/load/base.h"

#include <inttypes.h>
#include <stdio.h>

enum { LEAST_EACH_BYTES = 65536 };

struct throughput_case {
    unsigned sessions;
    bool on_tty;
    uint64_t bytes_each;
    char title[48];
    char json[64];
};

static uint64_t received_bytes(const struct load_client *client)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < client->session_count; i++)
        bytes += client->sessions[i]->out.received;
    return bytes;
}

static void measure_case(struct load_run *run, struct load_client *client,
                         const struct throughput_case *the_case)
{
    struct load_measure measure;
    bool has_gate = load_flood_has_gate(client, the_case->on_tty);
    uint64_t bytes;

    if (!has_gate)
        load_measure_begin(run, &measure);
    if (load_start_floods(run, client, the_case->sessions, the_case->bytes_each,
                          the_case->on_tty) != 0)
        return;
    if (has_gate)
        load_measure_begin(run, &measure);
    load_open_gates(client);
    load_client_wait_for_all(client);
    load_measure_end(run, &measure);
    bytes = received_bytes(client);
    load_report_add(&run->report, "bytes", NULL, (double)bytes);
    load_report_add(&run->report, "mb_per_s", "MB/s", (double)bytes * 1e3 / (double)measure.ns);
    load_run_add_cpu_per_gb(run, &measure, bytes);
}

static int run_case(struct load_run *run, struct throughput_case *the_case)
{
    struct load_client client;
    uint64_t total;

    snprintf(the_case->title, sizeof the_case->title, "%s, %u session%s",
             the_case->on_tty ? "tty" : "pipe", the_case->sessions,
             the_case->sessions == 1 ? "" : "s");
    snprintf(the_case->json, sizeof the_case->json, "\"tty\":%s,\"sessions\":%u",
             the_case->on_tty ? "true" : "false", the_case->sessions);
    load_progress("%s: throughput %s", run->target.name, the_case->title);
    total = load_calibrate_flood(run, the_case->sessions, the_case->on_tty);
    if (total == 0)
        return LOAD_FAILED;
    the_case->bytes_each = total / the_case->sessions;
    if (the_case->bytes_each < LEAST_EACH_BYTES)
        the_case->bytes_each = LEAST_EACH_BYTES;
    if (load_run_open_client(run, &client, run->options->connections) != 0) {
        load_client_close(&client);
        return LOAD_FAILED;
    }
    load_report_begin(&run->report, run->target.name, "throughput", the_case->title,
                      the_case->json);
    measure_case(run, &client, the_case);
    load_run_close_client(run, &client, "throughput");
    return 0;
}

int load_scenario_throughput(struct load_run *run)
{
    static const unsigned defaults[] = {1, 16, 128};
    unsigned cases[LOAD_CASES_LIMIT];
    unsigned count = load_run_cases(run, defaults, 3, cases);

    for (int on_tty = 0; on_tty <= 1; on_tty++)
        for (unsigned i = 0; load_run_wants_tty(run, on_tty) && i < count; i++) {
            struct throughput_case the_case = {.sessions = cases[i], .on_tty = on_tty};

            if (load_run_check_room(on_tty ? cases[i] : 0, cases[i]) != 0 ||
                run_case(run, &the_case) != 0)
                return LOAD_FAILED;
        }
    return 0;
}
