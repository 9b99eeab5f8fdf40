/*
 * initialize: a new tenure, or one that is taken up again; the reply of both dialects, with what
 * the client may want to know of the server's surroundings. On the connection's strand.
 */
#include "runner/dispatch.h"
#include "runner/proc.h"
#include "runner/reply.h"
#include "runner/server.h"
#include "runner/slots.h"
#include "wire/msg_initialize.h"

#include <stdlib.h>
#include <string.h>

/* What holds for this connection if it speaks the dialect process. */
static void look_at_limits(const struct run_conn *conn, struct wire_msg_limits *out_limits)
{
    const struct run_options *options = conn->server->options;
    bool ws = conn->framing == RUN_FRAMING_WS;
    *out_limits = (struct wire_msg_limits){
        .window_bytes = run_conn_window_bytes(conn),
        .resume_ring_bytes = run_conn_may_be_resumed(conn) ? options->resume_ring_bytes : 0,
        .output_queue_bytes = RUN_OUTPUT_QUEUE_BYTES,
        .reply_queue_bytes = RUN_REPLY_QUEUE_BYTES,
        .chunk_bytes = SESS_CHUNK_MAX_BYTES,
        .retained_bytes = options->retain_bytes,
        .stdin_queue_bytes = options->stdin_queue_bytes,
        .waiting_write_bytes = RUN_WAITING_WRITE_BYTES,
        .message_bytes = options->max_message_bytes,
        .send_timeout_ms = options->send_timeout_ms,
        .ping_interval_ms = ws ? options->ping_interval_ms : 0,
        .detach_ttl_ms = options->detach_ttl_ms,
        .tombstone_ttl_ms = options->tombstone_ttl_ms,
    };
}

static void welcome(struct run_conn *conn, struct wire_span request_id)
{
    struct run_reply reply;
    struct wire_msg_limits limits;
    struct wire_msg_initialized initialized = {
        .protocol_version = wire_msg_dialect_name(WIRE_MSG_DIALECT_V0),
        .session_id = wire_span_of(conn->tenure->id, RUN_TENURE_ID_BYTES),
        .observer_key = wire_span_of(conn->tenure->observer_key, RUN_TENURE_KEY_BYTES),
        .environment = run_server_environment(conn->server),
        .limits = &limits,
    };
    look_at_limits(conn, &limits);
    wire_msg_initialize_reply(run_reply_begin(&reply, conn), request_id, &initialized);
    run_reply_send(&reply);
    conn->greeting = conn->greeted_early ? RUN_GREETING_DONE : RUN_GREETING_INITIALIZED;
    run_conn_settle(conn);
}

/* What the client asked for beside its name. */
static void note_wishes(struct run_conn *conn, const struct wire_msg_initialize *asked)
{
    conn->wants_lifecycle = (asked->extensions & WIRE_MSG_EXTENSION_LIFECYCLE) != 0;
}

/* ---- A new one ---- */

/* With a slot for it. */
static void make_tenure(struct run_conn *conn, struct wire_span request_id)
{
    conn->tenure = run_tenure_new(conn->server, conn);
    if (conn->tenure != NULL) {
        welcome(conn, request_id);
        return;
    }
    run_slots_give_back(&conn->server->slots);
    run_reply_text(conn, request_id, WIRE_RPC_TEXT_INTERNAL,
                   wire_span_text("out of memory or random numbers"));
}

struct beginning {
    struct run_slot_wish wish;
    size_t request_id_bytes;
    uint8_t request_id[]; /* JSON */
};

static void refuse_full(struct run_conn *conn, struct wire_span request_id)
{
    struct sess_shortage shortage = {.resource = "tenures", .have = 0, .need = 1};
    struct run_reply reply;
    run_metrics_shortage(conn->metrics, &shortage);
    run_reply_shortage(run_reply_begin(&reply, conn), request_id, &shortage);
    run_reply_send(&reply);
}

static void on_slot(struct run_slot_wish *wish)
{
    struct beginning *beginning = IOCP_OWNER(wish, struct beginning, wish);
    struct wire_span request_id = wire_span_of(beginning->request_id, beginning->request_id_bytes);
    struct run_conn *conn = wish->conn;
    bool is_open = run_conn_is_open(conn);
    conn->greeting = RUN_GREETING_NONE;
    if (is_open && wish->granted)
        make_tenure(conn, request_id);
    else if (is_open)
        refuse_full(conn, request_id);
    else if (wish->granted)
        run_slots_give_back(wish->slots);
    free(beginning);
}

/* All slots are taken: perhaps somebody who vanished gives way. */
static void wait_for_slot(struct run_request *request)
{
    struct run_conn *conn = request->conn;
    struct beginning *beginning = calloc(1, sizeof(*beginning) + request->id.size);
    if (beginning == NULL) {
        run_reply_text(conn, request->id, WIRE_RPC_TEXT_INTERNAL, wire_span_text("out of memory"));
        return;
    }
    beginning->request_id_bytes = request->id.size;
    memcpy(beginning->request_id, request->id.data, request->id.size);
    beginning->wish.done = on_slot;
    conn->greeting = RUN_GREETING_RESUMING;
    run_slots_wish(&conn->server->slots, &beginning->wish, conn);
}

static void begin_tenure(struct run_request *request)
{
    struct run_conn *conn = request->conn;
    if (run_slots_take(&conn->server->slots))
        make_tenure(conn, request->id);
    else
        wait_for_slot(request);
}

/* ---- Resuming ---- */

struct resuming {
    struct run_resume resume;
    struct run_binding binding;
    size_t request_id_bytes;
    uint8_t request_id[]; /* JSON */
};

static struct wire_span request_id_of(const struct resuming *resuming)
{
    return wire_span_of(resuming->request_id, resuming->request_id_bytes);
}

static void on_bound(struct run_binding *binding)
{
    struct resuming *resuming = IOCP_OWNER(binding, struct resuming, binding);
    struct run_conn *conn = binding->conn;
    conn->queue.holds_output = false;
    if (run_conn_is_open(conn) && conn->tenure != NULL)
        welcome(conn, request_id_of(resuming));
    else if (run_conn_is_open(conn))
        run_reply_text(conn, request_id_of(resuming), WIRE_RPC_TEXT_RESUMED, wire_span_of(NULL, 0));
    free(resuming);
}

static void refuse(struct resuming *resuming)
{
    const struct run_resume *resume = &resuming->resume;
    bool unknown = resume->outcome == RUN_RESUME_UNKNOWN;
    resume->conn->greeting = RUN_GREETING_NONE;
    resume->conn->queue.holds_output = false;
    run_reply_text(resume->conn, request_id_of(resuming),
                   unknown ? WIRE_RPC_TEXT_UNKNOWN_SESSION : WIRE_RPC_TEXT_ALREADY_ATTACHED,
                   wire_span_text(resume->id));
    free(resuming);
}

static void on_resumed(struct run_resume *resume)
{
    struct resuming *resuming = IOCP_OWNER(resume, struct resuming, resume);
    struct run_conn *conn = resume->conn;
    if (resume->outcome != RUN_RESUME_GIVEN) {
        refuse(resuming);
        return;
    }
    conn->tenure = resume->tenure;
    conn->dialect = RUN_DIALECT_PROCESS; /* of exec-server.v0 nothing is left to be resumed */
    if (!run_conn_is_open(conn)) {
        run_dispatch_conn_over(conn);
        free(resuming);
        return;
    }
    resuming->binding.done = on_bound;
    run_proc_bind_all(&resuming->binding, conn);
}

static void resume_tenure(struct run_request *request, const struct wire_msg_initialize *asked)
{
    struct run_conn *conn = request->conn;
    struct wire_span id = asked->resume_session_id;
    struct resuming *resuming = NULL;
    if (id.size != RUN_TENURE_ID_BYTES) {
        run_reply_text(conn, request->id, WIRE_RPC_TEXT_UNKNOWN_SESSION, id);
        return;
    }
    resuming = calloc(1, sizeof(*resuming) + request->id.size);
    if (resuming == NULL) {
        run_reply_text(conn, request->id, WIRE_RPC_TEXT_INTERNAL, wire_span_text("out of memory"));
        return;
    }
    memcpy(resuming->resume.id, id.data, id.size);
    resuming->request_id_bytes = request->id.size;
    memcpy(resuming->request_id, request->id.data, request->id.size);
    resuming->resume.done = on_resumed;
    resuming->resume.take_over = asked->take_over;
    conn->greeting = RUN_GREETING_RESUMING;
    conn->queue.holds_output = true; /* what is told of its processes comes behind the answer */
    run_resume_start(&resuming->resume, conn);
}

void run_environment_info(struct run_request *request)
{
    struct run_reply reply;
    wire_msg_environment_info_reply(run_reply_begin(&reply, request->conn), request->id,
                                    run_server_environment(request->conn->server));
    run_reply_send(&reply);
}

void run_environment_status(struct run_request *request)
{
    struct run_reply reply;
    wire_msg_environment_status_reply(run_reply_begin(&reply, request->conn), request->id);
    run_reply_send(&reply);
}

void run_initialize(struct run_request *request)
{
    struct wire_msg_initialize asked = {0};
    struct wire_span none = wire_span_of(NULL, 0);
    if (request->conn->greeting != RUN_GREETING_NONE)
        run_reply_text(request->conn, request->id, WIRE_RPC_TEXT_INITIALIZE_TWICE, none);
    else if (wire_msg_initialize_parse(&request->parser, request->params, &asked) != 0)
        run_dispatch_refuse_params(request);
    else {
        note_wishes(request->conn, &asked);
        if (asked.resume_session_id.data != NULL)
            resume_tenure(request, &asked);
        else
            begin_tenure(request);
    }
}
