/*
 * Empty directories in the place of what a sandboxed program must not make: something has to be
 * there for a mount to hide. They exist while a session needs them, and are counted, since several
 * sessions work in one directory.
 *
 * One object for the server. It has a lock, because helpers use it and nobody else; what is done
 * under it is one mkdir(2) or rmdir(2).
 */
#ifndef RUN_MOUNT_POINTS_H
#define RUN_MOUNT_POINTS_H

#include "runner/options_why.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct run_mount_point {
    struct run_mount_point *next;
    uint32_t users;
    char path[];
};

struct run_mount_points {
    pthread_mutex_t lock;
    struct run_mount_point *first;
};

void run_mount_points_init(struct run_mount_points *points);
/* Nobody may hold one. */
void run_mount_points_deinit(struct run_mount_points *points);

/*
 * Makes sure that there is something at path. *out_point is to be given back, or NULL if it is no
 * mount point of ours: others put something there. Returns 0
 * or -1 with the reason. Helper.
 */
RUN_MUST_CHECK int run_mount_points_take(struct run_mount_points *points, const char *path,
                                         struct run_mount_point **out_point,
                                         struct run_why *out_why);

/* The last one to give it back removes the directory, if it is still empty. NULL is taken. Helper.
 */
void run_mount_points_give(struct run_mount_points *points, struct run_mount_point *point);

#endif
