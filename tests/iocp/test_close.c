/*
 * Closing is an operation: what is pending completes first, then the handle goes, then on_close,
 * then the memory is the owner's. And a handle that takes an old one's place gets none of its
 * events.
 */
#include "support.h"

enum { BIG_BYTES = 4 * 1024 * 1024 };

/* ---- Everything pending ---------------------------------------------------------------------- */

/* The order in which the completions of one stream came. */
struct order {
    struct iocp_stream stream;
    struct sup_box *box;
    iocp_handle handle;
    enum iocp_stream_kind kind;
    struct iocp_vec vec;
    unsigned read_at, write_at, close_at, next;
    int read_result, write_result;
    size_t written;
    bool starting, wants_read, wants_write;
    struct sup_tally closed;
};

static void on_order_read(struct iocp_op *op)
{
    struct iocp_stream *stream = IOCP_OWNER(op, struct iocp_stream, read);
    struct order *order = IOCP_OWNER(stream, struct order, stream);
    SUP_CHECK(!order->starting && !iocp_pending(op));
    order->read_at = ++order->next;
    order->read_result = op->result;
    if (op->result == 0)
        iocp_slice_unref(&stream->slice);
}

static void on_order_write(struct iocp_op *op)
{
    struct iocp_stream *stream = IOCP_OWNER(op, struct iocp_stream, write);
    struct order *order = IOCP_OWNER(stream, struct order, stream);
    SUP_CHECK(!order->starting && !iocp_pending(op));
    order->write_at = ++order->next;
    order->write_result = op->result;
    order->written = stream->written_bytes;
}

static void on_order_close(struct iocp_op *op)
{
    struct iocp_stream *stream = IOCP_OWNER(op, struct iocp_stream, close);
    struct order *order = IOCP_OWNER(stream, struct order, stream);
    SUP_CHECK(!order->starting && !iocp_pending(op));
    order->close_at = ++order->next;
    sup_tally_add(&order->closed, 1);
}

static const struct iocp_stream_events order_events = {on_order_read, on_order_write,
                                                       on_order_close};

static void open_and_start(void *argument)
{
    struct order *order = argument;
    int os_error;
    SUP_CHECK(iocp_stream_open(&order->stream, &order->box->strand, order->handle, order->kind,
                               &order_events, &os_error) == IOCP_OK);
    order->starting = true;
    if (order->wants_read)
        iocp_read_start(&order->stream, 100);
    if (order->wants_write)
        iocp_write_start(&order->stream, &order->vec, 1);
    order->starting = false;
}

static void close_order(void *argument)
{
    struct order *order = argument;
    order->starting = true;
    iocp_close_start(&order->stream);
    order->starting = false;
}

static void open_and_close(void *argument)
{
    open_and_start(argument);
    close_order(argument);
}

static struct order *order_new(struct sup_world *world, const struct sup_pair *pair)
{
    struct order *order = sup_new(sizeof *order);
    order->box = sup_box_new(world);
    order->handle = pair->ours;
    order->kind = pair->kind;
    order->vec = (struct iocp_vec){sup_new(BIG_BYTES), BIG_BYTES};
    return order;
}

static void order_free(struct order *order)
{
    union {
        const void *borrowed;
        void *own;
    } data = {.borrowed = order->vec.data};
    sup_box_end(order->box);
    free(data.own);
    free(order);
}

static void await_full(struct sup_world *world)
{
    struct iocp_stats stats;
    uint64_t deadline_ms = sup_now_ms() + SUP_DEADLINE_MS;
    do {
        sup_world_settle(world);
        sup_stats(world, &stats);
        assert_true(sup_now_ms() < deadline_ms);
    } while (stats.writes_full == 0);
}

static void check_close_with_everything_pending(enum sup_pair_kind kind, bool at_once)
{
    struct sup_world *world = sup_world_open(NULL);
    struct sup_pair pair;
    uint8_t *back = sup_new(BIG_BYTES);
    bool there = sup_pair_open(world->port, kind, &pair);
    struct order *order = there ? order_new(world, &pair) : NULL;
    if (there) {
        order->wants_read = kind != SUP_PIPE_OUT;
        order->wants_write = kind != SUP_PIPE_IN;
        sup_box_call(order->box, at_once ? open_and_close : open_and_start, order);
        if (!at_once) {
            if (order->wants_write)
                await_full(world);
            sup_box_call(order->box, close_order, order);
        }
        sup_tally_await(&order->closed, 1);
        assert_int_equal(order->next, 1 + order->wants_read + order->wants_write);
        assert_int_equal(order->close_at, order->next); /* the last one */
        if (order->wants_read)
            assert_int_equal(order->read_result, IOCP_E_CANCELLED);
        if (order->wants_write) {
            assert_int_equal(order->write_result, IOCP_E_CANCELLED);
            assert_true(order->written < BIG_BYTES);
            if (kind != SUP_TERMINAL) /* a terminal drops what nobody has read when it is closed */
                assert_int_equal(sup_end_read_all(&pair.theirs, back, BIG_BYTES), order->written);
        }
        sup_end_close(&pair.theirs);
        order_free(order);
    }
    free(back);
    sup_world_close(world);
}

static void test_close_with_everything_waiting(void **state)
{
    (void)state;
    check_close_with_everything_pending(SUP_PIPE_IN, false);
    check_close_with_everything_pending(SUP_PIPE_OUT, false);
    check_close_with_everything_pending(SUP_LOCAL, false);
    check_close_with_everything_pending(SUP_TERMINAL, false);
}

static void test_close_right_after_the_starts(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        check_close_with_everything_pending(SUP_PIPE_IN, true);
        check_close_with_everything_pending(SUP_PIPE_OUT, true);
        check_close_with_everything_pending(SUP_LOCAL, true);
    }
}

static void test_close_of_an_idle_stream(void **state)
{
    (void)state;
    struct sup_world *world = sup_world_open(NULL);
    struct sup_box *box = sup_box_new(world);
    struct sup_pair pair;
    char byte;
    assert_true(sup_pair_open(world->port, SUP_PIPE_OUT, &pair));
    struct sup_tap *tap = sup_tap_open_pair(box, &pair);
    sup_tap_close(tap);
    assert_int_equal(sup_end_read(&pair.theirs, &byte, 1), 0); /* the handle is closed */
    sup_end_close(&pair.theirs);
    sup_box_end(box);
    sup_world_close(world);
}

/* A handle that is none is the caller's still, and nothing is left of the attempt. */
struct attempt {
    struct sup_box *box;
    struct iocp_stream stream;
    struct iocp_listener listener;
    iocp_handle handle;
    int stream_result, stream_os_error, listener_result, listener_os_error;
};

static void try_to_open(void *argument)
{
    struct attempt *attempt = argument;
    attempt->stream_result =
        iocp_stream_open(&attempt->stream, &attempt->box->strand, attempt->handle, IOCP_STREAM_PIPE,
                         &order_events, &attempt->stream_os_error);
    attempt->listener_result =
        iocp_listener_open(&attempt->listener, &attempt->box->strand, attempt->handle,
                           on_order_read, NULL, &attempt->listener_os_error);
}

static void test_open_of_a_dead_handle_fails(void **state)
{
    (void)state;
    struct sup_world *world = sup_world_open(NULL);
    struct attempt *attempt = sup_new(sizeof *attempt);
    struct sup_pair pair;
    attempt->box = sup_box_new(world);
    assert_true(sup_pair_open(world->port, SUP_PIPE_IN, &pair));
    attempt->handle = pair.ours;
    iocp_handle_close(world->port, pair.ours);
    sup_box_call(attempt->box, try_to_open, attempt);
    assert_true(attempt->stream_result < 0);
    assert_int_not_equal(attempt->stream_os_error, 0);
    assert_true(attempt->listener_result < 0);
    assert_int_not_equal(attempt->listener_os_error, 0);
    sup_end_close(&pair.theirs);
    sup_box_end(attempt->box);
    free(attempt);
    sup_world_close(world);
}

/* ---- Freed in the callback ------------------------------------------------------------------- */

enum { MAYFLIES = SUP_STRESS(4000, 600) };

/* A stream whose strand ends after it and whose memory goes in the last callback, while the other
 * side sends and hangs up at the same time. */
struct mayfly {
    struct iocp_strand strand;
    struct iocp_op op;
    struct iocp_stream stream;
    iocp_handle handle;
    enum iocp_stream_kind kind;
    bool reading, closing;
    uint32_t delay;
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

static void on_mayfly_close(struct iocp_op *op)
{
    struct iocp_stream *stream = IOCP_OWNER(op, struct iocp_stream, close);
    struct mayfly *mayfly = IOCP_OWNER(stream, struct mayfly, stream);
    SUP_CHECK(!mayfly->reading);
    memset(stream, 0x5a, sizeof *stream);
    iocp_strand_end(&mayfly->strand, &mayfly->op, on_mayfly_end);
}

static void on_mayfly_read(struct iocp_op *op)
{
    struct iocp_stream *stream = IOCP_OWNER(op, struct iocp_stream, read);
    struct mayfly *mayfly = IOCP_OWNER(stream, struct mayfly, stream);
    SUP_CHECK(mayfly->reading);
    mayfly->reading = false;
    if (op->result != 0)
        return;
    iocp_slice_unref(&stream->slice);
    if (mayfly->closing)
        return; /* the last read of a stream that closes may bring data */
    mayfly->reading = true;
    iocp_read_start(stream, 10);
}

static void on_mayfly_late(struct iocp_op *op)
{
    struct mayfly *mayfly = IOCP_OWNER(op, struct mayfly, op);
    if (mayfly->delay-- > 0) {
        iocp_post(op);
        return;
    }
    mayfly->closing = true;
    iocp_close_start(&mayfly->stream);
}

static void on_mayfly(struct iocp_op *op)
{
    static const struct iocp_stream_events events = {on_mayfly_read, NULL, on_mayfly_close};
    struct mayfly *mayfly = IOCP_OWNER(op, struct mayfly, op);
    int os_error;
    SUP_CHECK(iocp_stream_open(&mayfly->stream, &mayfly->strand, mayfly->handle, mayfly->kind,
                               &events, &os_error) == IOCP_OK);
    mayfly->reading = true;
    iocp_read_start(&mayfly->stream, 10);
    iocp_op_init(op, &mayfly->strand, on_mayfly_late);
    iocp_post(op);
}

static void mayfly_start(struct sup_world *world, const struct sup_pair *pair, uint32_t delay,
                         struct sup_tally *gone)
{
    struct mayfly *mayfly = sup_new(sizeof *mayfly);
    mayfly->handle = pair->ours;
    mayfly->kind = pair->kind;
    mayfly->gone = gone;
    mayfly->delay = delay;
    iocp_strand_init(&mayfly->strand, world->port);
    iocp_op_init(&mayfly->op, &mayfly->strand, on_mayfly);
    iocp_post(&mayfly->op);
}

static void test_close_while_events_arrive(void **state)
{
    (void)state;
    static const enum sup_pair_kind kinds[] = {SUP_PIPE_IN, SUP_LOCAL, SUP_TCP, SUP_TERMINAL};
    const struct iocp_port_options options = {.workers = 4};
    struct sup_world *world = sup_world_open(&options);
    struct sup_tally gone = {0};
    struct sup_random random;
    unsigned started = 0, tried = 0;
    uint64_t began_ms = sup_now_ms();
    sup_random_init(&random, sup_seed(), 0);
    for (; tried < MAYFLIES && !sup_enough_since(began_ms); tried++) {
        struct sup_pair pair;
        if (!sup_pair_open(world->port, kinds[tried % 4], &pair))
            continue;
        mayfly_start(world, &pair, sup_random_below(&random, 20), &gone);
        started++;
        sup_spin(sup_random_below(&random, 200));
        (void)sup_end_write(&pair.theirs, "some bytes", sup_random_below(&random, 11));
        sup_spin(sup_random_below(&random, 200));
        sup_end_close(&pair.theirs);
    }
    sup_tally_await(&gone, started);
    assert_true(started >= tried / 2);
    sup_world_close(world);
}

/* ---- Old events ------------------------------------------------------------------------------ */

enum { GENERATIONS = SUP_STRESS(3000, 500), NEIGHBOURS = 4 };

/*
 * Streams hang up, are closed, and new ones take their numbers at once. A new one waits for its own
 * tag, which is sent only after a while: whatever else it is told came from an old one.
 */
static void send_tag(struct sup_pair *pair, unsigned generation, unsigned index)
{
    unsigned tag[2] = {generation, index};
    assert_int_equal(sup_end_write(&pair->theirs, tag, sizeof tag), sizeof tag);
}

static void check_tag(struct sup_tap *tap, unsigned generation, unsigned index)
{
    unsigned tag[2];
    assert_int_equal(sup_tap_read_result(tap), IOCP_OK);
    assert_int_equal(tap->size, sizeof tag);
    memcpy(tag, tap->data, sizeof tag);
    assert_int_equal(tag[0], generation);
    assert_int_equal(tag[1], index);
}

static void check_no_old_events(enum sup_pair_kind kind)
{
    const struct iocp_port_options options = {.workers = 4};
    struct sup_world *world = sup_world_open(&options);
    struct sup_box *boxes[NEIGHBOURS];
    struct sup_tap *taps[NEIGHBOURS];
    struct sup_pair pairs[NEIGHBOURS];
    uint64_t began_ms = sup_now_ms();
    for (unsigned i = 0; i < NEIGHBOURS; i++)
        boxes[i] = sup_box_new(world);
    for (unsigned generation = 0; generation < GENERATIONS && !sup_enough_since(began_ms);
         generation++) {
        for (unsigned i = 0; i < NEIGHBOURS; i++) {
            assert_true(sup_pair_open(world->port, kind, &pairs[i]));
            taps[i] = sup_tap_open_pair(boxes[i], &pairs[i]);
            sup_tap_read(taps[i], 100);
        }
        for (unsigned i = 0; i < NEIGHBOURS; i++) {
            assert_int_equal(sup_tally_count(&taps[i]->reads), 0);
            send_tag(&pairs[i], generation, i);
        }
        for (unsigned i = 0; i < NEIGHBOURS; i++) {
            check_tag(taps[i], generation, i);
            sup_end_close(&pairs[i].theirs); /* the event of this is on its way during the close */
        }
        for (unsigned i = 0; i < NEIGHBOURS; i++)
            sup_tap_close(taps[i]);
    }
    for (unsigned i = 0; i < NEIGHBOURS; i++)
        sup_box_end(boxes[i]);
    sup_world_close(world);
}

static void test_new_stream_gets_no_old_events(void **state)
{
    (void)state;
    check_no_old_events(SUP_PIPE_IN);
    check_no_old_events(SUP_LOCAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_close_with_everything_waiting),
        cmocka_unit_test(test_close_right_after_the_starts),
        cmocka_unit_test(test_close_of_an_idle_stream),
        cmocka_unit_test(test_open_of_a_dead_handle_fails),
        cmocka_unit_test(test_close_while_events_arrive),
        cmocka_unit_test(test_new_stream_gets_no_old_events),
    };
    sup_begin();
    return cmocka_run_group_tests_name("iocp/close", tests, NULL, NULL);
}
