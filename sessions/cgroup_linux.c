/*
 * Cgroups of version 2: see cgroup_linux.h and cgroups(7).
 *
 * The directories are ROOT/1, ROOT/2 and so on. A free one is looked at before it is used again: a
 * process that outlived its session may still be in it, then another is taken. ROOT is locked as
 * long as its server lives, so the next server can tell what one that was killed has left, and
 * removes it.
 */
#include "sessions/cgroup_linux.h"

#include "sessions/platform_linux.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum {
    CGROUPS_MAX = 64 * 1024,
    LOOKS = 4,      /* free ones that are looked at before a new one is made */
    NESTED_MAX = 3, /* servers in sessions of servers: how deep is cleaned up */
    PATH_BYTES = 512
};

struct sess_cgroups {
    const struct sess_sys *sys;
    const struct sess_memory *memory;
    pthread_mutex_t lock; /* of what follows */
    _Atomic uint32_t made;
    uint32_t *free; /* a stack; those that were found busy are at its bottom */
    uint32_t free_count, free_capacity;
    uint8_t killed[CGROUPS_MAX / 8 + 1]; /* bits: cgroup.kill was used, see renew */
    int root_fd;                         /* holds the lock */
    char root[PATH_BYTES - 64];
};

static const char prefix[] = "execport-";

/* The directory that this process is in, or "" if there is no version 2. */
static void find_own(const struct sess_sys *sys, char *out_path, size_t size_bytes)
{
    static const char *const mounts[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
    char text[4096], probe[PATH_BYTES];
    out_path[0] = '\0';
    if (sess_platform_read_file(sys, "/proc/self/cgroup", text, sizeof(text)) <= 0)
        return;
    char *line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
    if (line == NULL)
        return;
    char *own = strstr(line, "0::") + 3;
    own[strcspn(own, "\n")] = '\0';
    for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
        (void)snprintf(probe, sizeof(probe), "%s%s/cgroup.procs", mounts[i], own);
        (void)snprintf(out_path, size_bytes, "%s%s", mounts[i], own);
        bool there = access(probe, W_OK) == 0 && strlen(probe) < PATH_BYTES - 1;
        (void)snprintf(probe, sizeof(probe), "%s/cgroup.controllers", mounts[i]);
        if (there && access(probe, R_OK) == 0)
            return;
    }
    out_path[0] = '\0';
}

static void remove_stale(const struct sess_sys *sys, const char *own, int depth);

/* Removes the cgroups of sessions in a root, and the root, as far as nobody lives there. A session
 * may have run a server of its own that was killed with it. */
static void remove_root(const struct sess_sys *sys, const char *root, int depth)
{
    char child[PATH_BYTES];
    DIR *dir = opendir(root);
    if (dir == NULL)
        return;
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
            continue;
        int size = snprintf(child, sizeof(child), "%s/%s", root, entry->d_name);
        if (size < (int)sizeof(child) && sys->rmdir(child) != 0 && depth > 0) {
            remove_stale(sys, child, depth - 1);
            (void)sys->rmdir(child);
        }
    }
    (void)closedir(dir);
    (void)sys->rmdir(root);
}

/* Opens and locks a root. Returns the descriptor, or -1 if it cannot be or somebody has it. */
static int lock_root(const struct sess_sys *sys, const char *path)
{
    int fd = sys->open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        (void)sys->close(fd);
        return -1;
    }
    return fd;
}

/* Removes what servers that were killed have left in a directory. */
static void remove_stale(const struct sess_sys *sys, const char *own, int depth)
{
    char root[PATH_BYTES];
    DIR *dir = opendir(own);
    if (dir == NULL)
        return;
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (strncmp(entry->d_name, prefix, sizeof(prefix) - 1) != 0)
            continue;
        int size = snprintf(root, sizeof(root), "%s/%s", own, entry->d_name);
        int fd = size < (int)sizeof(root) ? lock_root(sys, root) : -1;
        if (fd < 0)
            continue; /* its server lives */
        remove_root(sys, root, depth);
        (void)sys->close(fd);
    }
    (void)closedir(dir);
}

/* Makes and locks our own root. */
static bool make_root(struct sess_cgroups *cgroups, const char *own)
{
    char probe[PATH_BYTES];
    (void)snprintf(cgroups->root, sizeof(cgroups->root), "%s/%s%ld", own, prefix, (long)getpid());
    (void)snprintf(probe, sizeof(probe), "%s/cgroup.kill", cgroups->root);
    bool made = cgroups->sys->mkdir(cgroups->root, 0755) == 0;
    cgroups->root_fd = made ? lock_root(cgroups->sys, cgroups->root) : -1;
    if (cgroups->root_fd >= 0 && access(probe, W_OK) == 0)
        return true;
    if (cgroups->root_fd >= 0)
        (void)cgroups->sys->close(cgroups->root_fd);
    if (made)
        (void)cgroups->sys->rmdir(cgroups->root);
    return false;
}

struct sess_cgroups *sess_cgroups_open(const struct sess_sys *sys, const struct sess_memory *memory)
{
    char own[PATH_BYTES - 128];
    find_own(sys, own, sizeof(own));
    if (own[0] == '\0')
        return NULL;
    struct sess_cgroups *cgroups = sess_memory_take(memory, sizeof(*cgroups));
    if (cgroups == NULL)
        return NULL;
    memset(cgroups, 0, sizeof(*cgroups));
    cgroups->sys = sys;
    cgroups->memory = memory;
    remove_stale(sys, own, NESTED_MAX);
    if (!make_root(cgroups, own)) {
        sess_memory_free(memory, cgroups);
        return NULL;
    }
    (void)pthread_mutex_init(&cgroups->lock, NULL);
    return cgroups;
}

static void name(const struct sess_cgroups *cgroups, uint32_t cgroup, const char *file,
                 char out_path[PATH_BYTES])
{
    (void)snprintf(out_path, PATH_BYTES, "%s/%u%s", cgroups->root, cgroup, file);
}

void sess_cgroups_close(struct sess_cgroups *cgroups, const struct sess_memory *memory)
{
    if (cgroups == NULL)
        return;
    remove_root(cgroups->sys, cgroups->root, NESTED_MAX);
    (void)cgroups->sys->close(cgroups->root_fd);
    (void)pthread_mutex_destroy(&cgroups->lock);
    sess_memory_free(memory, cgroups->free);
    sess_memory_free(memory, cgroups);
}

static bool is_empty(const struct sess_cgroups *cgroups, uint32_t cgroup)
{
    char path[PATH_BYTES], text[128];
    name(cgroups, cgroup, "/cgroup.events", path);
    return sess_platform_read_file(cgroups->sys, path, text, sizeof(text)) > 0 &&
           strstr(text, "populated 0") != NULL;
}

static uint32_t pop(struct sess_cgroups *cgroups)
{
    (void)pthread_mutex_lock(&cgroups->lock);
    uint32_t cgroup =
        cgroups->free_count > 0 ? cgroups->free[--cgroups->free_count] : SESS_CGROUP_NONE;
    (void)pthread_mutex_unlock(&cgroups->lock);
    return cgroup;
}

/* Room for every cgroup that was made is there, so giving one back cannot fail. */
static bool reserve_free(struct sess_cgroups *cgroups)
{
    if (cgroups->made < cgroups->free_capacity)
        return true;
    uint32_t capacity = cgroups->free_capacity == 0 ? 64 : cgroups->free_capacity * 2;
    uint32_t *list =
        cgroups->memory->resize(cgroups->memory->context, cgroups->free, capacity * sizeof(*list));
    if (list == NULL)
        return false;
    cgroups->free = list;
    cgroups->free_capacity = capacity;
    return true;
}

static uint32_t make(struct sess_cgroups *cgroups)
{
    char path[PATH_BYTES];
    (void)pthread_mutex_lock(&cgroups->lock);
    bool room = cgroups->made < CGROUPS_MAX && reserve_free(cgroups);
    uint32_t cgroup = room ? ++cgroups->made : SESS_CGROUP_NONE;
    (void)pthread_mutex_unlock(&cgroups->lock);
    if (cgroup == SESS_CGROUP_NONE)
        return cgroup;
    name(cgroups, cgroup, "", path);
    if (cgroups->sys->mkdir(path, 0755) == 0)
        return cgroup;
    sess_cgroups_give(cgroups, cgroup); /* a number without a directory never looks empty */
    return SESS_CGROUP_NONE;
}

/* Notes that the cgroup was killed, or takes the note back; returns what it was before. */
static bool note_killed(struct sess_cgroups *cgroups, uint32_t cgroup, bool killed)
{
    uint8_t bit = (uint8_t)(1U << (cgroup % 8));
    (void)pthread_mutex_lock(&cgroups->lock);
    uint8_t *byte = &cgroups->killed[cgroup / 8];
    bool before = (*byte & bit) != 0;
    *byte = (uint8_t)(killed ? *byte | bit : *byte & ~bit);
    (void)pthread_mutex_unlock(&cgroups->lock);
    return before;
}

/* Linux kills whatever is cloned into a cgroup that cgroup.kill was ever used on: clone compares
 * the count of kills of the target with that of the caller's own cgroup (seen with 6.18). So a
 * killed one is made anew. */
static bool renew(struct sess_cgroups *cgroups, uint32_t cgroup)
{
    char path[PATH_BYTES];
    if (!note_killed(cgroups, cgroup, false))
        return true;
    name(cgroups, cgroup, "", path);
    return cgroups->sys->rmdir(path) == 0 && cgroups->sys->mkdir(path, 0755) == 0;
}

/* Puts one that is still in use where it is looked at last. */
static void put_off(struct sess_cgroups *cgroups, uint32_t cgroup)
{
    (void)pthread_mutex_lock(&cgroups->lock);
    cgroups->free[cgroups->free_count++] = cgroups->free[0];
    cgroups->free[0] = cgroup;
    (void)pthread_mutex_unlock(&cgroups->lock);
}

/* A free one with nobody in it. */
static uint32_t find_empty(struct sess_cgroups *cgroups)
{
    for (int looked = 0; looked < LOOKS; looked++) {
        uint32_t cgroup = pop(cgroups);
        if (cgroup == SESS_CGROUP_NONE)
            return cgroup;
        if (is_empty(cgroups, cgroup) && renew(cgroups, cgroup))
            return cgroup;
        put_off(cgroups, cgroup);
    }
    return SESS_CGROUP_NONE;
}

uint32_t sess_cgroups_take(struct sess_cgroups *cgroups, int *out_fd)
{
    char path[PATH_BYTES];
    if (cgroups == NULL)
        return SESS_CGROUP_NONE;
    uint32_t cgroup = find_empty(cgroups);
    if (cgroup == SESS_CGROUP_NONE)
        cgroup = make(cgroups);
    if (cgroup == SESS_CGROUP_NONE)
        return cgroup;
    name(cgroups, cgroup, "", path);
    int fd = cgroups->sys->open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        *out_fd = fd;
        return cgroup;
    }
    sess_cgroups_give(cgroups, cgroup);
    return SESS_CGROUP_NONE;
}

void sess_cgroups_give(struct sess_cgroups *cgroups, uint32_t cgroup)
{
    if (cgroups == NULL || cgroup == SESS_CGROUP_NONE)
        return;
    (void)pthread_mutex_lock(&cgroups->lock);
    cgroups->free[cgroups->free_count++] = cgroup;
    (void)pthread_mutex_unlock(&cgroups->lock);
}

bool sess_cgroups_kill(struct sess_cgroups *cgroups, uint32_t cgroup)
{
    char path[PATH_BYTES];
    if (cgroups == NULL || cgroup == SESS_CGROUP_NONE)
        return false;
    (void)note_killed(cgroups, cgroup, true);
    name(cgroups, cgroup, "/cgroup.kill", path);
    int fd = cgroups->sys->open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool killed = cgroups->sys->write(fd, "1", 1) == 1;
    (void)cgroups->sys->close(fd);
    return killed;
}

uint64_t sess_cgroups_count(const struct sess_cgroups *cgroups)
{
    return cgroups != NULL ? cgroups->made : 0;
}
