/*
 * Directories to mount on: see mount_points.h. A handful at a time, so a list is enough.
 */
#include "runner/mount_points.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct run_mount_point {
    struct run_mount_point *next;
    uint32_t users;
    char path[];
};

struct run_mount_points {
    pthread_mutex_t lock;
    struct run_mount_point *first;
};

struct run_mount_points *run_mount_points_new(void)
{
    struct run_mount_points *points = calloc(1, sizeof(*points));
    if (points != NULL)
        (void)pthread_mutex_init(&points->lock, NULL);
    return points;
}

void run_mount_points_free(struct run_mount_points *points)
{
    if (points == NULL)
        return;
    assert(points->first == NULL);
    (void)pthread_mutex_destroy(&points->lock);
    free(points);
}

static struct run_mount_point *find(const struct run_mount_points *points, const char *path)
{
    struct run_mount_point *point = points->first;
    while (point != NULL && strcmp(point->path, path) != 0)
        point = point->next;
    return point;
}

/* Makes the directory and an entry for it. *out_point stays NULL if there is something already. */
static int make_point(struct run_mount_points *points, const char *path,
                      struct run_mount_point **out_point)
{
    size_t size = strlen(path) + 1;
    struct run_mount_point *point = malloc(sizeof(*point) + size);
    if (point == NULL)
        return ENOMEM;
    if (mkdir(path, 0755) != 0) {
        int error = errno;
        free(point);
        return error == EEXIST ? 0 : error;
    }
    memcpy(point->path, path, size);
    point->users = 1;
    point->next = points->first;
    points->first = point;
    *out_point = point;
    return 0;
}

int run_mount_points_take(struct run_mount_points *points, const char *path,
                          struct run_mount_point **out_point, struct run_why *out_why)
{
    int error = 0;
    *out_point = NULL;
    (void)pthread_mutex_lock(&points->lock);
    struct run_mount_point *point = find(points, path);
    if (point != NULL) {
        point->users++;
        *out_point = point;
    } else {
        error = make_point(points, path, out_point);
    }
    (void)pthread_mutex_unlock(&points->lock);
    if (error != 0)
        return run_why_set(out_why, -1, "cannot keep the program from making %s: %s", path,
                           strerror(error));
    return 0;
}

static void forget(struct run_mount_points *points, struct run_mount_point *point)
{
    struct run_mount_point **at = &points->first;
    while (*at != point)
        at = &(*at)->next;
    *at = point->next;
    (void)rmdir(point->path); /* somebody outside may have put something there: it is theirs */
    free(point);
}

void run_mount_points_give(struct run_mount_points *points, struct run_mount_point *point)
{
    if (point == NULL)
        return;
    (void)pthread_mutex_lock(&points->lock);
    if (--point->users == 0)
        forget(points, point);
    (void)pthread_mutex_unlock(&points->lock);
}
