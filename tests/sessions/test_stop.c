/*
 * Stopping: interrupts, graceful and forced ends, always the whole tree.
 */
#include "support.h"

#include <signal.h>

enum { LONG_MS = 3600 * 1000 }; /* no test waits for so long */

static struct sup_world world;

static int open_world(void **state)
{
    (void)state;
    sup_open(&world, NULL);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    sup_close(&world);
    return 0;
}

/* Starts a child that says "ready". */
static struct sup_tap *start_ready(const char *const *argv, enum sess_stdio stdio)
{
    struct sess_spec spec = sup_spec(argv, stdio);
    struct sup_tap *tap = sup_start(&world, &spec);
    sup_wait_text(tap, stdio == SESS_STDIO_TTY ? SESS_PTY : SESS_STDOUT, "ready");
    return tap;
}

/* ---- Interrupt ---- */

static void test_stop_interrupt(void **state)
{
    (void)state;
    for (int stdio = SESS_STDIO_OUTPUT; stdio <= SESS_STDIO_TTY; stdio++) {
        const char *argv[] = {CHILD("catch_signal"), NULL};
        struct sup_tap *tap = start_ready(argv, (enum sess_stdio)stdio);
        assert_int_equal(sup_interrupt(tap), 0);
        sup_wait_gone(tap);
        enum sess_stream stream = stdio == SESS_STDIO_TTY ? SESS_PTY : SESS_STDOUT;
        assert_non_null(strstr(sup_text(tap, stream), "caught INT"));
        assert_int_equal(tap->exit_record.exit_code, 7);
        assert_int_equal(tap->exit_record.ender, SESS_ENDER_ITSELF);
        sup_free(tap);
    }
}

/* The shell makes a job of its own group the foreground; only that one is interrupted. */
static void test_stop_interrupt_hits_the_foreground_group(void **state)
{
    (void)state;
    const char *argv[] = {
        "/bin/bash", "--norc",
        "-i",        "-m",
        "-c",        CHILD("catch_signal") "; echo code $?; " CHILD("wait") "; echo never",
        NULL};
    const char *env[] = {"PATH=/usr/bin:/bin", "TERM=dumb", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_TTY);
    spec.env = env;
    struct sup_tap *tap = sup_start(&world, &spec);
    sup_wait_text(tap, SESS_PTY, "ready");
    assert_int_equal(sup_interrupt(tap), 0);
    sup_wait_text(tap, SESS_PTY, "caught INT\r\ncode 7\r\nready\r\n");
    assert_int_equal(sup_view(tap).state, SESS_RUNNING);
    assert_true(sup_stop(tap, SESS_STOP_FORCE, 0));
    sup_wait_gone(tap);
    assert_int_equal(tap->exit_record.signal, SIGKILL);
    assert_false(sup_heard(tap, SESS_PTY, "never"));
    sup_free(tap);
}

/* ---- Force ---- */

static void test_stop_force(void **state)
{
    (void)state;
    for (int stdio = SESS_STDIO_OUTPUT; stdio <= SESS_STDIO_TTY; stdio++) {
        const char *argv[] = {CHILD("ignore_term"), NULL};
        struct sup_tap *tap = start_ready(argv, (enum sess_stdio)stdio);
        assert_true(sup_stop(tap, SESS_STOP_FORCE, 0));
        sup_wait_gone(tap);
        assert_int_equal(tap->exit_record.signal, SIGKILL);
        assert_int_equal(tap->exit_record.exit_code, 137);
        assert_int_equal(tap->exit_record.ender, SESS_ENDER_CLIENT);
        assert_int_equal(tap->reason, SESS_CLOSE_EOF);
        sup_free(tap);
    }
}

static void test_stop_twice_is_once(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("ignore_term"), NULL};
    struct sup_tap *tap = start_ready(argv, SESS_STDIO_PIPES);
    struct sup_ask asks[5];
    for (int i = 0; i < 5; i++) {
        sup_ask_begin(&asks[i], SESS_REQUEST_STOP);
        asks[i].request.ask.stop.mode = i % 2 == 0 ? SESS_STOP_FORCE : SESS_STOP_GRACEFUL;
        asks[i].request.ask.stop.ender = i == 0 ? SESS_ENDER_TIME_LIMIT : SESS_ENDER_SHUTDOWN;
        sup_ask_post(&asks[i], tap);
    }
    for (int i = 0; i < 5; i++) {
        assert_int_equal(sup_ask_wait(&asks[i]), 0);
        sup_ask_end(&asks[i]);
    }
    sup_wait_gone(tap);
    assert_int_equal(tap->exit_record.ender, SESS_ENDER_TIME_LIMIT); /* who asked first */
    sup_free(tap);
}

/* ---- Trees ---- */

struct tree {
    int64_t child, group, session, grandchild;
};

static struct sup_tap *start_tree(struct tree *out_tree, enum sess_stdio stdio, bool stubborn)
{
    const char *argv[] = {CHILD("tree"), stubborn ? "stubborn" : NULL, NULL};
    enum sess_stream stream = stdio == SESS_STDIO_TTY ? SESS_PTY : SESS_STDOUT;
    struct sup_tap *tap = start_ready(argv, stdio);
    out_tree->child = sup_wait_number(tap, stream, "child ");
    out_tree->group = sup_wait_number(tap, stream, "group ");
    out_tree->session = sup_wait_number(tap, stream, "session ");
    out_tree->grandchild = sup_wait_number(tap, stream, "grandchild ");
    assert_true(sup_is_alive(out_tree->grandchild));
    return tap;
}

static void wait_dead(const struct tree *tree)
{
    sup_wait_dead(tree->child);
    sup_wait_dead(tree->group);
    sup_wait_dead(tree->session);
    sup_wait_dead(tree->grandchild);
}

static void test_stop_force_kills_the_whole_tree(void **state)
{
    (void)state;
    for (int stdio = SESS_STDIO_OUTPUT; stdio <= SESS_STDIO_TTY; stdio++) {
        struct tree tree;
        struct sup_tap *tap = start_tree(&tree, (enum sess_stdio)stdio, true);
        assert_true(sup_stop(tap, SESS_STOP_FORCE, 0));
        sup_wait_gone(tap);
        wait_dead(&tree);
        assert_int_equal(tap->reason, SESS_CLOSE_EOF);
        assert_int_equal(tap->exit_record.signal, SIGKILL);
        sup_free(tap);
    }
}

static void test_stop_graceful_ends_the_whole_tree(void **state)
{
    (void)state;
    struct tree tree;
    struct sup_tap *tap = start_tree(&tree, SESS_STDIO_PIPES, false);
    assert_true(sup_stop(tap, SESS_STOP_GRACEFUL, LONG_MS)); /* nobody is waited for in vain */
    sup_wait_gone(tap);
    wait_dead(&tree);
    assert_int_equal(tap->exit_record.signal, SIGTERM);
    assert_int_equal(tap->exit_record.ender, SESS_ENDER_CLIENT);
    sup_free(tap);
}

static void test_stop_graceful_lets_the_program_clean_up(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("catch_signal"), NULL};
    struct sup_tap *tap = start_ready(argv, SESS_STDIO_PIPES);
    assert_true(sup_stop(tap, SESS_STOP_GRACEFUL, LONG_MS));
    sup_wait_gone(tap);
    assert_non_null(strstr(sup_text(tap, SESS_STDOUT), "caught TERM"));
    assert_int_equal(tap->exit_record.exit_code, 7);
    assert_int_equal(tap->exit_record.ender, SESS_ENDER_CLIENT);
    sup_free(tap);
}

/* It ignores the request to end: it is killed when the time is over, not before. */
static void test_stop_graceful_then_force(void **state)
{
    (void)state;
    struct tree tree;
    struct sup_tap *tap = start_tree(&tree, SESS_STDIO_PIPES, true);
    uint64_t before_ms = sup_now_ms();
    assert_true(sup_stop(tap, SESS_STOP_GRACEFUL, 300));
    sup_wait_gone(tap);
    assert_true(sup_now_ms() - before_ms >= 300);
    wait_dead(&tree);
    assert_int_equal(tap->exit_record.signal, SIGKILL);
    sup_free(tap);
}

/* Impatience overtakes patience. */
static void test_stop_force_after_graceful(void **state)
{
    (void)state;
    struct tree tree;
    struct sup_tap *tap = start_tree(&tree, SESS_STDIO_TTY, true);
    assert_true(sup_stop(tap, SESS_STOP_GRACEFUL, LONG_MS));
    assert_true(sup_stop(tap, SESS_STOP_FORCE, 0));
    sup_wait_gone(tap);
    wait_dead(&tree);
    sup_free(tap);
}

/* The leader obeys when it gets a processor, a child in a session of its own does not obey: it has
 * the rest of the time, which is shortened as soon as the leader has gone. */
static void test_stop_graceful_waits_for_survivors(void **state)
{
    (void)state;
    const char *argv[] = {"/bin/sh", "-c", "setsid " CHILD("ignore_term") " & wait; exit 3", NULL};
    const char *env[] = {"PATH=/usr/bin:/bin", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    spec.env = env;
    struct sup_tap *tap = sup_start(&world, &spec);
    sup_wait_text(tap, SESS_STDOUT, "ready");
    assert_true(sup_stop(tap, SESS_STOP_GRACEFUL, LONG_MS));
    sup_wait_exited(tap);
    assert_int_equal(tap->exit_record.signal, SIGTERM);
    uint64_t before_ms = sup_now_ms();
    assert_false(sup_stop(tap, SESS_STOP_GRACEFUL, 600));
    sup_wait_gone(tap); /* that is, after the survivor was killed */
    assert_true(sup_now_ms() - before_ms >= 600);
    sup_free(tap);
}

/* After the exit, a stop is for whoever holds the streams. */
static void test_stop_while_draining(void **state)
{
    (void)state;
    const struct sess_host_options patient = {.drain_quiet_ms = 60000, .drain_max_ms = 60000};
    const char *argv[] = {CHILD("holder"), NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    sup_open(&world, &patient);
    struct sup_tap *tap = sup_start(&world, &spec);
    int64_t holder = sup_wait_number(tap, SESS_STDOUT, "holder ");
    sup_wait_exited(tap);
    assert_false(sup_stop(tap, SESS_STOP_FORCE, 0));
    sup_wait_gone(tap);
    sup_wait_dead(holder);
    assert_int_equal(tap->reason, SESS_CLOSE_EOF);
    assert_int_equal(tap->exit_record.ender, SESS_ENDER_ITSELF);
    sup_free(tap);
    sup_close(&world);
}

/* One walk of the process table serves many. */
static void test_stop_many_at_once(void **state)
{
    (void)state;
    enum { SESSIONS = SUP_COUNT(100, 30) };
    struct tree trees[SESSIONS];
    struct sup_tap *taps[SESSIONS];
    struct sup_ask asks[SESSIONS];
    for (int i = 0; i < SESSIONS; i++)
        taps[i] = start_tree(&trees[i], i % 2 == 0 ? SESS_STDIO_TTY : SESS_STDIO_PIPES, true);
    for (int i = 0; i < SESSIONS; i++) {
        sup_ask_begin(&asks[i], SESS_REQUEST_DETACH);
        asks[i].request.ask.stop.mode = i % 3 == 0 ? SESS_STOP_GRACEFUL : SESS_STOP_FORCE;
        asks[i].request.ask.stop.timeout_ms = 100;
        asks[i].request.ask.stop.ender = SESS_ENDER_DISCONNECT;
        sup_ask_post(&asks[i], taps[i]);
    }
    for (int i = 0; i < SESSIONS; i++) {
        assert_int_equal(sup_ask_wait(&asks[i]), 0);
        sup_ask_end(&asks[i]);
        wait_dead(&trees[i]);
        taps[i]->gone = true; /* it detached and hears nothing */
        sup_free(taps[i]);
    }
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(test_stop_interrupt),
        IN_WORLD(test_stop_interrupt_hits_the_foreground_group),
        IN_WORLD(test_stop_force),
        IN_WORLD(test_stop_twice_is_once),
        IN_WORLD(test_stop_force_kills_the_whole_tree),
        IN_WORLD(test_stop_graceful_ends_the_whole_tree),
        IN_WORLD(test_stop_graceful_lets_the_program_clean_up),
        IN_WORLD(test_stop_graceful_then_force),
        IN_WORLD(test_stop_force_after_graceful),
        IN_WORLD(test_stop_graceful_waits_for_survivors),
        cmocka_unit_test(test_stop_while_draining),
        IN_WORLD(test_stop_many_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
