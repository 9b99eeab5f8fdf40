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

struct run_mount_points;
struct run_mount_point;

/* An empty object, on the heap; NULL: no memory. Main thread. */
struct run_mount_points *run_mount_points_new(void);
/* Frees it; nobody may hold a mount point. NULL is taken. Main thread. */
void run_mount_points_free(struct run_mount_points *points);

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
