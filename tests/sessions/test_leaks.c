/*
 * Thousands of starts leave nothing behind: no descriptor, no zombie, no counted resource, no
 * memory. The teardown of each world counts; here are the numbers, and what an idle session costs.
 */
#include "support.h"

#include <sched.h>
#include <sys/resource.h>

static struct sup_world world;

static void churn(int total, int at_once)
{
    struct sup_tap **taps = calloc((size_t)at_once, sizeof(*taps));
    assert_non_null(taps);
    for (int i = 0; i < total + at_once; i++) {
        struct sup_tap **slot = &taps[i % at_once];
        if (*slot != NULL) {
            sup_wait_gone(*slot);
            assert_int_equal((*slot)->result, 0);
            assert_int_equal((*slot)->exit_record.exit_code, i % 200);
            sup_free(*slot);
            *slot = NULL;
        }
        if (i < total) {
            char code[16];
            const char *argv[] = {CHILD("exit_code"), "code", code, NULL};
            struct sess_spec spec = sup_spec(argv, (enum sess_stdio)(i % 3));
            (void)snprintf(code, sizeof(code), "%d", (i + at_once) % 200);
            *slot = sup_start(&world, &spec);
        }
    }
    free(taps);
}

static void test_leaks_thousands_of_starts(void **state)
{
    (void)state;
    sup_open(&world, NULL);
    churn(SUP_COUNT(3000, 400), 20);
    assert_int_equal(sup_stats(&world).started, SUP_COUNT(3000, 400));
    sup_close(&world);
}

static void test_leaks_failed_starts(void **state)
{
    (void)state;
    const char *argv[] = {"/nowhere", NULL};
    enum { STARTS = SUP_COUNT(1000, 200) };
    sup_open(&world, NULL);
    for (int i = 0; i < STARTS; i++) {
        struct sess_spec spec = sup_spec(argv, (enum sess_stdio)(i % 3));
        struct sup_tap *tap = sup_run(&world, &spec);
        assert_int_equal(tap->result, SESS_E_EXEC);
        sup_free(tap);
    }
    assert_int_equal(sup_stats(&world).failed, STARTS);
    sup_close(&world);
}

/* Private memory of this process, from smaps_rollup. */
static uint64_t private_bytes(void)
{
    char line[256];
    uint64_t kib = 0;
    FILE *file = fopen("/proc/self/smaps_rollup", "re");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "Private_", 8) == 0 && strstr(line, "Hugetlb") == NULL)
            kib += strtoull(strchr(line, ':') + 1, NULL, 10);
    }
    (void)fclose(file);
    return kib * 1024;
}

struct quiet {
    _Atomic unsigned answered, failed, heard_bytes;
};

static void on_start(struct sess_session *session, void *context,
                     const struct sess_started *started)
{
    struct quiet *quiet = context;
    (void)session;
    atomic_fetch_add(started->result == 0 ? &quiet->answered : &quiet->failed, 1);
}

static void on_output(struct sess_session *session, void *context, const struct sess_chunk *chunk)
{
    struct quiet *quiet = context;
    atomic_fetch_add(&quiet->heard_bytes, chunk->slice.size_bytes);
    sess_session_consumed(session, chunk->slice.size_bytes);
}

/* Gives the processor away meanwhile: the programs need it. */
static void await_count(struct quiet *quiet, _Atomic unsigned *counter, unsigned count)
{
    uint64_t deadline_ms = sup_now_ms() + SUP_DEADLINE_MS;
    while (atomic_load(counter) < count) {
        assert_true(sup_now_ms() < deadline_ms);
        assert_int_equal(atomic_load(&quiet->failed), 0);
        (void)sched_yield();
    }
}

static const struct sess_events quiet_events = {.on_start = on_start, .on_output = on_output};

/* Sessions that have written 200 bytes and read 20, and are silent. */
static void measure_idle(enum sess_stdio stdio, const char *script)
{
    enum { SESSIONS = 200, MOST_BYTES = 4096 };
    static struct sess_session *sessions[SESSIONS];
    static struct sup_ask asks[SESSIONS];
    const char *argv[] = {"/bin/sh", "-c", script, NULL};
    const char *env[] = {"PATH=/usr/bin:/bin", NULL};
    struct sess_spec spec = sup_spec(argv, stdio);
    struct quiet quiet = {0};
    struct sess_shortage shortage;
    struct sup_tap fake = {0};
    spec.env = env;
    sup_open(&world, NULL);
    uint64_t before = private_bytes();
    for (int i = 0; i < SESSIONS; i++)
        assert_int_equal(
            sess_session_start(world.host, &spec, &quiet_events, &quiet, &sessions[i], &shortage),
            0);
    await_count(&quiet, &quiet.answered, SESSIONS);
    for (int i = 0; i < SESSIONS; i++) {
        fake.session = sessions[i];
        assert_int_equal(sup_write(&world, &fake, "twenty bytes in all\n", 20), 0);
    }
    await_count(&quiet, &quiet.heard_bytes, SESSIONS * 200);
    uint64_t each = (private_bytes() - before) / SESSIONS;
    print_message("idle session: %llu bytes private\n", (unsigned long long)each);
    if (!SUP_SANITIZED)
        assert_true(each <= MOST_BYTES);
    for (int i = 0; i < SESSIONS; i++) {
        sup_ask_begin(&asks[i], SESS_REQUEST_DETACH);
        asks[i].request.ask.stop.mode = SESS_STOP_FORCE;
        asks[i].request.ask.stop.ender = SESS_ENDER_SHUTDOWN;
        sess_request_post(&asks[i].request, sessions[i]);
    }
    for (int i = 0; i < SESSIONS; i++) {
        assert_int_equal(sup_ask_wait(&asks[i]), 0);
        sup_ask_end(&asks[i]);
        sess_session_unref(sessions[i]);
    }
    sup_close(&world);
}

static void test_leaks_idle_pipe_session_is_small(void **state)
{
    (void)state;
    measure_idle(SESS_STDIO_PIPES, "read line; printf '%0200d' 0; read line");
}

static void test_leaks_idle_tty_session_is_small(void **state)
{
    (void)state;
    measure_idle(SESS_STDIO_TTY, "stty -echo; read line; printf '%0200d' 0; read line");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leaks_thousands_of_starts),
        cmocka_unit_test(test_leaks_failed_starts),
        cmocka_unit_test(test_leaks_idle_pipe_session_is_small),
        cmocka_unit_test(test_leaks_idle_tty_session_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
