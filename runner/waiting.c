/*
 * Calls that wait: see waiting.h. All but the remove's post runs on the connection's strand.
 */
#include "runner/waiting.h"

#include "runner/conn.h"
#include "runner/reply.h"

#include <assert.h>

static void link_waiting(struct run_waitings *waitings, struct run_waiting *waiting)
{
    waiting->prev = NULL;
    waiting->next = waitings->first;
    if (waiting->next != NULL)
        waiting->next->prev = waiting;
    waitings->first = waiting;
    waitings->watches += waiting->watches;
}

static void unlink_waiting(struct run_waitings *waitings, struct run_waiting *waiting)
{
    assert(waitings->watches >= waiting->watches);
    if (waiting->prev != NULL)
        waiting->prev->next = waiting->next;
    else
        waitings->first = waiting->next;
    if (waiting->next != NULL)
        waiting->next->prev = waiting->prev;
    waitings->watches -= waiting->watches;
}

static void on_removed(struct iocp_op *op)
{
    struct run_waiting *waiting = IOCP_OWNER(op, struct run_waiting, op);
    struct run_conn *conn = waiting->conn;
    unlink_waiting(&conn->waitings, waiting);
    waiting->free(waiting);
    run_conn_unref(conn);
}

bool run_waiting_add(struct run_waiting *waiting, struct run_conn *conn, uint32_t watches,
                     run_waiting_callback *cancel, run_waiting_callback *free)
{
    if (watches > RUN_WAITING_MAX - conn->waitings.watches)
        return false;
    waiting->conn = run_conn_ref(conn);
    waiting->end = RUN_WAITING_GOES_ON;
    waiting->cancel = cancel;
    waiting->free = free;
    waiting->watches = watches;
    iocp_op_init(&waiting->op, &conn->strand, on_removed);
    link_waiting(&conn->waitings, waiting);
    conn->asked_ns = 0; /* it waits because it was asked to: no latency of ours */
    return true;
}

void run_waiting_remove(struct run_waiting *waiting)
{
    iocp_post(&waiting->op);
}

void run_waiting_cancel_all(struct run_conn *conn, enum run_waiting_end end)
{
    assert(end != RUN_WAITING_GOES_ON);
    for (struct run_waiting *at = conn->waitings.first; at != NULL; at = at->next) {
        if (at->end != RUN_WAITING_GOES_ON)
            continue;
        at->end = end;
        at->cancel(at); /* answered elsewhere; it leaves the list by a post */
    }
}

void run_waiting_answer_cancelled(const struct run_waiting *waiting, struct wire_span request_id)
{
    assert(waiting->end != RUN_WAITING_GOES_ON);
    if (waiting->end == RUN_WAITING_GIVEN_UP)
        run_reply_text(waiting->conn, request_id, WIRE_RPC_TEXT_RESUMED, wire_span_of(NULL, 0));
}

void run_waiting_refuse(struct run_conn *conn, struct wire_span request_id)
{
    struct sess_shortage shortage = {.resource = "waiting requests", .have = 0, .need = 1};
    struct run_reply reply;
    run_reply_shortage(run_reply_begin(&reply, conn), request_id, &shortage);
    run_reply_send(&reply);
}
