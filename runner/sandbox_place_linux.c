/*
 * Places of mounts by device and number: see sandbox_place.h. Paths are walked name by name, so
 * that no link is followed, on every Linux that bubblewrap runs on.
 */
#include "runner/sandbox_place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct place {
    uint64_t device, number;
    bool is_read_only;
};

/* Opens the next name of *path below the directory at, which is closed, and moves *path on. */
static int open_next(int at, const char **path)
{
    char name[NAME_MAX + 1];
    size_t size = strcspn(*path, "/");
    int fd = -1;
    if (size < sizeof(name)) {
        memcpy(name, *path, size);
        name[size] = '\0';
        *path += size;
        *path += strspn(*path, "/");
        fd = openat(at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    }
    int error = size < sizeof(name) ? errno : ENAMETOOLONG;
    (void)close(at);
    errno = error;
    return fd;
}

/* Looks at what is at path; a link, too, is what is there. Returns 0 or errno. */
static int look(const char *path, struct place *out)
{
    struct stat status;
    struct statvfs system;
    int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    path += strspn(path, "/");
    while (fd >= 0 && *path != '\0')
        fd = open_next(fd, &path); /* below a link: no directory */
    if (fd < 0)
        return errno;
    int error = fstat(fd, &status) != 0 || fstatvfs(fd, &system) != 0 ? errno : 0;
    (void)close(fd);
    if (error != 0)
        return error;
    if (S_ISLNK(status.st_mode))
        return ELOOP;
    out->device = (uint64_t)status.st_dev;
    out->number = (uint64_t)status.st_ino;
    out->is_read_only = (system.f_flag & ST_RDONLY) != 0;
    return 0;
}

int run_sandbox_place_note(const char *path, enum run_sandbox_place place,
                           char out_note[RUN_SANDBOX_PLACE_BYTES], struct run_why *out_why)
{
    struct place found;
    int error = look(path, &found);
    if (error == ELOOP || error == ENOTDIR || error == ENOENT)
        return run_why_set(out_why, -1, "%s was exchanged while the sandbox was made", path);
    if (error != 0)
        return run_why_set(out_why, -1, "%s: %s", path, strerror(error));
    (void)snprintf(out_note, RUN_SANDBOX_PLACE_BYTES, "%c %llx %llx %d", (char)place,
                   (unsigned long long)found.device, (unsigned long long)found.number,
                   found.is_read_only);
    return 0;
}

bool run_sandbox_place_holds(const char *path, const char *note)
{
    unsigned long long device, number;
    int was_read_only;
    struct place now;
    char kind;
    if (sscanf(note, "%c %llx %llx %d", &kind, &device, &number, &was_read_only) != 4 ||
        look(path, &now) != 0)
        return false;
    bool is_same = now.device == device && now.number == number;
    if (kind == RUN_SANDBOX_PLACE_NONE)
        return !is_same;
    if (kind == RUN_SANDBOX_PLACE_READ)
        return is_same && now.is_read_only;
    return is_same && (was_read_only || !now.is_read_only);
}
