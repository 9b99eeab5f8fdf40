/*
 * Rule 5: cancel is a request. Data that is there is delivered, what is not delivered is there for
 * the next read, and each cancelled read still completes exactly once.
 */
#include "support.h"

struct one {
    struct sup_world *world;
    struct sup_box *box;
    struct sup_pair pair;
    struct sup_tap *tap;
};

static void one_open(struct one *one, enum sup_pair_kind kind)
{
    one->world = sup_world_open(NULL);
    one->box = sup_box_new(one->world);
    assert_true(sup_pair_open(one->world->port, kind, &one->pair));
    one->tap = sup_tap_open_pair(one->box, &one->pair);
}

static void one_close(struct one *one)
{
    if (one->pair.theirs.handle != IOCP_NO_HANDLE)
        sup_end_close(&one->pair.theirs);
    sup_tap_close(one->tap);
    sup_box_end(one->box);
    sup_world_close(one->world);
}

static void start_and_cancel(void *argument)
{
    struct sup_tap *tap = argument;
    sup_tap_read_now(tap, 100);
    tap->starting = true;
    iocp_read_cancel(&tap->stream);
    iocp_read_cancel(&tap->stream); /* asking twice is asking once */
    tap->starting = false;
}

/* ---- What is there for certain --------------------------------------------------------------- */

static void test_cancel_without_data(void **state)
{
    (void)state;
    struct one one;
    one_open(&one, SUP_PIPE_IN);
    for (unsigned i = 0; i < 100; i++) {
        sup_box_call(one.box, start_and_cancel, one.tap);
        assert_int_equal(sup_tap_read_result(one.tap), IOCP_E_CANCELLED);
    }
    sup_tap_read(one.tap, 100);
    sup_tap_await_waiting(one.tap);
    sup_tap_read_cancel(one.tap);
    assert_int_equal(sup_tap_read_result(one.tap), IOCP_E_CANCELLED);
    assert_int_equal(sup_end_write(&one.pair.theirs, "later", 5), 5);
    assert_int_equal(sup_tap_get(one.tap, 100), IOCP_OK);
    assert_int_equal(one.tap->size, 5);
    one_close(&one);
}

static void test_cancel_without_a_read_does_nothing(void **state)
{
    (void)state;
    struct one one;
    one_open(&one, SUP_PIPE_IN);
    sup_tap_read_cancel(one.tap);
    sup_tap_read(one.tap, 100);
    sup_tap_await_waiting(one.tap); /* it is not the one that was meant */
    assert_int_equal(sup_end_write(&one.pair.theirs, "x", 1), 1);
    assert_int_equal(sup_tap_read_result(one.tap), IOCP_OK);
    sup_tap_read_cancel(one.tap);
    sup_box_call(one.box, start_and_cancel, one.tap);
    assert_int_equal(sup_tap_read_result(one.tap), IOCP_E_CANCELLED);
    assert_int_equal(sup_tally_count(&one.tap->reads), 2);
    one_close(&one);
}

static void test_cancel_delivers_data_that_is_there(void **state)
{
    (void)state;
    struct one one;
    one_open(&one, SUP_PIPE_IN);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(sup_end_write(&one.pair.theirs, "there", 5), 5);
        sup_box_call(one.box, start_and_cancel, one.tap);
        assert_int_equal(sup_tap_read_result(one.tap), IOCP_OK);
        assert_int_equal(one.tap->size, 5);
    }
    one_close(&one);
}

/* The data comes in the same callback, before the cancel: the event of it cannot have been seen. */
static void write_and_cancel(void *argument)
{
    struct one *one = argument;
    SUP_CHECK(sup_end_write(&one->pair.theirs, "just in", 7) == 7);
    iocp_read_cancel(&one->tap->stream);
}

static void test_cancel_looks_before_it_gives_up(void **state)
{
    (void)state;
    struct one one;
    one_open(&one, SUP_PIPE_IN);
    for (unsigned i = 0; i < 200; i++) {
        sup_tap_read(one.tap, 100);
        sup_tap_await_waiting(one.tap);
        sup_box_call(one.box, write_and_cancel, &one);
        assert_int_equal(sup_tap_read_result(one.tap), IOCP_OK);
        assert_int_equal(one.tap->size, 7);
    }
    one_close(&one);
}

static void close_and_cancel(void *argument)
{
    struct one *one = argument;
    sup_end_close(&one->pair.theirs);
    iocp_read_cancel(&one->tap->stream);
}

static void test_cancel_delivers_an_end_that_is_there(void **state)
{
    (void)state;
    struct one one;
    one_open(&one, SUP_PIPE_IN);
    sup_tap_read(one.tap, 100);
    sup_tap_await_waiting(one.tap);
    sup_box_call(one.box, close_and_cancel, &one);
    assert_int_equal(sup_tap_read_result(one.tap), IOCP_E_END);
    sup_box_call(one.box, start_and_cancel, one.tap);
    assert_int_equal(sup_tap_read_result(one.tap), IOCP_E_END);
    one_close(&one);
}

/* ---- Races ------------------------------------------------------------------------------------
 */

enum { RACES = SUP_STRESS(10000, 4000) };

/*
 * A thread sends numbered records at its own pace. On the strand reads are started and, a random
 * number of callbacks later, cancelled. All records must come, in order.
 */
struct race {
    struct sup_box *box;
    struct iocp_stream stream;
    struct iocp_op pace;
    struct sup_end theirs;
    struct sup_random random;
    uint32_t wait;
    uint64_t got_bytes, total_bytes;
    _Atomic unsigned cancelled;
    unsigned delivered, starts, completions;
    bool reading;
    iocp_handle handle;
    enum iocp_stream_kind kind;
    _Atomic uint64_t consumed_bytes;
    struct sup_tally done, closed;
};

static void race_read(struct race *race)
{
    race->reading = true;
    race->starts++;
    iocp_read_start(&race->stream, 1 + sup_random_below(&race->random, 40));
    race->wait = sup_random_below(&race->random, 6);
}

static void on_race_read(struct iocp_op *op)
{
    struct iocp_stream *stream = IOCP_OWNER(op, struct iocp_stream, read);
    struct race *race = IOCP_OWNER(stream, struct race, stream);
    SUP_CHECK(race->reading);
    race->reading = false;
    race->completions++;
    if (op->result == IOCP_E_CANCELLED) {
        race->cancelled++;
        return;
    }
    SUP_CHECK(op->result == 0);
    if (op->result != 0)
        return;
    race->delivered++;
    SUP_CHECK(sup_matches(stream->slice.data, stream->slice.size_bytes, race->got_bytes, 5));
    race->got_bytes += stream->slice.size_bytes;
    atomic_store(&race->consumed_bytes, race->got_bytes);
    iocp_slice_unref(&stream->slice);
}

static void on_race_close(struct iocp_op *op)
{
    struct iocp_stream *stream = IOCP_OWNER(op, struct iocp_stream, close);
    struct race *race = IOCP_OWNER(stream, struct race, stream);
    sup_tally_add(&race->closed, 1);
}

/* Runs all the time: starts a read if none is pending, cancels it after a few turns. */
static void on_pace(struct iocp_op *op)
{
    struct race *race = IOCP_OWNER(op, struct race, pace);
    if (race->got_bytes >= race->total_bytes && !race->reading) {
        sup_tally_add(&race->done, 1);
        iocp_close_start(&race->stream);
        return;
    }
    if (!race->reading)
        race_read(race);
    else if (race->wait > 0)
        race->wait--;
    else
        iocp_read_cancel(&race->stream);
    sup_spin(sup_random_below(&race->random, 20));
    iocp_post(op);
}

static void race_start(void *argument)
{
    static const struct iocp_stream_events events = {on_race_read, NULL, on_race_close};
    struct race *race = argument;
    int os_error;
    SUP_CHECK(iocp_stream_open(&race->stream, &race->box->strand, race->handle, race->kind, &events,
                               &os_error) == IOCP_OK);
    iocp_op_init(&race->pace, &race->box->strand, on_pace);
    iocp_post(&race->pace);
}

enum { BOTH_AT_LEAST = 10, PATIENCE = 128 /* records */, SLOWER_MAX = 64 };

/* Some of the records go out only when all before them were read, so that reads do wait. Where the
 * cancels come too late all the same, the records come slower and slower. */
static void send_records(void *argument)
{
    struct race *race = argument;
    struct sup_random random;
    uint8_t record[16];
    uint64_t deadline_ms = sup_now_ms() + 3 * SUP_DEADLINE_MS;
    uint32_t slower = 1;
    sup_random_init(&random, 77, 1);
    for (unsigned i = 0; i < RACES; i++) {
        uint64_t offset = (uint64_t)i * sizeof record;
        bool alone = sup_random_below(&random, SUP_COUNT(8, 2)) == 0;
        while (alone && atomic_load(&race->consumed_bytes) < offset) {
            if (sup_now_ms() > deadline_ms)
                return; /* the test's thread sees that not all came */
            sup_yield();
        }
        if (i % PATIENCE == PATIENCE - 1 && race->cancelled < BOTH_AT_LEAST && slower < SLOWER_MAX)
            slower *= 2;
        sup_spin(sup_random_below(&random, SUP_COUNT(60, 600) * slower));
        sup_fill(record, sizeof record, offset, 5);
        SUP_CHECK(sup_end_write(&race->theirs, record, sizeof record) == sizeof record);
    }
}

static void check_cancel_against_data(enum sup_pair_kind kind, uint64_t seed)
{
    const struct iocp_port_options options = {.workers = 2};
    struct sup_world *world = sup_world_open(&options);
    struct race *race = sup_new(sizeof *race);
    struct sup_pair pair;
    if (sup_pair_open(world->port, kind, &pair)) {
        race->box = sup_box_new(world);
        race->handle = pair.ours;
        race->kind = pair.kind;
        race->theirs = pair.theirs;
        race->total_bytes = (uint64_t)RACES * 16;
        sup_random_init(&race->random, seed, kind);
        sup_box_call(race->box, race_start, race);
        struct sup_thread *thread = sup_thread_start(send_records, race);
        assert_true(sup_tally_wait(&race->done, 1, 3 * SUP_DEADLINE_MS));
        sup_thread_join(thread);
        sup_tally_await(&race->closed, 1);
        sup_end_close(&race->theirs);
        sup_box_end(race->box);
        assert_int_equal(race->got_bytes, race->total_bytes);
        assert_int_equal(race->starts, race->completions);
        unsigned cancelled = race->cancelled, delivered = race->delivered;
        print_message("%u reads cancelled, %u delivered\n", cancelled, delivered);
        assert_true(cancelled >= BOTH_AT_LEAST && delivered >= BOTH_AT_LEAST); /* both happened */
    }
    free(race);
    sup_world_close(world);
}

static void test_cancel_never_loses_data(void **state)
{
    (void)state;
    uint64_t seed = sup_seed();
    check_cancel_against_data(SUP_PIPE_IN, seed);
    check_cancel_against_data(SUP_TCP, seed);
    check_cancel_against_data(SUP_LOCAL, seed);
    check_cancel_against_data(SUP_TERMINAL, seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cancel_without_data),
        cmocka_unit_test(test_cancel_without_a_read_does_nothing),
        cmocka_unit_test(test_cancel_delivers_data_that_is_there),
        cmocka_unit_test(test_cancel_looks_before_it_gives_up),
        cmocka_unit_test(test_cancel_delivers_an_end_that_is_there),
        cmocka_unit_test(test_cancel_never_loses_data),
    };
    sup_begin();
    return cmocka_run_group_tests_name("iocp/cancel", tests, NULL, NULL);
}
