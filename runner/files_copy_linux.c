/*
 * fs/copy: files, symlinks as such, trees. A new file gets its name when it is made and loses it if
 * it cannot be written; one that is there is written where it is. Modes come along, but neither
 * owners nor the bits that set them. On a helper.
 */
#include "runner/files_tree_linux.h"

#include "wire/rpc_errors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <unistd.h>

enum { COPY_STEP_BYTES = 8 * 1024 * 1024 }; /* between two looks at the clock */

/* ---- Bytes ---- */

static int count_bytes(struct run_tree *tree, size_t bytes)
{
    tree->bytes += bytes;
    if (tree->bytes <= tree->work->files->copy_bytes)
        return run_file_is_over(tree->work, tree->deadline_ns) ? -1 : 0;
    return run_file_fail(tree->work, WIRE_RPC_CODE_INVALID_REQUEST,
                         "more than %llu bytes are to be copied",
                         (unsigned long long)tree->work->files->copy_bytes);
}

/* sendfile works between any two files, and ends where the source does. */
static int copy_bytes(struct run_tree *tree, int from, int to)
{
    for (;;) {
        ssize_t got = sendfile(to, from, NULL, COPY_STEP_BYTES);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return run_file_fail_os(tree->work, errno);
        if (got == 0)
            return 0;
        if (count_bytes(tree, (size_t)got) != 0)
            return -1;
    }
}

static mode_t mode_of(const struct stat *stat)
{
    return stat->st_mode & 0777;
}

/* ---- Files ---- */

/* A place in a directory: for files and directories inside of trees. */
struct target {
    int parent;
    const char *name;
};

static int copy_to_new(struct run_tree *tree, int from, const struct stat *stat,
                       struct target target)
{
    int to = openat(target.parent, target.name,
                    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to < 0)
        return run_file_fail_os(tree->work, errno);
    int result = copy_bytes(tree, from, to);
    if (result == 0 && fchmod(to, mode_of(stat)) != 0)
        result = run_file_fail_os(tree->work, errno);
    if (result != 0)
        (void)unlinkat(target.parent, target.name, 0);
    run_file_close(to);
    return result;
}

static int overwrite(struct run_tree *tree, int from, const struct stat *stat, int to)
{
    /* Without room nothing is touched; a file system that cannot reserve any says so. */
    if (stat->st_size > 0 && fallocate(to, FALLOC_FL_KEEP_SIZE, 0, stat->st_size) != 0 &&
        (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
        return run_file_fail_os(tree->work, errno);
    if (ftruncate(to, 0) != 0)
        return run_file_fail_os(tree->work, errno);
    if (copy_bytes(tree, from, to) != 0)
        return -1;
    return fchmod(to, mode_of(stat)) == 0 ? 0 : run_file_fail_os(tree->work, errno);
}

static int copy_to_old(struct run_tree *tree, int from, const struct stat *stat,
                       const struct run_file_place *place)
{
    if (S_ISDIR(place->stat.st_mode))
        return run_file_fail_os(tree->work, EISDIR);
    if (!S_ISREG(place->stat.st_mode))
        return run_file_fail(tree->work, WIRE_RPC_CODE_INVALID_REQUEST,
                             "fs/copy only writes to regular files");
    if (place->stat.st_dev == stat->st_dev && place->stat.st_ino == stat->st_ino)
        return run_file_fail(tree->work, WIRE_RPC_CODE_INVALID_REQUEST,
                             "fs/copy cannot copy a file to itself");
    int to = run_file_place_open(tree->work, place, O_WRONLY);
    if (to < 0)
        return -1;
    int result = overwrite(tree, from, stat, to);
    run_file_close(to);
    return result;
}

static int copy_file(struct run_tree *tree, const struct run_file_place *source,
                     const struct run_file_place *place)
{
    int from = run_file_place_open(tree->work, source, O_RDONLY);
    if (from < 0)
        return -1;
    int result = place->object < 0 ? copy_to_new(tree, from, &source->stat,
                                                 (struct target){place->parent, place->name})
                                   : copy_to_old(tree, from, &source->stat, place);
    run_file_close(from);
    return result;
}

static int copy_link(struct run_tree *tree, const struct run_file_place *source,
                     struct target target)
{
    char text[PATH_MAX];
    ssize_t size = readlinkat(source->object, "", text, sizeof(text) - 1);
    if (size < 0)
        return run_file_fail_os(tree->work, errno);
    text[size] = 0;
    return symlinkat(text, target.parent, target.name) == 0 ? 0
                                                            : run_file_fail_os(tree->work, errno);
}

/* ---- Trees ---- */

/* What lies at a name in a directory, no symlink followed. */
static int look(struct run_tree *tree, int parent, const char *name,
                struct run_file_place *out_place)
{
    struct run_file_place place = {.parent = -1, .object = -1};
    place.object = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (place.object < 0 && errno != ENOENT)
        return run_file_fail_os(tree->work, errno);
    if (place.object >= 0 && fstat(place.object, &place.stat) != 0) {
        run_file_close(place.object);
        return run_file_fail_os(tree->work, errno);
    }
    *out_place = place;
    return 0;
}

static int copy_directory(struct run_tree *tree, const struct run_file_place *source,
                          struct target target);

/* A file onto a name in a directory; a symlink that is there is not followed. */
static int copy_file_into(struct run_tree *tree, const struct run_file_place *source,
                          struct target target)
{
    struct run_file_place place;
    if (look(tree, target.parent, target.name, &place) != 0)
        return -1;
    place.parent = target.parent;
    memcpy(place.name, target.name, strlen(target.name) + 1);
    int result = copy_file(tree, source, &place);
    run_file_close(place.object);
    return result;
}

static int copy_object(struct run_tree *tree, const struct run_file_place *source,
                       struct target target)
{
    mode_t mode = source->stat.st_mode;
    if (run_tree_check(tree, target.parent, target.name, true) != 0)
        return -1;
    if (S_ISDIR(mode))
        return copy_directory(tree, source, target);
    if (S_ISLNK(mode))
        return copy_link(tree, source, target);
    return S_ISREG(mode) ? copy_file_into(tree, source, target) : 0;
}

static int copy_entry(struct run_tree *tree, DIR *from, int to, const char *name)
{
    struct run_file_place source;
    if (run_tree_count(tree) != 0 || run_tree_check(tree, dirfd(from), name, false) != 0 ||
        look(tree, dirfd(from), name, &source) != 0)
        return -1;
    if (source.object < 0)
        return 0; /* gone meanwhile */
    int result = copy_object(tree, &source, (struct target){to, name});
    run_file_close(source.object);
    return result;
}

static int copy_entries(struct run_tree *tree, DIR *from, int to)
{
    struct dirent *entry;
    int result;
    while ((result = run_directory_next(tree->work, from, &entry)) > 0)
        if (copy_entry(tree, from, to, entry->d_name) != 0)
            return -1;
    return result;
}

/* The directory at target, made if it is not there. Returns a descriptor or -1. */
static int make_directory(struct run_tree *tree, const struct run_file_place *source,
                          struct target target)
{
    if (mkdirat(target.parent, target.name, mode_of(&source->stat) | 0700) != 0 && errno != EEXIST)
        return run_file_fail_os(tree->work, errno);
    int fd = openat(target.parent, target.name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return run_file_fail_os(tree->work, errno == ENOTDIR ? EEXIST : errno);
    return fd;
}

static int copy_directory(struct run_tree *tree, const struct run_file_place *source,
                          struct target target)
{
    if (run_tree_down(tree) != 0)
        return -1;
    DIR *from = run_directory_open(tree->work, source);
    if (from == NULL)
        return -1;
    int to = make_directory(tree, source, target);
    int result = to >= 0 ? copy_entries(tree, from, to) : -1;
    run_file_close(to);
    (void)closedir(from);
    run_tree_up(tree);
    return result;
}

/* ---- The request ---- */

/* The real path of the destination, or of what is nearest above it. */
static int nearest_path(struct run_file_work *work, const char *destination,
                        char out_path[RUN_FILES_REAL_PATH_BYTES])
{
    struct run_file_place place;
    char *path = strdup(destination);
    int result = path == NULL ? run_file_fail_os(work, ENOMEM) : 1;
    while (result == 1) {
        result = run_file_place_find_object(work, path, RUN_FILE_LINKS_FOLLOW, true, &place);
        if (result != 0 && work->error.os_error == ENOENT && run_file_place_cut(path))
            result = 1;
    }
    free(path);
    if (result != 0)
        return -1;
    result = run_file_place_real_path(work, place.object, out_path);
    run_file_place_close(&place);
    return result;
}

static int check_not_inside(struct run_file_work *work, const struct run_file_place *source,
                            const char *destination)
{
    char from[RUN_FILES_REAL_PATH_BYTES], to[RUN_FILES_REAL_PATH_BYTES];
    if (run_file_place_real_path(work, source->object, from) != 0 ||
        nearest_path(work, destination, to) != 0)
        return -1;
    size_t size = strlen(from);
    if (strncmp(from, to, size) != 0 || (to[size] != '/' && to[size] != 0 && size > 1))
        return 0;
    return run_file_fail(work, WIRE_RPC_CODE_INVALID_REQUEST,
                         "fs/copy cannot copy a directory to itself or one of its descendants");
}

/* Makes the destination and what is above it, then copies into it. */
static int copy_tree(struct run_file_work *work, const struct wire_msg_fs *asked,
                     const struct run_file_place *source)
{
    struct wire_msg_fs above = {
        .path = asked->destination, .recursive = true, .follow_symlinks = true};
    struct run_file_place place;
    struct run_tree tree;
    if (!asked->recursive)
        return run_file_fail(work, WIRE_RPC_CODE_INVALID_REQUEST,
                             "fs/copy requires recursive: true when sourcePath is a directory");
    if (check_not_inside(work, source, asked->destination) != 0 ||
        run_file_create_directory(work, &above) != 0 ||
        run_file_place_find_object(work, asked->destination, RUN_FILE_LINKS_FOLLOW, true, &place) !=
            0)
        return -1;
    run_tree_init(&tree, work);
    DIR *from = run_directory_open(work, source);
    int result = from != NULL ? copy_entries(&tree, from, place.object) : -1;
    if (from != NULL)
        (void)closedir(from);
    run_file_place_close(&place);
    return result;
}

static int copy_one(struct run_file_work *work, const struct wire_msg_fs *asked,
                    const struct run_file_place *source)
{
    bool is_link = S_ISLNK(source->stat.st_mode);
    struct run_file_place place;
    struct run_tree tree;
    run_tree_init(&tree, work);
    if (run_file_place_find(work, asked->destination,
                            is_link ? RUN_FILE_LINKS_LAST : RUN_FILE_LINKS_FOLLOW, true,
                            &place) != 0)
        return -1;
    int result = -1;
    if (place.parent < 0)
        (void)run_file_fail_os(work, EISDIR);
    else if (is_link)
        result = copy_link(&tree, source, (struct target){place.parent, place.name});
    else
        result = copy_file(&tree, source, &place);
    run_file_place_close(&place);
    return result;
}

int run_file_copy(struct run_file_work *work, const struct wire_msg_fs *asked)
{
    struct run_file_place source;
    int result;
    if (run_file_place_find_object(work, asked->path, RUN_FILE_LINKS_LAST, false, &source) != 0)
        return -1;
    if (S_ISDIR(source.stat.st_mode))
        result = copy_tree(work, asked, &source);
    else if (S_ISREG(source.stat.st_mode) || S_ISLNK(source.stat.st_mode))
        result = copy_one(work, asked, &source);
    else
        result = run_file_fail(work, WIRE_RPC_CODE_INVALID_REQUEST,
                               "fs/copy only supports regular files, directories, and symlinks");
    run_file_place_close(&source);
    return result;
}
