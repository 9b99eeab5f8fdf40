/*
 * Answers that wait for room: see room.h. Everything but the post runs on the connection's strand.
 */
#include "runner/room.h"

#include "runner/conn.h"

bool run_room_is_there(const struct run_conn *conn)
{
    return run_outq_bytes(&conn->queue, RUN_FRAME_REPLY) < RUN_REPLY_QUEUE_BYTES;
}

static struct run_room_call *take_first(struct run_room *room)
{
    struct run_room_call *call = room->first;
    if (call == NULL)
        return NULL;
    room->first = call->next;
    if (room->first == NULL)
        room->last = NULL;
    return call;
}

static void append(struct run_room *room, struct run_room_call *call)
{
    call->next = NULL;
    if (room->last != NULL)
        room->last->next = call;
    else
        room->first = call;
    room->last = call;
}

/* What has made it wait may be gone already; else a write of it is to come. */
static void on_wait(struct iocp_op *op)
{
    struct run_room_call *call = IOCP_OWNER(op, struct run_room_call, op);
    struct run_conn *conn = call->conn;
    if (!run_conn_is_open(conn)) {
        call->go_on(call, false);
        return;
    }
    append(&conn->room, call);
    run_room_go_on(conn);
}

void run_room_wait(struct run_room_call *call, struct run_conn *conn, run_room_callback *go_on)
{
    call->conn = conn;
    call->go_on = go_on;
    iocp_op_init(&call->op, &conn->strand, on_wait);
    iocp_post(&call->op);
}

void run_room_go_on(struct run_conn *conn)
{
    for (int i = 0; i < RUN_ROOM_AT_ONCE && run_room_is_there(conn); i++) {
        struct run_room_call *call = take_first(&conn->room);
        if (call == NULL)
            return;
        call->go_on(call, true);
    }
}

void run_room_over(struct run_conn *conn)
{
    struct run_room_call *call;
    while ((call = take_first(&conn->room)) != NULL)
        call->go_on(call, false);
}
