/*
 * The memory of retained output, measured where it is: slabs that the port has leased, blocks and
 * indices. Many sessions share slabs, as they do when small output of all of them is read into one:
 * whoever keeps a slice past its callback must not keep a slab for a few bytes. Seeds printed.
 */
#include "support.h"

enum { SESSIONS = 400, SLABS = SUP_COUNT(300, 100), SPARE_BYTES = 2048 };

static struct iocp_port *port;
static struct sess_budget budget;
static struct sess_headtail *kept;
static uint64_t *seqs;

static int begin(void **state)
{
    int os_error;
    (void)state;
    budget = (struct sess_budget){.limit_bytes = UINT64_MAX};
    kept = calloc(SESSIONS, sizeof(*kept));
    seqs = calloc(SESSIONS, sizeof(*seqs));
    if (kept == NULL || seqs == NULL)
        return -1;
    return iocp_port_open(NULL, &port, &os_error);
}

static void init_all(size_t cap_bytes)
{
    for (unsigned i = 0; i < SESSIONS; i++)
        sess_headtail_init(&kept[i], cap_bytes, &budget, &sess_memory_libc);
}

static uint64_t slab_bytes(void)
{
    struct iocp_stats stats;
    iocp_port_stats(port, &stats);
    return stats.slabs_leased * IOCP_SLAB_BYTES;
}

static int end(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SESSIONS; i++)
        sess_headtail_deinit(&kept[i]);
    assert_int_equal(budget.held_bytes, 0);
    assert_int_equal(slab_bytes(), 0);
    iocp_port_close(port);
    free(kept);
    free(seqs);
    return 0;
}

static uint64_t part_bytes(const struct sess_part *part)
{
    return part->block_bytes + part->capacity * sizeof(*part->entries);
}

/* At most twice what is carried, and the index: one entry a chunk, half of it spare room. */
static void assert_bounded(void)
{
    uint64_t carried = 0, index = 0, memory = slab_bytes();
    for (unsigned i = 0; i < SESSIONS; i++) {
        const struct sess_headtail *one = &kept[i];
        carried += sess_headtail_kept(one);
        memory += part_bytes(&one->head) + part_bytes(&one->tail);
        index += (one->head.count + one->tail.count) * 2 * sizeof(*one->head.entries);
    }
    if (memory > 2 * carried + index + SESSIONS * SPARE_BYTES)
        fail_msg("%llu bytes of memory for %llu that are kept, index %llu",
                 (unsigned long long)memory, (unsigned long long)carried,
                 (unsigned long long)index);
}

/* Cuts a slab into chunks, each of another session; nobody but retention has it afterwards. */
static void share_slab(uint64_t *random, uint32_t least, uint32_t most)
{
    struct iocp_slice whole;
    assert_int_equal(iocp_lease(port, IOCP_SLAB_BYTES / 2, &whole), 0);
    for (uint32_t at = 0; at < whole.size_bytes;) {
        uint32_t size = least + (uint32_t)sup_below(random, most - least + 1);
        uint32_t rest = whole.size_bytes - at;
        unsigned to = (unsigned)sup_below(random, SESSIONS);
        size = size < rest ? size : rest;
        struct sess_chunk chunk = {
            .seq = ++seqs[to], .stream = SESS_STDOUT, .slice = iocp_slice_part(&whole, at, size)};
        sess_headtail_append(&kept[to], &chunk);
        iocp_slice_unref(&chunk.slice);
        at += size;
    }
    iocp_slice_unref(&whole);
}

/* Slices that do not pin: a few bytes of each slab for everybody leave no slab leased. */
static void test_retention_of_tiny_chunks_pins_no_slab(void **state)
{
    (void)state;
    uint64_t random = sup_seed();
    init_all(1 << 20);
    for (unsigned i = 0; i < SLABS; i++) {
        share_slab(&random, 1, 300);
        assert_int_equal(slab_bytes(), 0);
    }
    assert_bounded();
}

/* One byte each, of slabs that are all still needed by somebody: the worst that can be asked. */
static void test_retention_of_single_bytes(void **state)
{
    (void)state;
    init_all(1 << 20);
    for (unsigned i = 0; i < SESSIONS; i++) {
        struct iocp_slice whole;
        assert_int_equal(iocp_lease(port, IOCP_SLAB_BYTES, &whole), 0);
        const struct sess_chunk chunk = {
            .seq = 1, .stream = SESS_PTY, .slice = iocp_slice_part(&whole, i, 1)};
        sess_headtail_append(&kept[i], &chunk);
        struct iocp_slice part = chunk.slice;
        iocp_slice_unref(&part);
        iocp_slice_unref(&whole);
    }
    assert_int_equal(slab_bytes(), 0);
    assert_bounded();
    assert_true(budget.held_bytes < SESSIONS * UINT64_C(1024));
}

/* Every size that a read can have; heads fill, tails move on, some shrink. */
static void test_retention_of_every_size_is_bounded(void **state)
{
    (void)state;
    uint64_t random = sup_seed();
    static const uint32_t most[] = {64, 2000, 20000, 65536};
    init_all(200000);
    for (unsigned i = 0; i < SLABS * 4; i++) {
        share_slab(&random, 1, most[sup_below(&random, 4)]);
        if (sup_below(&random, 10) == 0)
            (void)sess_headtail_shrink(&kept[sup_below(&random, SESSIONS)],
                                       sup_below(&random, 100000));
        if (i % 16 == 0)
            assert_bounded();
    }
    assert_bounded();
}

/* Chunks that are most of a slab are kept as they are: memory is shared, not doubled. */
static void test_retention_of_whole_slabs_copies_nothing(void **state)
{
    (void)state;
    init_all(SIZE_MAX / 4);
    for (unsigned i = 0; i < SESSIONS; i++) {
        struct sess_chunk chunk = {.seq = 1, .stream = SESS_STDOUT};
        assert_int_equal(iocp_lease(port, IOCP_SLAB_BYTES, &chunk.slice), 0);
        sess_headtail_append(&kept[i], &chunk);
        iocp_slice_unref(&chunk.slice);
        assert_int_equal(kept[i].head.block_bytes, 0);
    }
    assert_true(slab_bytes() >= (uint64_t)SESSIONS * IOCP_SLAB_BYTES);
    assert_bounded();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_retention_of_tiny_chunks_pins_no_slab),
        TEST(test_retention_of_single_bytes),
        TEST(test_retention_of_every_size_is_bounded),
        TEST(test_retention_of_whole_slabs_copies_nothing),
    };
    return cmocka_run_group_tests_name("sessions/retention", tests, NULL, NULL);
}
