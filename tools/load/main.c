/*
 * execport-load: drives any exec server, checks every byte and measures what it costs. This file
 * picks the subcommand.
 */
#include "tools/load/bare.h"
#include "tools/load/base.h"
#include "tools/load/child.h"
#include "tools/load/options.h"
#include "tools/load/run.h"
#include "tools/load/scenario.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    load_scenario_fn *run;
    bool has_target; /* needs the one server of the options */
} subcommands[] = {
    {"starts", load_scenario_starts, true},
    {"idle", load_scenario_idle, true},
    {"throughput", load_scenario_throughput, true},
    {"echo", load_scenario_echo, true},
    {"files", load_scenario_files, true},
    {"bystander", load_scenario_bystander, true},
    {"slow-reader", load_scenario_slow_reader, true},
    {"detach-storm", load_scenario_detach_storm, true},
    {"soak", load_scenario_soak, true},
    {"demo", load_scenario_demo, true},
    {"limits", load_limits, false},
    {"bench", load_bench, false},
    {"self-check", load_self_check, false},
};

static int run_with_target(struct load_run *run, load_scenario_fn *scenario)
{
    struct load_target target;
    int result;

    if (load_run_target_of_options(run->options, &target) != 0 ||
        load_run_open_target(run, &target) != 0)
        return LOAD_FAILED;
    result = scenario(run);
    load_run_close_target(run);
    return result;
}

static int run_subcommand(const struct load_options *options)
{
    struct load_run run;
    int result = LOAD_FAILED;
    size_t i = 0;

    while (i < sizeof subcommands / sizeof *subcommands &&
           strcmp(subcommands[i].name, options->subcommand) != 0)
        i++;
    if (i == sizeof subcommands / sizeof *subcommands)
        return load_say("unknown subcommand `%s`; `execport-load --help` lists them",
                        options->subcommand);
    if (load_run_init(&run, options) == 0) {
        result = subcommands[i].has_target ? run_with_target(&run, subcommands[i].run)
                                           : subcommands[i].run(&run);
        load_progress("%s", "");
        load_report_print(&run.report);
        if (load_faults_total(&run.faults) > 0 ||
            (load_faults_out_of_turn(&run.faults) > 0 && !options->is_lenient))
            result = LOAD_FAILED;
        load_run_deinit(&run);
    }
    return result;
}

int main(int argc, char **argv)
{
    struct load_options options;
    int result;

    signal(SIGPIPE, SIG_IGN);
    if (argc > 1 && strcmp(argv[1], "child") == 0)
        return load_child_main(argc - 2, argv + 2);
    if (argc > 1 && strcmp(argv[1], "serve-bare") == 0)
        return load_bare_server_main(argc > 2 && strcmp(argv[2], "--packets") == 0);
    if (load_options_read(argc, argv, &options) != 0)
        return 2;
    if (options.has_help || options.subcommand == NULL) {
        load_options_print_help();
        load_options_deinit(&options);
        return options.has_help ? 0 : 2;
    }
    result = run_subcommand(&options);
    load_options_deinit(&options);
    return result == 0 ? 0 : 1;
}
