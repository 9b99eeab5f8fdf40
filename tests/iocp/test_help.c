/*
 * Helpers: work that may block runs off the strand, its completion on it; the queue is bounded; a
 * hung call costs one helper and is reported once; starts have helpers of their own.
 */
#include "support.h"

enum { CALLS_MAX = 2000, WORKERS = 2 };

struct call {
    struct iocp_help help;
    struct hall *hall;
    bool starting, pending;
    unsigned works, dones; /* work: on a helper; the completion orders it */
    int result;
    uint64_t thread;
    bool hangs;
};

struct hall {
    struct sup_world *world;
    struct sup_box *box;
    struct call calls[CALLS_MAX];
    unsigned first, count; /* what start_calls starts */
    enum iocp_pool pool;
    struct sup_tally running, done, gate;
    /* The last report of a late call; reports come on no strand. */
    struct sup_tally late;
    _Atomic(const char *) late_what;
    _Atomic unsigned late_elapsed_ms;
    _Atomic uint64_t late_thread;
};

static void on_late(void *context, const char *what, unsigned elapsed_ms)
{
    struct hall *hall = context;
    if (strcmp(what, "hung") != 0)
        return; /* on a busy machine any call may be late */
    atomic_store(&hall->late_what, what);
    atomic_store(&hall->late_elapsed_ms, elapsed_ms);
    atomic_store(&hall->late_thread, sup_thread_id());
    sup_tally_add(&hall->late, 1);
}

static void work(struct iocp_help *help)
{
    struct call *call = IOCP_OWNER(help, struct call, help);
    SUP_CHECK(iocp_worker_number(help->op.strand->port) == IOCP_WORKERS_MAX);
    call->works++;
    call->thread = sup_thread_id();
    sup_tally_add(&call->hall->running, 1);
    if (call->hangs)
        SUP_CHECK(sup_tally_wait(&call->hall->gate, 1, SUP_DEADLINE_MS));
}

static void on_done(struct iocp_op *op)
{
    struct iocp_help *help = IOCP_OWNER(op, struct iocp_help, op);
    struct call *call = IOCP_OWNER(help, struct call, help);
    SUP_CHECK(call->pending && !call->starting && !iocp_pending(op));
    SUP_CHECK(sup_thread_id() != call->thread);
    SUP_CHECK(iocp_worker_number(op->strand->port) < WORKERS);
    call->pending = false;
    call->dones++;
    call->result = op->result;
    sup_tally_add(&call->hall->done, 1);
}

static void call_start(struct call *call)
{
    struct hall *hall = call->hall;
    call->pending = true;
    call->starting = true;
    call->help.what = call->hangs ? "hung" : "quick";
    iocp_help_start(&call->help, &hall->box->strand, hall->pool, work, on_done);
    SUP_CHECK(iocp_pending(&call->help.op));
    call->starting = false;
}

static void start_calls(void *argument)
{
    struct hall *hall = argument;
    for (unsigned i = 0; i < hall->count; i++)
        call_start(&hall->calls[hall->first + i]);
}

static void start_range(struct hall *hall, enum iocp_pool pool, unsigned first, unsigned count)
{
    hall->pool = pool;
    hall->first = first;
    hall->count = count;
    sup_box_call(hall->box, start_calls, hall);
}

static struct hall *hall_new(unsigned helpers, unsigned queue, unsigned late_ms, bool heard)
{
    struct hall *hall = sup_new(sizeof *hall);
    const struct iocp_port_options options = {
        .workers = WORKERS,
        .helpers = {helpers, helpers, helpers},
        .helper_queue = queue,
        .helper_late_ms = late_ms,
        .on_helper_late = heard ? on_late : NULL,
        .context = hall,
    };
    hall->world = sup_world_open(&options);
    hall->box = sup_box_new(hall->world);
    for (unsigned i = 0; i < CALLS_MAX; i++)
        hall->calls[i].hall = hall;
    return hall;
}

static struct iocp_stats stats_of(struct hall *hall)
{
    struct iocp_stats stats;
    iocp_port_stats(hall->world->port, &stats);
    return stats;
}

static void hall_free(struct hall *hall)
{
    sup_box_end(hall->box);
    for (unsigned i = 0; i < CALLS_MAX; i++) {
        const struct call *call = &hall->calls[i];
        assert_false(call->pending);
        assert_int_equal(call->works, call->result == IOCP_OK ? call->dones : 0);
    }
    sup_world_close(hall->world);
    free(hall);
}

/* ---- Results --------------------------------------------------------------------------------- */

static void test_work_runs_once_and_completes_on_the_strand(void **state)
{
    (void)state;
    struct hall *hall = hall_new(3, 0, 0, true);
    uint64_t threads[3];
    unsigned known = 0;
    start_range(hall, IOCP_POOL_GENERAL, 0, CALLS_MAX);
    sup_tally_await(&hall->done, CALLS_MAX);
    for (unsigned i = 0; i < CALLS_MAX; i++) {
        const struct call *call = &hall->calls[i];
        unsigned t = 0;
        assert_int_equal(call->result, IOCP_OK);
        assert_int_equal(call->works, 1);
        assert_int_equal(call->dones, 1);
        while (t < known && threads[t] != call->thread)
            t++;
        assert_true(t < 3); /* helpers live as long as the port: no new ones */
        if (t == known)
            threads[known++] = call->thread;
    }
    hall_free(hall);
}

static void test_helpers_work_at_once(void **state)
{
    (void)state;
    struct hall *hall = hall_new(4, 0, 0, true);
    for (unsigned i = 0; i < 4; i++)
        hall->calls[i].hangs = true;
    start_range(hall, IOCP_POOL_GENERAL, 0, 4);
    sup_tally_await(&hall->running, 4); /* all are inside their work */
    sup_tally_add(&hall->gate, 1);
    sup_tally_await(&hall->done, 4);
    hall_free(hall);
}

/* ---- A full queue ---------------------------------------------------------------------------- */

static void test_full_queue_is_busy(void **state)
{
    (void)state;
    enum { QUEUE = 5, REFUSED = 3 };
    struct hall *hall = hall_new(1, QUEUE, 0, true);
    hall->calls[0].hangs = true;
    start_range(hall, IOCP_POOL_GENERAL, 0, 1);
    sup_tally_await(&hall->running, 1); /* it waits no more: the queue is empty */
    start_range(hall, IOCP_POOL_GENERAL, 1, QUEUE + REFUSED);
    sup_tally_await(&hall->done, REFUSED);
    struct iocp_stats stats = stats_of(hall);
    assert_int_equal(stats.helpers[IOCP_POOL_GENERAL], 1);
    assert_int_equal(stats.helpers_busy[IOCP_POOL_GENERAL], 1);
    assert_int_equal(stats.helper_calls[IOCP_POOL_GENERAL], QUEUE);
    assert_int_equal(stats.helpers_busy[IOCP_POOL_STARTS], 0);
    assert_int_equal(stats.helper_calls[IOCP_POOL_STARTS], 0);
    assert_int_equal(stats.helper_queue, QUEUE);
    assert_int_equal(stats.helper_calls_refused, REFUSED);
    for (unsigned i = 1 + QUEUE; i < 1 + QUEUE + REFUSED; i++) {
        assert_int_equal(hall->calls[i].result, IOCP_E_BUSY);
        assert_int_equal(hall->calls[i].works, 0);
    }
    sup_tally_add(&hall->gate, 1);
    sup_tally_await(&hall->done, 1 + QUEUE + REFUSED);
    for (unsigned i = 0; i < 1 + QUEUE; i++)
        assert_int_equal(hall->calls[i].result, IOCP_OK);
    start_range(hall, IOCP_POOL_GENERAL, 1 + QUEUE, REFUSED); /* there is room again */
    sup_tally_await(&hall->done, 1 + QUEUE + 2 * REFUSED);
    for (unsigned i = 1 + QUEUE; i < 1 + QUEUE + REFUSED; i++) {
        assert_int_equal(hall->calls[i].result, IOCP_OK);
        assert_int_equal(hall->calls[i].works, 1);
        hall->calls[i].dones = 1; /* the refused one did not work */
    }
    hall_free(hall);
}

/* ---- Hung calls ------------------------------------------------------------------------------ */

static void test_hung_call_costs_one_helper_and_is_reported_once(void **state)
{
    (void)state;
    enum { LATE_MS = 50 };
    struct hall *hall = hall_new(2, 0, LATE_MS, true);
    hall->calls[0].hangs = true;
    start_range(hall, IOCP_POOL_GENERAL, 0, 1);
    sup_tally_await(&hall->running, 1);
    start_range(hall, IOCP_POOL_GENERAL, 1, 500);
    sup_tally_await(&hall->done, 500); /* by the other helper */
    sup_tally_await(&hall->late, 1);
    assert_string_equal(atomic_load(&hall->late_what), "hung");
    assert_true(atomic_load(&hall->late_elapsed_ms) >= LATE_MS);
    assert_true(atomic_load(&hall->late_thread) != sup_thread_id());
    assert_true(atomic_load(&hall->late_thread) != hall->calls[0].thread);
    sup_observe_ms(6 * LATE_MS); /* it hangs on, and that is no news */
    assert_int_equal(sup_tally_count(&hall->late), 1);
    sup_tally_add(&hall->gate, 1);
    sup_tally_await(&hall->done, 501);
    assert_int_equal(hall->calls[0].result, IOCP_OK);
    assert_int_equal(sup_tally_count(&hall->late), 1);
    assert_true(stats_of(hall).helper_calls_late >= 1);
    assert_int_equal(stats_of(hall).helper_calls_refused, 0);
    hall_free(hall);
}

static void test_each_late_call_is_reported(void **state)
{
    (void)state;
    struct hall *hall = hall_new(3, 0, 30, true);
    for (unsigned i = 0; i < 4; i++)
        hall->calls[i].hangs = true;
    start_range(hall, IOCP_POOL_GENERAL, 0, 1);
    sup_tally_await(&hall->running, 1);
    sup_observe_ms(15); /* half of the time: the second is late later, and nothing else happens */
    start_range(hall, IOCP_POOL_GENERAL, 1, 1);
    sup_tally_await(&hall->late, 2);
    start_range(hall, IOCP_POOL_STARTS, 2, 2); /* later, and in the other pool */
    sup_tally_await(&hall->late, 4);
    sup_tally_add(&hall->gate, 1);
    sup_tally_await(&hall->done, 4);
    assert_int_equal(sup_tally_count(&hall->late), 4);
    start_range(hall, IOCP_POOL_GENERAL, 4, 100); /* quick ones are not */
    sup_tally_await(&hall->done, 104);
    assert_int_equal(sup_tally_count(&hall->late), 4);
    hall_free(hall);
}

static void test_late_call_that_nobody_hears_of(void **state)
{
    (void)state;
    struct hall *hall = hall_new(1, 0, 10, false);
    hall->calls[0].hangs = true;
    start_range(hall, IOCP_POOL_GENERAL, 0, 1);
    sup_tally_await(&hall->running, 1);
    sup_observe_ms(50);
    sup_tally_add(&hall->gate, 1);
    sup_tally_await(&hall->done, 1);
    hall_free(hall);
}

/* The look for late calls comes while the port closes: it must still find the helpers. */
static void test_port_closes_while_it_looks_for_late_calls(void **state)
{
    (void)state;
    uint64_t began_ms = sup_now_ms();
    for (unsigned i = 0; i < SUP_COUNT(300, 100) && !sup_enough_since(began_ms); i++) {
        struct hall *hall = hall_new(1, 0, 1, true);
        start_range(hall, IOCP_POOL_GENERAL, 0, 1);
        sup_tally_await(&hall->done, 1);
        hall_free(hall);
    }
}

/* All helpers of one kind hang: the other kinds and the workers go on. */
static void check_pools(enum iocp_pool hung, enum iocp_pool other)
{
    struct hall *hall = hall_new(2, 0, 0, true);
    hall->calls[0].hangs = hall->calls[1].hangs = true;
    start_range(hall, hung, 0, 2);
    sup_tally_await(&hall->running, 2);
    start_range(hall, hung, 2, 1);
    start_range(hall, other, 3, 200);
    sup_tally_await(&hall->done, 200);
    assert_int_equal(hall->calls[2].works, 0); /* it waits for one of the two */
    sup_tally_add(&hall->gate, 1);
    sup_tally_await(&hall->done, 203);
    assert_int_equal(hall->calls[2].works, 1);
    hall_free(hall);
}

static void test_pools_are_separate(void **state)
{
    (void)state;
    check_pools(IOCP_POOL_GENERAL, IOCP_POOL_STARTS);
    check_pools(IOCP_POOL_STARTS, IOCP_POOL_GENERAL);
    check_pools(IOCP_POOL_FILES, IOCP_POOL_GENERAL);
    check_pools(IOCP_POOL_FILES, IOCP_POOL_STARTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_work_runs_once_and_completes_on_the_strand),
        cmocka_unit_test(test_helpers_work_at_once),
        cmocka_unit_test(test_full_queue_is_busy),
        cmocka_unit_test(test_hung_call_costs_one_helper_and_is_reported_once),
        cmocka_unit_test(test_each_late_call_is_reported),
        cmocka_unit_test(test_late_call_that_nobody_hears_of),
        cmocka_unit_test(test_port_closes_while_it_looks_for_late_calls),
        cmocka_unit_test(test_pools_are_separate),
    };
    sup_begin();
    return cmocka_run_group_tests_name("iocp/help", tests, NULL, NULL);
}
