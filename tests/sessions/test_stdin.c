/*
 * Standard input: bytes arrive whole and in order, the queue is bounded, writes wait and are
 * answered in order, closing waits behind data, a terminal is closed by its end-of-file character.
 */
#include "support.h"

#include <signal.h>

static struct sup_world world;
static uint8_t pattern[4 * 1024 * 1024];

static int open_world(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(pattern); i++)
        pattern[i] = (uint8_t)(i * 31 >> 3);
    sup_open(&world, NULL);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    sup_close(&world);
    return 0;
}

static struct sup_tap *start(const char *const *argv, enum sess_stdio stdio, size_t queue_bytes)
{
    struct sess_spec spec = sup_spec(argv, stdio);
    spec.stdin_queue_bytes = queue_bytes;
    struct sup_tap *tap = sup_start(&world, &spec);
    sup_wait_started(tap);
    assert_int_equal(tap->result, 0);
    return tap;
}

/* "read BYTES SUM", as slow_reader prints it. */
static void expect_read(struct sup_tap *tap, const uint8_t *data, size_t size)
{
    char line[100];
    uint32_t sum = 0;
    for (size_t i = 0; i < size; i++)
        sum += data[i] * (uint32_t)(i + 1);
    (void)snprintf(line, sizeof(line), "read %zu %lu\n", size, (unsigned long)sum);
    sup_wait_text(tap, SESS_STDOUT, line);
}

static void test_stdin_arrives_whole_in_any_pieces(void **state)
{
    (void)state;
    uint64_t random = sup_seed();
    static const size_t most[] = {1, 10, 5000, 100000, 1000000};
    for (size_t round = 0; round < 5; round++) {
        const char *argv[] = {CHILD("echo"), NULL};
        struct sup_tap *tap = start(argv, SESS_STDIO_PIPES, SESS_HOST_DEFAULT);
        size_t sent = 0, total = round == 0 ? 2000 : sizeof(pattern) / 2;
        while (sent < total) {
            size_t size = 1 + sup_below(&random, most[round]);
            size = size < total - sent ? size : total - sent;
            if (most[round] == 10 && sent > 20000)
                size = total - sent; /* small ones for a while, then the rest */
            assert_int_equal(sup_write(&world, tap, pattern + sent, size), 0);
            sent += size;
        }
        assert_int_equal(sup_close_stdin(tap), 0);
        sup_wait_gone(tap);
        assert_int_equal(sup_size(tap, SESS_STDOUT), total);
        assert_memory_equal(tap->out[SESS_STDOUT].data, pattern, total);
        assert_int_equal(tap->close_record.bytes_in, total);
        assert_int_equal(tap->exit_record.exit_code, 0);
        sup_free(tap);
    }
}

/* Many writes posted at once: answered in order, and read in order. */
static void test_stdin_posted_without_waiting(void **state)
{
    (void)state;
    enum { WRITES = 3000, SIZE = 700 };
    const char *argv[] = {CHILD("slow_reader"), NULL};
    struct sup_tap *tap = start(argv, SESS_STDIO_PIPES, 4 * 1024 * 1024);
    struct sup_ask *asks = calloc(WRITES, sizeof(*asks)), closing;
    assert_non_null(asks);
    sup_wait_text(tap, SESS_STDOUT, "ready\n");
    for (int i = 0; i < WRITES; i++) {
        sup_ask_begin(&asks[i], SESS_REQUEST_WRITE);
        sup_fill_write(&world, &asks[i], pattern + (size_t)i * SIZE, SIZE, true);
        sup_ask_post(&asks[i], tap);
    }
    sup_ask_begin(&closing, SESS_REQUEST_CLOSE_STDIN);
    sup_ask_post(&closing, tap);
    for (int i = 0; i < WRITES; i++)
        assert_int_equal(sup_ask_wait(&asks[i]), 0);
    assert_false(sup_ask_is_answered(&closing)); /* nobody has read what is before it */
    assert_int_equal(kill((pid_t)tap->os_pid, SIGUSR1), 0);
    assert_int_equal(sup_ask_wait(&closing), 0);
    expect_read(tap, pattern, (size_t)WRITES * SIZE);
    for (int i = 0; i < WRITES; i++)
        sup_ask_end(&asks[i]);
    sup_ask_end(&closing);
    free(asks);
    sup_free(tap);
}

/* A full queue: the write that crosses its limit waits, those behind it wait behind it, others go
 * on. */
static void test_stdin_write_to_a_full_queue_waits(void **state)
{
    (void)state;
    enum { LIMIT = 200 * 1000, PIPE = 64 * 1024, SIZE = 100 * 1000, WRITES = 6 };
    const char *argv[] = {CHILD("slow_reader"), NULL};
    struct sup_tap *tap = start(argv, SESS_STDIO_PIPES, LIMIT);
    struct sup_ask asks[WRITES], refused;
    sup_wait_text(tap, SESS_STDOUT, "ready\n");
    for (int i = 0; i < WRITES; i++) {
        sup_ask_begin(&asks[i], SESS_REQUEST_WRITE);
        sup_fill_write(&world, &asks[i], pattern + (size_t)i * SIZE, SIZE, true);
        sup_ask_post(&asks[i], tap);
    }
    /* 264 KB fit into pipe and queue. A view is answered meanwhile. */
    assert_int_equal(sup_ask_wait(&asks[0]), 0);
    assert_int_equal(sup_ask_wait(&asks[1]), 0);
    struct sess_view view = sup_view(tap);
    assert_true(view.stdin_queued_bytes >= (uint64_t)WRITES * SIZE - PIPE);
    assert_true(view.stdin_open);
    for (int i = 3; i < WRITES; i++)
        assert_false(sup_ask_is_answered(&asks[i]));
    /* One that may not wait is refused whole. */
    sup_ask_begin(&refused, SESS_REQUEST_WRITE);
    sup_fill_write(&world, &refused, "never", 5, false);
    sup_ask_post(&refused, tap);
    assert_int_equal(sup_ask_wait(&refused), SESS_E_STDIN_FULL);
    assert_int_equal(refused.request.limit_bytes, LIMIT);
    assert_true(refused.request.queued_bytes > LIMIT);
    sup_ask_end(&refused);
    assert_int_equal(kill((pid_t)tap->os_pid, SIGUSR1), 0);
    for (int i = 0; i < WRITES; i++) {
        assert_int_equal(sup_ask_wait(&asks[i]), 0);
        assert_true(asks[i].request.queued_bytes <= (uint64_t)LIMIT + SIZE * (WRITES - i - 1));
        sup_ask_end(&asks[i]);
    }
    assert_int_equal(sup_close_stdin(tap), 0);
    expect_read(tap, pattern, (size_t)WRITES * SIZE);
    sup_free(tap);
}

/* A write that is larger than the queue is answered when the end of it is in. */
static void test_stdin_write_larger_than_the_queue(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("slow_reader"), NULL};
    struct sup_tap *tap = start(argv, SESS_STDIO_PIPES, 10000);
    struct sup_ask ask;
    sup_wait_text(tap, SESS_STDOUT, "ready\n");
    sup_ask_begin(&ask, SESS_REQUEST_WRITE);
    sup_fill_write(&world, &ask, pattern, sizeof(pattern), true);
    sup_ask_post(&ask, tap);
    assert_int_equal(sup_view(tap).state, SESS_RUNNING);
    assert_false(sup_ask_is_answered(&ask));
    assert_int_equal(kill((pid_t)tap->os_pid, SIGUSR1), 0);
    assert_int_equal(sup_ask_wait(&ask), 0);
    assert_true(ask.request.queued_bytes <= 10000);
    sup_ask_end(&ask);
    assert_int_equal(sup_close_stdin(tap), 0);
    expect_read(tap, pattern, sizeof(pattern));
    sup_free(tap);
}

static void test_stdin_write_too_large(void **state)
{
    (void)state;
    const struct sess_host_options options = {.stdin_write_max_bytes = 1000};
    const char *argv[] = {CHILD("echo"), NULL};
    sup_open(&world, &options);
    struct sup_tap *tap = start(argv, SESS_STDIO_PIPES, SESS_HOST_DEFAULT);
    assert_int_equal(sup_write(&world, tap, pattern, 1001), SESS_E_TOO_LARGE);
    assert_int_equal(sup_write(&world, tap, pattern, 1000), 0);
    assert_int_equal(sup_write(&world, tap, pattern, 0), 0);
    assert_int_equal(sup_close_stdin(tap), 0);
    sup_wait_gone(tap);
    assert_int_equal(sup_size(tap, SESS_STDOUT), 1000);
    sup_free(tap);
    sup_close(&world);
}

static void test_stdin_closed_is_closed(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("close_output"), NULL};
    struct sup_tap *tap = start(argv, SESS_STDIO_PIPES, SESS_HOST_DEFAULT);
    struct sup_ask write, closing, again;
    sup_ask_begin(&closing, SESS_REQUEST_CLOSE_STDIN);
    sup_ask_begin(&write, SESS_REQUEST_WRITE);
    sup_ask_begin(&again, SESS_REQUEST_CLOSE_STDIN);
    sup_fill_write(&world, &write, "x", 1, true);
    sup_ask_post(&closing, tap);
    sup_ask_post(&write, tap);
    sup_ask_post(&again, tap);
    assert_int_equal(sup_ask_wait(&closing), 0);
    int result = sup_ask_wait(&write);
    assert_true(result == SESS_E_STDIN_CLOSED || result == SESS_E_EXITED);
    result = sup_ask_wait(&again);
    assert_true(result == SESS_E_STDIN_CLOSED || result == SESS_E_EXITED);
    sup_ask_end(&closing);
    sup_ask_end(&write);
    sup_ask_end(&again);
    sup_wait_gone(tap);
    assert_int_equal(tap->exit_record.exit_code, 4);
    sup_free(tap);
}

static void test_stdin_not_wanted_is_closed(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("wait"), NULL};
    struct sup_tap *tap = start(argv, SESS_STDIO_OUTPUT, SESS_HOST_DEFAULT);
    assert_int_equal(sup_write(&world, tap, "x", 1), SESS_E_STDIN_CLOSED);
    assert_int_equal(sup_close_stdin(tap), SESS_E_STDIN_CLOSED);
    assert_false(sup_view(tap).stdin_open);
    (void)sup_stop(tap, SESS_STOP_FORCE, 0);
    sup_free(tap);
}

/* The program closed its end: the first writes may still be taken, a later one is answered so. */
static void test_stdin_closed_by_the_program(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("close_input"), NULL};
    struct sup_tap *tap = start(argv, SESS_STDIO_PIPES, SESS_HOST_DEFAULT);
    sup_wait_text(tap, SESS_STDOUT, "ready\n");
    int result = 0;
    for (int i = 0; i < 1000 && result == 0; i++)
        result = sup_write(&world, tap, "x", 1);
    assert_int_equal(result, SESS_E_STDIN_CLOSED);
    assert_int_equal(sup_view(tap).state, SESS_RUNNING);
    assert_false(sup_view(tap).stdin_open);
    (void)sup_stop(tap, SESS_STOP_FORCE, 0);
    sup_wait_gone(tap);
    assert_int_equal(tap->close_record.bytes_in, 0);
    sup_free(tap);
}

/* Whatever waits when the program ends is answered. */
static void test_stdin_waiting_when_the_program_ends(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("wait"), NULL};
    memset(pattern, 'x', sizeof(pattern)); /* nothing that a terminal would act on */
    for (int stdio = SESS_STDIO_PIPES; stdio <= SESS_STDIO_TTY; stdio++) {
        struct sup_tap *tap = start(argv, (enum sess_stdio)stdio, 50000);
        struct sup_ask asks[4], closing;
        for (int i = 0; i < 4; i++) {
            sup_ask_begin(&asks[i], SESS_REQUEST_WRITE);
            sup_fill_write(&world, &asks[i], pattern, 1000000, true);
            sup_ask_post(&asks[i], tap);
        }
        sup_ask_begin(&closing, SESS_REQUEST_CLOSE_STDIN);
        sup_ask_post(&closing, tap);
        assert_int_equal(sup_view(tap).state, SESS_RUNNING);
        assert_int_equal(kill((pid_t)tap->os_pid, SIGKILL), 0);
        for (int i = 0; i < 4; i++) {
            int result = sup_ask_wait(&asks[i]);
            assert_true(result == SESS_E_EXITED || result == SESS_E_STDIN_CLOSED);
            sup_ask_end(&asks[i]);
        }
        int result = sup_ask_wait(&closing);
        assert_true(result == SESS_E_EXITED || result == SESS_E_STDIN_CLOSED);
        sup_ask_end(&closing);
        sup_wait_gone(tap);
        assert_int_equal(tap->exit_record.signal, SIGKILL);
        sup_free(tap);
    }
}

/* ---- Terminals ---- */

static void test_stdin_tty_echoes(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("echo"), NULL};
    struct sup_tap *tap = start(argv, SESS_STDIO_TTY, SESS_HOST_DEFAULT);
    assert_int_equal(sup_write(&world, tap, "hello\n", 6), 0);
    sup_wait_text(tap, SESS_PTY, "hello\r\nhello\r\n");
    assert_int_equal(sup_close_stdin(tap), 0);
    sup_wait_gone(tap);
    assert_int_equal(tap->exit_record.exit_code, 0);
    assert_int_equal(tap->close_record.bytes_in, 6);
    sup_free(tap);
}

/* Closing in the middle of a line: the line is read, and then the end. */
static void test_stdin_tty_closed_within_a_line(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("echo"), NULL};
    struct sup_tap *tap = start(argv, SESS_STDIO_TTY, SESS_HOST_DEFAULT);
    struct sup_ask write, closing;
    sup_ask_begin(&write, SESS_REQUEST_WRITE);
    sup_fill_write(&world, &write, "no end", 6, true);
    sup_ask_begin(&closing, SESS_REQUEST_CLOSE_STDIN);
    sup_ask_post(&write, tap);
    sup_ask_post(&closing, tap);
    assert_int_equal(sup_ask_wait(&write), 0);
    assert_int_equal(sup_ask_wait(&closing), 0);
    sup_ask_end(&write);
    sup_ask_end(&closing);
    sup_wait_gone(tap);
    assert_int_equal(tap->exit_record.exit_code, 0);
    assert_string_equal(sup_text(tap, SESS_PTY), "no endno end");
    sup_free(tap);
}

/* A terminal has no half-close: what reads it next can still be written to. */
static void test_stdin_tty_goes_on_after_close(void **state)
{
    (void)state;
    const char *argv[] = {"/bin/sh", "-c", "cat; echo then; cat; echo end", NULL};
    struct sup_tap *tap = start(argv, SESS_STDIO_TTY, SESS_HOST_DEFAULT);
    assert_int_equal(sup_write(&world, tap, "one\n", 4), 0);
    sup_wait_text(tap, SESS_PTY, "one\r\none\r\n");
    assert_int_equal(sup_close_stdin(tap), 0);
    sup_wait_text(tap, SESS_PTY, "then\r\n");
    assert_true(sup_view(tap).stdin_open);
    assert_int_equal(sup_write(&world, tap, "two\n", 4), 0);
    sup_wait_text(tap, SESS_PTY, "two\r\ntwo\r\n");
    assert_int_equal(sup_close_stdin(tap), 0);
    sup_wait_text(tap, SESS_PTY, "end\r\n");
    sup_free(tap);
}

static void test_stdin_tty_in_raw_mode_has_no_end(void **state)
{
    (void)state;
    const char *argv[] = {"/bin/sh", "-c", "stty raw -echo; echo ready; cat", NULL};
    const char *env[] = {"PATH=/usr/bin:/bin", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_TTY);
    spec.env = env;
    struct sup_tap *tap = sup_start(&world, &spec);
    sup_wait_text(tap, SESS_PTY, "ready");
    assert_int_equal(sup_close_stdin(tap), SESS_E_NOT_CANONICAL);
    assert_int_equal(sup_write(&world, tap, "still", 5), 0);
    sup_wait_text(tap, SESS_PTY, "still");
    (void)sup_stop(tap, SESS_STOP_FORCE, 0);
    sup_free(tap);
}

/* More than a terminal takes at once arrives whole all the same. */
static void test_stdin_tty_backpressure(void **state)
{
    (void)state;
    enum { LINES = 20000 };
    const char *argv[] = {"/bin/sh", "-c", "stty -echo; echo ready; wc -l", NULL};
    const char *env[] = {"PATH=/usr/bin:/bin", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_TTY);
    spec.env = env;
    char *text = malloc(LINES * 10 + 1);
    assert_non_null(text);
    for (int i = 0; i < LINES; i++) {
        char line[32];
        (void)snprintf(line, sizeof(line), "%09d\n", i);
        memcpy(text + (size_t)i * 10, line, 10);
    }
    struct sup_tap *tap = sup_start(&world, &spec);
    sup_wait_text(tap, SESS_PTY, "ready");
    assert_int_equal(sup_write(&world, tap, text, LINES * 10), 0);
    assert_int_equal(sup_close_stdin(tap), 0);
    sup_wait_text(tap, SESS_PTY, "20000\r\n");
    free(text);
    sup_free(tap);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(test_stdin_arrives_whole_in_any_pieces),
        IN_WORLD(test_stdin_posted_without_waiting),
        IN_WORLD(test_stdin_write_to_a_full_queue_waits),
        IN_WORLD(test_stdin_write_larger_than_the_queue),
        cmocka_unit_test(test_stdin_write_too_large),
        IN_WORLD(test_stdin_closed_is_closed),
        IN_WORLD(test_stdin_not_wanted_is_closed),
        IN_WORLD(test_stdin_closed_by_the_program),
        IN_WORLD(test_stdin_waiting_when_the_program_ends),
        IN_WORLD(test_stdin_tty_echoes),
        IN_WORLD(test_stdin_tty_closed_within_a_line),
        IN_WORLD(test_stdin_tty_goes_on_after_close),
        IN_WORLD(test_stdin_tty_in_raw_mode_has_no_end),
        IN_WORLD(test_stdin_tty_backpressure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
