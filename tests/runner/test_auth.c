/* Tokens, token files and Host headers. */
#include "runner/auth.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define TOKEN "0123456789abcdef"

static struct run_auth auth_for(const char *token)
{
    struct run_auth auth = {.token_required = true};
    run_sha256(token, strlen(token), auth.token_digest);
    return auth;
}

static bool token_passes(const struct run_auth *auth, const char *header)
{
    return run_auth_check_token(auth, header, strlen(header));
}

static void test_auth_token_is_taken_in_its_one_form(void **state)
{
    (void)state;
    struct run_auth auth = auth_for(TOKEN);
    assert_true(token_passes(&auth, "Bearer " TOKEN));
    assert_true(token_passes(&auth, "bearer " TOKEN));
    assert_true(token_passes(&auth, "BEARER " TOKEN));
}

static void test_auth_token_is_refused_in_all_others(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "",
        "Bearer",
        "Bearer ",
        TOKEN,
        " Bearer " TOKEN,
        "Bearer  " TOKEN,
        "Bearer\t" TOKEN,
        "Bearer" TOKEN,
        "Bearer: " TOKEN,
        "Bearer " TOKEN " ",
        "Bearer " TOKEN "\n",
        "Bearer " TOKEN "0",
        "Bearer 0123456789abcde",
        "Bearer 0123456789abcdeF",
        "Bearer \"" TOKEN "\"",
        "Bearer " TOKEN ", Bearer " TOKEN,
        "Basic " TOKEN,
        "Bearef " TOKEN,
        "Bearer x" TOKEN,
    };
    struct run_auth auth = auth_for(TOKEN);
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        if (token_passes(&auth, headers[i]))
            fail_msg("`%s`", headers[i]);
    }
    assert_false(run_auth_check_token(&auth, NULL, 0));
    assert_false(run_auth_check_token(&auth, "Bearer " TOKEN "\0", strlen("Bearer " TOKEN) + 1));
}

static void test_auth_token_is_not_asked_for_when_none_is_set(void **state)
{
    (void)state;
    struct run_auth auth = {.token_required = false};
    assert_true(run_auth_check_token(&auth, NULL, 0));
    assert_true(token_passes(&auth, "Basic x"));
}

/* A digest given on the command line may be of anything; only a token of valid form is hashed. */
static void test_auth_token_has_a_longest_and_a_shortest_length(void **state)
{
    (void)state;
    static char header[8 + RUN_TOKEN_MAX_BYTES + 2] = "Bearer ";
    memset(header + 7, 'x', RUN_TOKEN_MAX_BYTES);
    struct run_auth auth = auth_for(header + 7);
    assert_true(token_passes(&auth, header));
    header[7 + RUN_TOKEN_MAX_BYTES] = 'x';
    auth = auth_for(header + 7);
    assert_false(token_passes(&auth, header));
    auth = auth_for("short");
    assert_false(token_passes(&auth, "Bearer short"));
}

static void test_auth_host(void **state)
{
    (void)state;
    static const char *const names[] = {"build.example", "x"};
    const struct run_auth_hosts hosts = {.names = names, .count = 2};
    static const char *const good[] = {
        "127.0.0.1",         "127.0.0.1:80",  "10.1.2.3:65535",  "[::1]",
        "[::1]:1",           "[2001:db8::1]", "localhost",       "localhost:0",
        "LocalHost:8080",    "build.example", "BUILD.Example:9", "x",
        "[::ffff:1.2.3.4]:5"};
    static const char *const bad[] = {
        "",
        ":80",
        "evil.example",
        "localhost.",
        "localhost.evil.example",
        "evil.localhost",
        "localhost:",
        "localhost:x",
        "localhost:65536",
        "localhost:000080",
        "localhost:80:80",
        "localhost ",
        " localhost",
        "localhost/",
        "localhost@evil.example",
        "user@localhost",
        "127.0.0.1.evil.example",
        "127.0.0.1.",
        "127.1",
        "127.0.0.01",
        "0x7f.0.0.1",
        "2130706433",
        "127.0.0.256",
        "127.0.0.1:80x",
        "::1",
        "::1:80",
        "[::1",
        "[::1]80",
        "[::1]x:80",
        "[]",
        "[]:80",
        "[",
        "]",
        "[127.0.0.1]",
        "[localhost]",
        "[::1%25lo]",
        "[::1]:",
        "build.example.",
        "build.exampl",
        "build.examplee",
        "xx",
        "x.build.example",
        "localhost,localhost",
        "xn--localhost",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        if (!run_auth_check_host(&hosts, good[i], strlen(good[i])))
            fail_msg("`%s`", good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (run_auth_check_host(&hosts, bad[i], strlen(bad[i])))
            fail_msg("`%s`", bad[i]);
    }
    assert_false(run_auth_check_host(&hosts, NULL, 0));
    assert_false(run_auth_check_host(&hosts, "localhost\0", 10));
    assert_false(run_auth_check_host(&hosts, "localhost\0evil", 14));
    /* The length counts, not what stands behind it. */
    assert_true(run_auth_check_host(&hosts, "localhost.evil", 9));
}

/* ---- token files ---- */

struct file_fixture {
    char directory[64];
    char path[96];
};

static int set_up(void **state)
{
    static struct file_fixture fixture;
    (void)snprintf(fixture.directory, sizeof fixture.directory, "/tmp/execport-auth-XXXXXX");
    if (!mkdtemp(fixture.directory))
        return -1;
    (void)snprintf(fixture.path, sizeof fixture.path, "%s/token", fixture.directory);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct file_fixture *fixture = *state;
    (void)unlink(fixture->path);
    return rmdir(fixture->directory);
}

static void write_file(const char *path, const char *bytes, size_t size, mode_t mode)
{
    (void)unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), size);
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(close(fd), 0);
}

static void assert_loads(const struct file_fixture *fixture, const char *bytes)
{
    struct run_auth auth = {.token_required = false};
    struct run_why why = {""};
    write_file(fixture->path, bytes, strlen(bytes), 0600);
    if (run_auth_load_token(fixture->path, &auth, &why) != 0)
        fail_msg("%s", why.text);
    assert_true(auth.token_required);
    assert_true(token_passes(&auth, "Bearer " TOKEN));
}

static void assert_not_loaded(const struct file_fixture *fixture, const char *wanted)
{
    struct run_auth auth = {.token_required = false};
    struct run_why why = {""};
    assert_int_equal(run_auth_load_token(fixture->path, &auth, &why), -1);
    assert_false(auth.token_required);
    assert_non_null(strstr(why.text, fixture->path));
    if (!strstr(why.text, wanted))
        fail_msg("%s", why.text);
    assert_null(strstr(why.text, TOKEN));
}

static void test_auth_file_with_and_without_newline(void **state)
{
    assert_loads(*state, TOKEN);
    assert_loads(*state, TOKEN "\n");
    assert_loads(*state, TOKEN "\r\n");
}

static void test_auth_file_open_to_others_is_refused(void **state)
{
    static const mode_t modes[] = {0640, 0604, 0660, 0602, 0601, 0610, 0644};
    const struct file_fixture *fixture = *state;
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        write_file(fixture->path, TOKEN, strlen(TOKEN), modes[i]);
        assert_not_loaded(fixture, "chmod 600");
    }
}

static void test_auth_file_with_a_bad_token_is_refused(void **state)
{
    const struct file_fixture *fixture = *state;
    static const char *const bad[] = {"0123456789 abcdef",      (TOKEN "\n\n"),
                                      (TOKEN "\n" TOKEN),       "0123456789abcde\x01",
                                      "0123456789abcd\xc3\xa9", (" " TOKEN)};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_file(fixture->path, bad[i], strlen(bad[i]), 0600);
        assert_not_loaded(fixture, "a byte that no token may have");
    }
    write_file(fixture->path, TOKEN "\0", strlen(TOKEN) + 1, 0600);
    assert_not_loaded(fixture, "a byte that no token may have");
}

static void test_auth_file_token_length_is_bounded(void **state)
{
    const struct file_fixture *fixture = *state;
    static char bytes[2 * RUN_TOKEN_MAX_BYTES];
    struct run_auth auth;
    memset(bytes, 'x', sizeof bytes);
    write_file(fixture->path, "", 0, 0600);
    assert_not_loaded(fixture, "less than 16 characters");
    write_file(fixture->path, bytes, RUN_TOKEN_MIN_BYTES - 1, 0600);
    assert_not_loaded(fixture, "less than 16 characters");
    write_file(fixture->path, bytes, RUN_TOKEN_MAX_BYTES, 0600);
    assert_int_equal(run_auth_load_token(fixture->path, &auth, NULL), 0);
    write_file(fixture->path, bytes, RUN_TOKEN_MAX_BYTES + 1, 0600);
    assert_not_loaded(fixture, "more than 4096 characters");
    write_file(fixture->path, bytes, sizeof bytes, 0600);
    assert_not_loaded(fixture, "more than 4096 characters");
}

static void test_auth_file_must_be_a_regular_file(void **state)
{
    const struct file_fixture *fixture = *state;
    (void)unlink(fixture->path);
    assert_not_loaded(fixture, "cannot be opened: No such file");
    assert_int_equal(mkfifo(fixture->path, 0600), 0);
    assert_not_loaded(fixture, "not a regular file");
    assert_int_equal(unlink(fixture->path), 0);
    assert_int_equal(symlink(fixture->directory, fixture->path), 0);
    assert_not_loaded(fixture, "not a regular file");
    assert_int_equal(unlink(fixture->path), 0);
}

static void test_auth_file_of_another_user_is_refused(void **state)
{
    const struct file_fixture *fixture = *state;
    if (geteuid() != 0)
        skip(); /* only root can give a file away */
    write_file(fixture->path, TOKEN, strlen(TOKEN), 0600);
    assert_int_equal(chown(fixture->path, 65534, (gid_t)-1), 0);
    assert_not_loaded(fixture, "belongs to another user");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_auth_token_is_taken_in_its_one_form),
        cmocka_unit_test(test_auth_token_is_refused_in_all_others),
        cmocka_unit_test(test_auth_token_is_not_asked_for_when_none_is_set),
        cmocka_unit_test(test_auth_token_has_a_longest_and_a_shortest_length),
        cmocka_unit_test(test_auth_host),
        cmocka_unit_test_setup_teardown(test_auth_file_with_and_without_newline, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_auth_file_open_to_others_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_auth_file_with_a_bad_token_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_auth_file_token_length_is_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_auth_file_must_be_a_regular_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_auth_file_of_another_user_is_refused, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
