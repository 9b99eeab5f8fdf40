/*
 * Several servers, all scenarios, one table. Scenario by scenario, so that what is compared was
 * measured within minutes on the same machine; each server is started afresh for each scenario, so
 * that none carries what an earlier one left behind.
 */
#include "tools/load/scenario.h"

#include "tools/load/bare_files.h"
#include "tools/load/bare_starts.h"
#include "tools/load/base.h"

#include <stdio.h>
#include <string.h>

/* Which of the bare loops has a figure for a scenario. */
enum {
    LOAD_BARE_NONE = 0,
    LOAD_BARE_JSON = 1,
    LOAD_BARE_PACKETS = 2,
    LOAD_BARE_SPAWN = 4,
    LOAD_BARE_FILES = 8,
};

static const struct measuring {
    const char *name;
    load_scenario_fn *run;
    unsigned bare;
} scenarios[] = {
    {"idle", load_scenario_idle, LOAD_BARE_NONE},
    {"starts", load_scenario_starts, LOAD_BARE_JSON | LOAD_BARE_SPAWN},
    {"echo", load_scenario_echo, LOAD_BARE_JSON},
    {"throughput", load_scenario_throughput, LOAD_BARE_JSON | LOAD_BARE_PACKETS},
    {"files", load_scenario_files, LOAD_BARE_FILES},
    {"bystander", load_scenario_bystander, LOAD_BARE_NONE},
    {"slow-reader", load_scenario_slow_reader, LOAD_BARE_NONE},
};

/* Whether a list with commas holds the name; NULL holds every name. */
static bool is_wanted(const char *list, const char *name)
{
    size_t length = strlen(name);

    if (list == NULL)
        return true;
    while (list != NULL) {
        if (strncmp(list, name, length) == 0 && (list[length] == ',' || list[length] == '\0'))
            return true;
        list = strchr(list, ',');
        if (list != NULL)
            list++;
    }
    return false;
}

/* A scenario that cannot be measured is said, counted, and not the end of the others. */
static void run_one(struct load_run *run, load_scenario_fn *scenario,
                    const struct load_target *target)
{
    int result = load_run_open_target(run, target);

    if (result == 0)
        result = scenario(run);
    load_run_close_target(run);
    if (result != 0)
        load_faults_add(&run->faults, LOAD_FAULT_SERVER, 1, "%s: could not be measured",
                        target->name);
}

static void run_spawn(struct load_run *run)
{
    static const unsigned defaults[] = {1, 8};
    unsigned cases[LOAD_CASES_LIMIT];
    unsigned count = load_run_cases(run, defaults, 2, cases);

    for (unsigned i = 0; i < count; i++)
        if (load_bare_starts(run, cases[i]) != 0)
            load_faults_add(&run->faults, LOAD_FAULT_SERVER, 1, "bare spawn: failed");
}

static void run_bare(struct load_run *run, const struct measuring *measuring)
{
    char command[sizeof run->self + 64];
    struct load_target target = {.command = command, .dialect = run->options->dialect};

    if (measuring->bare & LOAD_BARE_JSON) {
        snprintf(command, sizeof command, "'%s' serve-bare", run->self);
        target.name = "bare loop";
        run_one(run, measuring->run, &target);
    }
    if (measuring->bare & LOAD_BARE_PACKETS) {
        snprintf(command, sizeof command, "'%s' serve-bare --packets", run->self);
        target.name = "bare binary";
        target.dialect = &load_dialect_packet;
        run_one(run, measuring->run, &target);
    }
    if (measuring->bare & LOAD_BARE_SPAWN)
        run_spawn(run);
    if ((measuring->bare & LOAD_BARE_FILES) && load_bare_files(run) != 0)
        load_faults_add(&run->faults, LOAD_FAULT_SERVER, 1, "bare calls: failed");
}

static void run_servers(struct load_run *run, const struct measuring *measuring)
{
    const struct load_options *options = run->options;

    for (unsigned i = 0; i < options->serve_count; i++) {
        const struct load_target target = {.name = options->serves[i].name,
                                           .command = options->serves[i].command,
                                           .dialect = options->dialect};

        run_one(run, measuring->run, &target);
    }
}

static int run_all(struct load_run *run, bool with_servers, bool with_bare)
{
    bool has_any = false;

    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
        if (!is_wanted(run->options->only, scenarios[i].name))
            continue;
        has_any = true;
        if (with_servers)
            run_servers(run, &scenarios[i]);
        if (with_bare)
            run_bare(run, &scenarios[i]);
    }
    if (!has_any)
        return load_say("--only %s names no scenario: idle, starts, echo, throughput, files, "
                        "bystander, slow-reader",
                        run->options->only);
    return 0;
}

int load_bench(struct load_run *run)
{
    if (run->options->serve_count == 0)
        return load_say("bench starts the servers itself: give --serve NAME='CMD', once or more");
    return run_all(run, true, !run->options->without_limits);
}

int load_limits(struct load_run *run)
{
    return run_all(run, false, true);
}
