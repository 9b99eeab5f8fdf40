/*
 * Reading /proc: see proc_linux.h and proc_pid_stat(5).
 */
#include "sessions/proc_linux.h"

#include "sessions/platform_linux.h"

#include <dirent.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    STAT_BYTES = 1024, /* a line is under 400 */
    FIELD_THREADS = 20,
    FIELD_START = 22
};

/* Parses what follows the name: "S 1 2 3 ..."; the state is field 3. */
static bool parse_fields(char *text, struct sess_proc *out_proc)
{
    char state = '\0', *rest = NULL;
    uint64_t values[FIELD_START + 1] = {0};
    int field = 3;
    for (char *word = strtok_r(text, " ", &rest); word != NULL && field <= FIELD_START;
         word = strtok_r(NULL, " ", &rest), field++) {
        if (field == 3)
            state = word[0];
        else
            values[field] = strtoull(word, NULL, 10);
    }
    if (field <= FIELD_START)
        return false;
    out_proc->parent = (int32_t)values[4];
    out_proc->group = (int32_t)values[5];
    out_proc->session = (int32_t)values[6];
    out_proc->start = values[FIELD_START];
    /* A zombie with threads is a process whose first thread has ended. */
    out_proc->alive = (state != 'Z' && state != 'X') || values[FIELD_THREADS] > 1;
    out_proc->stopped = state == 'T' || state == 't';
    out_proc->runs = state == 'R';
    return true;
}

bool sess_proc_read(const struct sess_sys *sys, int32_t pid, struct sess_proc *out_proc)
{
    char path[64], text[STAT_BYTES];
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    ssize_t size = sess_platform_read_file(sys, path, text, sizeof(text));
    if (size == 0)
        errno = ESRCH; /* it has ended since the file was opened */
    if (size <= 0)
        return false;
    char *name_end = strrchr(text, ')'); /* the name may hold anything else */
    *out_proc = (struct sess_proc){.pid = pid};
    errno = EIO;
    return name_end != NULL && parse_fields(name_end + 1, out_proc);
}

static bool add(struct sess_procs *procs, const struct sess_memory *memory,
                const struct sess_proc *proc)
{
    if (procs->count == procs->capacity) {
        uint32_t capacity = procs->capacity == 0 ? 256 : procs->capacity * 2;
        struct sess_proc *list =
            memory->resize(memory->context, procs->list, capacity * sizeof(*list));
        if (list == NULL)
            return false;
        procs->list = list;
        procs->capacity = capacity;
    }
    procs->list[procs->count++] = *proc;
    return true;
}

static int by_pid(const void *a, const void *b)
{
    int32_t left = ((const struct sess_proc *)a)->pid, right = ((const struct sess_proc *)b)->pid;
    return (left > right) - (left < right);
}

/* Adds the process of an entry of /proc, if it is one. false: no memory. */
static bool add_entry(struct sess_procs *procs, const struct sess_sys *sys,
                      const struct sess_memory *memory, const char *name)
{
    struct sess_proc proc;
    if (name[0] < '1' || name[0] > '9')
        return true;
    if (procs->moves != NULL)
        atomic_fetch_add_explicit(procs->moves, 1, memory_order_relaxed);
    if (sess_proc_read(sys, (int32_t)strtol(name, NULL, 10), &proc))
        return add(procs, memory, &proc);
    procs->unread += errno != ENOENT && errno != ESRCH;
    return true;
}

/* NULL: the end, with errno 0, or an error. */
static struct dirent *next(DIR *dir)
{
    errno = 0;
    return readdir(dir);
}

bool sess_procs_scan(struct sess_procs *procs, const struct sess_sys *sys,
                     const struct sess_memory *memory)
{
    DIR *dir = opendir("/proc");
    if (dir == NULL)
        return false;
    bool fits = true;
    procs->count = procs->unread = 0;
    for (struct dirent *entry = next(dir); entry != NULL && fits; entry = next(dir))
        fits = add_entry(procs, sys, memory, entry->d_name);
    procs->unread += fits && errno != 0;
    (void)closedir(dir);
    if (procs->count > 0)
        qsort(procs->list, procs->count, sizeof(*procs->list), by_pid);
    return fits && procs->count > 0;
}

void sess_procs_free(struct sess_procs *procs, const struct sess_memory *memory)
{
    sess_memory_free(memory, procs->list);
    *procs = (struct sess_procs){0};
}

struct sess_proc *sess_procs_find(const struct sess_procs *procs, int32_t pid)
{
    const struct sess_proc key = {.pid = pid};
    if (procs->count == 0)
        return NULL;
    return bsearch(&key, procs->list, procs->count, sizeof(*procs->list), by_pid);
}
