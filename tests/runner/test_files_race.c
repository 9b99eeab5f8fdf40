/*
 * A thread exchanges what a path leads to, again and again, while the file layer works on it: what
 * lies outside is never read, written, listed or removed, whichever of the two it meets.
 */
#include "tests/runner/support_files.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

enum { ROUNDS = 600 };

/* Exchanges two names in a directory until it is told to end. */
struct swapper {
    struct support_files *files;
    const char *left, *right;
    _Atomic bool ends;
    _Atomic uint64_t count;
    pthread_t thread;
};

static void *swap(void *argument)
{
    struct swapper *swapper = argument;
    char left[512], right[512];
    (void)snprintf(left, sizeof(left), "%s/%s", swapper->files->directory, swapper->left);
    (void)snprintf(right, sizeof(right), "%s/%s", swapper->files->directory, swapper->right);
    while (!atomic_load(&swapper->ends)) {
        if (renameat2(AT_FDCWD, left, AT_FDCWD, right, RENAME_EXCHANGE) != 0)
            break;
        atomic_fetch_add(&swapper->count, 1);
    }
    return NULL;
}

static void begin(struct swapper *swapper, struct support_files *files, const char *left,
                  const char *right)
{
    *swapper = (struct swapper){.files = files, .left = left, .right = right};
    assert_int_equal(pthread_create(&swapper->thread, NULL, swap, swapper), 0);
    while (atomic_load(&swapper->count) == 0)
        (void)sched_yield(); /* the rounds may be over before it ran once */
}

static void end(struct swapper *swapper)
{
    atomic_store(&swapper->ends, true);
    assert_int_equal(pthread_join(swapper->thread, NULL), 0);
    assert_true(atomic_load(&swapper->count) > 0);
}

static void use_root(struct support_files *files)
{
    struct run_why why;
    run_files_deinit(&files->files);
    (void)snprintf(files->root, sizeof(files->root), "%s", support_files_path(files, "root"));
    assert_int_equal(run_files_init(&files->files, files->port, files->root, &why), 0);
}

static void make_trees(struct support_files *files)
{
    assert_int_equal(mkdir(support_files_path(files, "out"), 0755), 0);
    support_files_make(files, "out/f", "secret");
    assert_int_equal(mkdir(support_files_path(files, "root"), 0755), 0);
    assert_int_equal(mkdir(support_files_path(files, "root/d"), 0755), 0);
    support_files_make(files, "root/d/f", "inside");
    assert_int_equal(symlink("../out", support_files_path(files, "root/link")), 0);
}

static void check_read(struct support_files *files, const struct wire_msg_fs *asked)
{
    uint8_t data[16] = {0};
    uint64_t size;
    int fd;
    if (run_file_open(&files->work, asked, &fd, &size) != 0)
        return;
    assert_true(run_file_read_at(&files->work, fd, 0, data, sizeof(data) - 1, 0) >= 0);
    run_file_close(fd);
    assert_string_not_equal((char *)data, "secret");
}

/* A directory and a symlink out of the root change places. */
static void test_race_with_the_root(void **state)
{
    struct support_files *files = *state;
    struct wire_msg_fs_metadata metadata;
    struct swapper swapper;
    char *uri;
    make_trees(files);
    use_root(files);
    begin(&swapper, files, "root/d", "root/link");
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct wire_msg_fs asked = support_files_asked(files, "root/d/f");
        check_read(files, &asked);
        (void)!run_file_metadata(&files->work, &asked, &metadata);
        if (run_file_canonicalize(&files->work, &asked, &uri) == 0) {
            assert_null(strstr(uri, "/out/"));
            free(uri);
        }
        (void)!run_file_write(&files->work, &asked, (const uint8_t *)"written", 7);
    }
    end(&swapper);
    support_files_expect(files, "out/f", "secret");
}

/* A file and a symlink out of the root change places. */
static void test_race_at_the_end(void **state)
{
    struct support_files *files = *state;
    struct swapper swapper;
    make_trees(files);
    assert_int_equal(symlink("../../out/f", support_files_path(files, "root/d/l")), 0);
    use_root(files);
    begin(&swapper, files, "root/d/f", "root/d/l");
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct wire_msg_fs asked = support_files_asked(files, "root/d/f");
        check_read(files, &asked);
        (void)!run_file_write(&files->work, &asked, (const uint8_t *)"written", 7);
    }
    end(&swapper);
    support_files_expect(files, "out/f", "secret");
}

/* A regular file and a FIFO change places: nothing hangs, and the FIFO is never opened. */
static void test_race_with_a_fifo(void **state)
{
    struct support_files *files = *state;
    struct swapper swapper;
    support_files_make(files, "f", "inside");
    assert_int_equal(mkfifo(support_files_path(files, "fifo"), 0600), 0);
    begin(&swapper, files, "f", "fifo");
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct wire_msg_fs asked = support_files_asked(files, "f");
        check_read(files, &asked);
    }
    end(&swapper);
}

static bool allows_inside(const void *context, const char *real_path, bool writes)
{
    (void)writes;
    return strncmp(real_path, context, strlen(context)) == 0;
}

/* The same without a root: a sandbox is asked about where things really are. */
static void test_race_with_the_sandbox(void **state)
{
    struct support_files *files = *state;
    struct swapper swapper;
    char inside[512];
    make_trees(files);
    (void)snprintf(inside, sizeof(inside), "%s/", support_files_path(files, "root"));
    files->work.allows = allows_inside;
    files->work.context = inside;
    begin(&swapper, files, "root/d", "root/link");
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct wire_msg_fs asked = support_files_asked(files, "root/d/f");
        check_read(files, &asked);
        (void)!run_file_write(&files->work, &asked, (const uint8_t *)"written", 7);
    }
    end(&swapper);
    support_files_expect(files, "out/f", "secret");
}

/* Trees are removed while a directory in them becomes a symlink out of them. */
static void test_race_with_removing(void **state)
{
    struct support_files *files = *state;
    assert_int_equal(mkdir(support_files_path(files, "out"), 0755), 0);
    support_files_make(files, "out/f", "secret");
    for (unsigned i = 0; i < ROUNDS / 2; i++) {
        struct swapper swapper;
        assert_int_equal(mkdir(support_files_path(files, "t"), 0755), 0);
        assert_int_equal(mkdir(support_files_path(files, "t/d"), 0755), 0);
        support_files_make(files, "t/d/f", "inside");
        assert_int_equal(symlink("out", support_files_path(files, "link")), 0);
        swapper = (struct swapper){.files = files, .left = "t/d", .right = "link"};
        assert_int_equal(pthread_create(&swapper.thread, NULL, swap, &swapper), 0);
        struct wire_msg_fs asked = support_files_asked(files, "t");
        (void)!run_file_remove(&files->work, &asked);
        atomic_store(&swapper.ends, true);
        assert_int_equal(pthread_join(swapper.thread, NULL), 0);
        files->work.error.code = 0;
        for (const char *const *name = (const char *const[]){"t", "link", NULL}; *name; name++) {
            asked = support_files_asked(files, *name);
            assert_int_equal(run_file_remove(&files->work, &asked), 0);
        }
    }
    support_files_expect(files, "out/f", "secret");
}

/* Somebody moves something elsewhere: a path with ".." below a root is found nevertheless. */
static void test_up_and_down_below_a_root(void **state)
{
    struct support_files *files = *state;
    struct wire_msg_fs_metadata metadata;
    struct swapper swapper;
    make_trees(files);
    support_files_make(files, "g", "");
    use_root(files);
    begin(&swapper, files, "g", "out");
    for (unsigned i = 0; i < ROUNDS * 20; i++) {
        struct wire_msg_fs asked = support_files_asked(files, "root/d/../d/../d/f");
        assert_int_equal(run_file_metadata(&files->work, &asked, &metadata), 0);
    }
    end(&swapper);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_FILES_TEST(test_race_with_the_root),
        SUPPORT_FILES_TEST(test_race_at_the_end),
        SUPPORT_FILES_TEST(test_race_with_a_fifo),
        SUPPORT_FILES_TEST(test_race_with_the_sandbox),
        SUPPORT_FILES_TEST(test_race_with_removing),
        SUPPORT_FILES_TEST(test_up_and_down_below_a_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
