/*
 * Places: see files_place_linux.h. The kernel walks the path to the last name's directory; with a
 * files root it is told not to leave it (openat2, RESOLVE_BENEATH). A symlink at the end is read
 * and walked from the root again, so that each step is confined in the same way. Where only the
 * object matters and no sandbox asks where it is, the kernel first tries all of that in one step.
 * On a helper.
 */
#include "runner/files_place_linux.h"

#include "wire/rpc_errors.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    PROC_BYTES = 32, /* "/proc/self/fd/" and a number */
    TRIES_MAX = 32   /* to walk a path while others rename */
};

static void proc_path(int fd, char out_path[PROC_BYTES])
{
    (void)snprintf(out_path, PROC_BYTES, "/proc/self/fd/%d", fd);
}

int run_file_place_real_path(struct run_file_work *work, int fd,
                             char out_path[RUN_FILES_REAL_PATH_BYTES])
{
    char link[PROC_BYTES];
    struct stat stat;
    proc_path(fd, link);
    ssize_t size = readlink(link, out_path, RUN_FILES_REAL_PATH_BYTES);
    if (size < 0)
        return run_file_fail_os(work, errno);
    if (size == RUN_FILES_REAL_PATH_BYTES)
        return run_file_fail_os(work, ENAMETOOLONG);
    out_path[size] = 0;
    if (fstat(fd, &stat) != 0 || stat.st_nlink == 0)
        return run_file_fail_os(work, ENOENT); /* the text would end in " (deleted)" */
    return 0;
}

/* ---- The files root ---- */

static int fail_outside(struct run_file_work *work)
{
    return run_file_fail(work, WIRE_RPC_CODE_NOT_FOUND,
                         "`%.300s` is not below the directory that this server serves", work->path);
}

/* What of path stands behind prefix, compared name by name; NULL: it is not below it. */
static const char *behind(const char *path, const char *prefix)
{
    for (;;) {
        path += strspn(path, "/");
        prefix += strspn(prefix, "/");
        size_t size = strcspn(prefix, "/");
        if (size == 0)
            return path[0] != 0 ? path : ".";
        if (strncmp(path, prefix, size) != 0 || (path[size] != '/' && path[size] != 0))
            return NULL;
        path += size;
        prefix += size;
    }
}

static int open_how(int at, const char *path, int flags, uint64_t resolve)
{
    struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC), .resolve = resolve};
    int fd = -1;
    /* With "..", whatever is renamed anywhere meanwhile could have led out. */
    for (unsigned tries = 0; fd < 0 && tries < TRIES_MAX; tries++) {
        fd = (int)syscall(SYS_openat2, at, path, &how, sizeof(how));
        if (fd < 0 && errno != EAGAIN)
            break;
    }
    return fd;
}

/* Where the kernel begins to walk a path, and what it must not follow. */
struct walk {
    int at;
    const char *path;
    uint64_t resolve;
};

/* false: the path is outside of the files root. */
static bool walk_of(const struct run_files *files, const char *path, enum run_file_links links,
                    struct walk *out_walk)
{
    uint64_t resolve = links == RUN_FILE_LINKS_NONE ? RESOLVE_NO_SYMLINKS : 0;
    *out_walk = (struct walk){AT_FDCWD, path, resolve};
    if (files->root < 0)
        return true;
    out_walk->at = files->root;
    out_walk->resolve |= RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    out_walk->path = behind(path, files->root_path);
    if (out_walk->path == NULL)
        out_walk->path = behind(path, files->root_text);
    return out_walk->path != NULL;
}

/* Opens a path with O_PATH as far as links and the files root allow; symlinks are followed. */
static int open_path(struct run_file_work *work, const char *path, int flags,
                     enum run_file_links links)
{
    const struct run_files *files = work->files;
    struct walk walk;
    int fd;
    if (!walk_of(files, path, links, &walk))
        return fail_outside(work);
    if (work->allows != NULL)
        walk.resolve |= RESOLVE_NO_MAGICLINKS; /* they lead where a path says something else */
    if (walk.resolve != 0)
        fd = open_how(walk.at, walk.path, O_PATH | flags, walk.resolve);
    else
        fd = open(path, O_PATH | O_CLOEXEC | flags);
    if (fd < 0 && errno == EXDEV && files->root >= 0)
        return fail_outside(work);
    if (fd < 0 && errno == ELOOP && links == RUN_FILE_LINKS_NONE)
        return run_file_fail(work, WIRE_RPC_CODE_INVALID_REQUEST, "path contains a symbolic link");
    if (fd < 0 && errno == ELOOP && work->allows != NULL)
        return run_file_fail(work, WIRE_RPC_CODE_INVALID_REQUEST,
                             "path has too many symbolic links, or one of a process in /proc, "
                             "which are not followed with a sandbox");
    return fd >= 0 ? fd : run_file_fail_os(work, errno);
}

/* ---- Finding ---- */

/* Splits path into its directory and its last name, in place. NULL: it ends in no name. */
static char *split(char *path)
{
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/')
        path[--size] = 0;
    char *name = strrchr(path, '/') + 1;
    if (name[0] == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return NULL;
    return name;
}

static int find_directory(struct run_file_work *work, const char *path, enum run_file_links links,
                          struct run_file_place *place)
{
    place->object = open_path(work, path, O_DIRECTORY, links);
    if (place->object < 0)
        return -1;
    if (fstat(place->object, &place->stat) != 0)
        return run_file_fail_os(work, errno);
    return 0;
}

/* Looks for the name in the directory, which is a path up to its last slash. */
static int find_name(struct run_file_work *work, char *path, char *name, enum run_file_links links,
                     struct run_file_place *place)
{
    if (strlen(name) > NAME_MAX)
        return run_file_fail_os(work, ENAMETOOLONG);
    memcpy(place->name, name, strlen(name) + 1);
    char first = name[0];
    name[0] = 0;
    place->parent = open_path(work, path, O_DIRECTORY, links);
    name[0] = first;
    if (place->parent < 0)
        return -1;
    place->object = openat(place->parent, place->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (place->object < 0)
        return errno == ENOENT ? 0 : run_file_fail_os(work, errno);
    if (fstat(place->object, &place->stat) != 0)
        return run_file_fail_os(work, errno);
    return 0;
}

/* The path that a symlink stands for, from its directory's real path on. */
static int read_link(struct run_file_work *work, const struct run_file_place *place,
                     char **out_path)
{
    char target[PATH_MAX], directory[RUN_FILES_REAL_PATH_BYTES] = "";
    ssize_t size = readlinkat(place->object, "", target, sizeof(target) - 1);
    if (size < 0)
        return run_file_fail_os(work, errno);
    target[size] = 0;
    if (target[0] == '/' && work->files->root >= 0)
        return fail_outside(work); /* as it is for symlinks inside a path */
    if (target[0] != '/' && run_file_place_real_path(work, place->parent, directory) != 0)
        return -1;
    char *path = malloc(strlen(directory) + (size_t)size + 2);
    if (path == NULL)
        return run_file_fail_os(work, ENOMEM);
    (void)sprintf(path, "%s%s%s", directory, target[0] == '/' ? "" : "/", target);
    *out_path = path;
    return 0;
}

/* Asks the sandbox about where the place really is. */
static int check_sandbox(struct run_file_work *work, const struct run_file_place *place,
                         bool writes)
{
    char path[RUN_FILES_REAL_PATH_BYTES + NAME_MAX + 2];
    if (work->allows == NULL)
        return 0;
    int fd = place->parent >= 0 ? place->parent : place->object;
    if (run_file_place_real_path(work, fd, path) != 0)
        return -1;
    if (place->parent >= 0) {
        size_t size = strlen(path);
        (void)snprintf(path + size, sizeof(path) - size, "%s%s", size == 1 ? "" : "/", place->name);
    }
    return run_file_check(work, path, writes);
}

static int find_step(struct run_file_work *work, char *path, enum run_file_links links,
                     struct run_file_place *place)
{
    *place = (struct run_file_place){.parent = -1, .object = -1};
    char *name = split(path);
    return name == NULL ? find_directory(work, path, links, place)
                        : find_name(work, path, name, links, place);
}

static bool is_link(const struct run_file_place *place)
{
    return place->object >= 0 && S_ISLNK(place->stat.st_mode);
}

/* Finds the place of text, which is freed. */
static int find(struct run_file_work *work, char *text, enum run_file_links links,
                struct run_file_place *place)
{
    for (unsigned steps = 0;; steps++) {
        int result = find_step(work, text, links, place);
        char *next = NULL;
        if (result == 0 && links == RUN_FILE_LINKS_NONE && is_link(place))
            result =
                run_file_fail(work, WIRE_RPC_CODE_INVALID_REQUEST, "path contains a symbolic link");
        bool goes_on = result == 0 && links == RUN_FILE_LINKS_FOLLOW && is_link(place);
        if (goes_on && steps == RUN_FILES_LINKS_MAX)
            result = run_file_fail_os(work, ELOOP);
        else if (goes_on)
            result = read_link(work, place, &next);
        free(text);
        if (result != 0 || !goes_on) {
            if (result != 0)
                run_file_place_close(place);
            return result;
        }
        run_file_place_close(place);
        text = next;
    }
}

int run_file_place_find(struct run_file_work *work, const char *path, enum run_file_links links,
                        bool writes, struct run_file_place *out_place)
{
    struct run_file_place place;
    if (path[0] != '/')
        return run_file_fail_os(work, EINVAL);
    char *text = strdup(path);
    if (text == NULL)
        return run_file_fail_os(work, ENOMEM);
    work->path = path;
    if (find(work, text, links, &place) != 0)
        return -1;
    if (check_sandbox(work, &place, writes) != 0) {
        run_file_place_close(&place);
        return -1;
    }
    *out_place = place;
    return 0;
}

/* ---- Finding in one step ---- */

bool run_file_place_is_plain(const struct run_file_work *work, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (work->allows != NULL || path[0] != '/' || slash[1] == 0)
        return false;
    return strcmp(slash, "/.") != 0 && strcmp(slash, "/..") != 0;
}

/* Has the kernel walk the whole path, the last symlink too. Returns 1, or -1 with the error if
 * nothing is there; 0: anything else, which is for the steps to tell. */
static int find_at_once(struct run_file_work *work, const char *path, enum run_file_links links,
                        struct run_file_place *place)
{
    struct walk walk;
    int flags = links == RUN_FILE_LINKS_LAST ? O_PATH | O_NOFOLLOW : O_PATH;
    *place = (struct run_file_place){.parent = -1, .object = -1};
    if (!run_file_place_is_plain(work, path) || !walk_of(work->files, path, links, &walk))
        return 0;
    place->object = open_how(walk.at, walk.path, flags, walk.resolve | RESOLVE_NO_MAGICLINKS);
    if (place->object < 0)
        return errno == ENOENT ? run_file_fail_os(work, ENOENT) : 0;
    if (fstat(place->object, &place->stat) == 0)
        return 1;
    run_file_place_close(place);
    return 0;
}

int run_file_place_find_object(struct run_file_work *work, const char *path,
                               enum run_file_links links, bool writes,
                               struct run_file_place *out_place)
{
    struct run_file_place place;
    int found = find_at_once(work, path, links, out_place);
    work->path = path;
    if (found != 0)
        return found > 0 ? 0 : -1;
    if (run_file_place_find(work, path, links, writes, &place) != 0)
        return -1;
    if (place.object < 0) {
        run_file_place_close(&place);
        return run_file_fail_os(work, ENOENT);
    }
    *out_place = place;
    return 0;
}

int run_file_place_open(struct run_file_work *work, const struct run_file_place *place, int flags)
{
    char path[PROC_BYTES];
    int fd = -1;
    if ((flags & O_DIRECTORY) != 0)
        fd = openat(place->object, ".", flags | O_CLOEXEC); /* may fail if only names may be read */
    if (fd >= 0)
        return fd;
    proc_path(place->object, path);
    fd = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 && errno == EWOULDBLOCK)
        fd = open(path, flags | O_NOCTTY | O_CLOEXEC); /* leased to somebody, who is asked first */
    return fd >= 0 ? fd : run_file_fail_os(work, errno);
}

void run_file_place_close(struct run_file_place *place)
{
    run_file_close(place->object);
    run_file_close(place->parent);
    place->parent = place->object = -1;
}

bool run_file_place_cut(char *path)
{
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/')
        size--;
    while (size > 1 && path[size - 1] != '/')
        size--;
    while (size > 1 && path[size - 1] == '/')
        size--;
    bool is_shorter = size > 1;
    if (is_shorter)
        path[size] = 0;
    return is_shorter;
}
