/*
 * Counting what sessions do: see tally.h. Any thread; knows no system.
 */
#include "sessions/tally.h"

#include "sessions/session_struct.h"

#include <assert.h>

/* ---- Counting ---- */

static enum sess_kind kind_of(const struct sess_session *session)
{
    return session->stdio == SESS_STDIO_TTY ? SESS_KIND_TTY : SESS_KIND_PIPE;
}

static unsigned my_number(const struct sess_session *session)
{
    return iocp_worker_number(session->host->tally.port);
}

void sess_tally_move(struct sess_session *session, enum sess_state from, enum sess_state to)
{
    unsigned number = my_number(session);
    struct sess_tally_part *part = &session->host->tally.parts[number];
    enum sess_kind kind = kind_of(session);
    assert(from != to && from <= SESS_STATES && to <= SESS_STATES);
    if (from != SESS_STATES)
        iocp_tally_add(&part->in_state[from][kind], number, UINT64_MAX); /* one less */
    if (to != SESS_STATES)
        iocp_tally_add(&part->in_state[to][kind], number, 1);
}

void sess_tally_output(struct sess_session *session, const struct sess_chunk *chunk,
                       uint64_t omitted_bytes)
{
    unsigned number = my_number(session);
    struct sess_tally_part *part = &session->host->tally.parts[number];
    uint32_t size = chunk->slice.size_bytes;
    iocp_tally_add(&part->bytes_out[chunk->stream], number, size);
    if (omitted_bytes > 0)
        iocp_tally_add(&part->omitted_at_cap, number, omitted_bytes);
    if (session->voice != SESS_VOICE_ALL)
        iocp_tally_add(&part->bytes_unheard, number, size);
}

void sess_tally_reclaim(struct sess_session *session, uint64_t omitted_bytes)
{
    unsigned number = my_number(session);
    struct sess_tally_part *part = &session->host->tally.parts[number];
    if (omitted_bytes > 0)
        iocp_tally_add(&part->omitted_reclaims, number, omitted_bytes);
}

void sess_tally_input(struct sess_session *session, size_t bytes)
{
    unsigned number = my_number(session);
    iocp_tally_add(&session->host->tally.parts[number].bytes_in, number, bytes);
}

void sess_tally_wait(struct sess_session *session, bool waits)
{
    unsigned number = my_number(session);
    struct sess_tally_part *part = &session->host->tally.parts[number];
    iocp_tally_add(&part->waiting, number, waits ? 1 : UINT64_MAX);
}

void sess_tally_exit(struct sess_session *session, enum sess_ender ender)
{
    unsigned number = my_number(session);
    assert((unsigned)ender < SESS_ENDERS);
    iocp_tally_add(&session->host->tally.parts[number].exits[ender], number, 1);
}

/* ---- Reading ---- */

static uint64_t read_one(const _Atomic uint64_t *number)
{
    return atomic_load_explicit(number, memory_order_relaxed);
}

static void add_part(struct sess_totals *totals, const struct sess_tally_part *part)
{
    for (int state = 0; state < SESS_STATES; state++) {
        for (int kind = 0; kind < SESS_KINDS; kind++)
            totals->in_state[state][kind] += read_one(&part->in_state[state][kind]);
    }
    for (int ender = 0; ender < SESS_ENDERS; ender++)
        totals->exits[ender] += read_one(&part->exits[ender]);
    for (int stream = 0; stream < SESS_STREAMS; stream++)
        totals->bytes_out[stream] += read_one(&part->bytes_out[stream]);
    totals->waiting += read_one(&part->waiting);
    totals->bytes_in += read_one(&part->bytes_in);
    totals->bytes_unheard += read_one(&part->bytes_unheard);
    totals->omitted_at_cap += read_one(&part->omitted_at_cap);
    totals->omitted_reclaims += read_one(&part->omitted_reclaims);
}

void sess_host_totals(struct sess_host *host, struct sess_totals *out_totals)
{
    struct sess_totals totals = {.retained_limit_bytes = host->budget.limit_bytes};
    for (unsigned i = 0; i < IOCP_TALLY_PARTS; i++)
        add_part(&totals, &host->tally.parts[i]);
    for (int state = 0; state < SESS_STATES; state++) {
        for (int kind = 0; kind < SESS_KINDS; kind++)
            totals.in_state[state][kind] = iocp_tally_gauge(totals.in_state[state][kind]);
    }
    totals.waiting = iocp_tally_gauge(totals.waiting);
    for (int i = 0; i < SESS_RESOURCES; i++) {
        int64_t used = atomic_load_explicit(&host->capacity.used[i], memory_order_relaxed);
        totals.used[i] = used > 0 ? (uint64_t)used : 0;
        totals.limits[i] = host->capacity.limits[i];
    }
    *out_totals = totals;
}
