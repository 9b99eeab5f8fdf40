/*
 * The queue of frames to a client: order within a class, replies first, and the promise that a
 * reply pushed before an output frame is sent before it, with threads that push all the time. Then
 * the turns of sessions: who floods, who writes little, who has frames in two queues.
 */
#include "runner/outq.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
/* after the above */
#include <cmocka.h>

enum {
    PUSHERS = 3,
    PUSHES = 20000,
    LANES = 5,
    STEPS = 4000,
    FRAME_BYTES = 16 * 1024 /* of a lane's frame; four are a turn */
};

struct note {
    uint32_t pusher, number;
};

static struct iocp_port *port;

static int open_port(void **state)
{
    int os_error;
    (void)state;
    return iocp_port_open(NULL, &port, &os_error);
}

static int close_port(void **state)
{
    (void)state;
    iocp_port_close(port);
    return 0;
}

static void push(struct run_outq *queue, enum run_frame_class class, uint32_t pusher,
                 uint32_t number)
{
    struct note note = {pusher, number};
    struct run_frame *frame = run_frame_new(port, sizeof(note));
    if (frame == NULL)
        return; /* the counts will not fit */
    memcpy(frame->data, &note, sizeof(note));
    run_outq_push(queue, class, frame);
}

static bool pop(struct run_outq *queue, enum run_frame_class *class, struct note *note)
{
    struct run_frame *frame = run_outq_pop(queue, class);
    if (frame == NULL)
        return false;
    memcpy(note, frame->data, sizeof(*note));
    run_outq_sent(queue, *class, frame->size_bytes);
    run_frame_free(frame);
    return true;
}

static void test_replies_overtake_output_and_keep_their_order(void **state)
{
    struct run_outq queue;
    enum run_frame_class class;
    struct note note;
    (void)state;
    run_outq_init(&queue);
    for (uint32_t i = 0; i < 3; i++) {
        push(&queue, RUN_FRAME_OUTPUT, 0, i);
        push(&queue, RUN_FRAME_REPLY, 1, i);
    }
    assert_int_equal(run_outq_bytes(&queue, RUN_FRAME_OUTPUT), 3 * sizeof(note));
    run_outq_collect(&queue);
    for (uint32_t i = 0; i < 6; i++) {
        assert_true(pop(&queue, &class, &note));
        assert_int_equal(class, i < 3 ? RUN_FRAME_REPLY : RUN_FRAME_OUTPUT);
        assert_int_equal(note.number, i % 3);
    }
    assert_false(pop(&queue, &class, &note));
    assert_int_equal(run_outq_bytes(&queue, RUN_FRAME_OUTPUT), 0);
    assert_int_equal(run_outq_bytes(&queue, RUN_FRAME_REPLY), 0);
}

static void test_what_is_observed_comes_last_and_one_at_a_time_before(void **state)
{
    struct run_outq queue;
    enum run_frame_class class;
    struct note note;
    (void)state;
    run_outq_init(&queue);
    push(&queue, RUN_FRAME_OBSERVED, 0, 0);
    push(&queue, RUN_FRAME_OBSERVED, 0, 1);
    push(&queue, RUN_FRAME_OUTPUT, 0, 2);
    push(&queue, RUN_FRAME_REPLY, 0, 3);
    run_outq_collect(&queue);
    assert_null(run_outq_pop_observed(&queue)); /* a reply waits */
    assert_true(pop(&queue, &class, &note));
    assert_int_equal(class, RUN_FRAME_REPLY);
    struct run_frame *frame = run_outq_pop_observed(&queue);
    assert_non_null(frame);
    run_outq_sent(&queue, RUN_FRAME_OBSERVED, frame->size_bytes);
    run_frame_free(frame);
    assert_true(pop(&queue, &class, &note));
    assert_int_equal(class, RUN_FRAME_OUTPUT);
    assert_true(pop(&queue, &class, &note));
    assert_int_equal(class, RUN_FRAME_OBSERVED);
    assert_int_equal(note.number, 1);
    assert_null(run_outq_pop_observed(&queue));
    assert_int_equal(run_outq_bytes(&queue, RUN_FRAME_OBSERVED), 0);
}

static void test_output_is_held_back_while_replies_go(void **state)
{
    struct run_outq queue;
    enum run_frame_class class;
    struct note note;
    (void)state;
    run_outq_init(&queue);
    queue.holds_output = true;
    push(&queue, RUN_FRAME_OUTPUT, 0, 0);
    push(&queue, RUN_FRAME_REPLY, 1, 0);
    run_outq_collect(&queue);
    assert_true(pop(&queue, &class, &note));
    assert_int_equal(class, RUN_FRAME_REPLY);
    assert_false(pop(&queue, &class, &note));
    queue.holds_output = false;
    assert_true(pop(&queue, &class, &note));
    assert_int_equal(class, RUN_FRAME_OUTPUT);
}

struct pusher {
    struct run_outq *queue;
    uint32_t index;
    pthread_t thread;
};

/* A reply and then an output frame, over and over. */
static void *push_pairs(void *argument)
{
    struct pusher *pusher = argument;
    for (uint32_t i = 0; i < PUSHES; i++) {
        push(pusher->queue, RUN_FRAME_REPLY, pusher->index, i);
        push(pusher->queue, RUN_FRAME_OUTPUT, pusher->index, i);
    }
    return NULL;
}

static void test_reply_is_sent_before_the_output_that_followed_it(void **state)
{
    struct run_outq queue;
    struct pusher pushers[PUSHERS];
    uint32_t replies[PUSHERS] = {0}, outputs[PUSHERS] = {0}, total = 0;
    bool in_order = true;
    (void)state;
    run_outq_init(&queue);
    for (uint32_t i = 0; i < PUSHERS; i++) {
        pushers[i] = (struct pusher){.queue = &queue, .index = i};
        assert_int_equal(pthread_create(&pushers[i].thread, NULL, push_pairs, &pushers[i]), 0);
    }
    while (total < 2 * PUSHERS * PUSHES) {
        enum run_frame_class class;
        struct note note;
        run_outq_collect(&queue);
        while (pop(&queue, &class, &note)) {
            uint32_t *seen = class == RUN_FRAME_REPLY ? replies : outputs;
            in_order &= seen[note.pusher]++ == note.number;
            in_order &= class == RUN_FRAME_REPLY || replies[note.pusher] > note.number;
            total++;
        }
    }
    for (uint32_t i = 0; i < PUSHERS; i++)
        assert_int_equal(pthread_join(pushers[i].thread, NULL), 0);
    assert_true(in_order);
}

/* ---- Turns ---- */

static void push_sized(struct run_outq *queue, struct run_lane *lane, uint32_t number,
                       uint32_t size_bytes)
{
    struct run_frame *frame = run_frame_new(port, size_bytes);
    assert_non_null(frame);
    assert_true(size_bytes >= sizeof(number));
    memcpy(frame->data, &number, sizeof(number));
    frame->lane = lane;
    run_outq_push(queue, RUN_FRAME_OUTPUT, frame);
}

/* Pops a frame of output; gives its lane, or NULL at the end. */
static struct run_lane *pop_lane_of(struct run_outq *queue, uint32_t *number, uint32_t *size_bytes)
{
    enum run_frame_class class;
    struct run_frame *frame = run_outq_pop(queue, &class);
    if (frame == NULL)
        return NULL;
    struct run_lane *lane = frame->lane;
    assert_int_equal(class, RUN_FRAME_OUTPUT);
    memcpy(number, frame->data, sizeof(*number));
    *size_bytes = frame->size_bytes;
    run_outq_sent(queue, class, frame->size_bytes);
    run_frame_free(frame);
    return lane;
}

static void test_floods_take_turns_of_bytes(void **state)
{
    static const uint32_t sizes[LANES] = {512, 1024, FRAME_BYTES, FRAME_BYTES, 88 * 1024};
    struct run_lane lanes[LANES] = {{.next = NULL}};
    size_t got[LANES] = {0}, left = 0;
    uint32_t next[LANES] = {0}, number, size;
    struct run_outq queue;
    struct run_lane *lane;
    (void)state;
    run_outq_init(&queue);
    for (unsigned i = 0; i < LANES; i++) /* a MiB each, one behind the other */
        for (uint32_t bytes = 0, n = 0; bytes < 1024 * 1024; bytes += sizes[i], n++, left++)
            push_sized(&queue, &lanes[i], n, sizes[i]);
    run_outq_collect(&queue);
    for (; left > 0; left--) {
        size_t least = SIZE_MAX, most = 0;
        assert_non_null(lane = pop_lane_of(&queue, &number, &size));
        got[lane - lanes] += size;
        assert_int_equal(number, next[lane - lanes]++);
        for (unsigned i = 0; i < LANES; i++) {
            least = got[i] < least ? got[i] : least;
            most = got[i] > most ? got[i] : most;
        }
        if (most < 1024 * 1024)
            assert_true(most - least <= 2 * (RUN_TURN_BYTES + 88 * 1024));
    }
    assert_null(pop_lane_of(&queue, &number, &size));
    assert_int_equal(run_outq_bytes(&queue, RUN_FRAME_OUTPUT), 0);
}

static void test_who_writes_little_waits_for_nobody(void **state)
{
    struct run_lane floods[LANES] = {{.next = NULL}}, small = {.next = NULL};
    struct run_outq queue;
    uint32_t number, size;
    (void)state;
    run_outq_init(&queue);
    for (uint32_t n = 0; n < LANES * 64; n++)
        push_sized(&queue, &floods[n % LANES], n, FRAME_BYTES);
    run_outq_collect(&queue);
    for (unsigned n = 0; n < LANES * 8; n++) /* everybody had a turn */
        assert_non_null(pop_lane_of(&queue, &number, &size));
    push_sized(&queue, &small, 7, 100);
    run_outq_collect(&queue);
    assert_ptr_equal(pop_lane_of(&queue, &number, &size), &small);
    assert_int_equal(number, 7);
    while (pop_lane_of(&queue, &number, &size) != NULL)
        ;
}

/* Sessions that come anew all the time do not keep a flood from going on. */
static void test_fresh_lanes_take_at_most_half(void **state)
{
    struct run_lane flood = {.next = NULL}, fresh[512] = {{.next = NULL}};
    struct run_outq queue;
    uint32_t number, size;
    size_t flood_bytes = 0, fresh_bytes = 0;
    (void)state;
    run_outq_init(&queue);
    for (uint32_t n = 0; n < 512; n++)
        push_sized(&queue, &flood, n, FRAME_BYTES);
    for (uint32_t n = 0; n < 512; n++) {
        push_sized(&queue, &fresh[n], n, FRAME_BYTES);
        run_outq_collect(&queue);
        if (pop_lane_of(&queue, &number, &size) == &flood)
            flood_bytes += size;
        else
            fresh_bytes += size;
        assert_true(fresh_bytes <= flood_bytes + 3 * RUN_TURN_BYTES);
    }
    while (pop_lane_of(&queue, &number, &size) != NULL)
        ;
}

/* A session that was resumed while the connection before still had output of it. */
static void test_frames_in_two_queues_keep_their_order(void **state)
{
    struct run_lane lane = {.next = NULL}, other = {.next = NULL};
    struct run_outq before, after;
    uint32_t number, size;
    (void)state;
    run_outq_init(&before);
    run_outq_init(&after);
    push_sized(&before, &lane, 0, 100);
    push_sized(&before, &lane, 1, 100);
    run_outq_collect(&before);
    push_sized(&after, &lane, 2, 100);
    run_outq_collect(&after);
    assert_ptr_equal(pop_lane_of(&before, &number, &size), &lane);
    assert_ptr_equal(pop_lane_of(&before, &number, &size), &lane);
    assert_null(atomic_load(&lane.queue)); /* free for the other one, but not before its turn */
    push_sized(&after, &lane, 3, 100);
    push_sized(&after, &other, 4, 100);
    run_outq_collect(&after);
    for (uint32_t n = 2; n < 5; n++) {
        assert_non_null(pop_lane_of(&after, &number, &size));
        assert_int_equal(number, n);
    }
    push_sized(&after, &lane, 5, 100);
    run_outq_collect(&after);
    assert_ptr_equal(atomic_load(&lane.queue), &after);
    assert_ptr_equal(pop_lane_of(&after, &number, &size), &lane);
    assert_null(atomic_load(&lane.queue));
}

static uint32_t draw(uint64_t *seed, uint32_t below)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*seed >> 33) % below;
}

/* Any mix of pushes and pops in two queues: each lane's frames come in order, and all come. A lane
 * moves from the first queue to the second once, as a session does that is resumed. */
static void test_any_mix_keeps_the_order_of_each_lane(void **state)
{
    struct run_lane lanes[LANES] = {{.next = NULL}};
    uint32_t pushed[2][LANES] = {{0}}, popped[2][LANES] = {{0}}, number, size;
    struct run_outq queues[2];
    struct run_lane *lane;
    uint64_t seed = iocp_now_ns(port), first_seed = seed;
    bool in_order = true;
    (void)state;
    for (unsigned i = 0; i < 2; i++)
        run_outq_init(&queues[i]);
    for (uint32_t step = 0; step < 2 * STEPS; step++) {
        unsigned from = draw(&seed, 2), i = draw(&seed, LANES);
        unsigned to = step > STEPS + i * 100;
        if (draw(&seed, 3) != 0)
            push_sized(&queues[to], &lanes[i], pushed[to][i]++, 4 + draw(&seed, 2000));
        run_outq_collect(&queues[from]);
        if (draw(&seed, 2) == 0 && (lane = pop_lane_of(&queues[from], &number, &size)) != NULL)
            in_order &= popped[from][lane - lanes]++ == number;
    }
    for (unsigned from = 0; from < 2; from++) {
        run_outq_collect(&queues[from]);
        while ((lane = pop_lane_of(&queues[from], &number, &size)) != NULL)
            in_order &= popped[from][lane - lanes]++ == number;
    }
    if (!in_order || memcmp(pushed, popped, sizeof(pushed)) != 0)
        fail_msg("with the seed %llu", (unsigned long long)first_seed);
    for (unsigned i = 0; i < LANES; i++)
        assert_null(atomic_load(&lanes[i].queue));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replies_overtake_output_and_keep_their_order),
        cmocka_unit_test(test_what_is_observed_comes_last_and_one_at_a_time_before),
        cmocka_unit_test(test_output_is_held_back_while_replies_go),
        cmocka_unit_test(test_reply_is_sent_before_the_output_that_followed_it),
        cmocka_unit_test(test_floods_take_turns_of_bytes),
        cmocka_unit_test(test_who_writes_little_waits_for_nobody),
        cmocka_unit_test(test_fresh_lanes_take_at_most_half),
        cmocka_unit_test(test_frames_in_two_queues_keep_their_order),
        cmocka_unit_test(test_any_mix_keeps_the_order_of_each_lane),
    };
    return cmocka_run_group_tests_name("runner/outq", tests, open_port, close_port);
}
