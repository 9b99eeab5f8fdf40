/*
 * The queue of frames to a client: order within a class, replies first, and the promise that a
 * reply pushed before an output frame is sent before it, with threads that push all the time.
 */
#include "runner/outq.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
/* after the above */
#include <cmocka.h>

enum { PUSHERS = 3, PUSHES = 20000 };

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replies_overtake_output_and_keep_their_order),
        cmocka_unit_test(test_output_is_held_back_while_replies_go),
        cmocka_unit_test(test_reply_is_sent_before_the_output_that_followed_it),
    };
    return cmocka_run_group_tests_name("runner/outq", tests, open_port, close_port);
}
