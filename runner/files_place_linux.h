/*
 * A place in the file system: a name in a directory, and what lies there now. Both are descriptors
 * with O_PATH, so the place stays the same whatever happens to the path that led to it.
 * On a helper.
 */
#ifndef RUN_FILES_PLACE_LINUX_H
#define RUN_FILES_PLACE_LINUX_H

#include "runner/files.h"

#include <limits.h>
#include <sys/stat.h>

enum run_place_links {
    RUN_PLACE_FOLLOW, /* all symlinks */
    RUN_PLACE_LAST,   /* not the last name: a symlink there is the object */
    RUN_PLACE_NONE    /* there must be none */
};

struct run_place {
    int parent;              /* -1: the path ends in no name */
    int object;              /* -1: nothing is there */
    char name[NAME_MAX + 1]; /* in parent */
    struct stat stat;        /* of the object */
};

/* Finds the place of an absolute path, inside the files root and what the sandbox allows. Where
 * nothing is, is a place too, if its directory is there. Returns 0, or -1 with the work's error. */
RUN_MUST_CHECK int run_place_find(struct run_file_work *work, const char *path,
                                  enum run_place_links links, bool writes,
                                  struct run_place *out_place);

/* The same, and something must be there. */
RUN_MUST_CHECK int run_place_find_object(struct run_file_work *work, const char *path,
                                         enum run_place_links links, bool writes,
                                         struct run_place *out_place);

/* Opens the object anew, with flags of open(2). Returns a descriptor or -1 with the error. */
RUN_MUST_CHECK int run_place_open(struct run_file_work *work, const struct run_place *place,
                                  int flags);

/* Closes its descriptors. */
void run_place_close(struct run_place *place);

/* The real path of a descriptor. Returns 0, or -1 with the error; what was removed is not found. */
RUN_MUST_CHECK int run_place_real_path(struct run_file_work *work, int fd,
                                       char out_path[RUN_FILES_REAL_PATH_BYTES]);

#endif
