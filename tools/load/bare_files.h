/*
 * The bare loop of calls about files: this very process makes the system calls that each of them
 * needs, one after the other, without any client.
 */
#ifndef EXECPORT_TOOLS_LOAD_BARE_FILES_H
#define EXECPORT_TOOLS_LOAD_BARE_FILES_H

#include "tools/load/files.h"
#include "tools/load/run.h"

/* Runs all kinds for --seconds each and reports them. Returns 0 or LOAD_FAILED, said. */
int load_bare_files(struct load_run *run);

/* Which kinds are measured: all, or of the subcommand files those of --only. Returns 0 or
 * LOAD_FAILED, said. scenario_files.c. */
int load_files_wanted(const struct load_options *options, bool out_wanted[FILES_KINDS]);

#endif
