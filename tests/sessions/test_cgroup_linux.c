/*
 * Sessions in cgroups of their own, where the system lets us make them: nobody leaves the tree.
 * Where it does not, everything works without.
 */
#include "support.h"

#include <signal.h>
#include <unistd.h>

static struct sup_world world;
static const struct sess_host_options options = {.cgroup = SESS_CGROUP_ON};

/* Opens a world and starts one program. Whether it has a cgroup. */
static bool open_world(void)
{
    const char *argv[] = {"true", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    sup_open(&world, &options);
    struct sup_tap *tap = sup_run(&world, &spec);
    assert_int_equal(tap->result, 0);
    assert_int_equal(tap->exit_record.exit_code, 0);
    sup_free(tap);
    return sup_stats(&world).cgroups > 0;
}

/* The line of version 2 in what a process says of itself. */
static void test_cgroup_each_session_has_its_own(void **state)
{
    (void)state;
    const char *argv[] = {"/bin/cat", "/proc/self/cgroup", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_PIPES);
    char expected[64];
    bool available = open_world();
    struct sup_tap *tap = sup_run(&world, &spec);
    (void)snprintf(expected, sizeof(expected), "/execport-%ld/1\n", (long)getpid());
    bool inside = strstr(sup_text(tap, SESS_STDOUT), expected) != NULL;
    assert_int_equal(inside, available);
    sup_free(tap);
    sup_close(&world);
    if (!available)
        skip();
}

/* It has forked twice and left the session: a walk of the process table would not find it. */
static void test_cgroup_kills_daemons(void **state)
{
    (void)state;
    const char *argv[] = {"/bin/sh", "-c", CHILD("double_fork") " 0; exec " CHILD("wait"), NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    bool available = open_world();
    struct sup_tap *tap = sup_start(&world, &spec);
    int64_t daemon = sup_wait_number(tap, SESS_STDOUT, "daemon ");
    sup_wait_text(tap, SESS_STDOUT, "ready");
    assert_true(sup_is_alive(daemon));
    assert_true(sup_stop(tap, SESS_STOP_FORCE, 0));
    sup_free(tap);
    if (!available)
        (void)kill((pid_t)daemon, SIGKILL);
    sup_wait_dead(daemon);
    sup_close(&world);
    if (!available)
        skip();
}

static void test_cgroup_directories_are_used_again(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("exit_code"), "code", "3", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_TTY);
    bool available = open_world();
    for (int i = 0; i < 50; i++) {
        struct sup_tap *tap = sup_run(&world, &spec);
        assert_int_equal(tap->exit_record.exit_code, 3);
        sup_free(tap);
    }
    /* The exit is seen a little before the cgroup is empty, so now and then one more is made. */
    assert_true(sup_stats(&world).cgroups <= 10);
    sup_close(&world);
    if (!available)
        skip();
}

/* Somebody still lives in it: another one is taken; the end of the host leaves only that one. */
static void test_cgroup_in_use_is_not_used_again(void **state)
{
    (void)state;
    const char *daemon_argv[] = {CHILD("double_fork"), "0", NULL}, *argv[] = {"true", NULL};
    struct sess_spec daemon_spec = sup_spec(daemon_argv, SESS_STDIO_OUTPUT);
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    int64_t daemons[3];
    bool available = open_world();
    for (int i = 0; i < 3; i++) {
        struct sup_tap *tap = sup_run(&world, &daemon_spec);
        daemons[i] = sup_wait_number(tap, SESS_STDOUT, "daemon ");
        sup_free(tap);
    }
    for (int i = 0; i < 10; i++)
        sup_free(sup_run(&world, &spec));
    if (available)
        assert_true(sup_stats(&world).cgroups >= 4);
    for (int i = 0; i < 3; i++) {
        assert_true(sup_is_alive(daemons[i]));
        assert_int_equal(kill((pid_t)daemons[i], SIGKILL), 0);
        sup_wait_dead(daemons[i]);
    }
    sup_close(&world);
    if (!available)
        skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cgroup_each_session_has_its_own),
        cmocka_unit_test(test_cgroup_kills_daemons),
        cmocka_unit_test(test_cgroup_directories_are_used_again),
        cmocka_unit_test(test_cgroup_in_use_is_not_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
