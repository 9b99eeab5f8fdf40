/*
 * Timers: never early, never lost, in the order of their deadlines, cancelled at once, started
 * again in the callback; thousands of them.
 */
#include "support.h"

enum { MANY = SUP_COUNT(10000, 3000), MS = 1000000 };

struct clockwork {
    struct sup_world *world;
    struct sup_box *box;
    struct tick *ticks;
    unsigned count, next, completions, fired, cancelled;
    uint64_t last_deadline_ns;
    bool ordered;
    struct sup_random random;
    uint64_t started_ns;
    struct sup_tally all, each_fired; /* all of them; each that fired and does not start again */
};

struct tick {
    struct iocp_timer timer;
    struct clockwork *clockwork;
    unsigned runs, again;
    uint64_t started_ns; /* it was started by then */
    bool starting, pending, cancelling;
};

static struct tick *tick_of(struct iocp_op *op)
{
    struct iocp_timer *timer = IOCP_OWNER(op, struct iocp_timer, op);
    return IOCP_OWNER(timer, struct tick, timer);
}

static void tick_start(struct tick *tick, uint64_t deadline_ns)
{
    tick->starting = true;
    tick->pending = true;
    tick->cancelling = false;
    iocp_timer_start(&tick->timer, deadline_ns);
    SUP_CHECK(iocp_pending(&tick->timer.op));
    tick->started_ns = iocp_now_ns(tick->clockwork->world->port);
    tick->starting = false;
}

/* An order is promised among those that were started before the earlier one was due. */
static void check_order(struct clockwork *clockwork, const struct tick *tick)
{
    SUP_CHECK(tick->timer.deadline_ns >= clockwork->last_deadline_ns ||
              tick->started_ns >= clockwork->last_deadline_ns);
    if (tick->timer.deadline_ns > clockwork->last_deadline_ns)
        clockwork->last_deadline_ns = tick->timer.deadline_ns;
}

static void check_tick(struct tick *tick)
{
    const struct iocp_op *op = &tick->timer.op;
    struct clockwork *clockwork = tick->clockwork;
    SUP_CHECK(tick->pending && !tick->starting && !iocp_pending(op));
    SUP_CHECK(op->result == IOCP_OK || op->result == IOCP_E_CANCELLED);
    tick->pending = false;
    tick->runs++;
    if (op->result != IOCP_OK) {
        SUP_CHECK(tick->cancelling);
        clockwork->cancelled++;
        return;
    }
    clockwork->fired++;
    SUP_CHECK(iocp_now_ns(clockwork->world->port) >= tick->timer.deadline_ns);
    if (clockwork->ordered)
        check_order(clockwork, tick);
}

static void on_tick(struct iocp_op *op)
{
    struct tick *tick = tick_of(op);
    struct clockwork *clockwork = tick->clockwork;
    check_tick(tick);
    if (tick->again > 0) {
        tick->again--;
        tick_start(tick, iocp_now_ns(clockwork->world->port) + MS / 10);
        return;
    }
    if (op->result == IOCP_OK)
        sup_tally_add(&clockwork->each_fired, 1);
    if (++clockwork->completions == clockwork->count)
        sup_tally_add(&clockwork->all, 1);
}

static struct clockwork *clockwork_new(unsigned count, unsigned workers)
{
    const struct iocp_port_options options = {.workers = workers};
    struct clockwork *clockwork = sup_new(sizeof *clockwork);
    clockwork->world = sup_world_open(&options);
    clockwork->box = sup_box_new(clockwork->world);
    clockwork->count = count;
    clockwork->ticks = sup_new(count * sizeof *clockwork->ticks);
    for (unsigned i = 0; i < count; i++) {
        clockwork->ticks[i].clockwork = clockwork;
        iocp_timer_init(&clockwork->ticks[i].timer, &clockwork->box->strand, on_tick);
    }
    return clockwork;
}

static void clockwork_free(struct clockwork *clockwork)
{
    sup_box_end(clockwork->box);
    for (unsigned i = 0; i < clockwork->count; i++)
        assert_false(clockwork->ticks[i].pending);
    sup_world_close(clockwork->world);
    free(clockwork->ticks);
    free(clockwork);
}

/* ---- Order ----------------------------------------------------------------------------------- */

/* The latest first, so that each start moves the system's timer forward. None is due before all are
 * started, unless this thread waits long for a processor. */
static void start_backwards(void *argument)
{
    struct clockwork *clockwork = argument;
    uint64_t now_ns = iocp_now_ns(clockwork->world->port);
    for (unsigned i = clockwork->count; i > 0; i--)
        tick_start(&clockwork->ticks[i - 1], now_ns + 200 * MS + i * (MS / 4));
}

static void test_timers_fire_in_order(void **state)
{
    (void)state;
    struct clockwork *clockwork = clockwork_new(200, 2);
    clockwork->ordered = true;
    sup_box_call(clockwork->box, start_backwards, clockwork);
    sup_tally_await(&clockwork->all, 1);
    assert_int_equal(clockwork->fired, 200);
    clockwork_free(clockwork);
}

static void start_random(void *argument)
{
    struct clockwork *clockwork = argument;
    uint64_t now_ns = iocp_now_ns(clockwork->world->port);
    for (unsigned i = 0; i < clockwork->count; i++) {
        uint64_t delay_ns = (uint64_t)sup_random_below(&clockwork->random, 200 * 1000) * 1000;
        tick_start(&clockwork->ticks[i], now_ns + 5 * MS + delay_ns);
    }
}

static void test_thousands_of_timers(void **state)
{
    (void)state;
    struct clockwork *clockwork = clockwork_new(MANY, 2);
    sup_random_init(&clockwork->random, sup_seed(), 0);
    sup_box_call(clockwork->box, start_random, clockwork);
    sup_tally_await(&clockwork->all, 1);
    assert_int_equal(clockwork->fired, MANY);
    for (unsigned i = 0; i < MANY; i++)
        assert_int_equal(clockwork->ticks[i].runs, 1);
    clockwork_free(clockwork);
}

/* The system's timer is set far away already: an earlier deadline must move it. */
static void start_far_then_near(void *argument)
{
    struct clockwork *clockwork = argument;
    uint64_t now_ns = iocp_now_ns(clockwork->world->port);
    for (unsigned i = 0; i < clockwork->count; i++)
        tick_start(&clockwork->ticks[i], now_ns + (i == 0 ? UINT64_C(3600000) * MS : 2 * MS));
}

static void cancel_first(void *argument)
{
    struct clockwork *clockwork = argument;
    clockwork->ticks[0].cancelling = true;
    iocp_timer_cancel(&clockwork->ticks[0].timer);
}

static void test_near_timer_does_not_wait_for_a_far_one(void **state)
{
    (void)state;
    struct clockwork *clockwork = clockwork_new(2, 2);
    sup_box_call(clockwork->box, start_far_then_near, clockwork);
    sup_tally_await(&clockwork->each_fired, 1);
    sup_box_call(clockwork->box, cancel_first, clockwork);
    sup_tally_await(&clockwork->all, 1);
    assert_int_equal(clockwork->fired, 1);
    assert_int_equal(clockwork->cancelled, 1);
    clockwork_free(clockwork);
}

/* Deadlines that are over complete like others: later, from the queue, even if it is zero. */
static void start_in_the_past(void *argument)
{
    struct clockwork *clockwork = argument;
    uint64_t now_ns = iocp_now_ns(clockwork->world->port);
    for (unsigned i = 0; i < clockwork->count; i++)
        tick_start(&clockwork->ticks[i], i % 2 == 0 ? 0 : now_ns);
}

static void test_past_deadlines_complete_at_once(void **state)
{
    (void)state;
    struct clockwork *clockwork = clockwork_new(100, 2);
    sup_box_call(clockwork->box, start_in_the_past, clockwork);
    sup_tally_await(&clockwork->all, 1);
    assert_int_equal(clockwork->fired, 100);
    clockwork_free(clockwork);
}

static void start_one_soon(void *argument)
{
    struct clockwork *clockwork = argument;
    clockwork->started_ns = iocp_now_ns(clockwork->world->port);
    tick_start(&clockwork->ticks[0], clockwork->started_ns + MS);
}

static void test_timer_starts_again_in_its_callback(void **state)
{
    (void)state;
    struct clockwork *clockwork = clockwork_new(1, 2);
    clockwork->ticks[0].again = 500;
    sup_box_call(clockwork->box, start_one_soon, clockwork);
    sup_tally_await(&clockwork->all, 1);
    assert_int_equal(clockwork->ticks[0].runs, 501);
    clockwork_free(clockwork);
}

/* ---- Cancel ---------------------------------------------------------------------------------- */

static void start_endless(void *argument)
{
    struct clockwork *clockwork = argument;
    for (unsigned i = 0; i < clockwork->count; i++)
        tick_start(&clockwork->ticks[i], i % 2 == 0 ? UINT64_MAX : UINT64_MAX / 2 + i);
}

static void cancel_all(void *argument)
{
    struct clockwork *clockwork = argument;
    for (unsigned i = 0; i < clockwork->count; i++) {
        clockwork->ticks[i].cancelling = true;
        iocp_timer_cancel(&clockwork->ticks[i].timer);
        iocp_timer_cancel(&clockwork->ticks[i].timer); /* asking twice is asking once */
    }
}

static void test_cancel_of_all_timers(void **state)
{
    (void)state;
    struct clockwork *clockwork = clockwork_new(1000, 2);
    sup_box_call(clockwork->box, start_endless, clockwork);
    sup_box_call(clockwork->box, cancel_all, clockwork);
    sup_tally_await(&clockwork->all, 1);
    assert_int_equal(clockwork->cancelled, 1000);
    sup_box_call(clockwork->box, cancel_all, clockwork); /* idle ones: nothing */
    clockwork_free(clockwork);
}

/* The first one is what the system's timer is set to; without it the second must fire still. A
 * thread that gets no processor cancels too late: then once more. */
static void start_two(void *argument)
{
    struct clockwork *clockwork = argument;
    uint64_t now_ns = iocp_now_ns(clockwork->world->port);
    tick_start(&clockwork->ticks[0], now_ns + 20 * MS);
    tick_start(&clockwork->ticks[1], now_ns + 30 * MS);
    clockwork->ticks[0].cancelling = true;
    iocp_timer_cancel(&clockwork->ticks[0].timer);
}

static void test_cancel_of_the_first_keeps_the_next(void **state)
{
    (void)state;
    struct clockwork *clockwork = clockwork_new(2, 2);
    uint64_t deadline_ms = sup_now_ms() + SUP_DEADLINE_MS;
    for (unsigned i = 1; clockwork->cancelled == 0; i++) {
        assert_true(sup_now_ms() < deadline_ms);
        clockwork->completions = 0;
        sup_box_call(clockwork->box, start_two, clockwork);
        sup_tally_await(&clockwork->all, i);
        assert_int_equal(clockwork->fired + clockwork->cancelled, 2 * i);
    }
    clockwork_free(clockwork);
}

/* ---- Cancel against fire --------------------------------------------------------------------- */

enum { RACERS = 64, RACES = SUP_COUNT(400, 80) };

/* Cancels at about the time of the deadlines; each timer completes once, either way. */
static void start_race(void *argument)
{
    struct clockwork *clockwork = argument;
    uint64_t now_ns = iocp_now_ns(clockwork->world->port);
    uint32_t longest_us = 100 + sup_random_below(&clockwork->random, 3000);
    clockwork->completions = 0;
    for (unsigned i = 0; i < clockwork->count; i++)
        tick_start(&clockwork->ticks[i],
                   now_ns + (uint64_t)sup_random_below(&clockwork->random, longest_us) * 1000);
}

static void cancel_one(void *argument)
{
    struct clockwork *clockwork = argument;
    struct tick *tick = &clockwork->ticks[sup_random_below(&clockwork->random, RACERS)];
    tick->cancelling = true;
    iocp_timer_cancel(&tick->timer);
}

static void test_cancel_races_with_fire(void **state)
{
    (void)state;
    struct clockwork *clockwork = clockwork_new(RACERS, 3);
    sup_random_init(&clockwork->random, sup_seed(), 1);
    for (unsigned race = 1; race <= RACES; race++) {
        sup_box_call(clockwork->box, start_race, clockwork);
        for (unsigned i = 0; i < 30; i++)
            sup_box_call(clockwork->box, cancel_one, clockwork);
        sup_tally_await(&clockwork->all, race);
    }
    assert_int_equal(clockwork->fired + clockwork->cancelled, RACERS * RACES);
    print_message("%u fired, %u cancelled\n", clockwork->fired, clockwork->cancelled);
    assert_true(clockwork->fired > 0 && clockwork->cancelled > 0); /* both did happen */
    clockwork_free(clockwork);
}

/* ---- Clocks ---------------------------------------------------------------------------------- */

static void watch_clock(void *argument)
{
    const struct sup_world *world = argument;
    uint64_t last_ns = 0;
    for (unsigned i = 0; i < 10000; i++) {
        uint64_t now_ns = iocp_now_ns(world->port);
        SUP_CHECK(now_ns >= last_ns);
        last_ns = now_ns;
    }
    SUP_CHECK(last_ns > 0);
}

static void test_clock_never_goes_back(void **state)
{
    (void)state;
    struct sup_world *world = sup_world_open(NULL);
    struct sup_thread *threads[2];
    for (unsigned i = 0; i < 2; i++)
        threads[i] = sup_thread_start(watch_clock, world);
    for (unsigned i = 0; i < 2; i++)
        sup_thread_join(threads[i]);
    uint64_t before_ns = iocp_now_ns(world->port);
    sup_observe_ms(20);
    uint64_t passed_ns = iocp_now_ns(world->port) - before_ns;
    assert_true(passed_ns >= 19 * (uint64_t)MS);
    assert_true(passed_ns < (uint64_t)SUP_DEADLINE_MS * MS);
    sup_world_close(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timers_fire_in_order),
        cmocka_unit_test(test_thousands_of_timers),
        cmocka_unit_test(test_near_timer_does_not_wait_for_a_far_one),
        cmocka_unit_test(test_past_deadlines_complete_at_once),
        cmocka_unit_test(test_timer_starts_again_in_its_callback),
        cmocka_unit_test(test_cancel_of_all_timers),
        cmocka_unit_test(test_cancel_of_the_first_keeps_the_next),
        cmocka_unit_test(test_cancel_races_with_fire),
        cmocka_unit_test(test_clock_never_goes_back),
    };
    sup_begin();
    return cmocka_run_group_tests_name("iocp/timer", tests, NULL, NULL);
}
