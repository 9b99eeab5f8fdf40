/*
 * The methods of exec-server.v0: command/exec and what belongs to it. Requests come on the
 * connection's strand, answers of sessions on theirs.
 */
#include "runner/call.h"
#include "runner/dispatch.h"
#include "runner/reply.h"
#include "runner/start.h"
#include "wire/msg_command.h"

#include <stdio.h>

void run_v0_exec(struct run_request *request)
{
    struct run_conn *conn = request->conn;
    struct wire_msg_command_exec asked = {0};
    char id[32];
    if (wire_msg_command_exec_parse(&request->parser, request->params, &asked) != 0) {
        run_dispatch_refuse_params(request);
        return;
    }
    int size = snprintf(id, sizeof(id), "session-%llu", (unsigned long long)++conn->next_v0_id);
    struct wire_msg_env_policy exact = {.is_present = false};
    struct run_start start = {
        .id = wire_span_of(id, (size_t)size),
        .argv = asked.argv.items,
        .arg0 = asked.arg0,
        .cwd = asked.cwd,
        .env = &asked.env,
        .env_policy = &exact,
        .stdio = asked.tty ? SESS_STDIO_TTY : SESS_STDIO_OUTPUT,
    };
    run_start(request, &start);
}

/* ---- Write ---- */

static enum wire_rpc_text write_text(const struct sess_request *request)
{
    switch (request->result) {
    case SESS_E_EXITED:
        if (run_proc_exit_was_told(request->session))
            return WIRE_RPC_TEXT_UNKNOWN_SESSION;
        return sess_session_is_tty(request->session) ? WIRE_RPC_TEXT_V0_WRITE_FAILED
                                                     : WIRE_RPC_TEXT_V0_STDIN_CLOSED;
    case SESS_E_STDIN_CLOSED:
        return WIRE_RPC_TEXT_V0_STDIN_CLOSED;
    case SESS_E_STARTING:
        return WIRE_RPC_TEXT_UNKNOWN_SESSION;
    default:
        return WIRE_RPC_TEXT_V0_WRITE_FAILED;
    }
}

static void write_answered(struct sess_request *request)
{
    struct run_call *call = run_call_of(request);
    struct run_reply reply;
    struct wire_json_writer *writer = run_reply_begin(&reply, call->conn);
    if (request->result == 0)
        wire_msg_command_write_reply(writer, run_call_id(call));
    else if (request->result == SESS_E_STDIN_FULL)
        wire_rpc_write_queue_full(writer, run_call_id(call), request->queued_bytes,
                                  request->limit_bytes);
    else
        wire_rpc_write_text(writer, run_call_id(call), write_text(request), run_call_name(call));
    run_reply_send(&reply);
    run_call_free(call);
}

void run_v0_write(struct run_request *request)
{
    struct wire_msg_command_write asked = {0};
    if (wire_msg_command_write_parse(&request->parser, request->params, &asked) != 0) {
        run_dispatch_refuse_params(request);
        return;
    }
    struct run_proc *proc = run_proc_find(request->conn, asked.session_id);
    if (proc == NULL) {
        run_reply_text(request->conn, request->id, WIRE_RPC_TEXT_UNKNOWN_SESSION, asked.session_id);
        return;
    }
    struct run_write write = {
        .name = asked.session_id, .chunk = &asked.chunk, .answer = write_answered};
    run_write(request, proc, &write);
}

/* ---- Terminate ---- */

static void terminate_answered(struct sess_request *request)
{
    struct run_call *call = run_call_of(request);
    struct run_reply reply;
    wire_msg_command_terminate_reply(run_reply_begin(&reply, call->conn), run_call_id(call),
                                     request->was_running);
    run_reply_send(&reply);
    run_call_free(call);
}

static void answer_not_running(struct run_request *request)
{
    struct run_reply reply;
    wire_msg_command_terminate_reply(run_reply_begin(&reply, request->conn), request->id, false);
    run_reply_send(&reply);
}

void run_v0_terminate(struct run_request *request)
{
    struct wire_msg_command_terminate asked = {0};
    if (wire_msg_command_terminate_parse(&request->parser, request->params, &asked) != 0) {
        run_dispatch_refuse_params(request);
        return;
    }
    struct run_proc *proc = run_proc_find(request->conn, asked.session_id);
    if (proc == NULL) {
        answer_not_running(request);
        return;
    }
    struct run_call *call = run_call_new(request->conn, SESS_REQUEST_STOP, request->id,
                                         asked.session_id, terminate_answered);
    if (call == NULL)
        return;
    call->request.ask.stop.mode = SESS_STOP_FORCE;
    call->request.ask.stop.ender = SESS_ENDER_CLIENT;
    run_call_post(call, proc);
}
