/*
 * From a message to what it asks for: the envelope, the handshake, the choice of the dialect. The
 * methods themselves are in dispatch_v0.c and dispatch_process.c. On the connection's strand.
 */
#ifndef RUN_DISPATCH_H
#define RUN_DISPATCH_H

#include "runner/conn.h"
#include "wire/msg_gone.h"
#include "wire/msg_method.h"
#include "wire/msg_parser.h"
#include "wire/rpc_message.h"

/* A request whose params can be parsed: lives on the stack while it is dispatched. */
struct run_request {
    struct run_conn *conn;
    enum wire_msg_method method;
    struct wire_span id; /* JSON */
    struct wire_span params;
    struct wire_msg_parser parser;
};

/* Takes one whole message. */
void run_dispatch_message(struct run_conn *conn, struct wire_span document);

/* The connection is over: what it holds waits to be resumed, or ends with it. */
void run_dispatch_conn_over(struct run_conn *conn);

/* Gives up what it holds, for another connection. */
void run_dispatch_give_up(struct run_conn *conn);

/* The server stops: its sessions are stopped, and go on telling. */
void run_dispatch_stop(struct run_conn *conn, bool force);

/* ---- for dispatch_*.c ---- */

/* Answers a request whose params the parser refused. */
void run_dispatch_refuse_params(struct run_request *request);

/* What is told of a process that is not in the table: its time is over, or it never was. */
struct wire_msg_gone run_dispatch_gone(const struct run_request *request,
                                       struct wire_span process_id);

/* Answers a request for a process that is not in the table, and says in `data` why: its time is
 * over, or it never was. */
void run_dispatch_refuse_process(struct run_request *request, struct wire_span process_id);

/* Methods; each answers the request, now or later. */
void run_v0_exec(struct run_request *request);
void run_v0_write(struct run_request *request);
void run_v0_terminate(struct run_request *request);
void run_process_start(struct run_request *request);
void run_process_write(struct run_request *request);
void run_process_signal(struct run_request *request);
void run_process_terminate(struct run_request *request);
void run_process_wait(struct run_request *request);     /* dispatch_wait.c */
void run_process_wait_any(struct run_request *request); /* dispatch_wait_any.c */
void run_process_list(struct run_request *request);     /* dispatch_list.c */
void run_process_close_stdin(struct run_request *request);
void run_process_resize(struct run_request *request);
void run_environment_info(struct run_request *request);
void run_environment_status(struct run_request *request);
void run_process_read(struct run_request *request);
void run_process_snapshot(struct run_request *request);
void run_process_observe(struct run_request *request); /* dispatch_observe.c */
void run_process_unobserve(struct run_request *request);
/* The handshake; dispatch_initialize.c. */
void run_initialize(struct run_request *request);

#endif
