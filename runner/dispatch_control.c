/*
 * What acts on running processes of the dialect process: signal, terminate, closeStdin, resize.
 * Requests come on the connection's strand, answers of sessions on theirs.
 */
#include "runner/call.h"
#include "runner/dispatch.h"
#include "runner/labels.h"
#include "runner/look.h"
#include "runner/reply.h"
#include "wire/msg_process.h"

#include <assert.h>

static void answer_done(struct run_conn *conn, struct wire_span id)
{
    struct run_reply reply;
    wire_msg_process_done_reply(run_reply_begin(&reply, conn), id);
    run_reply_send(&reply);
}

/* ---- Signal ---- */

static void answer_signal(struct run_conn *conn, struct wire_span id,
                          const struct wire_msg_gone *gone)
{
    struct run_reply reply;
    wire_msg_process_signal_reply(run_reply_begin(&reply, conn), id, gone);
    run_reply_send(&reply);
}

static void signal_answered(struct sess_request *request)
{
    struct run_call *call = run_call_of(request);
    struct wire_msg_gone gone = run_look_gone(request->session);
    answer_signal(call->conn, run_call_id(call), &gone);
    run_call_free(call);
}

static void write_signalled(struct wire_json_writer *writer, struct wire_span id, uint64_t count,
                            uint64_t running)
{
    (void)running;
    wire_msg_process_signal_all_reply(writer, id, count);
}

void run_process_signal(struct run_request *request)
{
    struct wire_msg_process_signal asked = {0};
    if (wire_msg_process_signal_parse(&request->parser, request->params, &asked) != 0) {
        run_dispatch_refuse_params(request);
        return;
    }
    if (asked.process_id.data == NULL) {
        run_labels_ask(
            request, &asked.labels,
            &(struct run_crowd_call){.kind = SESS_REQUEST_INTERRUPT, .write = write_signalled});
        return;
    }
    struct run_proc *proc = run_proc_find(request->conn, asked.process_id);
    if (proc == NULL) {
        struct wire_msg_gone gone = run_dispatch_gone(request, asked.process_id);
        answer_signal(request->conn, request->id, &gone);
        return;
    }
    struct run_call *call = run_call_new(request->conn, SESS_REQUEST_INTERRUPT, request->id,
                                         asked.process_id, signal_answered);
    if (call != NULL)
        run_call_post(call, proc);
}

/* ---- Terminate ---- */

static void answer_terminate(struct run_conn *conn, struct wire_span id,
                             const struct wire_msg_gone *gone)
{
    struct run_reply reply;
    wire_msg_process_terminate_reply(run_reply_begin(&reply, conn), id,
                                     gone->reason == WIRE_MSG_GONE_NOT, gone);
    run_reply_send(&reply);
}

static void terminate_answered(struct sess_request *request)
{
    struct run_call *call = run_call_of(request);
    struct wire_msg_gone gone = run_look_gone(request->session);
    assert(request->was_running == (gone.reason == WIRE_MSG_GONE_NOT));
    answer_terminate(call->conn, run_call_id(call), &gone);
    run_call_free(call);
}

static enum sess_stop_mode mode_of(const struct wire_msg_stop *stop)
{
    return stop->mode == WIRE_MSG_STOP_GRACEFUL ? SESS_STOP_GRACEFUL : SESS_STOP_FORCE;
}

static void terminate_one(struct run_request *request, struct run_proc *proc,
                          const struct wire_msg_process_terminate *asked)
{
    struct run_call *call = run_call_new(request->conn, SESS_REQUEST_STOP, request->id,
                                         asked->process_id, terminate_answered);
    if (call == NULL)
        return;
    call->request.ask.stop.mode = mode_of(&asked->stop);
    call->request.ask.stop.timeout_ms = asked->stop.timeout_ms;
    call->request.ask.stop.ender = SESS_ENDER_CLIENT;
    run_call_post(call, proc);
}

void run_process_terminate(struct run_request *request)
{
    struct wire_msg_process_terminate asked = {0};
    if (wire_msg_process_terminate_parse(&request->parser, request->params, &asked) != 0) {
        run_dispatch_refuse_params(request);
        return;
    }
    if (asked.process_id.data == NULL) {
        run_labels_ask(request, &asked.labels,
                       &(struct run_crowd_call){.kind = SESS_REQUEST_STOP,
                                                .mode = mode_of(&asked.stop),
                                                .timeout_ms = asked.stop.timeout_ms,
                                                .write = wire_msg_process_terminate_all_reply});
        return;
    }
    struct run_proc *proc = run_proc_find(request->conn, asked.process_id);
    if (proc != NULL) {
        terminate_one(request, proc, &asked);
        return;
    }
    struct wire_msg_gone gone = run_dispatch_gone(request, asked.process_id);
    answer_terminate(request->conn, request->id, &gone);
}

/* ---- The end of input, and the size of a terminal ---- */

/* The program has exited, or its start has failed. */
static void refuse_gone(const struct run_call *call, const struct wire_msg_gone *gone)
{
    struct wire_span id = run_call_id(call);
    if (gone->reason == WIRE_MSG_GONE_NEVER_EXISTED)
        run_reply_gone(call->conn, id, WIRE_RPC_TEXT_UNKNOWN_PROCESS, run_call_name(call), gone);
    else
        run_reply_gone(call->conn, id, WIRE_RPC_TEXT_INVALID_REQUEST,
                       wire_span_text(sess_error_text(SESS_E_EXITED)), gone);
}

/* What a session says to one of the two below. */
static void control_answered(struct sess_request *request)
{
    struct run_call *call = run_call_of(request);
    struct wire_span id = run_call_id(call);
    struct wire_msg_gone gone = run_look_gone(request->session);
    if (request->result == 0)
        answer_done(call->conn, id);
    else if (request->result == SESS_E_EXITED)
        refuse_gone(call, &gone);
    else if (request->result == SESS_E_NOT_TTY)
        run_reply_text(call->conn, id, WIRE_RPC_TEXT_NO_TERMINAL, run_call_name(call));
    else if (request->result == SESS_E_STARTING)
        run_reply_text(call->conn, id, WIRE_RPC_TEXT_PROCESS_STARTING, run_call_name(call));
    else
        run_reply_text(call->conn, id, WIRE_RPC_TEXT_INVALID_REQUEST,
                       wire_span_text(sess_error_text(request->result)));
    run_call_free(call);
}

static struct run_call *control_call(struct run_request *request, enum sess_request_kind kind,
                                     struct wire_span process_id, struct run_proc **out_proc)
{
    *out_proc = run_proc_find(request->conn, process_id);
    if (*out_proc == NULL) {
        run_dispatch_refuse_process(request, process_id);
        return NULL;
    }
    return run_call_new(request->conn, kind, request->id, process_id, control_answered);
}

void run_process_close_stdin(struct run_request *request)
{
    struct wire_msg_process_close_stdin asked = {0};
    struct run_proc *proc;
    if (wire_msg_process_close_stdin_parse(&request->parser, request->params, &asked) != 0) {
        run_dispatch_refuse_params(request);
        return;
    }
    struct run_call *call =
        control_call(request, SESS_REQUEST_CLOSE_STDIN, asked.process_id, &proc);
    if (call != NULL)
        run_call_post(call, proc);
}

void run_process_resize(struct run_request *request)
{
    struct wire_msg_process_resize asked = {0};
    struct run_proc *proc;
    if (wire_msg_process_resize_parse(&request->parser, request->params, &asked) != 0) {
        run_dispatch_refuse_params(request);
        return;
    }
    struct run_call *call = control_call(request, SESS_REQUEST_RESIZE, asked.process_id, &proc);
    if (call == NULL)
        return;
    call->request.ask.resize.rows = asked.rows;
    call->request.ask.resize.columns = asked.cols;
    run_call_post(call, proc);
}
