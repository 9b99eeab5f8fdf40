/*
 * Lanes: a connection after the other, with the accounts checked in between: what one side has read
 * is what the other has written, all of it if the end was seen.
 */
#include "race.h"

bool race_is_over(struct race *race)
{
    return atomic_load_explicit(&race->over, memory_order_relaxed);
}

void race_count_start(struct race *race, enum race_kind kind)
{
    uint64_t before = atomic_fetch_add_explicit(&race->total, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&race->started[kind], 1, memory_order_relaxed);
    if (before + 1 >= race->target)
        atomic_store_explicit(&race->over, true, memory_order_relaxed);
}

void race_arm(struct race *race, enum race_kind kind, bool *armed)
{
    SUP_CHECK(!*armed);
    *armed = true;
    race_count_start(race, kind);
}

void race_disarm(struct race *race, enum race_kind kind, bool *armed)
{
    SUP_CHECK(*armed);
    *armed = false;
    atomic_fetch_add_explicit(&race->completed[kind], 1, memory_order_relaxed);
}

bool race_lane_has_thread(const struct race_lane *lane)
{
    return lane->kind == SUP_PIPE_IN || lane->kind == SUP_PIPE_OUT;
}

uint32_t race_lane_pattern(const struct race_lane *lane, unsigned side)
{
    return (lane->generation * RACE_LANES + lane->number) * 2 + side + 1;
}

/* ---- The thread at the other side of a pipe -------------------------------------------------- */

static void send_to_pipe(struct race_lane *lane, struct sup_random *random, uint8_t *data)
{
    unsigned chunks = sup_random_below(random, 400);
    uint32_t pattern = race_lane_pattern(lane, 1);
    while (chunks-- > 0 && !race_is_over(lane->race)) {
        size_t size = 1 + sup_random_below(
                              random, sup_random_below(random, 8) == 0 ? RACE_BUFFER_BYTES : 1000);
        sup_fill(data, size, lane->their_bytes, pattern);
        size_t done = sup_end_write(&lane->theirs, data, size);
        lane->their_bytes += done;
        if (done < size)
            return;
        sup_spin(sup_random_below(random, 100));
    }
}

static void receive_from_pipe(struct race_lane *lane, struct sup_random *random, uint8_t *data)
{
    unsigned chunks = sup_random_below(random, 800);
    uint32_t pattern = race_lane_pattern(lane, 0);
    while (chunks-- > 0) {
        long got = sup_end_read(&lane->theirs, data, 1 + sup_random_below(random, 8000));
        if (got <= 0) {
            SUP_CHECK(got == 0);
            lane->their_end_seen = true;
            return;
        }
        SUP_CHECK(sup_matches(data, (size_t)got, lane->their_bytes, pattern));
        lane->their_bytes += (uint64_t)got;
    }
}

static void other_side_of_pipe(void *argument)
{
    struct race_lane *lane = argument;
    struct sup_random random;
    uint8_t *data = sup_new(RACE_BUFFER_BYTES);
    sup_random_init(&random, lane->race->seed, 1000 + lane->number);
    for (uint64_t turn = 1;; turn++) {
        if (!sup_tally_wait(&lane->go, turn, 4 * SUP_DEADLINE_MS) || lane->finishing)
            break;
        lane->their_bytes = 0;
        lane->their_end_seen = false;
        if (lane->kind == SUP_PIPE_IN)
            send_to_pipe(lane, &random, data);
        else
            receive_from_pipe(lane, &random, data);
        sup_end_close(&lane->theirs);
        race_lane_part_done(lane);
    }
    free(data);
}

/* ---- Generations ----------------------------------------------------------------------------- */

static void check_accounts_of_pipe(const struct race_lane *lane)
{
    const struct race_side *side = &lane->sides[0];
    if (lane->kind == SUP_PIPE_IN) {
        SUP_CHECK(side->got_bytes <= lane->their_bytes);
        SUP_CHECK(side->read_end != IOCP_E_END || side->got_bytes == lane->their_bytes);
        return;
    }
    SUP_CHECK(lane->their_bytes <= side->wrote_bytes);
    SUP_CHECK(!lane->their_end_seen || lane->their_bytes == side->wrote_bytes);
}

static void check_accounts(const struct race_lane *lane)
{
    if (lane->generation == 0)
        return;
    if (race_lane_has_thread(lane)) {
        check_accounts_of_pipe(lane);
        return;
    }
    for (unsigned i = 0; i < 2; i++) {
        const struct race_side *from = &lane->sides[i], *to = &lane->sides[1 - i];
        SUP_CHECK(to->got_bytes <= from->wrote_bytes);
        /* A write may be the one that is told of a reset; the reads after it see an end then. Who
         * goes with bytes unread resets the connection. */
        bool is_reset =
            to->write_ended || (!lane->race->resets_last && from->got_bytes < to->wrote_bytes);
        bool whole = to->read_end == IOCP_E_END && !is_reset;
        SUP_CHECK(!whole || to->got_bytes == from->wrote_bytes);
    }
}

static void connect_lane(struct race_lane *lane)
{
    struct sup_pair pair;
    if (!race_lane_has_thread(lane)) {
        SUP_CHECK(sup_pair_sockets(lane->kind, lane->handles));
        return;
    }
    SUP_CHECK(sup_pair_open(lane->race->world->port, lane->kind, &pair));
    lane->handles[0] = pair.ours;
    lane->theirs = pair.theirs;
}

static void begin_parts(struct race_lane *lane)
{
    bool has_thread = race_lane_has_thread(lane); /* the lane is theirs with the first of these */
    race_side_begin(&lane->sides[0]);
    if (has_thread)
        sup_tally_add(&lane->go, 1);
    else
        race_side_begin(&lane->sides[1]);
}

void race_lane_part_done(struct race_lane *lane)
{
    unsigned before = atomic_fetch_add(&lane->parts, 1);
    SUP_CHECK(before < 2);
    if (before == 0)
        return;
    if (lane->finishing) {
        sup_tally_add(&lane->race->lanes_done, 1);
        return;
    }
    check_accounts(lane);
    lane->generation++;
    lane->finishing = race_is_over(lane->race);
    /* A finishing thread has no part any more. */
    atomic_store(&lane->parts, lane->finishing && race_lane_has_thread(lane) ? 1 : 0);
    if (!lane->finishing)
        connect_lane(lane);
    begin_parts(lane);
}

void race_lane_start(struct race_lane *lane)
{
    race_side_init(&lane->sides[0], lane, lane->number * 2);
    if (race_lane_has_thread(lane))
        lane->thread = sup_thread_start(other_side_of_pipe, lane);
    else
        race_side_init(&lane->sides[1], lane, lane->number * 2 + 1);
}

void race_lane_go(struct race_lane *lane)
{
    atomic_store(&lane->parts, 1);
    race_lane_part_done(lane);
}

static void end_side(struct race_side *side)
{
    sup_box_end(side->box);
    assert_int_equal(side->nudges_seen, atomic_load(&side->nudges_taken));
    assert_false(side->reading || side->writing || side->open || side->helping || side->waiting);
}

void race_lane_end(struct race_lane *lane)
{
    end_side(&lane->sides[0]);
    if (race_lane_has_thread(lane))
        sup_thread_join(lane->thread);
    else
        end_side(&lane->sides[1]);
}
