/*
 * Grants of a client's permissions: see permissions.h. Lists are short (hundreds at most), so they
 * are searched one by one.
 */
#include "runner/permissions.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Where tools that run outside of the sandbox look for what to do: hooks, settings, keys. */
static const char *const protected_names[] = {".git", ".agents", ".codex", ".aws"};

enum { PROTECTED_NAMES = sizeof(protected_names) / sizeof(protected_names[0]) };

bool run_path_is_in(const char *path, const char *directory)
{
    size_t size = strlen(directory);
    if (size == 1)
        return path[0] == '/';
    return strncmp(path, directory, size) == 0 && (path[size] == '\0' || path[size] == '/');
}

/* ---- Paths as they are said ---- */

/* first and, unless NULL, second below it, in the form of struct run_grant. NULL: no memory. */
static char *join(const char *first, const char *second)
{
    const char *parts[] = {first, second};
    size_t size = 0;
    char *path = malloc(strlen(first) + (second != NULL ? strlen(second) : 0) + 3);
    if (path == NULL)
        return NULL;
    for (int i = 0; i < 2; i++) {
        for (const char *at = parts[i]; at != NULL && *at != '\0';) {
            size_t length = strcspn(at, "/");
            if (length > 0 && !(length == 1 && *at == '.')) {
                path[size++] = '/';
                memcpy(path + size, at, length);
                size += length;
            }
            at += length + (at[length] == '/');
        }
    }
    if (size == 0)
        path[size++] = '/';
    path[size] = '\0';
    return path;
}

/* What ".." leads to is known only when links are followed, and then it may be changed. */
static bool has_parent(const char *path)
{
    for (; *path != '\0'; path += strcspn(path, "/"), path += *path == '/') {
        if (strncmp(path, "..", 2) == 0 && (path[2] == '/' || path[2] == '\0'))
            return true;
    }
    return false;
}

/* ---- Grants ---- */

struct making {
    struct run_permissions *permissions;
    const struct run_permissions_asked *asked;
    struct run_why *why;
};

static int no_memory(struct run_why *out_why)
{
    return run_why_set(out_why, -1, "out of memory");
}

static bool push(struct run_permissions *permissions, const struct run_grant *grant)
{
    if (permissions->count == permissions->capacity) {
        size_t capacity = permissions->capacity * 2 + 16;
        struct run_grant *more = realloc(permissions->grants, capacity * sizeof(*more));
        if (more == NULL)
            return false;
        permissions->grants = more;
        permissions->capacity = capacity;
    }
    permissions->grants[permissions->count++] = *grant;
    return true;
}

static int add(struct making *making, const char *path, const char *below, enum run_access access,
               bool is_implied)
{
    struct run_permissions *permissions = making->permissions;
    if (path[0] != '/' || has_parent(path))
        return run_why_set(making->why, -1, "a path must be absolute and without `..`: %s", path);
    char *joined = join(path, below);
    const struct run_grant grant = {.path = joined, .access = access, .is_implied = is_implied};
    if (joined != NULL && push(permissions, &grant))
        return 0;
    free(joined);
    return no_memory(making->why);
}

static int add_roots(struct making *making, const char *below, enum run_access access)
{
    const struct wire_msg_strings *roots = &making->asked->sandbox->roots;
    int result = 0;
    for (size_t i = 0; i < roots->count && result == 0; i++)
        result = add(making, roots->items[i], below, access, false);
    return result;
}

/* A temporary directory that is not said, or not absolute, is none. */
static int add_tmpdir(struct making *making, enum run_access access)
{
    const char *path = making->asked->tmpdir;
    if (path == NULL || path[0] != '/' || has_parent(path))
        return 0;
    return add(making, path, NULL, access, false);
}

static enum run_access access_of(enum wire_msg_sandbox_access access)
{
    switch (access) {
    case WIRE_MSG_SANDBOX_READ:
        return RUN_ACCESS_READ;
    case WIRE_MSG_SANDBOX_WRITE:
        return RUN_ACCESS_WRITE;
    case WIRE_MSG_SANDBOX_DENY:
        break;
    }
    return RUN_ACCESS_NONE;
}

static int add_entry(struct making *making, const struct wire_msg_sandbox_entry *entry)
{
    enum run_access access = access_of(entry->access);
    switch (entry->kind) {
    case WIRE_MSG_SANDBOX_PATH:
        return add(making, entry->path, NULL, access, false);
    case WIRE_MSG_SANDBOX_ROOT:
        return add(making, "/", NULL, access, false);
    case WIRE_MSG_SANDBOX_CWD:
        if (making->asked->sandbox->cwd == NULL)
            return run_why_set(making->why, -1, "it names the directory `cwd`, which is missing");
        return add(making, making->asked->sandbox->cwd, NULL, access, false);
    case WIRE_MSG_SANDBOX_PROJECT_ROOTS:
        return add_roots(making, entry->subpath, access);
    case WIRE_MSG_SANDBOX_SLASH_TMP:
        return add(making, "/tmp", NULL, access, false);
    case WIRE_MSG_SANDBOX_TMPDIR:
        return add_tmpdir(making, access);
    }
    return run_why_set(making->why, -1, "it names an unknown kind of path");
}

static int add_implied(struct making *making)
{
    struct run_permissions *permissions = making->permissions;
    size_t named = permissions->count;
    for (size_t i = 0; i < named; i++) {
        struct run_grant grant = permissions->grants[i];
        for (int n = 0; n < PROTECTED_NAMES && grant.access == RUN_ACCESS_WRITE; n++) {
            if (add(making, grant.path, protected_names[n], RUN_ACCESS_READ, true) != 0)
                return -1;
        }
    }
    return 0;
}

static int add_all(struct making *making)
{
    const struct wire_msg_sandbox *sandbox = making->asked->sandbox;
    int result = 0;
    making->permissions->has_network = sandbox->has_network;
    if (sandbox->is_unrestricted)
        return add(making, "/", NULL, RUN_ACCESS_WRITE, false);
    for (size_t i = 0; i < sandbox->entry_count && result == 0; i++)
        result = add_entry(making, &sandbox->entries[i]);
    return result == 0 ? add_implied(making) : result;
}

struct run_permissions *run_permissions_new(const struct run_permissions_asked *asked,
                                            struct run_why *out_why)
{
    assert(asked->sandbox->type == WIRE_MSG_SANDBOX_MANAGED);
    struct making making = {.asked = asked, .why = out_why};
    making.permissions = calloc(1, sizeof(*making.permissions));
    if (making.permissions == NULL) {
        (void)no_memory(out_why);
        return NULL;
    }
    if (add_all(&making) != 0) {
        run_permissions_free(making.permissions);
        return NULL;
    }
    return making.permissions;
}

size_t run_permissions_bytes(const struct run_permissions *permissions)
{
    size_t bytes = permissions->capacity * sizeof(struct run_grant);
    for (size_t i = 0; i < permissions->count; i++)
        bytes += strlen(permissions->grants[i].path) + 1;
    return bytes;
}

void run_permissions_free(struct run_permissions *permissions)
{
    if (permissions == NULL)
        return;
    for (size_t i = 0; i < permissions->count; i++) {
        free(permissions->grants[i].said);
        free(permissions->grants[i].path);
    }
    free(permissions->grants);
    free(permissions);
}

/* ---- Order ---- */

/* A slash comes before every other character, so what is below a path follows it at once. */
static int compare_paths(const char *left, const char *right)
{
    while (*left != '\0' && *left == *right)
        left++, right++;
    int l = *left == '/' ? 1 : (unsigned char)*left + (*left != '\0');
    int r = *right == '/' ? 1 : (unsigned char)*right + (*right != '\0');
    return l - r;
}

/* Of two grants for one path: whether the left one holds. */
static bool is_stronger(const struct run_grant *left, const struct run_grant *right)
{
    static const int rank[] = {
        [RUN_ACCESS_NONE] = 2, [RUN_ACCESS_WRITE] = 1, [RUN_ACCESS_READ] = 0};
    if (left->is_implied != right->is_implied)
        return right->is_implied;
    return rank[left->access] > rank[right->access];
}

static int compare(const void *left_grant, const void *right_grant)
{
    const struct run_grant *left = left_grant, *right = right_grant;
    int order = compare_paths(left->path, right->path);
    if (order != 0)
        return order;
    return is_stronger(right, left) - is_stronger(left, right);
}

static void sort(struct run_permissions *permissions)
{
    size_t kept = 0;
    if (permissions->count > 0)
        qsort(permissions->grants, permissions->count, sizeof(*permissions->grants), compare);
    for (size_t i = 0; i < permissions->count; i++) {
        struct run_grant grant = permissions->grants[i];
        if (kept > 0 && strcmp(permissions->grants[kept - 1].path, grant.path) == 0)
            free(grant.path); /* the stronger one came first */
        else
            permissions->grants[kept++] = grant;
    }
    permissions->count = kept;
}

int run_permissions_protect(struct run_permissions *permissions, const char *path,
                            bool is_directory)
{
    const struct run_grant grant = {.path = join(path, NULL),
                                    .access = RUN_ACCESS_READ,
                                    .is_implied = true,
                                    .is_directory = is_directory};
    if (grant.path == NULL || !push(permissions, &grant)) {
        free(grant.path);
        return -1;
    }
    sort(permissions);
    return 0;
}

enum run_access run_permissions_access(const struct run_permissions *permissions, const char *path)
{
    enum run_access access = RUN_ACCESS_NONE;
    size_t longest = 0;
    for (size_t i = 0; i < permissions->count; i++) {
        const struct run_grant *grant = &permissions->grants[i];
        size_t size = strlen(grant->path);
        if (size >= longest && run_path_is_in(path, grant->path)) {
            longest = size;
            access = grant->access;
        }
    }
    return access;
}

enum run_access run_permissions_outer(const struct run_permissions *permissions, size_t index)
{
    for (size_t i = index; i-- > 0;) {
        const struct run_grant *grant = &permissions->grants[i];
        if (run_path_is_in(permissions->grants[index].path, grant->path))
            return grant->access;
    }
    return RUN_ACCESS_NONE;
}

/* ---- Links ---- */

struct following {
    const struct run_permissions *permissions; /* whose writable grants are followed already */
    const struct run_grant *grant;
    bool crosses;
};

static bool is_in_writable(const struct run_permissions *permissions, const char *path,
                           const struct run_grant *besides)
{
    for (size_t i = 0; i < permissions->count; i++) {
        const struct run_grant *grant = &permissions->grants[i];
        if (grant != besides && grant->access == RUN_ACCESS_WRITE && !grant->is_missing &&
            run_path_is_in(path, grant->path))
            return true;
    }
    return false;
}

static void on_link(void *context, const char *directory)
{
    struct following *following = context;
    const struct run_grant *own =
        following->grant->access == RUN_ACCESS_WRITE ? following->grant : NULL;
    if (is_in_writable(following->permissions, directory, own))
        following->crosses = true;
}

static void drop(struct run_permissions *permissions, size_t index)
{
    free(permissions->grants[index].said);
    free(permissions->grants[index].path);
    permissions->grants[index] = permissions->grants[--permissions->count];
}

static int follow(struct run_grant *grant, run_look_up *look_up, struct following *following,
                  struct run_why *out_why)
{
    enum run_place place;
    char *path;
    const char *said = grant->said != NULL ? grant->said : grant->path;
    if (look_up(said, following != NULL ? on_link : NULL, following, &path, &place, out_why) != 0)
        return -1;
    if (grant->said == NULL)
        grant->said = grant->path;
    else
        free(grant->path);
    grant->path = path;
    grant->is_directory = place == RUN_PLACE_DIRECTORY;
    grant->is_missing = place == RUN_PLACE_NOTHING;
    return 0;
}

/* Whether the grant says nothing, now that it is known what there is. */
static bool is_void(const struct run_permissions *permissions, const struct run_grant *grant)
{
    if (!grant->is_missing)
        return false;
    return grant->access == RUN_ACCESS_WRITE || grant->is_implied ||
           !is_in_writable(permissions, grant->path, NULL);
}

static int check_links(const struct run_grant *grant, const struct following *following,
                       struct run_why *out_why)
{
    bool harmless = grant->access == RUN_ACCESS_WRITE &&
                    is_in_writable(following->permissions, grant->path, grant);
    if (!following->crosses || harmless)
        return 0;
    return run_why_set(out_why, -1,
                       "%s leads through a symbolic link that the program could replace",
                       grant->said);
}

/* Writable grants come first: by them it is known which links could be replaced. */
static int follow_all(struct run_permissions *permissions, run_look_up *look_up,
                      struct run_why *out_why)
{
    for (size_t i = 0; i < permissions->count; i++) {
        struct run_grant *grant = &permissions->grants[i];
        if (grant->access == RUN_ACCESS_WRITE && follow(grant, look_up, NULL, out_why) != 0)
            return -1;
    }
    for (size_t i = permissions->count; i-- > 0;) {
        struct run_grant *grant = &permissions->grants[i];
        struct following following = {.permissions = permissions, .grant = grant};
        if (follow(grant, look_up, &following, out_why) != 0)
            return -1;
        bool is_waived = grant->is_implied && following.crosses;
        if (is_waived || is_void(permissions, grant))
            drop(permissions, i);
        else if (check_links(grant, &following, out_why) != 0)
            return -1;
    }
    return 0;
}

int run_permissions_resolve(struct run_permissions *permissions, run_look_up *look_up,
                            struct run_why *out_why)
{
    if (follow_all(permissions, look_up, out_why) != 0)
        return -1;
    for (size_t i = 0; i < permissions->count; i++) {
        free(permissions->grants[i].said);
        permissions->grants[i].said = NULL;
    }
    sort(permissions);
    return 0;
}
