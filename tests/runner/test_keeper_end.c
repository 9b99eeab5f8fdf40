/* The end of everything below a subreaper, in a process of its own for each test: it builds a tree,
 * calls run_keeper_end and reports by its exit code. All of the tree holds the write end of one
 * pipe, whose end proves that nothing is left.
 */
#include "runner/keeper_end.h"
#include "tests/runner/support_process.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define MANY   500
#define DEEP   150
#define NOBODY 65534

/* Exit codes of the process that builds and ends a tree. */
#define ENDED    0
#define LEFT     20 /* plus the number of processes left */
#define NO_TREE  50
#define NOT_LAST 51

typedef void (*builder)(int ready);

static _Noreturn void live(int ready)
{
    (void)alarm(2 * DEADLINE_MS / 1000); /* should the end fail, this is it */
    if (write(ready, "r", 1) != 1)
        _exit(1);
    for (;;)
        (void)pause();
}

static pid_t fork_or_exit(void)
{
    pid_t pid = fork();
    if (pid < 0)
        _exit(NO_TREE);
    return pid;
}

static void build_nothing(int ready)
{
    (void)ready;
}

/* Children with a session each, as sessions have, and one child in it. */
static void build_many(int ready)
{
    for (int i = 0; i < MANY / 2; i++) {
        if (fork_or_exit() == 0) {
            (void)setsid();
            (void)fork_or_exit();
            live(ready);
        }
    }
}

/* A line of descendants, each in a session of its own and deaf to SIGTERM. */
static void build_deep(int ready)
{
    for (int i = 0; i < DEEP; i++) {
        if (fork_or_exit() != 0) {
            if (i == 0)
                return;
            live(ready);
        }
        (void)setsid();
        (void)signal(SIGTERM, SIG_IGN);
    }
    live(ready);
}

/* Descendants in the session and group of the caller: those are not killed as a group. */
static void build_same_group(int ready)
{
    for (int i = 0; i < 10; i++) {
        if (fork_or_exit() == 0) {
            (void)fork_or_exit();
            live(ready);
        }
    }
}

struct tree {
    builder build;
    int processes;
    struct run_keeper_end_options options;
    bool as_nobody; /* the caller gives up root after it has built the tree */
};

static _Noreturn void build_and_end(const struct tree *tree)
{
    int ready[2];
    char byte;
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (pipe2(ready, O_CLOEXEC) != 0)
        _exit(NO_TREE);
    struct run_keeper_end_options options = tree->options;
    options.children_fd = run_keeper_end_prepare();
    tree->build(ready[1]);
    for (int i = 0; i < tree->processes; i++) {
        if (!support_read(ready[0], &byte, 1))
            _exit(NO_TREE);
    }
    if (tree->as_nobody && setuid(NOBODY) != 0)
        _exit(NO_TREE);
    unsigned left = run_keeper_end(&options);
    if (left == 0 && (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD))
        _exit(NOT_LAST);
    _exit(left == 0 ? ENDED : LEFT + (int)left);
}

/* Returns the exit code of the process that ended the tree; LIFE must end unless something is left.
 */
static int end_tree(const struct tree *tree, int *out_life)
{
    int life[2];
    int status = 0;
    assert_int_equal(pipe2(life, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)close(life[0]);
        build_and_end(tree);
    }
    (void)close(life[1]);
    assert_true(support_wait_child(pid, &status));
    assert_true(WIFEXITED(status));
    *out_life = life[0];
    return WEXITSTATUS(status);
}

static void assert_ends(const struct tree *tree)
{
    int life = -1;
    assert_int_equal(end_tree(tree, &life), ENDED);
    assert_true(support_wait_end(life));
    (void)close(life);
}

static void test_keeper_end_returns_at_once_without_children(void **state)
{
    (void)state;
    const struct tree tree = {.build = build_nothing};
    assert_ends(&tree);
}

static void test_keeper_end_kills_many(void **state)
{
    (void)state;
    struct tree tree = {.build = build_many, .processes = MANY};
    assert_ends(&tree);
    tree.options.reaping_passes = 1;
    assert_ends(&tree);
    tree.options.reaping_passes = 0;
    tree.options.scan_proc = 1;
    assert_ends(&tree);
}

static void test_keeper_end_goes_down_a_deep_tree(void **state)
{
    (void)state;
    struct tree tree = {.build = build_deep, .processes = DEEP};
    assert_ends(&tree);
    tree.options.scan_proc = 1;
    assert_ends(&tree);
}

/* The process that ends the tree is of this session and group itself, and survives. */
static void test_keeper_end_spares_its_own_group(void **state)
{
    (void)state;
    const struct tree tree = {.build = build_same_group, .processes = 20};
    assert_ends(&tree);
}

static int signalled_pipe[2];

/* Ends by itself once the test closes the other end of a pipe. */
static void build_others(int ready)
{
    if (fork_or_exit() == 0) {
        char byte;
        (void)close(signalled_pipe[1]);
        if (write(ready, "r", 1) != 1)
            _exit(1);
        (void)support_read(signalled_pipe[0], &byte, 1);
        _exit(0);
    }
    (void)close(signalled_pipe[1]);
}

static void test_keeper_end_gives_up_what_it_may_not_signal(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip(); /* only root can leave itself a child of another user */
    const struct tree tree = {.build = build_others, .processes = 1, .as_nobody = true};
    int life = -1;
    assert_int_equal(pipe2(signalled_pipe, O_CLOEXEC), 0);
    assert_int_equal(end_tree(&tree, &life), LEFT + 1);
    (void)close(signalled_pipe[1]);
    assert_true(support_wait_end(life));
    (void)close(signalled_pipe[0]);
    (void)close(life);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keeper_end_returns_at_once_without_children),
        cmocka_unit_test(test_keeper_end_kills_many),
        cmocka_unit_test(test_keeper_end_goes_down_a_deep_tree),
        cmocka_unit_test(test_keeper_end_spares_its_own_group),
        cmocka_unit_test(test_keeper_end_gives_up_what_it_may_not_signal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
