/*
 * Starts inside of a wrapper: a shell stands for it. What it is given, who is asked what in which
 * order, and what is left of it when the program cannot run.
 */
#include "tests/sessions/support.h"

#include "sessions/wrap.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

static struct sup_world world;

struct fake {
    struct sess_wrap wrap;
    const char *script;
    int prepare_result, confirm_result;
    int signal;  /* that it says the program died of */
    int pipe[2]; /* its writing end is descriptor 3 of the wrapper */
    char seen[200];
    const char *argv[4];
    _Atomic int prepared, confirmed, asked, released, dropped;
    bool was_closed; /* the session, at the release */
    struct sup_tap *tap;
};

static struct fake *fake_of(struct sess_wrap *wrap)
{
    return IOCP_OWNER(wrap, struct fake, wrap);
}

static int prepare(struct sess_wrap *wrap, struct sess_wrap_start *start)
{
    static const char *const env[] = {"FROM=wrapper", NULL};
    struct fake *fake = fake_of(wrap);
    fake->prepared++;
    (void)snprintf(fake->seen, sizeof(fake->seen), "%s|%s|%s|%s|%d", start->program, start->argv[0],
                   start->env[0], start->cwd, start->tty);
    if (fake->prepare_result != 0) {
        (void)snprintf(start->text, start->text_bytes, "no such walls");
        return fake->prepare_result;
    }
    fake->argv[0] = "wrapper";
    fake->argv[1] = "-c";
    fake->argv[2] = fake->script;
    start->wrapper = "/bin/sh";
    start->wrapper_argv = fake->argv;
    start->wrapper_env = env;
    start->handles[0] = fake->pipe[1];
    start->handle_count = 1;
    return 0;
}

/* Waits for what the wrapper writes to descriptor 3. */
static int confirm(struct sess_wrap *wrap, struct sess_wrap_start *start)
{
    struct fake *fake = fake_of(wrap);
    char word[8] = "";
    fake->confirmed++;
    (void)close(fake->pipe[1]);
    fake->pipe[1] = -1;
    if (read(fake->pipe[0], word, sizeof(word)) != 3 || strcmp(word, "up\n") != 0)
        return SESS_E_START;
    start->os_error = ENOENT;
    return fake->confirm_result;
}

static int ended_by(struct sess_wrap *wrap)
{
    struct fake *fake = fake_of(wrap);
    fake->asked++;
    return fake->signal;
}

static void release(struct sess_wrap *wrap)
{
    struct fake *fake = fake_of(wrap);
    fake->was_closed = fake->tap != NULL && fake->tap->closed;
    fake->released++;
}

static void drop(struct sess_wrap *wrap)
{
    struct fake *fake = fake_of(wrap);
    for (int i = 0; i < 2; i++) {
        if (fake->pipe[i] >= 0)
            (void)close(fake->pipe[i]);
    }
    fake->dropped++;
}

static void fake_init(struct fake *fake, const char *script)
{
    *fake = (struct fake){.script = script};
    fake->wrap = (struct sess_wrap){
        .prepare = prepare, .confirm = confirm, .release = release, .drop = drop};
    assert_int_equal(pipe2(fake->pipe, O_CLOEXEC), 0);
}

static struct sess_spec spec_of(struct fake *fake, enum sess_stdio stdio)
{
    static const char *const argv[] = {"/no/such/program", NULL}, *const env[] = {"A=1", NULL};
    struct sess_spec spec = sup_spec(argv, stdio);
    spec.env = env;
    spec.arg0 = "zero";
    spec.cwd = "/usr";
    spec.wrap = &fake->wrap;
    return spec;
}

static void check_calls(const struct fake *fake, int prepared, int confirmed, int released)
{
    assert_int_equal(fake->prepared, prepared);
    assert_int_equal(fake->confirmed, confirmed);
    assert_int_equal(fake->released, released);
    assert_int_equal(fake->dropped, 1);
}

static void test_wrapper_stands_in_for_the_program(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake, "echo up >&3; echo $0 $FROM $A; pwd; for i in 3 4 5 6 7 8 9; do "
                     "test -e /proc/$$/fd/$i && echo $i; done; exit 5");
    struct sess_spec spec = spec_of(&fake, SESS_STDIO_OUTPUT);
    struct sup_tap *tap = sup_run(&world, &spec);
    assert_int_equal(tap->result, 0);
    assert_int_equal(tap->exit_record.code, 5);
    assert_string_equal(fake.seen, "/no/such/program|zero|A=1|/usr|0");
    assert_string_equal(sup_text(tap, SESS_STDOUT), "wrapper wrapper\n/\n3\n");
    check_calls(&fake, 1, 1, 1);
    sup_free(tap);
}

/* SIGHUP, INT, QUIT, TERM and the others that clients and terminals send; not PIPE. */
static void test_wrapper_ignores_what_is_meant_for_the_program(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake, "grep SigIgn /proc/self/status; echo up >&3; read a; exit 6");
    struct sess_spec spec = spec_of(&fake, SESS_STDIO_PIPES);
    struct sup_tap *tap = sup_start(&world, &spec);
    sup_wait_text(tap, SESS_STDOUT, "SigIgn:");
    uint64_t ignored = strtoull(strchr(sup_text(tap, SESS_STDOUT), '\t'), NULL, 16);
    static const int meant[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGTSTP};
    for (size_t i = 0; i < sizeof(meant) / sizeof(meant[0]); i++)
        assert_true(ignored >> (meant[i] - 1) & 1);
    assert_false(ignored >> (SIGPIPE - 1) & 1);
    sup_wait_started(tap);
    assert_int_equal(sup_interrupt(tap), 0);
    assert_int_equal(sup_write(&world, tap, "\n", 1), 0);
    sup_wait_closed(tap);
    assert_int_equal(tap->exit_record.code, 6);
    sup_free(tap);
}

static void test_wrapper_leaves_the_terminal_to_the_program(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake, "test -t 0 && echo is; (: </dev/tty) && echo controls; echo up >&3");
    struct sess_spec spec = spec_of(&fake, SESS_STDIO_TTY);
    struct sup_tap *tap = sup_run(&world, &spec);
    const char *text = sup_text(tap, SESS_PTY);
    assert_non_null(strstr(text, "is\r\n"));
    assert_null(strstr(text, "controls"));
    assert_non_null(strstr(fake.seen, "|1"));
    sup_free(tap);
}

static void test_release_comes_before_the_close(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake, "echo up >&3; read a");
    struct sess_spec spec = spec_of(&fake, SESS_STDIO_PIPES);
    struct sup_tap *tap = sup_start(&world, &spec);
    fake.tap = tap;
    sup_wait_started(tap);
    assert_int_equal(fake.released, 0);
    assert_true(sup_stop(tap, SESS_STOP_FORCE, 0));
    sup_wait_gone(tap);
    assert_false(fake.was_closed);
    check_calls(&fake, 1, 1, 1);
    sup_free(tap);
}

static void check_end(const char *script, int says, int signal, int code)
{
    struct fake fake;
    fake_init(&fake, script);
    fake.wrap.ended_by = ended_by;
    fake.signal = says;
    struct sess_spec spec = spec_of(&fake, SESS_STDIO_OUTPUT);
    struct sup_tap *tap = sup_run(&world, &spec);
    assert_int_equal(tap->exit_record.signal, signal);
    assert_int_equal(tap->exit_record.code, code);
    assert_int_equal(tap->exit_record.exit_code, signal != 0 ? 128 + signal : code);
    assert_int_equal(fake.asked, strstr(script, "kill") == NULL);
    check_calls(&fake, 1, 1, 1);
    sup_free(tap);
}

/* A wrap's word is taken where the wrapper's exit code agrees; the wrapper's own death is one. */
static void test_wrap_tells_a_signal_from_a_number(void **state)
{
    (void)state;
    check_end("echo up >&3; exit 139", SIGSEGV, SIGSEGV, 0);
    check_end("echo up >&3; exit 139", 0, 0, 139);
    check_end("echo up >&3; exit 7", SIGSEGV, 0, 7);
    check_end("echo up >&3; kill -KILL $$", SIGSEGV, SIGKILL, 0);
}

static void check_failure(struct fake *fake, int result, const char *text)
{
    struct sess_spec spec = spec_of(fake, SESS_STDIO_PIPES);
    struct sup_tap *tap = sup_run(&world, &spec);
    assert_int_equal(tap->result, result);
    assert_string_equal(tap->text, text);
    assert_false(tap->exited);
    sup_free(tap);
}

static void test_prepare_that_fails(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake, "exit 1");
    fake.prepare_result = SESS_E_REFUSED;
    check_failure(&fake, SESS_E_REFUSED, "no such walls");
    check_calls(&fake, 1, 0, 0);
}

/* The wrapper runs and is ended: nobody shall have it. */
static void test_confirm_that_fails(void **state)
{
    (void)state;
    struct fake fake;
    fake_init(&fake, "echo up >&3; sleep 1000");
    fake.confirm_result = SESS_E_EXEC;
    check_failure(&fake, SESS_E_EXEC,
                  "cannot run /no/such/program: No such file or directory (os error 2)");
    check_calls(&fake, 1, 1, 1);
    fake_init(&fake, "echo up >&3; trap '' TERM; sleep 1000");
    fake.confirm_result = SESS_E_CWD;
    check_failure(&fake, SESS_E_CWD, "cannot enter /usr: No such file or directory (os error 2)");
    check_calls(&fake, 1, 1, 1);
}

static void test_start_that_is_cancelled(void **state)
{
    (void)state;
    struct fake fake;
    struct sup_jam jam;
    fake_init(&fake, "exit 1");
    struct sess_spec spec = spec_of(&fake, SESS_STDIO_PIPES);
    sup_jam(&jam, &world);
    struct sup_tap *tap = sup_start(&world, &spec);
    (void)sup_stop(tap, SESS_STOP_FORCE, 0);
    sup_jam_release(&jam);
    sup_wait_gone(tap);
    assert_int_equal(tap->result, SESS_E_CANCELLED);
    check_calls(&fake, 0, 0, 0);
    sup_free(tap);
}

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

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_wrapper_stands_in_for_the_program),
        TEST(test_wrapper_ignores_what_is_meant_for_the_program),
        TEST(test_wrapper_leaves_the_terminal_to_the_program),
        TEST(test_release_comes_before_the_close),
        TEST(test_wrap_tells_a_signal_from_a_number),
        TEST(test_prepare_that_fails),
        TEST(test_confirm_that_fails),
        TEST(test_start_that_is_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
