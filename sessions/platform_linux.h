/*
 * What a host keeps of Linux: the system calls, the signals to reset, the limits for children, and
 * the descriptors that starts go through. Made once, constant but for what is atomic or locked.
 */
#ifndef SESSIONS_PLATFORM_LINUX_H
#define SESSIONS_PLATFORM_LINUX_H

#include "sessions/platform.h"
#include "sessions/sys_linux.h"

#include <stdatomic.h>

/* A child that starts with our descriptors instead of a copy of them costs the same with twenty and
 * with twenty thousand open (a copy: 3 ms more). Its own three then have to be among the few that
 * it copies for itself, so low ones are kept for that: a set for each of the starts at one time. */
enum { SESS_SLOT_SETS = 4, SESS_SLOTS = 3 };

struct sess_cgroups;

struct sess_platform {
    const struct sess_sys *sys;
    pid_t server_pid;
    int null_fd;                           /* /dev/null, for reading and writing */
    int slots[SESS_SLOT_SETS][SESS_SLOTS]; /* duplicates of null_fd while they are free */
    int slots_end;                         /* above all of them */
    _Atomic uint32_t free_slots;           /* a bit for each set */
    _Atomic bool no_sharing;  /* the kernel cannot give a child its own copy of some (before 5.9) */
    uint64_t ignored_signals; /* bit of signal n: n - 1 */
    uint64_t handled_signals;
    struct rlimit child_nofile;
    struct sess_cgroups *cgroups; /* NULL: none */
};

/* Reads a small file as a string. Returns its length, or -1 with errno. */
ssize_t sess_platform_read_file(const struct sess_sys *sys, const char *path, char *out_text,
                                size_t size_bytes);

/* Fills the limits but the sessions'. (limits_linux.c) */
void sess_platform_limits(const struct sess_platform *platform, struct sess_capacity *capacity);

#endif
