/*
 * Retained output against a model: everything that was written, and which of it should be kept.
 * Random caps, chunks and shrinks, seeds printed; then the bounds, the budget and failing memory.
 */
#include "support.h"

enum { WRITTEN_MAX = 4 * 1024 * 1024, CHUNKS_MAX = 70000 };

/* What was written: bytes, and the chunks that they came in. */
struct model {
    uint8_t *bytes;
    size_t size;
    struct {
        size_t offset;
        uint32_t size;
        enum sess_stream stream;
        uint64_t seq;
    } * chunks;
    size_t count;
};

static struct iocp_port *port;
static struct model model;
static struct sess_budget budget;

static int open_port(void **state)
{
    int os_error;
    (void)state;
    model.bytes = malloc(WRITTEN_MAX);
    model.chunks = malloc(CHUNKS_MAX * sizeof(*model.chunks));
    assert_true(model.bytes != NULL && model.chunks != NULL);
    return iocp_port_open(NULL, &port, &os_error);
}

static int close_port(void **state)
{
    (void)state;
    iocp_port_close(port);
    free(model.bytes);
    free(model.chunks);
    return 0;
}

static void begin(uint64_t limit_bytes)
{
    model.size = model.count = 0;
    budget = (struct sess_budget){.limit_bytes = limit_bytes};
}

/* Appends a chunk of random bytes that pins much more or exactly what it has. */
static void append(struct sess_headtail *headtail, uint64_t *random, uint32_t size)
{
    struct iocp_slice whole = {0};
    bool alone = sup_below(random, 2) == 0;
    uint32_t lead = alone ? 0 : (uint32_t)sup_below(random, 1000);
    uint32_t lease = alone ? size : IOCP_SLAB_BYTES;
    assert_true(model.size + size <= WRITTEN_MAX && model.count < CHUNKS_MAX);
    assert_int_equal(iocp_lease(port, lease, &whole), 0);
    struct sess_chunk chunk = {
        .seq = (model.count > 0 ? model.chunks[model.count - 1].seq : 0) + 1 +
               (sup_below(random, 10) == 0),
        .time_ns = 1000 + model.count,
        .stream = (enum sess_stream)sup_below(random, SESS_STREAMS),
        .slice = iocp_slice_part(&whole, lead, size),
    };
    iocp_slice_unref(&whole);
    for (uint32_t i = 0; i < size; i++)
        chunk.slice.data[i] = (uint8_t)sup_random(random);
    memcpy(model.bytes + model.size, chunk.slice.data, size);
    model.chunks[model.count].offset = model.size;
    model.chunks[model.count].size = size;
    model.chunks[model.count].stream = chunk.stream;
    model.chunks[model.count++].seq = chunk.seq;
    model.size += size;
    sess_headtail_append(headtail, &chunk);
    iocp_slice_unref(&chunk.slice);
}

/* The model's chunk of a number. */
static size_t find_chunk(uint64_t seq)
{
    size_t low = 0, high = model.count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (model.chunks[middle].seq < seq)
            low = middle + 1;
        else
            high = middle;
    }
    assert_true(low < model.count && model.chunks[low].seq == seq);
    return low;
}

/* Checks one piece against the model. at: where it must begin. */
static void check_piece(const struct sess_piece *piece, size_t at)
{
    size_t index = find_chunk(piece->seq);
    assert_int_equal(model.chunks[index].offset + piece->offset_bytes, at);
    assert_int_equal(piece->chunk_size_bytes, model.chunks[index].size);
    assert_int_equal(piece->stream, model.chunks[index].stream);
    assert_int_equal(piece->time_ns, 1000 + index);
    assert_memory_equal(piece->data, model.bytes + at, piece->size_bytes);
}

/* Counts what lies in [from, to) as omitted. */
static void check_omitted(const struct sess_headtail *headtail, size_t from, size_t to)
{
    uint64_t bytes[SESS_STREAMS] = {0}, chunks = 0;
    for (size_t i = 0; i < model.count; i++) {
        size_t begins = model.chunks[i].offset, ends = begins + model.chunks[i].size;
        size_t first = begins > from ? begins : from, last = ends < to ? ends : to;
        if (first < last)
            bytes[model.chunks[i].stream] += last - first;
        chunks += begins >= from && ends <= to;
    }
    for (int i = 0; i < SESS_STREAMS; i++)
        assert_int_equal(headtail->omitted_bytes[i], bytes[i]);
    assert_int_equal(headtail->omitted_chunks, chunks);
    assert_int_equal(sess_headtail_omitted(headtail), to - from);
}

/* The head is the beginning, the tail the end, what lies between is counted. Gives their sizes. */
static void check(const struct sess_headtail *headtail, size_t *out_head, size_t *out_tail)
{
    struct sess_piece piece;
    size_t head = 0, tail = 0, pieces = 0;
    for (uint32_t cursor = 0; sess_headtail_next(headtail, &cursor, &piece); pieces++) {
        assert_true(piece.size_bytes > 0);
        tail += piece.in_tail ? piece.size_bytes : 0;
        head += piece.in_tail ? 0 : piece.size_bytes;
    }
    assert_true(head + tail <= model.size);
    size_t at = 0;
    for (uint32_t cursor = 0; sess_headtail_next(headtail, &cursor, &piece);) {
        if (piece.in_tail && at < model.size - tail)
            at = model.size - tail;
        check_piece(&piece, at);
        at += piece.size_bytes;
    }
    assert_int_equal(sess_headtail_kept(headtail), head + tail);
    check_omitted(headtail, head, model.size - tail);
    assert_int_equal(atomic_load(&budget.held_bytes), headtail->held_bytes);
    /* At most twice what is kept, and an index whose ring is at most half empty or has shrunk. */
    uint64_t index = (uint64_t)(headtail->head.capacity + headtail->tail.capacity) *
                     sizeof(struct sess_part_entry);
    index += sess_lost_held(&headtail->lost);
    assert_true(headtail->held_bytes <= 2 * (head + tail) + index + 2 * 1024);
    *out_head = head;
    *out_tail = tail;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void test_headtail_random(void **state)
{
    (void)state;
    uint64_t random = sup_seed();
    static const uint32_t size_limits[] = {1, 2, 20, 300, 5000, 65536};
    for (int round = 0; round < SUP_COUNT(600, 100); round++) {
        struct sess_headtail headtail;
        size_t cap =
            sup_below(&random, 8) == 0 ? sup_below(&random, 5) : sup_below(&random, 1000 * 1000);
        uint32_t limit = size_limits[sup_below(&random, 6)];
        size_t head, tail;
        begin(UINT64_MAX);
        sess_headtail_init(&headtail, cap, &budget, &sess_memory_libc);
        for (uint64_t chunks = sup_below(&random, 120); chunks > 0; chunks--) {
            uint32_t size = 1 + (uint32_t)sup_below(&random, limit);
            if (model.size + size > WRITTEN_MAX)
                break;
            append(&headtail, &random, size);
        }
        check(&headtail, &head, &tail);
        assert_int_equal(head, smaller(model.size, cap / 2));
        assert_int_equal(tail, smaller(model.size - head, cap - cap / 2));
        sess_headtail_deinit(&headtail);
        assert_int_equal(atomic_load(&budget.held_bytes), 0);
    }
}

static void test_headtail_random_shrinks(void **state)
{
    (void)state;
    uint64_t random = sup_seed();
    for (int round = 0; round < SUP_COUNT(200, 40); round++) {
        struct sess_headtail headtail;
        size_t cap = sup_below(&random, 300 * 1000), head, tail, before;
        begin(UINT64_MAX);
        sess_headtail_init(&headtail, cap, &budget, &sess_memory_libc);
        for (int step = 0; step < 100; step++) {
            if (sup_below(&random, 4) != 0) {
                append(&headtail, &random, 1 + (uint32_t)sup_below(&random, 9000));
                continue;
            }
            check(&headtail, &head, &before);
            uint64_t held = headtail.held_bytes, want = sup_below(&random, cap + 1);
            uint64_t freed = sess_headtail_shrink(&headtail, want);
            uint64_t now = headtail.held_bytes; /* what was lost may take more than was freed */
            assert_int_equal(held > now ? held - now : 0, freed);
            check(&headtail, &head, &tail);
            assert_true(tail <= before);
            assert_true(freed >= want || tail == 0);
        }
        check(&headtail, &head, &tail);
        sess_headtail_deinit(&headtail);
        assert_int_equal(atomic_load(&budget.held_bytes), 0);
    }
}

/* Memory grows with what was written, not with the cap. */
static void test_headtail_small_output_is_small(void **state)
{
    (void)state;
    uint64_t random = sup_seed();
    struct sess_headtail headtail;
    begin(UINT64_MAX);
    sess_headtail_init(&headtail, 64 * 1024 * 1024, &budget, &sess_memory_libc);
    assert_int_equal(headtail.held_bytes, 0);
    append(&headtail, &random, 200);
    append(&headtail, &random, 20);
    assert_true(headtail.held_bytes < 1024);
    sess_headtail_deinit(&headtail);
}

static void test_headtail_chunks_are_bounded(void **state)
{
    (void)state;
    uint64_t random = sup_seed();
    struct sess_headtail headtail;
    size_t head, tail;
    begin(UINT64_MAX);
    sess_headtail_init(&headtail, 64 * 1024 * 1024, &budget, &sess_memory_libc);
    for (int i = 0; i < SESS_CHUNKS_MAX; i++)
        append(&headtail, &random, 1);
    check(&headtail, &head, &tail);
    assert_int_equal(head + tail, SESS_CHUNKS_MAX);
    for (int i = 0; i < 10000; i++)
        append(&headtail, &random, 1);
    check(&headtail, &head, &tail);
    assert_int_equal(head, SESS_CHUNKS_MAX / 2);
    assert_int_equal(tail, SESS_CHUNKS_MAX / 2);
    sess_headtail_deinit(&headtail);
}

static void test_headtail_cap_of_nothing(void **state)
{
    (void)state;
    uint64_t random = sup_seed();
    struct sess_headtail headtail;
    size_t head, tail;
    begin(UINT64_MAX);
    sess_headtail_init(&headtail, 0, &budget, &sess_memory_libc);
    for (int i = 0; i < 100; i++)
        append(&headtail, &random, 1 + (uint32_t)sup_below(&random, 100));
    check(&headtail, &head, &tail);
    assert_int_equal(head + tail, 0);
    assert_int_equal(headtail.omitted_chunks, 100);
    assert_int_equal(headtail.held_bytes, 0);
    sess_headtail_deinit(&headtail);
}

/* The budget is not overdrawn, whatever the cap says; the end is kept rather than nothing. */
static void test_headtail_stays_in_the_budget(void **state)
{
    (void)state;
    uint64_t random = sup_seed();
    enum { LIMIT = 200 * 1000 };
    for (int round = 0; round < SUP_COUNT(100, 20); round++) {
        struct sess_headtail headtail;
        size_t head, tail;
        begin(LIMIT);
        sess_headtail_init(&headtail, 50 * 1000 + sup_below(&random, 600 * 1000), &budget,
                           &sess_memory_libc);
        for (int i = 0; i < 200; i++) {
            append(&headtail, &random, 1 + (uint32_t)sup_below(&random, 8000));
            /* What a block or a ring takes beyond the chunk itself comes on top. */
            assert_true(headtail.held_bytes <= LIMIT + 48 * 1024);
        }
        check(&headtail, &head, &tail);
        assert_true(head + tail > 0);
        sess_headtail_deinit(&headtail);
        assert_int_equal(atomic_load(&budget.held_bytes), 0);
    }
}

/* With nothing left, nothing is kept; when there is something again, the end is. */
static void test_headtail_without_budget(void **state)
{
    (void)state;
    uint64_t random = sup_seed();
    struct sess_headtail headtail;
    size_t head, tail;
    begin(1000 * 1000);
    atomic_store(&budget.held_bytes, 1000 * 1000); /* others have it all */
    sess_headtail_init(&headtail, 100 * 1000, &budget, &sess_memory_libc);
    append(&headtail, &random, 5000);
    append(&headtail, &random, 5000);
    assert_int_equal(sess_headtail_kept(&headtail), 0);
    assert_int_equal(headtail.omitted_chunks, 2);
    atomic_store(&budget.held_bytes, 0);
    append(&headtail, &random, 5000);
    check(&headtail, &head, &tail);
    assert_int_equal(head, 0); /* the beginning is lost for good */
    assert_int_equal(tail, 5000);
    sess_headtail_deinit(&headtail);
}

/* ---- Failing memory ---- */

struct failing {
    unsigned calls, fail_at; /* fail_at 0: none; every failing one from there on if keeps_failing */
    bool keeps_failing;
};

static void *resize(void *context, void *block, size_t size_bytes)
{
    struct failing *failing = context;
    if (size_bytes == 0)
        return sess_memory_libc.resize(NULL, block, 0);
    failing->calls++;
    if (failing->calls == failing->fail_at ||
        (failing->keeps_failing && failing->calls > failing->fail_at))
        return NULL;
    return sess_memory_libc.resize(NULL, block, size_bytes);
}

static unsigned run_failing(uint64_t seed, unsigned fail_at, bool keeps_failing)
{
    struct failing failing = {.fail_at = fail_at, .keeps_failing = keeps_failing};
    const struct sess_memory memory = {resize, &failing};
    struct sess_headtail headtail;
    size_t head, tail;
    begin(UINT64_MAX);
    sess_headtail_init(&headtail, 40 * 1000, &budget, &memory);
    for (int i = 0; i < 40; i++) {
        append(&headtail, &seed, 1 + (uint32_t)sup_below(&seed, 4000));
        if (i % 16 == 15)
            (void)sess_headtail_shrink(&headtail, 5000);
    }
    check(&headtail, &head, &tail);
    sess_headtail_deinit(&headtail);
    assert_int_equal(atomic_load(&budget.held_bytes), 0);
    return failing.calls;
}

static void test_headtail_nth_allocation_fails(void **state)
{
    (void)state;
    uint64_t seed = sup_seed();
    unsigned calls = run_failing(seed, 0, false);
    assert_true(calls > 10);
    for (unsigned i = 1; i <= calls; i++) {
        (void)run_failing(seed, i, false);
        (void)run_failing(seed, i, true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headtail_random),
        cmocka_unit_test(test_headtail_random_shrinks),
        cmocka_unit_test(test_headtail_small_output_is_small),
        cmocka_unit_test(test_headtail_chunks_are_bounded),
        cmocka_unit_test(test_headtail_cap_of_nothing),
        cmocka_unit_test(test_headtail_stays_in_the_budget),
        cmocka_unit_test(test_headtail_without_budget),
        cmocka_unit_test(test_headtail_nth_allocation_fails),
    };
    return cmocka_run_group_tests(tests, open_port, close_port);
}
