/*
 * Slow reader: children write as fast as they can and the client stops reading for a while. How far
 * the server's private memory rises, and that nothing is lost. A server whose processes are not
 * known is checked all the same.
 */
#include "tools/load/scenario.h"

#include "tools/load/base.h"

#include <stdio.h>

enum { STALL_S = 5, EACH_BYTES = 16777216, READ_FIRST_MS = 300 };

struct slow_reader {
    struct load_run *run;
    struct load_client client;
    uint64_t peak_bytes;
};

static void sample(void *context)
{
    struct slow_reader *reader = context;
    uint64_t now_bytes = load_proc_private_bytes(&reader->run->set);

    if (now_bytes > reader->peak_bytes)
        reader->peak_bytes = now_bytes;
}

static void pause_all(struct load_client *client, bool is_paused)
{
    for (unsigned i = 0; i < client->link_count; i++)
        load_conn_pause(&client->links[i].conn, is_paused);
}

/* Reads a little, stops, goes on to the end. Returns 0 or what a wait returned. */
static int stall(struct slow_reader *reader)
{
    struct load_client *client = &reader->client;
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
    struct slow_reader reader = {.run = run};
    struct load_usage before;
    char title[48];
    char json[32];

    snprintf(title, sizeof title, "with a stop of %d s, %u sessions", STALL_S, sessions);
    snprintf(json, sizeof json, "\"sessions\":%u", sessions);
    load_progress("%s: slow-reader %s", run->target.name, title);
    if (load_run_open_client(run, &reader.client, run->options->connections) != 0) {
        load_client_close(&reader.client);
        return LOAD_FAILED;
    }
    load_report_begin(&run->report, run->target.name, "slow-reader", title, json);
    load_proc_usage(&run->set, &before);
    reader.client.on_tick = sample;
    reader.client.tick_context = &reader;
    if (load_start_floods(run, &reader.client, sessions, EACH_BYTES,
                          run->options->tty == LOAD_TTY_ALL) == 0 &&
        stall(&reader) == 0 && run->set.count > 0) {
        load_report_add(&run->report, "peak_private_kib", "peak private, KiB",
                        (double)reader.peak_bytes / 1024);
        load_report_add(&run->report, "peak_growth_kib", "growth, KiB",
                        ((double)reader.peak_bytes - (double)before.private_bytes) / 1024);
    }
    load_run_close_client(run, &reader.client, "slow-reader");
    return 0;
}

int load_scenario_slow_reader(struct load_run *run)
{
    static const unsigned defaults[] = {16};
    unsigned cases[LOAD_CASES_LIMIT];
    unsigned count = load_run_cases(run, defaults, 1, cases);

    for (unsigned i = 0; i < count; i++)
        if (run_case(run, cases[i]) != 0)
            return LOAD_FAILED;
    return 0;
}
