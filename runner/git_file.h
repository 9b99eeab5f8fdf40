/*
 * A `.git` that is a file: it names the directory that git really uses, with hooks and settings
 * that programs outside of a sandbox run. Waits for disks: on a helper.
 */
#ifndef RUN_GIT_FILE_H
#define RUN_GIT_FILE_H

#include "runner/permissions.h"

/* Protects the directories that the protected files `.git` of resolved permissions name, where they
 * could be written. Returns 0, or -1 with the reason. */
RUN_MUST_CHECK int run_git_files_protect(struct run_permissions *permissions,
                                         struct run_why *out_why);

#endif
