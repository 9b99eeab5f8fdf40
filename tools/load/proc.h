/*
 * What /proc says of a server: the processes that make it up, their memory, CPU time, threads,
 * descriptors and context switches. The children that it runs for its sessions are not counted:
 * a set is taken before the first session is started.
 */
#ifndef EXECPORT_TOOLS_LOAD_PROC_H
#define EXECPORT_TOOLS_LOAD_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { LOAD_PROC_LIMIT = 32 }; /* processes in one set; a server of more is measured in part */

struct load_proc {
    pid_t pid;
    uint64_t start_ticks; /* tells a process from a later one with its number */
};

/* The processes of one server. */
struct load_proc_set {
    unsigned count;
    struct load_proc items[LOAD_PROC_LIMIT];
};

struct load_usage {
    uint64_t private_bytes;          /* Private_Clean and Private_Dirty */
    uint64_t resident_bytes;         /* what processes share counts in each */
    uint64_t largest_resident_bytes; /* of the process with the most: without its keepers */
    uint64_t others_private_bytes;   /* of all processes but that one */
    unsigned threads;
    unsigned descriptors;
    uint64_t voluntary_switches;
};

/* Fills the set with the process and all that descend from it now. */
void load_proc_tree(pid_t root, struct load_proc_set *out_set);

/* Fills the set with the process and those of its descendants that run the same program. */
void load_proc_same_program(pid_t root, struct load_proc_set *out_set);

/* CPU time of the set in nanoseconds, from its processes' own clocks; children do not count. */
uint64_t load_proc_cpu_ns(const struct load_proc_set *set);

/* Everything but the CPU time. Processes that are gone or not ours to look at count nothing. */
void load_proc_usage(const struct load_proc_set *set, struct load_usage *out_usage);

/* Private memory alone, for sampling. */
uint64_t load_proc_private_bytes(const struct load_proc_set *set);

/* Children of the set's processes that are dead and not yet waited for. */
unsigned load_proc_zombies(const struct load_proc_set *set);

/* Whether the process and all that descend from it wait for something, or have ended: none of them
 * runs, or would if it had a processor. Only of a process's first thread. */
bool load_proc_is_at_rest(pid_t root);

/* The process that listens on the local TCP port, or -1 if none can be found. */
pid_t load_proc_listener(unsigned port);

/* Whether the process is still the one that the item means. */
bool load_proc_is_alive(const struct load_proc *item);

/* How many more pseudoterminals the system will open. */
unsigned load_proc_free_ptys(void);

#endif
