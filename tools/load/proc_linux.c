/*
 * Reading /proc. CPU time does not come from there, where it counts in hundredths of a second, but
 * from the processes' CPU clocks, which also keep the time of threads that ended.
 */
#include "tools/load/proc.h"

#include "tools/load/base.h"
#include "tools/load/proc_files.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

bool load_proc_read_stat(pid_t pid, struct load_proc_stat *out_stat)
{
    char path[64];
    char line[1024];
    const char *rest;
    size_t length;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    if (file == NULL)
        return false;
    length = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[length] = '\0';
    /* The name in parentheses may hold anything, so what follows is found from its last ')'. */
    rest = strrchr(line, ')');
    return rest != NULL &&
           sscanf(rest + 1,
                  " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
                  &out_stat->state, &out_stat->parent, &out_stat->start_ticks) == 3;
}

void load_proc_each(load_proc_each_fn *fn, void *context)
{
    DIR *directory = opendir("/proc");
    const struct dirent *entry;

    if (directory == NULL)
        return;
    while ((entry = readdir(directory)) != NULL) {
        struct load_proc_stat stat;
        pid_t pid = (pid_t)atoi(entry->d_name);

        if (pid > 0 && load_proc_read_stat(pid, &stat))
            fn(context, pid, &stat);
    }
    closedir(directory);
}

static void add(struct load_proc_set *set, pid_t pid, const struct load_proc_stat *stat)
{
    if (set->count < LOAD_PROC_LIMIT)
        set->items[set->count++] = (struct load_proc){pid, stat->start_ticks};
}

static bool has(const struct load_proc_set *set, pid_t pid)
{
    for (unsigned i = 0; i < set->count; i++)
        if (set->items[i].pid == pid)
            return true;
    return false;
}

static void add_child(void *context, pid_t pid, const struct load_proc_stat *stat)
{
    struct load_proc_set *set = context;

    if (stat->state != 'Z' && has(set, stat->parent) && !has(set, pid))
        add(set, pid, stat);
}

void load_proc_tree(pid_t root, struct load_proc_set *out_set)
{
    struct load_proc_stat stat;
    unsigned before;

    out_set->count = 0;
    if (!load_proc_read_stat(root, &stat))
        return;
    add(out_set, root, &stat);
    do {
        before = out_set->count;
        load_proc_each(add_child, out_set);
    } while (out_set->count > before);
}

static bool is_same_program(pid_t a, pid_t b)
{
    char path[64];
    struct stat one;
    struct stat other;

    snprintf(path, sizeof path, "/proc/%d/exe", (int)a);
    if (stat(path, &one) != 0)
        return false;
    snprintf(path, sizeof path, "/proc/%d/exe", (int)b);
    return stat(path, &other) == 0 && one.st_ino == other.st_ino && one.st_dev == other.st_dev;
}

void load_proc_same_program(pid_t root, struct load_proc_set *out_set)
{
    struct load_proc_set all;

    load_proc_tree(root, &all);
    out_set->count = 0;
    for (unsigned i = 0; i < all.count; i++)
        if (all.items[i].pid == root || is_same_program(root, all.items[i].pid))
            out_set->items[out_set->count++] = all.items[i];
}

bool load_proc_is_alive(const struct load_proc *item)
{
    struct load_proc_stat stat;

    return load_proc_read_stat(item->pid, &stat) && stat.start_ticks == item->start_ticks &&
           stat.state != 'Z';
}

uint64_t load_proc_cpu_ns(const struct load_proc_set *set)
{
    uint64_t total = 0;

    for (unsigned i = 0; i < set->count; i++) {
        struct timespec time;
        clockid_t clock;

        if (clock_getcpuclockid(set->items[i].pid, &clock) == 0 && clock_gettime(clock, &time) == 0)
            total += (uint64_t)time.tv_sec * LOAD_NS_PER_S + (uint64_t)time.tv_nsec;
    }
    return total;
}

/* Adds the numbers behind the labels of a file of "Label:  NUMBER" lines. */
static void add_labelled(const char *path, const struct load_proc_label *labels)
{
    char line[256];
    FILE *file = fopen(path, "re");

    if (file == NULL)
        return;
    while (fgets(line, sizeof line, file) != NULL)
        for (const struct load_proc_label *label = labels; label->name != NULL; label++)
            if (strncmp(line, label->name, strlen(label->name)) == 0)
                *label->sum += strtoull(line + strlen(label->name), NULL, 10) * label->unit;
    fclose(file);
}

static void add_memory(pid_t pid, uint64_t *private_bytes, uint64_t *resident_bytes)
{
    const struct load_proc_label labels[] = {{"Private_Clean:", private_bytes, 1024},
                                             {"Private_Dirty:", private_bytes, 1024},
                                             {"Rss:", resident_bytes, 1024},
                                             {NULL, NULL, 0}};
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    add_labelled(path, labels);
}

static unsigned count_entries(const char *path)
{
    DIR *directory = opendir(path);
    const struct dirent *entry;
    unsigned count = 0;

    if (directory == NULL)
        return 0;
    while ((entry = readdir(directory)) != NULL)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

static void add_threads(pid_t pid, struct load_usage *usage)
{
    const struct load_proc_label labels[] = {
        {"voluntary_ctxt_switches:", &usage->voluntary_switches, 1}, {NULL, NULL, 0}};
    const struct dirent *entry;
    char path[320];
    DIR *directory;

    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    directory = opendir(path);
    if (directory == NULL)
        return;
    while ((entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        usage->threads++;
        snprintf(path, sizeof path, "/proc/%d/task/%s/status", (int)pid, entry->d_name);
        add_labelled(path, labels);
    }
    closedir(directory);
}

/* Of one process after the other; `largest_private` is of the one with the most so far. */
static void add_process(struct load_usage *usage, pid_t pid, uint64_t *largest_private)
{
    uint64_t private_bytes = 0;
    uint64_t resident_bytes = 0;

    add_memory(pid, &private_bytes, &resident_bytes);
    usage->private_bytes += private_bytes;
    usage->resident_bytes += resident_bytes;
    if (resident_bytes > usage->largest_resident_bytes) {
        usage->largest_resident_bytes = resident_bytes;
        *largest_private = private_bytes;
    }
    usage->others_private_bytes = usage->private_bytes - *largest_private;
}

void load_proc_usage(const struct load_proc_set *set, struct load_usage *out_usage)
{
    uint64_t largest_private = 0;
    char path[64];

    memset(out_usage, 0, sizeof *out_usage);
    for (unsigned i = 0; i < set->count; i++) {
        pid_t pid = set->items[i].pid;

        add_process(out_usage, pid, &largest_private);
        add_threads(pid, out_usage);
        snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
        out_usage->descriptors += count_entries(path);
    }
}

uint64_t load_proc_private_bytes(const struct load_proc_set *set)
{
    uint64_t private_bytes = 0;
    uint64_t resident_bytes = 0;

    for (unsigned i = 0; i < set->count; i++)
        add_memory(set->items[i].pid, &private_bytes, &resident_bytes);
    return private_bytes;
}
