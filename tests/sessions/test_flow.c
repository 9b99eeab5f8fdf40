/*
 * Output: every byte, in numbered chunks, and a child that waits when its consumer owes a window.
 */
#include "support.h"

#include <sched.h>

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

static void expect_pattern(struct sup_tap *tap, enum sess_stream stream, size_t size)
{
    assert_int_equal(sup_size(tap, stream), size);
    for (size_t i = 0; i < size; i++) {
        if (tap->out[stream].data[i] != i % 251)
            fail_msg("byte %zu is wrong", i);
    }
}

static void test_flow_every_byte_arrives(void **state)
{
    (void)state;
    static const char *const pieces[] = {"1000", "4096", "65536", "1000000"};
    for (size_t i = 0; i < 4; i++) {
        const char *argv[] = {CHILD("flood"), "20000000", pieces[i], NULL};
        struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
        struct sup_tap *tap = sup_run(&world, &spec);
        assert_int_equal(tap->exit_record.exit_code, 0);
        assert_int_equal(tap->reason, SESS_CLOSE_EOF);
        assert_int_equal(tap->close_record.bytes_out[SESS_STDOUT], 20000000);
        assert_true(tap->largest_chunk <= SESS_CHUNK_MAX_BYTES);
        expect_pattern(tap, SESS_STDOUT, 20000000);
        sup_free(tap);
    }
}

static void test_flow_streams_are_kept_apart(void **state)
{
    (void)state;
    const char *argv[] = {
        "/bin/sh", "-c",
        CHILD("flood") " 3000000 70000 1 & " CHILD("flood") " 3000000 1000 2 & wait", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    struct sup_tap *tap = sup_run(&world, &spec);
    assert_int_equal(tap->exit_record.exit_code, 0);
    expect_pattern(tap, SESS_STDOUT, 3000000);
    expect_pattern(tap, SESS_STDERR, 3000000);
    sup_free(tap);
}

static void test_flow_tty_delivers_everything(void **state)
{
    (void)state;
    const char *argv[] = {"/bin/sh", "-c", "stty raw; " CHILD("flood") " 2000000 5000", NULL};
    const char *env[] = {"PATH=/usr/bin:/bin", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_TTY);
    spec.env = env;
    struct sup_tap *tap = sup_run(&world, &spec);
    assert_int_equal(tap->exit_record.exit_code, 0);
    expect_pattern(tap, SESS_PTY, 2000000);
    sup_free(tap);
}

/* What is beyond the window stays in the pipe; giving half of it back is what it takes to go on. */
static void test_flow_full_window_stops_reading(void **state)
{
    (void)state;
    enum { WINDOW = 200 * 1000, TOTAL = 5000 * 1000, OVER = 2 * SESS_CHUNK_MAX_BYTES };
    const char *argv[] = {CHILD("flood"), "5000000", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    spec.window_bytes = WINDOW;
    struct sup_tap *tap = sup_start_held(&world, &spec);
    size_t given = 0;
    while (given < TOTAL) {
        size_t least = given + WINDOW < TOTAL ? given + WINDOW : TOTAL;
        sup_wait_bytes(tap, SESS_STDOUT, least);
        struct sess_view view = sup_view(tap);
        size_t heard = sup_size(tap, SESS_STDOUT);
        assert_true(heard <= given + WINDOW + OVER);
        assert_int_equal(view.owed_bytes, heard - given);
        assert_true((view.waiting_since_ns > 0) == (view.owed_bytes >= WINDOW));
        /* A little is not enough: it would go on in tiny steps. */
        if (heard < TOTAL && heard - given >= WINDOW) {
            sup_give_back(tap, 1000);
            given += 1000;
            assert_true(sup_view(tap).waiting_since_ns > 0);
            assert_int_equal(sup_size(tap, SESS_STDOUT), heard);
        }
        sup_give_back(tap, heard - given);
        given = heard;
    }
    sup_wait_gone(tap);
    assert_int_equal(tap->exit_record.exit_code, 0);
    expect_pattern(tap, SESS_STDOUT, TOTAL);
    sup_free(tap);
}

/* A consumer that gives back from another thread at any time loses no wake-up. */
static void test_flow_window_of_one_byte(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("flood"), "2000000", "3000", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    spec.window_bytes = 1;
    struct sup_tap *tap = sup_start_held(&world, &spec);
    for (size_t given = 0; given < 2000000;) {
        sup_wait_bytes(tap, SESS_STDOUT, given + 1);
        (void)pthread_mutex_lock(&tap->lock);
        size_t held = tap->held_bytes;
        (void)pthread_mutex_unlock(&tap->lock);
        sup_give_back(tap, held);
        given += held;
    }
    sup_wait_gone(tap);
    expect_pattern(tap, SESS_STDOUT, 2000000);
    sup_free(tap);
}

/* Bytes that a process has written so far, as the kernel counts them. */
static uint64_t written_by(int64_t pid)
{
    char path[64], line[128];
    uint64_t bytes = 0;
    (void)snprintf(path, sizeof(path), "/proc/%lld/io", (long long)pid);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "wchar: ", 7) == 0)
            bytes = strtoull(line + 7, NULL, 10);
    }
    (void)fclose(file);
    return bytes;
}

static void wait_until_written(int64_t pid, uint64_t bytes)
{
    uint64_t deadline_ms = sup_now_ms() + SUP_DEADLINE_MS;
    while (written_by(pid) < bytes) {
        assert_true(sup_now_ms() < deadline_ms);
        (void)sched_yield();
    }
}

/* One that waits does not hold the others up, nor its own requests. */
static void test_flow_one_stopped_session_stops_no_other(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("flood"), "3000000", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    struct sup_tap *stopped[10];
    spec.window_bytes = 65536;
    for (int i = 0; i < 10; i++)
        stopped[i] = sup_start_held(&world, &spec);
    for (int i = 0; i < 10; i++) {
        sup_wait_bytes(stopped[i], SESS_STDOUT, 65536);
        wait_until_written(stopped[i]->os_pid, 2 * 65536); /* its pipe is full */
    }
    struct sup_tap *tap = sup_run(&world, &spec);
    expect_pattern(tap, SESS_STDOUT, 3000000);
    sup_free(tap);
    for (int i = 0; i < 10; i++) {
        assert_true(sup_stop(stopped[i], SESS_STOP_FORCE, 0));
        sup_wait_exited(stopped[i]);
        /* What was in the pipe is still to come; nothing was lost by the wait. */
        (void)pthread_mutex_lock(&stopped[i]->lock);
        stopped[i]->hold = false;
        size_t held = stopped[i]->held_bytes;
        (void)pthread_mutex_unlock(&stopped[i]->lock);
        sup_give_back(stopped[i], held);
        sup_wait_gone(stopped[i]);
        size_t size = sup_size(stopped[i], SESS_STDOUT);
        assert_true(size >= 2 * 65536);
        expect_pattern(stopped[i], SESS_STDOUT, size);
        sup_free(stopped[i]);
    }
}

/* Head and tail of what was written, as a view sees them. */
static void test_flow_retention_keeps_head_and_tail(void **state)
{
    (void)state;
    enum { CAP = 100001, TOTAL = 3000000 };
    const char *argv[] = {CHILD("flood"), "3000000", "5000", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    struct sup_ask ask;
    spec.retain_bytes = CAP;
    struct sup_tap *tap = sup_run(&world, &spec);
    sup_ask_begin(&ask, SESS_REQUEST_VIEW);
    sup_ask_post(&ask, tap);
    assert_int_equal(sup_ask_wait(&ask), 0);
    assert_int_equal(ask.head.size, 50000);
    assert_int_equal(ask.tail.size, 50001);
    assert_int_equal(ask.omitted_bytes, TOTAL - CAP);
    assert_memory_equal(ask.head.data, tap->out[SESS_STDOUT].data, 50000);
    assert_memory_equal(ask.tail.data, tap->out[SESS_STDOUT].data + TOTAL - 50001, 50001);
    assert_true(ask.held_bytes <= 2 * CAP + 64 * 1024);
    sup_ask_end(&ask);
    assert_int_equal(sup_stats(&world).sessions, 0);
    assert_true(sup_stats(&world).retained_bytes >= CAP);
    sup_free(tap);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(test_flow_every_byte_arrives),
        IN_WORLD(test_flow_streams_are_kept_apart),
        IN_WORLD(test_flow_tty_delivers_everything),
        IN_WORLD(test_flow_full_window_stops_reading),
        IN_WORLD(test_flow_window_of_one_byte),
        IN_WORLD(test_flow_one_stopped_session_stops_no_other),
        IN_WORLD(test_flow_retention_keeps_head_and_tail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
