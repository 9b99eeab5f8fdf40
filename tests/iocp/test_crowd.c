/*
 * Thousands of pipes on one port: all of them wait at once, all carry their bytes, half of them end
 * and half are closed with a read pending; and while they wait they hold no buffer.
 */
#include "support.h"

enum {
    PIPES = SUP_SANITIZED ? 500 : SUP_STRESS(4000, 4000),
    STRANDS = 8,
    ROUNDS = 3,
    MOST_BYTES = 3000 /* of one write: fits into the smallest pipe that a system gives */
};

struct member {
    struct iocp_stream stream;
    struct crowd *crowd;
    struct sup_box *box;
    struct sup_end theirs;
    uint32_t pattern;
    uint64_t sent_bytes;
    uint64_t got_bytes; /* the strand's, until all has come */
    int end;            /* result of the last read */
    bool opened;
};

struct crowd {
    struct sup_world *world;
    struct sup_box *boxes[STRANDS];
    struct member *members;
    unsigned count;
    struct sup_tally bytes, ends, closes;
};

static void on_read(struct iocp_op *op)
{
    struct iocp_stream *stream = IOCP_OWNER(op, struct iocp_stream, read);
    struct member *member = IOCP_OWNER(stream, struct member, stream);
    if (op->result != 0) {
        member->end = op->result;
        sup_tally_add(&member->crowd->ends, 1);
        return;
    }
    uint32_t size = stream->slice.size_bytes;
    SUP_CHECK(sup_matches(stream->slice.data, size, member->got_bytes, member->pattern));
    member->got_bytes += size;
    iocp_slice_unref(&stream->slice);
    iocp_read_start(stream, IOCP_READ_MAX);
    sup_tally_add(&member->crowd->bytes, size);
}

static void on_close(struct iocp_op *op)
{
    struct iocp_stream *stream = IOCP_OWNER(op, struct iocp_stream, close);
    sup_tally_add(&IOCP_OWNER(stream, struct member, stream)->crowd->closes, 1);
}

static void open_and_read(void *argument)
{
    static const struct iocp_stream_events events = {on_read, NULL, on_close};
    struct member *member = argument;
    int os_error = 0;
    member->opened = iocp_stream_open(&member->stream, &member->box->strand, member->stream.handle,
                                      IOCP_STREAM_PIPE, &events, &os_error) == IOCP_OK;
    if (member->opened)
        iocp_read_start(&member->stream, IOCP_READ_MAX);
}

static void join(struct crowd *crowd, unsigned number)
{
    struct member *member = &crowd->members[number];
    struct sup_pair pair;
    assert_true(sup_pair_open(crowd->world->port, SUP_PIPE_IN, &pair));
    member->crowd = crowd;
    member->box = crowd->boxes[number % STRANDS];
    member->stream.handle = pair.ours;
    member->theirs = pair.theirs;
    member->pattern = number;
    sup_box_call(member->box, open_and_read, member);
    assert_true(member->opened);
}

static struct crowd *crowd_new(void)
{
    struct crowd *crowd = sup_new(sizeof *crowd);
    crowd->world = sup_world_open(NULL);
    for (unsigned i = 0; i < STRANDS; i++)
        crowd->boxes[i] = sup_box_new(crowd->world);
    crowd->count = sup_handles_room(2 * PIPES) / 2;
    crowd->members = sup_new(crowd->count * sizeof *crowd->members);
    for (unsigned i = 0; i < crowd->count; i++)
        join(crowd, i);
    print_message("%u pipes\n", crowd->count);
    return crowd;
}

static void start_close(void *argument)
{
    iocp_close_start(&((struct member *)argument)->stream);
}

/* Of half of them the other end goes first. */
static void crowd_end(struct crowd *crowd)
{
    unsigned ended = 0;
    for (unsigned i = 0; i < crowd->count; i += 2, ended++)
        sup_end_close(&crowd->members[i].theirs);
    sup_tally_await(&crowd->ends, ended);
    for (unsigned i = 0; i < crowd->count; i++)
        sup_box_call(crowd->members[i].box, start_close, &crowd->members[i]);
    sup_tally_await(&crowd->closes, crowd->count);
    assert_int_equal(sup_tally_count(&crowd->ends), crowd->count);
    for (unsigned i = 0; i < crowd->count; i++) {
        struct member *member = &crowd->members[i];
        assert_int_equal(member->end, i % 2 == 0 ? IOCP_E_END : IOCP_E_CANCELLED);
        assert_int_equal(member->got_bytes, member->sent_bytes);
        if (i % 2 != 0)
            sup_end_close(&member->theirs);
    }
    for (unsigned i = 0; i < STRANDS; i++)
        sup_box_end(crowd->boxes[i]);
    sup_world_close(crowd->world);
    free(crowd->members);
    free(crowd);
}

static void send_some(struct member *member, struct sup_random *random)
{
    static uint8_t data[MOST_BYTES];
    uint32_t size = 1 + sup_random_below(random, MOST_BYTES);
    sup_fill(data, size, member->sent_bytes, member->pattern);
    assert_int_equal(sup_end_write(&member->theirs, data, size), size);
    member->sent_bytes += size;
}

static void test_all_pipes_carry_their_bytes(void **state)
{
    (void)state;
    struct crowd *crowd = crowd_new();
    struct sup_random random;
    uint64_t total = 0;
    sup_random_init(&random, sup_seed(), 0);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < crowd->count; i++)
            send_some(&crowd->members[sup_random_below(&random, crowd->count)], &random);
        total = 0;
        for (unsigned i = 0; i < crowd->count; i++)
            total += crowd->members[i].sent_bytes;
        sup_tally_await(&crowd->bytes, total);
    }
    crowd_end(crowd);
}

static void test_waiting_pipes_hold_no_buffer(void **state)
{
    (void)state;
    struct crowd *crowd = crowd_new();
    struct iocp_stats stats;
    sup_world_settle(crowd->world);
    sup_stats(crowd->world, &stats);
    assert_int_equal(stats.slabs_leased, 0);
    assert_int_equal(stats.reads_pending, 0);
    assert_int_equal(stats.bytes_read, 0);
    crowd_end(crowd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_pipes_carry_their_bytes),
        cmocka_unit_test(test_waiting_pipes_hold_no_buffer),
    };
    sup_begin();
    return cmocka_run_group_tests_name("iocp/crowd", tests, NULL, NULL);
}
