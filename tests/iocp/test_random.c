/*
 * Rule 2 over a million random operations that race on one port: each one that was started
 * completes exactly once, and every byte arrives in order or is accounted for by the result of a
 * cancel, a close or a reset. The seed is printed; EXECPORT_SEED=N repeats its choices (not the
 * system's timing), EXECPORT_OPS=N sets the count.
 */
#include "race.h"

static const char *const kind_names[RACE_KINDS] = {
    "reads", "writes", "closes", "cancels", "timers", "posts", "kicks", "helps", "exits",
};

static const enum sup_pair_kind lane_kinds[RACE_LANES] = {
    SUP_LOCAL, SUP_TCP, SUP_PIPE_IN, SUP_PIPE_OUT, SUP_LOCAL, SUP_TCP, SUP_LOCAL, SUP_PIPE_IN,
};

static struct race *race_new(unsigned workers)
{
    const struct iocp_port_options options = {
        .workers = workers,
        .helpers = {2, 1},
        .helper_queue = 4, /* short: some are told BUSY */
        .slab_limit_bytes = (size_t)RACE_SLABS * IOCP_SLAB_BYTES,
    };
    struct race *race = sup_new(sizeof *race);
    race->seed = sup_seed();
    race->target = sup_operations();
    race->resets_last = sup_resets_last();
    race->world = sup_world_open(&options);
    atomic_store(&race->children_left, (int)(race->target / SUP_COUNT(4000, 2000)));
    race->lanes = sup_new(RACE_LANES * sizeof *race->lanes);
    for (unsigned i = 0; i < RACE_LANES; i++) {
        race->lanes[i].race = race;
        race->lanes[i].number = i;
        race->lanes[i].kind = lane_kinds[i];
    }
    return race;
}

static void print_counts(struct race *race, const struct iocp_stats *stats)
{
    for (unsigned i = 0; i < RACE_KINDS; i++)
        print_message("%s %llu, ", kind_names[i], (unsigned long long)race->started[i]);
    print_message("connections");
    for (unsigned i = 0; i < RACE_LANES; i++)
        print_message(" %u", race->lanes[i].generation);
    print_message("; slab waits %llu, stale events %llu, waits %llu, polls %llu\n",
                  (unsigned long long)stats->slab_waits, (unsigned long long)stats->stale_events,
                  (unsigned long long)stats->kernel_waits, (unsigned long long)stats->kernel_polls);
}

static void check_counts(struct race *race)
{
    assert_true(atomic_load(&race->total) >= race->target);
    for (unsigned i = 0; i < RACE_KINDS; i++) {
        assert_true(race->started[i] > 0 || race->target < 50000);
        if (i != RACE_CANCEL && i != RACE_KICK) /* no completions of their own; kicks: per side */
            assert_int_equal(race->started[i], race->completed[i]);
    }
}

/* Of the lanes: mail goes on whatever these do. */
static uint64_t completions(struct race *race)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < RACE_KINDS; i++)
        sum += i == RACE_POST ? 0 : atomic_load(&race->completed[i]);
    return sum;
}

/* What a side stands still with; read without its strand, since that may be what does not run. */
static void describe_side(const struct race_lane *lane, unsigned index)
{
    const struct race_side *side = &lane->sides[index];
    print_message("lane %u side %u kind %d generation %u: open %d, closing %d, leaving %d, "
                  "reading %d, writing %d, read_end %d, driving %d, resting %d, finishing %d, "
                  "helping %d, waiting %d, timers %d %d, got %llu, wrote %llu\n",
                  lane->number, index, (int)lane->kind, lane->generation, side->open, side->closing,
                  side->leaving, side->reading, side->writing, side->read_end, side->driving,
                  side->resting, side->finishing, side->helping, side->waiting,
                  side->timers[0].armed, side->timers[1].armed, (unsigned long long)side->got_bytes,
                  (unsigned long long)side->wrote_bytes);
}

static void describe(struct race *race)
{
    struct iocp_stats stats;
    sup_stats(race->world, &stats);
    print_counts(race, &stats);
    for (unsigned i = 0; i < RACE_LANES; i++)
        for (unsigned side = 0; side < (race_lane_has_thread(&race->lanes[i]) ? 1 : 2); side++)
            describe_side(&race->lanes[i], side);
}

/* However many operations there are and however busy the machine is: some complete all the time. */
static bool await_lanes(struct race *race)
{
    uint64_t before;
    do {
        before = completions(race);
        if (sup_tally_wait(&race->lanes_done, RACE_LANES, 2 * SUP_DEADLINE_MS))
            return true;
        describe(race);
    } while (completions(race) != before);
    return false;
}

static void run_race(unsigned workers)
{
    struct race *race = race_new(workers);
    struct iocp_stats stats;
    for (unsigned i = 0; i < RACE_LANES; i++)
        race_lane_start(&race->lanes[i]); /* all first: they nudge each other */
    for (unsigned i = 0; i < RACE_LANES; i++)
        race_lane_go(&race->lanes[i]);
    struct race_mail *mail = race_mail_start(race);
    assert_true(await_lanes(race));
    for (unsigned i = 0; i < RACE_LANES; i++)
        race_lane_end(&race->lanes[i]);
    race_mail_end(mail);
    sup_stats(race->world, &stats);
    print_counts(race, &stats);
    check_counts(race);
    assert_true(stats.slabs_leased <= workers); /* what was held was given back */
    sup_world_close(race->world);
    free(race->lanes);
    free(race);
}

static void test_random_operations_complete_exactly_once(void **state)
{
    (void)state;
    run_race(3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_operations_complete_exactly_once),
    };
    sup_begin();
    return cmocka_run_group_tests_name("iocp/random", tests, NULL, NULL);
}
