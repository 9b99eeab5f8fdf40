/* Listening Unix sockets on Linux (unix_path.h). Steps of opening: lock PATH.lock; see what is at
 * PATH; make a private directory beside it; bind there through /proc/self/fd/DIRECTORY (so that the
 * longer name needs no room in the socket's address); chmod, listen, rename over PATH; remove the
 * directory. The lock file is removed only by its holder, and whoever gets the lock checks that
 * the file it locked is still the one at the path, so a removed lock is never taken for a held one.
 */
#include "runner/unix_path.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LOCK_SUFFIX ".lock"

/* The path, a suffix or a directory's name, and the NUL. */
#define NAME_BYTES (RUN_UNIX_PATH_MAX + 32)

/* A lock file can vanish between open and lock only while another server ends. */
#define LOCK_TRIES 16

_Static_assert(sizeof((struct sockaddr_un *)0)->sun_path == RUN_UNIX_PATH_MAX + 1, "unix(7)");

/* What opening has made so far. */
struct opening {
    const char *path;
    struct run_why *why;
    int lock_fd;
    int directory_fd; /* the private directory */
    int fd;
    char lock_path[NAME_BYTES];
    char directory[NAME_BYTES];
};

static int refuse(struct opening *o, const char *format, ...) RUN_PRINTF(2, 3);

static int refuse(struct opening *o, const char *format, ...)
{
    char text[320];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return run_why_set(o->why, -1, "cannot listen at unix://%s: %s", o->path, text);
}

/* The directory of the path, as an absolute name. */
static void parent_of(const char *path, char out_parent[NAME_BYTES])
{
    const char *slash = strrchr(path, '/');
    int length = slash == path ? 1 : (int)(slash - path);
    (void)snprintf(out_parent, NAME_BYTES, "%.*s", length, path);
}

static int check_path(struct opening *o)
{
    struct stat status;
    char parent[NAME_BYTES];
    size_t length = strlen(o->path);
    if (length > RUN_UNIX_PATH_MAX)
        return refuse(o, "the path has %zu bytes and may have at most %d", length,
                      RUN_UNIX_PATH_MAX);
    if (o->path[0] != '/' || o->path[length - 1] == '/')
        return refuse(o, "the path must be absolute and name a socket");
    parent_of(o->path, parent);
    if (stat(parent, &status) != 0)
        return refuse(o, "its directory: %s; make it first", strerror(errno));
    if (!S_ISDIR(status.st_mode))
        return refuse(o, "`%s` is not a directory", parent);
    if ((status.st_mode & S_IWOTH) && !(status.st_mode & S_ISVTX))
        return refuse(o,
                      "everybody may replace files in `%s`; choose a directory of your own or "
                      "`chmod o-w` it",
                      parent);
    return 0;
}

/* 1: locked, and the locked file is at the path; 0: it vanished meanwhile, try again; -1: no. */
static int try_lock(struct opening *o)
{
    struct stat locked;
    struct stat named;
    o->lock_fd = open(o->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (o->lock_fd < 0)
        return refuse(o, "its lock file `%s`: %s", o->lock_path, strerror(errno));
    if (flock(o->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK
                   ? refuse(o, "another server listens there (it holds `%s`)", o->lock_path)
                   : refuse(o, "its lock file `%s`: %s", o->lock_path, strerror(errno));
    if (fstat(o->lock_fd, &locked) == 0 && stat(o->lock_path, &named) == 0 &&
        locked.st_dev == named.st_dev && locked.st_ino == named.st_ino)
        return 1;
    (void)close(o->lock_fd);
    o->lock_fd = -1;
    return 0;
}

static int take_lock(struct opening *o)
{
    (void)snprintf(o->lock_path, sizeof o->lock_path, "%s" LOCK_SUFFIX, o->path);
    for (int i = 0; i < LOCK_TRIES; i++) {
        int result = try_lock(o);
        if (result != 0)
            return result < 0 ? -1 : 0;
    }
    return refuse(o, "its lock file `%s` keeps vanishing", o->lock_path);
}

/* True if a listener answers at the path. A full backlog (EAGAIN) is an answer too. */
static bool is_served(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return true; /* not known: do not replace it */
    int result = connect(fd, (struct sockaddr *)&address, sizeof address);
    bool refused = result != 0 && (errno == ECONNREFUSED || errno == ENOENT);
    (void)close(fd);
    return !refused;
}

/* With the lock held: what is at the path may be nothing or a dead socket of ours. */
static int check_old(struct opening *o)
{
    struct stat old;
    if (lstat(o->path, &old) != 0)
        return errno == ENOENT ? 0 : refuse(o, "%s", strerror(errno));
    if (!S_ISSOCK(old.st_mode))
        return refuse(o, "something that is no socket is there; remove it or choose another path");
    if (old.st_uid != geteuid())
        return refuse(o, "another user's socket is there; choose another path");
    if (is_served(o->path))
        return refuse(o, "another program listens there");
    return 0;
}

static int make_directory(struct opening *o)
{
    char parent[NAME_BYTES];
    parent_of(o->path, parent);
    /* The parent's name leaves room: it is at most as long as a socket's path. */
    (void)snprintf(o->directory, sizeof o->directory, "%.*s/.execport-XXXXXX", RUN_UNIX_PATH_MAX,
                   parent[1] == '\0' ? "" : parent);
    if (!mkdtemp(o->directory)) { /* mode 0700 */
        int error = errno;
        o->directory[0] = '\0';
        return refuse(o, "a directory beside it: %s", strerror(error));
    }
    o->directory_fd = open(o->directory, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return o->directory_fd < 0 ? refuse(o, "`%s`: %s", o->directory, strerror(errno)) : 0;
}

static int make_socket(struct opening *o, int backlog)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    o->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (o->fd < 0)
        return refuse(o, "%s", strerror(errno));
    (void)snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/s",
                   o->directory_fd);
    if (bind(o->fd, (struct sockaddr *)&address, sizeof address) != 0)
        return refuse(o, "bind: %s", strerror(errno));
    if (fchmodat(o->directory_fd, "s", 0600, 0) != 0 || listen(o->fd, backlog) != 0)
        return refuse(o, "%s", strerror(errno));
    return 0;
}

static int put_in_place(struct opening *o, struct run_unix_path *out_listener)
{
    struct stat made;
    if (fstatat(o->directory_fd, "s", &made, AT_SYMLINK_NOFOLLOW) != 0)
        return refuse(o, "%s", strerror(errno));
    if (renameat(o->directory_fd, "s", AT_FDCWD, o->path) != 0)
        return refuse(o, "rename: %s", strerror(errno));
    out_listener->fd = o->fd;
    out_listener->lock_fd = o->lock_fd;
    out_listener->device = (uint64_t)made.st_dev;
    out_listener->inode = (uint64_t)made.st_ino;
    memcpy(out_listener->path, o->path, strlen(o->path) + 1);
    return 0;
}

static void remove_directory(struct opening *o)
{
    if (o->directory_fd >= 0) {
        (void)unlinkat(o->directory_fd, "s", 0);
        (void)close(o->directory_fd);
    }
    if (o->directory[0] != '\0')
        (void)rmdir(o->directory);
}

static void release_lock(int lock_fd, const char *lock_path)
{
    if (lock_fd < 0)
        return;
    (void)unlink(lock_path);
    (void)close(lock_fd);
}

/* A lock that another server holds is only closed: its file is not ours to remove. */
static void undo(struct opening *o, bool locked)
{
    if (o->fd >= 0)
        (void)close(o->fd);
    if (locked)
        release_lock(o->lock_fd, o->lock_path);
    else if (o->lock_fd >= 0)
        (void)close(o->lock_fd);
}

int run_unix_path_open(const char *path, int backlog, struct run_unix_path *out_listener,
                       struct run_why *out_why)
{
    struct opening o = {.path = path, .why = out_why, .lock_fd = -1, .directory_fd = -1, .fd = -1};
    if (check_path(&o) != 0)
        return -1;
    bool locked = take_lock(&o) == 0;
    int result = locked ? check_old(&o) : -1;
    if (result == 0)
        result = make_directory(&o);
    if (result == 0)
        result = make_socket(&o, backlog);
    if (result == 0)
        result = put_in_place(&o, out_listener);
    remove_directory(&o);
    if (result != 0)
        undo(&o, locked);
    return result;
}

static bool is_still_ours(const struct run_unix_path *listener)
{
    struct stat now;
    return lstat(listener->path, &now) == 0 && S_ISSOCK(now.st_mode) &&
           (uint64_t)now.st_dev == listener->device && (uint64_t)now.st_ino == listener->inode;
}

void run_unix_path_close(struct run_unix_path *listener)
{
    char lock_path[NAME_BYTES];
    assert(listener->lock_fd >= 0);
    (void)snprintf(lock_path, sizeof lock_path, "%s" LOCK_SUFFIX, listener->path);
    if (is_still_ours(listener))
        (void)unlink(listener->path);
    release_lock(listener->lock_fd, lock_path);
    if (listener->fd >= 0)
        (void)close(listener->fd);
    listener->fd = -1;
    listener->lock_fd = -1;
}
