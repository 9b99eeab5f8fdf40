/*
 * The resume ring: see ring.h. Both parts are queues in the order of numbers, and everything that
 * was missed is older than everything that was sent since.
 */
#include "runner/ring.h"

#include "runner/metrics.h"

#include <assert.h>
#include <string.h>

_Static_assert((int)RUN_RING_PARTS == (int)RUN_METRICS_RING_PARTS, "each part is counted");

void run_ring_init(struct run_ring *ring, bool is_on, struct run_metrics *metrics)
{
    memset(ring, 0, sizeof(*ring));
    ring->metrics = metrics;
    ring->is_on = is_on;
    atomic_init(&ring->owed, 0);
    atomic_init(&ring->acked, 0);
    atomic_init(&ring->has_missed, false);
    atomic_init(&ring->read_seq, 0);
}

static void count_part(struct run_ring *ring, enum run_ring_part part, uint64_t bytes)
{
    uint64_t more = bytes - ring->counted[part]; /* or less: the sum wraps */
    assert(bytes <= UINT32_MAX);                 /* --resume-ring takes a GiB at most */
    ring->counted[part] = (uint32_t)bytes;
    if (more != 0)
        run_metrics_add(ring->metrics, RUN_COUNT_RING_BYTES + part, more);
}

/* Tells the metrics what has come and gone: at the end of whatever changes a part. */
static void count(struct run_ring *ring)
{
    count_part(ring, RUN_RING_SENT, ring->sent.kept_bytes);
    count_part(ring, RUN_RING_MISSED, ring->missed.kept_bytes);
}

void run_ring_deinit(struct run_ring *ring)
{
    sess_part_clear(&ring->missed, &sess_memory_libc);
    sess_part_clear(&ring->sent, &sess_memory_libc);
    count(ring);
}

/* Drops the oldest chunk; returns its bytes. */
static uint32_t drop_oldest(struct sess_part *part)
{
    uint32_t bytes = sess_part_at(part, 0)->size_bytes;
    sess_part_trim(part, &sess_memory_libc, bytes);
    if (part->count == 0)
        sess_part_clear(part, &sess_memory_libc);
    return bytes;
}

/* Gives back what was acknowledged. Returns whether nothing is owed any more. */
static bool give_back(struct run_ring *ring, struct sess_session *session)
{
    uint64_t bytes = atomic_exchange(&ring->acked, 0);
    if (bytes == 0)
        return false;
    uint64_t before = atomic_fetch_sub(&ring->owed, bytes);
    assert(before >= bytes);
    sess_session_consumed(session, (size_t)bytes);
    return before == bytes;
}

/* Drops what of the sent was acknowledged: pongs come in the order of the chunks, so what is owed
 * are the newest. What was charged beside them lets some more stay. */
static void trim_sent(struct run_ring *ring)
{
    uint64_t owed = atomic_load(&ring->owed);
    struct sess_part *sent = &ring->sent;
    while (sent->count > 0 && sent->kept_bytes > owed)
        (void)drop_oldest(sent);
}

static void drop_missed(struct run_ring *ring, struct sess_session *session, uint64_t up_to_seq)
{
    uint64_t bytes = 0;
    while (ring->missed.count > 0 && sess_part_seq(sess_part_at(&ring->missed, 0)) <= up_to_seq)
        bytes += drop_oldest(&ring->missed);
    if (bytes > 0)
        sess_session_consumed(session, (size_t)bytes);
    if (ring->missed.count > 0 || !atomic_load(&ring->has_missed))
        return;
    /* Whoever acknowledges at the same time either sees this or is seen by what follows. */
    atomic_store(&ring->has_missed, false);
    (void)give_back(ring, session);
    trim_sent(ring); /* nobody else may come to do it while the program is silent */
}

void run_ring_push(struct run_ring *ring, const struct sess_chunk *chunk, uint64_t owed_bytes)
{
    if (!ring->is_on)
        return;
    atomic_fetch_add(&ring->owed, owed_bytes);
    if (sess_part_push(&ring->sent, &sess_memory_libc, chunk, 0, chunk->slice.size_bytes) != 0)
        sess_part_clear(&ring->sent, &sess_memory_libc);
    trim_sent(ring);
    count(ring);
}

bool run_ring_is_crowded(const struct run_ring *ring)
{
    return ring->missed.count + ring->sent.count >= RUN_RING_CHUNKS;
}

bool run_ring_acked(struct run_ring *ring, struct sess_session *session, uint64_t bytes,
                    uint64_t read_seq)
{
    bool is_empty = false;
    if (!ring->is_on) {
        sess_session_consumed(session, (size_t)bytes);
        return false;
    }
    uint64_t known = atomic_load(&ring->read_seq);
    while (known < read_seq && !atomic_compare_exchange_weak(&ring->read_seq, &known, read_seq))
        continue;
    atomic_fetch_add(&ring->acked, bytes);
    if (!atomic_load(&ring->has_missed))
        is_empty = give_back(ring, session);
    return read_seq > 0 || is_empty;
}

void run_ring_known(struct run_ring *ring, struct sess_session *session, uint64_t seq)
{
    ring->was_asked = true;
    drop_missed(ring, session, seq);
    count(ring);
}

void run_ring_gave(struct run_ring *ring, uint64_t seq)
{
    if (seq > ring->given_seq)
        ring->given_seq = seq;
}

void run_ring_fit(struct run_ring *ring, struct sess_session *session)
{
    if (ring->given_seq > 0 && ring->given_seq <= atomic_load(&ring->read_seq))
        ring->was_asked = true; /* it has its reply, and goes on from there */
    drop_missed(ring, session, atomic_load(&ring->read_seq));
    trim_sent(ring);
    count(ring);
}

/* Moves what was sent behind what was missed. Without memory what is older is lost. */
static void merge(struct run_ring *ring)
{
    if (ring->missed.count == 0) {
        sess_part_clear(&ring->missed, &sess_memory_libc);
        ring->missed = ring->sent;
        ring->sent = (struct sess_part){0};
        return;
    }
    for (uint32_t i = 0; i < ring->sent.count; i++) {
        const struct sess_part_entry *entry = sess_part_at(&ring->sent, i);
        struct sess_chunk chunk = {
            .seq = sess_part_seq(entry),
            .time_ns = entry->time_ns,
            .stream = sess_part_stream(entry),
            .slice = {entry->slab, entry->data, entry->size_bytes},
        };
        int result = sess_part_push(&ring->missed, &sess_memory_libc, &chunk, 0, entry->size_bytes);
        if (result != 0)
            sess_part_clear(&ring->missed, &sess_memory_libc);
    }
    sess_part_clear(&ring->sent, &sess_memory_libc);
}

void run_ring_bind(struct run_ring *ring, struct sess_session *session)
{
    struct sess_view view;
    trim_sent(ring);
    merge(ring);
    count(ring);
    ring->given_seq = 0;
    atomic_store(&ring->owed, 0);
    atomic_store(&ring->acked, 0);
    atomic_store(&ring->has_missed, ring->missed.count > 0);
    sess_session_view(session, &view);
    /* More is owed where a full queue charged it, and where memory was short. */
    assert(!ring->is_on || view.owed_bytes >= ring->missed.kept_bytes);
    if (view.owed_bytes > ring->missed.kept_bytes)
        sess_session_consumed(session, (size_t)(view.owed_bytes - ring->missed.kept_bytes));
}

bool run_ring_lose_patience(struct run_ring *ring, struct sess_session *session)
{
    bool was_asked = ring->was_asked;
    bool is_under_way = ring->given_seq > atomic_load(&ring->read_seq);
    ring->was_asked = false;
    if (was_asked || is_under_way || ring->missed.count == 0)
        return ring->missed.count > 0;
    drop_missed(ring, session, UINT64_MAX);
    count(ring);
    return false;
}

static bool next_of(const struct sess_part *part, uint64_t after_seq, struct run_piece *out_piece)
{
    uint32_t index = sess_part_find(part, after_seq);
    if (index == part->count)
        return false;
    const struct sess_part_entry *entry = sess_part_at(part, index);
    *out_piece = (struct run_piece){
        .seq = sess_part_seq(entry),
        .stream = sess_part_stream(entry),
        .size_bytes = entry->size_bytes,
        .data = entry->data,
    };
    return true;
}

bool run_ring_next(const struct run_ring *ring, uint64_t after_seq, struct run_piece *out_piece)
{
    return next_of(&ring->missed, after_seq, out_piece) ||
           next_of(&ring->sent, after_seq, out_piece);
}

uint64_t run_ring_bytes(const struct run_ring *ring, uint64_t first_seq, uint64_t last_seq)
{
    struct run_piece piece;
    uint64_t bytes = 0, after_seq = first_seq - 1;
    while (run_ring_next(ring, after_seq, &piece) && piece.seq <= last_seq) {
        bytes += piece.size_bytes;
        after_seq = piece.seq;
    }
    return bytes;
}
