/*
 * The budget of retained output over all sessions: the tails of the idlest go first, and what they
 * lose is counted.
 */
#include "support.h"

#include <signal.h>

enum { KIB = 1024, CAP = 200 * KIB };

static struct sup_world world;

/* What is retained of a session, and what is not. */
struct kept {
    size_t head, tail;
    uint64_t omitted;
};

static struct kept kept_of(struct sup_tap *tap)
{
    struct sup_ask ask;
    sup_ask_begin(&ask, SESS_REQUEST_VIEW);
    sup_ask_post(&ask, tap);
    assert_int_equal(sup_ask_wait(&ask), 0);
    struct kept kept = {ask.head.size, ask.tail.size, ask.omitted_bytes};
    const uint8_t *all = tap->out[SESS_STDOUT].data;
    size_t size = sup_size(tap, SESS_STDOUT);
    assert_int_equal(kept.head + kept.tail + kept.omitted, size);
    if (kept.head > 0)
        assert_memory_equal(ask.head.data, all, kept.head);
    if (kept.tail > 0)
        assert_memory_equal(ask.tail.data, all + size - kept.tail, kept.tail);
    sup_ask_end(&ask);
    return kept;
}

static struct sup_tap *flood(const char *bytes)
{
    const char *argv[] = {CHILD("flood"), bytes, "3000", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    spec.retain_bytes = CAP;
    return sup_run(&world, &spec);
}

static bool holds_at_most(const struct sess_host_stats *stats, uint64_t bytes)
{
    return stats->retained_bytes <= bytes;
}

/* The same, giving the host time to make room before more is read. */
static struct sup_tap *flood_slowly(const char *bytes, uint64_t high_bytes)
{
    const char *argv[] = {CHILD("flood"), bytes, "3000", NULL};
    struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
    size_t size = strtoul(bytes, NULL, 10), given = 0;
    spec.retain_bytes = CAP;
    spec.window_bytes = 16 * KIB;
    struct sup_tap *tap = sup_start_held(&world, &spec);
    while (given < size) {
        sup_wait_bytes(tap, SESS_STDOUT, given + 1);
        size_t heard = sup_size(tap, SESS_STDOUT);
        sup_wait_stats(&world, holds_at_most, high_bytes);
        sup_give_back(tap, heard - given);
        given = heard;
    }
    sup_wait_gone(tap);
    return tap;
}

static void test_budget_idlest_tails_go_first(void **state)
{
    (void)state;
    enum { SESSIONS = 20 };
    const struct sess_host_options options = {.retain_total_bytes = 15 * CAP};
    struct sup_tap *taps[SESSIONS];
    struct kept kept[SESSIONS];
    uint64_t limit = options.retain_total_bytes;
    sup_open(&world, &options);
    for (int i = 0; i < SESSIONS; i++) {
        taps[i] = flood_slowly("300000", limit / 16 * 15);
        assert_true(sup_stats(&world).retained_bytes <= limit + 64 * KIB);
    }
    for (int i = 0; i < SESSIONS; i++)
        kept[i] = kept_of(taps[i]);
    assert_true(sup_stats(&world).reclaims > 0);
    for (int i = 0; i < SESSIONS; i++)
        assert_int_equal(kept[i].head, CAP / 2); /* heads are never shrunk */
    assert_int_equal(kept[0].tail, 0);           /* the idlest */
    assert_int_equal(kept[SESSIONS - 1].tail, CAP / 2);
    for (int i = 1; i < SESSIONS; i++)
        assert_true(kept[i - 1].tail <= kept[i].tail);
    for (int i = 0; i < SESSIONS; i++)
        sup_free(taps[i]);
    sup_close(&world);
}

/* With nothing but heads left there is no room for more; the limit holds all the same. */
static void test_budget_is_a_limit(void **state)
{
    (void)state;
    enum { SESSIONS = 30 };
    const struct sess_host_options options = {.retain_total_bytes = 5 * CAP};
    struct sup_tap *taps[SESSIONS];
    size_t all = 0;
    sup_open(&world, &options);
    for (int i = 0; i < SESSIONS; i++) {
        taps[i] = flood("300000");
        assert_true(sup_stats(&world).retained_bytes <= options.retain_total_bytes + 64 * KIB);
    }
    for (int i = 0; i < SESSIONS; i++) {
        struct kept kept = kept_of(taps[i]);
        all += kept.head + kept.tail;
    }
    assert_true(all >= options.retain_total_bytes / 2);
    for (int i = 0; i < SESSIONS; i++)
        sup_free(taps[i]);
    sup_close(&world);
}

/* Many that write at the same time, beyond the budget together; nothing is lost on the way. */
static void test_budget_under_fire(void **state)
{
    (void)state;
    enum { SESSIONS = SUP_COUNT(60, 20) };
    const struct sess_host_options options = {.retain_total_bytes = 10 * CAP};
    struct sup_tap *taps[SESSIONS];
    sup_open(&world, &options);
    for (int i = 0; i < SESSIONS; i++) {
        const char *argv[] = {CHILD("flood"), "1000000", "3000", NULL};
        struct sess_spec spec = sup_spec(argv, SESS_STDIO_OUTPUT);
        spec.retain_bytes = CAP;
        taps[i] = sup_start(&world, &spec);
    }
    for (int i = 0; i < SESSIONS; i++) {
        sup_wait_gone(taps[i]);
        assert_int_equal(sup_size(taps[i], SESS_STDOUT), 1000000);
    }
    assert_true(sup_stats(&world).retained_bytes <= options.retain_total_bytes + 256 * KIB);
    for (int i = 0; i < SESSIONS; i++) {
        (void)kept_of(taps[i]);
        sup_free(taps[i]);
    }
    sup_wait_stats(&world, holds_at_most, 0);
    sup_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_budget_idlest_tails_go_first),
        cmocka_unit_test(test_budget_is_a_limit),
        cmocka_unit_test(test_budget_under_fire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
