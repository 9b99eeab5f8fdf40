/*
 * Messages: the envelope, who may call what and when, and the two dialects' ways to answer what is
 * wrong. On the connection's strand.
 */
#include "runner/dispatch.h"

#include "runner/call.h"
#include "runner/files_call.h"
#include "runner/reply.h"
#include "runner/server.h"
#include "runner/tombstone.h"

#include <stdio.h>
#include <stdlib.h>

enum { SMALL_PARAMS_BYTES = 4096 }; /* decoded on the stack: nearly every message but starts */

/* ---- What is wrong with a message ---- */

static void end_for_misuse(struct run_conn *conn, const char *reason)
{
    conn->cut = RUN_CUT_PROTOCOL;
    run_conn_end(conn, WIRE_WS_CLOSE_POLICY, reason);
}

static void refuse_unparsable(struct run_conn *conn, const struct wire_rpc_problem *problem)
{
    bool ws = conn->framing == RUN_FRAMING_WS;
    char text[192];
    struct run_reply reply;
    if (conn->dialect == RUN_DIALECT_V0) {
        end_for_misuse(conn, "failed to parse JSON-RPC message");
        return;
    }
    int size = snprintf(text, sizeof(text), "connection %u: %s at byte %zu", conn->number,
                        problem->text, problem->offset);
    wire_rpc_write_unparsable(run_reply_begin(&reply, conn),
                              ws ? WIRE_RPC_TEXT_UNPARSABLE_WS : WIRE_RPC_TEXT_UNPARSABLE,
                              wire_span_of(text, (size_t)size));
    run_reply_send(&reply);
}

void run_dispatch_refuse_params(struct run_request *request)
{
    const struct wire_msg_problem *problem = &request->parser.problem;
    struct run_reply reply;
    struct wire_json_writer *writer = run_reply_begin(&reply, request->conn);
    wire_rpc_begin_error(writer, request->id, problem->code, wire_span_text(problem->text));
    wire_rpc_end_error(writer);
    run_reply_send(&reply);
}

static void refuse_unknown(struct run_request *request, struct wire_span method)
{
    enum wire_rpc_text text = request->conn->dialect == RUN_DIALECT_V0
                                  ? WIRE_RPC_TEXT_V0_UNKNOWN_METHOD
                                  : WIRE_RPC_TEXT_UNKNOWN_METHOD;
    run_reply_text(request->conn, request->id, text, method);
}

/* ---- Which dialect ---- */

/* The first exec method decides; true: the method fits. */
static bool takes_dialect(struct run_request *request, enum wire_msg_dialect asked)
{
    static const enum run_dialect dialects[] = {
        [WIRE_MSG_DIALECT_V0] = RUN_DIALECT_V0, [WIRE_MSG_DIALECT_PROCESS] = RUN_DIALECT_PROCESS};
    struct run_conn *conn = request->conn;
    if (asked == WIRE_MSG_DIALECT_NONE)
        return true;
    if (conn->dialect == RUN_DIALECT_OPEN)
        conn->dialect = (uint8_t)dialects[asked];
    if (conn->dialect == dialects[asked])
        return true;
    enum wire_msg_dialect spoken =
        conn->dialect == RUN_DIALECT_V0 ? WIRE_MSG_DIALECT_V0 : WIRE_MSG_DIALECT_PROCESS;
    run_reply_text(conn, request->id, WIRE_RPC_TEXT_OTHER_DIALECT,
                   wire_span_text(wire_msg_dialect_name(spoken)));
    return false;
}

static bool has_greeted(struct run_request *request)
{
    struct wire_span none = wire_span_of(NULL, 0);
    switch ((enum run_greeting)request->conn->greeting) {
    case RUN_GREETING_NONE:
        run_reply_text(request->conn, request->id, WIRE_RPC_TEXT_NO_INITIALIZE, none);
        return false;
    case RUN_GREETING_RESUMING:
        run_reply_text(request->conn, request->id, WIRE_RPC_TEXT_NO_INITIALIZE, none);
        return false;
    case RUN_GREETING_INITIALIZED:
        run_reply_text(request->conn, request->id, WIRE_RPC_TEXT_NO_INITIALIZED, none);
        return false;
    case RUN_GREETING_DONE:
        break;
    }
    if (request->conn->tenure == NULL)
        run_reply_text(request->conn, request->id, WIRE_RPC_TEXT_RESUMED, none);
    return request->conn->tenure != NULL;
}

struct wire_msg_gone run_dispatch_gone(const struct run_request *request,
                                       struct wire_span process_id)
{
    return (struct wire_msg_gone){.reason = run_tombstone_why(request->conn->tenure, process_id)};
}

void run_dispatch_refuse_process(struct run_request *request, struct wire_span process_id)
{
    struct wire_msg_gone gone = run_dispatch_gone(request, process_id);
    run_reply_gone(request->conn, request->id, WIRE_RPC_TEXT_UNKNOWN_PROCESS, process_id, &gone);
}

/* ---- Requests ---- */

typedef void run_method(struct run_request *request);

static run_method *const methods[WIRE_MSG_METHOD_COUNT] = {
    [WIRE_MSG_METHOD_COMMAND_EXEC] = run_v0_exec,
    [WIRE_MSG_METHOD_COMMAND_WRITE] = run_v0_write,
    [WIRE_MSG_METHOD_COMMAND_TERMINATE] = run_v0_terminate,
    [WIRE_MSG_METHOD_PROCESS_START] = run_process_start,
    [WIRE_MSG_METHOD_PROCESS_WRITE] = run_process_write,
    [WIRE_MSG_METHOD_PROCESS_SIGNAL] = run_process_signal,
    [WIRE_MSG_METHOD_PROCESS_TERMINATE] = run_process_terminate,
    [WIRE_MSG_METHOD_PROCESS_WAIT] = run_process_wait,
    [WIRE_MSG_METHOD_PROCESS_WAIT_ANY] = run_process_wait_any,
    [WIRE_MSG_METHOD_PROCESS_LIST] = run_process_list,
    [WIRE_MSG_METHOD_PROCESS_CLOSE_STDIN] = run_process_close_stdin,
    [WIRE_MSG_METHOD_PROCESS_RESIZE] = run_process_resize,
    [WIRE_MSG_METHOD_ENVIRONMENT_INFO] = run_environment_info,
    [WIRE_MSG_METHOD_ENVIRONMENT_STATUS] = run_environment_status,
    [WIRE_MSG_METHOD_PROCESS_READ] = run_process_read,
    [WIRE_MSG_METHOD_PROCESS_SNAPSHOT] = run_process_snapshot,
    [WIRE_MSG_METHOD_PROCESS_OBSERVE] = run_process_observe,
    [WIRE_MSG_METHOD_PROCESS_UNOBSERVE] = run_process_unobserve,
    [WIRE_MSG_METHOD_FS_GET_METADATA] = run_files_request,
    [WIRE_MSG_METHOD_FS_READ_FILE] = run_files_request,
    [WIRE_MSG_METHOD_FS_OPEN] = run_files_request,
    [WIRE_MSG_METHOD_FS_READ_BLOCK] = run_files_request,
    [WIRE_MSG_METHOD_FS_CLOSE] = run_files_request,
    [WIRE_MSG_METHOD_FS_WRITE_FILE] = run_files_request,
    [WIRE_MSG_METHOD_FS_CREATE_DIRECTORY] = run_files_request,
    [WIRE_MSG_METHOD_FS_READ_DIRECTORY] = run_files_request,
    [WIRE_MSG_METHOD_FS_CANONICALIZE] = run_files_request,
    [WIRE_MSG_METHOD_FS_WALK] = run_files_request,
    [WIRE_MSG_METHOD_FS_REMOVE] = run_files_request,
    [WIRE_MSG_METHOD_FS_COPY] = run_files_request,
    [WIRE_MSG_METHOD_FS_WATCH_MISSING] = run_files_request,
};

static void call_method(struct run_request *request, struct wire_json_scratch *scratch,
                        run_method *call)
{
    uint8_t small[SMALL_PARAMS_BYTES];
    size_t bytes = wire_msg_parser_bytes(request->params.size);
    void *memory = bytes <= sizeof(small) ? small : malloc(bytes);
    if (memory == NULL) {
        run_reply_text(request->conn, request->id, WIRE_RPC_TEXT_INTERNAL,
                       wire_span_text("out of memory"));
        return;
    }
    wire_msg_parser_init(&request->parser, scratch, memory, bytes, WIRE_MSG_PATH_POSIX);
    call(request);
    if (memory != small)
        free(memory);
}

static void take_request(struct run_request *request, struct wire_json_scratch *scratch,
                         struct wire_span name)
{
    enum wire_msg_method method = wire_msg_method_find(name);
    request->method = method;
    if (method == WIRE_MSG_METHOD_INITIALIZE) {
        call_method(request, scratch, run_initialize);
        return;
    }
    if (!takes_dialect(request, wire_msg_method_dialect(name)))
        return;
    if (methods[method] == NULL)
        refuse_unknown(request, name);
    else if (has_greeted(request))
        call_method(request, scratch, methods[method]);
}

/* ---- The rest of the envelope ---- */

static void take_notification(struct run_conn *conn, struct wire_span name)
{
    if (wire_msg_method_find(name) != WIRE_MSG_METHOD_INITIALIZED)
        end_for_misuse(conn, "unexpected notification");
    else if (conn->greeting == RUN_GREETING_NONE)
        end_for_misuse(conn, "initialized came before initialize");
    else if (conn->greeting == RUN_GREETING_RESUMING)
        conn->greeted_early = true;
    else
        conn->greeting = RUN_GREETING_DONE;
}

void run_dispatch_message(struct run_conn *conn, struct wire_span document)
{
    _Alignas(8) uint8_t memory[WIRE_JSON_SCRATCH_BYTES(WIRE_JSON_MEMBERS_DEFAULT)];
    struct wire_json_scratch scratch;
    struct wire_rpc_message message;
    struct wire_rpc_problem problem;
    conn->asked_ns = iocp_now_ns(conn->strand.port);
    wire_json_scratch_init(&scratch, memory, sizeof(memory), conn->json_seed);
    int kind = wire_rpc_parse(document, &scratch, &message, &problem);
    if (kind < 0) {
        conn->asked_ns = 0;
        refuse_unparsable(conn, &problem);
        return;
    }
    struct run_request request = {.conn = conn, .id = message.id, .params = message.params};
    if (kind == WIRE_RPC_REQUEST)
        take_request(&request, &scratch, message.method);
    else if (kind == WIRE_RPC_NOTIFICATION)
        take_notification(conn, message.method);
    else
        end_for_misuse(conn, "unexpected response");
    run_conn_note_answer(conn, kind == WIRE_RPC_REQUEST ? conn->asked_ns : 0);
    conn->asked_ns = 0;
}

/* ---- The end ---- */

void run_dispatch_conn_over(struct run_conn *conn)
{
    struct run_tenure *tenure = conn->tenure;
    bool ends = conn->dialect == RUN_DIALECT_V0 || conn->stopping;
    run_waiting_cancel_all(conn, RUN_WAITING_OVER);
    run_room_over(conn);
    run_observing_stop_all(conn, RUN_OBSERVING_CUT);
    run_files_over(conn);
    if (tenure == NULL)
        return;
    if (!ends) {
        run_dispatch_give_up(conn);
        return;
    }
    run_acks_forget(conn);
    conn->tenure = NULL;
    run_proc_detach_all(tenure, conn->stopping ? SESS_ENDER_SHUTDOWN : SESS_ENDER_DISCONNECT);
    run_tenure_release(tenure, true);
}

void run_dispatch_give_up(struct run_conn *conn)
{
    struct run_tenure *tenure = conn->tenure;
    run_waiting_cancel_all(conn, RUN_WAITING_GIVEN_UP);
    run_observing_stop_all(conn, RUN_OBSERVING_RESUMED);
    run_files_over(conn);
    run_acks_forget(conn);
    conn->tenure = NULL;
    run_proc_unbind_all(tenure);
    run_tenure_release(tenure, false);
}

static void stop_answered(struct sess_request *request)
{
    run_call_free(run_call_of(request));
}

void run_dispatch_stop(struct run_conn *conn, bool force)
{
    struct sess_session *cursor = NULL, *session;
    struct wire_span none = wire_span_of("", 0);
    if (conn->tenure == NULL)
        return;
    while ((session = sess_table_next(&conn->tenure->table, &cursor)) != NULL) {
        struct run_call *call = run_call_new(conn, SESS_REQUEST_STOP, none, none, stop_answered);
        if (call == NULL)
            continue; /* the keeper ends it */
        call->request.ask.stop.mode = force ? SESS_STOP_FORCE : SESS_STOP_GRACEFUL;
        call->request.ask.stop.timeout_ms = run_server_grace_ms(conn->server);
        call->request.ask.stop.ender = SESS_ENDER_SHUTDOWN;
        run_call_post(call, sess_session_context(session));
    }
}
