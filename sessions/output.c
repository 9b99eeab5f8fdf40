/*
 * The output streams of a session: see output.h.
 *
 * A read is pending on every open stream unless the consumer owes a whole window. What it gives is
 * numbered, kept and delivered in one go, on the strand; so numbers are in the order of delivery.
 */
#include "sessions/output.h"

#include "sessions/session_struct.h"

#include <assert.h>

enum { RETRY_NS = 50 * 1000 * 1000 }; /* after a read that found no memory */

/* ---- Flow ---- */

/* Whether so much is given back that reading may go on. */
static bool is_relieved(const struct sess_session *session, uint64_t owed_bytes)
{
    return owed_bytes == 0 || owed_bytes < session->window_bytes / 2;
}

static void go_on(struct sess_session *session)
{
    if (!atomic_load(&session->waits))
        return;
    atomic_store(&session->waits, false);
    session->waiting_since_ns = 0;
    sess_tally_wait(session, false);
    sess_drain_go(session);
    sess_guard_go(session);
    sess_outputs_resume(session);
}

/* Counts what the owner was given. A consumer that gives back between the two looks at the count
 * either sees that we wait and kicks, or is seen here. */
static void owe(struct sess_session *session, uint32_t size_bytes)
{
    uint64_t owed = atomic_fetch_add(&session->owed_bytes, size_bytes) + size_bytes;
    if (owed < session->window_bytes || atomic_load(&session->waits))
        return;
    atomic_store(&session->waits, true);
    session->waiting_since_ns = iocp_now_ns(session->host->port);
    sess_tally_wait(session, true);
    sess_drain_hold(session);
    if (is_relieved(session, atomic_load(&session->owed_bytes)))
        go_on(session);
}

/* Used by the runner: a queue to one client that many sessions share. */
void sess_session_charge(struct sess_session *session, uint32_t bytes)
{
    if (session->voice == SESS_VOICE_ALL)
        owe(session, bytes);
}

void sess_session_consumed(struct sess_session *session, size_t bytes)
{
    uint64_t before = atomic_fetch_sub(&session->owed_bytes, bytes);
    assert(before >= bytes);
    if (is_relieved(session, before - bytes) && atomic_load(&session->waits))
        (void)iocp_kick(&session->wake);
}

void sess_outputs_wake(struct sess_session *session)
{
    if (is_relieved(session, atomic_load(&session->owed_bytes)))
        go_on(session);
}

void sess_outputs_unbind(struct sess_session *session)
{
    go_on(session);
}

/* ---- Reading ---- */

static void read_on(struct sess_output *output)
{
    struct sess_session *session = output->session;
    bool may = output->phase == SESS_OUTPUT_OPEN && !output->looked && !session->waits;
    if (may && !iocp_pending(&output->io.read))
        iocp_read_start(&output->io, SESS_CHUNK_MAX_BYTES);
}

void sess_outputs_resume(struct sess_session *session)
{
    read_on(&session->outputs[0]);
    read_on(&session->outputs[1]);
}

static void deliver(struct sess_output *output)
{
    struct sess_session *session = output->session;
    struct sess_chunk chunk = {
        .seq = session->next_seq++,
        .time_ns = iocp_now_ns(session->host->port),
        .stream = output->stream,
        .slice = output->io.slice,
    };
    uint32_t size = chunk.slice.size_bytes;
    output->io.slice = (struct iocp_slice){0};
    session->record.bytes_out[output->stream] += size;
    uint64_t kept = sess_headtail_kept(&session->retained);
    sess_headtail_append(&session->retained, &chunk);
    sess_tally_output(session, &chunk, kept + size - sess_headtail_kept(&session->retained));
    sess_reclaim_note(&session->reclaim, &session->retained, chunk.time_ns);
    sess_drain_data(session, output, size);
    if (session->voice == SESS_VOICE_ALL)
        owe(session, size);
    sess_event_output(session, &chunk);
    sess_guard_output(session);
    iocp_slice_unref(&chunk.slice);
}

void sess_output_end(struct sess_output *output)
{
    assert(output->phase == SESS_OUTPUT_OPEN && !iocp_pending(&output->io.read));
    output->phase = SESS_OUTPUT_ENDED;
    if (output->stream == SESS_PTY)
        return; /* its other half may still be written to, and closing it would hang up */
    output->phase = SESS_OUTPUT_CLOSING;
    iocp_close_start(&output->io);
}

/* A terminal that nobody has open: while the program lives, it or a child of it may open it again.
 */
static void on_hangup(struct sess_output *output)
{
    output->hung_up = true;
    if (output->session->state >= SESS_EXITED)
        sess_output_end(output);
}

/* Either the drain's last look, or the exit's question whether a terminal that hung up has more. */
static void on_cancelled(struct sess_output *output)
{
    if (output->hung_up && output->session->state >= SESS_EXITED)
        sess_output_end(output);
}

static void on_data(struct sess_output *output)
{
    output->hung_up = false;
    deliver(output);
}

static void on_no_memory(struct sess_session *session)
{
    sess_clock_set(session, SESS_DEADLINE_RETRY, iocp_now_ns(session->host->port) + RETRY_NS);
}

static void on_read(struct iocp_op *op)
{
    struct sess_output *output = IOCP_OWNER(op, struct sess_output, io.read);
    struct sess_session *session = output->session;
    if (output->phase != SESS_OUTPUT_OPEN) {
        iocp_slice_unref(&output->io.slice); /* it is being closed, nobody is told any more */
        return;
    }
    if (op->result == 0)
        on_data(output);
    else if (op->result == IOCP_E_HANGUP)
        on_hangup(output);
    else if (op->result == IOCP_E_CANCELLED)
        on_cancelled(output);
    else if (op->result == IOCP_E_NOMEM)
        on_no_memory(session);
    else
        sess_output_end(output); /* the end, or an error that is one */
    if (session->drain.phase == SESS_DRAIN_LOOKS)
        sess_drain_looked(session, output);
    else if (op->result != IOCP_E_NOMEM)
        read_on(output);
    sess_session_settle(session);
}

static void on_write(struct iocp_op *op)
{
    struct sess_output *output = IOCP_OWNER(op, struct sess_output, io.write);
    struct sess_session *session = output->session;
    sess_stdin_on_tty_write(session);
    sess_session_settle(session);
}

static void on_close(struct iocp_op *op)
{
    struct sess_output *output = IOCP_OWNER(op, struct sess_output, io.close);
    struct sess_session *session = output->session;
    output->phase = SESS_OUTPUT_CLOSED;
    sess_session_settle(session);
}

bool sess_output_open(struct sess_session *session, int index, iocp_handle handle,
                      enum sess_stream stream, int *out_os_error)
{
    static const struct iocp_stream_events events = {
        .on_read = on_read,
        .on_write = on_write,
        .on_close = on_close,
    };
    struct sess_output *output = &session->outputs[index];
    enum iocp_stream_kind kind = stream == SESS_PTY ? IOCP_STREAM_TERMINAL : IOCP_STREAM_PIPE;
    if (iocp_stream_open(&output->io, &session->strand, handle, kind, &events, out_os_error) != 0)
        return false;
    output->session = session;
    output->stream = stream;
    output->phase = SESS_OUTPUT_OPEN;
    return true;
}

/* ---- The end ---- */

bool sess_outputs_ended(const struct sess_session *session)
{
    return session->outputs[0].phase != SESS_OUTPUT_OPEN &&
           session->outputs[1].phase != SESS_OUTPUT_OPEN;
}

bool sess_outputs_are_empty(const struct sess_session *session)
{
    for (int i = 0; i < 2; i++) {
        const struct sess_output *output = &session->outputs[i];
        if (output->phase == SESS_OUTPUT_OPEN && !iocp_read_is_waiting(&output->io))
            return false;
    }
    return true;
}

static bool close_one(struct sess_output *output)
{
    if (output->phase == SESS_OUTPUT_OPEN || output->phase == SESS_OUTPUT_ENDED) {
        output->phase = SESS_OUTPUT_CLOSING;
        iocp_close_start(&output->io);
    }
    return output->phase == SESS_OUTPUT_NONE || output->phase == SESS_OUTPUT_CLOSED;
}

bool sess_outputs_close(struct sess_session *session)
{
    bool first = close_one(&session->outputs[0]);
    bool second = close_one(&session->outputs[1]);
    return first && second;
}
