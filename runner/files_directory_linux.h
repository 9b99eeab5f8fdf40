/*
 * Reading directories entry by entry: what listing, walking, removing and copying share. On a
 * helper.
 */
#ifndef RUN_FILES_DIRECTORY_LINUX_H
#define RUN_FILES_DIRECTORY_LINUX_H

#include "runner/files_place_linux.h"

#include <dirent.h>

/* Opens the directory at a place. NULL and the work's error if it is none; closedir by the caller.
 */
DIR *run_directory_open(struct run_file_work *work, const struct run_file_place *place);

/* The next entry but "." and "..". Returns 1, 0 at the end, -1 with the work's error. */
RUN_MUST_CHECK int run_directory_next(struct run_file_work *work, DIR *directory,
                                      struct dirent **out_entry);

/* What an entry is (S_IFMT), symlinks not followed; 0: it is gone. */
mode_t run_directory_type(DIR *directory, const struct dirent *entry);

/* What the symlink `name` in the directory `path` leads to; 0: to nothing that may be seen. */
mode_t run_directory_link_type(struct run_file_work *work, const char *path, const char *name);

#endif
