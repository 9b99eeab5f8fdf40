/*
 * From a client's words to grants, and what they say of a path: on a made-up file system, given as
 * a list of what there is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runner/permissions.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* A path leads to itself unless there is a row for it; a row without a target is not there. */
struct fact {
    const char *path, *leads_to, *link_in;
    enum run_place place;
};

static const struct fact *facts;
static size_t fact_count;

static int look_up(const char *path, run_link_seen *seen, void *context, char **out_path,
                   enum run_place *out_place, struct run_why *out_why)
{
    *out_path = NULL;
    *out_place = RUN_PLACE_DIRECTORY;
    for (size_t i = 0; i < fact_count; i++) {
        if (strcmp(facts[i].path, path) != 0)
            continue;
        if (facts[i].link_in != NULL && seen != NULL)
            seen(context, facts[i].link_in);
        *out_place = facts[i].place;
        if (facts[i].leads_to == NULL)
            return run_why_set(out_why, -1, "%s: broken", path);
        *out_path = strdup(facts[i].leads_to);
        return 0;
    }
    if (strstr(path, "/.") != NULL) /* metadata that no row has */
        *out_place = RUN_PLACE_NOTHING;
    *out_path = strdup(path);
    return 0;
}

static const char *const roots[] = {"/w", NULL};

static struct run_permissions *make(const struct wire_msg_sandbox_entry *entries, size_t count,
                                    struct run_why *why)
{
    const struct wire_msg_sandbox sandbox = {.entries = entries,
                                             .entry_count = count,
                                             .cwd = "/w/sub",
                                             .roots = {.items = roots, .count = 1}};
    const struct run_permissions_asked asked = {.sandbox = &sandbox, .tmpdir = "/var/tmp/"};
    return run_permissions_new(&asked, why);
}

#define ENTRY(kind_word, access_word)                                                              \
    {                                                                                              \
        .kind = WIRE_MSG_SANDBOX_##kind_word, .access = WIRE_MSG_SANDBOX_##access_word             \
    }
#define AT(said, access_word)                                                                      \
    {                                                                                              \
        .path = (said), .kind = WIRE_MSG_SANDBOX_PATH, .access = WIRE_MSG_SANDBOX_##access_word    \
    }
#define SUB(below, access_word)                                                                    \
    {                                                                                              \
        .subpath = (below), .kind = WIRE_MSG_SANDBOX_PROJECT_ROOTS,                                \
        .access = WIRE_MSG_SANDBOX_##access_word                                                   \
    }

static struct run_permissions *resolve(const struct wire_msg_sandbox_entry *entries, size_t count,
                                       const struct fact *rows, size_t row_count)
{
    struct run_why why = {""};
    struct run_permissions *permissions = make(entries, count, &why);
    assert_non_null(permissions);
    facts = rows;
    fact_count = row_count;
    int result = run_permissions_resolve(permissions, look_up, &why);
    if (result == 0)
        return permissions;
    assert_string_not_equal(why.text, "");
    run_permissions_free(permissions);
    return NULL;
}

static void check(const struct run_permissions *permissions, const char *path,
                  enum run_access access)
{
    if (run_permissions_access(permissions, path) != access)
        fail_msg("%s: %d", path, (int)run_permissions_access(permissions, path));
}

static void test_workspace_write(void **state)
{
    (void)state;
    static const struct wire_msg_sandbox_entry entries[] = {
        ENTRY(ROOT, READ),    ENTRY(PROJECT_ROOTS, WRITE), ENTRY(SLASH_TMP, WRITE),
        ENTRY(TMPDIR, WRITE), SUB(".git", READ),           SUB(".codex", READ)};
    static const struct fact rows[] = {
        {"/w/.git", "/w/.git", NULL, RUN_PLACE_DIRECTORY},
        {"/w/.codex", "/w/.codex", NULL, RUN_PLACE_NOTHING},
    };
    struct run_permissions *permissions = resolve(entries, COUNT(entries), rows, COUNT(rows));
    assert_non_null(permissions);
    check(permissions, "/", RUN_ACCESS_READ);
    check(permissions, "/etc/passwd", RUN_ACCESS_READ);
    check(permissions, "/w", RUN_ACCESS_WRITE);
    check(permissions, "/w/a/b", RUN_ACCESS_WRITE);
    check(permissions, "/ww", RUN_ACCESS_READ);
    check(permissions, "/w/.git/hooks", RUN_ACCESS_READ);
    check(permissions, "/w/.gitignore", RUN_ACCESS_WRITE);
    check(permissions, "/w/.codex", RUN_ACCESS_READ);
    check(permissions, "/w/.aws", RUN_ACCESS_WRITE); /* not there, and nobody named it */
    check(permissions, "/tmp/x", RUN_ACCESS_WRITE);
    check(permissions, "/var/tmp/x", RUN_ACCESS_WRITE);
    check(permissions, "/var", RUN_ACCESS_READ);
    run_permissions_free(permissions);
}

static void test_order_and_precedence(void **state)
{
    (void)state;
    static const struct wire_msg_sandbox_entry entries[] = {
        AT("/w/deny/open", WRITE), AT("/w/deny/", DENY),   AT("//w/./a", READ),
        AT("/w/a", WRITE),         AT("/w/secret", WRITE), AT("/w/secret", DENY),
        AT("/w", WRITE),           ENTRY(ROOT, READ),      AT("/w.b", WRITE)};
    static const char *const order[] = {"/",         "/w",  "/w/a", "/w/deny", "/w/deny/open",
                                        "/w/secret", "/w.b"};
    struct run_permissions *permissions = resolve(entries, COUNT(entries), NULL, 0);
    assert_non_null(permissions);
    assert_int_equal(permissions->count, COUNT(order));
    for (size_t i = 0; i < COUNT(order); i++)
        assert_string_equal(permissions->grants[i].path, order[i]);
    check(permissions, "/w/deny/x", RUN_ACCESS_NONE);
    check(permissions, "/w/deny/open/x", RUN_ACCESS_WRITE);
    check(permissions, "/w/a/x", RUN_ACCESS_WRITE);
    check(permissions, "/w/secret", RUN_ACCESS_NONE);
    run_permissions_free(permissions);
}

static void test_metadata_is_protected_unless_named(void **state)
{
    (void)state;
    static const struct wire_msg_sandbox_entry entries[] = {
        ENTRY(ROOT, READ), ENTRY(PROJECT_ROOTS, WRITE), SUB(".git", WRITE)};
    static const struct fact rows[] = {
        {"/w/.git", "/w/.git", NULL, RUN_PLACE_DIRECTORY},
        {"/w/.aws", "/w/.aws", NULL, RUN_PLACE_DIRECTORY},
        {"/w/.codex", "/elsewhere", "/w", RUN_PLACE_DIRECTORY}, /* a link that nobody named */
    };
    struct run_permissions *permissions = resolve(entries, COUNT(entries), rows, COUNT(rows));
    assert_non_null(permissions);
    check(permissions, "/w/.git/config", RUN_ACCESS_WRITE);
    check(permissions, "/w/.aws/key", RUN_ACCESS_READ);
    check(permissions, "/elsewhere", RUN_ACCESS_READ);
    run_permissions_free(permissions);
}

static void test_what_is_missing(void **state)
{
    (void)state;
    static const struct wire_msg_sandbox_entry entries[] = {
        ENTRY(ROOT, READ), ENTRY(PROJECT_ROOTS, WRITE), AT("/gone", WRITE), AT("/w/later/on", DENY),
        AT("/usr/none", READ)};
    static const struct fact rows[] = {
        {"/gone", "/gone", NULL, RUN_PLACE_NOTHING},
        {"/w/later/on", "/w/later", NULL, RUN_PLACE_NOTHING},
        {"/usr/none", "/usr/none", NULL, RUN_PLACE_NOTHING},
    };
    struct run_permissions *permissions = resolve(entries, COUNT(entries), rows, COUNT(rows));
    assert_non_null(permissions);
    assert_int_equal(permissions->count, 3);
    assert_string_equal(permissions->grants[2].path, "/w/later");
    assert_true(permissions->grants[2].is_missing);
    check(permissions, "/gone/x", RUN_ACCESS_READ);
    check(permissions, "/w/later/on", RUN_ACCESS_NONE);
    run_permissions_free(permissions);
}

static void test_links(void **state)
{
    (void)state;
    static const struct wire_msg_sandbox_entry entries[] = {
        ENTRY(ROOT, READ), ENTRY(PROJECT_ROOTS, WRITE), SUB(".git", READ)};
    static const struct wire_msg_sandbox_entry in_tmp[] = {
        ENTRY(ROOT, READ), ENTRY(PROJECT_ROOTS, WRITE), ENTRY(SLASH_TMP, WRITE)};
    /* The root is a link in a safe place. */
    static const struct fact safe[] = {
        {"/w", "/real", "/", RUN_PLACE_DIRECTORY},
        {"/w/.git", "/real/.git", "/", RUN_PLACE_DIRECTORY},
    };
    /* What is to be protected is a link in the place that may be written. */
    static const struct fact inside[] = {{"/w/.git", "/real/.git", "/w", RUN_PLACE_DIRECTORY}};
    static const struct fact dangling[] = {{"/w/.git", "/w/no", "/w", RUN_PLACE_NOTHING}};
    /* A root that another run of a program could have made lead elsewhere. */
    static const struct fact moved[] = {{"/w", "/home", "/tmp", RUN_PLACE_DIRECTORY}};
    static const struct fact within[] = {{"/w", "/tmp/w", "/tmp", RUN_PLACE_DIRECTORY}};
    struct run_permissions *permissions = resolve(entries, COUNT(entries), safe, COUNT(safe));
    assert_non_null(permissions);
    check(permissions, "/real/a", RUN_ACCESS_WRITE);
    check(permissions, "/real/.git/a", RUN_ACCESS_READ);
    check(permissions, "/w/a", RUN_ACCESS_READ);
    run_permissions_free(permissions);
    assert_null(resolve(entries, COUNT(entries), inside, 1));
    assert_null(resolve(entries, COUNT(entries), dangling, 1));
    assert_null(resolve(in_tmp, COUNT(in_tmp), moved, 1));
    permissions = resolve(in_tmp, COUNT(in_tmp), within, 1);
    assert_non_null(permissions);
    run_permissions_free(permissions);
}

static void test_what_is_refused(void **state)
{
    (void)state;
    static const struct wire_msg_sandbox_entry parent[] = {AT("/w/../etc", WRITE)};
    static const struct wire_msg_sandbox_entry broken[] = {AT("/broken", WRITE)};
    static const struct fact rows[] = {{"/broken", NULL, NULL, RUN_PLACE_NOTHING}};
    struct run_why why;
    assert_null(make(parent, 1, &why));
    assert_string_equal(why.text, "a path must be absolute and without `..`: /w/../etc");
    assert_null(resolve(broken, 1, rows, 1));
}

static void test_everything(void **state)
{
    (void)state;
    const struct wire_msg_sandbox sandbox = {.is_unrestricted = true, .has_network = true};
    const struct run_permissions_asked asked = {.sandbox = &sandbox};
    struct run_why why;
    struct run_permissions *permissions = run_permissions_new(&asked, &why);
    assert_non_null(permissions);
    assert_true(permissions->has_network);
    assert_int_equal(run_permissions_resolve(permissions, look_up, &why), 0);
    check(permissions, "/etc", RUN_ACCESS_WRITE);
    run_permissions_free(permissions);
}

static void test_containment(void **state)
{
    (void)state;
    assert_true(run_path_is_in("/a", "/a"));
    assert_true(run_path_is_in("/a/b", "/a"));
    assert_true(run_path_is_in("/a", "/"));
    assert_false(run_path_is_in("/ab", "/a"));
    assert_false(run_path_is_in("/", "/a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_workspace_write),
        cmocka_unit_test(test_order_and_precedence),
        cmocka_unit_test(test_metadata_is_protected_unless_named),
        cmocka_unit_test(test_what_is_missing),
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_everything),
        cmocka_unit_test(test_containment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
