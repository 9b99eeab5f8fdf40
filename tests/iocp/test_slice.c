/*
 * Slices: memory is leased when data is there and not before, stays whole while anybody holds a
 * reference, and comes back for reuse when nobody does.
 */
#include "support.h"

/* ---- No lease without data ------------------------------------------------------------------- */

enum { IDLE_READS = 1000 };

static void test_idle_reads_hold_no_memory(void **state)
{
    (void)state;
    const struct iocp_port_options options = {.workers = 2};
    struct sup_world *world = sup_world_open(&options);
    struct sup_box *box = sup_box_new(world);
    struct sup_pair pair;
    struct iocp_stats stats;
    unsigned count = sup_handles_room(2 * IDLE_READS) / 2;
    struct sup_tap **taps = sup_new(count * sizeof(struct sup_tap *));
    struct sup_end *ends = sup_new(count * sizeof *ends);
    assert_true(count >= 100);
    for (unsigned i = 0; i < count; i++) {
        assert_true(sup_pair_open(world->port, SUP_PIPE_IN, &pair));
        taps[i] = sup_tap_open_pair(box, &pair);
        ends[i] = pair.theirs;
        sup_tap_read(taps[i], IOCP_READ_MAX);
    }
    for (unsigned i = 0; i < count; i++)
        sup_tap_await_waiting(taps[i]);
    sup_stats(world, &stats);
    assert_true(stats.slabs_leased <= 2); /* one partly filled slab of each worker */
    for (unsigned i = 0; i < count; i++) {
        sup_end_close(&ends[i]);
        sup_tap_close(taps[i]);
    }
    free(taps);
    free(ends);
    sup_box_end(box);
    sup_world_close(world);
}

/* ---- Holding slices -------------------------------------------------------------------------- */

enum { HELD_MAX = 4096, KEPT = 40 };

/* Reads on and on, and keeps the slices: all of them, or a few. */
struct holder {
    struct sup_box *box;
    struct iocp_stream stream;
    struct sup_end theirs;
    iocp_handle handle;
    struct iocp_slice held[HELD_MAX];
    uint64_t offsets[HELD_MAX];
    unsigned held_count, keep_max;
    uint64_t got_bytes, sent_bytes, to_send_bytes;
    int result;
    struct sup_tally ended, closed;
};

static void hold(struct holder *holder, struct iocp_slice *slice)
{
    SUP_CHECK(sup_matches(slice->data, slice->size_bytes, holder->got_bytes, 11));
    if (holder->held_count < holder->keep_max) {
        holder->offsets[holder->held_count] = holder->got_bytes;
        holder->held[holder->held_count++] = *slice;
        holder->got_bytes += slice->size_bytes;
        return;
    }
    holder->got_bytes += slice->size_bytes;
    iocp_slice_unref(slice);
    SUP_CHECK(slice->slab == NULL && slice->size_bytes == 0);
    iocp_slice_unref(slice); /* an empty one is taken */
}

static void on_held_read(struct iocp_op *op)
{
    struct iocp_stream *stream = IOCP_OWNER(op, struct iocp_stream, read);
    struct holder *holder = IOCP_OWNER(stream, struct holder, stream);
    holder->result = op->result;
    if (op->result != 0) {
        sup_tally_add(&holder->ended, 1);
        return;
    }
    hold(holder, &stream->slice);
    iocp_read_start(stream, IOCP_READ_MAX);
}

static void on_holder_close(struct iocp_op *op)
{
    struct iocp_stream *stream = IOCP_OWNER(op, struct iocp_stream, close);
    sup_tally_add(&IOCP_OWNER(stream, struct holder, stream)->closed, 1);
}

static void holder_start(void *argument)
{
    static const struct iocp_stream_events events = {on_held_read, NULL, on_holder_close};
    struct holder *holder = argument;
    int os_error;
    SUP_CHECK(iocp_stream_open(&holder->stream, &holder->box->strand, holder->handle,
                               IOCP_STREAM_PIPE, &events, &os_error) == IOCP_OK);
    iocp_read_start(&holder->stream, IOCP_READ_MAX);
}

static void holder_close(void *argument)
{
    iocp_close_start(&((struct holder *)argument)->stream);
}

static struct holder *holder_new(struct sup_world *world, unsigned keep_max)
{
    struct holder *holder = sup_new(sizeof *holder);
    struct sup_pair pair;
    assert_true(sup_pair_open(world->port, SUP_PIPE_IN, &pair));
    holder->box = sup_box_new(world);
    holder->handle = pair.ours;
    holder->theirs = pair.theirs;
    holder->keep_max = keep_max;
    sup_box_call(holder->box, holder_start, holder);
    return holder;
}

static void send_to_holder(struct holder *holder, uint64_t bytes)
{
    uint8_t *data = sup_new(IOCP_READ_MAX);
    while (bytes > 0) {
        size_t size = bytes < IOCP_READ_MAX ? (size_t)bytes : IOCP_READ_MAX;
        sup_fill(data, size, holder->sent_bytes, 11);
        assert_int_equal(sup_end_write(&holder->theirs, data, size), size);
        holder->sent_bytes += size;
        bytes -= size;
    }
    free(data);
}

static void holder_end(struct holder *holder)
{
    sup_end_close(&holder->theirs);
    sup_tally_await(&holder->ended, 1);
    assert_int_equal(holder->result, IOCP_E_END);
    sup_box_call(holder->box, holder_close, holder);
    sup_tally_await(&holder->closed, 1);
    sup_box_end(holder->box);
    assert_int_equal(holder->got_bytes, holder->sent_bytes);
}

static void check_held(const struct holder *holder)
{
    for (unsigned i = 0; i < holder->held_count; i++) {
        const struct iocp_slice *slice = &holder->held[i];
        assert_true(sup_matches(slice->data, slice->size_bytes, holder->offsets[i], 11));
    }
}

static void release_held(struct holder *holder)
{
    for (unsigned i = 0; i < holder->held_count; i++)
        iocp_slice_unref(&holder->held[i]);
    holder->held_count = 0;
}

/* Slices of the beginning stay whole while much more goes through the same slabs, and after the
 * stream's close. */
static void test_held_slices_stay_whole(void **state)
{
    (void)state;
    struct sup_world *world = sup_world_open(NULL);
    struct iocp_stats stats;
    struct holder *holder = holder_new(world, KEPT);
    send_to_holder(holder, SUP_STRESS(64, 16) * 1024 * 1024);
    holder_end(holder);
    assert_int_equal(holder->held_count, KEPT);
    check_held(holder);
    sup_stats(world, &stats);
    assert_true(stats.slabs_leased >= 1);
    release_held(holder);
    free(holder);
    sup_world_close(world);
}

static void test_slabs_are_reused(void **state)
{
    (void)state;
    const struct iocp_port_options options = {.workers = 2};
    struct sup_world *world = sup_world_open(&options);
    struct iocp_stats stats;
    struct holder *holder = holder_new(world, 0);
    for (unsigned i = 0; i < 20; i++) {
        send_to_holder(holder, 1024 * 1024);
        sup_stats(world, &stats); /* never more than what is on its way */
        assert_true(stats.slabs_leased <= 4);
        assert_true(stats.slabs_free <= IOCP_FREE_SLABS_MAX);
    }
    holder_end(holder);
    free(holder);
    sup_world_close(world);
}

static void test_given_back_slabs_are_kept_up_to_the_limit(void **state)
{
    (void)state;
    const struct iocp_port_options options = {.workers = 2};
    struct sup_world *world = sup_world_open(&options);
    struct iocp_stats stats;
    struct holder *holder = holder_new(world, HELD_MAX);
    send_to_holder(holder, 12 * 1024 * 1024);
    holder_end(holder);
    sup_stats(world, &stats);
    assert_true(stats.slabs_leased >= 12 * 8);
    check_held(holder);
    release_held(holder);
    sup_stats(world, &stats);
    assert_true(stats.slabs_leased <= 2);
    assert_true(stats.slabs_free > 0 && stats.slabs_free <= IOCP_FREE_SLABS_MAX);
    free(holder);
    sup_world_close(world);
}

/* ---- References ------------------------------------------------------------------------------ */

static void test_references_and_parts(void **state)
{
    (void)state;
    struct sup_world *world = sup_world_open(NULL);
    struct iocp_stats stats;
    struct iocp_slice whole;
    assert_int_equal(iocp_lease(world->port, 1000, &whole), IOCP_OK);
    assert_int_equal(whole.size_bytes, 1000);
    sup_fill(whole.data, 1000, 0, 4);
    struct iocp_slice again = iocp_slice_ref(&whole);
    struct iocp_slice part = iocp_slice_part(&whole, 100, 50);
    assert_ptr_equal(again.data, whole.data);
    assert_int_equal(again.size_bytes, 1000);
    assert_ptr_equal(part.data, whole.data + 100);
    assert_int_equal(part.size_bytes, 50);
    struct iocp_slice part_of_part = iocp_slice_part(&part, 10, 5);
    iocp_slice_unref(&whole);
    assert_null(whole.slab);
    assert_int_equal(whole.size_bytes, 0);
    iocp_slice_unref(&again);
    assert_true(sup_matches(part.data, 50, 100, 4)); /* the part alone keeps its bytes */
    iocp_slice_unref(&part);
    assert_true(sup_matches(part_of_part.data, 5, 110, 4));
    sup_stats(world, &stats);
    assert_int_equal(stats.slabs_leased, 1);
    iocp_slice_unref(&part_of_part);
    sup_stats(world, &stats);
    assert_int_equal(stats.slabs_leased, 0);
    sup_world_close(world);
}

static void test_slice_tells_what_it_pins(void **state)
{
    (void)state;
    struct sup_world *world = sup_world_open(NULL);
    struct iocp_slice small, large;
    assert_int_equal(iocp_lease(world->port, 10, &small), IOCP_OK);
    assert_int_equal(iocp_lease(world->port, 3 * IOCP_SLAB_BYTES, &large), IOCP_OK);
    assert_true(iocp_slice_pins(&small) >= 10 && iocp_slice_pins(&small) <= IOCP_SLAB_BYTES);
    assert_true(iocp_slice_pins(&large) >= 3 * IOCP_SLAB_BYTES);
    assert_true(iocp_slice_pins(&large) < 4 * IOCP_SLAB_BYTES);
    struct iocp_slice part = iocp_slice_part(&large, 7, 1);
    assert_int_equal(iocp_slice_pins(&part), iocp_slice_pins(&large));
    iocp_slice_unref(&small);
    iocp_slice_unref(&large);
    iocp_slice_unref(&part);
    sup_world_close(world);
}

enum { SHARERS = 2, SHARED = SUP_COUNT(300000, 20000) };

struct sharing {
    struct iocp_slice original;
    _Atomic unsigned ready; /* they start together: else one is done before the other begins */
};

static void share_slice(void *argument)
{
    struct sharing *sharing = argument;
    uint64_t deadline_ms = sup_now_ms() + SUP_DEADLINE_MS;
    atomic_fetch_add(&sharing->ready, 1);
    while (atomic_load(&sharing->ready) < SHARERS && sup_now_ms() < deadline_ms)
        sup_yield();
    for (unsigned i = 0; i < SHARED; i++) {
        struct iocp_slice mine = iocp_slice_ref(&sharing->original);
        struct iocp_slice part = iocp_slice_part(&mine, i % 100, 100);
        iocp_slice_unref(&mine);
        SUP_CHECK(i % 64 != 0 || sup_matches(part.data, 100, i % 100, 6));
        iocp_slice_unref(&part);
    }
}

static void test_references_from_many_threads(void **state)
{
    (void)state;
    struct sup_world *world = sup_world_open(NULL);
    struct sup_thread *threads[SHARERS];
    struct sharing *sharing = sup_new(sizeof *sharing);
    struct iocp_stats stats;
    assert_int_equal(iocp_lease(world->port, 200, &sharing->original), IOCP_OK);
    sup_fill(sharing->original.data, 200, 0, 6);
    for (unsigned i = 0; i < SHARERS; i++)
        threads[i] = sup_thread_start(share_slice, sharing);
    for (unsigned i = 0; i < SHARERS; i++)
        sup_thread_join(threads[i]);
    sup_stats(world, &stats);
    assert_int_equal(stats.slabs_leased, 1);
    iocp_slice_unref(&sharing->original);
    sup_stats(world, &stats);
    assert_int_equal(stats.slabs_leased, 0);
    free(sharing);
    sup_world_close(world);
}

/* ---- Leases on a worker ---------------------------------------------------------------------- */

enum { SMALL_LEASES = 100 };

struct leases {
    struct sup_world *world;
    struct iocp_slice slices[SMALL_LEASES];
    unsigned slabs;
};

static void lease_small(void *argument)
{
    struct leases *leases = argument;
    const struct iocp_slab *last = NULL;
    for (unsigned i = 0; i < SMALL_LEASES; i++) {
        struct iocp_slice *slice = &leases->slices[i];
        SUP_CHECK(iocp_lease(leases->world->port, 1 + i, slice) == IOCP_OK);
        SUP_CHECK(slice->size_bytes == 1 + i);
        sup_fill(slice->data, slice->size_bytes, i * 1000, 8);
        leases->slabs += slice->slab != last;
        last = slice->slab;
    }
}

static void test_small_leases_share_a_slab(void **state)
{
    (void)state;
    struct sup_world *world = sup_world_open(NULL);
    struct sup_box *box = sup_box_new(world);
    struct leases *leases = sup_new(sizeof *leases);
    leases->world = world;
    sup_box_call(box, lease_small, leases);
    assert_true(leases->slabs <= 2);
    for (unsigned i = 0; i < SMALL_LEASES; i++) {
        struct iocp_slice *slice = &leases->slices[i];
        assert_true(sup_matches(slice->data, slice->size_bytes, i * 1000, 8)); /* none overlaps */
        iocp_slice_unref(slice);
    }
    free(leases);
    sup_box_end(box);
    sup_world_close(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle_reads_hold_no_memory),
        cmocka_unit_test(test_held_slices_stay_whole),
        cmocka_unit_test(test_slabs_are_reused),
        cmocka_unit_test(test_given_back_slabs_are_kept_up_to_the_limit),
        cmocka_unit_test(test_references_and_parts),
        cmocka_unit_test(test_slice_tells_what_it_pins),
        cmocka_unit_test(test_references_from_many_threads),
        cmocka_unit_test(test_small_leases_share_a_slab),
    };
    sup_begin();
    return cmocka_run_group_tests_name("iocp/slice", tests, NULL, NULL);
}
