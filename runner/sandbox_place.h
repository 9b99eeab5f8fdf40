/*
 * What must lie where a mount of a sandbox belongs: noted before bubblewrap is executed, on a
 * helper, and looked at inside before the program is. bubblewrap follows each path twice, for what
 * to mount and for where; a program that may write on the way could have made either lead
 * elsewhere. Knows nothing of grants; no state.
 */
#ifndef RUN_SANDBOX_PLACE_H
#define RUN_SANDBOX_PLACE_H

#include "runner/options_why.h"

#include <stdbool.h>

enum run_sandbox_place {
    RUN_SANDBOX_PLACE_READ = 'r',  /* the same, and it cannot be written */
    RUN_SANDBOX_PLACE_WRITE = 'w', /* the same, and it can, if it could be before */
    RUN_SANDBOX_PLACE_NONE = 'n'   /* something else: what hides it */
};

enum { RUN_SANDBOX_PLACE_BYTES = 48 };

/* Notes what is at path, absolute and without symbolic links. Returns 0, or -1 with the reason: it
 * is not there any more, or a link is on the way. May wait for disks. */
RUN_MUST_CHECK int run_sandbox_place_note(const char *path, enum run_sandbox_place place,
                                          char out_note[RUN_SANDBOX_PLACE_BYTES],
                                          struct run_why *out_why);

/* Whether what is at path now is as the note says. */
bool run_sandbox_place_holds(const char *path, const char *note);

#endif
