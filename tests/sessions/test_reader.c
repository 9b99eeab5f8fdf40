/*
 * Reading whole chunks against a model: from every number, with every gap told exactly, by readers
 * that come new and by readers that stay. Random caps, chunks and shrinks; seeds printed.
 */
#include "support.h"

#include "sessions/reader.h"

enum { CHUNKS_MAX = 2 * SESS_LOST_SIZES_MAX, CHUNK_MOST = 9000 };

/* What was written. Byte i of chunk seq is (seq * 31 + i) % 256. */
struct model {
    uint32_t sizes[CHUNKS_MAX + 2]; /* by number; 0: no chunk has it */
    bool whole[CHUNKS_MAX + 2];
    uint64_t next_seq, exited_seq;
};

static struct iocp_port *port;
static struct model model;
static struct sess_budget budget;

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

static void begin(struct sess_headtail *headtail, size_t cap)
{
    memset(&model, 0, sizeof(model));
    model.next_seq = 1;
    budget = (struct sess_budget){.limit_bytes = UINT64_MAX};
    sess_headtail_init(headtail, cap, &budget, &sess_memory_libc);
}

static void append(struct sess_headtail *headtail, uint64_t *random, uint32_t size)
{
    struct sess_chunk chunk = {.seq = model.next_seq++, .time_ns = 1};
    assert_true(chunk.seq <= CHUNKS_MAX);
    assert_int_equal(iocp_lease(port, size, &chunk.slice), 0);
    chunk.stream = (enum sess_stream)sup_below(random, SESS_STREAMS);
    for (uint32_t i = 0; i < size; i++)
        chunk.slice.data[i] = (uint8_t)(chunk.seq * 31 + i);
    model.sizes[chunk.seq] = size;
    sess_headtail_append(headtail, &chunk);
    iocp_slice_unref(&chunk.slice);
}

/* The exit takes a number among the chunks', once. */
static void maybe_exit(uint64_t *random)
{
    if (model.exited_seq == 0 && sup_below(random, 20) == 0)
        model.exited_seq = model.next_seq++;
}

/* Learns which chunks are kept whole from the pieces that a snapshot would have. */
static void learn_whole(const struct sess_headtail *headtail)
{
    struct sess_piece piece;
    memset(model.whole, 0, sizeof(model.whole));
    for (uint32_t cursor = 0; sess_headtail_next(headtail, &cursor, &piece);)
        model.whole[piece.seq] = piece.size_bytes == piece.chunk_size_bytes;
}

static uint64_t bytes_of(uint64_t after_seq, uint64_t last_seq)
{
    uint64_t bytes = 0;
    for (uint64_t seq = after_seq + 1; seq <= last_seq; seq++)
        bytes += model.sizes[seq];
    return bytes;
}

static uint64_t next_chunk(uint64_t after_seq)
{
    uint64_t seq = after_seq + 1;
    while (seq < model.next_seq && model.sizes[seq] == 0)
        seq++;
    return seq < model.next_seq ? seq : 0;
}

/* What has to be missing behind a number. */
static struct sess_skipped expected_skip(uint64_t after_seq)
{
    struct sess_skipped skipped = {.is_exact = true};
    uint64_t seq = next_chunk(after_seq);
    for (; seq != 0 && !model.whole[seq]; seq = next_chunk(seq)) {
        if (skipped.first_seq == 0)
            skipped.first_seq = seq;
        skipped.last_seq = seq;
        skipped.bytes += model.sizes[seq];
    }
    return skipped;
}

static void check_piece(const struct sess_piece *piece)
{
    assert_int_equal(piece->size_bytes, model.sizes[piece->seq]);
    assert_int_equal(piece->chunk_size_bytes, piece->size_bytes);
    assert_int_equal(piece->offset_bytes, 0);
    for (uint32_t i = 0; i < piece->size_bytes; i++) {
        if (piece->data[i] != (uint8_t)(piece->seq * 31 + i))
            fail_msg("byte %u of chunk %llu is wrong", i, (unsigned long long)piece->seq);
    }
}

/* One step of a reader. false: it is at the end. */
static bool check_step(struct sess_reader *reader, const struct sess_headtail *headtail)
{
    struct sess_piece piece;
    struct sess_skipped skipped, expected = expected_skip(reader->after_seq);
    uint64_t behind = expected.last_seq != 0 ? expected.last_seq : reader->after_seq;
    bool more = sess_reader_next(reader, headtail, model.exited_seq, &piece, &skipped);
    assert_int_equal(skipped.first_seq, expected.first_seq);
    assert_int_equal(skipped.last_seq, expected.last_seq);
    assert_true(skipped.is_exact);
    assert_int_equal(skipped.bytes, expected.bytes);
    assert_int_equal(more, next_chunk(behind) != 0);
    if (more) {
        assert_int_equal(piece.seq, next_chunk(behind));
        check_piece(&piece);
        behind = piece.seq;
    }
    assert_int_equal(reader->after_seq, behind);
    assert_int_equal(reader->before_bytes, bytes_of(0, behind));
    return more;
}

/* Reads everything from a number on: it is known how many bytes came before. */
static void check_from(const struct sess_headtail *headtail, uint64_t after_seq)
{
    struct sess_reader reader;
    sess_reader_init(&reader, headtail, model.exited_seq, after_seq, SESS_BYTES_UNKNOWN);
    assert_int_equal(reader.before_bytes, bytes_of(0, after_seq));
    while (check_step(&reader, headtail))
        continue;
}

static void test_reader_from_every_number(void **state)
{
    (void)state;
    uint64_t random = sup_seed();
    static const uint32_t limits[] = {1, 20, 800, CHUNK_MOST};
    for (int round = 0; round < SUP_COUNT(150, 30); round++) {
        struct sess_headtail headtail;
        size_t cap =
            sup_below(&random, 6) == 0 ? 1 + sup_below(&random, 3) : 1 + sup_below(&random, 90000);
        uint32_t limit = limits[sup_below(&random, 4)];
        begin(&headtail, cap);
        for (uint64_t count = sup_below(&random, 100); count > 0; count--) {
            append(&headtail, &random, 1 + (uint32_t)sup_below(&random, limit));
            maybe_exit(&random);
            if (sup_below(&random, 30) == 0)
                (void)sess_headtail_shrink(&headtail, sup_below(&random, cap + 1));
        }
        learn_whole(&headtail);
        for (uint64_t after = 0; after <= model.next_seq; after++)
            check_from(&headtail, after);
        sess_headtail_deinit(&headtail);
    }
}

/* Readers that stay while output comes: each byte is either given or counted as missing, once. */
static void test_reader_stays(void **state)
{
    (void)state;
    enum { READERS = 6 };
    uint64_t random = sup_seed();
    for (int round = 0; round < SUP_COUNT(200, 40); round++) {
        struct sess_headtail headtail;
        struct sess_reader readers[READERS];
        size_t cap = 1 + sup_below(&random, 60000);
        begin(&headtail, cap);
        for (int i = 0; i < READERS; i++)
            sess_reader_init(&readers[i], &headtail, 0, 0, SESS_BYTES_UNKNOWN);
        for (int step = 0; step < 300; step++) {
            append(&headtail, &random, 1 + (uint32_t)sup_below(&random, 1000));
            maybe_exit(&random);
            if (sup_below(&random, 50) == 0)
                (void)sess_headtail_shrink(&headtail, sup_below(&random, cap + 1));
            int which = (int)sup_below(&random, READERS);
            learn_whole(&headtail);
            /* Every step it may have been away: the count comes back as it went out. */
            sess_reader_init(&readers[which], &headtail, model.exited_seq, readers[which].after_seq,
                             readers[which].before_bytes);
            for (uint64_t reads = sup_below(&random, 4 * READERS); reads > 0; reads--) {
                if (!check_step(&readers[which], &headtail))
                    break;
            }
        }
        sess_headtail_deinit(&headtail);
    }
}

/* 8,000 chunks of 100 bytes; 1 to 20 and 7,981 to 8,000 are kept. */
static void append_thousands(struct sess_headtail *headtail)
{
    uint64_t random = 1;
    for (int i = 0; i < 8000; i++)
        append(headtail, &random, 100);
}

static void expect_skip(const struct sess_headtail *headtail, struct sess_reader *reader,
                        uint64_t bytes, bool is_exact)
{
    struct sess_piece piece;
    struct sess_skipped skipped;
    uint64_t first_seq = reader->after_seq + 1;
    assert_true(sess_reader_next(reader, headtail, 0, &piece, &skipped));
    assert_int_equal(piece.seq, 7981);
    assert_int_equal(skipped.first_seq, first_seq);
    assert_int_equal(skipped.last_seq, 7980);
    assert_int_equal(skipped.bytes, bytes);
    assert_int_equal(skipped.is_exact, is_exact);
    assert_int_equal(reader->before_bytes, 798100);
}

/* Who is further behind than sizes are kept brings its own count along. A wrong one is no way to
 * confuse anybody: it is an upper bound then. */
static void test_reader_far_behind(void **state)
{
    (void)state;
    static const uint64_t wrong[] = {0, 1999, 798001, UINT64_MAX - 1, SESS_BYTES_UNKNOWN};
    enum { NEAR = 7980 - SESS_LOST_SIZES_MAX };
    struct sess_headtail headtail;
    struct sess_reader reader;
    struct sess_piece piece;
    struct sess_skipped skipped;
    begin(&headtail, 4000);
    append_thousands(&headtail);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        sess_reader_init(&reader, &headtail, 0, NEAR - 1, wrong[i]);
        expect_skip(&headtail, &reader, 796000, false);
        sess_reader_init(&reader, &headtail, 0, NEAR, wrong[i]); /* not believed, but known */
        expect_skip(&headtail, &reader, SESS_LOST_SIZES_MAX * 100, true);
        sess_reader_init(&reader, &headtail, 0, 20, wrong[i]);
        expect_skip(&headtail, &reader, 796000, true);
    }
    sess_reader_init(&reader, &headtail, 0, 50, 5000);
    expect_skip(&headtail, &reader, 793000, true);
    sess_reader_init(&reader, &headtail, 0, UINT64_MAX, 0);
    assert_false(sess_reader_next(&reader, &headtail, 0, &piece, &skipped));
    assert_int_equal(skipped.first_seq, 0);
    sess_headtail_deinit(&headtail);
}

static bool memory_fails;

static void *resize_or_fail(void *context, void *block, size_t size_bytes)
{
    (void)context;
    if (size_bytes > 0 && memory_fails)
        return NULL;
    return sess_memory_libc.resize(sess_memory_libc.context, block, size_bytes);
}

/* Sizes that there was no memory for are not known; the newest are kept in what there is. */
static void test_reader_without_memory_for_sizes(void **state)
{
    (void)state;
    static const struct sess_memory memory = {.resize = resize_or_fail};
    struct sess_lost lost = {0};
    uint64_t bytes;
    memory_fails = true;
    sess_lost_note(&lost, &memory, 3, 10, true);
    assert_int_equal(lost.first_seq, 3);
    assert_int_equal(sess_lost_held(&lost), 0);
    assert_false(sess_lost_bytes(&lost, 0, 0, &bytes));
    memory_fails = false;
    sess_lost_note(&lost, &memory, 4, 20, false); /* nor may it */
    assert_int_equal(sess_lost_held(&lost), 0);
    for (uint64_t seq = 5; seq <= 70; seq++) {
        sess_lost_note(&lost, &memory, seq, SESS_CHUNK_MAX_BYTES, true);
        memory_fails = true; /* one block it is */
    }
    assert_true(sess_lost_bytes(&lost, 6, 0, &bytes));
    assert_int_equal(bytes, 64 * SESS_CHUNK_MAX_BYTES);
    assert_false(sess_lost_bytes(&lost, 5, 0, &bytes));
    assert_true(sess_lost_bytes(&lost, 70, 0, &bytes));
    assert_int_equal(bytes, 0);
    memory_fails = false;
    sess_lost_deinit(&lost, &memory);
}

/* Nothing is kept: everything is missing, and told as such. */
static void test_reader_without_retention(void **state)
{
    (void)state;
    uint64_t random = 1;
    struct sess_headtail headtail;
    struct sess_reader reader;
    struct sess_piece piece;
    struct sess_skipped skipped;
    begin(&headtail, 0);
    sess_reader_init(&reader, &headtail, 0, 0, SESS_BYTES_UNKNOWN);
    assert_false(sess_reader_next(&reader, &headtail, 0, &piece, &skipped));
    assert_int_equal(skipped.last_seq, 0);
    for (int i = 0; i < 10; i++)
        append(&headtail, &random, 7);
    assert_false(sess_reader_next(&reader, &headtail, 0, &piece, &skipped));
    assert_int_equal(skipped.first_seq, 1);
    assert_int_equal(skipped.last_seq, 10);
    assert_int_equal(skipped.bytes, 70);
    assert_int_equal(reader.after_seq, 10);
    assert_false(sess_reader_next(&reader, &headtail, 0, &piece, &skipped));
    assert_int_equal(skipped.last_seq, 0);
    sess_headtail_deinit(&headtail);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reader_from_every_number),
        cmocka_unit_test(test_reader_stays),
        cmocka_unit_test(test_reader_far_behind),
        cmocka_unit_test(test_reader_without_memory_for_sizes),
        cmocka_unit_test(test_reader_without_retention),
    };
    return cmocka_run_group_tests(tests, open_port, close_port);
}
