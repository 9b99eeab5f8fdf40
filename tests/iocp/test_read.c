/*
 * Reads: bytes come in order, at most as many as asked for; the end comes again and again; a reset
 * is told apart from it; memory is the callback's. On every kind of stream.
 */
#include "support.h"

static const enum sup_pair_kind reading_kinds[] = {SUP_PIPE_IN, SUP_TCP, SUP_LOCAL, SUP_TERMINAL};
enum { READING_KINDS = sizeof reading_kinds / sizeof reading_kinds[0] };

struct one {
    struct sup_world *world;
    struct sup_box *box;
    struct sup_pair pair;
    struct sup_tap *tap;
};

static bool one_open(struct one *one, enum sup_pair_kind kind)
{
    one->world = sup_world_open(NULL);
    one->box = sup_box_new(one->world);
    if (!sup_pair_open(one->world->port, kind, &one->pair)) {
        sup_box_end(one->box);
        sup_world_close(one->world);
        return false;
    }
    one->tap = sup_tap_open_pair(one->box, &one->pair);
    return true;
}

static void one_close(struct one *one)
{
    if (one->pair.theirs.handle != IOCP_NO_HANDLE)
        sup_end_close(&one->pair.theirs);
    sup_tap_close(one->tap);
    sup_box_end(one->box);
    sup_world_close(one->world);
}

/* ---- Data before and after the start --------------------------------------------------------- */

static void check_read_of_data_that_is_there(enum sup_pair_kind kind)
{
    struct one one;
    if (!one_open(&one, kind))
        return;
    assert_int_equal(sup_end_write(&one.pair.theirs, "hello", 5), 5);
    assert_int_equal(sup_tap_get(one.tap, 100), IOCP_OK);
    assert_int_equal(one.tap->size, 5);
    assert_memory_equal(one.tap->data, "hello", 5);
    one_close(&one);
}

static void test_read_of_data_that_is_there(void **state)
{
    (void)state;
    for (unsigned i = 0; i < READING_KINDS; i++)
        check_read_of_data_that_is_there(reading_kinds[i]);
}

static void check_read_waits_for_data(enum sup_pair_kind kind)
{
    struct one one;
    if (!one_open(&one, kind))
        return;
    for (unsigned i = 0; i < 20; i++) { /* the second and later waits take other paths */
        char text[8];
        snprintf(text, sizeof text, "n%05u", i);
        sup_tap_read(one.tap, IOCP_READ_MAX);
        sup_tap_await_waiting(one.tap);
        assert_int_equal(sup_tally_count(&one.tap->reads), i);
        assert_int_equal(sup_end_write(&one.pair.theirs, text, 6), 6);
        assert_int_equal(sup_tap_read_result(one.tap), IOCP_OK);
        assert_int_equal(one.tap->size, 6);
        assert_memory_equal(one.tap->data, text, 6);
    }
    one_close(&one);
}

static void test_read_waits_for_data(void **state)
{
    (void)state;
    for (unsigned i = 0; i < READING_KINDS; i++)
        check_read_waits_for_data(reading_kinds[i]);
}

/* What a read leaves behind is there for the next one, without a new event from the kernel. */
static void check_read_takes_no_more_than_asked(enum sup_pair_kind kind)
{
    struct one one;
    uint8_t data[3000];
    if (!one_open(&one, kind))
        return;
    sup_fill(data, sizeof data, 0, 7);
    assert_int_equal(sup_end_write(&one.pair.theirs, data, sizeof data), sizeof data);
    for (size_t got = 0; got < sizeof data;) {
        assert_int_equal(sup_tap_get(one.tap, got < 10 ? 1 : 333), IOCP_OK);
        assert_true(sup_matches(one.tap->data, one.tap->size, got, 7));
        got += one.tap->size;
        assert_true(got <= sizeof data);
    }
    one_close(&one);
}

static void test_read_takes_no_more_than_asked(void **state)
{
    (void)state;
    for (unsigned i = 0; i < READING_KINDS; i++)
        check_read_takes_no_more_than_asked(reading_kinds[i]);
}

/* ---- Volume ---------------------------------------------------------------------------------- */

struct sender {
    struct sup_end *end;
    uint64_t total_bytes;
    uint64_t sent_bytes;
    uint32_t pattern;
    uint64_t seed;
};

static void send_pattern(void *argument)
{
    struct sender *sender = argument;
    struct sup_random random;
    uint8_t *data = sup_new(IOCP_READ_MAX);
    sup_random_init(&random, sender->seed, 0);
    while (sender->sent_bytes < sender->total_bytes) {
        size_t size = 1 + sup_random_below(&random, IOCP_READ_MAX);
        if (size > sender->total_bytes - sender->sent_bytes)
            size = sender->total_bytes - sender->sent_bytes;
        sup_fill(data, size, sender->sent_bytes, sender->pattern);
        size_t done = sup_end_write(sender->end, data, size);
        sender->sent_bytes += done;
        if (done < size)
            break;
    }
    free(data);
}

static void check_volume(enum sup_pair_kind kind, uint64_t total_bytes)
{
    struct one one;
    if (!one_open(&one, kind))
        return;
    struct sender sender = {&one.pair.theirs, total_bytes, 0, 3, 42};
    sup_tap_flow(one.tap, IOCP_READ_MAX, 3);
    struct sup_thread *thread = sup_thread_start(send_pattern, &sender);
    sup_thread_join(thread);
    assert_int_equal(sender.sent_bytes, total_bytes);
    sup_end_close(&one.pair.theirs);
    sup_tally_await(&one.tap->flowed, 1);
    assert_int_equal(one.tap->flowed_bytes, total_bytes);
    assert_int_equal(one.tap->read_result, kind == SUP_TERMINAL ? IOCP_E_HANGUP : IOCP_E_END);
    one_close(&one);
}

static void test_volume_arrives_whole_and_in_order(void **state)
{
    (void)state;
    const uint64_t mib = 1024 * 1024;
    check_volume(SUP_PIPE_IN, SUP_COUNT(128, 24) * mib);
    check_volume(SUP_TCP, SUP_COUNT(128, 24) * mib);
    check_volume(SUP_LOCAL, SUP_COUNT(128, 24) * mib);
    check_volume(SUP_TERMINAL, SUP_COUNT(16, 4) * mib);
}

/* ---- Ends ------------------------------------------------------------------------------------ */

static void check_end_repeats(enum sup_pair_kind kind)
{
    struct one one;
    if (!one_open(&one, kind))
        return;
    sup_tap_read(one.tap, 100);
    sup_tap_await_waiting(one.tap);
    assert_int_equal(sup_end_write(&one.pair.theirs, "last", 4), 4);
    sup_end_close(&one.pair.theirs);
    assert_int_equal(sup_tap_read_result(one.tap), IOCP_OK);
    assert_memory_equal(one.tap->data, "last", 4);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(sup_tap_get(one.tap, 100), IOCP_E_END);
    one_close(&one);
}

static void test_end_repeats(void **state)
{
    (void)state;
    check_end_repeats(SUP_PIPE_IN);
    check_end_repeats(SUP_TCP);
    check_end_repeats(SUP_LOCAL);
}

static void check_end_wakes_a_waiting_read(enum sup_pair_kind kind)
{
    struct one one;
    if (!one_open(&one, kind))
        return;
    sup_tap_read(one.tap, 100);
    sup_tap_await_waiting(one.tap);
    sup_end_close(&one.pair.theirs);
    assert_int_equal(sup_tap_read_result(one.tap), IOCP_E_END);
    one_close(&one);
}

static void test_end_wakes_a_waiting_read(void **state)
{
    (void)state;
    check_end_wakes_a_waiting_read(SUP_PIPE_IN);
    check_end_wakes_a_waiting_read(SUP_TCP);
    check_end_wakes_a_waiting_read(SUP_LOCAL);
}

/* The other side ends its direction only; ours goes on. */
static void test_half_closed_socket_can_be_written(void **state)
{
    (void)state;
    struct one one;
    char data[8] = "";
    const struct iocp_vec vec = {"answer", 6};
    assert_true(one_open(&one, SUP_TCP));
    sup_end_shutdown(&one.pair.theirs);
    assert_int_equal(sup_tap_get(one.tap, 100), IOCP_E_END);
    sup_tap_write(one.tap, &vec, 1);
    assert_int_equal(sup_tap_write_result(one.tap), IOCP_OK);
    assert_int_equal(sup_end_read_all(&one.pair.theirs, data, 6), 6);
    assert_memory_equal(data, "answer", 6);
    one_close(&one);
}

static void test_reset_is_told(void **state)
{
    (void)state;
    struct one one;
    assert_true(one_open(&one, SUP_TCP));
    sup_tap_read(one.tap, 100);
    sup_tap_await_waiting(one.tap);
    sup_end_reset(&one.pair.theirs);
    assert_int_equal(sup_tap_read_result(one.tap), IOCP_E_RESET);
    int again = sup_tap_get(one.tap, 100); /* what a cut connection says later is the system's */
    assert_true(again == IOCP_E_RESET || again == IOCP_E_END);
    one_close(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_of_data_that_is_there),
        cmocka_unit_test(test_read_waits_for_data),
        cmocka_unit_test(test_read_takes_no_more_than_asked),
        cmocka_unit_test(test_volume_arrives_whole_and_in_order),
        cmocka_unit_test(test_end_repeats),
        cmocka_unit_test(test_end_wakes_a_waiting_read),
        cmocka_unit_test(test_half_closed_socket_can_be_written),
        cmocka_unit_test(test_reset_is_told),
    };
    sup_begin();
    return cmocka_run_group_tests_name("iocp/read", tests, NULL, NULL);
}
