/*
 * Cgroups of version 2, one for each session: a tree that nobody leaves, killed in one call.
 *
 * A directory of ours is made below the cgroup that the server is in, and one in it for each
 * session. Directories are used again, since making one costs more than starting a program. No
 * controller is switched on. Threads: any, under a lock of its own; nothing here waits for a disk.
 */
#ifndef SESSIONS_CGROUP_LINUX_H
#define SESSIONS_CGROUP_LINUX_H

#include "sessions/memory.h"
#include "sessions/sys_linux.h"

struct sess_cgroups;

enum { SESS_CGROUP_NONE = 0 }; /* a number that no cgroup has */

/* NULL if the system has no cgroup v2 where we may make directories, or no cgroup.kill. */
struct sess_cgroups *sess_cgroups_open(const struct sess_sys *sys,
                                       const struct sess_memory *memory);

/* Removes the directories that are empty. NULL is taken. */
void sess_cgroups_close(struct sess_cgroups *cgroups, const struct sess_memory *memory);

/* An empty cgroup and a descriptor of it for clone; SESS_CGROUP_NONE if there is none to be had.
 * Helper. */
uint32_t sess_cgroups_take(struct sess_cgroups *cgroups, int *out_fd);

/* Gives a cgroup back, with or without processes in it. SESS_CGROUP_NONE is taken. */
void sess_cgroups_give(struct sess_cgroups *cgroups, uint32_t cgroup);

/* Kills every process in it. false: it could not, or there is no cgroup. Helper. */
bool sess_cgroups_kill(struct sess_cgroups *cgroups, uint32_t cgroup);

/* Directories made and kept; 0 of NULL. */
uint64_t sess_cgroups_count(const struct sess_cgroups *cgroups);

#endif
