/*
 * Acknowledgement by pings and pongs: see conn_ack.h. On the connection's strand.
 */
#include "runner/conn.h"
#include "runner/proc.h"
#include "runner/server.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct marked {
    struct run_proc *proc; /* one reference */
    uint64_t bytes, read_seq;
};

struct run_mark {
    struct run_mark *next;
    uint64_t number; /* the ping's payload */
    uint64_t sent_ns;
    size_t count;
    struct marked marked[];
};

void run_acks_written(struct run_conn *conn, struct run_proc *proc, uint32_t bytes,
                      uint64_t read_seq)
{
    struct run_acks *acks = &conn->acks;
    bool is_holder = conn->tenure == proc->tenure; /* else it is owed to whoever resumes */
    if (!is_holder || conn->framing != RUN_FRAMING_WS || proc->speaks_v0) {
        if (is_holder)
            run_proc_acked(proc, bytes, read_seq);
        run_proc_unref(proc);
        return;
    }
    acks->unmarked_bytes += bytes;
    acks->unmarked_chunks++;
    proc->unmarked_bytes += bytes;
    acks->is_urgent |= read_seq > 0;
    if (read_seq > proc->unmarked_read_seq)
        proc->unmarked_read_seq = read_seq;
    if (proc->is_unmarked) {
        run_proc_unref(proc); /* the list has one */
        return;
    }
    proc->is_unmarked = true;
    acks->unmarked_count++;
    proc->unmarked_next = acks->unmarked;
    acks->unmarked = proc;
}

/* A small window is not used up by what waits for a ping. */
bool run_acks_want_ping(const struct run_conn *conn)
{
    size_t quarter = run_conn_window_bytes(conn) / 4;
    const struct run_acks *acks = &conn->acks;
    if (acks->is_urgent || acks->unmarked_count >= RUN_MARK_PROCS)
        return true;
    if (acks->unmarked_chunks >= RUN_MARK_CHUNKS)
        return true;
    return acks->unmarked_bytes >= (quarter < RUN_MARK_BYTES ? quarter : RUN_MARK_BYTES);
}

static void forget_unmarked(struct run_proc *proc)
{
    proc->unmarked_next = NULL;
    proc->unmarked_bytes = proc->unmarked_read_seq = 0;
    proc->is_unmarked = false;
}

static struct run_mark *mark_new(struct run_acks *acks, uint64_t now_ns)
{
    size_t count = acks->unmarked_count;
    struct run_mark *mark = malloc(sizeof(*mark) + count * sizeof(mark->marked[0]));
    if (mark == NULL)
        return NULL;
    *mark = (struct run_mark){.number = ++acks->last_number, .sent_ns = now_ns};
    while (acks->unmarked != NULL) {
        struct run_proc *proc = acks->unmarked;
        acks->unmarked = proc->unmarked_next;
        mark->marked[mark->count++] =
            (struct marked){proc, proc->unmarked_bytes, proc->unmarked_read_seq};
        forget_unmarked(proc);
    }
    assert(mark->count == count);
    acks->unmarked_bytes = acks->unmarked_count = acks->unmarked_chunks = 0;
    acks->is_urgent = false;
    return mark;
}

void run_acks_ping(struct run_conn *conn)
{
    struct run_acks *acks = &conn->acks;
    uint8_t frame[WIRE_WS_CONTROL_FRAME_MAX];
    struct run_mark *mark = mark_new(acks, iocp_now_ns(conn->strand.port));
    if (mark == NULL) {
        run_conn_lose(conn);
        return;
    }
    size_t size = wire_ws_control_frame(frame, WIRE_WS_PING,
                                        wire_span_of(&mark->number, sizeof(mark->number)));
    if (acks->newest != NULL)
        acks->newest->next = mark;
    else
        acks->oldest = mark;
    acks->newest = mark;
    /* What it marks was written before; what waits still may stay behind it. */
    run_conn_send_raw(conn, RUN_FRAME_REPLY, frame, size);
}

/* The oldest mark is over; whether its bytes were taken, or stay owed. */
static void pop_mark(struct run_acks *acks, bool taken)
{
    struct run_mark *mark = acks->oldest;
    acks->oldest = mark->next;
    if (acks->oldest == NULL)
        acks->newest = NULL;
    for (size_t i = 0; i < mark->count; i++) {
        struct marked *marked = &mark->marked[i];
        if (taken)
            run_proc_acked(marked->proc, marked->bytes, marked->read_seq);
        run_proc_unref(marked->proc);
    }
    free(mark);
}

uint64_t run_acks_pong(struct run_conn *conn, struct wire_span payload)
{
    uint64_t number = 0;
    if (payload.size != sizeof(number))
        return 0; /* not an answer to a ping of ours (RFC 6455, 5.5.3) */
    memcpy(&number, payload.data, sizeof(number));
    if (number > conn->acks.last_number)
        return 0;
    if (conn->acks.oldest != NULL && conn->acks.oldest->number <= number)
        conn->acks.heard_ns = iocp_now_ns(conn->strand.port);
    /* One pong may stand for the pings before it, too. */
    while (conn->acks.oldest != NULL && conn->acks.oldest->number <= number)
        pop_mark(&conn->acks, true);
    return number;
}

uint64_t run_acks_waiting_since_ns(const struct run_conn *conn)
{
    const struct run_acks *acks = &conn->acks;
    if (acks->oldest == NULL)
        return 0;
    return acks->oldest->sent_ns > acks->heard_ns ? acks->oldest->sent_ns : acks->heard_ns;
}

void run_acks_forget(struct run_conn *conn)
{
    struct run_acks *acks = &conn->acks;
    while (acks->unmarked != NULL) {
        struct run_proc *proc = acks->unmarked;
        acks->unmarked = proc->unmarked_next;
        forget_unmarked(proc);
        run_proc_unref(proc);
    }
    acks->unmarked_bytes = acks->unmarked_count = acks->unmarked_chunks = 0;
    acks->is_urgent = false;
    while (acks->oldest != NULL)
        pop_mark(acks, false);
}
