/*
 * The numbers of one session's events: 1, 2, 3 and so on, each once. An event may come a little
 * late (Codex's server lets output overtake the exit), which is told from one that never comes.
 */
#ifndef EXECPORT_TOOLS_LOAD_SEQ_H
#define EXECPORT_TOOLS_LOAD_SEQ_H

#include "tools/load/faults.h"

#include <stdbool.h>
#include <stdint.h>

/* How late an event may be before it counts as left out: as much as Codex's client bears. */
enum { LOAD_SEQ_WINDOW = 256 };

struct load_seq {
    uint64_t highest;                       /* number that came; 0 at first */
    uint64_t missing[LOAD_SEQ_WINDOW / 64]; /* bit n % LOAD_SEQ_WINDOW: n has not come */
};

/* Takes the next event's number; name is the session's, for descriptions. */
void load_seq_take(struct load_seq *seq, uint64_t number, const char *name,
                   struct load_faults *faults);

/* Whether a number was passed over that may still come. */
bool load_seq_is_missing_any(const struct load_seq *seq);

/* No event follows: what is missing now is a hole. */
void load_seq_finish(struct load_seq *seq, const char *name, struct load_faults *faults);

#endif
