/*
 * initialize: the reply of both dialects, with what the client may want to know of the server's
 * surroundings. On the connection's strand.
 */
#include "runner/dispatch.h"
#include "runner/reply.h"
#include "runner/server.h"
#include "wire/msg_initialize.h"

#include <stdio.h>

enum { SESSION_ID_BYTES = 36 };

/* 128 random bits in the form of a UUID (RFC 9562, version 4). */
static int make_session_id(struct run_conn *conn, char out_text[SESSION_ID_BYTES + 1])
{
    uint8_t bits[16];
    if (iocp_random(conn->strand.port, bits, sizeof(bits)) != 0)
        return -1;
    bits[6] = (uint8_t)((bits[6] & 0x0f) | 0x40);
    bits[8] = (uint8_t)((bits[8] & 0x3f) | 0x80);
    char *at = out_text;
    for (unsigned i = 0; i < sizeof(bits); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        at += snprintf(at, 3, "%02x", bits[i]);
    }
    return 0;
}

static void accept_client(struct run_request *request)
{
    struct run_conn *conn = request->conn;
    char session_id[SESSION_ID_BYTES + 1];
    struct run_reply reply;
    if (make_session_id(conn, session_id) != 0) {
        run_reply_text(conn, request->id, WIRE_RPC_TEXT_INTERNAL,
                       wire_span_text("no random numbers"));
        return;
    }
    struct wire_msg_initialized initialized = {
        .protocol_version = wire_msg_dialect_name(WIRE_MSG_DIALECT_V0),
        .session_id = wire_span_of(session_id, SESSION_ID_BYTES),
        .environment = run_server_environment(conn->server),
    };
    wire_msg_initialize_reply(run_reply_begin(&reply, conn), request->id, &initialized);
    run_reply_send(&reply);
    conn->greeting = RUN_GREETING_INITIALIZED;
    run_conn_settle(conn);
}

void run_initialize(struct run_request *request)
{
    struct wire_msg_initialize asked = {0};
    struct wire_span none = wire_span_of(NULL, 0);
    if (request->conn->greeting != RUN_GREETING_NONE)
        run_reply_text(request->conn, request->id, WIRE_RPC_TEXT_INITIALIZE_TWICE, none);
    else if (wire_msg_initialize_parse(&request->parser, request->params, &asked) != 0)
        run_dispatch_refuse_params(request);
    else if (asked.resume_session_id.data != NULL)
        run_reply_text(request->conn, request->id, WIRE_RPC_TEXT_UNKNOWN_SESSION,
                       asked.resume_session_id);
    else
        accept_client(request);
}
