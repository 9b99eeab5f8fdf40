/*
 * One run of the program against one server after the other: what all scenarios share. A target is
 * the server that is measured now; a scenario opens clients to it, measures, reports, closes.
 */
#ifndef EXECPORT_TOOLS_LOAD_RUN_H
#define EXECPORT_TOOLS_LOAD_RUN_H

#include "tools/load/client.h"
#include "tools/load/options.h"
#include "tools/load/proc.h"
#include "tools/load/report.h"
#include "tools/load/serve.h"

/* How to reach the server that is measured. */
struct load_target {
    const char *name;
    const char *url;     /* of a server that runs; or */
    const char *command; /* of one to start, with_stdio or with a URL on its standard output */
    bool with_stdio;
    const struct load_dialect *dialect;
};

struct load_run {
    const struct load_options *options;
    char self[4096]; /* the path of this program: sessions run it as child */
    struct load_loop loop;
    struct load_report report;
    struct load_pattern *pattern;
    struct load_faults faults; /* of everything so far */
    struct load_target target;
    struct load_server server; /* if we started it */
    struct load_proc_set set;  /* the server's processes; empty: unknown */
};

/* What is measured around a piece of work. */
struct load_measure {
    uint64_t ns;
    uint64_t server_cpu_ns;
    uint64_t client_cpu_ns;
};

/* Prepares a run. Borrows options. Returns 0 or LOAD_FAILED, said. */
int load_run_init(struct load_run *run, const struct load_options *options);
void load_run_deinit(struct load_run *run);

/* Makes the target the server of the run and starts it if it has to be. 0 or LOAD_FAILED, said. */
int load_run_open_target(struct load_run *run, const struct load_target *target);
void load_run_close_target(struct load_run *run);

/* The target that the options name, if there is just one; else LOAD_FAILED, said. */
int load_run_target_of_options(const struct load_options *options, struct load_target *out_target);

/*
 * Opens a client to the target with so many connections (a server on stdio is started anew for it).
 * Returns 0 or LOAD_FAILED, said; close the client in the second case too.
 */
int load_run_open_client(struct load_run *run, struct load_client *client, unsigned connections);

/*
 * Ends a case: adds the client's faults to the report's case and to the run's, says them under the
 * title, ends the report's case, closes the client.
 */
void load_run_close_client(struct load_run *run, struct load_client *client, const char *title);

/* Begins and ends a measurement; after the end the fields hold differences. */
void load_measure_begin(const struct load_run *run, struct load_measure *measure);
void load_measure_end(const struct load_run *run, struct load_measure *measure);

/* Report the measure's CPU time for each GB (1e9 bytes), or for each of count pieces of work; the
 * server's only if its processes are known. */
void load_run_add_cpu_per_gb(struct load_run *run, const struct load_measure *measure,
                             uint64_t bytes);
void load_run_add_cpu_each(struct load_run *run, const struct load_measure *measure,
                           uint64_t count);

/* Whether sessions with terminals, or with pipes, are wanted by --tty. */
bool load_run_wants_tty(const struct load_run *run, bool on_tty);

/* The numbers of sessions: those of --sessions, else the given ones. Returns how many. */
unsigned load_run_cases(const struct load_run *run, const unsigned *defaults, unsigned count,
                        unsigned out_cases[LOAD_CASES_LIMIT]);

/* Checks that the system has terminals and descriptors enough. Returns 0 or LOAD_FAILED, said. */
int load_run_check_room(unsigned ptys, unsigned children);

#endif
