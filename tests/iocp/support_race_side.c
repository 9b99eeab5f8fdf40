/*
 * A side of a lane: a strand with a stream, on which random things are done until its budget is
 * used; then it leaves, either politely (says that no more will come, reads to the end) or at once,
 * with all that is pending.
 */
#include "race.h"

enum { CHANCES = 100 };

static struct race_side *side_of(struct iocp_stream *stream)
{
    return IOCP_OWNER(stream, struct race_side, stream);
}

static uint32_t chance(struct race_side *side, uint32_t bound)
{
    return sup_random_below(&side->random, bound);
}

/* ---- Reading --------------------------------------------------------------------------------- */

static void start_read(struct race_side *side)
{
    if (!side->may_read || side->reading || side->closing || side->read_end != 0)
        return;
    bool large = side->leaving || chance(side, 4) == 0;
    side->read_max_bytes = 1 + chance(side, large ? IOCP_READ_MAX : 2000);
    race_arm(side->race, RACE_READ, &side->reading);
    side->starting = true;
    iocp_read_start(&side->stream, side->read_max_bytes);
    side->starting = false;
}

static void drop_held(struct race_held *held)
{
    const struct iocp_slice *slice = &held->slice;
    if (slice->slab == NULL)
        return;
    SUP_CHECK(sup_matches(slice->data, slice->size_bytes, held->offset, held->pattern));
    iocp_slice_unref(&held->slice);
}

/* Now and then a slice, or a part of it, is held for a while. */
static void take_data(struct race_side *side, struct iocp_slice *slice)
{
    SUP_CHECK(slice->size_bytes > 0 && slice->size_bytes <= side->read_max_bytes);
    SUP_CHECK(sup_matches(slice->data, slice->size_bytes, side->got_bytes, side->in_pattern));
    struct race_held *held = &side->held[chance(side, RACE_HELD)];
    if (chance(side, 8) == 0) {
        uint32_t skip = chance(side, slice->size_bytes);
        drop_held(held);
        held->slice = iocp_slice_part(slice, skip, slice->size_bytes - skip);
        held->offset = side->got_bytes + skip;
        held->pattern = side->in_pattern;
    }
    side->got_bytes += slice->size_bytes;
    iocp_slice_unref(slice);
}

static void on_read(struct iocp_op *op)
{
    struct race_side *side = side_of(IOCP_OWNER(op, struct iocp_stream, read));
    race_disarm(side->race, RACE_READ, &side->reading);
    SUP_CHECK(!side->starting && !iocp_pending(op) && side->open);
    switch (op->result) {
    case IOCP_OK:
        take_data(side, &side->stream.slice);
        break;
    case IOCP_E_CANCELLED:
        break;
    case IOCP_E_END:
    case IOCP_E_RESET:
        side->read_end = op->result;
        break;
    default:
        SUP_CHECK(!"a read ended with an error that cannot be");
        side->read_end = op->result;
    }
    if (chance(side, 2) == 0)
        start_read(side);
}

/* ---- Writing --------------------------------------------------------------------------------- */

/* Cuts the next bytes of the side's pattern into spans. */
static unsigned make_vecs(struct race_side *side)
{
    size_t left = 1 + chance(side, chance(side, 8) == 0 ? RACE_BUFFER_BYTES : 1500);
    unsigned count = 1 + chance(side, RACE_VECS);
    uint8_t *data = side->data;
    sup_fill(data, left, side->wrote_bytes, side->out_pattern);
    side->offered_bytes = left;
    for (unsigned i = 0; i < count; i++) {
        size_t size = i + 1 == count ? left : chance(side, (uint32_t)left + 1);
        side->vecs[i] = (struct iocp_vec){data, size};
        data += size;
        left -= size;
    }
    return count;
}

static void start_write(struct race_side *side)
{
    if (!side->may_write || side->writing || side->closing || side->leaving || side->write_ended)
        return;
    unsigned count = make_vecs(side);
    race_arm(side->race, RACE_WRITE, &side->writing);
    side->starting = true;
    iocp_write_start(&side->stream, side->vecs, count);
    side->starting = false;
}

static void on_write(struct iocp_op *op)
{
    struct race_side *side = side_of(IOCP_OWNER(op, struct iocp_stream, write));
    size_t written = side->stream.written_bytes;
    race_disarm(side->race, RACE_WRITE, &side->writing);
    SUP_CHECK(!side->starting && !iocp_pending(op) && side->open);
    SUP_CHECK(written <= side->offered_bytes);
    SUP_CHECK((op->result == IOCP_OK) == (written == side->offered_bytes) ||
              op->result == IOCP_E_CANCELLED);
    SUP_CHECK(op->result == IOCP_OK || op->result == IOCP_E_CANCELLED ||
              op->result == IOCP_E_BROKEN || op->result == IOCP_E_RESET);
    side->wrote_bytes += written;
    side->write_ended = op->result == IOCP_E_BROKEN || op->result == IOCP_E_RESET;
    if (chance(side, 2) == 0)
        start_write(side);
}

/* ---- Leaving --------------------------------------------------------------------------------- */

static void start_close(struct race_side *side)
{
    if (side->closing)
        return;
    side->closing = true;
    race_arm(side->race, RACE_CLOSE, &side->closing_armed);
    side->starting = true;
    iocp_close_start(&side->stream);
    side->starting = false;
}

static void on_close(struct iocp_op *op)
{
    struct race_side *side = side_of(IOCP_OWNER(op, struct iocp_stream, close));
    race_disarm(side->race, RACE_CLOSE, &side->closing_armed);
    SUP_CHECK(!side->starting && !side->reading && !side->writing);
    side->open = false;
    memset(&side->stream, 0x5a, sizeof side->stream); /* it is ours again */
    race_side_drive_on(side);
}

/* One more step towards the polite end. */
static void leave(struct race_side *side)
{
    side->leaving = true;
    for (unsigned i = 0; i < RACE_HELD; i++)
        drop_held(&side->held[i]); /* others wait for slabs, maybe */
    start_read(side); /* while it writes, too: the other side may be leaving with a write as well */
    if (side->writing)
        return;
    if (side->kind == IOCP_STREAM_SOCKET && !side->shut && !side->closing) {
        side->shut = true;
        iocp_stream_shutdown(&side->stream);
    }
    if (!side->may_read || side->read_end != 0)
        start_close(side);
}

/* ---- Driving --------------------------------------------------------------------------------- */

static void cancel_something(struct race_side *side)
{
    race_count_start(side->race, RACE_CANCEL);
    side->starting = true;
    if (chance(side, 2) == 0)
        iocp_read_cancel(&side->stream);
    else if (!side->leaving || chance(side, 50) == 0)
        iocp_write_cancel(&side->stream);
    side->starting = false;
}

static void nudge_another(struct race_side *side)
{
    struct race_lane *lane = &side->race->lanes[chance(side, RACE_LANES)];
    struct race_side *other = &lane->sides[race_lane_has_thread(lane) ? 0 : chance(side, 2)];
    race_count_start(side->race, RACE_KICK);
    if (iocp_kick(&other->nudge))
        atomic_fetch_add_explicit(&other->nudges_taken, 1, memory_order_relaxed);
}

static void on_nudge(struct iocp_op *op)
{
    struct race_side *side = IOCP_OWNER(op, struct race_side, nudge);
    SUP_CHECK(!side->starting);
    side->nudges_seen++;
    if (side->open && chance(side, 4) == 0)
        start_read(side);
}

static void act(struct race_side *side)
{
    uint32_t which = chance(side, CHANCES);
    if (which < 25)
        start_read(side);
    else if (which < 50)
        start_write(side);
    else if (which < 65)
        cancel_something(side);
    else if (which < 75)
        nudge_another(side);
    else if (which < 90)
        race_extras_act(side);
    else
        drop_held(&side->held[chance(side, RACE_HELD)]);
}

static void open_stream(struct race_side *side)
{
    static const struct iocp_stream_events events = {on_read, on_write, on_close};
    int os_error = 0;
    side->open = iocp_stream_open(&side->stream, &side->box->strand, side->handle, side->kind,
                                  &events, &os_error) == IOCP_OK;
    SUP_CHECK(side->open);
}

/* One turn of a connection's life; false when it is over. */
static bool live(struct race_side *side)
{
    if (!side->open && side->closing)
        return false;
    if (!side->open)
        open_stream(side);
    if (side->closing)
        return true;
    if (race_is_over(side->race))
        side->budget = 0;
    if (side->budget > 0) {
        side->budget--;
        act(side);
        return true;
    }
    if (!side->leaving && chance(side, 3) == 0)
        start_close(side); /* with all that is pending */
    else
        leave(side);
    return true;
}

void race_side_drive_on(struct race_side *side)
{
    if (side->driving || side->resting)
        return;
    side->driving = true;
    iocp_post(&side->drive);
}

static void rest(struct race_side *side)
{
    for (unsigned i = 0; i < RACE_HELD; i++)
        drop_held(&side->held[i]);
    side->resting = true;
    race_lane_part_done(side->lane);
}

static void on_drive(struct iocp_op *op)
{
    struct race_side *side = IOCP_OWNER(op, struct race_side, drive);
    SUP_CHECK(side->driving && !side->resting && !side->starting);
    side->driving = false;
    if (side->finishing ? race_extras_ended(side) : !live(side)) {
        rest(side);
        return;
    }
    if (side->closing && side->open)
        return; /* on_close drives on */
    if (side->finishing || chance(side, 8) != 0 || !race_extras_sleep(side))
        race_side_drive_on(side);
}

static void on_begin(struct iocp_op *op)
{
    struct race_side *side = IOCP_OWNER(op, struct race_side, begin);
    const struct race_lane *lane = side->lane;
    unsigned index = side == &lane->sides[0] ? 0 : 1;
    SUP_CHECK(side->resting);
    side->resting = false;
    side->finishing = lane->finishing;
    side->handle = lane->handles[index];
    side->kind = race_lane_has_thread(lane) ? IOCP_STREAM_PIPE : IOCP_STREAM_SOCKET;
    side->may_read = lane->kind != SUP_PIPE_OUT;
    side->may_write = lane->kind != SUP_PIPE_IN;
    side->out_pattern = race_lane_pattern(lane, index);
    side->in_pattern = race_lane_pattern(lane, 1 - index);
    side->closing = side->leaving = side->shut = side->write_ended = false;
    side->read_end = 0;
    side->got_bytes = side->wrote_bytes = 0;
    side->budget = 20 + chance(side, 500);
    race_side_drive_on(side);
}

/* ---- Set up ---------------------------------------------------------------------------------- */

void race_side_init(struct race_side *side, struct race_lane *lane, uint64_t number)
{
    side->race = lane->race;
    side->lane = lane;
    side->resting = true;
    side->box = sup_box_new(lane->race->world);
    sup_random_init(&side->random, lane->race->seed, number);
    iocp_op_init(&side->begin, &side->box->strand, on_begin);
    iocp_op_init(&side->drive, &side->box->strand, on_drive);
    iocp_op_init(&side->nudge, &side->box->strand, on_nudge);
    race_extras_init(side);
}

void race_side_begin(struct race_side *side)
{
    iocp_post(&side->begin);
}
