/*
 * What /proc says of this very process and of a child of it.
 */
#include "tests/load/support.h"

#include "tools/load/base.h"
#include "tools/load/proc.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct load_proc_set own_set(void)
{
    struct load_proc_set set;

    load_proc_tree(getpid(), &set);
    assert_true(set.count >= 1);
    assert_int_equal(set.items[0].pid, getpid());
    return set;
}

static void test_proc_cpu_time_passes(void **state)
{
    struct load_proc_set set = own_set();
    uint64_t before_ns = load_proc_cpu_ns(&set);
    uint64_t own_ns = load_own_cpu_ns();

    (void)state;
    while (load_own_cpu_ns() < own_ns + 20 * LOAD_NS_PER_MS)
        continue;
    assert_true(load_proc_cpu_ns(&set) >= before_ns + 20 * LOAD_NS_PER_MS);
}

static void test_proc_private_memory_is_seen(void **state)
{
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
    enum { SIZE = 16 << 20, SLACK = 8 * SIZE }; /* shadow memory is private too */
#else
    enum { SIZE = 16 << 20, SLACK = 4 << 20 };
#endif
    enum { LESS = 1 << 20 }; /* a page of a file is shared as soon as another program maps it */
    struct load_proc_set set = own_set();
    uint64_t before = load_proc_private_bytes(&set);
    unsigned char *memory =
        mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct load_usage usage;

    (void)state;
    assert_true(memory != MAP_FAILED);
    memset(memory, 1, SIZE);
    assert_in_range(load_proc_private_bytes(&set), before + SIZE - LESS, before + SIZE + SLACK);
    load_proc_usage(&set, &usage);
    assert_in_range(usage.private_bytes, before + SIZE - LESS, before + SIZE + SLACK);
    assert_true(usage.resident_bytes >= usage.private_bytes);
    munmap(memory, SIZE);
}

static void test_proc_descriptors_and_threads_are_counted(void **state)
{
    struct load_proc_set set = own_set();
    struct load_usage before;
    struct load_usage after;
    int fds[3];

    (void)state;
    load_proc_usage(&set, &before);
    for (int i = 0; i < 3; i++)
        fds[i] = open("/dev/null", O_RDONLY);
    load_proc_usage(&set, &after);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    assert_int_equal(after.descriptors, before.descriptors + 3);
    assert_true(before.threads >= 1);
}

/* A child that lives until its pipe is closed. */
static pid_t start_child(int *out_keep_fd)
{
    int ends[2];
    pid_t pid;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        char byte;

        close(ends[1]);
        _exit(read(ends[0], &byte, 1) == 0 ? 0 : 1);
    }
    close(ends[0]);
    *out_keep_fd = ends[1];
    return pid;
}

static void test_proc_tree_has_children_but_no_zombies(void **state)
{
    uint64_t deadline_ns = load_now_ns() + 10 * LOAD_NS_PER_S;
    struct load_proc_set self = own_set();
    struct load_proc_set tree;
    struct load_proc child;
    int keep_fd;
    pid_t pid = start_child(&keep_fd);

    (void)state;
    load_proc_tree(getpid(), &tree);
    assert_int_equal(tree.count, self.count + 1);
    child = tree.items[tree.count - 1];
    assert_int_equal(child.pid, pid);
    assert_true(load_proc_is_alive(&child));
    load_proc_same_program(getpid(), &tree);
    assert_int_equal(tree.count, self.count + 1);
    close(keep_fd);
    while (load_proc_zombies(&self) == 0 && load_now_ns() < deadline_ns)
        continue;
    assert_int_equal(load_proc_zombies(&self), 1);
    assert_false(load_proc_is_alive(&child));
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(load_proc_zombies(&self), 0);
}

/* Waits for a child that runs until its parent is gone. */
static _Noreturn void let_child_spin(uint64_t deadline_ns)
{
    pid_t parent = getpid();

    if (fork() == 0)
        while (getppid() == parent && load_now_ns() < deadline_ns)
            continue;
    else
        wait(NULL);
    _exit(0);
}

/* A child that waits for its pipe rests, one that runs does not, wherever it stands below. */
static void test_proc_rests_when_nobody_runs(void **state)
{
    uint64_t deadline_ns = load_now_ns() + 10 * LOAD_NS_PER_S;
    int keep_fd;
    pid_t waits = start_child(&keep_fd);
    pid_t runs = fork();

    (void)state;
    assert_true(runs >= 0);
    if (runs == 0)
        let_child_spin(deadline_ns);
    while (!load_proc_is_at_rest(waits) && load_now_ns() < deadline_ns)
        continue;
    assert_true(load_proc_is_at_rest(waits));
    while (load_proc_is_at_rest(runs) && load_now_ns() < deadline_ns)
        continue;
    assert_false(load_proc_is_at_rest(runs));
    kill(runs, SIGKILL);
    assert_int_equal(waitpid(runs, NULL, 0), runs);
    close(keep_fd);
    assert_int_equal(waitpid(waits, NULL, 0), waits);
}

static void test_proc_listener_is_found_by_its_port(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    assert_int_equal(load_proc_listener(ntohs(address.sin_port)), getpid());
    close(fd);
    assert_int_equal(load_proc_listener(ntohs(address.sin_port)), -1);
}

static void test_proc_ptys_left_are_fewer_than_the_limit(void **state)
{
    int fd = posix_openpt(O_RDWR | O_NOCTTY);
    FILE *file = fopen("/proc/sys/kernel/pty/max", "re");
    unsigned most = 0;

    (void)state;
    assert_true(fd >= 0);
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%u", &most), 1);
    fclose(file);
    assert_in_range(load_proc_free_ptys(), 1, most - 2);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proc_cpu_time_passes),
        cmocka_unit_test(test_proc_private_memory_is_seen),
        cmocka_unit_test(test_proc_descriptors_and_threads_are_counted),
        cmocka_unit_test(test_proc_tree_has_children_but_no_zombies),
        cmocka_unit_test(test_proc_rests_when_nobody_runs),
        cmocka_unit_test(test_proc_listener_is_found_by_its_port),
        cmocka_unit_test(test_proc_ptys_left_are_fewer_than_the_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
