/*
 * The member `sandbox`: what real clients send, every word of it that is known, and that nothing
 * that is not known is overheard.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/wire/support_msg.h"
#include "wire/msg_sandbox.h"

#define SPECIAL(kind, access)                                                                      \
    "{\"path\":{\"type\":\"special\",\"value\":{\"kind\":\"" kind "\"}},\"access\":\"" access "\"" \
    "}"
#define SUBPATH(path)                                                                              \
    "{\"path\":{\"type\":\"special\",\"value\":{\"kind\":\"project_roots\",\"subpath\":\"" path    \
    "\"}},\"access\":\"read\",\"missing_path_behavior\":\"skip\"}"
#define PATH(path, access)                                                                         \
    "{\"path\":{\"type\":\"path\",\"path\":\"" path "\"},\"access\":\"" access "\"}"
#define FILES(entries) "{\"type\":\"restricted\",\"entries\":[" entries "]}"
#define MANAGED(files, network)                                                                    \
    "{\"type\":\"managed\",\"file_system\":" files ",\"network\":\"" network "\"}"
#define SANDBOX(permissions) "{\"permissions\":" permissions ",\"cwd\":\"file:///w\"}"
#define ENTRIES(entries)     SANDBOX(MANAGED(FILES(entries), "restricted"))

static void start(struct support_msg *msg, const char *json)
{
    support_msg_start(msg, json, strlen(json));
}

static void test_workspace_write_of_the_cli(void **state)
{
    (void)state;
    static const char json[] = "{\"permissions\":" MANAGED(
        FILES(SPECIAL("root", "read") "," SPECIAL("project_roots", "write") "," SPECIAL(
            "slash_tmp",
            "write") "," SPECIAL("tmpdir",
                                 "write") "," SUBPATH(".git") "," PATH("file:///a%20b/%C3%A9",
                                                                       "write")),
        "restricted") ",\"cwd\":\"file:///srv/repo\",\"workspaceRoots\":[\"file:///srv/repo\","
                      "\"/plain\"],\"windowsSandboxLevel\":\"disabled\","
                      "\"windowsSandboxProxySettingsMode\":\"reconcile\","
                      "\"useLegacyLandlock\":false}";
    static const enum wire_msg_sandbox_kind kinds[] = {
        WIRE_MSG_SANDBOX_ROOT,   WIRE_MSG_SANDBOX_PROJECT_ROOTS, WIRE_MSG_SANDBOX_SLASH_TMP,
        WIRE_MSG_SANDBOX_TMPDIR, WIRE_MSG_SANDBOX_PROJECT_ROOTS, WIRE_MSG_SANDBOX_PATH};
    struct support_msg msg;
    struct wire_msg_sandbox out;
    start(&msg, json);
    assert_int_equal(wire_msg_sandbox_parse(&msg.parser, msg.span, &out), 0);
    assert_int_equal(out.type, WIRE_MSG_SANDBOX_MANAGED);
    assert_false(out.has_network);
    assert_false(out.is_unrestricted);
    assert_string_equal(out.cwd, "/srv/repo");
    assert_int_equal(out.entry_count, 6);
    for (size_t i = 0; i < out.entry_count; i++) {
        assert_int_equal(out.entries[i].kind, kinds[i]);
        bool writes = i != 0 && i != 4;
        assert_int_equal(out.entries[i].access,
                         writes ? WIRE_MSG_SANDBOX_WRITE : WIRE_MSG_SANDBOX_READ);
    }
    assert_string_equal(out.entries[4].subpath, ".git");
    assert_null(out.entries[1].subpath);
    assert_string_equal(out.entries[5].path, "/a b/\xC3\xA9");
    assert_int_equal(out.roots.count, 2);
    assert_string_equal(out.roots.items[0], "/plain");
    assert_string_equal(out.roots.items[1], "/srv/repo");
    assert_null(out.roots.items[2]);
    support_msg_stop(&msg);
}

static void check_flags(const char *json, enum wire_msg_sandbox_type type, bool unrestricted,
                        bool network)
{
    struct support_msg msg;
    struct wire_msg_sandbox out;
    start(&msg, json);
    assert_int_equal(wire_msg_sandbox_parse(&msg.parser, msg.span, &out), 0);
    assert_int_equal(out.type, type);
    assert_int_equal(out.is_unrestricted, unrestricted);
    assert_int_equal(out.has_network, network);
    support_msg_stop(&msg);
}

static void test_forms(void **state)
{
    (void)state;
    check_flags(SANDBOX(MANAGED("{\"type\":\"unrestricted\"}", "enabled")),
                WIRE_MSG_SANDBOX_MANAGED, true, true);
    check_flags(SANDBOX(MANAGED(FILES(""), "enabled")), WIRE_MSG_SANDBOX_MANAGED, false, true);
    check_flags(SANDBOX("{\"type\":\"disabled\"}"), WIRE_MSG_SANDBOX_DISABLED, false, false);
    /* What a later client may add and does not use. */
    check_flags("{\"permissions\":" MANAGED(
                    FILES(""), "restricted") ",\"workspaceRoots\":null,\"later\":null,\"more\":"
                                             "false}",
                WIRE_MSG_SANDBOX_MANAGED, false, false);
}

static int parse(struct wire_msg_parser *parser, struct wire_span json)
{
    struct wire_msg_sandbox out;
    return wire_msg_sandbox_parse(parser, json, &out);
}

static void test_nothing_is_overheard(void **state)
{
    (void)state;
    static const struct support_refusal rows[] = {
        {parse, "\"read-only\"", "it is no object"},
        {parse, "{}", "missing field `permissions`"},
        {parse, "{\"permissions\":{\"type\":\"external\",\"network\":\"enabled\"}}",
         "unknown value for `permissions.type`: expected `managed` or `disabled`"},
        {parse, "{\"permissions\":{\"type\":\"managed\",\"network\":\"enabled\"}}",
         "managed permissions must have `file_system` and `network`"},
        {parse,
         "{\"permissions\":{\"type\":\"managed\",\"file_system\":{\"type\":\"restricted\"}}}",
         "`file_system` must have `entries` if it is restricted, and none otherwise"},
        {parse, "{\"permissions\":{\"type\":\"disabled\",\"network\":\"restricted\"}}",
         "disabled permissions must have nothing but their type"},
        {parse, SANDBOX(MANAGED("{\"type\":\"unrestricted\",\"entries\":[]}", "enabled")),
         "`file_system` must have `entries` if it is restricted, and none otherwise"},
        {parse, SANDBOX(MANAGED(FILES(""), "proxied")),
         "unknown value for `permissions.network`: expected `restricted` or `enabled`"},
        {parse, SANDBOX("{\"type\":\"managed\",\"network\":{}}"),
         "invalid type for `permissions.network`: expected a string"},
        {parse, "{\"permissions\":{\"type\":\"disabled\"},\"seccomp\":{}}",
         "unknown member `seccomp`"},
        {parse, "{\"permissions\":{\"type\":\"disabled\",\"x\\u0041\":1}}",
         "unknown member `permissions.x\\u0041`"},
        {parse,
         SANDBOX(MANAGED("{\"type\":\"restricted\",\"entries\":[],"
                         "\"glob_scan_max_depth\":3}",
                         "enabled")),
         "unknown member `file_system.glob_scan_max_depth`"},
        {parse, "{\"permissions\":{\"type\":\"disabled\"},\"useLegacyLandlock\":true}",
         "`useLegacyLandlock` is not supported"},
    };
    support_msg_refusals(rows, sizeof rows / sizeof rows[0]);
}

static void test_entries_are_strict(void **state)
{
    (void)state;
    static const struct support_refusal rows[] = {
        {parse, ENTRIES("1"), "invalid type for `file_system.entries`: expected an object"},
        {parse, ENTRIES("{}"), "missing field `entries.path`"},
        {parse, ENTRIES(SPECIAL("minimal", "read")),
         "unknown value for `entries.path.value.kind`: "},
        {parse, ENTRIES(SPECIAL("unknown", "read")),
         "unknown value for `entries.path.value.kind`: "},
        {parse, ENTRIES(SPECIAL("root", "execute")),
         "unknown value for `entries.access`: expected `read`, `write`, `deny` or `none`"},
        {parse,
         ENTRIES("{\"path\":{\"type\":\"glob_pattern\",\"pattern\":\"/*\"},\"access\":\"deny\"}"),
         "unknown value for `entries.path.type`: expected `path` or `special`"},
        {parse,
         ENTRIES("{\"path\":{\"type\":\"path\",\"path\":\"/a\",\"x\":1},\"access\":\"read\"}"),
         "unknown member `entries.path.x`"},
        {parse,
         ENTRIES("{\"path\":{\"type\":\"path\",\"path\":\"/a\"},\"access\":\"read\",\"x\":1}"),
         "unknown member `entries.x`"},
        {parse,
         ENTRIES("{\"path\":{\"type\":\"path\",\"path\":\"/a\"},\"access\":\"read\","
                 "\"missing_path_behavior\":\"create\"}"),
         "unknown value for `entries.missing_path_behavior`: expected `skip`"},
        {parse, ENTRIES(PATH("relative", "read")), "`entries.path.path` "},
        {parse, ENTRIES("{\"path\":{\"type\":\"path\"},\"access\":\"read\"}"),
         "an entry for a path must have `path` and no `value`"},
        {parse,
         ENTRIES("{\"path\":{\"type\":\"special\",\"path\":\"/a\",\"value\":{\"kind\":\"root\"}},"
                 "\"access\":\"read\"}"),
         "an entry for a special path must have `value` alone"},
        {parse, ENTRIES(SUBPATH("/etc")), "`subpath` must lie inside of the project root"},
        {parse, ENTRIES(SUBPATH("")), "`subpath` must lie inside of the project root"},
        {parse, ENTRIES(SUBPATH("a/../../b")), "`subpath` must lie inside of the project root"},
        {parse,
         ENTRIES(
             "{\"path\":{\"type\":\"special\",\"value\":{\"kind\":\"root\",\"subpath\":\"etc\"}},"
             "\"access\":\"write\"}"),
         "`subpath` is for project roots only"},
    };
    support_msg_refusals(rows, sizeof rows / sizeof rows[0]);
}

/* A list of count copies of element, in a sandbox. The caller frees it. */
static char *make_many(const char *before, const char *element, size_t count, const char *after)
{
    size_t size = strlen(before) + count * (strlen(element) + 1) + strlen(after) + 1;
    char *json = malloc(size);
    assert_non_null(json);
    size_t used = (size_t)sprintf(json, "%s", before);
    for (size_t i = 0; i < count; i++) {
        used += (size_t)sprintf(json + used, "%s%s", i > 0 ? "," : "", element);
    }
    (void)sprintf(json + used, "%s", after);
    return json;
}

static void check_many(char *json, const char *problem)
{
    struct support_msg msg;
    start(&msg, json);
    int error = parse(&msg.parser, msg.span);
    assert_int_equal(error, problem ? WIRE_MSG_ERR_PARAMS : 0);
    if (problem) {
        assert_string_equal(msg.parser.problem.text, problem);
    }
    support_msg_stop(&msg);
    free(json);
}

static void test_limits(void **state)
{
    (void)state;
    static const char before[] =
        "{\"permissions\":{\"type\":\"managed\",\"network\":\"enabled\",\"file_system\":{"
        "\"type\":\"restricted\",\"entries\":[";
    static const char roots[] = "{\"permissions\":{\"type\":\"disabled\"},\"workspaceRoots\":[";
    static const char entry[] = PATH("/", "read");
    check_many(make_many(before, entry, WIRE_MSG_SANDBOX_ENTRIES_MAX, "]}}}"), NULL);
    check_many(make_many(before, entry, WIRE_MSG_SANDBOX_ENTRIES_MAX + 1, "]}}}"),
               "`file_system.entries` has more than 256 elements");
    check_many(make_many(roots, "\"/\"", WIRE_MSG_SANDBOX_ROOTS_MAX, "]}"), NULL);
    check_many(make_many(roots, "\"/\"", WIRE_MSG_SANDBOX_ROOTS_MAX + 1, "]}"),
               "`workspaceRoots` has more than 64 elements");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_workspace_write_of_the_cli),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_nothing_is_overheard),
        cmocka_unit_test(test_entries_are_strict),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
