/*
 * Following real paths: links of every kind, where they lie, what is missing; and mount points.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "runner/git_file.h"
#include "runner/look_up.h"
#include "runner/mount_points.h"

static char base[64]; /* without links */

static char *in_base(const char *name)
{
    static char paths[4][160];
    static int next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof(paths[0]), "%s%s", base, name);
    return path;
}

static int make_base(void **state)
{
    (void)state;
    char made[] = "/tmp/execport-look-up-XXXXXX";
    char *real = mkdtemp(made) != NULL ? realpath(made, NULL) : NULL;
    if (real == NULL)
        return -1;
    (void)snprintf(base, sizeof(base), "%s", real);
    free(real);
    bool made_all = mkdir(in_base("/a"), 0700) == 0 && mkdir(in_base("/a/b"), 0700) == 0 &&
                    symlink("../a/b", in_base("/a/up")) == 0 &&
                    symlink(in_base("/a/up"), in_base("/far")) == 0 &&
                    symlink("nothing/here", in_base("/dangling")) == 0 &&
                    symlink("loop", in_base("/loop")) == 0;
    FILE *file = made_all ? fopen(in_base("/a/file"), "w") : NULL;
    return file != NULL ? fclose(file) : -1;
}

static int remove_base(void **state)
{
    (void)state;
    static const char *const names[] = {"/a/file", "/a/up", "/a/b/.git", "/a/b",  "/a/.git",
                                        "/a",      "/far",  "/dangling", "/loop", ""};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        (void)remove(in_base(names[i]));
    return 0;
}

static char links[400];

static void seen(void *context, const char *directory)
{
    (void)context;
    (void)snprintf(links + strlen(links), sizeof(links) - strlen(links), "%s ",
                   directory + strlen(base));
}

static void check(const char *name, const char *leads_to, enum run_place place,
                  const char *links_in)
{
    struct run_why why;
    char *path;
    enum run_place found;
    links[0] = '\0';
    assert_int_equal(run_look_up_path(in_base(name), seen, NULL, &path, &found, &why), 0);
    assert_string_equal(path + strlen(base), leads_to);
    assert_int_equal(found, place);
    assert_string_equal(links, links_in);
    free(path);
}

static void test_paths(void **state)
{
    (void)state;
    check("", "", RUN_PLACE_DIRECTORY, "");
    check("/a/b", "/a/b", RUN_PLACE_DIRECTORY, "");
    check("//a/./file", "/a/file", RUN_PLACE_FILE, "");
    check("/a/up", "/a/b", RUN_PLACE_DIRECTORY, "/a ");
    check("/far/new/er", "/a/b/new", RUN_PLACE_NOTHING, " /a ");
    check("/dangling", "/nothing", RUN_PLACE_NOTHING, " ");
    check("/a/file/x", "/a/file/x", RUN_PLACE_NOTHING, "");
}

static void test_paths_without_an_end(void **state)
{
    (void)state;
    struct run_why why;
    char *path, name[1200];
    enum run_place place;
    assert_int_equal(run_look_up_path(in_base("/loop"), NULL, NULL, &path, &place, &why), -1);
    assert_non_null(strstr(why.text, "Too many levels of symbolic links"));
    memset(name, 'x', sizeof(name));
    name[0] = '/';
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(run_look_up_path(name, NULL, NULL, &path, &place, &why), -1);
    assert_int_equal(run_look_up_path("/", NULL, NULL, &path, &place, &why), 0);
    assert_string_equal(path, "/");
    free(path);
}

static void test_mount_points_are_counted(void **state)
{
    (void)state;
    struct run_mount_points *points = run_mount_points_new();
    struct run_mount_point *first, *second, *none;
    struct run_why why;
    const char *path = in_base("/a/.git");
    assert_non_null(points);
    assert_int_equal(run_mount_points_take(points, path, &first, &why), 0);
    assert_int_equal(run_mount_points_take(points, path, &second, &why), 0);
    assert_int_equal(run_mount_points_take(points, in_base("/a/b"), &none, &why), 0);
    assert_null(none); /* it was there */
    run_mount_points_give(points, first);
    assert_int_equal(access(path, F_OK), 0);
    run_mount_points_give(points, second);
    assert_int_equal(access(path, F_OK), -1);
    run_mount_points_give(points, NULL);
    assert_int_equal(access(in_base("/a/b"), F_OK), 0);
    assert_int_equal(run_mount_points_take(points, in_base("/x/y"), &none, &why), -1);
    run_mount_points_free(points);
}

/* Somebody else has put something into it: it stays. */
static void test_mount_points_that_are_used(void **state)
{
    (void)state;
    struct run_mount_points *points = run_mount_points_new();
    struct run_mount_point *point;
    struct run_why why;
    assert_non_null(points);
    assert_int_equal(run_mount_points_take(points, in_base("/a/.git"), &point, &why), 0);
    assert_int_equal(mkdir(in_base("/a/.git/x"), 0700), 0);
    run_mount_points_give(points, point);
    assert_int_equal(rmdir(in_base("/a/.git/x")), 0);
    assert_int_equal(rmdir(in_base("/a/.git")), 0);
    run_mount_points_free(points);
}

static void write_git_file(const char *text)
{
    FILE *file = fopen(in_base("/a/b/.git"), "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void test_git_files(void **state)
{
    (void)state;
    static const struct row {
        const char *text;
        enum run_access access;
    } rows[] = {{"gitdir: ..\n", RUN_ACCESS_READ},    {"gitdir: ../../far/..\r\n", RUN_ACCESS_READ},
                {"gitdir: /etc\n", RUN_ACCESS_WRITE}, {"gitdir: nothing\n", RUN_ACCESS_WRITE},
                {"gitdir: \n", RUN_ACCESS_WRITE},     {"", RUN_ACCESS_WRITE},
                {"other: ..\n", RUN_ACCESS_WRITE}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct run_permissions *permissions = calloc(1, sizeof(*permissions));
        assert_non_null(permissions);
        permissions->grants = calloc(4, sizeof(*permissions->grants));
        permissions->capacity = 4;
        permissions->count = 2;
        permissions->grants[0] =
            (struct run_grant){.path = strdup(base), .access = RUN_ACCESS_WRITE};
        permissions->grants[1] =
            (struct run_grant){.path = strdup(in_base("/a/b/.git")), .access = RUN_ACCESS_READ};
        write_git_file(rows[i].text);
        assert_int_equal(run_git_files_protect(permissions, NULL), 0);
        assert_int_equal(run_permissions_access(permissions, in_base("/a/x")), rows[i].access);
        run_permissions_free(permissions);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_base, remove_base)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_paths),
        TEST(test_paths_without_an_end),
        TEST(test_mount_points_are_counted),
        TEST(test_mount_points_that_are_used),
        TEST(test_git_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
