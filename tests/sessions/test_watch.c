/*
 * Watches: each thing that they wait for, at once and later, in every state of a session; strings
 * across chunks of real children; times; cancels that race; thousands on one session.
 */
#include "support.h"

#include "sessions/watch.h"

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

/* A watch that the test's thread waits for. */
struct waiter {
    struct sess_watch watch;
    struct sup_ask ask; /* its lock, and whether it was answered */
    _Atomic int answers;
};

static void on_answer(struct sess_request *request)
{
    struct waiter *waiter = request->context;
    atomic_fetch_add(&waiter->answers, 1);
    (void)pthread_mutex_lock(&waiter->ask.lock);
    waiter->ask.request.result = request->result;
    waiter->ask.answered = true;
    (void)pthread_cond_broadcast(&waiter->ask.changed);
    (void)pthread_mutex_unlock(&waiter->ask.lock);
}

static void begin(struct waiter *waiter)
{
    sup_ask_begin(&waiter->ask, SESS_REQUEST_VIEW);
    sess_watch_init(&waiter->watch, on_answer, waiter);
    atomic_init(&waiter->answers, 0);
}

static void begin_match(struct waiter *waiter, const char *match)
{
    begin(waiter);
    waiter->watch.match = match;
    waiter->watch.match_bytes = (uint32_t)strlen(match);
}

static void post(struct waiter *waiter, struct sup_tap *tap)
{
    sess_request_post(&waiter->watch.request, tap->session);
}

/* Waits for the answer and returns its result. */
static int end(struct waiter *waiter)
{
    int result = sup_ask_wait(&waiter->ask);
    assert_int_equal(atomic_load(&waiter->answers), 1);
    sup_ask_end(&waiter->ask);
    return result;
}

static enum sess_watch_reason end_reason(struct waiter *waiter)
{
    assert_int_equal(end(waiter), 0);
    return waiter->watch.reason;
}

static enum sess_watch_reason look(struct waiter *waiter, struct sup_tap *tap)
{
    waiter->watch.timeout_ms = 0;
    post(waiter, tap);
    return end_reason(waiter);
}

static struct sup_tap *start_echo(void)
{
    static const char *const argv[] = {CHILD("echo"), NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_PIPES);
    struct sup_tap *tap = sup_start(&world, &spec);
    sup_wait_started(tap);
    return tap;
}

/* Lets it say something and waits until it was heard. */
static void say(struct sup_tap *tap, const char *text)
{
    size_t before = sup_size(tap, SESS_STDOUT);
    assert_int_equal(sup_write(&world, tap, text, strlen(text)), 0);
    sup_wait_bytes(tap, SESS_STDOUT, before + strlen(text));
}

static void end_echo(struct sup_tap *tap)
{
    assert_int_equal(sup_close_stdin(tap), 0);
    sup_free(tap);
}

/* ---- Each thing ---- */

static void test_watch_output(void **state)
{
    (void)state;
    struct sup_tap *tap = start_echo();
    struct waiter waiter;
    begin(&waiter);
    waiter.watch.wants_output = true;
    post(&waiter, tap);
    (void)sup_view(tap); /* behind it */
    assert_false(sup_ask_is_answered(&waiter.ask));
    say(tap, "one");
    assert_int_equal(end_reason(&waiter), SESS_WATCH_OUTPUT);
    assert_int_equal(waiter.watch.next_seq, 2);
    assert_int_equal(waiter.watch.exited_seq, 0);
    assert_int_equal(waiter.watch.closed_seq, 0);
    begin(&waiter);
    waiter.watch.wants_output = true;
    assert_int_equal(look(&waiter, tap), SESS_WATCH_OUTPUT); /* it is there already */
    begin(&waiter);
    waiter.watch.wants_output = true;
    waiter.watch.after_seq = 1;
    assert_int_equal(look(&waiter, tap), SESS_WATCH_TIMEOUT);
    begin(&waiter);
    waiter.watch.wants_output = true;
    waiter.watch.after_seq = 2; /* the next one does not count */
    post(&waiter, tap);
    say(tap, "two");
    assert_false(sup_ask_is_answered(&waiter.ask));
    say(tap, "three");
    assert_int_equal(end_reason(&waiter), SESS_WATCH_OUTPUT);
    end_echo(tap);
}

static void test_watch_exit_and_close(void **state)
{
    (void)state;
    struct sup_tap *tap = start_echo();
    struct waiter exited, closed, late, output;
    say(tap, "one");
    begin(&exited);
    exited.watch.wants_exited = exited.watch.wants_closed = true;
    post(&exited, tap);
    begin(&closed);
    closed.watch.wants_closed = true;
    post(&closed, tap);
    begin(&late); /* knows the exit already, so to say */
    late.watch.wants_exited = true;
    late.watch.after_seq = 2;
    post(&late, tap);
    begin(&output);
    output.watch.wants_output = true;
    output.watch.after_seq = 1;
    post(&output, tap);
    assert_int_equal(sup_close_stdin(tap), 0);
    assert_int_equal(end_reason(&exited), SESS_WATCH_EXITED);
    assert_int_equal(exited.watch.exited_seq, 2);
    assert_int_equal(end_reason(&closed), SESS_WATCH_CLOSED);
    assert_int_equal(closed.watch.closed_seq, 3);
    assert_int_equal(closed.watch.next_seq, 4);
    assert_int_equal(end_reason(&late), SESS_WATCH_OVER);
    assert_int_equal(end_reason(&output), SESS_WATCH_OVER);
    sup_free(tap);
}

/* Nothing waits on what is gone. */
static void test_watch_gone_session_answers_at_once(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("both_streams"), "1", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    struct sup_tap *tap = sup_run(&world, &spec);
    struct waiter waiter;
    begin(&waiter);
    waiter.watch.wants_output = waiter.watch.wants_exited = waiter.watch.wants_closed = true;
    post(&waiter, tap);
    assert_int_equal(end_reason(&waiter), SESS_WATCH_OUTPUT);
    begin(&waiter);
    waiter.watch.wants_output = waiter.watch.wants_exited = waiter.watch.wants_closed = true;
    waiter.watch.after_seq = tap->closed_seq;
    post(&waiter, tap);
    assert_int_equal(end_reason(&waiter), SESS_WATCH_CLOSED);
    begin(&waiter);
    waiter.watch.wants_exited = true;
    post(&waiter, tap);
    assert_int_equal(end_reason(&waiter), SESS_WATCH_EXITED);
    assert_int_equal(waiter.watch.exited_seq, tap->exited_seq);
    begin_match(&waiter, "err 0");
    post(&waiter, tap);
    assert_int_equal(end_reason(&waiter), SESS_WATCH_MATCH);
    assert_int_equal(waiter.watch.match_stream, SESS_STDERR);
    begin_match(&waiter, "never");
    post(&waiter, tap);
    assert_int_equal(end_reason(&waiter), SESS_WATCH_OVER);
    sup_free(tap);
}

static void test_watch_starting_session(void **state)
{
    (void)state;
    const char *argv[] = {CHILD("wait"), NULL}, *nothing[] = {"/does/not/exist", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_PIPES);
    struct sess_spec wrong = sup_spec(nothing, SESS_STDIO_PIPES);
    struct sup_jam jam;
    struct waiter ready, over, later;
    sup_jam(&jam, &world);
    struct sup_tap *tap = sup_start(&world, &spec), *failing = sup_start(&world, &wrong);
    begin_match(&ready, "ready");
    post(&ready, tap);
    begin(&over);
    over.watch.wants_output = over.watch.wants_exited = true;
    over.watch.timeout_ms = 3600 * 1000; /* its timer is set when the session ends */
    post(&over, failing);
    begin(&later);
    later.watch.timeout_ms = 1;
    later.watch.wants_closed = true;
    post(&later, failing);
    assert_int_equal(end_reason(&later), SESS_WATCH_TIMEOUT);
    assert_false(sup_ask_is_answered(&ready.ask));
    assert_false(sup_ask_is_answered(&over.ask));
    sup_jam_release(&jam);
    assert_int_equal(end_reason(&over), SESS_WATCH_OVER);
    assert_int_equal(end_reason(&ready), SESS_WATCH_MATCH);
    sup_free(failing);
    (void)sup_stop(tap, SESS_STOP_FORCE, 0);
    sup_free(tap);
}

/* Times end in their order, whatever order they were posted in. */
static void test_watch_times(void **state)
{
    (void)state;
    static const unsigned times_ms[] = {90, 30, 60, 1, 3600000};
    struct sup_tap *tap = start_echo();
    struct waiter waiters[5];
    uint64_t before_ns = iocp_now_ns(world.port);
    for (int i = 0; i < 5; i++) {
        begin(&waiters[i]);
        waiters[i].watch.wants_output = true;
        waiters[i].watch.timeout_ms = times_ms[i];
        post(&waiters[i], tap);
    }
    static const int order[] = {3, 1, 2, 0};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(end_reason(&waiters[order[i]]), SESS_WATCH_TIMEOUT);
        uint64_t took_ns = iocp_now_ns(world.port) - before_ns;
        assert_true(took_ns >= times_ms[order[i]] * UINT64_C(1000000));
    }
    assert_false(sup_ask_is_answered(&waiters[4].ask));
    say(tap, "x");
    assert_int_equal(end_reason(&waiters[4]), SESS_WATCH_OUTPUT);
    end_echo(tap);
}

/* Who watches does not need the owner. */
static void test_watch_detached_session(void **state)
{
    (void)state;
    struct sup_tap *tap = start_echo();
    struct waiter output, closed;
    begin(&output);
    output.watch.wants_output = true;
    post(&output, tap);
    begin(&closed);
    closed.watch.wants_closed = true;
    post(&closed, tap);
    sup_detach(tap, SESS_STOP_NONE);
    assert_int_equal(sup_write(&world, tap, "x", 1), 0);
    assert_int_equal(end_reason(&output), SESS_WATCH_OUTPUT);
    assert_int_equal(sup_close_stdin(tap), 0);
    assert_int_equal(end_reason(&closed), SESS_WATCH_CLOSED);
    tap->gone = true; /* what sup_free waits for will never be heard */
    sup_free(tap);
}

/* ---- Strings ---- */

static void test_watch_match_across_chunks(void **state)
{
    (void)state;
    struct sup_tap *tap = start_echo();
    struct waiter early, late, other;
    begin_match(&early, "needle");
    post(&early, tap);
    begin_match(&other, "needle");
    other.watch.match_streams = 1 << SESS_STDERR;
    post(&other, tap);
    say(tap, "a nee");
    say(tap, "d");
    assert_false(sup_ask_is_answered(&early.ask));
    say(tap, "le!");
    assert_int_equal(end_reason(&early), SESS_WATCH_MATCH);
    assert_int_equal(early.watch.match_seq, 3);
    assert_int_equal(early.watch.match_offset, 2);
    assert_int_equal(early.watch.match_stream, SESS_STDOUT);
    assert_false(early.watch.match_misses);
    begin_match(&late, "needle"); /* the same in what is kept */
    post(&late, tap);
    assert_int_equal(end_reason(&late), SESS_WATCH_MATCH);
    assert_int_equal(late.watch.match_seq, 3);
    assert_int_equal(late.watch.match_offset, 2);
    begin_match(&late, "needle"); /* all of it has to come after the number */
    late.watch.after_seq = 1;
    assert_int_equal(look(&late, tap), SESS_WATCH_TIMEOUT);
    begin_match(&late, "le!x"); /* begun in what is kept, ended by what comes */
    post(&late, tap);
    say(tap, "xyz");
    assert_int_equal(end_reason(&late), SESS_WATCH_MATCH);
    assert_int_equal(late.watch.match_seq, 4);
    assert_int_equal(late.watch.match_offset, 1);
    end_echo(tap);
    assert_int_equal(end_reason(&other), SESS_WATCH_OVER);
}

/* Random pieces through a real child: found where a search in all that was heard finds it. */
static void test_watch_match_random(void **state)
{
    (void)state;
    uint64_t random = sup_seed();
    for (int round = 0; round < SUP_COUNT(30, 8); round++) {
        enum { PIECES = 20, WATCHES = 8 };
        struct sup_tap *tap = start_echo();
        struct waiter waiters[WATCHES];
        char wanted[WATCHES][8], piece[16];
        int posted = 0;
        for (int i = 0; i < PIECES; i++) {
            size_t size = 1 + sup_below(&random, sizeof(piece) - 1);
            for (size_t at = 0; at < size; at++)
                piece[at] = (char)('a' + sup_below(&random, 2));
            piece[size] = '\0';
            if (posted < WATCHES && sup_below(&random, 2) == 0) {
                size_t length = 3 + sup_below(&random, 4);
                for (size_t at = 0; at < length; at++)
                    wanted[posted][at] = (char)('a' + sup_below(&random, 2));
                wanted[posted][length] = '\0';
                begin_match(&waiters[posted], wanted[posted]);
                post(&waiters[posted], tap);
                posted++;
            }
            size_t before = sup_size(tap, SESS_STDOUT);
            assert_int_equal(sup_write(&world, tap, piece, size), 0);
            if (sup_below(&random, 2) == 0)
                sup_wait_bytes(tap, SESS_STDOUT, before + size);
        }
        assert_int_equal(sup_close_stdin(tap), 0);
        sup_wait_gone(tap);
        for (int i = 0; i < posted; i++) {
            bool there = strstr(sup_text(tap, SESS_STDOUT), wanted[i]) != NULL;
            assert_int_equal(end_reason(&waiters[i]), there ? SESS_WATCH_MATCH : SESS_WATCH_OVER);
        }
        sup_free(tap);
    }
}

/* What was omitted is not searched, and nothing is found across it. */
static void test_watch_match_and_gaps(void **state)
{
    (void)state;
    static const char *const argv[] = {CHILD("echo"), NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_PIPES);
    spec.retain_bytes = 8;
    struct sup_tap *tap = sup_start(&world, &spec);
    struct waiter waiter, whole;
    sup_wait_started(tap);
    begin_match(&whole, "abcdefghijklmnop"); /* posted before: keeps nobody from finding it */
    post(&whole, tap);
    say(tap, "abcdefghijkl");
    begin_match(&waiter, "cd"); /* kept: abcd and ijkl */
    post(&waiter, tap);
    assert_int_equal(end_reason(&waiter), SESS_WATCH_MATCH);
    assert_int_equal(waiter.watch.match_offset, 4);
    assert_false(waiter.watch.match_misses);
    begin_match(&waiter, "kl");
    post(&waiter, tap);
    assert_int_equal(end_reason(&waiter), SESS_WATCH_MATCH);
    assert_int_equal(waiter.watch.match_offset, 12);
    assert_true(waiter.watch.match_misses);
    static const char *const nowhere[] = {"ef", "di", "de", "hi"};
    for (int i = 0; i < 4; i++) {
        begin_match(&waiter, nowhere[i]);
        assert_int_equal(look(&waiter, tap), SESS_WATCH_TIMEOUT);
        assert_true(waiter.watch.match_misses);
    }
    begin_match(&waiter, "klmn");
    post(&waiter, tap);
    say(tap, "mnop");
    assert_int_equal(end_reason(&waiter), SESS_WATCH_MATCH);
    assert_int_equal(waiter.watch.match_seq, 2);
    assert_int_equal(end_reason(&whole), SESS_WATCH_MATCH);
    end_echo(tap);
}

/* Nothing is kept: what comes is searched all the same, from its first byte on. */
static void test_watch_match_without_retention(void **state)
{
    (void)state;
    static const char *const argv[] = {CHILD("echo"), NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_PIPES);
    spec.retain_bytes = 0;
    struct sup_tap *tap = sup_start(&world, &spec);
    struct waiter waiter;
    sup_wait_started(tap);
    say(tap, "ab");
    begin_match(&waiter, "bc");
    post(&waiter, tap);
    say(tap, "cb");
    assert_false(sup_ask_is_answered(&waiter.ask));
    say(tap, "c");
    assert_int_equal(end_reason(&waiter), SESS_WATCH_MATCH);
    assert_int_equal(waiter.watch.match_seq, 3);
    assert_int_equal(waiter.watch.match_offset, 1);
    assert_true(waiter.watch.match_misses);
    end_echo(tap);
}

static void test_watch_match_is_limited(void **state)
{
    (void)state;
    static char wanted[SESS_MATCH_MAX_BYTES + 1];
    struct sup_tap *tap = start_echo();
    struct waiter waiter;
    memset(wanted, 'w', sizeof(wanted));
    begin(&waiter);
    waiter.watch.match = wanted;
    waiter.watch.match_bytes = sizeof(wanted);
    post(&waiter, tap);
    assert_int_equal(end(&waiter), SESS_E_TOO_LARGE);
    begin(&waiter);
    waiter.watch.match = wanted;
    waiter.watch.match_bytes = sizeof(wanted) - 1;
    assert_int_equal(look(&waiter, tap), SESS_WATCH_TIMEOUT);
    end_echo(tap);
}

/* ---- Cancelling ---- */

static void test_watch_cancel(void **state)
{
    (void)state;
    struct sup_tap *tap = start_echo();
    struct waiter waiter;
    begin(&waiter);
    waiter.watch.wants_output = true;
    waiter.watch.timeout_ms = 3600 * 1000;
    post(&waiter, tap);
    sess_watch_cancel(&waiter.watch);
    sess_watch_cancel(&waiter.watch);
    assert_int_equal(end(&waiter), SESS_E_CANCELLED);
    assert_int_equal(waiter.watch.next_seq, 1);
    sess_watch_cancel(&waiter.watch); /* nothing, as long as its memory is there */
    say(tap, "x");
    begin(&waiter);
    waiter.watch.wants_output = true;
    post(&waiter, tap);
    sess_watch_cancel(
        &waiter.watch); /* too late: what it wants has happened when it is looked at */
    assert_int_equal(end_reason(&waiter), SESS_WATCH_OUTPUT);
    end_echo(tap);
}

struct canceller {
    pthread_t thread;
    struct waiter *waiters;
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
    static struct waiter waiters[WATCHES];
    uint64_t random = sup_seed();
    uint64_t cancelled = 0;
    for (int round = 0; round < SUP_COUNT(40, 10); round++) {
        struct sup_tap *tap = start_echo();
        struct canceller cancellers[2];
        for (int i = 0; i < WATCHES; i++) {
            begin_match(&waiters[i], "zz");
            waiters[i].watch.wants_output = sup_below(&random, 2) == 0;
            waiters[i].watch.wants_closed = true;
            waiters[i].watch.timeout_ms = sup_below(&random, 5);
            waiters[i].watch.after_seq = sup_below(&random, 3);
            post(&waiters[i], tap);
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
            cancelled += end(&waiters[i]) == SESS_E_CANCELLED;
    }
    print_message("%llu cancelled\n", (unsigned long long)cancelled);
}

/* ---- Many ---- */

static void test_watch_thousands_on_one_session(void **state)
{
    (void)state;
    struct sup_tap *tap = start_echo();
    struct waiter *waiters = calloc(SESS_WATCHES_MAX + 1, sizeof(*waiters));
    assert_non_null(waiters);
    for (int i = 0; i <= SESS_WATCHES_MAX; i++) {
        begin(&waiters[i]);
        waiters[i].watch.wants_output = i % 3 != 0;
        waiters[i].watch.wants_closed = true;
        waiters[i].watch.timeout_ms = 3600 * 1000 + (uint64_t)i;
        post(&waiters[i], tap);
    }
    assert_int_equal(end(&waiters[SESS_WATCHES_MAX]), SESS_E_TOO_MANY_WATCHES);
    assert_string_equal(sess_error_text(SESS_E_TOO_MANY_WATCHES),
                        "too many wait for this session already");
    begin(&waiters[SESS_WATCHES_MAX]); /* a look does not wait */
    assert_int_equal(look(&waiters[SESS_WATCHES_MAX], tap), SESS_WATCH_TIMEOUT);
    say(tap, "x");
    for (int i = 0; i < SESS_WATCHES_MAX; i++) {
        if (i % 3 != 0)
            assert_int_equal(end_reason(&waiters[i]), SESS_WATCH_OUTPUT);
    }
    for (int i = 0; i < SESS_WATCHES_MAX; i += 6) {
        sess_watch_cancel(&waiters[i].watch);
        assert_int_equal(end(&waiters[i]), SESS_E_CANCELLED);
    }
    assert_int_equal(sup_close_stdin(tap), 0);
    for (int i = 3; i < SESS_WATCHES_MAX; i += 6)
        assert_int_equal(end_reason(&waiters[i]), SESS_WATCH_CLOSED);
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
    struct waiter waiter, output;
    sup_open(&world, &options);
    struct sup_tap *tap = start_echo();
    atomic_store(&memory_fails, true);
    begin_match(&waiter, "x");
    post(&waiter, tap);
    assert_int_equal(end(&waiter), SESS_E_NO_CAPACITY);
    begin(&output); /* needs none */
    output.watch.wants_exited = true;
    post(&output, tap);
    sess_watch_cancel(&output.watch);
    assert_int_equal(end(&output), SESS_E_CANCELLED);
    atomic_store(&memory_fails, false);
    end_echo(tap);
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
        IN_WORLD(test_watch_match_across_chunks),
        IN_WORLD(test_watch_match_random),
        IN_WORLD(test_watch_match_and_gaps),
        IN_WORLD(test_watch_match_without_retention),
        IN_WORLD(test_watch_match_is_limited),
        IN_WORLD(test_watch_cancel),
        IN_WORLD(test_watch_cancels_race),
        IN_WORLD(test_watch_thousands_on_one_session),
        cmocka_unit_test(test_watch_without_memory),
        cmocka_unit_test(test_watch_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
