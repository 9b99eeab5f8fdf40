/*
 * Every scenario against the bare server, small: the exit code is 0 and the figures are there; and
 * what goes wrong is said and shows in the exit code.
 */
#include "tests/load/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT_S = 60 };

#define BARE LOAD_PATH " serve-bare"

static void assert_runs(const char *const *arguments, const char *text)
{
    const char *argv[32] = {LOAD_PATH};
    struct ran_program program;
    size_t count = 1;

    for (; *arguments != NULL && count < 31; arguments++)
        argv[count++] = *arguments;
    argv[count] = NULL;
    program = run_program(argv, LIMIT_S);
    assert_exit_code(&program, 0);
    assert_says(&program, text);
    assert_says(&program, "\"faults\":0}");
    free_program(&program);
}

#define RUNS(text, ...)                                                                            \
    do {                                                                                           \
        static const char *const arguments[] = {__VA_ARGS__, NULL};                                \
                                                                                                   \
        assert_runs(arguments, text);                                                              \
    } while (0)

static void test_scenarios_starts(void **state)
{
    (void)state;
    RUNS("\"at_a_time\":4,\"starts\":", "starts", "--serve", BARE, "--json", "--seconds", "1",
         "--sessions", "4");
}

static void test_scenarios_throughput_pipe_and_tty(void **state)
{
    (void)state;
    RUNS("\"tty\":false,\"sessions\":3,\"bytes\":", "throughput", "--serve", BARE, "--json",
         "--seconds", "1", "--sessions", "3");
    RUNS("\"tty\":true,\"sessions\":2,\"bytes\":", "throughput", "--serve", BARE, "--json",
         "--seconds", "1", "--sessions", "2", "--tty", "all", "--dialect", "v0");
}

static void test_scenarios_echo(void **state)
{
    (void)state;
    RUNS("\"tty\":true,\"sessions\":20,\"echoes\":", "echo", "--serve", BARE, "--json", "--seconds",
         "1", "--sessions", "20", "--connections", "3");
}

/* The bare server knows no files. */
static void test_scenarios_files(void **state)
{
    (void)state;
    RUNS("\"call\":\"block-1k\",\"in_flight\":3,\"calls\":", "files", "--serve", RUNNER_PATH,
         "--json", "--seconds", "1", "--only", "block-1k", "--in-flight", "3");
    RUNS("\"call\":\"write-1k\",\"in_flight\":1,\"calls\":", "files", "--serve", RUNNER_PATH,
         "--json", "--seconds", "1", "--only", "write-1k,walk-1000", "--in-flight", "1");
}

static void test_scenarios_idle(void **state)
{
    (void)state;
    RUNS("\"private_bytes_per_session\":", "idle", "--serve", BARE, "--json", "--quiet", "1",
         "--sessions", "40", "--tty", "half");
}

static void test_scenarios_slow_reader(void **state)
{
    (void)state;
    RUNS("\"scenario\":\"slow-reader\",\"sessions\":4,\"peak_private_kib\":", "slow-reader",
         "--serve", BARE, "--json", "--sessions", "4");
}

/* The figure behind a name in a line of JSON. */
static double figure_of(const struct ran_program *program, const char *name)
{
    const char *at;

    assert_says(program, name);
    at = strstr(program->out, name) + strlen(name);
    return strtod(at, NULL);
}

static void test_scenarios_bystander(void **state)
{
    static const char *const argv[] = {LOAD_PATH,    "bystander", "--serve",   BARE, "--json",
                                       "--sessions", "8",         "--seconds", "1",  NULL};
    struct ran_program program = run_program(argv, LIMIT_S);
    double p50_us, p99_us, max_us;

    (void)state;
    assert_exit_code(&program, 0);
    assert_says(&program, "\"scenario\":\"bystander\",\"sessions\":8,\"replies\":");
    p50_us = figure_of(&program, "\"p50_us\":");
    p99_us = figure_of(&program, "\"p99_us\":");
    max_us = figure_of(&program, "\"max_us\":");
    assert_true(p50_us > 0 && p50_us <= p99_us && p99_us <= max_us);
    free_program(&program);
}

static void test_scenarios_demo_in_both_dialects(void **state)
{
    (void)state;
    RUNS("\"sessions\":60,\"ttys\":30,", "demo", "--serve", BARE, "--json", "--sessions", "60");
    RUNS("\"sessions\":40,", "demo", "--serve", BARE, "--json", "--sessions", "40", "--dialect",
         "v0");
}

/* The bare server cannot be resumed. Where nobody shall come back there is no storm: clients that
 * get no processor would come too late. */
static void test_scenarios_detach_storm(void **state)
{
    (void)state;
    RUNS("\"connections\":4,\"sessions\":3,\"storms\":0,", "detach-storm", "--serve",
         RUNNER_PATH " --detach-ttl 1s", "--json", "--connections", "4", "--sessions", "3",
         "--storms", "0", "--let-go", "20");
    RUNS("\"connections\":2,\"sessions\":11,\"storms\":3,", "detach-storm", "--serve", RUNNER_PATH,
         "--json", "--connections", "2", "--sessions", "11", "--storms", "3");
}

static void test_scenarios_soak(void **state)
{
    (void)state;
    RUNS("\"descriptors_left\":0,\"zombies\":0,", "soak", "--serve", BARE, "--json", "--sessions",
         "120");
    RUNS("\"descriptors_left\":0,\"zombies\":0,", "soak", "--serve", BARE, "--json", "--sessions",
         "30", "--pipeline", "2", "--connections", "3");
}

static void test_scenarios_limits_have_both_loops(void **state)
{
    (void)state;
    RUNS("{\"server\":\"bare binary\",\"scenario\":\"throughput\"", "limits", "--json", "--only",
         "throughput", "--seconds", "1", "--sessions", "2", "--tty", "none");
}

static void test_scenarios_bench_prints_a_column_for_each(void **state)
{
    static const char *const argv[] = {
        LOAD_PATH, "bench", "--markdown", "--serve", "one=" BARE, "--serve", "two=" BARE,
        "--only",  "echo",  "--sessions", "2",       "--seconds", "1",       NULL};
    struct ran_program program = run_program(argv, LIMIT_S);

    (void)state;
    assert_exit_code(&program, 0);
    assert_says(&program, "| what | one | two | bare loop |");
    assert_says(&program, "| echo tty, 2 sessions, p50, us |");
    free_program(&program);
}

static void assert_fails(const char *const *argv, int exit_code, const char *text)
{
    struct ran_program program = run_program(argv, LIMIT_S);

    assert_exit_code(&program, exit_code);
    assert_says(&program, text);
    free_program(&program);
}

#define FAILS(exit_code, text, ...)                                                                \
    do {                                                                                           \
        static const char *const argv[] = {LOAD_PATH, __VA_ARGS__, NULL};                          \
                                                                                                   \
        assert_fails(argv, exit_code, text);                                                       \
    } while (0)

static void test_scenarios_mistakes_are_explained(void **state)
{
    (void)state;
    FAILS(2, "--seconds wants a number", "starts", "--seconds", "x");
    FAILS(1, "unknown subcommand `nonsense`", "nonsense");
    FAILS(1, "which server?", "starts");
    FAILS(1, "one server at a time", "starts", "--url", "ws://127.0.0.1:1", "--command", "cat");
    FAILS(1, "cannot connect to 127.0.0.1:1", "starts", "--url", "ws://127.0.0.1:1");
    FAILS(1, "expected ws://IP:PORT", "starts", "--url", "http://127.0.0.1:1");
    FAILS(1, "ended before it printed a ws:// URL", "starts", "--serve", "echo hello");
    FAILS(1, "no-such-command", "starts", "--serve", "no-such-command-here");
    FAILS(1, "bystander, slow-reader", "limits", "--only", "nonsense");
    FAILS(1, "detach-storm needs a ws:// URL", "detach-storm", "--command", "cat");
    FAILS(1, "files needs a ws:// URL", "files", "--command", "cat");
    FAILS(1, "`reads` is no call of files", "files", "--serve", BARE, "--only", "reads");
    FAILS(1, "method not found", "files", "--serve", BARE, "--only", "metadata", "--seconds", "1",
          "--in-flight", "1");
    FAILS(1, "bystander needs two connections", "bystander", "--command", "cat");
}

static void test_scenarios_silent_server_on_stdio_is_told(void **state)
{
    (void)state;
    FAILS(1, "did not answer initialize", "starts", "--command", "true");
}

static void test_scenarios_help_names_every_subcommand(void **state)
{
    static const char *const names[] = {
        "starts", "idle", "throughput", "echo",       "bystander",    "slow-reader", "limits",
        "bench",  "demo", "soak",       "self-check", "detach-storm", "files"};
    static const char *const argv[] = {LOAD_PATH, "--help", NULL};
    struct ran_program program = run_program(argv, LIMIT_S);

    (void)state;
    assert_exit_code(&program, 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char line[32];

        snprintf(line, sizeof line, "\n  %s ", names[i]);
        assert_says(&program, line);
    }
    free_program(&program);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scenarios_starts),
        cmocka_unit_test(test_scenarios_throughput_pipe_and_tty),
        cmocka_unit_test(test_scenarios_echo),
        cmocka_unit_test(test_scenarios_files),
        cmocka_unit_test(test_scenarios_idle),
        cmocka_unit_test(test_scenarios_bystander),
        cmocka_unit_test(test_scenarios_slow_reader),
        cmocka_unit_test(test_scenarios_detach_storm),
        cmocka_unit_test(test_scenarios_demo_in_both_dialects),
        cmocka_unit_test(test_scenarios_soak),
        cmocka_unit_test(test_scenarios_limits_have_both_loops),
        cmocka_unit_test(test_scenarios_bench_prints_a_column_for_each),
        cmocka_unit_test(test_scenarios_mistakes_are_explained),
        cmocka_unit_test(test_scenarios_silent_server_on_stdio_is_told),
        cmocka_unit_test(test_scenarios_help_names_every_subcommand),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
