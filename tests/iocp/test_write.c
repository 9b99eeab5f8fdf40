/*
 * Writes: a full stream makes them wait, a drained one lets them end, gathered spans come out in
 * order with few system calls, and written_bytes is exact whatever happened.
 */
#include "support.h"

enum { BIG_BYTES = 4 * 1024 * 1024, TERMINAL_BYTES = 256 * 1024 };

struct one {
    struct sup_world *world;
    struct sup_box *box;
    struct sup_pair pair;
    struct sup_tap *tap;
    uint8_t *data; /* BIG_BYTES of pattern 1 */
    uint8_t *back;
};

static bool one_open(struct one *one, enum sup_pair_kind kind)
{
    one->world = sup_world_open(NULL);
    if (!sup_pair_open(one->world->port, kind, &one->pair)) {
        sup_world_close(one->world);
        return false;
    }
    one->box = sup_box_new(one->world);
    one->tap = sup_tap_open_pair(one->box, &one->pair);
    one->data = sup_new(BIG_BYTES);
    one->back = sup_new(BIG_BYTES);
    sup_fill(one->data, BIG_BYTES, 0, 1);
    return true;
}

static void one_close(struct one *one)
{
    if (one->pair.theirs.handle != IOCP_NO_HANDLE)
        sup_end_close(&one->pair.theirs);
    sup_tap_close(one->tap);
    sup_box_end(one->box);
    sup_world_close(one->world);
    free(one->data);
    free(one->back);
}

static void write_start(struct one *one, struct iocp_vec *vec, size_t size_bytes)
{
    *vec = (struct iocp_vec){one->data, size_bytes};
    sup_tap_write(one->tap, vec, 1);
}

/* The write waits when written bytes stand still in the counters. */
static void await_full(struct one *one)
{
    struct iocp_stats stats;
    uint64_t deadline_ms = sup_now_ms() + SUP_DEADLINE_MS;
    do {
        sup_world_settle(one->world);
        sup_stats(one->world, &stats);
        assert_true(sup_now_ms() < deadline_ms);
    } while (stats.writes_full == 0);
}

/* ---- Backpressure ---------------------------------------------------------------------------- */

static void check_full_stream_makes_a_write_wait(enum sup_pair_kind kind, size_t size_bytes)
{
    struct one one;
    struct iocp_vec vec;
    if (!one_open(&one, kind))
        return;
    write_start(&one, &vec, size_bytes);
    await_full(&one);
    assert_int_equal(sup_tally_count(&one.tap->writes), 0);
    assert_int_equal(sup_end_read_all(&one.pair.theirs, one.back, size_bytes), size_bytes);
    assert_int_equal(sup_tap_write_result(one.tap), IOCP_OK);
    assert_int_equal(one.tap->written, size_bytes);
    assert_memory_equal(one.data, one.back, size_bytes);
    one_close(&one);
}

static void test_full_stream_makes_a_write_wait(void **state)
{
    (void)state;
    check_full_stream_makes_a_write_wait(SUP_PIPE_OUT, BIG_BYTES);
    check_full_stream_makes_a_write_wait(SUP_LOCAL, BIG_BYTES);
    check_full_stream_makes_a_write_wait(SUP_TERMINAL, TERMINAL_BYTES);
}

/* The kernel's buffers of a TCP connection may hold several MiB, so write until it is full. */
static void test_full_connection_makes_a_write_wait(void **state)
{
    (void)state;
    struct one one;
    struct iocp_vec vecs[16];
    assert_true(one_open(&one, SUP_TCP));
    for (unsigned i = 0; i < 16; i++)
        vecs[i] = (struct iocp_vec){one.data, BIG_BYTES};
    sup_tap_write(one.tap, vecs, 16);
    await_full(&one);
    assert_int_equal(sup_tally_count(&one.tap->writes), 0);
    for (unsigned i = 0; i < 16; i++) {
        assert_int_equal(sup_end_read_all(&one.pair.theirs, one.back, BIG_BYTES), BIG_BYTES);
        assert_memory_equal(one.data, one.back, BIG_BYTES);
    }
    assert_int_equal(sup_tap_write_result(one.tap), IOCP_OK);
    assert_int_equal(one.tap->written, (size_t)16 * BIG_BYTES);
    one_close(&one);
}

/* A write that waits does not hold back what comes in. */
static void test_reads_go_on_while_a_write_waits(void **state)
{
    (void)state;
    struct one one;
    struct iocp_vec vec;
    assert_true(one_open(&one, SUP_LOCAL));
    write_start(&one, &vec, BIG_BYTES);
    await_full(&one);
    for (unsigned i = 0; i < 100; i++) {
        sup_tap_read(one.tap, 100);
        assert_int_equal(sup_end_write(&one.pair.theirs, "in", 2), 2);
        assert_int_equal(sup_tap_read_result(one.tap), IOCP_OK);
        assert_int_equal(one.tap->size, 2);
    }
    assert_int_equal(sup_tally_count(&one.tap->writes), 0);
    assert_int_equal(sup_end_read_all(&one.pair.theirs, one.back, BIG_BYTES), BIG_BYTES);
    assert_int_equal(sup_tap_write_result(one.tap), IOCP_OK);
    one_close(&one);
}

/* A reader that stops reading stops the writer: nothing in the engine takes the bytes meanwhile. */
static void test_unread_stream_makes_the_other_side_wait(void **state)
{
    (void)state;
    struct one one;
    struct iocp_stats stats;
    assert_true(one_open(&one, SUP_PIPE_IN));
    assert_int_equal(sup_end_write(&one.pair.theirs, one.data, 1000), 1000);
    assert_int_equal(sup_tap_get(one.tap, 10), IOCP_OK);
    sup_world_settle(one.world);
    sup_stats(one.world, &stats);
    assert_int_equal(stats.bytes_read, 10);
    sup_end_close(&one.pair.theirs);
    sup_world_settle(one.world);
    sup_stats(one.world, &stats);
    assert_int_equal(stats.bytes_read, 10);
    assert_int_equal(sup_tap_get(one.tap, IOCP_READ_MAX), IOCP_OK);
    assert_int_equal(one.tap->size, 990);
    assert_int_equal(sup_tap_get(one.tap, 10), IOCP_E_END);
    one_close(&one);
}

/* ---- Cancel ---------------------------------------------------------------------------------- */

static void check_cancelled_write_tells_exact_bytes(enum sup_pair_kind kind, size_t size_bytes)
{
    struct one one;
    struct iocp_vec vec;
    if (!one_open(&one, kind))
        return;
    write_start(&one, &vec, size_bytes);
    await_full(&one);
    sup_tap_write_cancel(one.tap);
    assert_int_equal(sup_tap_write_result(one.tap), IOCP_E_CANCELLED);
    size_t written = one.tap->written;
    assert_true(written > 0 && written < size_bytes);
    assert_int_equal(sup_end_read_all(&one.pair.theirs, one.back, written), written);
    assert_memory_equal(one.data, one.back, written);
    sup_fill(one.data, 5, 0, 9); /* and nothing between it and the next write */
    write_start(&one, &vec, 5);
    assert_int_equal(sup_tap_write_result(one.tap), IOCP_OK);
    assert_int_equal(one.tap->written, 5);
    assert_int_equal(sup_end_read_all(&one.pair.theirs, one.back, 5), 5);
    assert_memory_equal(one.data, one.back, 5);
    one_close(&one);
}

static void test_cancelled_write_tells_exact_bytes(void **state)
{
    (void)state;
    check_cancelled_write_tells_exact_bytes(SUP_PIPE_OUT, BIG_BYTES);
    check_cancelled_write_tells_exact_bytes(SUP_LOCAL, BIG_BYTES);
    check_cancelled_write_tells_exact_bytes(SUP_TERMINAL, TERMINAL_BYTES);
}

static void test_cancel_without_a_write_does_nothing(void **state)
{
    (void)state;
    struct one one;
    struct iocp_vec vec;
    assert_true(one_open(&one, SUP_PIPE_OUT));
    sup_tap_write_cancel(one.tap);
    write_start(&one, &vec, 100);
    assert_int_equal(sup_tap_write_result(one.tap), IOCP_OK);
    sup_tap_write_cancel(one.tap);
    assert_int_equal(sup_end_read_all(&one.pair.theirs, one.back, 100), 100);
    write_start(&one, &vec, 100);
    assert_int_equal(sup_tap_write_result(one.tap), IOCP_OK);
    assert_int_equal(sup_tally_count(&one.tap->writes), 2);
    one_close(&one);
}

/* ---- Gathering ------------------------------------------------------------------------------- */

enum { SPANS = 200 };

/* Spans of growing size, every third empty, the first and the last too. */
static size_t make_spans(struct one *one, struct iocp_vec *vecs, size_t unit_bytes)
{
    size_t offset = 0;
    for (unsigned i = 0; i < SPANS; i++) {
        bool empty = i % 3 == 0 || i == SPANS - 1;
        vecs[i] = (struct iocp_vec){one->data + offset, empty ? 0 : unit_bytes + i % 7};
        offset += vecs[i].size_bytes;
    }
    vecs[3].data = NULL; /* of an empty span */
    return offset;
}

static void check_spans_come_out_in_order(enum sup_pair_kind kind)
{
    struct one one;
    struct iocp_vec vecs[SPANS];
    struct iocp_stats before, after;
    if (!one_open(&one, kind))
        return;
    size_t total = make_spans(&one, vecs, 10);
    sup_stats(one.world, &before);
    sup_tap_write(one.tap, vecs, SPANS);
    assert_int_equal(sup_tap_write_result(one.tap), IOCP_OK);
    sup_stats(one.world, &after);
    assert_int_equal(one.tap->written, total);
    assert_true(after.writes - before.writes <= (SPANS + IOCP_GATHER_MAX - 1) / IOCP_GATHER_MAX);
    assert_int_equal(after.bytes_written - before.bytes_written, total);
    assert_int_equal(sup_end_read_all(&one.pair.theirs, one.back, total), total);
    assert_memory_equal(one.data, one.back, total);
    one_close(&one);
}

static void test_spans_come_out_in_order(void **state)
{
    (void)state;
    check_spans_come_out_in_order(SUP_PIPE_OUT);
    check_spans_come_out_in_order(SUP_TCP);
    check_spans_come_out_in_order(SUP_LOCAL);
    check_spans_come_out_in_order(SUP_TERMINAL);
}

/* Cut by the kernel in the middle of spans again and again. */
static void check_spans_through_a_narrow_stream(enum sup_pair_kind kind)
{
    struct one one;
    struct iocp_vec vecs[SPANS];
    if (!one_open(&one, kind))
        return;
    size_t total = make_spans(&one, vecs, 15000);
    sup_tap_write(one.tap, vecs, SPANS);
    assert_int_equal(sup_end_read_all(&one.pair.theirs, one.back, total), total);
    assert_int_equal(sup_tap_write_result(one.tap), IOCP_OK);
    assert_int_equal(one.tap->written, total);
    assert_memory_equal(one.data, one.back, total);
    one_close(&one);
}

static void test_spans_through_a_narrow_stream(void **state)
{
    (void)state;
    check_spans_through_a_narrow_stream(SUP_PIPE_OUT);
    check_spans_through_a_narrow_stream(SUP_TCP);
    check_spans_through_a_narrow_stream(SUP_LOCAL);
}

static void test_write_of_nothing_completes(void **state)
{
    (void)state;
    struct one one;
    const struct iocp_vec vecs[3] = {{NULL, 0}, {"", 0}, {NULL, 0}};
    assert_true(one_open(&one, SUP_PIPE_OUT));
    sup_tap_write(one.tap, vecs, 3);
    assert_int_equal(sup_tap_write_result(one.tap), IOCP_OK);
    assert_int_equal(one.tap->written, 0);
    one_close(&one);
}

/* 65,535 spans is the most that one write may have. */
static void test_write_of_the_most_spans(void **state)
{
    (void)state;
    enum { MOST = 65535 };
    struct one one;
    struct iocp_vec *vecs = sup_new(MOST * sizeof *vecs);
    assert_true(one_open(&one, SUP_PIPE_OUT));
    for (size_t i = 0; i < MOST; i++)
        vecs[i] = (struct iocp_vec){one.data + i, 1};
    sup_tap_write(one.tap, vecs, MOST);
    assert_int_equal(sup_end_read_all(&one.pair.theirs, one.back, MOST), MOST);
    assert_int_equal(sup_tap_write_result(one.tap), IOCP_OK);
    assert_int_equal(one.tap->written, MOST);
    assert_memory_equal(one.data, one.back, MOST);
    one_close(&one);
    free(vecs);
}

/* ---- Nobody reads ---------------------------------------------------------------------------- */

static void test_write_to_nobody_is_broken(void **state)
{
    (void)state;
    struct one one;
    struct iocp_vec vec;
    assert_true(one_open(&one, SUP_PIPE_OUT));
    sup_end_close(&one.pair.theirs);
    for (unsigned i = 0; i < 3; i++) {
        write_start(&one, &vec, 100);
        assert_int_equal(sup_tap_write_result(one.tap), IOCP_E_BROKEN);
        assert_int_equal(one.tap->written, 0);
    }
    one_close(&one);
}

static void test_waiting_write_is_broken_when_the_reader_goes(void **state)
{
    (void)state;
    struct one one;
    struct iocp_vec vec;
    struct iocp_stats stats;
    assert_true(one_open(&one, SUP_PIPE_OUT));
    write_start(&one, &vec, BIG_BYTES);
    await_full(&one);
    assert_int_equal(sup_end_read_all(&one.pair.theirs, one.back, 100000), 100000);
    assert_memory_equal(one.data, one.back, 100000);
    await_full(&one);
    sup_end_close(&one.pair.theirs);
    assert_int_equal(sup_tap_write_result(one.tap), IOCP_E_BROKEN);
    assert_true(one.tap->written >= 100000 && one.tap->written < BIG_BYTES);
    sup_stats(one.world, &stats);
    assert_int_equal(one.tap->written, stats.bytes_written);
    one_close(&one);
}

static void test_waiting_write_is_told_of_a_reset(void **state)
{
    (void)state;
    struct one one;
    struct iocp_vec vecs[16];
    assert_true(one_open(&one, SUP_TCP));
    for (unsigned i = 0; i < 16; i++)
        vecs[i] = (struct iocp_vec){one.data, BIG_BYTES};
    sup_tap_write(one.tap, vecs, 16);
    await_full(&one);
    sup_end_reset(&one.pair.theirs);
    int result = sup_tap_write_result(one.tap);
    assert_true(result == IOCP_E_RESET || result == IOCP_E_BROKEN);
    one_close(&one);
}

/* ---- Sockets only ---------------------------------------------------------------------------- */

static void shut_down(void *argument)
{
    struct sup_tap *tap = argument;
    iocp_stream_shutdown(&tap->stream);
}

static void test_shutdown_ends_one_direction(void **state)
{
    (void)state;
    struct one one;
    struct iocp_vec vec;
    assert_true(one_open(&one, SUP_TCP));
    write_start(&one, &vec, 3);
    assert_int_equal(sup_tap_write_result(one.tap), IOCP_OK);
    sup_box_call(one.box, shut_down, one.tap);
    assert_int_equal(sup_end_read_all(&one.pair.theirs, one.back, 10), 3); /* then the end */
    assert_int_equal(sup_end_write(&one.pair.theirs, "in", 2), 2);
    assert_int_equal(sup_tap_get(one.tap, 100), IOCP_OK);
    assert_int_equal(one.tap->size, 2);
    one_close(&one);
}

static void tune(void *argument)
{
    struct sup_tap *tap = argument;
    iocp_stream_tune(&tap->stream, 16384);
    iocp_stream_tune(&tap->stream, 0);
    iocp_stream_tune(&tap->stream, 16384);
}

static void check_tuned_stream_works(enum sup_pair_kind kind)
{
    struct one one;
    struct iocp_vec vec;
    assert_true(one_open(&one, kind));
    sup_box_call(one.box, tune, one.tap);
    write_start(&one, &vec, BIG_BYTES);
    assert_int_equal(sup_end_read_all(&one.pair.theirs, one.back, BIG_BYTES), BIG_BYTES);
    assert_int_equal(sup_tap_write_result(one.tap), IOCP_OK);
    assert_memory_equal(one.data, one.back, BIG_BYTES);
    one_close(&one);
}

static void test_tuned_stream_works(void **state)
{
    (void)state;
    check_tuned_stream_works(SUP_TCP);
    check_tuned_stream_works(SUP_LOCAL); /* knows neither setting: harmless */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_stream_makes_a_write_wait),
        cmocka_unit_test(test_full_connection_makes_a_write_wait),
        cmocka_unit_test(test_reads_go_on_while_a_write_waits),
        cmocka_unit_test(test_unread_stream_makes_the_other_side_wait),
        cmocka_unit_test(test_cancelled_write_tells_exact_bytes),
        cmocka_unit_test(test_cancel_without_a_write_does_nothing),
        cmocka_unit_test(test_spans_come_out_in_order),
        cmocka_unit_test(test_spans_through_a_narrow_stream),
        cmocka_unit_test(test_write_of_nothing_completes),
        cmocka_unit_test(test_write_of_the_most_spans),
        cmocka_unit_test(test_write_to_nobody_is_broken),
        cmocka_unit_test(test_waiting_write_is_broken_when_the_reader_goes),
        cmocka_unit_test(test_waiting_write_is_told_of_a_reset),
        cmocka_unit_test(test_shutdown_ends_one_direction),
        cmocka_unit_test(test_tuned_stream_works),
    };
    sup_begin();
    return cmocka_run_group_tests_name("iocp/write", tests, NULL, NULL);
}
