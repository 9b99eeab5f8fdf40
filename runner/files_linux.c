/*
 * Files for clients: the root, errors, and looking at files. See files.h. On a helper, but for the
 * root's init and deinit.
 */
#include "runner/files_place_linux.h"

#include "wire/rpc_errors.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define METADATA (STATX_BASIC_STATS | STATX_BTIME)

/* ---- The root ---- */

static int open_root(struct run_files *files, struct run_why *out_why)
{
    struct run_file_work work = {.files = files};
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_BENEATH};
    if (files->root_text[0] != '/')
        return run_why_set(out_why, -1, "--files-root %s: must be an absolute path",
                           files->root_text);
    files->root = open(files->root_text, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (files->root < 0)
        return run_why_set(out_why, -1, "--files-root %s: %s", files->root_text, strerror(errno));
    if (run_file_place_real_path(&work, files->root, files->root_path) != 0)
        return run_why_set(out_why, -1, "--files-root %s: %s", files->root_text, work.error.text);
    int fd = (int)syscall(SYS_openat2, files->root, ".", &how, sizeof(how));
    if (fd < 0)
        return run_why_set(out_why, -1, "--files-root needs openat2 of Linux 5.6: %s",
                           strerror(errno));
    run_file_close(fd);
    return 0;
}

int run_files_init(struct run_files *files, struct iocp_port *port, const char *root_text,
                   struct run_why *out_why)
{
    *files = (struct run_files){.port = port,
                                .root = -1,
                                .root_text = root_text,
                                .tree_depth = RUN_FILES_TREE_DEPTH,
                                .tree_entries = RUN_FILES_TREE_ENTRIES,
                                .tree_ms = RUN_FILES_TREE_MS,
                                .walk_ms = RUN_FILES_WALK_MS,
                                .copy_bytes = RUN_FILES_COPY_BYTES};
    if (root_text == NULL || open_root(files, out_why) == 0)
        return 0;
    run_files_deinit(files);
    return -1;
}

void run_files_deinit(struct run_files *files)
{
    run_file_close(files->root);
    files->root = -1;
}

/* ---- Errors ---- */

static int code_of(int os_error)
{
    if (os_error == ENOENT)
        return WIRE_RPC_CODE_NOT_FOUND;
    if (os_error == EACCES || os_error == EPERM || os_error == EINVAL)
        return WIRE_RPC_CODE_INVALID_REQUEST;
    return WIRE_RPC_CODE_INTERNAL;
}

int run_file_fail_os(struct run_file_work *work, int os_error)
{
    char buffer[128];
    const char *text = strerror_r(os_error, buffer, sizeof(buffer));
    work->error.code = code_of(os_error);
    work->error.os_error = os_error;
    (void)snprintf(work->error.text, sizeof(work->error.text), "%s (os error %d)", text, os_error);
    return -1;
}

int run_file_fail(struct run_file_work *work, int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(work->error.text, sizeof(work->error.text), format, arguments);
    va_end(arguments);
    work->error.code = code;
    work->error.os_error = 0;
    return -1;
}

int run_file_check(struct run_file_work *work, const char *real_path, bool writes)
{
    if (work->allows == NULL || work->allows(work->context, real_path, writes))
        return 0;
    return run_file_fail_os(work, writes ? EROFS : ENOENT);
}

bool run_file_is_over(struct run_file_work *work, uint64_t deadline_ns)
{
    if (work->cancelled != NULL && atomic_load_explicit(work->cancelled, memory_order_relaxed))
        return run_file_fail(work, WIRE_RPC_CODE_INTERNAL, "cancelled") != 0;
    if (deadline_ns != 0 && iocp_now_ns(work->files->port) > deadline_ns)
        return run_file_fail(work, WIRE_RPC_CODE_INTERNAL, "took too long") != 0;
    return false;
}

void run_file_close(int fd)
{
    if (fd >= 0)
        (void)close(fd);
}

/* ---- Looking ---- */

static enum run_file_links links_of(const struct wire_msg_fs *asked)
{
    return asked->follow_symlinks ? RUN_FILE_LINKS_FOLLOW : RUN_FILE_LINKS_NONE;
}

static int64_t ms_of(const struct statx_timestamp *time)
{
    return time->tv_sec * 1000 + time->tv_nsec / 1000000;
}

static struct wire_msg_fs_metadata metadata_of(const struct statx *stat, bool is_symlink)
{
    return (struct wire_msg_fs_metadata){
        .is_directory = S_ISDIR(stat->stx_mode),
        .is_file = S_ISREG(stat->stx_mode),
        .is_symlink = is_symlink,
        .size = stat->stx_size,
        .created_at_ms = (stat->stx_mask & STATX_BTIME) != 0 ? ms_of(&stat->stx_btime) : 0,
        .modified_at_ms = ms_of(&stat->stx_mtime),
    };
}

/* One call to the system for what is no symlink, where nothing confines the path. Returns 1, or -1
 * with the error if nothing is there; 0: look at it as a place. */
static int look_at_once(struct run_file_work *work, const struct wire_msg_fs *asked,
                        struct statx *out_stat)
{
    if (work->files->root >= 0 || !asked->follow_symlinks ||
        !run_file_place_is_plain(work, asked->path))
        return 0;
    if (statx(AT_FDCWD, asked->path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, METADATA, out_stat) !=
        0)
        return errno == ENOENT ? run_file_fail_os(work, ENOENT) : 0;
    return S_ISLNK(out_stat->stx_mode) ? 0 : 1;
}

int run_file_metadata(struct run_file_work *work, const struct wire_msg_fs *asked,
                      struct wire_msg_fs_metadata *out)
{
    struct run_file_place place;
    struct statx stat;
    bool is_symlink = false;
    enum run_file_links links = asked->follow_symlinks ? RUN_FILE_LINKS_LAST : RUN_FILE_LINKS_NONE;
    int seen = look_at_once(work, asked, &stat);
    if (seen > 0)
        *out = metadata_of(&stat, false);
    if (seen != 0)
        return seen > 0 ? 0 : -1;
    int result = run_file_place_find_object(work, asked->path, links, false, &place);
    if (result == 0 && S_ISLNK(place.stat.st_mode)) {
        is_symlink = true;
        run_file_place_close(&place);
        result =
            run_file_place_find_object(work, asked->path, RUN_FILE_LINKS_FOLLOW, false, &place);
    }
    if (result != 0)
        return -1;
    result = statx(place.object, "", AT_EMPTY_PATH, METADATA, &stat);
    if (result != 0)
        result = run_file_fail_os(work, errno);
    run_file_place_close(&place);
    if (result != 0)
        return -1;
    *out = metadata_of(&stat, is_symlink);
    return 0;
}

int run_file_canonicalize(struct run_file_work *work, const struct wire_msg_fs *asked,
                          char **out_uri)
{
    char path[RUN_FILES_REAL_PATH_BYTES];
    struct run_file_place place;
    if (run_file_place_find_object(work, asked->path, RUN_FILE_LINKS_FOLLOW, false, &place) != 0)
        return -1;
    int result = run_file_place_real_path(work, place.object, path);
    run_file_place_close(&place);
    if (result != 0)
        return -1;
    size_t capacity = WIRE_MSG_PATH_URI_BYTES(strlen(path));
    char *uri = malloc(capacity);
    if (uri == NULL)
        return run_file_fail_os(work, ENOMEM);
    if (wire_msg_path_to_uri(wire_span_text(path), WIRE_MSG_PATH_POSIX, uri, capacity) < 0) {
        free(uri);
        return run_file_fail_os(work, ENOENT); /* not in our root: "(unreachable)/..." */
    }
    *out_uri = uri;
    return 0;
}

/* ---- Contents ---- */

int run_file_open(struct run_file_work *work, const struct wire_msg_fs *asked, int *out_fd,
                  uint64_t *out_size_bytes)
{
    struct run_file_place place;
    if (run_file_place_find_object(work, asked->path, links_of(asked), false, &place) != 0)
        return -1;
    int fd = -1;
    if (S_ISREG(place.stat.st_mode))
        fd = run_file_place_open(work, &place, O_RDONLY);
    else
        (void)run_file_fail(work, WIRE_RPC_CODE_INVALID_REQUEST, "path `%.300s` is not a file",
                            asked->path);
    run_file_place_close(&place);
    if (fd < 0)
        return -1;
    *out_fd = fd;
    *out_size_bytes = (uint64_t)place.stat.st_size;
    return 0;
}

ptrdiff_t run_file_read_at(struct run_file_work *work, int fd, uint64_t offset, uint8_t *data,
                           size_t size_bytes, uint64_t told_bytes)
{
    size_t done = 0;
    if (offset > INT64_MAX - size_bytes)
        return run_file_fail_os(work, EINVAL);
    while (done < size_bytes) {
        ssize_t got = pread(fd, data + done, size_bytes - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return run_file_fail_os(work, errno);
        if (got == 0)
            break;
        done += (size_t)got;
        if (told_bytes > 0 && offset + done == told_bytes)
            break; /* less than was asked for, as was to be expected: no need to ask again */
    }
    return (ptrdiff_t)done;
}
