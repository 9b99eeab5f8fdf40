/*
 * Walks of the process table while something happens: the table of system calls lets it happen at a
 * certain call. Whatever it is, nobody of the tree survives the stop.
 */
#include "sessions/sys_linux.h"
#include "support.h"
#include "support_strays.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

enum { PATIENCE_MS = 1000, LONG_MS = 3600 * 1000, DELAY_MS = 300, TARGETS = 5, TRIES = 10 };
enum { DRAIN_MS = SUP_DEADLINE_MS / 2 }; /* who is dying has time to, who survives is seen */

static struct sup_world world;

struct tree {
    struct sup_tap *tap;
    int64_t child, group, session, grandchild;
};

/* What happens, set by a test before the stop; then the walk's alone. */
static struct {
    int64_t leader, targets[TARGETS]; /* process ids; 0: none */
    int64_t obeys, ends;              /* is told to leave; is killed: when the group is stopped */
    int64_t forks;                    /* forks when it is signalled for the second time */
    unsigned opens, fail_open;        /* looks at a target; the one that fails */
    unsigned opened, deaf, stops;     /* pidfds; SIGSTOPs that come later; those that were sent */
    bool slow;                        /* each look at a target takes its time */
    int hang_fd;                      /* looks wait until it has data; -1: they do not */
    int64_t late;                     /* is not there yet in the first late_looks looks */
    unsigned late_looks;
    const struct tree *settles; /* the second look begins when all but the late one stand */
    unsigned settle_looks;
    _Atomic uint64_t looked_ms, pause_ms; /* the last look at anybody; the longest time for two */
} plot;

static int64_t state_of(int64_t pid, unsigned field)
{
    char path[64], text[512] = "";
    (void)snprintf(path, sizeof(path), "/proc/%lld/stat", (long long)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return -1;
    bool read = fgets(text, sizeof(text), file) != NULL;
    (void)fclose(file);
    const char *at = read ? strrchr(text, ')') : NULL;
    for (unsigned i = 2; at != NULL && i < field; i++)
        at = strchr(at + 1, ' ');
    return at != NULL ? strtoll(at, NULL, 10) : -1;
}

static int64_t child_of(int64_t pid)
{
    char path[64];
    long long child = 0;
    (void)snprintf(path, sizeof(path), "/proc/%lld/task/%lld/children", (long long)pid,
                   (long long)pid);
    FILE *file = fopen(path, "re");
    bool found = file != NULL && fscanf(file, "%lld", &child) == 1;
    if (file != NULL)
        (void)fclose(file);
    return found ? child : 0;
}

static void wait_until_it_leads(int64_t pid)
{
    enum { SESSION = 6 };
    uint64_t deadline_ms = sup_now_ms() + SUP_DEADLINE_MS;
    while (state_of(pid, SESSION) != pid && sup_now_ms() < deadline_ms)
        (void)poll(NULL, 0, 1);
}

/* ---- Calls ---- */

static bool is_target(const char *path)
{
    char target[64];
    for (int i = 0; i < TARGETS && plot.targets[i] != 0; i++) {
        (void)snprintf(target, sizeof(target), "/proc/%lld/stat", (long long)plot.targets[i]);
        if (strcmp(path, target) == 0)
            return true;
    }
    return false;
}

static bool is_stat_of(const char *path, int64_t pid)
{
    char stat[64];
    (void)snprintf(stat, sizeof(stat), "/proc/%lld/stat", (long long)pid);
    return strcmp(path, stat) == 0;
}

static void wait_until_stopped(int64_t pid)
{
    char path[64], line[256];
    uint64_t deadline_ms = sup_now_ms() + SUP_DEADLINE_MS;
    (void)snprintf(path, sizeof(path), "/proc/%lld/status", (long long)pid);
    for (bool stands = false; !stands && sup_now_ms() < deadline_ms;) {
        FILE *file = fopen(path, "re");
        while (file != NULL && !stands && fgets(line, sizeof(line), file) != NULL)
            stands = strncmp(line, "State:\tT", 8) == 0;
        if (file != NULL)
            (void)fclose(file);
        if (!stands)
            (void)poll(NULL, 0, 1);
    }
}

/* A process that is made behind the place that a look has reached, since ids go round. */
static bool is_late(const char *path)
{
    const struct tree *tree = plot.settles;
    if (tree != NULL && is_stat_of(path, tree->tap->os_pid) && ++plot.settle_looks == 2) {
        wait_until_stopped(tree->tap->os_pid);
        wait_until_stopped(tree->child);
        wait_until_stopped(tree->group);
        wait_until_stopped(tree->session);
    }
    if (plot.late == 0 || plot.late_looks == 0 || !is_stat_of(path, plot.late))
        return false;
    plot.late_looks--;
    return true;
}

static int look_at(const char *path, int flags)
{
    if (is_late(path)) {
        errno = ENOENT;
        return -1;
    }
    if (!is_target(path))
        return sess_sys_default.open(path, flags);
    if (plot.hang_fd >= 0) {
        struct pollfd released = {.fd = plot.hang_fd, .events = POLLIN};
        (void)poll(&released, 1, SUP_DEADLINE_MS);
    }
    if (plot.slow && plot.opens < TARGETS)
        (void)poll(NULL, 0, DELAY_MS);
    if (++plot.opens == plot.fail_open) {
        errno = EMFILE;
        return -1;
    }
    return sess_sys_default.open(path, flags);
}

/* From the beginning of a look to the end of the next one: the walk moves at least once in it. */
static int plot_open(const char *path, int flags)
{
    uint64_t before_ms = atomic_exchange(&plot.looked_ms, sup_now_ms());
    int fd = look_at(path, flags);
    uint64_t pause_ms = sup_now_ms() - before_ms;
    if (pause_ms > atomic_load(&plot.pause_ms))
        atomic_store(&plot.pause_ms, pause_ms);
    return fd;
}

static int plot_kill(pid_t pid, int number)
{
    if (number == SIGSTOP && plot.obeys != 0) {
        (void)kill((pid_t)plot.obeys, SIGUSR1);
        wait_until_it_leads(plot.obeys);
        plot.obeys = 0;
    }
    int result = sess_sys_default.kill(pid, number);
    if (number == SIGSTOP && plot.ends != 0) {
        (void)kill((pid_t)plot.ends, SIGKILL);
        sup_wait_dead(plot.ends);
        plot.ends = 0;
    }
    return result;
}

static int plot_pidfd_open(pid_t pid)
{
    if (pid == plot.forks && ++plot.opened == 2) {
        uint64_t deadline_ms = sup_now_ms() + SUP_DEADLINE_MS;
        (void)kill(pid, SIGUSR2);
        while ((plot.targets[0] = child_of(pid)) == 0 && sup_now_ms() < deadline_ms)
            (void)poll(NULL, 0, 1);
    }
    return sess_sys_default.pidfd_open(pid);
}

static int plot_pidfd_send_signal(int pidfd, int number)
{
    plot.stops += number == SIGSTOP;
    if (number == SIGSTOP && plot.deaf > 0) {
        plot.deaf--;
        return 0;
    }
    return sess_sys_default.pidfd_send_signal(pidfd, number);
}

/* ---- Setting the scene ---- */

static struct sess_sys plot_sys;

static void open_with_patience(unsigned patience_ms)
{
    const struct sess_host_options options = {.sys = &plot_sys,
                                              .walk_patience_ms = patience_ms,
                                              .drain_quiet_ms = DRAIN_MS,
                                              .drain_max_ms = DRAIN_MS};
    plot_sys = sess_sys_default;
    plot_sys.open = plot_open;
    plot_sys.kill = plot_kill;
    plot_sys.pidfd_open = plot_pidfd_open;
    plot_sys.pidfd_send_signal = plot_pidfd_send_signal;
    memset(&plot, 0, sizeof(plot));
    plot.hang_fd = -1;
    sup_open(&world, &options);
}

/* What happens takes its time where processors are rare, and patience shall not end meanwhile. */
static int open_world(void **state)
{
    (void)state;
    open_with_patience(LONG_MS);
    return 0;
}

static int open_impatient(void **state)
{
    (void)state;
    open_with_patience(PATIENCE_MS);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    sup_close(&world);
    return 0;
}

static struct tree start_tree(void)
{
    const char *argv[] = {CHILD("tree"), "stubborn", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    struct tree tree = {.tap = sup_start(&world, &spec)};
    sup_wait_text(tree.tap, SESS_STDOUT, "ready");
    tree.child = sup_wait_number(tree.tap, SESS_STDOUT, "child ");
    tree.group = sup_wait_number(tree.tap, SESS_STDOUT, "group ");
    tree.session = sup_wait_number(tree.tap, SESS_STDOUT, "session ");
    tree.grandchild = sup_wait_number(tree.tap, SESS_STDOUT, "grandchild ");
    return tree;
}

static void end_tree(const struct tree *tree)
{
    sup_wait_gone(tree->tap);
    sup_wait_dead(tree->child);
    sup_wait_dead(tree->group);
    sup_wait_dead(tree->session);
    sup_wait_dead(tree->grandchild);
    sup_free(tree->tap);
}

static struct sup_tap *start_obeyer(int64_t *out_child)
{
    const char *argv[] = {CHILD("obey"), NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    struct sup_tap *tap = sup_start(&world, &spec);
    sup_wait_text(tap, SESS_STDOUT, "ready");
    *out_child = sup_wait_number(tap, SESS_STDOUT, "child ");
    return tap;
}

/* ---- Tests ---- */

/* Stops a tree by a walk that is slow and moves. Whether it moved as often as it should: one that
 * gets no processor does not, is overtaken, and cannot find all. */
static bool stop_slowly(void)
{
    struct tree tree = start_tree();
    int64_t targets[TARGETS] = {tree.tap->os_pid, tree.child, tree.group, tree.session,
                                tree.grandchild};
    memcpy(plot.targets, targets, sizeof(targets));
    plot.opens = 0;
    plot.slow = true;
    uint64_t before_ms = sup_now_ms();
    atomic_store(&plot.looked_ms, before_ms);
    atomic_store(&plot.pause_ms, 0);
    assert_true(sup_stop(tree.tap, SESS_STOP_FORCE, 0));
    sup_wait_exited(tree.tap);
    bool moved = atomic_load(&plot.pause_ms) < PATIENCE_MS &&
                 sup_now_ms() - atomic_load(&plot.looked_ms) < PATIENCE_MS;
    for (int i = 0; i < TARGETS && !moved; i++)
        (void)kill((pid_t)targets[i], SIGKILL); /* nobody has reaped any of them */
    end_tree(&tree);
    if (moved)
        assert_true(sup_now_ms() - before_ms > PATIENCE_MS);
    return moved;
}

/* Killing the group now would cut off whoever the walk has not come to. */
static void test_walk_that_moves_is_waited_for(void **state)
{
    (void)state;
    int tries = 1;
    while (!stop_slowly() && tries < TRIES)
        tries++;
    assert_true(tries < TRIES);
}

/* A walk that hangs does not keep the leader alive, whatever the stop was. */
static void test_walk_that_hangs_is_not_waited_for(void **state)
{
    (void)state;
    for (int mode = SESS_STOP_GRACEFUL; mode <= SESS_STOP_FORCE; mode++) {
        struct tree tree = start_tree();
        int pipe_fds[2];
        assert_int_equal(pipe(pipe_fds), 0);
        plot.targets[0] = tree.tap->os_pid;
        plot.hang_fd = pipe_fds[0];
        assert_true(sup_stop(tree.tap, (enum sess_stop_mode)mode, 100));
        sup_wait_exited(tree.tap);
        assert_int_equal(tree.tap->exit_record.signal, SIGKILL);
        (void)kill((pid_t)tree.session, SIGKILL); /* these it cannot find any more */
        (void)kill((pid_t)tree.grandchild, SIGKILL);
        assert_int_equal(write(pipe_fds[1], "", 1), 1);
        end_tree(&tree);
        plot.hang_fd = -1;
        (void)close(pipe_fds[0]);
        (void)close(pipe_fds[1]);
    }
}

/* What a look has found belongs to the tree, although its parents end before the next one. */
static void test_walk_keeps_who_loses_his_parents(void **state)
{
    (void)state;
    struct tree tree = start_tree();
    plot.ends = tree.session;
    assert_true(sup_stop(tree.tap, SESS_STOP_FORCE, 0));
    end_tree(&tree);
}

/* Who leaves the leader's group between the look and the signal to the group has not got it. */
static void test_walk_stops_who_leaves_the_group(void **state)
{
    (void)state;
    struct sup_tap *tap = start_obeyer(&plot.obeys);
    int64_t child = plot.obeys;
    assert_true(sup_stop(tap, SESS_STOP_FORCE, 0));
    sup_wait_gone(tap);
    sup_wait_dead(child);
    assert_true(plot.stops > 0);
    sup_free(tap);
}

/* Who has not stopped yet may still fork. */
static void test_walk_waits_until_all_have_stopped(void **state)
{
    (void)state;
    int64_t child;
    struct sup_tap *tap = start_obeyer(&child);
    assert_int_equal(kill((pid_t)child, SIGUSR1), 0);
    wait_until_it_leads(child);
    plot.forks = child;
    plot.deaf = 1;
    assert_true(sup_stop(tap, SESS_STOP_FORCE, 0));
    sup_wait_gone(tap);
    sup_wait_dead(child);
    sup_wait_dead(plot.targets[0]);
    sup_free(tap);
}

/* Its parent stands by the time that the look comes to it, and may have made it meanwhile. */
static void test_walk_looks_once_more_when_all_have_stopped(void **state)
{
    (void)state;
    struct tree tree = start_tree();
    plot.settles = &tree;
    plot.late_looks = 2;
    plot.late = tree.grandchild;
    assert_true(sup_stop(tree.tap, SESS_STOP_FORCE, 0));
    end_tree(&tree);
    assert_int_equal(plot.late_looks, 0);
}

/* A process that cannot be read for want of descriptors is not one that has ended. */
static void test_walk_looks_again_for_who_could_not_be_read(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= 5; n++) {
        struct tree tree = start_tree();
        plot.targets[0] = tree.session;
        plot.opens = 0;
        plot.fail_open = n;
        assert_true(sup_stop(tree.tap, SESS_STOP_FORCE, 0));
        end_tree(&tree);
    }
}

/* Processes are made while the walk looks; one that survived would hold the output open. */
static void test_walk_ends_a_storm(void **state)
{
    (void)state;
    for (int round = 0; round < SUP_COUNT(10, 4); round++) {
        const char *argv[] = {CHILD("storm"), "200", NULL};
        struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
        struct sup_tap *tap = sup_start(&world, &spec);
        sup_wait_text(tap, SESS_STDOUT, "ready");
        assert_true(sup_stop(tap, SESS_STOP_FORCE, 0));
        sup_wait_gone(tap);
        assert_int_equal(tap->reason, SESS_CLOSE_EOF);
        sup_free(tap);
    }
}

#define IN_WORLD(test)  cmocka_unit_test_setup_teardown(test, open_world, close_world)
#define IMPATIENT(test) cmocka_unit_test_setup_teardown(test, open_impatient, close_world)

static int run(void)
{
    const struct CMUnitTest tests[] = {
        IMPATIENT(test_walk_that_moves_is_waited_for),
        IMPATIENT(test_walk_that_hangs_is_not_waited_for),
        IN_WORLD(test_walk_keeps_who_loses_his_parents),
        IN_WORLD(test_walk_stops_who_leaves_the_group),
        IN_WORLD(test_walk_waits_until_all_have_stopped),
        IN_WORLD(test_walk_looks_once_more_when_all_have_stopped),
        IN_WORLD(test_walk_looks_again_for_who_could_not_be_read),
        IN_WORLD(test_walk_ends_a_storm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return sup_run_and_clear(run); /* a failure must not leave processes behind */
}
