/*
 * Watches for strings: across chunks of real children, in what is kept and in what comes, and what
 * is promised where something was omitted.
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

static void test_watch_match_across_chunks(void **state)
{
    (void)state;
    struct sup_tap *tap = sup_start_echo(&world);
    struct sup_waiter early, late, other;
    sup_watch_begin_match(&early, "needle");
    sup_watch_post(&early, tap);
    sup_watch_begin_match(&other, "needle");
    other.watch.match_streams = 1 << SESS_STDERR;
    sup_watch_post(&other, tap);
    sup_say(&world, tap, "a nee");
    sup_say(&world, tap, "d");
    assert_false(sup_ask_is_answered(&early.ask));
    sup_say(&world, tap, "le!");
    assert_int_equal(sup_watch_reason(&early), SESS_WATCH_MATCH);
    assert_int_equal(early.watch.match_seq, 3);
    assert_int_equal(early.watch.match_offset, 2);
    assert_int_equal(early.watch.match_stream, SESS_STDOUT);
    assert_false(early.watch.match_misses);
    sup_watch_begin_match(&late, "needle"); /* the same in what is kept */
    sup_watch_post(&late, tap);
    assert_int_equal(sup_watch_reason(&late), SESS_WATCH_MATCH);
    assert_int_equal(late.watch.match_seq, 3);
    assert_int_equal(late.watch.match_offset, 2);
    sup_watch_begin_match(&late, "needle"); /* all of it has to come after the number */
    late.watch.after_seq = 1;
    assert_int_equal(sup_watch_look(&late, tap), SESS_WATCH_TIMEOUT);
    sup_watch_begin_match(&late, "le!x"); /* begun in what is kept, ended by what comes */
    sup_watch_post(&late, tap);
    sup_say(&world, tap, "xyz");
    assert_int_equal(sup_watch_reason(&late), SESS_WATCH_MATCH);
    assert_int_equal(late.watch.match_seq, 4);
    assert_int_equal(late.watch.match_offset, 1);
    sup_end_echo(tap);
    assert_int_equal(sup_watch_reason(&other), SESS_WATCH_OVER);
}

/* Random pieces through a real child: found where a search in all that was heard finds it. */
static void test_watch_match_random(void **state)
{
    (void)state;
    uint64_t random = sup_seed();
    for (int round = 0; round < SUP_COUNT(30, 8); round++) {
        enum { PIECES = 20, WATCHES = 8 };
        struct sup_tap *tap = sup_start_echo(&world);
        struct sup_waiter waiters[WATCHES];
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
                sup_watch_begin_match(&waiters[posted], wanted[posted]);
                sup_watch_post(&waiters[posted], tap);
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
            assert_int_equal(sup_watch_reason(&waiters[i]),
                             there ? SESS_WATCH_MATCH : SESS_WATCH_OVER);
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
    struct sup_waiter waiter, whole;
    sup_wait_started(tap);
    sup_watch_begin_match(&whole,
                          "abcdefghijklmnop"); /* posted before: keeps nobody from finding it */
    sup_watch_post(&whole, tap);
    sup_say(&world, tap, "abcdefghijkl");
    sup_watch_begin_match(&waiter, "cd"); /* kept: abcd and ijkl */
    sup_watch_post(&waiter, tap);
    assert_int_equal(sup_watch_reason(&waiter), SESS_WATCH_MATCH);
    assert_int_equal(waiter.watch.match_offset, 4);
    assert_false(waiter.watch.match_misses);
    sup_watch_begin_match(&waiter, "kl");
    sup_watch_post(&waiter, tap);
    assert_int_equal(sup_watch_reason(&waiter), SESS_WATCH_MATCH);
    assert_int_equal(waiter.watch.match_offset, 12);
    assert_true(waiter.watch.match_misses);
    static const char *const nowhere[] = {"ef", "di", "de", "hi"};
    for (int i = 0; i < 4; i++) {
        sup_watch_begin_match(&waiter, nowhere[i]);
        assert_int_equal(sup_watch_look(&waiter, tap), SESS_WATCH_TIMEOUT);
        assert_true(waiter.watch.match_misses);
    }
    sup_watch_begin_match(&waiter, "klmn");
    sup_watch_post(&waiter, tap);
    sup_say(&world, tap, "mnop");
    assert_int_equal(sup_watch_reason(&waiter), SESS_WATCH_MATCH);
    assert_int_equal(waiter.watch.match_seq, 2);
    assert_int_equal(sup_watch_reason(&whole), SESS_WATCH_MATCH);
    sup_end_echo(tap);
}

/* Nothing is kept: what comes is searched all the same, from its first byte on. */
static void test_watch_match_without_retention(void **state)
{
    (void)state;
    static const char *const argv[] = {CHILD("echo"), NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_PIPES);
    spec.retain_bytes = 0;
    struct sup_tap *tap = sup_start(&world, &spec);
    struct sup_waiter waiter;
    sup_wait_started(tap);
    sup_say(&world, tap, "ab");
    sup_watch_begin_match(&waiter, "bc");
    sup_watch_post(&waiter, tap);
    sup_say(&world, tap, "cb");
    assert_false(sup_ask_is_answered(&waiter.ask));
    sup_say(&world, tap, "c");
    assert_int_equal(sup_watch_reason(&waiter), SESS_WATCH_MATCH);
    assert_int_equal(waiter.watch.match_seq, 3);
    assert_int_equal(waiter.watch.match_offset, 1);
    assert_true(waiter.watch.match_misses);
    sup_end_echo(tap);
}

static void test_watch_match_is_limited(void **state)
{
    (void)state;
    static char wanted[SESS_MATCH_MAX_BYTES + 1];
    struct sup_tap *tap = sup_start_echo(&world);
    struct sup_waiter waiter;
    memset(wanted, 'w', sizeof(wanted));
    sup_watch_begin(&waiter);
    waiter.watch.match = wanted;
    waiter.watch.match_bytes = sizeof(wanted);
    sup_watch_post(&waiter, tap);
    assert_int_equal(sup_watch_end(&waiter), SESS_E_TOO_LARGE);
    sup_watch_begin(&waiter);
    waiter.watch.match = wanted;
    waiter.watch.match_bytes = sizeof(wanted) - 1;
    assert_int_equal(sup_watch_look(&waiter, tap), SESS_WATCH_TIMEOUT);
    sup_end_echo(tap);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(test_watch_match_across_chunks), IN_WORLD(test_watch_match_random),
        IN_WORLD(test_watch_match_and_gaps),      IN_WORLD(test_watch_match_without_retention),
        IN_WORLD(test_watch_match_is_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
