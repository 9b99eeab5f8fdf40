/*
 * Exits of children: code or signal, told once, whether the child ended before or after the start
 * of the wait; the child keeps its id until it is reaped; thousands at once.
 */
#include "support.h"

struct waiter {
    struct iocp_exit exit;
    struct sup_box *box;
    struct sup_child child;
    int expected_code, expected_signal;
    bool starting, waiting;
    int result;
    struct iocp_usage usage;
    struct sup_tally *exited;
    struct sup_tally own;
};

static void on_exit_seen(struct iocp_op *op)
{
    struct iocp_exit *exit = IOCP_OWNER(op, struct iocp_exit, op);
    struct waiter *waiter = IOCP_OWNER(exit, struct waiter, exit);
    SUP_CHECK(waiter->waiting && !waiter->starting && !iocp_pending(op));
    waiter->waiting = false;
    waiter->result = op->result;
    if (op->result == IOCP_OK) {
        SUP_CHECK(exit->code == waiter->expected_code);
        SUP_CHECK(exit->signal == waiter->expected_signal);
    }
    sup_tally_add(waiter->exited, 1);
}

static void start_waiting(void *argument)
{
    struct waiter *waiter = argument;
    waiter->waiting = true;
    waiter->starting = true;
    iocp_exit_start(&waiter->exit, &waiter->box->strand, waiter->child.handle, on_exit_seen);
    SUP_CHECK(iocp_pending(&waiter->exit.op));
    waiter->starting = false;
}

static void cancel_waiting(void *argument)
{
    struct waiter *waiter = argument;
    iocp_exit_cancel(&waiter->exit);
}

static void start_and_cancel(void *argument)
{
    start_waiting(argument);
    cancel_waiting(argument);
}

static void reap(void *argument)
{
    struct waiter *waiter = argument;
    iocp_exit_reap(&waiter->exit, &waiter->usage);
}

static void reap_without_usage(void *argument)
{
    iocp_exit_reap(&((struct waiter *)argument)->exit, NULL);
}

static void waiter_init(struct waiter *waiter, struct sup_box *box, struct sup_tally *exited)
{
    memset(waiter, 0, sizeof *waiter);
    waiter->box = box;
    waiter->exited = exited != NULL ? exited : &waiter->own;
}

static bool child_start(struct waiter *waiter, const char *how, int number,
                        const struct sup_gate *gate)
{
    char text[16];
    const char *const arguments[2] = {how, text};
    bool by_signal = strcmp(how, "signal") == 0;
    snprintf(text, sizeof text, "%d", number);
    waiter->expected_code = by_signal ? 0 : number;
    waiter->expected_signal = by_signal ? number : 0;
    return sup_child_start("iocp_exit", arguments, gate, &waiter->child);
}

struct one {
    struct sup_world *world;
    struct sup_box *box;
    struct sup_gate gate;
    struct waiter *waiter;
};

static void one_open(struct one *one, const char *how, int number)
{
    one->world = sup_world_open(NULL);
    one->box = sup_box_new(one->world);
    one->waiter = sup_new(sizeof *one->waiter);
    waiter_init(one->waiter, one->box, NULL);
    assert_true(sup_gate_open(&one->gate));
    assert_true(child_start(one->waiter, how, number, &one->gate));
}

static void one_close(struct one *one)
{
    free(one->waiter);
    sup_box_end(one->box);
    sup_world_close(one->world);
}

/* ---- One child ------------------------------------------------------------------------------- */

static void check_exit(const char *how, int number)
{
    struct one one;
    one_open(&one, how, number);
    sup_box_call(one.box, start_waiting, one.waiter);
    assert_int_equal(sup_tally_count(&one.waiter->own), 0);
    sup_gate_release(&one.gate);
    sup_tally_await(&one.waiter->own, 1);
    assert_int_equal(one.waiter->result, IOCP_OK);
    assert_true(sup_child_exists(&one.waiter->child)); /* its id is nobody else's yet */
    sup_box_call(one.box, reap, one.waiter);
    assert_false(sup_child_exists(&one.waiter->child));
    one_close(&one);
}

static void test_codes_and_signals(void **state)
{
    (void)state;
    check_exit("code", 0);
    check_exit("code", 1);
    check_exit("code", 42);
    check_exit("code", 255);
    if (sup_kill_signal() != 0)
        check_exit("signal", sup_kill_signal());
}

static void test_exit_before_the_wait(void **state)
{
    (void)state;
    struct one one;
    one_open(&one, "code", 7);
    sup_gate_release(&one.gate);
    assert_true(sup_child_await(&one.waiter->child));
    sup_box_call(one.box, start_waiting, one.waiter);
    sup_tally_await(&one.waiter->own, 1);
    assert_int_equal(one.waiter->result, IOCP_OK);
    assert_true(sup_child_exists(&one.waiter->child));
    sup_box_call(one.box, reap_without_usage, one.waiter);
    assert_false(sup_child_exists(&one.waiter->child));
    one_close(&one);
}

static void test_usage_is_told(void **state)
{
    (void)state;
    const char *const arguments[2] = {"200", "40"}; /* milliseconds, MiB */
    if (!sup_tells_usage())
        skip();
    struct sup_world *world = sup_world_open(NULL);
    struct sup_box *box = sup_box_new(world);
    struct waiter *waiter = sup_new(sizeof *waiter);
    waiter_init(waiter, box, NULL);
    assert_true(sup_child_start("iocp_burn", arguments, NULL, &waiter->child));
    sup_box_call(box, start_waiting, waiter);
    sup_tally_await(&waiter->own, 1);
    assert_int_equal(waiter->result, IOCP_OK);
    sup_box_call(box, reap, waiter);
    uint64_t used_us = waiter->usage.user_us + waiter->usage.system_us;
    assert_true(used_us >= 150000 && used_us < 60000000);
    uint64_t peak = waiter->usage.peak_rss_bytes;
    assert_true(peak == 0 || (peak >= 40u * 1024 * 1024 && peak < 4096ull * 1024 * 1024));
    free(waiter);
    sup_box_end(box);
    sup_world_close(world);
}

/* ---- Cancel ---------------------------------------------------------------------------------- */

static void test_cancel_of_a_wait(void **state)
{
    (void)state;
    struct one one;
    one_open(&one, "code", 0);
    sup_box_call(one.box, start_waiting, one.waiter);
    sup_box_call(one.box, cancel_waiting, one.waiter);
    sup_tally_await(&one.waiter->own, 1);
    assert_int_equal(one.waiter->result, IOCP_E_CANCELLED);
    sup_box_call(one.box, reap, one.waiter); /* does not block, though the child runs */
    assert_true(sup_child_exists(&one.waiter->child));
    assert_int_equal(one.waiter->usage.user_us + one.waiter->usage.system_us, 0);
    sup_gate_release(&one.gate);
    sup_child_reap(&one.waiter->child);
    one_close(&one);
}

static void test_cancel_tells_an_exit_that_happened(void **state)
{
    (void)state;
    struct one one;
    one_open(&one, "code", 9);
    sup_gate_release(&one.gate);
    assert_true(sup_child_await(&one.waiter->child));
    sup_box_call(one.box, start_and_cancel, one.waiter);
    sup_tally_await(&one.waiter->own, 1);
    assert_int_equal(one.waiter->result, IOCP_OK);
    sup_box_call(one.box, reap, one.waiter);
    assert_false(sup_child_exists(&one.waiter->child));
    one_close(&one);
}

static void kill_await_and_cancel(void *argument)
{
    struct waiter *waiter = argument;
    sup_child_kill(&waiter->child);
    SUP_CHECK(sup_child_await(&waiter->child));
    iocp_exit_cancel(&waiter->exit);
}

/* The exit comes in the same callback as the cancel, so its event cannot have been seen. */
static void test_cancel_looks_before_it_gives_up(void **state)
{
    (void)state;
    struct one one;
    one_open(&one, "code", 0);
    one.waiter->expected_signal = sup_kill_signal();
    sup_box_call(one.box, start_waiting, one.waiter);
    sup_world_settle(one.world);
    sup_box_call(one.box, kill_await_and_cancel, one.waiter);
    sup_tally_await(&one.waiter->own, 1);
    assert_int_equal(one.waiter->result, IOCP_OK);
    sup_box_call(one.box, reap, one.waiter);
    assert_false(sup_child_exists(&one.waiter->child));
    sup_gate_release(&one.gate);
    one_close(&one);
}

static void check_race(struct sup_random *random)
{
    struct one one;
    one_open(&one, "code", 3);
    sup_box_call(one.box, start_waiting, one.waiter);
    sup_gate_release(&one.gate);
    sup_spin(sup_random_below(random, 20000));
    sup_box_call(one.box, cancel_waiting, one.waiter);
    sup_tally_await(&one.waiter->own, 1);
    int result = one.waiter->result;
    assert_true(result == IOCP_OK || result == IOCP_E_CANCELLED);
    sup_box_call(one.box, reap, one.waiter);
    if (sup_child_exists(&one.waiter->child)) {
        assert_int_equal(result, IOCP_E_CANCELLED);
        sup_child_reap(&one.waiter->child);
    }
    one_close(&one);
}

static void test_cancel_races_with_exit(void **state)
{
    (void)state;
    struct sup_random random;
    uint64_t began_ms = sup_now_ms();
    sup_random_init(&random, sup_seed(), 0);
    for (unsigned i = 0; i < SUP_STRESS(200, 40) && !sup_enough_since(began_ms); i++)
        check_race(&random);
}

/* ---- Thousands ------------------------------------------------------------------------------- */

enum { CHILDREN = SUP_STRESS(5000, 300), AT_LEAST = 32 };

struct many {
    struct sup_world *world;
    struct sup_box *box;
    struct waiter *waiters;
    struct sup_tally exited;
    unsigned count; /* of this batch */
};

/* Starts as many as the system has room for; returns how many. The room that the last batch took
 * may be free a little later than its exits are seen. */
static unsigned start_batch(struct many *many, unsigned wanted, const struct sup_gate *gate)
{
    unsigned count = 0;
    uint64_t deadline_ms = sup_now_ms() + SUP_DEADLINE_MS;
    while (count < wanted) {
        struct waiter *waiter = &many->waiters[count];
        bool by_signal = count % 5 == 4 && sup_kill_signal() != 0;
        waiter_init(waiter, many->box, &many->exited);
        if (!child_start(waiter, by_signal ? "signal" : "code",
                         by_signal ? sup_kill_signal() : (int)(count % 256), gate)) {
            if (count >= AT_LEAST || sup_now_ms() > deadline_ms)
                break;
            sup_yield();
            continue;
        }
        sup_box_call(many->box, start_waiting, waiter);
        count++;
    }
    return count;
}

static void reap_batch(void *argument)
{
    struct many *many = argument;
    for (unsigned i = 0; i < many->count; i++) {
        struct waiter *waiter = &many->waiters[i];
        SUP_CHECK(waiter->result == IOCP_OK);
        SUP_CHECK(sup_child_exists(&waiter->child));
        iocp_exit_reap(&waiter->exit, &waiter->usage);
        SUP_CHECK(!sup_child_exists(&waiter->child));
    }
}

static void test_thousands_of_exits(void **state)
{
    (void)state;
    struct many *many = sup_new(sizeof *many);
    unsigned at_once = sup_handles_room(CHILDREN), done = 0;
    many->world = sup_world_open(NULL);
    many->box = sup_box_new(many->world);
    many->waiters = sup_new(CHILDREN * sizeof *many->waiters);
    while (done < CHILDREN) {
        struct sup_gate gate;
        unsigned wanted = CHILDREN - done < at_once ? CHILDREN - done : at_once;
        assert_true(sup_gate_open(&gate));
        many->count = start_batch(many, wanted, &gate);
        assert_true(many->count == wanted || many->count >= AT_LEAST);
        assert_int_equal(sup_tally_count(&many->exited), done);
        sup_gate_release(&gate); /* all of them go at once */
        done += many->count;
        sup_tally_await(&many->exited, done);
        sup_box_call(many->box, reap_batch, many);
    }
    sup_box_end(many->box);
    sup_world_close(many->world);
    free(many->waiters);
    free(many);
}

/* ---- What children inherit ------------------------------------------------------------------- */

/* A child that runs has no copy of the engine's handles nor of the other ends: the end is seen. */
static void test_children_inherit_no_pipe(void **state)
{
    (void)state;
    struct sup_world *world = sup_world_open(NULL);
    struct sup_box *box = sup_box_new(world);
    struct waiter *waiter = sup_new(sizeof *waiter);
    struct sup_gate gate;
    struct sup_pair in, out;
    char byte;
    waiter_init(waiter, box, NULL);
    assert_true(sup_pair_open(world->port, SUP_PIPE_IN, &in));
    assert_true(sup_pair_open(world->port, SUP_PIPE_OUT, &out));
    assert_true(sup_gate_open(&gate));
    assert_true(child_start(waiter, "code", 0, &gate));
    struct sup_tap *tap = sup_tap_open_pair(box, &in);
    sup_end_close(&in.theirs);
    assert_int_equal(sup_tap_get(tap, 100), IOCP_E_END);
    iocp_handle_close(world->port, out.ours);
    assert_int_equal(sup_end_read(&out.theirs, &byte, 1), 0);
    sup_end_close(&out.theirs);
    sup_tap_close(tap);
    sup_box_call(box, start_waiting, waiter);
    sup_gate_release(&gate);
    sup_tally_await(&waiter->own, 1);
    sup_box_call(box, reap, waiter);
    free(waiter);
    sup_box_end(box);
    sup_world_close(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codes_and_signals),
        cmocka_unit_test(test_exit_before_the_wait),
        cmocka_unit_test(test_usage_is_told),
        cmocka_unit_test(test_cancel_of_a_wait),
        cmocka_unit_test(test_cancel_tells_an_exit_that_happened),
        cmocka_unit_test(test_cancel_looks_before_it_gives_up),
        cmocka_unit_test(test_cancel_races_with_exit),
        cmocka_unit_test(test_thousands_of_exits),
        cmocka_unit_test(test_children_inherit_no_pipe),
    };
    sup_begin();
    return cmocka_run_group_tests_name("iocp/exit", tests, NULL, NULL);
}
