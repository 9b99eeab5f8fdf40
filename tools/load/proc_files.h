/*
 * Reading single files of /proc, shared by the proc files only.
 */
#ifndef EXECPORT_TOOLS_LOAD_PROC_FILES_H
#define EXECPORT_TOOLS_LOAD_PROC_FILES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct load_proc_stat {
    char state;
    int parent;
    unsigned long long start_ticks;
};

/* A line to look for, where to add its number, and what the number counts. */
struct load_proc_label {
    const char *name;
    uint64_t *sum;
    uint64_t unit;
};

typedef void load_proc_each_fn(void *context, pid_t pid, const struct load_proc_stat *stat);

/* Reads /proc/PID/stat; false if there is no such process. */
bool load_proc_read_stat(pid_t pid, struct load_proc_stat *out_stat);

/* Calls fn for every process that can be seen. */
void load_proc_each(load_proc_each_fn *fn, void *context);

#endif
