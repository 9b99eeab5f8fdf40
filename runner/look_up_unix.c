/*
 * Following a path: see look_up.h. What is left of the path is kept in one buffer, a link's target
 * is put before it; what has been followed is in the other.
 */
#include "runner/look_up.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINKS_MAX = 40 }; /* as many as Linux follows in one path */

struct walk {
    char done[PATH_MAX]; /* "" is "/" */
    char left[PATH_MAX];
    size_t done_size;
    int links;
    run_link_seen *seen;
    void *context;
};

static int fail(int error, const char *path, struct run_why *out_why)
{
    return run_why_set(out_why, -1, "%s: %s", path, strerror(error));
}

/* Takes the first component that is left; "" at the end. Returns 0 or errno. */
static int take_component(struct walk *walk, char name[NAME_MAX + 1])
{
    size_t start = strspn(walk->left, "/");
    size_t size = strcspn(walk->left + start, "/");
    if (size > NAME_MAX)
        return ENAMETOOLONG;
    memcpy(name, walk->left + start, size);
    name[size] = '\0';
    memmove(walk->left, walk->left + start + size, strlen(walk->left + start + size) + 1);
    return 0;
}

static void go_up(struct walk *walk)
{
    while (walk->done_size > 0 && walk->done[--walk->done_size] != '/')
        continue;
    walk->done[walk->done_size] = '\0';
}

static int go_down(struct walk *walk, const char *name)
{
    size_t size = strlen(name);
    if (walk->done_size + 1 + size >= sizeof(walk->done))
        return ENAMETOOLONG;
    walk->done[walk->done_size++] = '/';
    memcpy(walk->done + walk->done_size, name, size + 1);
    walk->done_size += size;
    return 0;
}

/* The last component was a link: its target comes in its place. Returns 0 or errno. */
static int follow(struct walk *walk)
{
    char target[PATH_MAX];
    ssize_t size = readlink(walk->done, target, sizeof(target));
    if (size < 0)
        return errno;
    size_t left = strlen(walk->left);
    if ((size_t)size + 1 + left >= sizeof(walk->left))
        return ENAMETOOLONG;
    if (++walk->links > LINKS_MAX)
        return ELOOP;
    go_up(walk);
    if (walk->seen != NULL)
        walk->seen(walk->context, walk->done_size > 0 ? walk->done : "/");
    memmove(walk->left + size + 1, walk->left, left + 1);
    memcpy(walk->left, target, (size_t)size);
    walk->left[size] = '/';
    if (target[0] == '/')
        walk->done_size = 0, walk->done[0] = '\0';
    return 0;
}

static enum run_place place_of(const struct stat *status)
{
    return S_ISDIR(status->st_mode) ? RUN_PLACE_DIRECTORY : RUN_PLACE_FILE;
}

/* One step. Returns 0 or errno; *out_place becomes NOTHING where the path cannot go on. */
static int step(struct walk *walk, const char *name, enum run_place *out_place)
{
    struct stat status;
    if (strcmp(name, ".") == 0)
        return 0;
    if (strcmp(name, "..") == 0) {
        go_up(walk);
        return 0;
    }
    if (*out_place != RUN_PLACE_DIRECTORY) {
        *out_place = RUN_PLACE_NOTHING; /* below a file */
        return go_down(walk, name);
    }
    int error = go_down(walk, name);
    if (error != 0)
        return error;
    if (lstat(walk->done, &status) != 0) {
        *out_place = RUN_PLACE_NOTHING;
        return errno == ENOENT || errno == ENOTDIR ? 0 : errno;
    }
    if (S_ISLNK(status.st_mode))
        return follow(walk);
    *out_place = place_of(&status);
    return 0;
}

int run_look_up_path(const char *path, run_link_seen *seen, void *context, char **out_path,
                     enum run_place *out_place, struct run_why *out_why)
{
    struct walk walk = {.seen = seen, .context = context};
    char name[NAME_MAX + 1];
    enum run_place place = RUN_PLACE_DIRECTORY;
    if (strlen(path) >= sizeof(walk.left))
        return fail(ENAMETOOLONG, path, out_why);
    memcpy(walk.left, path, strlen(path) + 1);
    for (;;) {
        int error = take_component(&walk, name);
        if (error == 0 && name[0] == '\0')
            break;
        if (error == 0)
            error = step(&walk, name, &place);
        if (error != 0)
            return fail(error, path, out_why);
        if (place == RUN_PLACE_NOTHING)
            break;
    }
    char *found = strdup(walk.done_size > 0 ? walk.done : "/");
    if (found == NULL)
        return fail(ENOMEM, path, out_why);
    *out_path = found;
    *out_place = place;
    return 0;
}
