/*
 * What removing and copying a tree share: how far it may go, and where it is, for the sandbox. On a
 * helper, on its stack.
 */
#ifndef RUN_FILES_TREE_LINUX_H
#define RUN_FILES_TREE_LINUX_H

#include "runner/files_directory_linux.h"

struct run_tree {
    struct run_file_work *work;
    uint64_t deadline_ns;
    uint64_t entries, bytes;
    uint32_t depth;
};

/* Begins. */
void run_tree_init(struct run_tree *tree, struct run_file_work *work);

/* One more entry; -1 with the work's error if it is one too many, or it is time to end. */
RUN_MUST_CHECK int run_tree_count(struct run_tree *tree);

/* Goes a level down; -1 with the work's error if that is too deep. */
RUN_MUST_CHECK int run_tree_down(struct run_tree *tree);
void run_tree_up(struct run_tree *tree); /* and up again */

/* Opens the directory `name` in the directory `parent`, no symlink. NULL and the work's error. */
DIR *run_tree_open(struct run_tree *tree, int parent, const char *name);

/* Whether the sandbox lets `name` in the directory `parent` be read, or written. */
RUN_MUST_CHECK int run_tree_check(struct run_tree *tree, int parent, const char *name, bool writes);

#endif
