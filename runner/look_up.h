/*
 * Following a path to what it names, link by link, and telling of each symbolic link where it lies:
 * what realpath(3) does not tell. Waits for disks: on a helper. Knows no permissions.
 */
#ifndef RUN_LOOK_UP_H
#define RUN_LOOK_UP_H

#include "runner/permissions.h"

/* The run_look_up of this system. */
run_look_up run_look_up_path;

#endif
