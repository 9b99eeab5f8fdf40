/*
 * Starting and writing, for both dialects: see start.h.
 */
#include "runner/start.h"

#include "runner/call.h"
#include "runner/reply.h"
#include "runner/server.h"

#include <stdlib.h>
#include <string.h>

void run_start_refuse_sandbox(struct run_request *request, const char *reason)
{
    run_metrics_start(request->conn->metrics, SESS_E_REFUSED);
    run_reply_text(request->conn, request->id, WIRE_RPC_TEXT_SANDBOX, wire_span_text(reason));
}

static const char *find_tmpdir(const char *const *env)
{
    for (; *env != NULL; env++) {
        if (strncmp(*env, "TMPDIR=", 7) == 0)
            return *env + 7;
    }
    return NULL;
}

/* The sandbox of a start that asks for one. false: there is none, and the request was answered. */
static bool make_wrap(struct run_request *request, const struct run_start *start,
                      const char *const *env, struct sess_wrap **out_wrap)
{
    struct run_sandboxes *sandboxes = run_server_sandboxes(request->conn->server);
    const struct run_permissions_asked asked = {.sandbox = start->sandbox,
                                                .tmpdir = find_tmpdir(env)};
    struct run_why why = {"out of memory"};
    *out_wrap = NULL;
    if (start->sandbox == NULL)
        return true;
    if (sandboxes->why_not[0] != '\0') {
        (void)run_why_set(&why, -1, "%s", sandboxes->why_not);
    } else {
        struct run_permissions *permissions = run_permissions_new(&asked, &why);
        if (permissions != NULL)
            *out_wrap = run_sandbox_new(sandboxes, permissions);
        if (*out_wrap == NULL)
            run_permissions_free(permissions);
    }
    if (*out_wrap == NULL)
        run_start_refuse_sandbox(request, why.text);
    return *out_wrap != NULL;
}

static void start_with_env(struct run_request *request, const struct run_start *start,
                           const char *const *env)
{
    struct sess_wrap *wrap;
    if (!make_wrap(request, start, env, &wrap))
        return;
    struct sess_spec spec = {
        .argv = start->argv,
        .arg0 = start->arg0,
        .env = env,
        .cwd = start->cwd,
        .stdio = start->stdio,
        .window_bytes = run_conn_window_bytes(request->conn),
        .retain_bytes = SESS_HOST_DEFAULT,
        .stdin_queue_bytes = SESS_HOST_DEFAULT,
        .rows = start->rows,
        .columns = start->columns,
        .labels = start->labels,
        .label_count = start->label_count,
        .limits = start->limits,
        .wrap = wrap,
    };
    struct run_proc_start proc = {.request_id = request->id,
                                  .id = start->id,
                                  .spec = &spec,
                                  .detach_ttl_ns = start->detach_ttl_ns};
    run_proc_start(request->conn, &proc);
}

void run_start(struct run_request *request, const struct run_start *start)
{
    struct wire_msg_env_request asked = {
        .policy = start->env_policy,
        .env = start->env,
        .server = run_server_env(request->conn->server),
        .platform = &wire_msg_env_posix,
    };
    size_t bytes = wire_msg_env_bytes(&asked);
    void *memory = malloc(bytes);
    struct wire_msg_arena arena;
    wire_msg_arena_init(&arena, memory, memory != NULL ? bytes : 0);
    const char *const *env = wire_msg_env_build(&asked, &arena, NULL);
    if (env == NULL)
        run_reply_text(request->conn, request->id, WIRE_RPC_TEXT_INTERNAL,
                       wire_span_text("out of memory"));
    else
        start_with_env(request, start, env);
    free(memory);
}

void run_write(struct run_request *request, struct run_proc *proc, const struct run_write *write)
{
    struct run_conn *conn = request->conn;
    size_t capacity = wire_msg_chunk_capacity(write->chunk);
    struct iocp_slice slice = {0};
    if (capacity > UINT32_MAX || iocp_lease(conn->strand.port, (uint32_t)capacity, &slice) != 0) {
        run_reply_text(conn, request->id, WIRE_RPC_TEXT_INTERNAL, wire_span_text("out of memory"));
        return;
    }
    ptrdiff_t size = wire_msg_chunk_decode(write->chunk, wire_base64_best(), slice.data, capacity,
                                           &request->parser.problem);
    struct run_call *call = NULL;
    if (size < 0)
        run_dispatch_refuse_params(request);
    else
        call = run_call_new(conn, SESS_REQUEST_WRITE, request->id, write->name, write->answer);
    if (call == NULL) {
        iocp_slice_unref(&slice);
        return;
    }
    slice.size_bytes = (uint32_t)size;
    if (write->key != 0)
        run_call_remember(call, proc, write->key);
    run_call_post_write(call, proc, slice);
}
