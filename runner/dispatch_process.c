/*
 * Starting processes and writing to them, in the dialect process. Requests come on the connection's
 * strand, answers of sessions on theirs.
 */
#include "runner/call.h"
#include "runner/dispatch.h"
#include "runner/labels.h"
#include "runner/look.h"
#include "runner/reply.h"
#include "runner/server.h"
#include "runner/start.h"
#include "wire/msg_process.h"
#include "wire/msg_sandbox.h"

/* ---- Start ---- */

/* A sandbox that is asked for and not enforced would be a lie. *out_sandbox is zeroed, and MANAGED
 * with entries if there is one to be made. Whether the start may go on. */
static bool read_sandbox(struct run_request *request, const struct wire_msg_process_start *asked,
                         struct wire_msg_sandbox *out_sandbox)
{
    const char *reason = NULL;
    *out_sandbox = (struct wire_msg_sandbox){.type = WIRE_MSG_SANDBOX_DISABLED};
    if (asked->enforce_managed_network || asked->managed_network.data != NULL)
        reason = "this version cannot manage the network";
    else if (asked->sandbox.data != NULL &&
             wire_msg_sandbox_parse(&request->parser, asked->sandbox, out_sandbox) != 0)
        reason = request->parser.problem.text;
    if (reason != NULL)
        run_start_refuse_sandbox(request, reason);
    return reason == NULL;
}

/* A server may be told to take no specs of a form. */
static bool takes_form(struct run_request *request, enum wire_msg_start_form form)
{
    const struct run_options *options = request->conn->server->options;
    const char *refusal = NULL;
    if (form == WIRE_MSG_START_DIRECT && options->no_direct_exec)
        refusal = "direct";
    else if (form == WIRE_MSG_START_PREPARED && options->no_prepared_exec)
        refusal = "prepared";
    if (refusal != NULL)
        run_reply_text(request->conn, request->id, WIRE_RPC_TEXT_SPEC_OFF, wire_span_text(refusal));
    return refusal == NULL;
}

static enum sess_stdio stdio_of(const struct wire_msg_process_start *asked)
{
    if (asked->tty)
        return SESS_STDIO_TTY;
    return asked->pipe_stdin ? SESS_STDIO_PIPES : SESS_STDIO_OUTPUT;
}

/* Time that a number of milliseconds says, as far as the clock reaches. */
static uint64_t detach_ttl_ns(const struct run_request *request,
                              const struct wire_msg_number *asked_ms)
{
    uint64_t most_ms = INT64_MAX / 1000000 / 2;
    if (!asked_ms->is_present)
        return run_server_detach_ttl_ns(request->conn->server);
    return (asked_ms->value < most_ms ? asked_ms->value : most_ms) * 1000000;
}

void run_process_start(struct run_request *request)
{
    struct wire_msg_process_start asked = {0};
    struct wire_msg_sandbox sandbox;
    struct sess_label labels[WIRE_MSG_LABELS_MAX];
    if (wire_msg_process_start_parse(&request->parser, request->params, &asked) != 0) {
        run_dispatch_refuse_params(request);
        return;
    }
    if (!read_sandbox(request, &asked, &sandbox) || !takes_form(request, asked.form))
        return;
    struct run_start start = {
        .id = asked.process_id,
        .argv = asked.argv.items,
        .arg0 = asked.arg0,
        .cwd = asked.cwd,
        .env = &asked.env,
        .env_policy = &asked.env_policy,
        .stdio = stdio_of(&asked),
        .rows = asked.rows,
        .columns = asked.cols,
        .labels = labels,
        .label_count = run_labels_of(&asked.labels, labels),
        .limits = {.wall_ms = asked.limits.wall_ms,
                   .idle_ms = asked.limits.idle_ms,
                   .no_output_ms = asked.limits.no_output_ms,
                   .output_bytes = asked.limits.output_bytes},
        .detach_ttl_ns = detach_ttl_ns(request, &asked.detach_ttl_ms),
        .sandbox = sandbox.type == WIRE_MSG_SANDBOX_MANAGED ? &sandbox : NULL,
    };
    run_start(request, &start);
}

/* ---- Write ---- */

/* What became of a write that was answered so; gone is what is told of the process. */
static enum wire_msg_write_status status_of(int result, const struct wire_msg_gone *gone)
{
    if (result == 0)
        return WIRE_MSG_WRITE_ACCEPTED;
    if (result == SESS_E_STARTING)
        return WIRE_MSG_WRITE_STARTING;
    if (gone->reason == WIRE_MSG_GONE_NEVER_EXISTED)
        return WIRE_MSG_WRITE_UNKNOWN_PROCESS; /* it waited for a start that failed */
    return WIRE_MSG_WRITE_STDIN_CLOSED;
}

static void write_status(struct wire_json_writer *writer, const struct sess_request *request,
                         struct wire_span id)
{
    struct wire_msg_gone gone = {0};
    if (request->result != 0)
        gone = run_look_gone(request->session);
    wire_msg_process_write_reply(writer, id, status_of(request->result, &gone), &gone);
}

static void write_answered(struct sess_request *request)
{
    struct run_call *call = run_call_of(request);
    struct run_conn *conn = run_conn_ref(call->conn);
    struct wire_span id = run_call_id(call);
    struct run_reply reply;
    struct wire_json_writer *writer = run_reply_begin(&reply, conn);
    if (request->result == SESS_E_STDIN_FULL)
        wire_rpc_write_queue_full(writer, id, request->queued_bytes, request->limit_bytes);
    else if (request->result == SESS_E_TOO_LARGE)
        wire_rpc_write_text(writer, id, WIRE_RPC_TEXT_INVALID_PARAMS,
                            wire_span_text("`chunk` is larger than one write may be"));
    else
        write_status(writer, request, id);
    run_call_free(call); /* first: whoever repeats the write then finds its id forgotten */
    run_reply_send(&reply);
    run_conn_unref(conn);
}

static void answer_write(struct run_request *request, enum wire_msg_write_status status,
                         const struct wire_msg_gone *gone)
{
    struct run_reply reply;
    wire_msg_process_write_reply(run_reply_begin(&reply, request->conn), request->id, status, gone);
    run_reply_send(&reply);
}

static void write_to(struct run_request *request, struct run_proc *proc,
                     const struct wire_msg_process_write *asked)
{
    static const struct wire_msg_gone not_asked = {0};
    struct run_write write = {
        .name = asked->process_id, .chunk = &asked->chunk, .answer = write_answered};
    if (asked->write_id.data != NULL)
        write.key = run_recent_key(proc->tenure->seed, asked->write_id);
    if (write.key != 0 && run_recent_has(&proc->write_ids, write.key))
        answer_write(request, WIRE_MSG_WRITE_ACCEPTED, &not_asked); /* a repeat: it was written */
    else
        run_write(request, proc, &write);
}

void run_process_write(struct run_request *request)
{
    struct wire_msg_process_write asked = {0};
    if (wire_msg_process_write_parse(&request->parser, request->params, &asked) != 0) {
        run_dispatch_refuse_params(request);
        return;
    }
    struct run_proc *proc = run_proc_find(request->conn, asked.process_id);
    if (proc != NULL) {
        write_to(request, proc, &asked);
        return;
    }
    struct wire_msg_gone gone = run_dispatch_gone(request, asked.process_id);
    answer_write(request, WIRE_MSG_WRITE_UNKNOWN_PROCESS, &gone);
}
