/*
 * Directories for tests: see support_files.h.
 */
#include "tests/runner/support_files.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

int support_files_setup(void **state)
{
    struct support_files *files = calloc(1, sizeof(*files));
    struct iocp_port_options options = {.workers = 1, .helpers = {1, 1, 1}};
    struct run_why why;
    int os_error;
    assert_non_null(files);
    (void)snprintf(files->directory, sizeof(files->directory), "/tmp/execport-files-XXXXXX");
    assert_non_null(mkdtemp(files->directory));
    char *real = realpath(files->directory, NULL);
    assert_true(real != NULL && strlen(real) < sizeof(files->directory));
    memcpy(files->directory, real, strlen(real) + 1);
    free(real);
    assert_int_equal(iocp_port_open(&options, &files->port, &os_error), 0);
    assert_int_equal(run_files_init(&files->files, files->port, NULL, &why), 0);
    files->work.files = &files->files;
    files->work.cancelled = &files->cancelled;
    *state = files;
    return 0;
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *place)
{
    (void)stat;
    (void)type;
    (void)place;
    return remove(path);
}

int support_files_teardown(void **state)
{
    struct support_files *files = *state;
    run_files_deinit(&files->files);
    iocp_port_close(files->port);
    assert_int_equal(nftw(files->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
    free(files);
    return 0;
}

static const char *put_path(struct support_files *files, const char *name, char *out)
{
    const char *directory = name[0] == '/' ? "" : files->directory;
    (void)snprintf(out, sizeof(files->path[0]), "%s%s%s", directory, name[0] == '/' ? "" : "/",
                   name);
    return out;
}

const char *support_files_path(struct support_files *files, const char *name)
{
    return put_path(files, name, files->path[0]);
}

const char *support_files_path2(struct support_files *files, const char *name)
{
    return put_path(files, name, files->path[1]);
}

struct wire_msg_fs support_files_asked(struct support_files *files, const char *name)
{
    return (struct wire_msg_fs){.path = put_path(files, name, files->asked),
                                .recursive = true,
                                .force = true,
                                .follow_symlinks = true};
}

void support_files_make(struct support_files *files, const char *name, const char *text)
{
    char path[512];
    (void)unlink(put_path(files, name, path));
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(close(fd), 0);
}

void support_files_expect(struct support_files *files, const char *name, const char *text)
{
    char path[512], found[4096];
    int fd = open(put_path(files, name, path), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fail_msg("%s: %s", name, strerror(errno));
    ssize_t size = read(fd, found, sizeof(found) - 1);
    assert_true(size >= 0);
    found[size] = 0;
    assert_int_equal(close(fd), 0);
    assert_string_equal(found, text);
}
