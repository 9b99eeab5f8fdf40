/* The two keepers with real processes. Each test starts a program of three processes (outer keeper,
 * inner keeper, server); the server makes descendants of every awkward kind, all of which hold the
 * write end of one pipe. Its end therefore proves that every one of them is gone, whoever their
 * parents have become.
 */
#include "runner/keeper.h"
#include "runner/signals.h"
#include "tests/runner/support_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__has_feature)
#define HAS_FEATURE(name) __has_feature(name)
#else
#define HAS_FEATURE(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||                               \
    HAS_FEATURE(address_sanitizer) || HAS_FEATURE(thread_sanitizer)
#define INSTRUMENTED 1
#else
#define INSTRUMENTED 0
#endif

/* What the two keepers may cost together. */
#define KEEPERS_MAX_KIB 300

#define CHAINS 8

/* Should a keeper fail, what it left ends by itself after this time. */
#define LEFT_OVER_S (2 * DEADLINE_MS / 1000)

enum server_act {
    ACT_WAIT,        /* until a signal ends it */
    ACT_EXIT_7,      /* as soon as told */
    ACT_ABORT,       /* as soon as told */
    ACT_ON_TERM,     /* exits with 40 + who sent the SIGTERM: 1 the keeper, 0 somebody else */
    ACT_ON_USR1,     /* exits with 50 */
    ACT_HANGUP_TEST, /* exits with 60 on SIGUSR1, with 61 on SIGHUP */
    ACT_CLOSE_STDOUT,
};

struct plan {
    struct run_keeper_options options;
    enum server_act act;
    bool family; /* make the awkward descendants */
    unsigned chains;
    bool ignore_hangup;
};

/* Sent by the server once everything that it was to make exists. */
struct report {
    pid_t server;
    pid_t inner;
    pid_t orphan; /* one that had forked twice and called setsid */
};

struct program {
    pid_t outer;
    struct report report;
    int life;   /* ends when the last of the descendants is gone */
    int tell;   /* a byte here makes the server act */
    int output; /* the read end of standard output */
};

/* ---- in the server's process ---- */

static void announce(int ready)
{
    char byte = 'r';
    if (write(ready, &byte, 1) != 1)
        _exit(90);
}

static _Noreturn void live(int ready)
{
    (void)alarm(LEFT_OVER_S);
    announce(ready);
    for (;;)
        (void)pause();
}

static void make_plain(int ready)
{
    if (fork() == 0)
        live(ready);
}

static void make_deaf(int ready)
{
    if (fork() == 0) {
        (void)signal(SIGTERM, SIG_IGN);
        (void)signal(SIGHUP, SIG_IGN);
        (void)setsid();
        live(ready);
    }
}

static void make_stopped(int ready)
{
    if (fork() == 0) {
        (void)setsid();
        announce(ready);
        (void)raise(SIGSTOP);
        live(ready);
    }
}

/* Forks twice and calls setsid each time; the middle one leaves. */
static void make_daemon(int ready)
{
    pid_t middle = fork();
    if (middle == 0) {
        (void)setsid();
        if (fork() != 0)
            _exit(0);
        (void)setsid();
        live(ready);
    }
    (void)waitpid(middle, NULL, 0);
}

/* A subreaper of its own, with the kernel told to reap for it, and two generations below. */
static void make_reaper(int ready)
{
    if (fork() == 0) {
        (void)setsid();
        (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
        (void)signal(SIGCHLD, SIG_IGN);
        make_daemon(ready);
        live(ready);
    }
}

/* Goes on by forking and leaving, each time in a session of its own. */
static void make_chain(int ready)
{
    if (fork() != 0)
        return;
    announce(ready);
    long long end_ms = support_now_ms() + LEFT_OVER_S * 1000;
    while (support_now_ms() < end_ms) {
        (void)setsid();
        pid_t next = fork();
        if (next > 0)
            _exit(0);
    }
    _exit(0);
}

static void make_descendants(const struct plan *plan)
{
    int ready[2];
    unsigned expected = plan->chains;
    char byte;
    if (pipe2(ready, O_CLOEXEC) != 0)
        _exit(91);
    if (plan->family) {
        make_plain(ready[1]);
        make_deaf(ready[1]);
        make_stopped(ready[1]);
        make_daemon(ready[1]);
        make_reaper(ready[1]);
        expected += 6;
    }
    for (unsigned i = 0; i < plan->chains; i++)
        make_chain(ready[1]);
    for (unsigned i = 0; i < expected; i++) {
        if (!support_read(ready[0], &byte, 1))
            _exit(92);
    }
    (void)close(ready[0]);
    (void)close(ready[1]);
}

/* The number of a process that forked twice and lives; the inner keeper is its parent now. */
static pid_t make_orphan(void)
{
    int number[2];
    pid_t pid = 0;
    if (pipe2(number, O_CLOEXEC) != 0)
        _exit(93);
    pid_t middle = fork();
    if (middle == 0) {
        (void)setsid();
        if (fork() != 0)
            _exit(0);
        (void)setsid();
        pid = getpid();
        (void)alarm(LEFT_OVER_S);
        if (write(number[1], &pid, sizeof pid) != (ssize_t)sizeof pid)
            _exit(94);
        for (;;)
            (void)pause();
    }
    (void)waitpid(middle, NULL, 0);
    if (!support_read(number[0], &pid, sizeof pid))
        _exit(95);
    (void)close(number[0]);
    (void)close(number[1]);
    return pid;
}

static int wait_signal(const sigset_t *set, siginfo_t *info)
{
    int number;
    do
        number = sigwaitinfo(set, info);
    while (number < 0);
    return number;
}

static void act(const struct plan *plan, const struct run_keeper *keeper, const sigset_t *set)
{
    siginfo_t info;
    switch (plan->act) {
    case ACT_EXIT_7:
        _exit(7);
    case ACT_ABORT:
        (void)prctl(PR_SET_DUMPABLE, 0); /* the keepers' core files are what the test is about */
        (void)signal(SIGABRT, SIG_DFL);
        abort();
    case ACT_ON_TERM:
        (void)wait_signal(set, &info);
        _exit(40 + (info.si_signo == SIGTERM && info.si_pid == (pid_t)keeper->pid));
    case ACT_ON_USR1:
        _exit(wait_signal(set, &info) == SIGUSR1 ? 50 : 51);
    case ACT_HANGUP_TEST:
        _exit(wait_signal(set, &info) == SIGUSR1 ? 60 : 61);
    case ACT_CLOSE_STDOUT:
        (void)close(STDOUT_FILENO);
        break;
    case ACT_WAIT:
        break;
    }
    for (;;)
        (void)pause();
}

static _Noreturn void serve(const struct plan *plan, const struct run_keeper *keeper, int report_fd,
                            int told)
{
    sigset_t set;
    char byte;
    (void)alarm(LEFT_OVER_S);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGHUP);
    if (plan->act == ACT_ON_TERM || plan->act == ACT_ON_USR1 || plan->act == ACT_HANGUP_TEST)
        (void)sigprocmask(SIG_BLOCK, &set, NULL);
    struct report report = {.server = getpid(), .inner = (pid_t)keeper->pid};
    report.orphan = make_orphan();
    make_descendants(plan);
    if (write(report_fd, &report, sizeof report) != (ssize_t)sizeof report)
        _exit(96);
    (void)close(report_fd);
    bool is_told =
        plan->act == ACT_EXIT_7 || plan->act == ACT_ABORT || plan->act == ACT_CLOSE_STDOUT;
    if (is_told && !support_read(told, &byte, 1))
        _exit(97);
    act(plan, keeper, &set);
    _exit(98);
}

/* ---- in the test's process ---- */

static void make_pipe(int ends[2])
{
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
}

static struct program start_program(const struct plan *plan)
{
    int life[2];
    int report[2];
    int tell[2];
    int output[2];
    make_pipe(life);
    make_pipe(report);
    make_pipe(tell);
    make_pipe(output);
    pid_t outer = fork();
    assert_true(outer >= 0);
    if (outer == 0) {
        struct run_keeper keeper;
        struct run_why why;
        struct rlimit core;
        if (getrlimit(RLIMIT_CORE, &core) == 0) {
            core.rlim_cur = core.rlim_max;
            (void)setrlimit(RLIMIT_CORE, &core);
        }
        (void)dup2(output[1], STDOUT_FILENO);
        (void)close(output[1]);
        (void)close(output[0]);
        (void)close(life[0]);
        (void)close(report[0]);
        (void)close(tell[1]);
        (void)signal(SIGHUP, plan->ignore_hangup ? SIG_IGN : SIG_DFL);
        (void)signal(SIGCHLD, SIG_IGN); /* as a careless parent leaves it */
        if (run_keeper_start(&plan->options, &keeper, &why) != 0)
            _exit(99);
        serve(plan, &keeper, report[1], tell[0]);
    }
    (void)close(life[1]);
    (void)close(report[1]);
    (void)close(tell[0]);
    (void)close(output[1]);
    struct program program = {
        .outer = outer, .life = life[0], .tell = tell[1], .output = output[0]};
    assert_true(support_read(report[0], &program.report, sizeof program.report));
    (void)close(report[0]);
    return program;
}

/* Checks that all descendants ended, and returns how the program did. */
static int finish(struct program *program)
{
    int status = 0;
    assert_true(support_wait_end(program->life));
    assert_true(support_wait_child(program->outer, &status));
    (void)close(program->life);
    (void)close(program->tell);
    (void)close(program->output);
    return status;
}

static void tell(const struct program *program)
{
    assert_int_equal(write(program->tell, "a", 1), 1);
}

static void assert_killed_by(int status, int signal_number)
{
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), signal_number);
    assert_false(WCOREDUMP(status));
}

static const struct plan family_that_waits = {.act = ACT_WAIT, .family = true};

static void test_keeper_ends_all_when_the_server_is_killed(void **state)
{
    (void)state;
    struct program program = start_program(&family_that_waits);
    assert_int_equal(kill(program.report.server, SIGKILL), 0);
    assert_killed_by(finish(&program), SIGKILL);
}

static void test_keeper_ends_all_when_the_outer_keeper_is_killed(void **state)
{
    (void)state;
    struct program program = start_program(&family_that_waits);
    assert_int_equal(kill(program.outer, SIGKILL), 0);
    assert_killed_by(finish(&program), SIGKILL);
}

static void test_keeper_ends_all_when_the_inner_keeper_is_killed(void **state)
{
    (void)state;
    struct program program = start_program(&family_that_waits);
    assert_int_equal(kill(program.report.inner, SIGKILL), 0);
    assert_killed_by(finish(&program), SIGKILL);
}

static void test_keeper_ends_all_when_outer_and_server_are_killed(void **state)
{
    (void)state;
    struct program program = start_program(&family_that_waits);
    assert_int_equal(kill(program.outer, SIGKILL), 0);
    (void)kill(program.report.server, SIGKILL);
    assert_killed_by(finish(&program), SIGKILL);
}

static void test_keeper_ends_all_when_inner_and_server_are_killed(void **state)
{
    (void)state;
    struct program program = start_program(&family_that_waits);
    assert_int_equal(kill(program.report.inner, SIGKILL), 0);
    (void)kill(program.report.server, SIGKILL);
    assert_killed_by(finish(&program), SIGKILL);
}

/* With the outer keeper unable to act, as if both were killed at the same instant. */
static void test_keeper_server_dies_with_the_inner_keeper_by_itself(void **state)
{
    (void)state;
    const struct plan plan = {.act = ACT_WAIT};
    struct program program = start_program(&plan);
    assert_int_equal(kill(program.outer, SIGSTOP), 0);
    assert_int_equal(kill(program.report.inner, SIGKILL), 0);
    assert_true(support_wait_dead(program.report.server));
    assert_int_equal(kill(program.outer, SIGCONT), 0);
    assert_killed_by(finish(&program), SIGKILL);
}

static void test_keeper_passes_the_exit_code_on_and_ends_all(void **state)
{
    (void)state;
    const struct plan plan = {.act = ACT_EXIT_7, .family = true};
    struct program program = start_program(&plan);
    tell(&program);
    int status = finish(&program);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
}

static void test_keeper_passes_the_fatal_signal_on_without_a_core(void **state)
{
    (void)state;
    const struct plan plan = {.act = ACT_ABORT};
    struct program program = start_program(&plan);
    tell(&program);
    assert_killed_by(finish(&program), SIGABRT);
}

static void test_keeper_passes_sigterm_on_and_is_its_sender(void **state)
{
    (void)state;
    const struct plan plan = {.act = ACT_ON_TERM, .family = true};
    struct program program = start_program(&plan);
    assert_int_equal(kill(program.outer, SIGTERM), 0);
    int status = finish(&program);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 41);
}

static void test_keeper_passes_sigusr1_on(void **state)
{
    (void)state;
    const struct plan plan = {.act = ACT_ON_USR1};
    struct program program = start_program(&plan);
    assert_int_equal(kill(program.outer, SIGUSR1), 0);
    int status = finish(&program);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 50);
}

static int hang_up(bool ignore)
{
    const struct plan plan = {.act = ACT_HANGUP_TEST, .ignore_hangup = ignore};
    struct program program = start_program(&plan);
    assert_int_equal(kill(program.outer, SIGHUP), 0);
    if (ignore)
        assert_int_equal(kill(program.outer, SIGUSR1), 0);
    int status = finish(&program);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_keeper_passes_sighup_on_unless_inherited_as_ignored(void **state)
{
    (void)state;
    assert_int_equal(hang_up(false), 61);
    assert_int_equal(hang_up(true), 60);
}

/* SIGTERM without a handler ends the server, and the program by the same signal. */
static void test_keeper_ends_by_the_signal_that_ended_the_server(void **state)
{
    (void)state;
    struct program program = start_program(&family_that_waits);
    assert_int_equal(kill(program.outer, SIGTERM), 0);
    assert_killed_by(finish(&program), SIGTERM);
}

static void end_chains(const struct run_keeper_options *options)
{
    struct plan plan = {.act = ACT_WAIT, .family = true, .chains = CHAINS, .options = *options};
    struct program program = start_program(&plan);
    long long begin_ms = support_now_ms();
    assert_int_equal(kill(program.report.server, SIGKILL), 0);
    assert_killed_by(finish(&program), SIGKILL);
    print_message("%d chains of forking processes ended after %lld ms\n", CHAINS,
                  support_now_ms() - begin_ms);
}

static void test_keeper_wins_against_processes_that_fork_on_and_on(void **state)
{
    (void)state;
    const struct run_keeper_options reaping = {.reaping_passes = 0};
    end_chains(&reaping);
    const struct run_keeper_options holding = {.reaping_passes = 1};
    end_chains(&holding);
    const struct run_keeper_options scanning = {.scan_proc = 1};
    end_chains(&scanning);
}

static void test_keeper_outer_killed_while_processes_fork_on_and_on(void **state)
{
    (void)state;
    const struct plan plan = {.act = ACT_WAIT, .family = true, .chains = CHAINS};
    struct program program = start_program(&plan);
    assert_int_equal(kill(program.outer, SIGKILL), 0);
    assert_killed_by(finish(&program), SIGKILL);
}

static void test_keeper_reaps_orphans_while_the_server_lives(void **state)
{
    (void)state;
    const struct plan plan = {.act = ACT_WAIT};
    struct program program = start_program(&plan);
    assert_int_equal(kill(program.report.orphan, SIGKILL), 0);
    assert_true(support_wait_reaped(program.report.orphan));
    assert_int_equal(kill(program.report.server, 0), 0);
    assert_int_equal(kill(program.report.server, SIGKILL), 0);
    assert_killed_by(finish(&program), SIGKILL);
}

static void test_keeper_does_not_hold_standard_output(void **state)
{
    (void)state;
    const struct plan plan = {.act = ACT_CLOSE_STDOUT};
    struct program program = start_program(&plan);
    /* The orphan inherited standard output too. */
    assert_int_equal(kill(program.report.orphan, SIGKILL), 0);
    tell(&program);
    assert_true(support_wait_end(program.output));
    assert_int_equal(kill(program.report.server, SIGKILL), 0);
    assert_killed_by(finish(&program), SIGKILL);
}

static long private_kib(pid_t pid)
{
    char path[64];
    char line[256];
    long total = 0;
    long value;
    (void)snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return -1;
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "Private_Clean: %ld kB", &value) == 1 ||
            sscanf(line, "Private_Dirty: %ld kB", &value) == 1)
            total += value;
    }
    (void)fclose(file);
    return total;
}

static void test_keeper_is_small(void **state)
{
    (void)state;
    const struct plan plan = {.act = ACT_WAIT};
    struct program program = start_program(&plan);
    long outer = private_kib(program.outer);
    long inner = private_kib(program.report.inner);
    print_message("private memory: outer keeper %ld KiB, inner keeper %ld KiB\n", outer, inner);
    assert_true(outer > 0 && inner > 0);
    if (!INSTRUMENTED)
        assert_true(outer + inner <= KEEPERS_MAX_KIB);
    assert_int_equal(kill(program.report.server, SIGKILL), 0);
    assert_killed_by(finish(&program), SIGKILL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keeper_ends_all_when_the_server_is_killed),
        cmocka_unit_test(test_keeper_ends_all_when_the_outer_keeper_is_killed),
        cmocka_unit_test(test_keeper_ends_all_when_the_inner_keeper_is_killed),
        cmocka_unit_test(test_keeper_ends_all_when_outer_and_server_are_killed),
        cmocka_unit_test(test_keeper_ends_all_when_inner_and_server_are_killed),
        cmocka_unit_test(test_keeper_server_dies_with_the_inner_keeper_by_itself),
        cmocka_unit_test(test_keeper_passes_the_exit_code_on_and_ends_all),
        cmocka_unit_test(test_keeper_passes_the_fatal_signal_on_without_a_core),
        cmocka_unit_test(test_keeper_passes_sigterm_on_and_is_its_sender),
        cmocka_unit_test(test_keeper_passes_sigusr1_on),
        cmocka_unit_test(test_keeper_passes_sighup_on_unless_inherited_as_ignored),
        cmocka_unit_test(test_keeper_ends_by_the_signal_that_ended_the_server),
        cmocka_unit_test(test_keeper_wins_against_processes_that_fork_on_and_on),
        cmocka_unit_test(test_keeper_outer_killed_while_processes_fork_on_and_on),
        cmocka_unit_test(test_keeper_reaps_orphans_while_the_server_lives),
        cmocka_unit_test(test_keeper_does_not_hold_standard_output),
        cmocka_unit_test(test_keeper_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
