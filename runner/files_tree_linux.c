/*
 * Trees: see files_tree_linux.h.
 */
#include "runner/files_tree_linux.h"

#include "wire/rpc_errors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

void run_tree_init(struct run_tree *tree, struct run_file_work *work)
{
    uint64_t time_ns = work->files->tree_ms * UINT64_C(1000000);
    *tree =
        (struct run_tree){.work = work, .deadline_ns = iocp_now_ns(work->files->port) + time_ns};
}

int run_tree_count(struct run_tree *tree)
{
    if (run_file_is_over(tree->work, tree->deadline_ns))
        return -1;
    if (++tree->entries <= tree->work->files->tree_entries)
        return 0;
    return run_file_fail(tree->work, WIRE_RPC_CODE_INVALID_REQUEST,
                         "the tree has more than %u entries", tree->work->files->tree_entries);
}

int run_tree_down(struct run_tree *tree)
{
    if (++tree->depth <= tree->work->files->tree_depth)
        return 0;
    return run_file_fail(tree->work, WIRE_RPC_CODE_INVALID_REQUEST,
                         "the tree is deeper than %u directories", tree->work->files->tree_depth);
}

void run_tree_up(struct run_tree *tree)
{
    tree->depth--;
}

DIR *run_tree_open(struct run_tree *tree, int parent, const char *name)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    if (directory == NULL) {
        (void)run_file_fail_os(tree->work, errno);
        run_file_close(fd);
    }
    return directory;
}

int run_tree_check(struct run_tree *tree, int parent, const char *name, bool writes)
{
    struct run_file_work *work = tree->work;
    char path[RUN_FILES_REAL_PATH_BYTES + NAME_MAX + 2];
    if (work->allows == NULL)
        return 0;
    if (run_file_place_real_path(work, parent, path) != 0)
        return -1;
    size_t size = strlen(path);
    (void)snprintf(path + size, sizeof(path) - size, "%s%s", size == 1 ? "" : "/", name);
    return run_file_check(work, path, writes);
}
