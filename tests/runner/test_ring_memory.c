/*
 * What a resume ring holds is given up once it was acknowledged: the slabs that its chunks pin and
 * its index, over floods, lines and a change of connections. The session is a count of what it is
 * owed, in place of a real one; slabs in use are counted by the engine.
 */
#include "runner/ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
/* after the above */
#include <cmocka.h>

enum { CHUNKS = 16, LARGE_BYTES = 64 * 1024, SMALL_BYTES = 10 };

/* In place of the sessions' own: the ring asks for what is owed, and gives back. */
struct sess_session {
    uint64_t owed_bytes;
};

void sess_session_consumed(struct sess_session *session, size_t bytes)
{
    assert_true(session->owed_bytes >= bytes);
    session->owed_bytes -= bytes;
}

void sess_session_view(const struct sess_session *session, struct sess_view *out_view)
{
    *out_view = (struct sess_view){.owed_bytes = session->owed_bytes};
}

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

static uint64_t slabs_leased(void)
{
    struct iocp_stats stats;
    iocp_port_stats(port, &stats);
    return stats.slabs_leased;
}

/* A session and its ring. */
struct world {
    struct sess_session session;
    struct run_ring ring;
    uint64_t seq;
};

static void begin(struct world *world)
{
    memset(world, 0, sizeof(*world));
    run_ring_init(&world->ring, true);
}

/* The program writes, and its chunk is sent: nobody but the ring keeps it. */
static void write_chunk(struct world *world, uint32_t bytes)
{
    struct sess_chunk chunk = {.seq = ++world->seq, .stream = SESS_STDOUT};
    assert_int_equal(iocp_lease(port, bytes, &chunk.slice), 0);
    memset(chunk.slice.data, 'x', bytes);
    world->session.owed_bytes += bytes;
    run_ring_push(&world->ring, &chunk, bytes);
    iocp_slice_unref(&chunk.slice);
}

static void acknowledge(struct world *world, uint64_t bytes)
{
    if (run_ring_acked(&world->ring, &world->session, bytes, 0))
        run_ring_fit(&world->ring, &world->session);
}

static void check_empty(const struct world *world)
{
    assert_int_equal(world->session.owed_bytes, 0);
    assert_int_equal(sess_part_held(&world->ring.sent), 0);
    assert_int_equal(sess_part_held(&world->ring.missed), 0);
}

static void test_ring_is_empty_when_all_is_acknowledged(void **state)
{
    static const uint32_t sizes[] = {LARGE_BYTES, SMALL_BYTES};
    (void)state;
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        uint64_t before = slabs_leased();
        struct world world;
        begin(&world);
        for (unsigned n = 0; n < CHUNKS; n++)
            write_chunk(&world, sizes[i]);
        assert_true(sess_part_held(&world.ring.sent) >= (uint64_t)CHUNKS * sizes[i]);
        if (sizes[i] == LARGE_BYTES)
            assert_true(slabs_leased() >= before + CHUNKS / 2);
        acknowledge(&world, (uint64_t)CHUNKS * sizes[i]);
        check_empty(&world);
        assert_true(slabs_leased() <= before + 1); /* that which the lease of this thread fills */
        run_ring_deinit(&world.ring);
    }
}

/* What is acknowledged goes with the next chunk, so a ring never holds more than is owed. */
static void test_ring_holds_what_is_owed(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    for (unsigned n = 0; n < 100 * CHUNKS; n++) {
        write_chunk(&world, LARGE_BYTES);
        assert_true(world.ring.sent.kept_bytes <= world.session.owed_bytes);
        if (world.session.owed_bytes >= (uint64_t)CHUNKS * LARGE_BYTES)
            acknowledge(&world, (uint64_t)CHUNKS / 2 * LARGE_BYTES);
    }
    acknowledge(&world, world.session.owed_bytes);
    check_empty(&world);
    run_ring_deinit(&world.ring);
}

/* What was missed over a cut goes when its client has read it, and with it what came since. */
static void test_ring_is_empty_after_a_cut(void **state)
{
    uint64_t before = slabs_leased();
    struct world world;
    (void)state;
    begin(&world);
    for (unsigned n = 0; n < CHUNKS; n++)
        write_chunk(&world, LARGE_BYTES);
    run_ring_bind(&world.ring, &world.session);
    assert_int_equal(world.ring.missed.count, CHUNKS);
    for (unsigned n = 0; n < CHUNKS; n++)
        write_chunk(&world, LARGE_BYTES);
    acknowledge(&world, (uint64_t)CHUNKS * LARGE_BYTES);
    assert_true(sess_part_held(&world.ring.missed) > 0);
    run_ring_known(&world.ring, &world.session, CHUNKS);
    check_empty(&world);
    assert_true(slabs_leased() <= before + 1);
    run_ring_deinit(&world.ring);
}

static void test_ring_is_empty_when_nobody_asks(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    write_chunk(&world, LARGE_BYTES);
    run_ring_bind(&world.ring, &world.session);
    write_chunk(&world, LARGE_BYTES);
    acknowledge(&world, LARGE_BYTES);
    assert_false(run_ring_lose_patience(&world.ring, &world.session));
    check_empty(&world);
    run_ring_deinit(&world.ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ring_is_empty_when_all_is_acknowledged),
        cmocka_unit_test(test_ring_holds_what_is_owed),
        cmocka_unit_test(test_ring_is_empty_after_a_cut),
        cmocka_unit_test(test_ring_is_empty_when_nobody_asks),
    };
    return cmocka_run_group_tests_name("runner/ring_memory", tests, open_port, close_port);
}
