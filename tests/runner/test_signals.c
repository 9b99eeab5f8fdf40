/* Dispositions, mask and descriptor of signals, in child processes of their own; and the counting
 * of requests to stop.
 */
#include "runner/signals.h"
#include "tests/runner/support_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define MS 1000000ULL

/* Runs BODY in a child and returns its exit code, or 128 + the signal that ended it. */
static int in_child(int (*body)(void))
{
    int status = 0;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(body());
    assert_true(support_wait_child(pid, &status));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int read_signal(int fd, struct run_signal *out_signal)
{
    unsigned char record[RUN_SIGNAL_RECORD_BYTES];
    return support_read(fd, record, sizeof record) ? run_signals_decode(record, out_signal) : -2;
}

static int body_delivers(void)
{
    bool hangup_ignored = true;
    struct run_signal got;
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    (void)signal(SIGHUP, SIG_DFL);
    run_signals_init(&hangup_ignored);
    int fd = run_signals_open(!hangup_ignored);
    if (hangup_ignored || fd < 0)
        return 1;
    if (!(fcntl(fd, F_GETFL) & O_NONBLOCK) || !(fcntl(fd, F_GETFD) & FD_CLOEXEC))
        return 2;
    for (int i = 0; i < 3; i++) {
        (void)kill(getpid(), numbers[i]);
        if (read_signal(fd, &got) != 0)
            return 10 + i;
        if ((int)got.kind != i || got.sender_pid != (int64_t)getpid())
            return 20 + i;
    }
    return 0;
}

static int body_ignored_hangup(void)
{
    bool hangup_ignored = false;
    (void)signal(SIGHUP, SIG_IGN);
    run_signals_init(&hangup_ignored);
    int fd = run_signals_open(!hangup_ignored);
    if (!hangup_ignored || fd < 0)
        return 1;
    (void)kill(getpid(), SIGHUP);
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    if (poll(&poll_fd, 1, 0) != 0)
        return 2;
    return 0;
}

static int body_sigpipe(void)
{
    bool hangup_ignored;
    int ends[2];
    run_signals_init(&hangup_ignored);
    if (pipe(ends) != 0 || close(ends[0]) != 0)
        return 1;
    return write(ends[1], "x", 1) == -1 && errno == EPIPE ? 0 : 2;
}

/* With SIGCHLD inherited as ignored the exit code of a child would be lost. */
static int body_sigchld(void)
{
    bool hangup_ignored;
    int status = 0;
    (void)signal(SIGCHLD, SIG_IGN);
    run_signals_init(&hangup_ignored);
    pid_t pid = fork();
    if (pid == 0)
        _exit(9);
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 9 ? 0 : 1;
}

static void *raise_many(void *context)
{
    static const int numbers[] = {SIGTERM, SIGINT,  SIGHUP,  SIGUSR1, SIGUSR2,
                                  SIGALRM, SIGCHLD, SIGPIPE, SIGIO,   SIGWINCH};
    (void)context;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        (void)raise(numbers[i]);
    return NULL;
}

static int body_threads_block(void)
{
    bool hangup_ignored;
    pthread_t thread;
    run_signals_init(&hangup_ignored);
    if (pthread_create(&thread, NULL, raise_many, NULL) != 0 || pthread_join(thread, NULL) != 0)
        return 1;
    return 0;
}

static int body_quit_ends(void)
{
    bool hangup_ignored;
    run_signals_init(&hangup_ignored);
    (void)signal(SIGQUIT, SIG_DFL);
    (void)raise(SIGQUIT);
    return 1;
}

static void test_signals_are_delivered_as_records(void **state)
{
    (void)state;
    assert_int_equal(in_child(body_delivers), 0);
}

static void test_signals_hangup_inherited_as_ignored_is_no_request(void **state)
{
    (void)state;
    assert_int_equal(in_child(body_ignored_hangup), 0);
}

static void test_signals_broken_pipe_is_an_error_not_an_end(void **state)
{
    (void)state;
    assert_int_equal(in_child(body_sigpipe), 0);
}

static void test_signals_children_keep_their_exit_code(void **state)
{
    (void)state;
    assert_int_equal(in_child(body_sigchld), 0);
}

static void test_signals_threads_are_not_disturbed(void **state)
{
    (void)state;
    assert_int_equal(in_child(body_threads_block), 0);
}

static void test_signals_quit_keeps_its_meaning(void **state)
{
    (void)state;
    assert_int_equal(in_child(body_quit_ends), 128 + SIGQUIT);
}

static void test_signals_stop_direct(void **state)
{
    (void)state;
    struct run_stop_votes votes = {0};
    assert_int_equal(run_stop_vote(&votes, false, 1000 * MS), RUN_STOP_GRACEFUL);
    assert_int_equal(run_stop_vote(&votes, false, 1100 * MS), RUN_STOP_GRACEFUL);
    assert_int_equal(run_stop_vote(&votes, false, 1249 * MS), RUN_STOP_GRACEFUL);
    assert_int_equal(run_stop_vote(&votes, false, 1250 * MS), RUN_STOP_FORCE);
    assert_int_equal(run_stop_vote(&votes, false, 9000 * MS), RUN_STOP_FORCE);
}

static void test_signals_stop_that_comes_both_ways_is_one(void **state)
{
    (void)state;
    struct run_stop_votes votes = {0};
    assert_int_equal(run_stop_vote(&votes, false, 1000 * MS), RUN_STOP_GRACEFUL);
    assert_int_equal(run_stop_vote(&votes, true, 1001 * MS), RUN_STOP_GRACEFUL);
    assert_int_equal(run_stop_vote(&votes, true, 3000 * MS), RUN_STOP_FORCE);
    assert_int_equal(run_stop_vote(&votes, false, 3001 * MS), RUN_STOP_FORCE);
}

/* A keeper that gets no processor for a while passes the signal on late. */
static void test_signals_stop_late_copy_is_no_second_request(void **state)
{
    (void)state;
    struct run_stop_votes votes = {0};
    assert_int_equal(run_stop_vote(&votes, false, 1000 * MS), RUN_STOP_GRACEFUL);
    assert_int_equal(run_stop_vote(&votes, true, 4000 * MS), RUN_STOP_GRACEFUL);
    assert_int_equal(run_stop_vote(&votes, false, 5000 * MS), RUN_STOP_FORCE);
}

static void test_signals_stop_different_ways_add_up(void **state)
{
    (void)state;
    struct run_stop_votes votes = {0};
    assert_int_equal(run_stop_vote(&votes, true, 1000 * MS), RUN_STOP_GRACEFUL);
    assert_int_equal(run_stop_vote(&votes, false, 1000 * MS), RUN_STOP_GRACEFUL);
    assert_int_equal(run_stop_vote(&votes, true, 1500 * MS), RUN_STOP_FORCE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signals_are_delivered_as_records),
        cmocka_unit_test(test_signals_hangup_inherited_as_ignored_is_no_request),
        cmocka_unit_test(test_signals_broken_pipe_is_an_error_not_an_end),
        cmocka_unit_test(test_signals_children_keep_their_exit_code),
        cmocka_unit_test(test_signals_threads_are_not_disturbed),
        cmocka_unit_test(test_signals_quit_keeps_its_meaning),
        cmocka_unit_test(test_signals_stop_direct),
        cmocka_unit_test(test_signals_stop_that_comes_both_ways_is_one),
        cmocka_unit_test(test_signals_stop_late_copy_is_no_second_request),
        cmocka_unit_test(test_signals_stop_different_ways_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
