/*
 * Watches: each thing that they wait for, at once and later, in every state of a session; times;
 * cancels that race; thousands on one session. Strings are in test_watch_match.c.
 */
#include "support_watch.h"

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

/* ---- Each thing ---- */

static void test_watch_output(void **state)
{
    (void)state;
    struct sup_tap *tap = sup_start_echo(&world);
    struct sup_waiter waiter;
    sup_watch_begin(&waiter);
    waiter.watch.wants_output = true;
    sup_watch_post(&waiter, tap);
    (void)sup_view(tap); /* behind it */
    assert_false(sup_ask_is_answered(&waiter.ask));
    sup_say(&world, tap, "one");
    assert_int_equal(sup_watch_reason(&waiter), SESS_WATCH_OUTPUT);
    assert_int_equal(waiter.watch.next_seq, 2);
    assert_int_equal(waiter.watch.exited_seq, 0);
    assert_int_equal(waiter.watch.closed_seq, 0);
    sup_watch_begin(&waiter);
    waiter.watch.wants_output = true;
    assert_int_equal(sup_watch_look(&waiter, tap), SESS_WATCH_OUTPUT); /* it is there already */
    sup_watch_begin(&waiter);
    waiter.watch.wants_output = true;
    waiter.watch.after_seq = 1;
    assert_int_equal(sup_watch_look(&waiter, tap), SESS_WATCH_TIMEOUT);
    sup_watch_begin(&waiter);
    waiter.watch.wants_output = true;
    waiter.watch.after_seq = 2; /* the next one does not count */
    sup_watch_post(&waiter, tap);
    sup_say(&world, tap, "two");
    assert_false(sup_ask_is_answered(&waiter.ask));
    sup_say(&world, tap, "three");
    assert_int_equal(sup_watch_reason(&waiter), SESS_WATCH_OUTPUT);
    sup_end_echo(tap);
}

static void test_watch_exit_and_close(void **state)
{
    (void)state;
    struct sup_tap *tap = sup_start_echo(&world);
    struct sup_waiter exited, closed, late, output;
    sup_say(&world, tap, "one");
    sup_watch_begin(&exited);
    exited.watch.wants_exited = exited.watch.wants_closed = true;
    sup_watch_post(&exited, tap);
    sup_watch_begin(&closed);
    closed.watch.wants_closed = true;
    sup_watch_post(&closed, tap);
    sup_watch_begin(&late); /* knows the exit already, so to say */
    late.watch.wants_exited = true;
    late.watch.after_seq = 2;
    sup_watch_post(&late, tap);
    sup_watch_begin(&output);
    output.watch.wants_output = true;
    output.watch.after_seq = 1;
    sup_watch_post(&output, tap);
    assert_int_equal(sup_close_stdin(tap), 0);
    assert_int_equal(sup_watch_reason(&exited), SESS_WATCH_EXITED);
    assert_int_equal(exited.watch.exited_seq, 2);
    assert_int_equal(sup_watch_reason(&closed), SESS_WATCH_CLOSED);
    assert_int_equal(closed.watch.closed_seq, 3);
    assert_int_equal(closed.watch.next_seq, 4);
    assert_int_equal(sup_watch_reason(&late), SESS_WATCH_OVER);
    assert_int_equal(sup_watch_reason(&output), SESS_WATCH_OVER);
    sup_free(tap);
}

/* Nothing waits on what is gone. */
static void test_watch_gone_session_answers_at_once(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("both_streams"), "1", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    struct sup_tap *tap = sup_run(&world, &spec);
    struct sup_waiter waiter;
    sup_watch_begin(&waiter);
    waiter.watch.wants_output = waiter.watch.wants_exited = waiter.watch.wants_closed = true;
    sup_watch_post(&waiter, tap);
    assert_int_equal(sup_watch_reason(&waiter), SESS_WATCH_OUTPUT);
    sup_watch_begin(&waiter);
    waiter.watch.wants_output = waiter.watch.wants_exited = waiter.watch.wants_closed = true;
    waiter.watch.after_seq = tap->closed_seq;
    sup_watch_post(&waiter, tap);
    assert_int_equal(sup_watch_reason(&waiter), SESS_WATCH_CLOSED);
    sup_watch_begin(&waiter);
    waiter.watch.wants_exited = true;
    sup_watch_post(&waiter, tap);
    assert_int_equal(sup_watch_reason(&waiter), SESS_WATCH_EXITED);
    assert_int_equal(waiter.watch.exited_seq, tap->exited_seq);
    sup_watch_begin_match(&waiter, "err 0");
    sup_watch_post(&waiter, tap);
    assert_int_equal(sup_watch_reason(&waiter), SESS_WATCH_MATCH);
    assert_int_equal(waiter.watch.match_stream, SESS_STDERR);
    sup_watch_begin_match(&waiter, "never");
    sup_watch_post(&waiter, tap);
    assert_int_equal(sup_watch_reason(&waiter), SESS_WATCH_OVER);
    sup_free(tap);
}

static void test_watch_starting_session(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("wait"), NULL}, *nothing[] = {"/does/not/exist", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_PIPES);
    struct sess_spec wrong = sup_spec(nothing, SESS_STDIO_PIPES);
    struct sup_jam jam;
    struct sup_waiter ready, over, later;
    sup_jam(&jam, &world);
    struct sup_tap *tap = sup_start(&world, &spec), *failing = sup_start(&world, &wrong);
    sup_watch_begin_match(&ready, "ready");
    sup_watch_post(&ready, tap);
    sup_watch_begin(&over);
    over.watch.wants_output = over.watch.wants_exited = true;
    over.watch.timeout_ms = 3600 * 1000; /* its timer is set when the session ends */
    sup_watch_post(&over, failing);
    sup_watch_begin(&later);
    later.watch.timeout_ms = 1;
    later.watch.wants_closed = true;
    sup_watch_post(&later, failing);
    assert_int_equal(sup_watch_reason(&later), SESS_WATCH_TIMEOUT);
    assert_false(sup_ask_is_answered(&ready.ask));
    assert_false(sup_ask_is_answered(&over.ask));
    sup_jam_release(&jam);
    assert_int_equal(sup_watch_reason(&over), SESS_WATCH_OVER);
    assert_int_equal(sup_watch_reason(&ready), SESS_WATCH_MATCH);
    sup_free(failing);
    (void)sup_stop(tap, SESS_STOP_FORCE, 0);
    sup_free(tap);
}

/* Times end in their order, whatever order they were posted in. */
static void test_watch_times(void **state)
{
    (void)state;
    static const unsigned times_ms[] = {90, 30, 60, 1, 3600000};
    struct sup_tap *tap = sup_start_echo(&world);
    struct sup_waiter waiters[5];
    uint64_t before_ns = iocp_now_ns(world.port);
    for (int i = 0; i < 5; i++) {
        sup_watch_begin(&waiters[i]);
        waiters[i].watch.wants_output = true;
        waiters[i].watch.timeout_ms = times_ms[i];
        sup_watch_post(&waiters[i], tap);
    }
    static const int order[] = {3, 1, 2, 0};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(sup_watch_reason(&waiters[order[i]]), SESS_WATCH_TIMEOUT);
        uint64_t took_ns = iocp_now_ns(world.port) - before_ns;
        assert_true(took_ns >= times_ms[order[i]] * UINT64_C(1000000));
    }
    assert_false(sup_ask_is_answered(&waiters[4].ask));
    sup_say(&world, tap, "x");
    assert_int_equal(sup_watch_reason(&waiters[4]), SESS_WATCH_OUTPUT);
    sup_end_echo(tap);
}

/* Who watches does not need the owner. */
static void test_watch_detached_session(void **state)
{
    (void)state;
    struct sup_tap *tap = sup_start_echo(&world);
    struct sup_waiter output, closed;
    sup_watch_begin(&output);
    output.watch.wants_output = true;
    sup_watch_post(&output, tap);
    sup_watch_begin(&closed);
    closed.watch.wants_closed = true;
    sup_watch_post(&closed, tap);
    sup_detach(tap, SESS_STOP_NONE);
    assert_int_equal(sup_write(&world, tap, "x", 1), 0);
    assert_int_equal(sup_watch_reason(&output), SESS_WATCH_OUTPUT);
    assert_int_equal(sup_close_stdin(tap), 0);
    assert_int_equal(sup_watch_reason(&closed), SESS_WATCH_CLOSED);
    tap->gone = true; /* what sup_free waits for will never be heard */
    sup_free(tap);
}

/* ---- Cancelling ---- */

static void test_watch_cancel(void **state)
{
    (void)state;
    struct sup_tap *tap = sup_start_echo(&world);
    struct sup_waiter waiter;
    sup_watch_begin(&waiter);
    waiter.watch.wants_output = true;
    waiter.watch.timeout_ms = 3600 * 1000;
    sup_watch_post(&waiter, tap);
    sess_watch_cancel(&waiter.watch);
    sess_watch_cancel(&waiter.watch);
    assert_int_equal(sup_watch_end(&waiter), SESS_E_CANCELLED);
    assert_int_equal(waiter.watch.next_seq, 1);
    sess_watch_cancel(&waiter.watch); /* nothing, as long as its memory is there */
    sup_say(&world, tap, "x");
    sup_watch_begin(&waiter);
    waiter.watch.wants_output = true;
    sup_watch_post(&waiter, tap);
    sess_watch_cancel(
        &waiter.watch); /* too late: what it wants has happened when it is looked at */
    assert_int_equal(sup_watch_reason(&waiter), SESS_WATCH_OUTPUT);
    sup_end_echo(tap);
}

struct canceller {
    pthread_t thread;
    struct sup_waiter *waiters;
    int count;
};

static void *cancel_all(void *context)
{
    struct canceller *canceller = context;
    for (int i = 0; i < canceller->count; i++)
        sess_watch_cancel(&canceller->waiters[i].watch);
    return NULL;
}

/* Output, times, the end and two cancels race for each watch: one answer each. */
static void test_watch_cancels_race(void **state)
{
    (void)state;
    enum { WATCHES = 200 };
    static struct sup_waiter waiters[WATCHES];
    uint64_t random = sup_seed();
    uint64_t cancelled = 0;
    for (int round = 0; round < SUP_COUNT(40, 10); round++) {
        struct sup_tap *tap = sup_start_echo(&world);
        struct canceller cancellers[2];
        for (int i = 0; i < WATCHES; i++) {
            sup_watch_begin_match(&waiters[i], "zz");
            waiters[i].watch.wants_output = sup_below(&random, 2) == 0;
            waiters[i].watch.wants_closed = true;
            waiters[i].watch.timeout_ms = sup_below(&random, 5);
            waiters[i].watch.after_seq = sup_below(&random, 3);
            sup_watch_post(&waiters[i], tap);
        }
        for (int i = 0; i < 2; i++) {
            cancellers[i] = (struct canceller){.waiters = waiters, .count = WATCHES};
            assert_int_equal(
                pthread_create(&cancellers[i].thread, NULL, cancel_all, &cancellers[i]), 0);
        }
        assert_int_equal(sup_write(&world, tap, "zz", 2), 0);
        assert_int_equal(sup_close_stdin(tap), 0);
        for (int i = 0; i < 2; i++)
            assert_int_equal(pthread_join(cancellers[i].thread, NULL), 0);
        sup_free(tap);
        for (int i = 0; i < WATCHES; i++)
            cancelled += sup_watch_end(&waiters[i]) == SESS_E_CANCELLED;
    }
    print_message("%llu cancelled\n", (unsigned long long)cancelled);
}

/* ---- Many ---- */

static void test_watch_thousands_on_one_session(void **state)
{
    (void)state;
    struct sup_tap *tap = sup_start_echo(&world);
    struct sup_waiter *waiters = calloc(SESS_WATCHES_MAX + 1, sizeof(*waiters));
    assert_non_null(waiters);
    for (int i = 0; i <= SESS_WATCHES_MAX; i++) {
        sup_watch_begin(&waiters[i]);
        waiters[i].watch.wants_output = i % 3 != 0;
        waiters[i].watch.wants_closed = true;
        waiters[i].watch.timeout_ms = 3600 * 1000 + (uint64_t)i;
        sup_watch_post(&waiters[i], tap);
    }
    assert_int_equal(sup_watch_end(&waiters[SESS_WATCHES_MAX]), SESS_E_TOO_MANY_WATCHES);
    assert_string_equal(sess_error_text(SESS_E_TOO_MANY_WATCHES),
                        "too many wait for this session already");
    sup_watch_begin(&waiters[SESS_WATCHES_MAX]); /* a look does not wait */
    assert_int_equal(sup_watch_look(&waiters[SESS_WATCHES_MAX], tap), SESS_WATCH_TIMEOUT);
    sup_say(&world, tap, "x");
    for (int i = 0; i < SESS_WATCHES_MAX; i++) {
        if (i % 3 != 0)
            assert_int_equal(sup_watch_reason(&waiters[i]), SESS_WATCH_OUTPUT);
    }
    for (int i = 0; i < SESS_WATCHES_MAX; i += 6) {
        sess_watch_cancel(&waiters[i].watch);
        assert_int_equal(sup_watch_end(&waiters[i]), SESS_E_CANCELLED);
    }
    assert_int_equal(sup_close_stdin(tap), 0);
    for (int i = 3; i < SESS_WATCHES_MAX; i += 6)
        assert_int_equal(sup_watch_reason(&waiters[i]), SESS_WATCH_CLOSED);
    sup_free(tap);
    free(waiters);
}

/* ---- Memory ---- */

static _Atomic bool memory_fails;

static void *resize_or_fail(void *context, void *block, size_t size_bytes)
{
    (void)context;
    if (size_bytes > 0 && atomic_load(&memory_fails))
        return NULL;
    return sess_memory_libc.resize(sess_memory_libc.context, block, size_bytes);
}

static void test_watch_without_memory(void **state)
{
    (void)state;
    const struct sess_memory memory = {.resize = resize_or_fail};
    const struct sess_host_options options = {.memory = &memory};
    struct sup_waiter waiter, output;
    sup_open(&world, &options);
    struct sup_tap *tap = sup_start_echo(&world);
    atomic_store(&memory_fails, true);
    sup_watch_begin_match(&waiter, "x");
    sup_watch_post(&waiter, tap);
    assert_int_equal(sup_watch_end(&waiter), SESS_E_NO_CAPACITY);
    sup_watch_begin(&output); /* needs none */
    output.watch.wants_exited = true;
    sup_watch_post(&output, tap);
    sess_watch_cancel(&output.watch);
    assert_int_equal(sup_watch_end(&output), SESS_E_CANCELLED);
    atomic_store(&memory_fails, false);
    sup_end_echo(tap);
    sup_close(&world);
}

static void test_watch_words(void **state)
{
    (void)state;
    for (int i = 0; i < SESS_WATCH_REASONS; i++) {
        for (int j = 0; j < i; j++)
            assert_string_not_equal(sess_watch_reason_text((enum sess_watch_reason)i),
                                    sess_watch_reason_text((enum sess_watch_reason)j));
    }
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(test_watch_output),
        IN_WORLD(test_watch_exit_and_close),
        IN_WORLD(test_watch_gone_session_answers_at_once),
        IN_WORLD(test_watch_starting_session),
        IN_WORLD(test_watch_times),
        IN_WORLD(test_watch_detached_session),
        IN_WORLD(test_watch_cancel),
        IN_WORLD(test_watch_cancels_race),
        IN_WORLD(test_watch_thousands_on_one_session),
        cmocka_unit_test(test_watch_without_memory),
        cmocka_unit_test(test_watch_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
