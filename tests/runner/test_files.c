/*
 * The file layer without connections: what is never opened, what a write keeps, trees and their
 * limits, full disks, the files root. Races are in test_files_race.c. What needs a mount of its own
 * is skipped where that is not allowed.
 */
#include "tests/runner/support_files.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/xattr.h>
#include <unistd.h>

/* ---- What is no file ---- */

static void test_special_files_are_not_opened(void **state)
{
    static const char *const names[] = {"fifo", "socket", "/dev/null", "/dev/tty"};
    struct support_files *files = *state;
    int fd;
    uint64_t size;
    assert_int_equal(mkfifo(support_files_path(files, "fifo"), 0600), 0);
    assert_int_equal(mknod(support_files_path(files, "socket"), S_IFSOCK | 0600, 0), 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        struct wire_msg_fs asked = support_files_asked(files, names[i]);
        assert_int_equal(run_file_open(&files->work, &asked, &fd, &size), -1);
        assert_int_equal(files->work.error.code, -32600);
        assert_int_equal(run_file_write(&files->work, &asked, (const uint8_t *)"x", 1), -1);
        assert_int_equal(files->work.error.code, -32600);
    }
}

static void test_metadata_of_a_fifo(void **state)
{
    struct support_files *files = *state;
    struct wire_msg_fs_metadata metadata;
    assert_int_equal(mkfifo(support_files_path(files, "fifo"), 0600), 0);
    struct wire_msg_fs asked = support_files_asked(files, "fifo");
    assert_int_equal(run_file_metadata(&files->work, &asked, &metadata), 0);
    assert_false(metadata.is_file || metadata.is_directory || metadata.is_symlink);
}

/* ---- Looking in one step ---- */

static bool allow_all(const void *context, const char *real_path, bool writes)
{
    (void)context;
    (void)real_path;
    (void)writes;
    return true;
}

/* What looking at a name comes to, as text. With a sandbox, which allows everything here, each step
 * is taken by itself; without one the kernel takes all of them at once. */
static void look(struct support_files *files, const char *name, bool follow, bool in_steps,
                 char text[128])
{
    struct wire_msg_fs asked = support_files_asked(files, name);
    struct wire_msg_fs_metadata about = {0};
    uint64_t size = 0;
    int fd = -1;
    files->work.allows = in_steps ? allow_all : NULL;
    files->work.error = (struct run_file_error){0};
    asked.follow_symlinks = follow;
    int looked = run_file_metadata(&files->work, &asked, &about);
    int code = files->work.error.os_error + files->work.error.code;
    int opened = run_file_open(&files->work, &asked, &fd, &size);
    (void)snprintf(text, 128, "%d %d: %d %d %d %d, %d %d: %d", looked, code, about.is_directory,
                   about.is_file, about.is_symlink, (int)about.size, opened,
                   files->work.error.os_error + files->work.error.code, (int)size);
    run_file_close(fd);
    files->work.allows = NULL;
}

static void expect_same_looks(struct support_files *files)
{
    static const char *const names[] = {"in/file",         "in/file/",    "in/file/.",
                                        "in/file/x",       "in/d",        "in/d/",
                                        "in/d/.",          "in/d/..",     "in/d/../file",
                                        "in/to file",      "in/to file/", "in/to d",
                                        "in/to d/",        "in/to d/x",   "in/nowhere",
                                        "in/nowhere/",     "in/loop",     "in/missing",
                                        "in/missing/x",    "in/d//x",     "in/out",
                                        "in/abs",          "in/.",        "in/fifo",
                                        "in/to fifo",      "out",         "/",
                                        "/proc/self/fd/0x"};
    char at_once[128], in_steps[128];
    for (size_t i = 0; i < 2 * sizeof(names) / sizeof(*names); i++) {
        const char *name = names[i / 2];
        look(files, name, i % 2 == 0, false, at_once);
        look(files, name, i % 2 == 0, true, in_steps);
        if (strcmp(at_once, in_steps) != 0)
            fail_msg("%s: %s, in steps %s", name, at_once, in_steps);
    }
}

static void use_root(struct support_files *files, const char *name);

static void test_one_step_tells_what_steps_tell(void **state)
{
    struct support_files *files = *state;
    assert_int_equal(mkdir(support_files_path(files, "in"), 0755), 0);
    assert_int_equal(mkdir(support_files_path(files, "in/d"), 0755), 0);
    support_files_make(files, "out", "outside");
    support_files_make(files, "in/file", "text");
    support_files_make(files, "in/d/x", "x");
    assert_int_equal(mkfifo(support_files_path(files, "in/fifo"), 0600), 0);
    assert_int_equal(symlink("file", support_files_path(files, "in/to file")), 0);
    assert_int_equal(symlink("d", support_files_path(files, "in/to d")), 0);
    assert_int_equal(symlink("fifo", support_files_path(files, "in/to fifo")), 0);
    assert_int_equal(symlink("none", support_files_path(files, "in/nowhere")), 0);
    assert_int_equal(symlink("loop", support_files_path(files, "in/loop")), 0);
    assert_int_equal(symlink("../out", support_files_path(files, "in/out")), 0);
    assert_int_equal(
        symlink(support_files_path2(files, "in/file"), support_files_path(files, "in/abs")), 0);
    expect_same_looks(files);
    use_root(files, "in");
    expect_same_looks(files);
}

/* ---- What a write keeps ---- */

static void write_text(struct support_files *files, const char *name, const char *text)
{
    struct wire_msg_fs asked = support_files_asked(files, name);
    if (run_file_write(&files->work, &asked, (const uint8_t *)text, strlen(text)) != 0)
        fail_msg("%s: %s", name, files->work.error.text);
}

static struct stat stat_of(struct support_files *files, const char *name)
{
    struct stat result;
    assert_int_equal(lstat(support_files_path(files, name), &result), 0);
    return result;
}

static void test_write_replaces(void **state)
{
    static const mode_t modes[] = {0600, 0640, 0755, 0777, 0604};
    struct support_files *files = *state;
    for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
        support_files_make(files, "f", "old");
        assert_int_equal(chmod(support_files_path(files, "f"), modes[i]), 0);
        struct stat before = stat_of(files, "f");
        write_text(files, "f", "new text");
        struct stat after = stat_of(files, "f");
        assert_int_equal(after.st_mode, before.st_mode);
        assert_true(after.st_ino != before.st_ino); /* at once: a new file */
        support_files_expect(files, "f", "new text");
    }
}

static void test_write_stays_where_links_or_bits_want_it(void **state)
{
    struct support_files *files = *state;
    support_files_make(files, "f", "a long old text");
    assert_int_equal(link(support_files_path(files, "f"), support_files_path2(files, "g")), 0);
    support_files_make(files, "s", "old");
    assert_int_equal(chmod(support_files_path(files, "s"), 02755), 0);
    support_files_make(files, "x", "old");
    int has_attributes = setxattr(support_files_path(files, "x"), "user.note", "n", 1, 0) == 0;
    for (const char *name = "fsx"; *name != 0; name++) {
        char text[2] = {*name, 0};
        ino_t before = stat_of(files, text).st_ino;
        write_text(files, text, "new");
        support_files_expect(files, text, "new");
        if (*name != 'x' || has_attributes)
            assert_int_equal(stat_of(files, text).st_ino, before);
    }
    support_files_expect(files, "g", "new");
}

static void test_write_follows_links(void **state)
{
    struct support_files *files = *state;
    assert_int_equal(mkdir(support_files_path(files, "d"), 0755), 0);
    assert_int_equal(symlink("d/../d/target", support_files_path(files, "relative")), 0);
    write_text(files, "relative", "one");
    support_files_expect(files, "d/target", "one");
    assert_int_equal(symlink(support_files_path(files, "absolute target"),
                             support_files_path2(files, "absolute")),
                     0);
    write_text(files, "absolute", "two");
    support_files_expect(files, "absolute target", "two");
    assert_true(S_ISLNK(stat_of(files, "absolute").st_mode));
    assert_int_equal(symlink("loop", support_files_path(files, "loop")), 0);
    struct wire_msg_fs asked = support_files_asked(files, "loop");
    assert_int_equal(run_file_write(&files->work, &asked, NULL, 0), -1);
    assert_int_equal(files->work.error.os_error, ELOOP);
}

/* ---- Trees ---- */

static void make_deep(struct support_files *files, unsigned depth)
{
    char path[4096];
    size_t size = (size_t)snprintf(path, sizeof(path), "%s", support_files_path(files, "deep"));
    assert_int_equal(mkdir(path, 0755), 0);
    for (unsigned i = 0; i < depth; i++) {
        size += (size_t)snprintf(path + size, sizeof(path) - size, "/d");
        assert_int_equal(mkdir(path, 0755), 0);
    }
}

static void test_tree_limits(void **state)
{
    struct support_files *files = *state;
    struct wire_msg_fs asked = support_files_asked(files, "deep");
    make_deep(files, 40);
    files->files.tree_depth = 40; /* deep itself, and 39 below it */
    assert_int_equal(run_file_remove(&files->work, &asked), -1);
    assert_string_equal(files->work.error.text, "the tree is deeper than 40 directories");
    files->files.tree_depth = 41;
    files->files.tree_entries = 40;
    assert_int_equal(run_file_remove(&files->work, &asked), -1);
    assert_string_equal(files->work.error.text, "the tree has more than 40 entries");
    files->files.tree_entries = 41;
    files->files.tree_ms = 0;
    assert_int_equal(run_file_remove(&files->work, &asked), -1);
    assert_string_equal(files->work.error.text, "took too long");
    files->files.tree_ms = 60000;
    atomic_store(&files->cancelled, true);
    assert_int_equal(run_file_remove(&files->work, &asked), -1);
    assert_string_equal(files->work.error.text, "cancelled");
    atomic_store(&files->cancelled, false);
    assert_int_equal(run_file_remove(&files->work, &asked), 0);
    assert_int_equal(access(support_files_path(files, "deep"), F_OK), -1);
}

static void test_copy_limits(void **state)
{
    struct support_files *files = *state;
    struct wire_msg_fs asked = support_files_asked(files, "tree");
    char to[256];
    (void)snprintf(to, sizeof(to), "%s", support_files_path2(files, "copy"));
    asked.destination = to;
    assert_int_equal(mkdir(support_files_path(files, "tree"), 0755), 0);
    support_files_make(files, "tree/a", "12345678");
    support_files_make(files, "tree/b", "12345678");
    files->files.copy_bytes = 15;
    assert_int_equal(run_file_copy(&files->work, &asked), -1);
    assert_string_equal(files->work.error.text, "more than 15 bytes are to be copied");
    files->files.copy_bytes = 16;
    files->files.tree_entries = 1;
    assert_int_equal(run_file_copy(&files->work, &asked), -1);
    assert_string_equal(files->work.error.text, "the tree has more than 1 entries");
    files->files.tree_entries = 2;
    assert_int_equal(run_file_copy(&files->work, &asked), 0);
    support_files_expect(files, "copy/b", "12345678");
}

static void test_walk_is_late(void **state)
{
    struct support_files *files = *state;
    struct wire_msg_fs asked = support_files_asked(files, "deep");
    struct run_file_walk walk;
    make_deep(files, 300);
    asked.options = (struct wire_msg_fs_walk){
        .max_depth = UINT64_MAX, .max_directories = UINT64_MAX, .max_entries = UINT64_MAX};
    assert_int_equal(run_file_walk(&files->work, &asked, &walk), 0);
    assert_int_equal(walk.entries.count, RUN_FILES_WALK_DEPTH + 1);
    assert_false(walk.truncated);
    run_file_walk_free(&walk);
    files->files.walk_ms = 0;
    assert_int_equal(run_file_walk(&files->work, &asked, &walk), 0);
    assert_true(walk.truncated && walk.entries.count < 10);
    run_file_walk_free(&walk);
}

/* ---- Names ---- */

static void test_long_names(void **state)
{
    struct support_files *files = *state;
    char name[300];
    memset(name, 'x', sizeof(name));
    name[255] = 0;
    write_text(files, name, "long");
    support_files_expect(files, name, "long");
    name[255] = 'x';
    name[256] = 0;
    struct wire_msg_fs asked = support_files_asked(files, name);
    assert_int_equal(run_file_write(&files->work, &asked, NULL, 0), -1);
    assert_int_equal(files->work.error.os_error, ENAMETOOLONG);
}

/* ---- Full disks, other mounts ---- */

static bool mount_or_skip(struct support_files *files, const char *source, const char *type,
                          unsigned long flags, const char *options)
{
    const char *where = support_files_path(files, "mnt");
    assert_int_equal(mkdir(where, 0755), 0);
    if (mount(source, where, type, flags, options) == 0)
        return true;
    print_message("host: mounting is not allowed here (%s)\n", strerror(errno));
    return false;
}

static void unmount(struct support_files *files)
{
    assert_int_equal(umount2(support_files_path(files, "mnt"), MNT_DETACH), 0);
}

static void test_full_disk(void **state)
{
    struct support_files *files = *state;
    struct wire_msg_fs asked;
    size_t size = 2 * 1024 * 1024;
    uint8_t *data = calloc(1, size);
    assert_non_null(data);
    if (!mount_or_skip(files, "tmpfs", "tmpfs", 0, "size=1m")) {
        free(data);
        skip();
    }
    static const char *const names[] = {"mnt/new", "mnt/old", "mnt/linked"};
    support_files_make(files, "mnt/old", "kept");
    support_files_make(files, "mnt/linked", "kept too");
    assert_int_equal(
        link(support_files_path(files, "mnt/linked"), support_files_path2(files, "mnt/other")), 0);
    for (size_t i = 0; i < 3; i++) {
        asked = support_files_asked(files, names[i]);
        assert_int_equal(run_file_write(&files->work, &asked, data, size), -1);
        assert_int_equal(files->work.error.os_error, ENOSPC);
    }
    assert_int_equal(access(support_files_path(files, "mnt/new"), F_OK), -1);
    support_files_expect(files, "mnt/old", "kept");
    support_files_expect(files, "mnt/other", "kept too"); /* room is reserved first */
    struct run_file_list list;
    asked = support_files_asked(files, "mnt");
    assert_int_equal(run_file_read_directory(&files->work, &asked, &list), 0);
    assert_int_equal(list.count, 3); /* no temporary file is left */
    run_file_list_free(&list);
    unmount(files);
    free(data);
}

static void test_file_that_is_a_mount(void **state)
{
    struct support_files *files = *state;
    support_files_make(files, "source", "old");
    support_files_make(files, "target", "hidden");
    if (mount(support_files_path(files, "source"), support_files_path2(files, "target"), NULL,
              MS_BIND, NULL) != 0) {
        print_message("host: mounting is not allowed here (%s)\n", strerror(errno));
        skip();
    }
    write_text(files, "target", "through the mount");
    assert_int_equal(umount2(support_files_path(files, "target"), MNT_DETACH), 0);
    support_files_expect(files, "source", "through the mount");
    support_files_expect(files, "target", "hidden");
}

/* ---- The root ---- */

static void use_root(struct support_files *files, const char *name)
{
    struct run_why why;
    run_files_deinit(&files->files);
    (void)snprintf(files->root, sizeof(files->root), "%s", support_files_path(files, name));
    if (run_files_init(&files->files, files->port, files->root, &why) != 0)
        fail_msg("%s", why.text);
}

static void test_root(void **state)
{
    static const char *const outside[] = {"out",      "root/../out", "root/up",
                                          "root/abs", "root/etc",    "rootx",
                                          "root/d/u", ".",           "root/up2/out"};
    struct support_files *files = *state;
    int fd;
    uint64_t size;
    support_files_make(files, "out", "out");
    assert_int_equal(mkdir(support_files_path(files, "root"), 0755), 0);
    assert_int_equal(mkdir(support_files_path(files, "root/d"), 0755), 0);
    support_files_make(files, "root/in", "in");
    assert_int_equal(symlink("../out", support_files_path(files, "root/up")), 0);
    assert_int_equal(symlink("..", support_files_path(files, "root/up2")), 0);
    assert_int_equal(symlink("../../out", support_files_path(files, "root/d/u")), 0);
    assert_int_equal(symlink("../in", support_files_path(files, "root/d/ok")), 0);
    assert_int_equal(symlink("/etc/passwd", support_files_path(files, "root/etc")), 0);
    assert_int_equal(
        symlink(support_files_path(files, "root/in"), support_files_path2(files, "root/abs")), 0);
    assert_int_equal(symlink("root", support_files_path(files, "name")), 0);
    use_root(files, "name"); /* a name of it is good, too */
    for (size_t i = 0; i < sizeof(outside) / sizeof(*outside); i++) {
        struct wire_msg_fs asked = support_files_asked(files, outside[i]);
        if (run_file_open(&files->work, &asked, &fd, &size) == 0)
            fail_msg("%s was opened", outside[i]);
        assert_int_equal(files->work.error.code, -32004);
        assert_int_equal(run_file_write(&files->work, &asked, NULL, 0), -1);
        assert_int_equal(files->work.error.code, -32004);
    }
    static const char *const inside[] = {"root/in", "root/d/ok", "root/d/../in", "name/in"};
    for (size_t i = 0; i < sizeof(inside) / sizeof(*inside); i++) {
        struct wire_msg_fs asked = support_files_asked(files, inside[i]);
        if (run_file_open(&files->work, &asked, &fd, &size) != 0)
            fail_msg("%s: %s", inside[i], files->work.error.text);
        run_file_close(fd);
    }
    support_files_expect(files, "out", "out");
}

/* What is mounted below the root is served: whoever mounts it there wants that. */
static void test_root_with_a_mount(void **state)
{
    struct support_files *files = *state;
    if (!mount_or_skip(files, "tmpfs", "tmpfs", 0, "size=1m"))
        skip();
    use_root(files, ".");
    write_text(files, "mnt/f", "inside");
    support_files_expect(files, "mnt/f", "inside");
    unmount(files);
}

static void test_root_that_is_none(void **state)
{
    static const char *const roots[] = {"relative", "/no/such/directory", "/dev/null"};
    struct support_files *files = *state;
    struct run_files other;
    struct run_why why;
    for (size_t i = 0; i < sizeof(roots) / sizeof(*roots); i++) {
        assert_int_equal(run_files_init(&other, files->port, roots[i], &why), -1);
        assert_non_null(strstr(why.text, roots[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_FILES_TEST(test_special_files_are_not_opened),
        SUPPORT_FILES_TEST(test_metadata_of_a_fifo),
        SUPPORT_FILES_TEST(test_one_step_tells_what_steps_tell),
        SUPPORT_FILES_TEST(test_write_replaces),
        SUPPORT_FILES_TEST(test_write_stays_where_links_or_bits_want_it),
        SUPPORT_FILES_TEST(test_write_follows_links),
        SUPPORT_FILES_TEST(test_tree_limits),
        SUPPORT_FILES_TEST(test_copy_limits),
        SUPPORT_FILES_TEST(test_walk_is_late),
        SUPPORT_FILES_TEST(test_long_names),
        SUPPORT_FILES_TEST(test_full_disk),
        SUPPORT_FILES_TEST(test_file_that_is_a_mount),
        SUPPORT_FILES_TEST(test_root),
        SUPPORT_FILES_TEST(test_root_with_a_mount),
        SUPPORT_FILES_TEST(test_root_that_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
