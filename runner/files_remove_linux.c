/*
 * fs/remove: each name is removed in its directory's descriptor, so whatever is exchanged
 * meanwhile, nothing outside the tree is reached. On a helper.
 */
#include "runner/files_tree_linux.h"

#include "wire/rpc_errors.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { PASSES_MAX = 16 }; /* over one directory to which others add */

static int remove_entry(struct run_tree *tree, int parent, const char *name);

/* Removes what a directory holds, once through. Returns how many names, or -1. */
static int64_t empty_once(struct run_tree *tree, DIR *directory)
{
    struct dirent *entry;
    int64_t removed = 0;
    int result;
    while ((result = run_directory_next(tree->work, directory, &entry)) > 0) {
        if (remove_entry(tree, dirfd(directory), entry->d_name) != 0)
            return -1;
        removed++;
    }
    return result == 0 ? removed : -1;
}

/* Some file systems skip names while others of the directory are removed. */
static int empty(struct run_tree *tree, DIR *directory)
{
    int64_t removed = 1;
    for (unsigned pass = 0; removed > 0 && pass < PASSES_MAX; pass++) {
        rewinddir(directory);
        removed = empty_once(tree, directory);
    }
    return removed < 0 ? -1 : 0;
}

static int empty_directory(struct run_tree *tree, int parent, const char *name)
{
    if (run_tree_down(tree) != 0)
        return -1;
    DIR *directory = run_tree_open(tree, parent, name);
    if (directory == NULL)
        return -1;
    int result = empty(tree, directory);
    (void)closedir(directory);
    run_tree_up(tree);
    return result;
}

/* What is gone already is removed. */
static int unlink_name(struct run_tree *tree, int parent, const char *name, int flags)
{
    if (unlinkat(parent, name, flags) == 0 || errno == ENOENT)
        return 0;
    return run_file_fail_os(tree->work, errno);
}

static int remove_entry(struct run_tree *tree, int parent, const char *name)
{
    if (run_tree_count(tree) != 0 || run_tree_check(tree, parent, name, true) != 0)
        return -1;
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return 0;
    int os_error = errno;
    struct stat stat;
    if (fstatat(parent, name, &stat, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(stat.st_mode))
        return run_file_fail_os(tree->work, os_error);
    if (empty_directory(tree, parent, name) != 0)
        return -1;
    return unlink_name(tree, parent, name, AT_REMOVEDIR);
}

static int remove_place(struct run_file_work *work, const struct wire_msg_fs *asked,
                        const struct run_file_place *place)
{
    struct run_tree tree;
    run_tree_init(&tree, work);
    if (place->parent < 0)
        return run_file_fail(work, WIRE_RPC_CODE_INVALID_REQUEST,
                             "path must end in the name of what is to be removed");
    if (place->object < 0)
        return asked->force ? 0 : run_file_fail_os(work, ENOENT);
    bool is_directory = S_ISDIR(place->stat.st_mode);
    if (is_directory && asked->recursive)
        return remove_entry(&tree, place->parent, place->name);
    return unlink_name(&tree, place->parent, place->name, is_directory ? AT_REMOVEDIR : 0);
}

int run_file_remove(struct run_file_work *work, const struct wire_msg_fs *asked)
{
    enum run_file_links links = asked->follow_symlinks ? RUN_FILE_LINKS_LAST : RUN_FILE_LINKS_NONE;
    struct run_file_place place;
    if (run_file_place_find(work, asked->path, links, true, &place) != 0)
        return asked->force && work->error.os_error == ENOENT ? 0 : -1;
    int result = remove_place(work, asked, &place);
    run_file_place_close(&place);
    return result;
}
