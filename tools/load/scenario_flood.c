/*
 * Flood: children write as fast as they can and the client stops reading for a while. How far the
 * server's private memory rises, and that nothing is lost. A server whose processes are not known
 * is checked all the same.
 */
#include "tools/load/scenario.h"

#include "tools/load/base.h"

#include <stdio.h>

enum { STALL_S = 5, EACH_BYTES = 16777216, READ_FIRST_MS = 300 };

struct flood {
    struct load_run *run;
    struct load_client client;
    uint64_t peak_bytes;
};

static void sample(void *context)
{
    struct flood *flood = context;
    uint64_t now_bytes = load_proc_private_bytes(&flood->run->set);

    if (now_bytes > flood->peak_bytes)
        flood->peak_bytes = now_bytes;
}

static void pause_all(struct load_client *client, bool is_paused)
{
    for (unsigned i = 0; i < client->link_count; i++)
        load_conn_pause(&client->links[i].conn, is_paused);
}

/* Reads a little, stops, goes on to the end. Returns 0 or what a wait returned. */
static int stall(struct flood *flood)
{
    struct load_client *client = &flood->client;
    int result;

    load_open_gates(client);
    result = load_client_run_for(client, READ_FIRST_MS * LOAD_NS_PER_MS);
    pause_all(client, true);
    if (result == 0)
        result = load_client_run_for(client, STALL_S * LOAD_NS_PER_S);
    pause_all(client, false);
    if (result == 0)
        result = load_client_wait_for_all(client);
    return result;
}

static int run_case(struct load_run *run, unsigned sessions)
{
    struct flood flood = {.run = run};
    struct load_usage before;
    char title[48];
    char json[32];

    snprintf(title, sizeof title, "with a stop of %d s, %u sessions", STALL_S, sessions);
    snprintf(json, sizeof json, "\"sessions\":%u", sessions);
    load_progress("%s: flood %s", run->target.name, title);
    if (load_run_open_client(run, &flood.client, run->options->connections) != 0) {
        load_client_close(&flood.client);
        return LOAD_FAILED;
    }
    load_report_begin(&run->report, run->target.name, "flood", title, json);
    load_proc_usage(&run->set, &before);
    flood.client.on_tick = sample;
    flood.client.tick_context = &flood;
    if (load_start_floods(run, &flood.client, sessions, EACH_BYTES,
                          run->options->tty == LOAD_TTY_ALL) == 0 &&
        stall(&flood) == 0 && run->set.count > 0) {
        load_report_add(&run->report, "peak_private_bytes", "peak private, KiB",
                        (double)flood.peak_bytes / 1024);
        load_report_add(&run->report, "peak_growth_bytes", "growth, KiB",
                        ((double)flood.peak_bytes - (double)before.private_bytes) / 1024);
    }
    load_run_close_client(run, &flood.client, "flood");
    return 0;
}

int load_scenario_flood(struct load_run *run)
{
    static const unsigned defaults[] = {16};
    unsigned cases[LOAD_CASES_LIMIT];
    unsigned count = load_run_cases(run, defaults, 1, cases);

    for (unsigned i = 0; i < count; i++)
        if (run_case(run, cases[i]) != 0)
            return LOAD_FAILED;
    return 0;
}
