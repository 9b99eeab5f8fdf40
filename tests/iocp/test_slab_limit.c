/*
 * slab_limit_bytes: beyond it reads wait, without a sound and without loss, until somebody gives
 * slices back. Cancel and close end that wait too.
 */
#include "support.h"

enum { LIMIT_SLABS = 4, PARTS = 1024, READERS = 8 };

/* A stream whose read callback keeps every slice. */
struct keeper {
    struct sup_box *box;
    struct iocp_stream stream;
    struct sup_end theirs;
    iocp_handle handle;
    struct iocp_slice kept[PARTS];
    unsigned kept_count;
    uint64_t got_bytes;
    bool reading, stopping, dropping; /* dropping: keeps no slice any more */
    int result;
    struct sup_tally ended, closed;
    struct sup_thread *sender;
    uint64_t to_send_bytes;
    bool pressing;
};

static void keeper_read(struct keeper *keeper)
{
    keeper->reading = true;
    iocp_read_start(&keeper->stream, IOCP_READ_MAX);
}

static void on_keeper_read(struct iocp_op *op)
{
    struct iocp_stream *stream = IOCP_OWNER(op, struct iocp_stream, read);
    struct keeper *keeper = IOCP_OWNER(stream, struct keeper, stream);
    SUP_CHECK(keeper->reading);
    keeper->reading = false;
    keeper->result = op->result;
    if (op->result == 0) {
        struct iocp_slice *slice = &stream->slice;
        SUP_CHECK(keeper->kept_count < PARTS);
        SUP_CHECK(sup_matches(slice->data, slice->size_bytes, keeper->got_bytes, 21));
        keeper->got_bytes += slice->size_bytes;
        keeper->kept[keeper->kept_count++] = *slice;
        if (keeper->dropping)
            iocp_slice_unref(&keeper->kept[--keeper->kept_count]);
        if (!keeper->stopping) {
            keeper_read(keeper);
            return;
        }
    }
    sup_tally_add(&keeper->ended, 1);
}

static void on_keeper_close(struct iocp_op *op)
{
    struct iocp_stream *stream = IOCP_OWNER(op, struct iocp_stream, close);
    struct keeper *keeper = IOCP_OWNER(stream, struct keeper, stream);
    SUP_CHECK(!keeper->reading);
    sup_tally_add(&keeper->closed, 1);
}

static void keeper_open(void *argument)
{
    static const struct iocp_stream_events events = {on_keeper_read, NULL, on_keeper_close};
    struct keeper *keeper = argument;
    int os_error;
    SUP_CHECK(iocp_stream_open(&keeper->stream, &keeper->box->strand, keeper->handle,
                               IOCP_STREAM_PIPE, &events, &os_error) == IOCP_OK);
    keeper->stream.is_pressing = keeper->pressing;
    keeper_read(keeper);
}

/* The other side: sends, waits for room where it must, closes. */
static void send_pattern(void *argument)
{
    struct keeper *keeper = argument;
    uint8_t *data = sup_new(IOCP_READ_MAX);
    for (uint64_t done = 0; done < keeper->to_send_bytes; done += IOCP_READ_MAX) {
        sup_fill(data, IOCP_READ_MAX, done, 21);
        if (sup_end_write(&keeper->theirs, data, IOCP_READ_MAX) < IOCP_READ_MAX)
            break;
    }
    free(data);
    sup_end_close(&keeper->theirs);
}

/* A stream to which bytes are sent: a multiple of IOCP_READ_MAX. */
static struct keeper *keeper_make(struct sup_world *world, uint64_t to_send_bytes, bool dropping,
                                  bool pressing)
{
    struct keeper *keeper = sup_new(sizeof *keeper);
    struct sup_pair pair;
    assert_true(sup_pair_open(world->port, SUP_PIPE_IN, &pair));
    keeper->box = sup_box_new(world);
    keeper->handle = pair.ours;
    keeper->theirs = pair.theirs;
    keeper->to_send_bytes = to_send_bytes;
    keeper->dropping = dropping;
    keeper->pressing = pressing;
    keeper->sender = sup_thread_start(send_pattern, keeper);
    sup_box_call(keeper->box, keeper_open, keeper);
    return keeper;
}

static struct keeper *keeper_new(struct sup_world *world, uint64_t to_send_bytes, bool dropping)
{
    return keeper_make(world, to_send_bytes, dropping, false);
}

static void keeper_close_now(void *argument)
{
    struct keeper *keeper = argument;
    keeper->stopping = true; /* the last read may bring data still */
    iocp_close_start(&keeper->stream);
}

static void keeper_free(struct keeper *keeper)
{
    sup_box_call(keeper->box, keeper_close_now, keeper);
    sup_tally_await(&keeper->closed, 1);
    sup_box_end(keeper->box);
    for (unsigned i = 0; i < keeper->kept_count; i++)
        iocp_slice_unref(&keeper->kept[i]);
    sup_thread_join(keeper->sender); /* at the latest when our end is closed */
    free(keeper);
}

/* On the strand: gives all slices back. */
static void keeper_give_back(void *argument)
{
    struct keeper *keeper = argument;
    for (unsigned i = 0; i < keeper->kept_count; i++)
        iocp_slice_unref(&keeper->kept[i]);
    keeper->kept_count = 0;
}

/* On the strand: hands the slices to the test's thread, which gives them back from there. */
struct handover {
    struct keeper *keeper;
    struct iocp_slice slices[PARTS];
    unsigned count;
};

static void keeper_hand_over(void *argument)
{
    struct handover *handover = argument;
    struct keeper *keeper = handover->keeper;
    memcpy(handover->slices, keeper->kept, keeper->kept_count * sizeof keeper->kept[0]);
    handover->count = keeper->kept_count;
    keeper->kept_count = 0;
}

static void give_back_here(struct keeper *keeper)
{
    struct handover *handover = sup_new(sizeof *handover);
    handover->keeper = keeper;
    sup_box_call(keeper->box, keeper_hand_over, handover);
    for (unsigned i = 0; i < handover->count; i++)
        iocp_slice_unref(&handover->slices[i]);
    free(handover);
}

/* ---- Reaching the limit ---------------------------------------------------------------------- */

static struct sup_world *limited_world(unsigned workers)
{
    const struct iocp_port_options options = {
        .workers = workers,
        .slab_limit_bytes = (size_t)LIMIT_SLABS * IOCP_SLAB_BYTES,
    };
    return sup_world_open(&options);
}

static void await_slab_waits(struct sup_world *world, uint64_t at_least)
{
    struct iocp_stats stats;
    uint64_t deadline_ms = sup_now_ms() + SUP_DEADLINE_MS;
    do {
        assert_true(sup_now_ms() < deadline_ms);
        sup_world_settle(world);
        sup_stats(world, &stats);
    } while (stats.slab_waits < at_least);
}

static void look_at_pending(void *argument)
{
    struct keeper *keeper = argument;
    SUP_CHECK(keeper->reading);
    SUP_CHECK(iocp_pending(&keeper->stream.read));
    SUP_CHECK(!iocp_read_is_waiting(&keeper->stream)); /* there is something to read */
}

static void test_reads_wait_at_the_limit_and_go_on(void **state)
{
    (void)state;
    struct sup_world *world = limited_world(2);
    struct keeper *keeper = keeper_new(world, 8 * 1024 * 1024, false);
    struct iocp_stats stats;
    uint64_t deadline_ms = sup_now_ms() + 2 * SUP_DEADLINE_MS;
    for (unsigned i = 0; sup_tally_count(&keeper->ended) == 0; i++) {
        if (i == 0) {
            await_slab_waits(world, 1);
            sup_stats(world, &stats);
            assert_true(stats.slabs_leased <= LIMIT_SLABS);
            sup_box_call(keeper->box, look_at_pending, keeper);
        }
        if (i % 2 == 0) /* from a worker, and from elsewhere */
            sup_box_call(keeper->box, keeper_give_back, keeper);
        else
            give_back_here(keeper);
        assert_true(sup_now_ms() < deadline_ms);
    }
    assert_int_equal(keeper->result, IOCP_E_END);
    assert_int_equal(keeper->got_bytes, keeper->to_send_bytes);
    keeper_free(keeper);
    sup_world_close(world);
}

/* Fills up to the limit with the slices of one keeper, and has a read wait. */
static struct keeper *starve(struct sup_world *world)
{
    struct keeper *keeper = keeper_new(world, 2 * LIMIT_SLABS * IOCP_SLAB_BYTES, false);
    await_slab_waits(world, 1);
    return keeper;
}

/* Who gives back at once reads on while others hold all there may be, and helps them to no more. */
static void test_pressing_reads_pass_the_limit(void **state)
{
    (void)state;
    struct sup_world *world = limited_world(2);
    struct keeper *holder = starve(world);
    uint64_t held_bytes = holder->got_bytes;
    struct keeper *pressing = keeper_make(world, 16 * IOCP_SLAB_BYTES, true, true);
    sup_tally_await(&pressing->ended, 1);
    assert_int_equal(pressing->result, IOCP_E_END);
    assert_int_equal(pressing->got_bytes, pressing->to_send_bytes);
    assert_int_equal(sup_tally_count(&holder->ended), 0);
    assert_true(holder->got_bytes <= held_bytes + 2 * IOCP_SLAB_BYTES);
    keeper_free(pressing);
    keeper_free(holder);
    sup_world_close(world);
}

static void test_wait_for_a_slab_is_silent(void **state)
{
    (void)state;
    struct sup_world *world = limited_world(1);
    struct keeper *keeper = starve(world);
    sup_world_assert_silence(world);
    keeper_free(keeper);
    sup_world_close(world);
}

static void stop_and_cancel(void *argument)
{
    struct keeper *keeper = argument;
    keeper->stopping = true;
    iocp_read_cancel(&keeper->stream);
}

static void go_on(void *argument)
{
    struct keeper *keeper = argument;
    keeper_give_back(keeper);
    keeper->stopping = false;
    keeper->dropping = true;
    keeper_read(keeper);
}

static void test_cancel_of_a_read_that_waits_for_a_slab(void **state)
{
    (void)state;
    struct sup_world *world = limited_world(1);
    struct keeper *keeper = starve(world);
    sup_box_call(keeper->box, stop_and_cancel, keeper);
    sup_tally_await(&keeper->ended, 1);
    assert_true(keeper->result == IOCP_E_CANCELLED || keeper->result == IOCP_OK);
    sup_box_call(keeper->box, go_on, keeper); /* what could not be read is there still */
    sup_tally_await(&keeper->ended, 2);
    assert_int_equal(keeper->result, IOCP_E_END);
    assert_int_equal(keeper->got_bytes, keeper->to_send_bytes);
    keeper_free(keeper);
    sup_world_close(world);
}

static void test_close_of_a_stream_that_waits_for_a_slab(void **state)
{
    (void)state;
    struct sup_world *world = limited_world(1);
    struct keeper *keeper = starve(world);
    keeper_free(keeper); /* closes first; asserts that the read completed before that */
    sup_world_close(world);
}

/* All who wait go on, whoever came first. */
static void test_all_that_wait_for_slabs_go_on(void **state)
{
    (void)state;
    struct sup_world *world = limited_world(2);
    struct keeper *hog = starve(world);
    struct keeper *keepers[READERS];
    for (unsigned i = 0; i < READERS; i++)
        keepers[i] = keeper_new(world, IOCP_READ_MAX, true);
    sup_world_settle(world);
    keeper_free(hog);
    for (unsigned i = 0; i < READERS; i++) {
        sup_tally_await(&keepers[i]->ended, 1);
        assert_int_equal(keepers[i]->result, IOCP_E_END);
        assert_int_equal(keepers[i]->got_bytes, IOCP_READ_MAX);
        keeper_free(keepers[i]);
    }
    sup_world_close(world);
}

/* iocp_lease never waits and is not bound by the limit. */
static void test_leases_do_not_count_against_the_limit(void **state)
{
    (void)state;
    struct sup_world *world = limited_world(1);
    struct keeper *keeper = starve(world);
    struct iocp_slice slices[3 * LIMIT_SLABS];
    for (unsigned i = 0; i < 3 * LIMIT_SLABS; i++)
        assert_int_equal(iocp_lease(world->port, IOCP_SLAB_BYTES, &slices[i]), IOCP_OK);
    for (unsigned i = 0; i < 3 * LIMIT_SLABS; i++)
        iocp_slice_unref(&slices[i]);
    keeper_free(keeper);
    sup_world_close(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_wait_at_the_limit_and_go_on),
        cmocka_unit_test(test_pressing_reads_pass_the_limit),
        cmocka_unit_test(test_wait_for_a_slab_is_silent),
        cmocka_unit_test(test_cancel_of_a_read_that_waits_for_a_slab),
        cmocka_unit_test(test_close_of_a_stream_that_waits_for_a_slab),
        cmocka_unit_test(test_all_that_wait_for_slabs_go_on),
        cmocka_unit_test(test_leases_do_not_count_against_the_limit),
    };
    sup_begin();
    return cmocka_run_group_tests_name("iocp/slab_limit", tests, NULL, NULL);
}
