/*
 * Permissions as bubblewrap's arguments: which mounts, in which order, and what it cannot give.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runner/sandbox_args.h"

#define WALLS "--die-with-parent --unshare-user --unshare-pid --as-pid-1 --unshare-ipc "
#define BEGIN "--cap-drop ALL --ro-bind / / --dev /dev --proc /proc "

/* The arguments with a space behind each. */
static char *build(struct run_grant *grants, size_t count, bool network, const char *const *hidden,
                   int filter_fd, struct run_why *why)
{
    const struct run_permissions permissions = {
        .grants = grants, .count = count, .has_network = network};
    const struct run_sandbox_asked asked = {
        .permissions = &permissions, .hidden = hidden, .filter_fd = filter_fd};
    struct run_sandbox_args args = {0};
    if (run_sandbox_args(&args, &asked, why) != 0) {
        free(args.data);
        return NULL;
    }
    char *text = calloc(1, args.size + 1);
    assert_non_null(text);
    for (size_t i = 0; i < args.size; i++)
        text[i] = args.data[i] == '\0' ? ' ' : args.data[i];
    free(args.data);
    return text;
}

static void check(struct run_grant *grants, size_t count, bool network, const char *expected)
{
    struct run_why why;
    char *text = build(grants, count, network, NULL, -1, &why);
    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
}

static char root[] = "/", work[] = "/w", git[] = "/w/.git", deep[] = "/w/.git/x", tmp[] = "/tmp",
            shm[] = "/dev/shm";

static void test_read_only(void **state)
{
    (void)state;
    struct run_grant grants[] = {{.path = root, .access = RUN_ACCESS_READ}};
    check(grants, 1, false, WALLS "--unshare-net " BEGIN);
    check(grants, 1, true, WALLS BEGIN);
}

static void test_workspace(void **state)
{
    (void)state;
    struct run_grant grants[] = {{.path = root, .access = RUN_ACCESS_READ},
                                 {.path = tmp, .access = RUN_ACCESS_WRITE},
                                 {.path = work, .access = RUN_ACCESS_WRITE},
                                 {.path = git, .access = RUN_ACCESS_READ}};
    check(grants, 4, true, WALLS BEGIN "--bind /tmp /tmp --bind /w /w --ro-bind /w/.git /w/.git ");
}

/* What says the same as what is around it needs no mount. */
static void test_nothing_twice(void **state)
{
    (void)state;
    struct run_grant grants[] = {{.path = root, .access = RUN_ACCESS_WRITE},
                                 {.path = tmp, .access = RUN_ACCESS_WRITE},
                                 {.path = work, .access = RUN_ACCESS_READ},
                                 {.path = git, .access = RUN_ACCESS_READ}};
    check(grants, 4, true,
          WALLS "--cap-drop ALL --bind / / --dev /dev --proc /proc --ro-bind /w /w ");
}

static void test_denied(void **state)
{
    (void)state;
    struct run_grant grants[] = {{.path = root, .access = RUN_ACCESS_READ},
                                 {.path = tmp, .access = RUN_ACCESS_NONE},
                                 {.path = work, .access = RUN_ACCESS_WRITE},
                                 {.path = git, .access = RUN_ACCESS_NONE, .is_directory = true},
                                 {.path = deep, .access = RUN_ACCESS_WRITE, .is_directory = true}};
    check(grants, 4, true,
          WALLS BEGIN "--ro-bind /dev/null /tmp --bind /w /w --perms 000 --tmpfs /w/.git "
                      "--remount-ro /w/.git ");
    check(grants, 5, true,
          WALLS BEGIN "--ro-bind /dev/null /tmp --bind /w /w --perms 111 --tmpfs /w/.git "
                      "--bind /w/.git/x /w/.git/x --remount-ro /w/.git ");
}

static void test_hidden_and_filtered(void **state)
{
    (void)state;
    static const char *const hidden[] = {"/run/s", NULL};
    struct run_grant grants[] = {{.path = root, .access = RUN_ACCESS_READ}};
    struct run_why why;
    char *text = build(grants, 1, true, hidden, 7, &why);
    assert_non_null(text);
    assert_string_equal(text, WALLS BEGIN "--ro-bind /dev/null /run/s --seccomp 7 ");
    free(text);
}

static void test_what_cannot_be_given(void **state)
{
    (void)state;
    struct run_why why;
    struct run_grant no_root[] = {{.path = work, .access = RUN_ACCESS_WRITE}};
    struct run_grant denied[] = {{.path = root, .access = RUN_ACCESS_NONE, .is_directory = true}};
    struct run_grant device[] = {{.path = root, .access = RUN_ACCESS_READ},
                                 {.path = shm, .access = RUN_ACCESS_WRITE}};
    assert_null(build(NULL, 0, true, NULL, -1, &why));
    assert_null(build(no_root, 1, true, NULL, -1, &why));
    assert_string_equal(why.text, "it does not let the program read everything");
    assert_null(build(denied, 1, true, NULL, -1, &why));
    assert_null(build(device, 2, true, NULL, -1, &why));
    assert_string_equal(why.text, "it has a rule for /dev/shm, below /proc or /dev");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_only),           cmocka_unit_test(test_workspace),
        cmocka_unit_test(test_nothing_twice),       cmocka_unit_test(test_denied),
        cmocka_unit_test(test_hidden_and_filtered), cmocka_unit_test(test_what_cannot_be_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
