/* Resources: measured from made-up hosts, and the arithmetic of ceilings and shortages. */
#include "runner/rlimit.h"
#include "tests/runner/support_process.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- a host of files ---- */

struct host {
    char root[64];
    char proc[80];
    char cgroup[80];
};

static void put(const char *base, const char *name, const char *text)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", base, name);
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0700);
        *slash = '/';
    }
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    static struct host host;
    (void)snprintf(host.root, sizeof host.root, "/tmp/execport-host-XXXXXX");
    if (!mkdtemp(host.root))
        return -1;
    (void)snprintf(host.proc, sizeof host.proc, "%s/proc", host.root);
    (void)snprintf(host.cgroup, sizeof host.cgroup, "%s/cgroup", host.root);
    put(host.proc, "sys/kernel/pty/max", "4096\n");
    put(host.proc, "sys/kernel/pty/nr", "6\n");
    put(host.proc, "sys/kernel/pid_max", "32768\n");
    put(host.proc, "sys/kernel/threads-max", "192730\n");
    put(host.proc, "loadavg", "0.02 0.13 0.09 1/94 6569\n");
    put(host.proc, "self/fd/0", "");
    put(host.proc, "self/fd/1", "");
    put(host.proc, "self/fd/2", "");
    put(host.proc, "self/fd/3", "");
    *state = &host;
    return 0;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

static int tear_down(void **state)
{
    struct host *host = *state;
    return nftw(host->root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static struct run_resources measure(const struct host *host)
{
    struct run_resources resources;
    const struct run_resource_roots roots = {.proc = host->proc, .cgroup = host->cgroup};
    run_resources_measure(&roots, &resources);
    return resources;
}

static void assert_pids(const struct host *host, const char *name, uint64_t limit, uint64_t used)
{
    struct run_resources r = measure(host);
    assert_non_null(strstr(r.pids.name, name));
    assert_int_equal(r.pids.limit, limit);
    assert_int_equal(r.pids.used, used);
}

static void test_rlimit_measures_descriptors_and_ptys(void **state)
{
    struct run_resources r = measure(*state);
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_string_equal(r.descriptors.name, "descriptors");
    assert_int_equal(r.descriptors.limit, limit.rlim_cur);
    assert_int_equal(r.descriptors.used, 3); /* one of the four is the reader's own */
    assert_string_equal(r.ptys.name, "ptys");
    assert_int_equal(r.ptys.limit, 4096);
    assert_int_equal(r.ptys.used, 6);
}

static void test_rlimit_takes_the_tightest_limit_on_processes(void **state)
{
    const struct host *host = *state;
    assert_pids(host, "kernel.pid_max", 32768, 94);
    put(host->proc, "sys/kernel/threads-max", "2000\n");
    assert_pids(host, "kernel.threads-max", 2000, 94);
    put(host->proc, "self/cgroup", "8:pids:/a/b\n4:memory:/x\n0::/c/d\n");
    put(host->cgroup, "pids/a/b/pids.max", "500\n");
    put(host->cgroup, "pids/a/b/pids.current", "10\n");
    assert_pids(host, "pids.max", 500, 10);
    put(host->cgroup, "pids/a/pids.max", "510\n");
    put(host->cgroup, "pids/a/pids.current", "300\n");
    assert_pids(host, "pids.max", 510, 300);
    put(host->cgroup, "unified/c/d/pids.max", "max\n");
    put(host->cgroup, "unified/c/pids.max", "100\n");
    assert_pids(host, "pids.max", 100, 0);
    put(host->cgroup, "c/d/pids.max", "30\n");
    put(host->cgroup, "c/d/pids.current", "29\n");
    assert_pids(host, "pids.max", 30, 29);
    put(host->cgroup, "c/pids.max", "20\n");
    put(host->cgroup, "c/pids.current", "25\n"); /* over its limit: nothing is left */
    assert_pids(host, "pids.max", 20, 25);
}

static void test_rlimit_what_cannot_be_measured_is_unlimited(void **state)
{
    const struct host *host = *state;
    const struct run_resource_roots roots = {.proc = "/nonexistent", .cgroup = host->cgroup};
    struct run_resources r;
    run_resources_measure(&roots, &r);
    assert_true(r.ptys.limit == UINT64_MAX && r.ptys.used == 0);
    assert_int_equal(r.descriptors.used, 0);
    if (geteuid() == 0)
        assert_true(r.pids.limit == UINT64_MAX);
}

static void test_rlimit_measures_this_host(void **state)
{
    (void)state;
    struct run_resources r;
    const struct run_resource_roots roots = {.proc = NULL};
    run_resources_measure(&roots, &r);
    assert_true(r.descriptors.used >= 3 && r.descriptors.used < r.descriptors.limit);
    assert_true(r.pids.limit != UINT64_MAX && r.pids.used < r.pids.limit);
}

/* ---- arithmetic ---- */

static const struct run_session_cost cost = {
    .pipe_descriptors = 4, .pty_descriptors = 2, .start_descriptors = 6};

static struct run_resources resources_of(uint64_t descriptors, uint64_t ptys, uint64_t pids)
{
    return (struct run_resources){.descriptors = {"descriptors", descriptors, 10},
                                  .ptys = {"ptys", ptys, 4},
                                  .pids = {"processes", pids, 20}};
}

static void assert_ceiling(struct run_resources r, uint64_t pipe, const char *pipe_by, uint64_t pty,
                           const char *pty_by)
{
    struct run_ceiling c;
    run_resources_ceiling(&r, &cost, &c);
    assert_true(c.pipe_sessions == pipe && c.pty_sessions == pty);
    assert_string_equal(c.pipe_bound_by, pipe_by);
    assert_string_equal(c.pty_bound_by, pty_by);
}

static void test_rlimit_ceilings(void **state)
{
    (void)state;
    assert_ceiling(resources_of(1080, UINT64_MAX, UINT64_MAX), 250, "descriptors", 500,
                   "descriptors");
    assert_ceiling(resources_of(1080, 104, UINT64_MAX), 250, "descriptors", 100, "ptys");
    assert_ceiling(resources_of(1080, 104, 94), 10, "processes", 10, "processes");
    assert_ceiling(resources_of(80, 104, 1000), 0, "descriptors", 0, "descriptors");
    assert_ceiling(resources_of(5, 1, 5), 0, "descriptors", 0, "descriptors");
    assert_ceiling(resources_of(UINT64_MAX, UINT64_MAX, UINT64_MAX), UINT64_MAX, "descriptors",
                   UINT64_MAX, "descriptors");
}

static void assert_short(struct run_resources r, struct run_session_count running, bool pty,
                         struct run_shortage wanted)
{
    struct run_shortage shortage = {0};
    assert_int_equal(run_resources_admit(&r, &cost, &running, pty, &shortage), -1);
    assert_string_equal(shortage.resource, wanted.resource);
    assert_int_equal(shortage.have, wanted.have);
    assert_int_equal(shortage.need, wanted.need);
}

static void test_rlimit_names_what_is_short(void **state)
{
    (void)state;
    assert_short(resources_of(1080, 104, 1000), (struct run_session_count){250, 0}, false,
                 (struct run_shortage){"descriptors", 6, 10});
    assert_short(resources_of(1080, 104, 1000), (struct run_session_count){250, 0}, true,
                 (struct run_shortage){"descriptors", 6, 8});
}

static void test_rlimit_admits_up_to_the_ceiling_and_no_further(void **state)
{
    (void)state;
    struct run_resources r = resources_of(1080, 104, 1000);
    struct run_session_count running = {0, 0};
    struct run_shortage shortage;
    while (run_resources_admit(&r, &cost, &running, false, &shortage) == 0)
        running.pipe++;
    assert_int_equal(running.pipe, 250);
    assert_string_equal(shortage.resource, "descriptors");
    running = (struct run_session_count){0, 0};
    while (run_resources_admit(&r, &cost, &running, true, &shortage) == 0)
        running.pty++;
    assert_int_equal(running.pty, 100);
    assert_string_equal(shortage.resource, "ptys");
    assert_int_equal(shortage.have, 0);
    assert_int_equal(shortage.need, 1);
    r = resources_of(UINT64_MAX, UINT64_MAX, 94);
    running = (struct run_session_count){4, 6};
    assert_int_equal(run_resources_admit(&r, &cost, &running, true, &shortage), -1);
    assert_string_equal(shortage.resource, "processes");
    running.pty--;
    assert_int_equal(run_resources_admit(&r, &cost, &running, true, &shortage), 0);
}

/* In a child: the limit of the test itself stays as it is. */
static void test_rlimit_raises_the_soft_limit_and_remembers(void **state)
{
    (void)state;
    int status = 0;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct rlimit limit;
        struct run_rlimit raised;
        if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
            _exit(1);
        limit.rlim_cur = 64;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || run_rlimit_raise(&raised) != 0)
            _exit(2);
        if (raised.original_soft != 64 || raised.original_hard != limit.rlim_max ||
            raised.soft != limit.rlim_max)
            _exit(3);
        if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur != raised.soft)
            _exit(4);
        _exit(0);
    }
    assert_true(support_wait_child(pid, &status));
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rlimit_measures_descriptors_and_ptys, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_rlimit_takes_the_tightest_limit_on_processes, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_rlimit_what_cannot_be_measured_is_unlimited, set_up,
                                        tear_down),
        cmocka_unit_test(test_rlimit_measures_this_host),
        cmocka_unit_test(test_rlimit_ceilings),
        cmocka_unit_test(test_rlimit_names_what_is_short),
        cmocka_unit_test(test_rlimit_admits_up_to_the_ceiling_and_no_further),
        cmocka_unit_test(test_rlimit_raises_the_soft_limit_and_remembers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
