/*
 * Rules 2 and 3: a callback comes once, from a worker, never inside the start; callbacks of a
 * strand never overlap and keep the order of its queue; strands run in parallel; nothing of a
 * strand is touched after its end.
 */
#include "support.h"

/* ---- One operation ------------------------------------------------------------------------- */

struct single {
    struct sup_box *box;
    struct iocp_op op;
    uint64_t thread;
    unsigned runs;
    unsigned again; /* times that the callback restarts itself */
    bool starting;
    struct sup_tally done;
};

static void post_single(struct single *single)
{
    single->starting = true;
    iocp_post(&single->op);
    SUP_CHECK(iocp_pending(&single->op));
    single->starting = false;
}

static void on_single(struct iocp_op *op)
{
    struct single *single = IOCP_OWNER(op, struct single, op);
    SUP_CHECK(!single->starting);
    SUP_CHECK(!iocp_pending(op));
    SUP_CHECK(op->result == 0 && op->os_error == 0);
    single->thread = sup_thread_id();
    single->runs++;
    if (single->again > 0) {
        single->again--;
        post_single(single);
        return;
    }
    sup_tally_add(&single->done, 1);
}

static void start_single(void *argument)
{
    post_single(argument);
}

static void test_post_runs_once_on_a_worker(void **state)
{
    (void)state;
    struct sup_world *world = sup_world_open(NULL);
    struct single *single = sup_new(sizeof *single);
    single->box = sup_box_new(world);
    iocp_op_init(&single->op, &single->box->strand, on_single);
    iocp_post(&single->op);
    sup_tally_await(&single->done, 1);
    assert_true(single->thread != sup_thread_id());
    sup_box_end(single->box);
    assert_int_equal(single->runs, 1);
    free(single);
    sup_world_close(world);
}

static void test_post_from_a_callback_runs_after_it(void **state)
{
    (void)state;
    struct sup_world *world = sup_world_open(NULL);
    struct single *single = sup_new(sizeof *single);
    single->box = sup_box_new(world);
    single->again = 10000;
    iocp_op_init(&single->op, &single->box->strand, on_single);
    sup_box_call(single->box, start_single, single);
    sup_tally_await(&single->done, 1);
    sup_box_end(single->box);
    assert_int_equal(single->runs, 10001);
    free(single);
    sup_world_close(world);
}

/* ---- Order ----------------------------------------------------------------------------------- */

enum { POSTERS = 4, POSTS = SUP_COUNT(20000, 4000) };

struct numbered {
    struct iocp_op op;
    struct crowd *crowd;
    unsigned poster, number;
};

/* Many threads post to one strand. The counters are plain: only the strand protects them. */
struct crowd {
    struct sup_box *box;
    struct numbered *ops[POSTERS];
    unsigned next[POSTERS];
    unsigned ran;
    bool inside;
    struct sup_tally all_ran;
};

struct poster {
    struct crowd *crowd;
    unsigned index;
};

static void on_numbered(struct iocp_op *op)
{
    struct numbered *numbered = IOCP_OWNER(op, struct numbered, op);
    struct crowd *crowd = numbered->crowd;
    SUP_CHECK(!crowd->inside);
    crowd->inside = true;
    SUP_CHECK(crowd->next[numbered->poster] == numbered->number);
    crowd->next[numbered->poster]++;
    crowd->ran++;
    crowd->inside = false;
    if (crowd->ran == POSTERS * POSTS)
        sup_tally_add(&crowd->all_ran, 1);
}

static void post_all(void *argument)
{
    struct poster *poster = argument;
    for (unsigned i = 0; i < POSTS; i++)
        iocp_post(&poster->crowd->ops[poster->index][i].op);
}

static void prepare_crowd(struct crowd *crowd)
{
    for (unsigned p = 0; p < POSTERS; p++) {
        crowd->ops[p] = sup_new(POSTS * sizeof *crowd->ops[p]);
        for (unsigned i = 0; i < POSTS; i++) {
            struct numbered *numbered = &crowd->ops[p][i];
            iocp_op_init(&numbered->op, &crowd->box->strand, on_numbered);
            numbered->crowd = crowd;
            numbered->poster = p;
            numbered->number = i;
        }
    }
}

static void test_strand_keeps_order_and_excludes(void **state)
{
    (void)state;
    const struct iocp_port_options options = {.workers = 4};
    struct sup_world *world = sup_world_open(&options);
    struct crowd *crowd = sup_new(sizeof *crowd);
    struct sup_thread *threads[POSTERS];
    struct poster posters[POSTERS];
    crowd->box = sup_box_new(world);
    prepare_crowd(crowd);
    for (unsigned p = 0; p < POSTERS; p++) {
        posters[p] = (struct poster){crowd, p};
        threads[p] = sup_thread_start(post_all, &posters[p]);
    }
    for (unsigned p = 0; p < POSTERS; p++)
        sup_thread_join(threads[p]);
    sup_tally_await(&crowd->all_ran, 1);
    sup_box_end(crowd->box);
    assert_int_equal(crowd->ran, POSTERS * POSTS);
    for (unsigned p = 0; p < POSTERS; p++)
        free(crowd->ops[p]);
    free(crowd);
    sup_world_close(world);
}

/* Two operations that restart themselves share a queue: they must take turns. */
struct turns {
    struct sup_box *box;
    struct iocp_op first, second;
    unsigned ran;
    struct sup_tally done;
};

static void take_turn(struct turns *turns, struct iocp_op *op, bool odd)
{
    if (turns->ran >= 2000) {
        sup_tally_add(&turns->done, 1);
        return;
    }
    SUP_CHECK((turns->ran % 2 == 1) == odd);
    turns->ran++;
    iocp_post(op);
}

static void on_first(struct iocp_op *op)
{
    take_turn(IOCP_OWNER(op, struct turns, first), op, false);
}

static void on_second(struct iocp_op *op)
{
    take_turn(IOCP_OWNER(op, struct turns, second), op, true);
}

static void start_turns(void *argument)
{
    struct turns *turns = argument;
    iocp_post(&turns->first);
    iocp_post(&turns->second);
}

static void test_restarted_operation_queues_behind_others(void **state)
{
    (void)state;
    struct sup_world *world = sup_world_open(NULL);
    struct turns *turns = sup_new(sizeof *turns);
    turns->box = sup_box_new(world);
    iocp_op_init(&turns->first, &turns->box->strand, on_first);
    iocp_op_init(&turns->second, &turns->box->strand, on_second);
    sup_box_call(turns->box, start_turns, turns);
    sup_tally_await(&turns->done, 2);
    sup_box_end(turns->box);
    free(turns);
    sup_world_close(world);
}

/* ---- Parallel strands ------------------------------------------------------------------------ */

enum { MEETERS = 4, MEETINGS = SUP_COUNT(300, 50) };

struct meeter {
    struct sup_box *box;
    struct iocp_op op;
    struct meeting *meeting;
};

/* Callbacks of all strands wait for each other: that succeeds only if they run at once. */
struct meeting {
    struct meeter meeters[MEETERS];
    uint64_t round;
    struct sup_tally arrived, met;
};

static void on_meet(struct iocp_op *op)
{
    struct meeting *meeting = IOCP_OWNER(op, struct meeter, op)->meeting;
    sup_tally_add(&meeting->arrived, 1);
    if (sup_tally_wait(&meeting->arrived, meeting->round * MEETERS, SUP_DEADLINE_MS))
        sup_tally_add(&meeting->met, 1);
}

static void test_strands_run_in_parallel(void **state)
{
    (void)state;
    const struct iocp_port_options options = {.workers = MEETERS};
    struct sup_world *world = sup_world_open(&options);
    struct meeting *meeting = sup_new(sizeof *meeting);
    for (unsigned i = 0; i < MEETERS; i++) {
        struct meeter *meeter = &meeting->meeters[i];
        meeter->meeting = meeting;
        meeter->box = sup_box_new(world);
        iocp_op_init(&meeter->op, &meeter->box->strand, on_meet);
    }
    for (meeting->round = 1; meeting->round <= MEETINGS; meeting->round++) {
        for (unsigned i = 0; i < MEETERS; i++)
            iocp_post(&meeting->meeters[i].op);
        sup_tally_await(&meeting->met, meeting->round * MEETERS);
    }
    for (unsigned i = 0; i < MEETERS; i++)
        sup_box_end(meeting->meeters[i].box);
    free(meeting);
    sup_world_close(world);
}

/* A callback makes several strands ready on its own worker; the others must get their share. */
static void post_to_all(void *argument)
{
    struct meeting *meeting = argument;
    for (unsigned i = 1; i < MEETERS; i++)
        iocp_post(&meeting->meeters[i].op);
}

static void on_meet_of_others(struct iocp_op *op)
{
    struct meeting *meeting = IOCP_OWNER(op, struct meeter, op)->meeting;
    sup_tally_add(&meeting->arrived, 1);
    if (sup_tally_wait(&meeting->arrived, MEETERS - 1, SUP_DEADLINE_MS))
        sup_tally_add(&meeting->met, 1);
}

static void test_work_of_one_callback_spreads(void **state)
{
    (void)state;
    const struct iocp_port_options options = {.workers = MEETERS};
    struct sup_world *world = sup_world_open(&options);
    struct meeting *meeting = sup_new(sizeof *meeting);
    for (unsigned i = 0; i < MEETERS; i++) {
        struct meeter *meeter = &meeting->meeters[i];
        meeter->meeting = meeting;
        meeter->box = sup_box_new(world);
        iocp_op_init(&meeter->op, &meeter->box->strand, on_meet_of_others);
    }
    sup_world_settle(world); /* all workers wait now, so there is somebody to share with */
    sup_box_call(meeting->meeters[0].box, post_to_all, meeting);
    sup_tally_await(&meeting->met, MEETERS - 1);
    for (unsigned i = 0; i < MEETERS; i++)
        sup_box_end(meeting->meeters[i].box);
    free(meeting);
    sup_world_close(world);
}

/* ---- The end of a strand --------------------------------------------------------------------- */

enum { LIVES = SUP_COUNT(20000, 3000) };

/* A strand that frees itself in its last callback; AddressSanitizer sees who comes too late. */
struct mayfly {
    struct iocp_strand strand;
    struct iocp_op op;
    struct sup_tally *gone;
};

static void on_mayfly_end(struct iocp_op *op)
{
    struct mayfly *mayfly = IOCP_OWNER(op, struct mayfly, op);
    struct sup_tally *gone = mayfly->gone;
    memset(mayfly, 0xa5, sizeof *mayfly);
    free(mayfly);
    sup_tally_add(gone, 1);
}

static void on_mayfly(struct iocp_op *op)
{
    struct mayfly *mayfly = IOCP_OWNER(op, struct mayfly, op);
    iocp_strand_end(&mayfly->strand, &mayfly->op, on_mayfly_end);
}

static void test_strand_end_is_the_last_touch(void **state)
{
    (void)state;
    const struct iocp_port_options options = {.workers = 4};
    struct sup_world *world = sup_world_open(&options);
    struct sup_tally gone = {0};
    for (unsigned i = 0; i < LIVES; i++) {
        struct mayfly *mayfly = sup_new(sizeof *mayfly);
        mayfly->gone = &gone;
        iocp_strand_init(&mayfly->strand, world->port);
        iocp_op_init(&mayfly->op, &mayfly->strand, on_mayfly);
        iocp_post(&mayfly->op);
    }
    sup_tally_await(&gone, LIVES);
    sup_world_close(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_post_runs_once_on_a_worker),
        cmocka_unit_test(test_post_from_a_callback_runs_after_it),
        cmocka_unit_test(test_strand_keeps_order_and_excludes),
        cmocka_unit_test(test_restarted_operation_queues_behind_others),
        cmocka_unit_test(test_strands_run_in_parallel),
        cmocka_unit_test(test_work_of_one_callback_spreads),
        cmocka_unit_test(test_strand_end_is_the_last_touch),
    };
    sup_begin();
    return cmocka_run_group_tests_name("iocp/strand", tests, NULL, NULL);
}
