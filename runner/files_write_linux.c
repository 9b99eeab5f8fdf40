/*
 * Writing whole files. A new file is made without a name (O_TMPFILE) and gets it when it is whole;
 * where the file system cannot do that, or something is replaced, it is made beside its place under
 * a name of its own and renamed. A file is replaced only if that keeps what it is: one link, our
 * own owner and group, no access list or other attribute, and if its directory lets us. Else it is
 * written where it is, after room for it was reserved. Nothing is forced to the disk. On a helper.
 */
#include "runner/files_place_linux.h"

#include "wire/rpc_errors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

enum {
    TRIES_MAX = 8,     /* others make and remove the same file at the same time */
    TEMP_BYTES = 40,   /* a name that nobody else picks */
    XATTR_BYTES = 1024 /* a label of SELinux; whatever is longer is not compared */
};

/* What one step came to. */
enum outcome {
    DONE,
    FAILED,     /* the work's error says how */
    IMPOSSIBLE, /* in this way; another may do */
    CHANGED     /* others were here: look again */
};

static int write_all(struct run_file_work *work, int fd, const uint8_t *data, size_t size_bytes)
{
    size_t done = 0;
    while (done < size_bytes) {
        ssize_t put = pwrite(fd, data + done, size_bytes - done, (off_t)done);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return run_file_fail_os(work, errno);
        done += (size_t)put;
    }
    return 0;
}

static enum outcome fail_os(struct run_file_work *work, int os_error)
{
    (void)run_file_fail_os(work, os_error);
    return FAILED;
}

/* ---- New files ---- */

/* Errors with which a directory or its file system says that it cannot, or may not, do it. */
static bool is_impossible(int os_error)
{
    return os_error == EACCES || os_error == EPERM || os_error == EROFS || os_error == EOPNOTSUPP ||
           os_error == EISDIR || os_error == EINVAL || os_error == EBUSY || os_error == EXDEV;
}

static enum outcome link_file(struct run_file_work *work, int fd,
                              const struct run_file_place *place)
{
    char path[32];
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (linkat(AT_FDCWD, path, place->parent, place->name, AT_SYMLINK_FOLLOW) == 0)
        return DONE;
    return errno == EEXIST ? CHANGED : fail_os(work, errno);
}

/* A file without a name until it is whole. */
static enum outcome write_nameless(struct run_file_work *work, const struct run_file_place *place,
                                   const uint8_t *data, size_t size_bytes)
{
    int fd = openat(place->parent, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
    if (fd < 0)
        return IMPOSSIBLE;
    enum outcome outcome =
        write_all(work, fd, data, size_bytes) == 0 ? link_file(work, fd, place) : FAILED;
    run_file_close(fd);
    return outcome;
}

/* A file that has its name from the start, and loses it again if it cannot be written. */
static enum outcome write_new(struct run_file_work *work, const struct run_file_place *place,
                              const uint8_t *data, size_t size_bytes)
{
    int fd = openat(place->parent, place->name,
                    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0)
        return errno == EEXIST ? CHANGED : fail_os(work, errno);
    enum outcome outcome = write_all(work, fd, data, size_bytes) == 0 ? DONE : FAILED;
    if (outcome == FAILED)
        (void)unlinkat(place->parent, place->name, 0);
    run_file_close(fd);
    return outcome;
}

static enum outcome create(struct run_file_work *work, const struct run_file_place *place,
                           const uint8_t *data, size_t size_bytes)
{
    enum outcome outcome = write_nameless(work, place, data, size_bytes);
    return outcome == IMPOSSIBLE ? write_new(work, place, data, size_bytes) : outcome;
}

/* ---- Replacing ---- */

static bool attributes_are_equal(int left, int right)
{
    char names[2][XATTR_BYTES], values[2][XATTR_BYTES];
    static const char label[] = "security.selinux";
    ssize_t sizes[2] = {flistxattr(left, names[0], XATTR_BYTES),
                        flistxattr(right, names[1], XATTR_BYTES)};
    for (unsigned i = 0; i < 2; i++)
        if (sizes[i] < 0 && errno == EOPNOTSUPP)
            sizes[i] = 0;
    if (sizes[0] != sizes[1] || sizes[0] < 0)
        return false;
    if (sizes[0] == 0)
        return true;
    if (sizes[0] != sizeof(label) || memcmp(names[0], label, sizeof(label)) != 0 ||
        memcmp(names[1], label, sizeof(label)) != 0)
        return false;
    sizes[0] = fgetxattr(left, label, values[0], XATTR_BYTES);
    sizes[1] = fgetxattr(right, label, values[1], XATTR_BYTES);
    return sizes[0] > 0 && sizes[0] == sizes[1] &&
           memcmp(values[0], values[1], (size_t)sizes[0]) == 0;
}

/* Whether a file that we make can be what the old one is. */
static bool may_replace(const struct run_file_place *place)
{
    const struct stat *stat = &place->stat;
    return stat->st_nlink == 1 && stat->st_uid == geteuid() &&
           (stat->st_mode & (S_ISUID | S_ISGID)) == 0;
}

/* Makes the new file what the old one is; false: it cannot be. */
static bool resemble(int fd, int old, const struct stat *wanted)
{
    struct stat made;
    if (fstat(fd, &made) != 0)
        return false;
    if (made.st_gid != wanted->st_gid && fchown(fd, (uid_t)-1, wanted->st_gid) != 0)
        return false;
    return made.st_uid == wanted->st_uid && fchmod(fd, wanted->st_mode & 07777) == 0 &&
           attributes_are_equal(fd, old);
}

/* The old one must still be there: else what others made since would be lost. */
static enum outcome rename_over(struct run_file_work *work, const char *temp,
                                const struct run_file_place *place)
{
    struct stat now;
    if (fstatat(place->parent, place->name, &now, AT_SYMLINK_NOFOLLOW) != 0 ||
        now.st_ino != place->stat.st_ino || now.st_dev != place->stat.st_dev)
        return CHANGED;
    if (renameat(place->parent, temp, place->parent, place->name) == 0)
        return DONE;
    return is_impossible(errno) ? IMPOSSIBLE : fail_os(work, errno);
}

static enum outcome replace_with(struct run_file_work *work, int fd, const char *temp, int old,
                                 const struct run_file_place *place, struct iocp_vec data)
{
    if (!resemble(fd, old, &place->stat))
        return IMPOSSIBLE;
    if (write_all(work, fd, data.data, data.size_bytes) != 0)
        return FAILED;
    return rename_over(work, temp, place);
}

/* Whether the sandbox lets the directory have another name for a while. */
static bool may_have_temp(struct run_file_work *work, const struct run_file_place *place,
                          const char *temp)
{
    struct run_file_work look = *work;
    char path[RUN_FILES_REAL_PATH_BYTES + TEMP_BYTES + 1];
    if (work->allows == NULL)
        return true;
    if (run_file_place_real_path(&look, place->parent, path) != 0)
        return false;
    size_t size = strlen(path);
    (void)snprintf(path + size, sizeof(path) - size, "/%s", temp);
    return run_file_check(&look, path, true) == 0;
}

/* old is the file as it was opened for writing. */
static enum outcome replace(struct run_file_work *work, const struct run_file_place *place, int old,
                            const uint8_t *data, size_t size_bytes)
{
    char temp[TEMP_BYTES];
    uint64_t number;
    if (!may_replace(place) || iocp_random(work->files->port, &number, sizeof(number)) != 0)
        return IMPOSSIBLE;
    (void)snprintf(temp, sizeof(temp), ".execport-%016llx.tmp", (unsigned long long)number);
    if (!may_have_temp(work, place, temp))
        return IMPOSSIBLE;
    int fd =
        openat(place->parent, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return is_impossible(errno) ? IMPOSSIBLE : fail_os(work, errno);
    enum outcome outcome =
        replace_with(work, fd, temp, old, place, (struct iocp_vec){data, size_bytes});
    if (outcome != DONE)
        (void)unlinkat(place->parent, temp, 0);
    run_file_close(fd);
    return outcome;
}

/* ---- Writing where it is ---- */

static enum outcome overwrite(struct run_file_work *work, int fd, const uint8_t *data,
                              size_t size_bytes)
{
    /* Without room nothing is touched; a file system that cannot reserve any says so. */
    if (size_bytes > 0 && fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)size_bytes) != 0 &&
        (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
        return fail_os(work, errno);
    if (write_all(work, fd, data, size_bytes) != 0)
        return FAILED;
    return ftruncate(fd, (off_t)size_bytes) == 0 ? DONE : fail_os(work, errno);
}

static enum outcome write_old(struct run_file_work *work, const struct run_file_place *place,
                              const uint8_t *data, size_t size_bytes)
{
    if (S_ISDIR(place->stat.st_mode))
        return fail_os(work, EISDIR);
    if (!S_ISREG(place->stat.st_mode)) {
        (void)run_file_fail(work, WIRE_RPC_CODE_INVALID_REQUEST, "path is not a regular file");
        return FAILED;
    }
    int fd = run_file_place_open(work, place, O_WRONLY);
    if (fd < 0)
        return FAILED;
    enum outcome outcome = replace(work, place, fd, data, size_bytes);
    if (outcome == IMPOSSIBLE)
        outcome = overwrite(work, fd, data, size_bytes);
    run_file_close(fd);
    return outcome;
}

int run_file_write(struct run_file_work *work, const struct wire_msg_fs *asked, const uint8_t *data,
                   size_t size_bytes)
{
    enum run_file_links links =
        asked->follow_symlinks ? RUN_FILE_LINKS_FOLLOW : RUN_FILE_LINKS_NONE;
    enum outcome outcome = CHANGED;
    for (unsigned tries = 0; outcome == CHANGED && tries < TRIES_MAX; tries++) {
        struct run_file_place place;
        if (run_file_place_find(work, asked->path, links, true, &place) != 0)
            return -1;
        outcome = place.object >= 0 ? write_old(work, &place, data, size_bytes)
                                    : create(work, &place, data, size_bytes);
        run_file_place_close(&place);
    }
    if (outcome == CHANGED)
        return run_file_fail(work, WIRE_RPC_CODE_INTERNAL,
                             "others replace the file at the same time; try again");
    return outcome == DONE ? 0 : -1;
}
