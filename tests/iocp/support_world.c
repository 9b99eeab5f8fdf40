/*
 * The portable half of the suite's support: the program's seed and counts, failures noted by
 * callbacks, the port of a test with its leak check, and strands that the test's thread calls into.
 *
 * Mutable state at file scope: only the first failed check, since callbacks have nowhere else to
 * tell it.
 */
#include "support.h"

#include <time.h>

static _Atomic unsigned failures;
static _Atomic(const char *) first_what;
static _Atomic(const char *) first_file;
static _Atomic int first_line;

void sup_note_failure(const char *what, const char *file, int line)
{
    if (atomic_fetch_add(&failures, 1) > 0)
        return;
    atomic_store(&first_line, line);
    atomic_store(&first_file, file);
    atomic_store(&first_what, what);
}

void sup_assert_no_failures(void)
{
    unsigned count = atomic_exchange(&failures, 0);
    if (count == 0)
        return;
    const char *what = atomic_exchange(&first_what, NULL);
    const char *file = atomic_load(&first_file);
    fail_msg("%u checks failed in callbacks, first %s at %s:%d", count, what ? what : "?",
             file ? file : "?", atomic_load(&first_line));
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL && *text != '\0' ? strtoull(text, NULL, 0) : otherwise;
}

uint64_t sup_seed(void)
{
    uint64_t fresh = (uint64_t)time(NULL) * 1000003u + sup_now_ms();
    uint64_t seed = from_environment("EXECPORT_SEED", fresh);
    printf("EXECPORT_SEED=%llu\n", (unsigned long long)seed);
    fflush(stdout);
    return seed;
}

bool sup_enough_since(uint64_t began_ms)
{
    enum { ENOUGH_MS = 15000 }; /* a few of them, and others, within a test's time limit */
    return sup_now_ms() - began_ms >= ENOUGH_MS && from_environment("EXECPORT_SOAK", 0) == 0;
}

uint64_t sup_operations(void)
{
    return from_environment("EXECPORT_OPS", SUP_STRESS(1000000, 100000));
}

void sup_random_init(struct sup_random *random, uint64_t seed, uint64_t stream)
{
    random->state = (seed ^ (stream * 0x9e3779b97f4a7c15u)) | 1;
    for (int i = 0; i < 8; i++)
        (void)sup_random_below(random, 2);
}

uint32_t sup_random_below(struct sup_random *random, uint32_t bound)
{
    uint64_t x = random->state; /* xorshift64*, Marsaglia and Vigna */
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    random->state = x;
    return (uint32_t)(((x * 0x2545f4914f6cdd1du) >> 32) % bound);
}

static uint8_t pattern_byte(uint32_t offset, uint32_t stream)
{
    uint32_t x = offset * 2654435761u + stream * 40503u;
    return (uint8_t)(x >> 24 ^ x >> 13);
}

void sup_fill(void *data, size_t size_bytes, uint64_t offset, uint32_t stream)
{
    uint8_t *bytes = data;
    for (size_t i = 0; i < size_bytes; i++)
        bytes[i] = pattern_byte((uint32_t)offset + (uint32_t)i, stream);
}

bool sup_matches(const void *data, size_t size_bytes, uint64_t offset, uint32_t stream)
{
    const uint8_t *bytes = data;
    unsigned differences = 0;
    for (size_t i = 0; i < size_bytes; i++)
        differences += bytes[i] != pattern_byte((uint32_t)offset + (uint32_t)i, stream);
    return differences == 0;
}

void *sup_new(size_t size_bytes)
{
    void *memory = calloc(1, size_bytes);
    assert_non_null(memory);
    return memory;
}

size_t sup_end_read_all(struct sup_end *end, void *data, size_t size_bytes)
{
    size_t got = 0;
    while (got < size_bytes) {
        long n = sup_end_read(end, (uint8_t *)data + got, size_bytes - got);
        if (n <= 0)
            break;
        got += (size_t)n;
    }
    return got;
}

/* ---- The port of a test -------------------------------------------------------------------- */

struct sup_world *sup_world_open(const struct iocp_port_options *options)
{
    struct sup_world *world = sup_new(sizeof *world);
    world->handles = sup_handles();
    world->threads = sup_threads();
    int os_error = 0;
    assert_int_equal(iocp_port_open(options, &world->port, &os_error), IOCP_OK);
    return world;
}

void sup_world_close(struct sup_world *world)
{
    iocp_port_close(world->port);
    sup_assert_no_failures();
    assert_int_equal(sup_handles(), world->handles);
    assert_true(sup_threads_settle(world->threads));
    free(world);
}

void sup_stats(const struct sup_world *world, struct iocp_stats *out_stats)
{
    iocp_port_stats(world->port, out_stats);
}

static uint64_t kernel_looks(const struct sup_world *world)
{
    struct iocp_stats stats;
    sup_stats(world, &stats);
    return stats.kernel_waits + stats.kernel_polls + stats.kernel_events;
}

void sup_world_settle(const struct sup_world *world)
{
    uint64_t deadline_ms = sup_now_ms() + SUP_DEADLINE_MS;
    uint64_t before = kernel_looks(world);
    for (;;) {
        sup_observe_ms(50);
        uint64_t now = kernel_looks(world);
        if (now == before)
            return;
        before = now;
        assert_true(sup_now_ms() < deadline_ms);
    }
}

static bool stood_still(const struct iocp_stats *before, const struct iocp_stats *after)
{
    return after->kernel_waits == before->kernel_waits &&
           after->kernel_polls == before->kernel_polls &&
           after->kernel_events == before->kernel_events && after->callbacks == before->callbacks &&
           after->reads == before->reads && after->registrations == before->registrations &&
           after->timer_settings == before->timer_settings && after->wakes == before->wakes &&
           after->slab_waits == before->slab_waits;
}

void sup_world_assert_silence(const struct sup_world *world)
{
    enum { OBSERVED_MS = 300 };
    uint64_t deadline_ms = sup_now_ms() + SUP_DEADLINE_MS;
    struct iocp_stats before, after;
    sup_world_settle(world);
    for (sup_stats(world, &after);;) {
        before = after;
        sup_observe_ms(OBSERVED_MS);
        sup_stats(world, &after);
        if (stood_still(&before, &after))
            return;
        if (sup_now_ms() > deadline_ms)
            fail_msg("no silence: at last %llu waits, %llu polls, %llu events, %llu callbacks",
                     (unsigned long long)(after.kernel_waits - before.kernel_waits),
                     (unsigned long long)(after.kernel_polls - before.kernel_polls),
                     (unsigned long long)(after.kernel_events - before.kernel_events),
                     (unsigned long long)(after.callbacks - before.callbacks));
    }
}

/* ---- A strand to call into ----------------------------------------------------------------- */

static void on_box_call(struct iocp_op *op)
{
    struct sup_box *box = IOCP_OWNER(op, struct sup_box, op);
    box->call(box->argument);
    sup_tally_add(&box->done, 1);
}

struct sup_box *sup_box_new(const struct sup_world *world)
{
    struct sup_box *box = sup_new(sizeof *box);
    iocp_strand_init(&box->strand, world->port);
    iocp_op_init(&box->op, &box->strand, on_box_call);
    return box;
}

void sup_box_call(struct sup_box *box, void (*call)(void *argument), void *argument)
{
    box->call = call;
    box->argument = argument;
    iocp_post(&box->op);
    sup_tally_await(&box->done, ++box->calls);
}

static void on_box_end(struct iocp_op *op)
{
    struct sup_box *box = IOCP_OWNER(op, struct sup_box, op);
    sup_tally_add(&box->done, 1); /* the test's thread may free the box from here on */
}

static void end_box(void *argument)
{
    struct sup_box *box = argument;
    iocp_strand_end(&box->strand, &box->op, on_box_end);
}

void sup_box_end(struct sup_box *box)
{
    box->call = end_box;
    box->argument = box;
    iocp_post(&box->op);
    sup_tally_await(&box->done, box->calls + 2); /* the call and the end that it started */
    free(box);
}
