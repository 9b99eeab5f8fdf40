/*
 * Who is at the other end of a new connection. Without a token a local connection is served only if
 * the program at its other end belongs to the server's user; the system is asked on a helper, since
 * the slow way reads a table of all sockets.
 */
#include "runner/peer.h"
#include "runner/server.h"

/* Only a program in a sandbox with the network could be at the other end: the sockets in the file
 * system are hidden from all of them. */
static bool could_be_confined(const struct run_conn *conn)
{
    return conn->listener->url.kind == RUN_LISTEN_WS &&
           atomic_load(&conn->server->sandboxes.gave_network);
}

static void look(struct iocp_help *help)
{
    struct run_conn *conn = IOCP_OWNER(help, struct run_conn, check);
    struct run_peer_owner owner;
    int result = run_peer_owner((int)conn->check_handle, &owner);
    conn->check_allowed = result == 0 && owner.uid == conn->server->environment.own_uid &&
                          (!could_be_confined(conn) || run_peer_is_outside(owner.inode));
}

static void on_looked(struct iocp_op *op)
{
    struct run_conn *conn = IOCP_OWNER(op, struct run_conn, check.op);
    run_conn_checked(conn, op->result == 0 && conn->check_allowed);
    run_conn_unref(conn);
}

static bool needs_check(const struct run_conn *conn)
{
    const struct run_server *server = conn->server;
    switch (conn->listener->url.kind) {
    case RUN_LISTEN_STDIO:
        return false; /* whoever started us gave us these handles */
    case RUN_LISTEN_UNIX:
        return !server->options->allow_any_local_user;
    case RUN_LISTEN_WS:
        return !server->auth.token_required && !server->options->allow_any_local_user;
    }
    return true;
}

void run_conn_check_start(struct run_conn *conn)
{
    if (!needs_check(conn)) {
        run_conn_checked(conn, true);
        return;
    }
    run_conn_ref(conn); /* the helper's */
    conn->check_handle = conn->reader->handle;
    conn->check.what = "looking up the peer of a connection";
    iocp_help_start(&conn->check, &conn->strand, IOCP_POOL_GENERAL, look, on_looked);
}
