/*
 * The resume ring without a server: what is missed and what was sent, what acknowledgements give
 * back, when memory goes, and patience. The session is a number: what it is owed.
 */
#include "runner/ring.h"

#include "runner/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
/* after the above */
#include <cmocka.h>

enum { WINDOW = 1024 * 1024, CHUNK = 1000, LARGE = 64 * 1024 };

/* In place of sessions/session.c. */
struct sess_session {
    uint64_t owed_bytes;
};

static struct iocp_port *port;
static struct sess_session session;
static struct run_metrics *metrics;
static struct run_ring ring;
static uint64_t next_seq;

void sess_session_consumed(struct sess_session *of, size_t bytes)
{
    assert_true(of->owed_bytes >= bytes);
    of->owed_bytes -= bytes;
}

void sess_session_view(const struct sess_session *of, struct sess_view *out_view)
{
    *out_view = (struct sess_view){.owed_bytes = of->owed_bytes};
}

static int open_port(void **state)
{
    int os_error;
    (void)state;
    metrics = calloc(1, sizeof(*metrics));
    if (metrics == NULL || iocp_port_open(NULL, &port, &os_error) != 0)
        return -1;
    metrics->port = port;
    return 0;
}

static int close_port(void **state)
{
    (void)state;
    iocp_port_close(port);
    free(metrics);
    return 0;
}

static int begin(void **state)
{
    (void)state;
    session.owed_bytes = 0;
    next_seq = 1;
    run_ring_init(&ring, true, metrics);
    return 0;
}

/* What the metrics have of all rings: of the one that there is. */
static uint64_t counted(enum run_ring_part part)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < IOCP_TALLY_PARTS; i++)
        sum += atomic_load(&metrics->parts[i].counts[RUN_COUNT_RING_BYTES + part]);
    return sum;
}

static void assert_is_counted(void)
{
    assert_int_equal(counted(RUN_RING_SENT), ring.sent.kept_bytes);
    assert_int_equal(counted(RUN_RING_MISSED), ring.missed.kept_bytes);
}

static int end(void **state)
{
    (void)state;
    assert_is_counted();
    run_ring_deinit(&ring);
    assert_int_equal(counted(RUN_RING_SENT) + counted(RUN_RING_MISSED), 0);
    return 0;
}

/* A chunk as a session gives it: owed from then on. Returns its number. */
static uint64_t push_charged(uint32_t size, uint64_t charged)
{
    struct iocp_slice slice;
    assert_int_equal(iocp_lease(port, size, &slice), 0);
    memset(slice.data, (int)next_seq, size);
    const struct sess_chunk chunk = {.seq = next_seq, .stream = SESS_STDOUT, .slice = slice};
    session.owed_bytes += size + charged;
    run_ring_push(&ring, &chunk, size + charged);
    iocp_slice_unref(&slice);
    assert_is_counted();
    return next_seq++;
}

static uint64_t push(uint32_t size)
{
    return push_charged(size, 0);
}

/* The numbers that the ring gives behind after_seq are first to last, with their bytes. */
static void assert_holds(uint64_t first, uint64_t last)
{
    uint64_t at = first - 1;
    struct run_piece piece;
    for (uint64_t seq = first; seq <= last; seq++) {
        assert_true(run_ring_next(&ring, at, &piece));
        assert_int_equal(piece.seq, seq);
        assert_int_equal(piece.data[0], (uint8_t)seq);
        assert_int_equal(piece.data[piece.size_bytes - 1], (uint8_t)seq);
        at = seq;
    }
    assert_false(run_ring_next(&ring, at, &piece));
    assert_is_counted();
}

static void assert_is_empty(void)
{
    struct run_piece piece;
    assert_false(run_ring_next(&ring, 0, &piece));
    assert_null(ring.missed.entries);
    assert_null(ring.sent.entries);
    assert_int_equal(sess_part_held(&ring.missed) + sess_part_held(&ring.sent), 0);
    assert_is_counted();
}

static void test_ring_gives_back_what_is_acknowledged(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        (void)push(CHUNK);
    assert_holds(1, 10);
    assert_int_equal(run_ring_bytes(&ring, 3, 5), 3 * CHUNK);
    (void)run_ring_acked(&ring, &session, 4 * CHUNK, 0);
    assert_int_equal(session.owed_bytes, 6 * CHUNK);
    run_ring_fit(&ring, &session);
    assert_holds(5, 10);
}

static void test_ring_has_no_memory_when_all_is_acknowledged(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 100; i++)
            (void)push(CHUNK);
        assert_false(run_ring_acked(&ring, &session, 99 * CHUNK, 0));
        assert_true(run_ring_acked(&ring, &session, CHUNK, 0)); /* a fit is worth it now */
        run_ring_fit(&ring, &session);
        assert_is_empty();
        assert_int_equal(session.owed_bytes, 0);
    }
}

static void test_ring_that_is_off_holds_nothing(void **state)
{
    (void)state;
    run_ring_init(&ring, false, metrics);
    (void)push(CHUNK);
    assert_is_empty();
    assert_false(run_ring_acked(&ring, &session, CHUNK, 7));
    assert_int_equal(session.owed_bytes, 0);
    session.owed_bytes = CHUNK;
    run_ring_bind(&ring, &session);
    assert_int_equal(session.owed_bytes, 0); /* nobody will ask for it */
}

static void test_ring_is_bounded_in_chunks(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < RUN_RING_CHUNKS - 1; i++)
        (void)push(1);
    assert_false(run_ring_is_crowded(&ring));
    (void)push(1);
    assert_true(run_ring_is_crowded(&ring));
    run_ring_bind(&ring, &session);
    assert_true(run_ring_is_crowded(&ring)); /* what was missed counts as well */
    run_ring_known(&ring, &session, 1);
    assert_false(run_ring_is_crowded(&ring));
}

/* A window that was charged beside the bytes is given back when another connection takes over. */
static void test_ring_is_owed_after_a_bind_what_it_holds(void **state)
{
    (void)state;
    (void)push_charged(CHUNK, WINDOW);
    (void)push(CHUNK);
    run_ring_bind(&ring, &session);
    assert_int_equal(session.owed_bytes, 2 * CHUNK);
    assert_holds(1, 2);
    assert_int_equal(ring.sent.count, 0);
}

/* What was sent since lies behind a gap: it is not given back before what was missed is read. */
static void test_ring_waits_for_what_was_missed(void **state)
{
    (void)state;
    (void)push(CHUNK);
    (void)push(CHUNK);
    run_ring_bind(&ring, &session);
    uint64_t since = push(CHUNK);
    assert_false(run_ring_acked(&ring, &session, CHUNK, 0));
    assert_int_equal(session.owed_bytes, 3 * CHUNK);
    assert_holds(1, since);
    run_ring_known(&ring, &session, 1);
    assert_int_equal(session.owed_bytes, 2 * CHUNK);
    run_ring_known(&ring, &session, 2);
    assert_int_equal(session.owed_bytes, 0); /* and what was acknowledged meanwhile */
    run_ring_fit(&ring, &session);
    assert_is_empty();
}

static void test_ring_takes_an_acknowledged_reply_as_known(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++)
        (void)push(CHUNK);
    run_ring_bind(&ring, &session);
    assert_true(run_ring_acked(&ring, &session, 0, 3));
    run_ring_fit(&ring, &session);
    assert_holds(4, 4);
    assert_int_equal(session.owed_bytes, CHUNK);
    assert_true(run_ring_acked(&ring, &session, 0, 2)); /* an older one changes nothing */
    run_ring_fit(&ring, &session);
    assert_holds(4, 4);
}

/* Any number of cuts: all that was not acknowledged is there, in order, and bounded by the owed. */
static void test_ring_keeps_order_over_many_binds(void **state)
{
    (void)state;
    uint64_t first = next_seq;
    for (int cut = 0; cut < 50; cut++) {
        for (int i = 0; i < 5; i++)
            (void)push(10 + (uint32_t)cut);
        run_ring_bind(&ring, &session);
        assert_holds(first, next_seq - 1);
        assert_int_equal(session.owed_bytes, run_ring_bytes(&ring, 1, next_seq));
    }
    run_ring_known(&ring, &session, next_seq - 1);
    assert_is_empty();
    assert_int_equal(session.owed_bytes, 0);
}

/* An acknowledgement of the connection before counts for nothing after a bind. */
static void test_ring_forgets_acknowledgements_at_a_bind(void **state)
{
    (void)state;
    (void)push(CHUNK);
    run_ring_bind(&ring, &session);
    (void)push(CHUNK);
    (void)run_ring_acked(&ring, &session, CHUNK, 0);
    run_ring_bind(&ring, &session);
    assert_holds(1, 2);
    assert_int_equal(session.owed_bytes, 2 * CHUNK);
}

static void test_ring_is_patient_once_for_each_ask(void **state)
{
    (void)state;
    (void)push(CHUNK);
    (void)push(CHUNK);
    run_ring_bind(&ring, &session);
    run_ring_known(&ring, &session, 1); /* it asks */
    assert_true(run_ring_lose_patience(&ring, &session));
    assert_holds(2, 2);
    assert_false(run_ring_lose_patience(&ring, &session)); /* it has not asked since */
    assert_is_empty();
    assert_int_equal(session.owed_bytes, 0);
    assert_false(run_ring_lose_patience(&ring, &session));
}

/* A client that has not got its reply yet cannot ask for more; when it has it, its time begins. */
static void test_ring_is_patient_while_a_reply_is_under_way(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++)
        (void)push(CHUNK);
    run_ring_bind(&ring, &session);
    run_ring_gave(&ring, 2);
    for (int i = 0; i < 20; i++)
        assert_true(run_ring_lose_patience(&ring, &session));
    assert_holds(1, 4);
    (void)run_ring_acked(&ring, &session, 0, 2);
    run_ring_fit(&ring, &session);
    assert_holds(3, 4);
    assert_true(run_ring_lose_patience(&ring, &session));
    assert_false(run_ring_lose_patience(&ring, &session));
    assert_is_empty();
    /* A reply that went down with its connection is not waited for. */
    (void)push(CHUNK);
    run_ring_bind(&ring, &session);
    run_ring_gave(&ring, 5);
    run_ring_bind(&ring, &session);
    assert_false(run_ring_lose_patience(&ring, &session));
}

static uint64_t slabs_leased(void)
{
    struct iocp_stats stats;
    iocp_port_stats(port, &stats);
    return stats.slabs_leased;
}

static void acknowledge(uint64_t bytes)
{
    if (run_ring_acked(&ring, &session, bytes, 0))
        run_ring_fit(&ring, &session);
}

/* Slabs that its chunks fill alone, and one that many share. */
static void test_ring_pins_no_slab_when_all_is_acknowledged(void **state)
{
    static const uint32_t sizes[] = {LARGE, 10};
    (void)state;
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        uint64_t before = slabs_leased();
        for (unsigned n = 0; n < 16; n++)
            (void)push(sizes[i]);
        assert_true(sess_part_held(&ring.sent) >= (uint64_t)16 * sizes[i]);
        if (sizes[i] == LARGE)
            assert_true(slabs_leased() >= before + 8);
        acknowledge((uint64_t)16 * sizes[i]);
        assert_is_empty();
        assert_true(slabs_leased() <= before + 1); /* that which the lease of this thread fills */
    }
}

/* What is acknowledged goes with the next chunk, so a ring never holds more than is owed. */
static void test_ring_holds_no_more_than_is_owed(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 1600; n++) {
        (void)push(LARGE);
        assert_true(ring.sent.kept_bytes <= session.owed_bytes);
        if (session.owed_bytes >= (uint64_t)16 * LARGE)
            acknowledge((uint64_t)8 * LARGE);
    }
    acknowledge(session.owed_bytes);
    assert_is_empty();
}

/* What was missed over a cut goes when its client has read it, and with it what came since. */
static void test_ring_pins_no_slab_after_a_cut(void **state)
{
    uint64_t before = slabs_leased();
    (void)state;
    for (unsigned n = 0; n < 16; n++)
        (void)push(LARGE);
    run_ring_bind(&ring, &session);
    assert_int_equal(ring.missed.count, 16);
    for (unsigned n = 0; n < 16; n++)
        (void)push(LARGE);
    acknowledge((uint64_t)16 * LARGE);
    assert_true(sess_part_held(&ring.missed) > 0);
    run_ring_known(&ring, &session, 16);
    assert_is_empty();
    assert_true(slabs_leased() <= before + 1);
}

static void test_ring_is_empty_when_nobody_asks(void **state)
{
    (void)state;
    (void)push(LARGE);
    run_ring_bind(&ring, &session);
    (void)push(LARGE);
    acknowledge(LARGE);
    assert_false(run_ring_lose_patience(&ring, &session));
    assert_is_empty();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_ring_gives_back_what_is_acknowledged),
        TEST(test_ring_has_no_memory_when_all_is_acknowledged),
        TEST(test_ring_that_is_off_holds_nothing),
        TEST(test_ring_is_bounded_in_chunks),
        TEST(test_ring_is_owed_after_a_bind_what_it_holds),
        TEST(test_ring_waits_for_what_was_missed),
        TEST(test_ring_takes_an_acknowledged_reply_as_known),
        TEST(test_ring_keeps_order_over_many_binds),
        TEST(test_ring_forgets_acknowledgements_at_a_bind),
        TEST(test_ring_is_patient_once_for_each_ask),
        TEST(test_ring_is_patient_while_a_reply_is_under_way),
        TEST(test_ring_pins_no_slab_when_all_is_acknowledged),
        TEST(test_ring_holds_no_more_than_is_owed),
        TEST(test_ring_pins_no_slab_after_a_cut),
        TEST(test_ring_is_empty_when_nobody_asks),
    };
    return cmocka_run_group_tests_name("runner/ring", tests, open_port, close_port);
}
