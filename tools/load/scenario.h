/*
 * The scenarios: each opens clients to the run's target, measures its cases, reports them. They
 * return 0, or LOAD_FAILED if a case could not be measured at all; wrong bytes are no reason to
 * stop, they are counted in the run's faults.
 */
#ifndef EXECPORT_TOOLS_LOAD_SCENARIO_H
#define EXECPORT_TOOLS_LOAD_SCENARIO_H

#include "tools/load/run.h"

typedef int load_scenario_fn(struct load_run *run);

load_scenario_fn load_scenario_starts;
load_scenario_fn load_scenario_idle;
load_scenario_fn load_scenario_throughput;
load_scenario_fn load_scenario_echo;
load_scenario_fn load_scenario_files;
load_scenario_fn load_scenario_slow_reader;
load_scenario_fn load_scenario_bystander;
load_scenario_fn load_scenario_detach_storm;
load_scenario_fn load_scenario_soak;
load_scenario_fn load_scenario_demo;

/* Runs every measuring scenario for every server of the options and the bare loops. */
int load_bench(struct load_run *run);

/* Runs starts, throughput and echo for the bare loops. */
int load_limits(struct load_run *run);

/*
 * Puts a proxy that spoils one thing between the client and the bare server, once for each way to
 * spoil, and reports which of them went unnoticed. Returns 0 if none did.
 */
int load_self_check(struct load_run *run);

/* Starts one flooding child of the pattern; see child.h. */
struct load_session *load_start_flood(struct load_run *run, struct load_client *client,
                                      uint64_t bytes, bool on_tty);

/* Whether flooding children of this kind can be told when to begin. */
bool load_flood_has_gate(const struct load_client *client, bool on_tty);

/*
 * Starts a number of flooding children and waits until all stand at their gates. Returns 0 or what
 * load_client_wait() returned.
 */
int load_start_floods(struct load_run *run, struct load_client *client, unsigned sessions,
                      uint64_t bytes_each, bool on_tty);

/* Whether all sessions have written their first byte, or failed. */
bool load_are_at_gates(const struct load_client *client);

/* Opens the gates: from now on all write as fast as they can. */
void load_open_gates(struct load_client *client);

/*
 * How many bytes flooding children move through the target in --seconds, found by a short try. 0 if
 * it failed.
 */
uint64_t load_calibrate_flood(struct load_run *run, unsigned sessions, bool on_tty);

#endif
