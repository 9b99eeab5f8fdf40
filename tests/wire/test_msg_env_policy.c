/*
 * The environment: each step of a policy alone and all together, both platforms, globs against a
 * plain recursive matcher, and random environments against a plain search.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/wire/support_case.h"
#include "tests/wire/support_random.h"
#include "wire/http_grammar.h"
#include "wire/msg_env_policy.h"

/* Splits text at spaces into items, which end with NULL. Everything is freed by free_items. */
static size_t split(const char *text, const char **items)
{
    size_t count = 0;
    while (*text) {
        size_t size = strcspn(text, " ");
        char *item = malloc(size + 1);
        assert_non_null(item);
        memcpy(item, text, size);
        item[size] = 0;
        items[count++] = item;
        text += size + (text[size] == ' ');
    }
    items[count] = NULL;
    return count;
}

static void free_items(const char **items)
{
    for (size_t i = 0; items[i]; i++) {
        free((void *)(uintptr_t)items[i]);
    }
}

static size_t split_pairs(const char *text, struct wire_msg_pair *pairs)
{
    const char *items[32];
    size_t count = split(text, items);
    for (size_t i = 0; i < count; i++) {
        char *item = (char *)(uintptr_t)items[i];
        char *equals = strchr(item, '=');
        assert_non_null(equals);
        *equals = 0;
        pairs[i] = (struct wire_msg_pair){item, equals + 1};
    }
    return count;
}

static void free_pairs(struct wire_msg_pair *pairs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free((void *)(uintptr_t)pairs[i].name);
    }
}

/* What a row asks for; NULL means empty. */
struct row {
    const char *about;
    bool is_present;
    bool is_windows;
    enum wire_msg_env_inherit inherit;
    bool ignores;
    const char *server;
    const char *exclude;
    const char *set;
    const char *include;
    const char *env;
    const char *expected;
};

#define ALL  WIRE_MSG_INHERIT_ALL
#define CORE WIRE_MSG_INHERIT_CORE
#define NONE WIRE_MSG_INHERIT_NONE

static const struct row rows[] = {
    {.about = "no policy: env alone",
     .server = "A=1",
     .set = "S=1",
     .env = "X=y Z=",
     .expected = "X=y Z="},
    {.about = "no policy on Windows adds no PATHEXT",
     .is_windows = true,
     .env = "X=y",
     .expected = "X=y"},
    {.about = "nothing at all",
     .is_present = true,
     .inherit = NONE,
     .server = "A=1",
     .expected = ""},
    {.about = "all",
     .is_present = true,
     .inherit = ALL,
     .server = "A=1 PATH=/bin B=x=y",
     .expected = "A=1 PATH=/bin B=x=y"},
    {.about = "no variables",
     .is_present = true,
     .inherit = ALL,
     .server = "A =C:=x =",
     .expected = ""},
    {.about = "the first of two is what programs see",
     .is_present = true,
     .inherit = ALL,
     .server = "A=1 A=2",
     .expected = "A=1"},
    {.about = "core",
     .is_present = true,
     .inherit = CORE,
     .server = "PATH=p SHELL=s TMPDIR=t TEMP=t TMP=t HOME=h LANG=l LC_ALL=a LC_CTYPE=c LOGNAME=n "
               "USER=u OTHER=o LC_TIME=x",
     .expected = "PATH=p SHELL=s TMPDIR=t TEMP=t TMP=t HOME=h LANG=l LC_ALL=a LC_CTYPE=c LOGNAME=n "
                 "USER=u"},
    {.about = "core of Windows, without case",
     .is_present = true,
     .is_windows = true,
     .inherit = CORE,
     .server = "Path=p SystemRoot=r windir=w ProgramFiles(x86)=q PathExt=.X",
     .expected = "Path=p SystemRoot=r ProgramFiles(x86)=q PathExt=.X"},
    {.about = "what looks like a secret",
     .is_present = true,
     .inherit = ALL,
     .server = "A_KEY=1 keyring=2 My_Secret_X=3 TOKEN=4 TOKE=5 KE_Y=6",
     .expected = "TOKE=5 KE_Y=6"},
    {.about = "secrets asked for",
     .is_present = true,
     .inherit = ALL,
     .ignores = true,
     .server = "A_KEY=1 TOKEN=4",
     .expected = "A_KEY=1 TOKEN=4"},
    {.about = "exclude",
     .is_present = true,
     .inherit = ALL,
     .server = "AB=1 abc=2 B=3 XA=4",
     .exclude = "a* B",
     .expected = "XA=4"},
    {.about = "exclude comes before set",
     .is_present = true,
     .inherit = ALL,
     .server = "A=1",
     .exclude = "*",
     .set = "A=2 MY_TOKEN=3",
     .expected = "A=2 MY_TOKEN=3"},
    {.about = "set replaces",
     .is_present = true,
     .inherit = ALL,
     .server = "A=1 B=2",
     .set = "A=3 C=4",
     .expected = "A=3 B=2 C=4"},
    {.about = "includeOnly",
     .is_present = true,
     .inherit = ALL,
     .server = "PATH=1 B=2 LC_X=3",
     .set = "S=1 pAth2=4",
     .include = "path* lc_?",
     .expected = "PATH=1 LC_X=3 pAth2=4"},
    {.about = "env lies over everything",
     .is_present = true,
     .inherit = ALL,
     .server = "A=1 B=2 MY_KEY=3",
     .set = "S=1",
     .include = "A",
     .env = "B=9 MY_KEY=8 N=7",
     .expected = "A=1 B=9 MY_KEY=8 N=7"},
    {.about = "env replaces what is kept",
     .is_present = true,
     .inherit = ALL,
     .server = "A=1",
     .include = "A",
     .env = "A=2",
     .expected = "A=2"},
    {.about = "case matters",
     .is_present = true,
     .inherit = ALL,
     .server = "Path=1",
     .env = "PATH=2",
     .expected = "Path=1 PATH=2"},
    {.about = "case does not matter on Windows",
     .is_present = true,
     .is_windows = true,
     .inherit = ALL,
     .server = "Path=1 pathext=.P",
     .env = "PATH=2",
     .expected = "PATH=2 pathext=.P"},
    {.about = "PATHEXT where it is missing",
     .is_present = true,
     .is_windows = true,
     .inherit = NONE,
     .env = "A=1",
     .expected = "A=1 PATHEXT=.COM;.EXE;.BAT;.CMD"},
    {.about = "PATHEXT where includeOnly dropped it",
     .is_present = true,
     .is_windows = true,
     .inherit = ALL,
     .server = "PATHEXT=.X A=1",
     .include = "A",
     .expected = "A=1 PATHEXT=.COM;.EXE;.BAT;.CMD"},
    {.about = "PATHEXT from env",
     .is_present = true,
     .is_windows = true,
     .inherit = NONE,
     .env = "PathExt=.Y",
     .expected = "PathExt=.Y"},
    {.about = "the client seen",
     .is_present = true,
     .inherit = ALL,
     .ignores = true,
     .server = "CODEX_VERSION=old PATH=/bin API_KEY=k",
     .exclude = "CODEX_VERSION CODEX_X",
     .env = "CODEX_VERSION=0.169.0 TERM=dumb",
     .expected = "PATH=/bin API_KEY=k CODEX_VERSION=0.169.0 TERM=dumb"},
};

/* Builds in an arena of exactly the promised size; the result as one text. */
static char *build(const struct wire_msg_env_request *request, size_t *out_count)
{
    struct support_bytes text = {0};
    struct wire_msg_arena arena;
    size_t size = wire_msg_env_bytes(request);
    void *memory = malloc(size);
    assert_non_null(memory);
    wire_msg_arena_init(&arena, memory, size);
    const char *const *items = wire_msg_env_build(request, &arena, out_count);
    assert_non_null(items);
    for (size_t i = 0; items[i]; i++) {
        support_bytes_format(&text, "%s%s", i ? " " : "", items[i]);
        assert_true(i < *out_count);
    }
    assert_null(items[*out_count]);
    (void)support_bytes_text(&text);
    free(memory);
    return (char *)text.data;
}

static void check_row(const struct row *row)
{
    const char *server[32];
    const char *exclude[32];
    const char *include[32];
    struct wire_msg_pair set[32];
    struct wire_msg_pair env[32];
    size_t count;
    split(row->server ? row->server : "", server);
    size_t exclude_count = split(row->exclude ? row->exclude : "", exclude);
    size_t include_count = split(row->include ? row->include : "", include);
    size_t set_count = split_pairs(row->set ? row->set : "", set);
    size_t env_count = split_pairs(row->env ? row->env : "", env);
    struct wire_msg_env_policy policy = {
        .is_present = row->is_present,
        .inherit = row->inherit,
        .ignores_default_excludes = row->ignores,
        .exclude = {exclude, exclude_count},
        .set = {set, set_count},
        .include_only = {include, include_count},
    };
    struct wire_msg_pairs pairs = {env, env_count};
    struct wire_msg_env_request request = {
        .policy = &policy,
        .env = &pairs,
        .server = server,
        .platform = row->is_windows ? &wire_msg_env_windows : &wire_msg_env_posix,
    };
    char *text = build(&request, &count);
    if (strcmp(text, row->expected) != 0) {
        fail_msg("%s: gives [%s], not [%s]", row->about, text, row->expected);
    }
    free(text);
    free_items(server);
    free_items(exclude);
    free_items(include);
    free_pairs(set, set_count);
    free_pairs(env, env_count);
}

static void test_msg_env_policy_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        check_row(&rows[i]);
    }
}

/* The matcher as one would explain it. */
static bool matches(const char *glob, const char *name)
{
    if (*glob == 0) {
        return *name == 0;
    }
    if (*glob == '*') {
        return matches(glob + 1, name) || (*name && matches(glob, name + 1));
    }
    if (*name == 0) {
        return false;
    }
    return (*glob == '?' || wire_http_lower((uint8_t)*glob) == wire_http_lower((uint8_t)*name)) &&
           matches(glob + 1, name + 1);
}

static void fill_text(struct support_random *random, const char *alphabet, char *out, size_t most)
{
    size_t size = support_random_below(random, most + 1);
    for (size_t i = 0; i < size; i++) {
        out[i] = alphabet[support_random_below(random, strlen(alphabet))];
    }
    out[size] = 0;
}

static void test_msg_env_policy_globs(void **state)
{
    struct support_random random = support_random_start();
    (void)state;
    for (int i = 0; i < 200000; i++) {
        char glob[9];
        char name[9];
        fill_text(&random, "aAb**?", glob, 8);
        fill_text(&random, "aAbB", name, 8);
        if (wire_msg_env_match(glob, name, strlen(name)) != matches(glob, name)) {
            fail_msg("%s against %s", glob, name);
        }
    }
    assert_true(wire_msg_env_match("a?b",
                                   "a\xc3\xa9"
                                   "b",
                                   4));
    assert_false(wire_msg_env_match("a??b",
                                    "a\xc3\xa9"
                                    "b",
                                    4));
    assert_true(wire_msg_env_match("", "", 0));
    assert_true(wire_msg_env_match("AB", "ABC", 2)); /* the size counts, not a NUL */
}

/* A glob that makes naive matchers slow. */
static void test_msg_env_policy_glob_is_not_exponential(void **state)
{
    char glob[201];
    char name[2001];
    (void)state;
    for (size_t i = 0; i < 200; i += 2) {
        memcpy(glob + i, "*a", 2);
    }
    glob[199] = 'b';
    glob[200] = 0;
    memset(name, 'a', 2000);
    name[2000] = 0;
    assert_false(wire_msg_env_match(glob, name, 2000));
}

/* Many variables of few names; the last that says it wins, by a plain search. */
static void test_msg_env_policy_random(void **state)
{
    enum { COUNT = 300 };
    static char texts[COUNT][8];
    static struct wire_msg_pair env[COUNT];
    struct support_random random = support_random_start();
    (void)state;
    for (int round = 0; round < 50; round++) {
        const char *server[COUNT + 1];
        size_t count;
        size_t half = support_random_below(&random, COUNT);
        for (size_t i = 0; i < COUNT; i++) {
            const char *equals = i < half ? "=s" : "";
            snprintf(texts[i], sizeof texts[i], "V%zu%s", support_random_below(&random, 200),
                     equals);
            env[i] = (struct wire_msg_pair){texts[i], "e"};
            server[i] = texts[i];
        }
        server[half] = NULL;
        struct wire_msg_env_policy policy = {.is_present = true, .inherit = ALL};
        struct wire_msg_pairs pairs = {env + half, COUNT - half};
        struct wire_msg_env_request request = {&policy, &pairs, server, &wire_msg_env_posix};
        char *text = build(&request, &count);
        size_t names = 0;
        for (size_t name = 0; name < 200; name++) {
            char from_env[16];
            char from_server[16];
            bool in_env = false;
            bool in_server = false;
            snprintf(from_env, sizeof from_env, "V%zu", name);
            snprintf(from_server, sizeof from_server, "V%zu=s", name);
            for (size_t i = 0; i < COUNT; i++) {
                in_server = in_server || (i < half && strcmp(texts[i], from_server) == 0);
                in_env = in_env || (i >= half && strcmp(texts[i], from_env) == 0);
            }
            names += in_env || in_server;
            char line[16];
            snprintf(line, sizeof line, "V%zu=%c", name, in_env ? 'e' : 's');
            char *found = strstr(text, line);
            assert_int_equal(found != NULL, in_env || in_server);
        }
        assert_int_equal(count, names);
        free(text);
    }
}

/* Less memory than promised is refused, and nothing is written outside of it. */
static void test_msg_env_policy_memory(void **state)
{
    const char *server[] = {"A=1", "B=2", NULL};
    struct wire_msg_pair pair = {"C", "3"};
    struct wire_msg_pairs pairs = {&pair, 1};
    struct wire_msg_env_policy policy = {.is_present = true, .inherit = ALL, .set = pairs};
    struct wire_msg_env_request request = {&policy, &pairs, server, &wire_msg_env_windows};
    size_t needed = 0;
    (void)state;
    for (size_t capacity = 0; needed == 0; capacity++) {
        struct wire_msg_arena arena;
        void *memory = malloc(capacity > 0 ? capacity : 1);
        wire_msg_arena_init(&arena, memory, capacity);
        if (wire_msg_env_build(&request, &arena, NULL)) {
            needed = capacity;
        }
        free(memory);
    }
    assert_in_range(needed, 100, wire_msg_env_bytes(&request));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_msg_env_policy_rows),
        cmocka_unit_test(test_msg_env_policy_globs),
        cmocka_unit_test(test_msg_env_policy_glob_is_not_exponential),
        cmocka_unit_test(test_msg_env_policy_random),
        cmocka_unit_test(test_msg_env_policy_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
