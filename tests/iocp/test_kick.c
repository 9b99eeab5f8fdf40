/*
 * iocp_kick: many kicks are one callback, and none is lost. What was written before a kick is seen
 * by the callback that follows it, whoever queued that one.
 */
#include "support.h"

/* Threads meet here that both run all the time: on a busy machine that is slow, so the counts are
 * what is reached at most in ROUNDS_MS. */
enum { KICKERS = 3, ROUNDS = SUP_COUNT(100000, 10000), ROUNDS_MS = 1500 };

struct kicked {
    struct sup_box *box;
    struct iocp_op op;
    _Atomic uint64_t published[KICKERS]; /* relaxed: the kick is what carries them */
    _Atomic uint64_t seen[KICKERS];
    _Atomic uint64_t queued; /* kicks that returned true */
    uint64_t ran;
    unsigned plain;
    struct sup_tally acknowledged;
};

static void on_kicked(struct iocp_op *op)
{
    struct kicked *kicked = IOCP_OWNER(op, struct kicked, op);
    kicked->ran++;
    for (unsigned i = 0; i < KICKERS; i++) {
        uint64_t value = atomic_load_explicit(&kicked->published[i], memory_order_relaxed);
        atomic_store_explicit(&kicked->seen[i], value, memory_order_relaxed);
    }
}

struct kicker {
    struct kicked *kicked;
    unsigned index;
    bool given_up;
};

static bool await_seen(struct kicked *kicked, unsigned index, uint64_t value)
{
    uint64_t deadline_ms = sup_now_ms() + SUP_DEADLINE_MS;
    while (atomic_load_explicit(&kicked->seen[index], memory_order_relaxed) != value) {
        sup_yield();
        if (sup_now_ms() > deadline_ms)
            return false;
    }
    return true;
}

/* Publishes, kicks, and every now and then wants to see that the last kick was not lost. */
static void kick_on_and_on(void *argument)
{
    struct kicker *kicker = argument;
    struct kicked *kicked = kicker->kicked;
    struct sup_random random;
    uint64_t end_ms = sup_now_ms() + ROUNDS_MS;
    sup_random_init(&random, 1, kicker->index);
    for (uint64_t value = 1; value <= ROUNDS && !kicker->given_up; value++) {
        atomic_store_explicit(&kicked->published[kicker->index], value, memory_order_relaxed);
        if (iocp_kick(&kicked->op))
            atomic_fetch_add_explicit(&kicked->queued, 1, memory_order_relaxed);
        bool last = value == ROUNDS || sup_now_ms() >= end_ms;
        if (last || sup_random_below(&random, 8) == 0)
            kicker->given_up = !await_seen(kicked, kicker->index, value);
        if (last)
            return;
    }
}

static struct kicked *kicked_new(struct sup_world *world, iocp_callback *callback)
{
    struct kicked *kicked = sup_new(sizeof *kicked);
    kicked->box = sup_box_new(world);
    iocp_op_init(&kicked->op, &kicked->box->strand, callback);
    return kicked;
}

static void test_no_kick_is_lost(void **state)
{
    (void)state;
    struct sup_world *world = sup_world_open(NULL);
    struct kicked *kicked = kicked_new(world, on_kicked);
    struct kicker kickers[KICKERS];
    struct sup_thread *threads[KICKERS];
    for (unsigned i = 0; i < KICKERS; i++) {
        kickers[i] = (struct kicker){kicked, i, false};
        threads[i] = sup_thread_start(kick_on_and_on, &kickers[i]);
    }
    for (unsigned i = 0; i < KICKERS; i++) {
        sup_thread_join(threads[i]);
        assert_false(kickers[i].given_up);
    }
    sup_box_end(kicked->box);
    assert_int_equal(kicked->ran, atomic_load(&kicked->queued)); /* once for each true */
    free(kicked);
    sup_world_close(world);
}

/*
 * The narrow place: a kick that finds the operation pending while its callback is about to begin.
 * The strand is kept running, so that callback and kick meet often, and each round is checked.
 */
enum { MEETINGS = SUP_COUNT(300000, 10000), CACHE_LINES = 256 };

struct narrow {
    struct sup_box *box;
    struct iocp_op op;
    uint8_t apart[CACHE_LINES]; /* else the processor orders the two by itself */
    _Atomic uint64_t published;
    uint8_t far_apart[CACHE_LINES];
    _Atomic uint64_t seen;
    struct iocp_op spin;
    _Atomic bool over;
};

static void on_narrow(struct iocp_op *op)
{
    struct narrow *narrow = IOCP_OWNER(op, struct narrow, op);
    uint64_t value = atomic_load_explicit(&narrow->published, memory_order_relaxed);
    atomic_store_explicit(&narrow->seen, value, memory_order_relaxed);
}

static void on_spin(struct iocp_op *op)
{
    struct narrow *narrow = IOCP_OWNER(op, struct narrow, spin);
    if (!atomic_load_explicit(&narrow->over, memory_order_relaxed))
        iocp_post(op);
}

/* Whether the callback comes that has to see the value. */
static bool await_narrow(struct narrow *narrow, uint64_t value)
{
    uint64_t deadline_ms = 0;
    for (;;) {
        for (unsigned i = 0; i < 10000; i++)
            if (atomic_load_explicit(&narrow->seen, memory_order_relaxed) == value)
                return true;
        if (deadline_ms == 0)
            deadline_ms = sup_now_ms() + SUP_DEADLINE_MS;
        if (sup_now_ms() > deadline_ms)
            return false;
        sup_yield();
    }
}

static void test_kick_meets_its_callback(void **state)
{
    (void)state;
    const struct iocp_port_options options = {.workers = 1};
    struct sup_world *world = sup_world_open(&options);
    struct narrow *narrow = sup_new(sizeof *narrow);
    struct sup_random random;
    bool all_came = true;
    sup_random_init(&random, sup_seed(), 0);
    narrow->box = sup_box_new(world);
    iocp_op_init(&narrow->op, &narrow->box->strand, on_narrow);
    iocp_op_init(&narrow->spin, &narrow->box->strand, on_spin);
    iocp_post(&narrow->spin);
    uint64_t end_ms = sup_now_ms() + ROUNDS_MS;
    for (uint64_t value = 1; value <= MEETINGS && all_came && sup_now_ms() < end_ms; value++) {
        (void)iocp_kick(&narrow->op);
        for (volatile uint32_t wait = sup_random_below(&random, 100); wait > 0;)
            wait = wait - 1;
        atomic_store_explicit(&narrow->published, value, memory_order_relaxed);
        (void)iocp_kick(&narrow->op);
        all_came = await_narrow(narrow, value);
    }
    atomic_store(&narrow->over, true);
    print_message("%llu meetings\n", (unsigned long long)atomic_load(&narrow->published));
    assert_true(all_came);
    sup_box_end(narrow->box);
    free(narrow);
    sup_world_close(world);
}

/* Plain memory under ThreadSanitizer: the kick alone must order it. */
static void on_plain(struct iocp_op *op)
{
    struct kicked *kicked = IOCP_OWNER(op, struct kicked, op);
    atomic_store_explicit(&kicked->seen[0], kicked->plain, memory_order_release);
}

static void test_kick_publishes_plain_memory(void **state)
{
    (void)state;
    struct sup_world *world = sup_world_open(NULL);
    struct kicked *kicked = kicked_new(world, on_plain);
    for (unsigned value = 1; value <= 2000; value++) {
        kicked->plain = value;
        assert_true(iocp_kick(&kicked->op));
        uint64_t deadline_ms = sup_now_ms() + SUP_DEADLINE_MS;
        while (atomic_load_explicit(&kicked->seen[0], memory_order_acquire) != value) {
            assert_true(sup_now_ms() < deadline_ms);
            sup_yield();
        }
    }
    sup_box_end(kicked->box);
    free(kicked);
    sup_world_close(world);
}

/* The strand is held inside a callback: all kicks of that time become one. */
static void on_counted(struct iocp_op *op)
{
    IOCP_OWNER(op, struct kicked, op)->ran++;
}

static void kick_often(void *argument)
{
    struct kicked *kicked = argument;
    SUP_CHECK(iocp_kick(&kicked->op));
    for (unsigned i = 0; i < 100; i++)
        SUP_CHECK(!iocp_kick(&kicked->op));
    SUP_CHECK(kicked->ran == 0);
}

static void test_kicks_coalesce(void **state)
{
    (void)state;
    struct sup_world *world = sup_world_open(NULL);
    struct kicked *kicked = kicked_new(world, on_counted);
    sup_box_call(kicked->box, kick_often, kicked);
    sup_box_end(kicked->box);
    assert_int_equal(kicked->ran, 1);
    free(kicked);
    sup_world_close(world);
}

/* In its own callback an operation is idle, so a kick from there is one callback more. */
static void on_again(struct iocp_op *op)
{
    struct kicked *kicked = IOCP_OWNER(op, struct kicked, op);
    if (++kicked->ran == 1000) {
        sup_tally_add(&kicked->acknowledged, 1);
        return;
    }
    SUP_CHECK(iocp_kick(op));
    SUP_CHECK(!iocp_kick(op));
}

static void test_kick_in_its_own_callback(void **state)
{
    (void)state;
    struct sup_world *world = sup_world_open(NULL);
    struct kicked *kicked = kicked_new(world, on_again);
    assert_true(iocp_kick(&kicked->op));
    sup_tally_await(&kicked->acknowledged, 1);
    sup_box_end(kicked->box);
    assert_int_equal(kicked->ran, 1000);
    free(kicked);
    sup_world_close(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_kick_is_lost),
        cmocka_unit_test(test_kick_meets_its_callback),
        cmocka_unit_test(test_kick_publishes_plain_memory),
        cmocka_unit_test(test_kicks_coalesce),
        cmocka_unit_test(test_kick_in_its_own_callback),
    };
    sup_begin();
    return cmocka_run_group_tests_name("iocp/kick", tests, NULL, NULL);
}
