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

enum run_file_links {
    RUN_FILE_LINKS_FOLLOW, /* all symlinks */
    RUN_FILE_LINKS_LAST,   /* not the last name: a symlink there is the object */
    RUN_FILE_LINKS_NONE    /* there must be none */
};

struct run_file_place {
    int parent;              /* -1: the path ends in no name, or only the object was wanted */
    int object;              /* -1: nothing is there */
    char name[NAME_MAX + 1]; /* in parent */
    struct stat stat;        /* of the object */
};

/* Finds the place of an absolute path, inside the files root and what the sandbox allows. Where
 * nothing is, is a place too, if its directory is there. Returns 0, or -1 with the work's error. */
RUN_MUST_CHECK int run_file_place_find(struct run_file_work *work, const char *path,
                                       enum run_file_links links, bool writes,
                                       struct run_file_place *out_place);

/* The same, and something must be there. Its parent may be -1: only the object and its stat are
 * known. */
RUN_MUST_CHECK int run_file_place_find_object(struct run_file_work *work, const char *path,
                                              enum run_file_links links, bool writes,
                                              struct run_file_place *out_place);

/* Whether the kernel may be asked about the path as it stands: no sandbox, and it ends in a name.
 * Any thread. */
bool run_file_place_is_plain(const struct run_file_work *work, const char *path);

/* Opens the object anew, with flags of open(2). Returns a descriptor or -1 with the error. */
RUN_MUST_CHECK int run_file_place_open(struct run_file_work *work,
                                       const struct run_file_place *place, int flags);

/* Closes its descriptors. */
void run_file_place_close(struct run_file_place *place);

/* Cuts the last name off a path, in place; false: none is left then. Any thread. */
bool run_file_place_cut(char *path);

/* The real path of a descriptor. Returns 0, or -1 with the error; what was removed is not found. */
RUN_MUST_CHECK int run_file_place_real_path(struct run_file_work *work, int fd,
                                            char out_path[RUN_FILES_REAL_PATH_BYTES]);

#endif
