/*
 * What a program finds when it starts, and what is told when it cannot.
 */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sup_world world;
static char scratch[64];

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

static int make_scratch(void **state)
{
    (void)state;
    (void)snprintf(scratch, sizeof(scratch), "/tmp/execport-spawn-XXXXXX");
    return mkdtemp(scratch) != NULL ? 0 : -1;
}

static int remove_scratch(void **state)
{
    (void)state;
    return rmdir(scratch);
}

/* A file in the scratch directory, with a mode and a text. */
static void make_file(char *out_path, size_t size, const char *name, mode_t mode, const char *text)
{
    (void)snprintf(out_path, size, "%s/%s", scratch, name);
    int fd = open(out_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(close(fd), 0);
}

static void copy_file(const char *from, const char *to)
{
    char data[65536];
    ssize_t got;
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    assert_true(in >= 0 && out >= 0);
    while ((got = read(in, data, sizeof(data))) > 0)
        assert_int_equal(write(out, data, (size_t)got), got);
    assert_int_equal(close(in), 0);
    assert_int_equal(close(out), 0);
}

/* ---- What it finds ---- */

static void test_spawn_arguments_and_environment_are_exact(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("print_args"), "", "a b", "\"q\"", "\xc3\xa9", NULL};
    const char *env[] = {"A=1", "EMPTY=", "EQUALS=a=b", "A=2", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    spec.env = env;
    spec.cwd = "/usr";
    struct sup_tap *tap = sup_run(&world, &spec);
    assert_string_equal(
        sup_text(tap, SESS_STDOUT),
        "arg[" CHILD("print_args") "]\narg[]\narg[a b]\narg[\"q\"]\narg[\xc3\xa9]\n"
                                   "env[A=1]\nenv[EMPTY=]\nenv[EQUALS=a=b]\nenv[A=2]\ncwd[/usr]\n");
    sup_free(tap);
}

static void test_spawn_empty_environment_and_own_directory(void **state)
{
    (void)state;
    char directory[4096], expected[5000];
    const char *argv[] = {CHILD("print_args"), NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    spec.env = NULL;
    spec.cwd = NULL;
    assert_non_null(getcwd(directory, sizeof(directory)));
    (void)snprintf(expected, sizeof(expected), "arg[%s]\ncwd[%s]\n", argv[0], directory);
    struct sup_tap *tap = sup_run(&world, &spec);
    assert_string_equal(sup_text(tap, SESS_STDOUT), expected);
    sup_free(tap);
}

static void test_spawn_arg0_is_what_the_program_sees(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("print_args"), "x", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    spec.arg0 = "-login";
    spec.cwd = "/";
    struct sup_tap *tap = sup_run(&world, &spec);
    assert_string_equal(sup_text(tap, SESS_STDOUT), "arg[-login]\narg[x]\ncwd[/]\n");
    sup_free(tap);
}

/* Runs print_state and returns the tap. */
static struct sup_tap *print_state(enum sess_stdio stdio)
{
    const char *argv[] = {CHILD("print_state"), NULL};
    struct sess_spec spec = sup_spec(argv, stdio);
    struct sup_tap *tap = sup_run(&world, &spec);
    assert_int_equal(tap->result, 0);
    assert_int_equal(tap->exit_record.exit_code, 0);
    return tap;
}

static void test_spawn_has_descriptors_0_to_2_only(void **state)
{
    (void)state;
    static const struct {
        enum sess_stdio stdio;
        enum sess_stream stream;
        const char *expected;
    } cases[] = {
        {SESS_STDIO_OUTPUT, SESS_STDOUT, "fd 0 null\nfd 1 pipe\nfd 2 pipe\nblocked"},
        {SESS_STDIO_PIPES, SESS_STDOUT, "fd 0 pipe\nfd 1 pipe\nfd 2 pipe\nblocked"},
        {SESS_STDIO_TTY, SESS_PTY, "fd 0 tty\r\nfd 1 tty\r\nfd 2 tty\r\nblocked"},
    };
    /* One that somebody else opened and that no exec would close. */
    int leaky = dup(0);
    assert_true(leaky >= 3);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sup_tap *tap = print_state(cases[i].stdio);
        const char *text = sup_text(tap, cases[i].stream);
        assert_memory_equal(text, cases[i].expected, strlen(cases[i].expected));
        sup_free(tap);
    }
    assert_int_equal(close(leaky), 0);
}

/* The worlds' threads block all signals and the process ignores SIGPIPE; none of it gets through.
 */
static void test_spawn_has_default_signals(void **state)
{
    (void)state;
    (void)signal(SIGUSR2, SIG_IGN);
    sup_open(&world, NULL);
    struct sup_tap *tap = print_state(SESS_STDIO_OUTPUT);
    assert_non_null(strstr(sup_text(tap, SESS_STDOUT), "blocked 0\nnotdefault 0\n"));
    sup_free(tap);
    sup_close(&world);
    (void)signal(SIGUSR2, SIG_DFL);
}

static void test_spawn_leads_a_session_and_dies_with_the_server(void **state)
{
    (void)state;
    struct sup_tap *tap = print_state(SESS_STDIO_PIPES);
    assert_non_null(strstr(sup_text(tap, SESS_STDOUT), "leads yes\n"));
    assert_non_null(strstr(sup_text(tap, SESS_STDOUT), "death 9\n"));
    sup_free(tap);
}

static void test_spawn_has_the_original_limit(void **state)
{
    (void)state;
    const struct sess_host_options options = {.child_nofile_soft = 123, .child_nofile_hard = 456};
    sup_open(&world, &options);
    struct sup_tap *tap = print_state(SESS_STDIO_OUTPUT);
    assert_non_null(strstr(sup_text(tap, SESS_STDOUT), "soft 123\nhard 456\n"));
    sup_free(tap);
    sup_close(&world);
}

static void test_spawn_tty_has_its_size(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("tty_size"), NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_TTY);
    struct sup_tap *tap = sup_start(&world, &spec);
    sup_wait_text(tap, SESS_PTY, "ttys 111 control yes\r\nforeground yes\r\nsize 24 x 80\r\n");
    assert_true(sess_session_is_tty(tap->session));
    assert_int_equal(sup_resize(tap, 50, 132), 0);
    sup_wait_text(tap, SESS_PTY, "size 50 x 132\r\n");
    assert_int_equal(sup_write(&world, tap, "end\n", 4), 0);
    sup_free(tap);
    spec.rows = 7;
    spec.columns = 300;
    tap = sup_start(&world, &spec);
    sup_wait_text(tap, SESS_PTY, "size 7 x 300\r\n");
    assert_int_equal(sup_write(&world, tap, "end\n", 4), 0);
    sup_wait_gone(tap);
    assert_int_equal(tap->exit_record.exit_code, 0);
    assert_int_equal(tap->reason, SESS_CLOSE_EOF);
    sup_free(tap);
}

static void test_spawn_resize_needs_a_tty(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("wait"), NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_PIPES);
    struct sup_tap *tap = sup_start(&world, &spec);
    sup_wait_started(tap);
    assert_int_equal(sup_resize(tap, 50, 132), SESS_E_NOT_TTY);
    (void)sup_stop(tap, SESS_STOP_FORCE, 0);
    sup_free(tap);
}

/* ---- Finding the program ---- */

static void test_spawn_searches_the_given_path(void **state)
{
    (void)state;
    char program[128], path[256];
    const char *argv[] = {"a-program", "x", NULL};
    const char *env[] = {path, NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    (void)snprintf(program, sizeof(program), "%s/a-program", scratch);
    (void)snprintf(path, sizeof(path), "PATH=/nowhere:/etc/passwd:%s:/usr/bin", scratch);
    copy_file(CHILD("print_args"), program);
    spec.env = env;
    struct sup_tap *tap = sup_run(&world, &spec);
    assert_int_equal(tap->result, 0);
    assert_non_null(strstr(sup_text(tap, SESS_STDOUT), "arg[a-program]\narg[x]\nenv[PATH="));
    sup_free(tap);
    /* An empty element is the working directory. */
    (void)snprintf(path, sizeof(path), "PATH=/nowhere:");
    spec.cwd = scratch;
    tap = sup_run(&world, &spec);
    assert_int_equal(tap->result, 0);
    sup_free(tap);
    /* A path with a slash is not searched for, and counts from the working directory. */
    argv[0] = "./a-program";
    tap = sup_run(&world, &spec);
    assert_int_equal(tap->result, 0);
    sup_free(tap);
    assert_int_equal(unlink(program), 0);
}

static void test_spawn_default_path(void **state)
{
    (void)state;
    const char *argv[] = {"true", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    struct sup_tap *tap = sup_run(&world, &spec);
    assert_int_equal(tap->result, 0);
    assert_int_equal(tap->exit_record.exit_code, 0);
    sup_free(tap);
}

/* Starts what cannot be started; the text must be TEXT. */
static void assert_fails(const struct sess_spec *spec, int result, int os_error, const char *text)
{
    struct sup_tap *tap = sup_run(&world, spec);
    assert_string_equal(tap->text, text);
    assert_int_equal(tap->result, result);
    assert_int_equal(tap->os_error, os_error);
    assert_int_equal(tap->last_seq, 0);
    assert_int_equal(sup_view(tap).state, SESS_GONE);
    sup_free(tap);
}

static void test_spawn_program_not_found(void **state)
{
    (void)state;
    const char *argv[] = {"/nowhere/program", NULL};
    const char *env[] = {"PATH=/nowhere:/etc", NULL};
    for (int stdio = SESS_STDIO_OUTPUT; stdio <= SESS_STDIO_TTY; stdio++) {
        struct sess_spec spec = sup_spec(argv, (enum sess_stdio)stdio);
        spec.env = env;
        argv[0] = "/nowhere/program";
        assert_fails(&spec, SESS_E_EXEC, ENOENT,
                     "cannot run /nowhere/program: No such file or directory (os error 2)");
        argv[0] = "no-such-program";
        assert_fails(&spec, SESS_E_EXEC, ENOENT,
                     "cannot run no-such-program: No such file or directory (os error 2)");
        argv[0] = "";
        assert_fails(&spec, SESS_E_EXEC, ENOENT,
                     "cannot run: No such file or directory (os error 2)");
    }
    assert_int_equal(sup_stats(&world).failed, 9);
}

static void test_spawn_program_cannot_be_run(void **state)
{
    (void)state;
    char path[128], search[256], text[512];
    const char *argv[] = {path, NULL};
    const char *env[] = {search, NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_PIPES);
    spec.env = env;
    (void)snprintf(search, sizeof(search), "PATH=%s", scratch);
    make_file(path, sizeof(path), "plain", 0644, "no program\n");
    (void)snprintf(text, sizeof(text), "cannot run %s: Permission denied (os error 13)", path);
    assert_fails(&spec, SESS_E_EXEC, EACCES, text);
    argv[0] = "plain";
    assert_fails(&spec, SESS_E_EXEC, EACCES, "cannot run plain: Permission denied (os error 13)");
    assert_int_equal(unlink(path), 0);
    /* A file without "#!" is no program; nobody asked for a shell. */
    make_file(path, sizeof(path), "noexec", 0755, "echo hello\n");
    argv[0] = "noexec";
    assert_fails(&spec, SESS_E_EXEC, ENOEXEC, "cannot run noexec: Exec format error (os error 8)");
    assert_int_equal(unlink(path), 0);
    argv[0] = "/";
    assert_fails(&spec, SESS_E_EXEC, EACCES, "cannot run /: Permission denied (os error 13)");
}

static void test_spawn_directory_cannot_be_entered(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("wait"), NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_TTY);
    spec.cwd = "/nowhere/at all";
    assert_fails(&spec, SESS_E_CWD, ENOENT,
                 "cannot enter /nowhere/at all: No such file or directory (os error 2)");
    spec.cwd = "/etc/passwd";
    assert_fails(&spec, SESS_E_CWD, ENOTDIR,
                 "cannot enter /etc/passwd: Not a directory (os error 20)");
}

/* A long name is cut between characters. */
static void test_spawn_failure_cuts_long_names(void **state)
{
    (void)state;
    char name[1000] = "/";
    const char *argv[] = {name, NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    for (int i = 0; i < 300; i++)
        (void)strcat(name, "\xe2\x82\xac");
    struct sup_tap *tap = sup_run(&world, &spec);
    assert_int_equal(tap->result, SESS_E_EXEC);
    assert_int_equal(tap->os_error, ENAMETOOLONG);
    const char *colon = strchr(tap->text, ':');
    assert_non_null(colon);
    assert_int_equal(colon - tap->text, strlen("cannot run /") + 198);
    sup_free(tap);
}

static void test_spawn_argument_too_long_for_the_system(void **state)
{
    (void)state;
    size_t size = 200 * 1024; /* one string may have 128 KiB */
    char *argument = malloc(size + 1);
    assert_non_null(argument);
    memset(argument, 'x', size);
    argument[size] = '\0';
    const char *argv[] = {"/bin/true", argument, NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    assert_fails(&spec, SESS_E_EXEC, E2BIG,
                 "cannot run /bin/true: Argument list too long (os error 7)");
    free(argument);
}

static void test_spawn_large_arguments(void **state)
{
    (void)state;
    enum { ARGUMENTS = 1000, BYTES = 1000 };
    static char text[BYTES + 1];
    const char *argv[ARGUMENTS + 2];
    memset(text, 'y', BYTES);
    argv[0] = CHILD("print_args");
    for (int i = 1; i <= ARGUMENTS; i++)
        argv[i] = text;
    argv[ARGUMENTS + 1] = NULL;
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    spec.cwd = "/";
    struct sup_tap *tap = sup_run(&world, &spec);
    assert_int_equal(tap->result, 0);
    assert_int_equal(sup_size(tap, SESS_STDOUT), strlen("arg[]\n") * (ARGUMENTS + 1) +
                                                     BYTES * ARGUMENTS + strlen(argv[0]) +
                                                     strlen("cwd[/]\n"));
    sup_free(tap);
}

/* ---- Unusual servers ---- */

/* Runs a check in a process of its own, with descriptors 0 to 2 closed; returns its exit code. */
static int run_closed(int (*check)(void))
{
    int status = 0;
    (void)fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        for (int fd = 0; fd < 3; fd++)
            (void)close(fd);
        _exit(check());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int start_without_standard_streams(void)
{
    const char *argv[] = {CHILD("print_state"), NULL};
    static const enum sess_stdio kinds[] = {SESS_STDIO_OUTPUT, SESS_STDIO_PIPES, SESS_STDIO_TTY};
    static const char *const expected[] = {"fd 0 null\nfd 1 pipe\nfd 2 pipe\nblocked",
                                           "fd 0 pipe\nfd 1 pipe\nfd 2 pipe\nblocked",
                                           "fd 0 tty\r\nfd 1 tty\r\nfd 2 tty\r\nblocked"};
    sup_open(&world, NULL);
    for (int i = 0; i < 3; i++) {
        struct sess_spec spec = sup_spec(argv, kinds[i]);
        struct sup_tap *tap = sup_run(&world, &spec);
        enum sess_stream stream = i == 2 ? SESS_PTY : SESS_STDOUT;
        if (tap->result != 0 ||
            strncmp(sup_text(tap, stream), expected[i], strlen(expected[i])) != 0)
            return 10 + i;
        sup_free(tap);
    }
    sup_close(&world);
    return 42;
}

/* The ends of its pipes are then descriptors 0 to 2 themselves, in any order. */
static void test_spawn_from_a_server_without_standard_streams(void **state)
{
    (void)state;
    assert_int_equal(run_closed(start_without_standard_streams), 42);
}

/* Every start copies the server's descriptors, unless they are shared: then many cost nothing. */
static void test_spawn_among_many_descriptors(void **state)
{
    (void)state;
    struct rlimit limit, raised;
    int fds[3000], count = 0;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    raised = limit;
    raised.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &raised), 0);
    sup_open(&world, NULL);
    for (; count < 3000 && count + 200 < (int)raised.rlim_cur; count++) {
        fds[count] = dup(0);
        assert_true(fds[count] >= 0);
    }
    struct sup_tap *tap = print_state(SESS_STDIO_PIPES);
    assert_non_null(strstr(sup_text(tap, SESS_STDOUT), "fd 0 pipe\nfd 1 pipe\nfd 2 pipe\nbl"));
    sup_free(tap);
    while (count > 0)
        assert_int_equal(close(fds[--count]), 0);
    sup_close(&world);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(test_spawn_arguments_and_environment_are_exact),
        IN_WORLD(test_spawn_empty_environment_and_own_directory),
        IN_WORLD(test_spawn_arg0_is_what_the_program_sees),
        IN_WORLD(test_spawn_has_descriptors_0_to_2_only),
        cmocka_unit_test(test_spawn_has_default_signals),
        IN_WORLD(test_spawn_leads_a_session_and_dies_with_the_server),
        cmocka_unit_test(test_spawn_has_the_original_limit),
        IN_WORLD(test_spawn_tty_has_its_size),
        IN_WORLD(test_spawn_resize_needs_a_tty),
        IN_WORLD(test_spawn_searches_the_given_path),
        IN_WORLD(test_spawn_default_path),
        IN_WORLD(test_spawn_program_not_found),
        IN_WORLD(test_spawn_program_cannot_be_run),
        IN_WORLD(test_spawn_directory_cannot_be_entered),
        IN_WORLD(test_spawn_failure_cuts_long_names),
        IN_WORLD(test_spawn_argument_too_long_for_the_system),
        IN_WORLD(test_spawn_large_arguments),
        cmocka_unit_test(test_spawn_from_a_server_without_standard_streams),
        cmocka_unit_test(test_spawn_among_many_descriptors),
    };
    return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
