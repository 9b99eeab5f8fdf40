/*
 * Cgroups of version 2: see cgroup_linux.h and cgroups(7).
 *
 * The directories are ROOT/1, ROOT/2 and so on. A free one is looked at before it is used again: a
 * process that outlived its session may still be in it, then another is taken.
 */
#include "sessions/cgroup_linux.h"

#include "sessions/platform_linux.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    CGROUPS_MAX = 64 * 1024,
    LOOKS = 4, /* free ones that are looked at before a new one is made */
    PATH_BYTES = 512
};

struct sess_cgroups {
    const struct sess_sys *sys;
    const struct sess_memory *memory;
    pthread_mutex_t lock; /* of what follows */
    _Atomic uint32_t made;
    uint32_t *free; /* a stack; those that were found busy are at its bottom */
    uint32_t free_count, free_capacity;
    char root[PATH_BYTES - 64];
};

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

struct sess_cgroups *sess_cgroups_open(const struct sess_sys *sys, const struct sess_memory *memory)
{
    char own[PATH_BYTES - 128], probe[PATH_BYTES];
    find_own(sys, own, sizeof(own));
    struct sess_cgroups *cgroups = sess_memory_take(memory, sizeof(*cgroups));
    if (own[0] == '\0' || cgroups == NULL) {
        sess_memory_free(memory, cgroups);
        return NULL;
    }
    memset(cgroups, 0, sizeof(*cgroups));
    cgroups->sys = sys;
    cgroups->memory = memory;
    (void)snprintf(cgroups->root, sizeof(cgroups->root), "%s/execport-%ld", own, (long)getpid());
    (void)snprintf(probe, sizeof(probe), "%s/cgroup.kill", cgroups->root);
    if (sys->mkdir(cgroups->root, 0755) != 0 || access(probe, W_OK) != 0) {
        (void)sys->rmdir(cgroups->root);
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
    char path[PATH_BYTES];
    if (cgroups == NULL)
        return;
    for (uint32_t i = 1; i <= cgroups->made; i++) {
        name(cgroups, i, "", path);
        (void)cgroups->sys->rmdir(path);
    }
    (void)cgroups->sys->rmdir(cgroups->root);
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
        if (cgroup == SESS_CGROUP_NONE || is_empty(cgroups, cgroup))
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

void sess_cgroups_kill(const struct sess_cgroups *cgroups, uint32_t cgroup)
{
    char path[PATH_BYTES];
    if (cgroups == NULL || cgroup == SESS_CGROUP_NONE)
        return;
    name(cgroups, cgroup, "/cgroup.kill", path);
    int fd = cgroups->sys->open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)!cgroups->sys->write(fd, "1", 1);
    (void)cgroups->sys->close(fd);
}

uint64_t sess_cgroups_count(const struct sess_cgroups *cgroups)
{
    return cgroups != NULL ? cgroups->made : 0;
}
