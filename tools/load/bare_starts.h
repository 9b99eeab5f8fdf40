/*
 * The loop that only starts and reaps, without client and protocol.
 */
#ifndef EXECPORT_TOOLS_LOAD_BARE_STARTS_H
#define EXECPORT_TOOLS_LOAD_BARE_STARTS_H

#include "tools/load/run.h"

/*
 * Starts /bin/true for the time of a case, so many at a time (more than 8 are left out), and
 * reports it as the server "bare spawn". Returns 0, or LOAD_FAILED, said.
 */
int load_bare_starts(struct load_run *run, unsigned at_a_time);

#endif
