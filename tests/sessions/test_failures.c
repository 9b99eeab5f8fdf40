/*
 * The n-th system call and the n-th allocation fail, for every call that a session makes and every
 * n. Whatever fails: every start is answered, every session ends, every request is answered,
 * nothing is left behind.
 */
#include "support.h"
#include "support_faults.h"
#include "support_strays.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

enum { CALLS_MAX = SUP_COUNT(40, 8) }; /* of one kind: /proc is read file by file */

static struct sup_world world;
static int last_fault; /* for the message when a test fails */
static unsigned last_call;
static const struct iocp_port_options port_options = {.workers = 2, .sys = &faults_iocp_sys};
static const struct sess_host_options host_options = {
    .sys = &faults_sess_sys, .memory = &faults_memory, .drain_quiet_ms = 20, .drain_max_ms = 100};

/* Opens both without a fault: a port or a host that does not open is its own matter. */
static void begin(enum fault fault, unsigned n)
{
    last_fault = (int)fault;
    last_call = n;
    faults_set(fault, 0);
    sup_open_with(&world, &port_options, &host_options);
    faults_set(fault, n);
}

/* Starts, or is refused at once. */
static struct sup_tap *try_start(const struct sess_spec *spec)
{
    struct sup_tap *tap = sup_try_start(&world, spec);
    if (tap != NULL)
        sup_wait_started(tap);
    if (tap == NULL || tap->result == 0)
        return tap;
    sup_free(tap);
    return NULL;
}

static int try_write(struct sup_tap *tap, const char *text, size_t size)
{
    struct sup_ask ask;
    sup_ask_begin(&ask, SESS_REQUEST_WRITE);
    if (iocp_lease(world.port, (uint32_t)size, &ask.request.ask.write.slice) != 0) {
        sup_ask_end(&ask);
        return SESS_E_NO_CAPACITY;
    }
    memcpy(ask.request.ask.write.slice.data, text, size);
    ask.request.ask.write.may_wait = true;
    sup_ask_post(&ask, tap);
    int result = sup_ask_wait(&ask);
    sup_ask_end(&ask);
    return result;
}

/* Ends it, whatever state the failure left it in. */
static void end(struct sup_tap *tap)
{
    (void)sup_stop(tap, SESS_STOP_FORCE, 0);
    sup_free(tap);
}

static void run_pipes(void)
{
    const char *argv[] = {CHILD("echo"), NULL};
    const char *env[] = {"A=1", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_PIPES);
    spec.cwd = "/";
    spec.env = env;
    struct sup_tap *tap = try_start(&spec);
    if (tap == NULL)
        return;
    static char text[100000];
    bool whole = try_write(tap, text, sizeof(text)) == 0 && try_write(tap, "end", 3) == 0;
    if (whole && sup_close_stdin(tap) == 0)
        sup_wait_exited(tap);
    end(tap);
}

static void run_tty(void)
{
    const char *argv[] = {"sh", "-c", "cat; exit 3", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_TTY);
    struct sup_tap *tap = try_start(&spec);
    if (tap == NULL)
        return;
    (void)sup_resize(tap, 30, 90);
    (void)try_write(tap, "a line\n", 7);
    (void)sup_interrupt(tap);
    (void)sup_close_stdin(tap);
    end(tap);
}

static void run_tree(void)
{
    const char *argv[] = {CHILD("tree"), NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    struct sup_tap *tap = try_start(&spec);
    if (tap == NULL)
        return;
    (void)sup_stop(tap, SESS_STOP_GRACEFUL, 200);
    sup_free(tap);
}

static void run_orphan(void)
{
    const char *argv[] = {CHILD("holder"), "100", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    struct sup_tap *tap = try_start(&spec);
    if (tap == NULL)
        return;
    sup_wait_gone(tap);
    (void)kill((pid_t)-tap->os_pid, SIGKILL); /* the holder is still in that group */
    sup_free(tap);
}

static void fail_each(void (*run)(void))
{
    unsigned counts[FAULTS], failed = 0;
    begin(FAULT_open, 0);
    run();
    for (int fault = 0; fault < FAULTS; fault++)
        counts[fault] = faults_count((enum fault)fault);
    sup_close(&world);
    for (int fault = 0; fault < FAULTS; fault++) {
        unsigned most = counts[fault] < CALLS_MAX ? counts[fault] : CALLS_MAX;
        for (unsigned n = 1; n <= most; n++) {
            begin((enum fault)fault, n);
            run();
            failed += faults_hit();
            faults_set((enum fault)fault, 0);
            sup_close(&world);
        }
    }
    print_message("%u failures\n", failed);
    assert_true(failed > 10);
}

static int tell_last(void **state)
{
    (void)state;
    print_message("the last failure was call %u of fault %d\n", last_call, last_fault);
    return 0;
}

static void test_failures_pipe_session(void **state)
{
    (void)state;
    fail_each(run_pipes);
}

static void test_failures_tty_session(void **state)
{
    (void)state;
    fail_each(run_tty);
}

static void test_failures_graceful_stop_of_a_tree(void **state)
{
    (void)state;
    fail_each(run_tree);
}

static void test_failures_drain_and_orphan(void **state)
{
    (void)state;
    fail_each(run_orphan);
}

/* ---- Systems that lack something ---- */

static pid_t plain_clone(const struct sess_clone *clone, int *out_pidfd)
{
    struct sess_clone plain = *clone;
    plain.plain = true;
    return sess_sys_default.clone(&plain, out_pidfd);
}

static pid_t clone_without_pidfd(const struct sess_clone *clone, int *out_pidfd)
{
    pid_t pid = plain_clone(clone, out_pidfd);
    if (*out_pidfd >= 0)
        assert_int_equal(close(*out_pidfd), 0);
    *out_pidfd = -1;
    return pid;
}

SESS_RAW static int no_close_range(unsigned first, unsigned last, unsigned flags)
{
    (void)first, (void)last, (void)flags;
    errno = ENOSYS;
    return -1;
}

static void on_signal(int number)
{
    (void)number;
}

/* Starts print_state on a system with these calls; it must find what it always finds. */
static void expect_usual_state(const struct sess_sys *sys)
{
    const struct sess_host_options options = {
        .sys = sys, .child_nofile_soft = 500, .child_nofile_hard = 500};
    const char *argv[] = {CHILD("print_state"), NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_PIPES);
    int leaky = dup(0);
    (void)signal(SIGUSR1, on_signal);
    sup_open(&world, &options);
    for (int i = 0; i < 10; i++) {
        struct sup_tap *tap = sup_run(&world, &spec);
        assert_string_equal(tap->text, "");
        assert_string_equal(sup_text(tap, SESS_STDOUT),
                            "fd 0 pipe\nfd 1 pipe\nfd 2 pipe\nblocked 0\nnotdefault 0\n"
                            "soft 500\nhard 500\ndeath 9\nleads yes\n");
        sup_free(tap);
    }
    sup_close(&world);
    (void)signal(SIGUSR1, SIG_DFL);
    assert_int_equal(close(leaky), 0);
}

static void test_failures_system_without_clone3(void **state)
{
    (void)state;
    struct sess_sys sys = sess_sys_default;
    sys.clone = plain_clone;
    expect_usual_state(&sys);
}

static void test_failures_system_without_pidfd_of_clone(void **state)
{
    (void)state;
    struct sess_sys sys = sess_sys_default;
    sys.clone = clone_without_pidfd;
    expect_usual_state(&sys);
}

static void test_failures_system_without_close_range(void **state)
{
    (void)state;
    struct sess_sys sys = sess_sys_default;
    sys.close_range = no_close_range;
    expect_usual_state(&sys);
    sys.clone = clone_without_pidfd;
    expect_usual_state(&sys);
}

/* A host that cannot open says so and leaves nothing. */
static void test_failures_open_host(void **state)
{
    (void)state;
    struct iocp_port *port;
    int os_error = 0, refused = 0;
    uint64_t before = sup_open_descriptors();
    assert_int_equal(iocp_port_open(NULL, &port, &os_error), 0);
    uint64_t with_port = sup_open_descriptors();
    static const enum fault faults[] = {FAULT_open, FAULT_dup_from, FAULT_resize};
    for (int i = 0; i < 3; i++) {
        for (unsigned n = 1; n <= 14; n++) {
            struct sess_host *host = NULL;
            faults_set(faults[i], n);
            int result = sess_host_open(port, &host_options, &host, &os_error);
            if (result != 0) {
                assert_true(result == SESS_E_NO_CAPACITY || result == SESS_E_OS);
                assert_int_equal(sup_open_descriptors(), with_port);
                refused++;
                continue;
            }
            faults_set(faults[i], 0);
            struct sup_world opened = {port, host, 0};
            sup_close_host(&opened);
        }
    }
    assert_int_equal(refused, 1 + 12 + 2); /* /dev/null, the slots, the two blocks */
    iocp_port_close(port);
    assert_int_equal(sup_open_descriptors(), before);
}

static int run(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failures_system_without_clone3),
        cmocka_unit_test(test_failures_system_without_pidfd_of_clone),
        cmocka_unit_test(test_failures_system_without_close_range),
        cmocka_unit_test(test_failures_open_host),
        cmocka_unit_test_teardown(test_failures_pipe_session, tell_last),
        cmocka_unit_test_teardown(test_failures_tty_session, tell_last),
        cmocka_unit_test_teardown(test_failures_graceful_stop_of_a_tree, tell_last),
        cmocka_unit_test_teardown(test_failures_drain_and_orphan, tell_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A walk that a failure cut short may miss somebody. */
int main(void)
{
    return sup_run_and_clear(run);
}
