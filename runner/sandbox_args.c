/*
 * The arguments of bubblewrap: see sandbox_args.h. Mounts come in the order of the grants, so that
 * what lies inside of another comes behind it. Directories that hide something are made read-only
 * last: mounts may have to be made in them.
 */
#include "runner/sandbox_args.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put(struct run_sandbox_args *args, const char *text)
{
    size_t size = strlen(text) + 1;
    if (args->capacity - args->size < size) {
        size_t capacity = args->capacity * 2 + size + 1024;
        char *data = realloc(args->data, capacity);
        if (data == NULL) {
            args->failed = true;
            return;
        }
        args->data = data;
        args->capacity = capacity;
    }
    memcpy(args->data + args->size, text, size);
    args->size += size;
}

static void put2(struct run_sandbox_args *args, const char *option, const char *value)
{
    put(args, option);
    put(args, value);
}

static void put_mount(struct run_sandbox_args *args, const char *option, const char *source,
                      const char *target)
{
    put2(args, option, source);
    put(args, target);
}

/* Whether something below it is granted, so that it must be possible to pass through. */
static bool is_passed(const struct run_permissions *permissions, size_t index)
{
    return index + 1 < permissions->count &&
           run_path_is_in(permissions->grants[index + 1].path, permissions->grants[index].path);
}

static void put_grant(struct run_sandbox_args *args, const struct run_permissions *permissions,
                      size_t index)
{
    const struct run_grant *grant = &permissions->grants[index];
    if (grant->access == RUN_ACCESS_WRITE) {
        put_mount(args, "--bind", grant->path, grant->path);
    } else if (grant->access == RUN_ACCESS_READ) {
        put_mount(args, "--ro-bind", grant->path, grant->path);
    } else if (grant->is_directory) {
        put2(args, "--perms", is_passed(permissions, index) ? "111" : "000");
        put2(args, "--tmpfs", grant->path);
    } else {
        put_mount(args, "--ro-bind", "/dev/null", grant->path); /* a device that cannot be opened */
    }
}

static void put_grants(struct run_sandbox_args *args, const struct run_permissions *permissions)
{
    for (size_t i = 1; i < permissions->count; i++) {
        if (permissions->grants[i].access != run_permissions_outer(permissions, i))
            put_grant(args, permissions, i);
    }
    for (size_t i = permissions->count; i-- > 1;) {
        const struct run_grant *grant = &permissions->grants[i];
        if (grant->access == RUN_ACCESS_NONE && grant->is_directory &&
            run_permissions_outer(permissions, i) != RUN_ACCESS_NONE)
            put2(args, "--remount-ro", grant->path);
    }
}

/* Namespaces of its own, no privileges, and nothing that survives the server. */
static void put_walls(struct run_sandbox_args *args, bool has_network)
{
    put(args, "--die-with-parent");
    put(args, "--unshare-user");
    put(args, "--unshare-pid");
    put(args, "--as-pid-1"); /* the inside: it tells how the program ended */
    put(args, "--unshare-ipc");
    if (!has_network)
        put(args, "--unshare-net");
    put2(args, "--cap-drop", "ALL");
}

/* Our own process table and devices: paths below them are not the system's. */
static bool is_special(const char *path)
{
    return run_path_is_in(path, "/proc") || run_path_is_in(path, "/dev");
}

static int check(const struct run_permissions *permissions, struct run_why *out_why)
{
    if (permissions->count == 0 || strcmp(permissions->grants[0].path, "/") != 0 ||
        permissions->grants[0].access == RUN_ACCESS_NONE)
        return run_why_set(out_why, -1, "it does not let the program read everything");
    for (size_t i = 1; i < permissions->count; i++) {
        const struct run_grant *grant = &permissions->grants[i];
        if (is_special(grant->path) && grant->access != run_permissions_outer(permissions, i))
            return run_why_set(out_why, -1, "it has a rule for %s, below /proc or /dev",
                               grant->path);
    }
    return 0;
}

int run_sandbox_args(struct run_sandbox_args *args, const struct run_sandbox_asked *asked,
                     struct run_why *out_why)
{
    const struct run_permissions *permissions = asked->permissions;
    char number[16];
    if (check(permissions, out_why) != 0)
        return -1;
    bool writes = permissions->grants[0].access == RUN_ACCESS_WRITE;
    put_walls(args, permissions->has_network);
    put_mount(args, writes ? "--bind" : "--ro-bind", "/", "/");
    put2(args, "--dev", "/dev");
    put2(args, "--proc", "/proc");
    for (const char *const *path = asked->fixed; path != NULL && *path != NULL; path++)
        put_mount(args, "--ro-bind", *path, *path);
    put_grants(args, permissions);
    for (const char *const *path = asked->hidden; path != NULL && *path != NULL; path++)
        put_mount(args, "--ro-bind", "/dev/null", *path);
    if (asked->filter_fd >= 0) {
        (void)snprintf(number, sizeof(number), "%d", asked->filter_fd);
        put2(args, "--seccomp", number);
    }
    return args->failed ? run_why_set(out_why, -1, "out of memory") : 0;
}
