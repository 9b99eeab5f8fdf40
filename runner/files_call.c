/*
 * Calls about files: copies of requests, their queue, their completion. See files_call.h. On the
 * connection's strand.
 */
#include "runner/files_call.h"

#include "runner/dispatch.h"
#include "runner/files_watch.h"
#include "runner/permissions.h"
#include "runner/reply.h"
#include "runner/server.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- Copies ---- */

static size_t text_bytes(const char *text)
{
    return text != NULL ? strlen(text) + 1 : 0;
}

static size_t missing_bytes(const struct wire_msg_fs *asked)
{
    size_t bytes = asked->missing.count * sizeof(char *);
    for (size_t i = 0; i < asked->missing.count; i++)
        bytes += text_bytes(asked->missing.items[i]);
    return bytes;
}

static size_t texts_bytes(const struct wire_msg_fs *asked)
{
    return missing_bytes(asked) + text_bytes(asked->path) + text_bytes(asked->destination) +
           text_bytes(asked->present);
}

/* Puts text at *at and moves that on. */
static const char *put_text(char **at, const char *text)
{
    char *copy = *at;
    size_t bytes = text_bytes(text);
    if (text == NULL)
        return NULL;
    memcpy(copy, text, bytes);
    *at += bytes;
    return copy;
}

/* The texts of a request into the call. Pointers come first, for their alignment. */
static void copy_texts(struct run_file_call *call, const struct wire_msg_fs *asked)
{
    const char **missing = (const char **)(void *)call->text;
    char *at = call->text + asked->missing.count * sizeof(char *);
    call->asked = *asked;
    for (size_t i = 0; i < asked->missing.count; i++)
        missing[i] = put_text(&at, asked->missing.items[i]);
    call->asked.missing.items = missing;
    call->asked.path = put_text(&at, asked->path);
    call->asked.destination = put_text(&at, asked->destination);
    call->asked.present = put_text(&at, asked->present);
    call->asked.handle_id = wire_span_of(NULL, 0); /* the handle has it */
    call->id = (uint8_t *)at;
}

static struct run_file_call *call_new(struct run_request *request, const struct wire_msg_fs *asked)
{
    size_t bytes = texts_bytes(asked);
    struct run_file_call *call = calloc(1, sizeof(*call) + bytes + request->id.size);
    if (call == NULL)
        return NULL;
    copy_texts(call, asked);
    memcpy(call->id, request->id.data, request->id.size);
    call->id_bytes = request->id.size;
    call->conn = run_conn_ref(request->conn);
    call->method = request->method;
    call->asked_ns = request->conn->asked_ns;
    call->fd = -1;
    call->work.files = &request->conn->server->files;
    call->work.cancelled = &call->cancelled;
    return call;
}

/* The call is in no list. */
static void call_free(struct run_file_call *call)
{
    struct run_conn *conn = call->conn;
    conn->files.held_bytes -= call->held_bytes;
    if (call->handle != NULL)
        run_file_handle_unref(call->handle);
    run_permissions_free(call->permissions);
    run_frame_free(call->reply);
    free(call->data);
    free(call);
    run_conn_unref(conn);
}

/* ---- Answers ---- */

static void count_call(struct run_conn *conn, enum wire_msg_method method, int code)
{
    enum run_file_result result = RUN_FILE_REFUSED;
    if (code == 0)
        result = RUN_FILE_OK;
    else if (code == WIRE_RPC_CODE_NOT_FOUND)
        result = RUN_FILE_NOT_FOUND;
    else if (code == WIRE_RPC_CODE_INTERNAL)
        result = RUN_FILE_FAILED;
    unsigned row = (unsigned)(method - WIRE_MSG_METHOD_FS_GET_METADATA);
    run_metrics_add(conn->metrics, RUN_COUNT_FILE_CALLS + row * RUN_FILE_RESULTS + result, 1);
}

static void refuse(struct run_conn *conn, enum wire_msg_method method, struct wire_span id,
                   int code, const char *text)
{
    struct run_reply reply;
    struct wire_json_writer *writer = run_reply_begin(&reply, conn);
    wire_rpc_begin_error(writer, id, code, wire_span_text(text));
    wire_rpc_end_error(writer);
    run_reply_send(&reply);
    count_call(conn, method, code);
}

static void refuse_no_room(struct run_request *request, const char *resource)
{
    struct sess_shortage shortage = {.resource = resource, .have = 0, .need = 1};
    struct run_reply reply;
    run_reply_shortage(run_reply_begin(&reply, request->conn), request->id, &shortage);
    run_reply_send(&reply);
    count_call(request->conn, request->method, WIRE_RPC_CODE_NO_CAPACITY);
}

static void answer(struct run_file_call *call)
{
    struct run_conn *conn = call->conn;
    struct run_frame *reply = call->reply;
    call->reply = NULL;
    if (reply == NULL) {
        refuse(conn, call->method, run_file_call_id(call), call->work.error.code,
               call->work.error.text);
    } else {
        run_conn_send(conn, RUN_FRAME_REPLY, reply);
        count_call(conn, call->method, 0);
    }
    run_conn_note_answer(conn, call->asked_ns);
}

/* ---- The queue ---- */

static void unlink_call(struct run_file_call *call)
{
    struct run_file_calls *files = &call->conn->files;
    struct run_file_call **at = &files->first, *before = NULL;
    while (*at != call) {
        before = *at;
        at = &before->next;
    }
    *at = call->next;
    if (files->last == call)
        files->last = before;
    files->count--;
}

/* What the call leaves behind: its handle, its watch. */
static void keep_results(struct run_file_call *call)
{
    bool over = call->conn->files.over;
    if (call->method == WIRE_MSG_METHOD_FS_OPEN) {
        struct run_file_handle *handle = call->handle;
        handle->fd = call->fd;
        if (call->fd >= 0)
            sess_host_note_descriptors(run_conn_host(call->conn), 1);
        else if (!over && run_file_handle_find(
                              call->conn, wire_span_of(handle->id, handle->id_bytes)) == handle)
            run_file_handle_remove(handle);
    }
    if (call->watch != NULL)
        run_file_watch_begin(call->watch, call->conn);
}

static void on_done(struct iocp_op *op)
{
    struct run_file_call *call = IOCP_OWNER(op, struct run_file_call, help.op);
    struct run_conn *conn = run_conn_ref(call->conn);
    if (op->result != 0)
        (void)run_file_fail(&call->work, WIRE_RPC_CODE_INTERNAL,
                            "too many calls wait for a helper");
    conn->files.running--;
    unlink_call(call);
    if (!conn->files.over && run_conn_is_open(conn))
        answer(call);
    keep_results(call);
    call_free(call);
    run_files_go_on(conn);
    run_conn_unref(conn);
}

static bool may_start(const struct run_file_calls *files, const struct run_file_call *call)
{
    for (const struct run_file_call *at = files->first; at != call; at = at->next)
        if (run_file_call_must_wait(call, at))
            return false;
    return true;
}

void run_files_go_on(struct run_conn *conn)
{
    struct run_file_calls *files = &conn->files;
    if (run_outq_bytes(&conn->queue, RUN_FRAME_REPLY) > RUN_REPLY_QUEUE_BYTES)
        return; /* it takes what is there first */
    for (struct run_file_call *call = files->first; call != NULL; call = call->next) {
        if (files->running >= RUN_FILES_AT_ONCE)
            return;
        if (call->running || !may_start(files, call))
            continue;
        call->running = true;
        files->running++;
        iocp_help_start(&call->help, &conn->strand, IOCP_POOL_FILES, run_file_call_work, on_done);
    }
}

static void enqueue(struct run_conn *conn, struct run_file_call *call, const char *what)
{
    struct run_file_calls *files = &conn->files;
    call->help.what = what;
    if (files->last != NULL)
        files->last->next = call;
    else
        files->first = call;
    files->last = call;
    files->count++;
    conn->asked_ns = 0; /* the call has it */
    run_files_go_on(conn);
}

/* ---- Requests ---- */

/* Counts what the call holds in memory until it is answered. Returns whether it may; else it was
 * answered. */
static bool hold(struct run_request *request, struct run_file_call *call, size_t bytes)
{
    struct run_file_calls *files = &request->conn->files;
    if (bytes <= RUN_FILES_SMALL_BYTES)
        return true;
    if (files->held_bytes > call->held_bytes && files->held_bytes + bytes > RUN_FILES_HELD_BYTES) {
        refuse_no_room(request, "bytes of waiting file requests");
        return false;
    }
    call->held_bytes += bytes;
    files->held_bytes += bytes;
    return true;
}

/* Decodes what is to be written. Returns whether the call may go on; else it was answered. */
static bool take_data(struct run_request *request, struct run_file_call *call,
                      const struct wire_msg_chunk *chunk)
{
    struct wire_msg_problem problem;
    size_t capacity = wire_msg_chunk_capacity(chunk);
    if (!hold(request, call, capacity))
        return false;
    call->data = malloc(capacity > 0 ? capacity : 1);
    if (call->data == NULL) {
        refuse_no_room(request, "memory");
        return false;
    }
    ptrdiff_t size =
        wire_msg_chunk_decode(chunk, wire_base64_best(), call->data, capacity, &problem);
    if (size < 0) {
        refuse(request->conn, request->method, request->id, problem.code, problem.text);
        return false;
    }
    call->data_bytes = (size_t)size;
    return true;
}

/* A handle for fs/open. */
static bool take_new_handle(struct run_request *request, struct run_file_call *call,
                            struct wire_span id)
{
    struct run_conn *conn = request->conn;
    char text[128];
    if (run_file_handle_find(conn, id) != NULL) {
        (void)snprintf(text, sizeof(text), "file handle `%.*s` already exists", (int)id.size,
                       (const char *)id.data);
        refuse(conn, request->method, request->id, WIRE_RPC_CODE_INVALID_REQUEST, text);
        return false;
    }
    if (conn->files.handle_count >= RUN_FILES_HANDLES_MAX) {
        (void)snprintf(text, sizeof(text), "at most %d file handles may be open per connection",
                       RUN_FILES_HANDLES_MAX);
        refuse(conn, request->method, request->id, WIRE_RPC_CODE_INVALID_REQUEST, text);
        return false;
    }
    struct run_file_handle *handle = run_file_handle_add(conn, id);
    if (handle == NULL) {
        refuse_no_room(request, "memory");
        return false;
    }
    call->handle = run_file_handle_ref(handle);
    return true;
}

static bool take_old_handle(struct run_request *request, struct run_file_call *call,
                            const struct wire_msg_fs *asked)
{
    struct run_file_handle *handle = run_file_handle_find(request->conn, asked->handle_id);
    char text[128];
    if (asked->len < 1 || asked->len > RUN_FILES_BLOCK_BYTES) {
        (void)snprintf(text, sizeof(text), "file read block length must be between 1 and %d",
                       RUN_FILES_BLOCK_BYTES);
        refuse(request->conn, request->method, request->id, WIRE_RPC_CODE_INVALID_REQUEST, text);
        return false;
    }
    if (handle == NULL) {
        (void)snprintf(text, sizeof(text), "unknown file handle `%.*s`", (int)asked->handle_id.size,
                       (const char *)asked->handle_id.data);
        refuse(request->conn, request->method, request->id, WIRE_RPC_CODE_NOT_FOUND, text);
        return false;
    }
    call->handle = run_file_handle_ref(handle);
    return true;
}

/* A handle is out of the list at once; who reads of it goes on. */
static void close_handle(struct run_request *request, const struct wire_msg_fs *asked)
{
    struct run_file_handle *handle = run_file_handle_find(request->conn, asked->handle_id);
    struct run_reply reply;
    if (handle != NULL)
        run_file_handle_remove(handle);
    wire_msg_fs_done_reply(run_reply_begin(&reply, request->conn), request->id);
    run_reply_send(&reply);
    count_call(request->conn, request->method, 0);
}

static void answer_not_watching(struct run_request *request)
{
    struct run_reply reply;
    wire_msg_fs_watch_reply(run_reply_begin(&reply, request->conn), request->id, false);
    run_reply_send(&reply);
    count_call(request->conn, request->method, 0);
}

/* A number that is in use stands for the watch that has it. */
static bool take_watch(struct run_request *request, const struct wire_msg_fs *asked)
{
    const struct run_file_watch *watch = request->conn->files.watch;
    if (watch == NULL || run_file_watch_id(watch) != asked->watch_id)
        return true;
    answer_not_watching(request);
    return false;
}

static void refuse_sandbox(struct run_request *request, const char *reason)
{
    run_reply_text(request->conn, request->id, WIRE_RPC_TEXT_SANDBOX, wire_span_text(reason));
    count_call(request->conn, request->method, WIRE_RPC_CODE_INVALID_PARAMS);
}

/* Makes permissions of the sandbox that was asked for. */
static bool take_sandbox(struct run_request *request, struct run_file_call *call,
                         struct wire_span json)
{
    struct wire_msg_sandbox sandbox;
    struct run_permissions_asked asked = {.sandbox = &sandbox, .tmpdir = getenv("TMPDIR")};
    struct run_why why;
    if (json.data == NULL)
        return true;
    if (json.size > RUN_FILES_SANDBOX_BYTES) {
        refuse_sandbox(request, "it is longer than 256 KiB");
        return false;
    }
    if (wire_msg_sandbox_parse(&request->parser, json, &sandbox) != 0) {
        refuse_sandbox(request, request->parser.problem.text);
        return false;
    }
    if (sandbox.type == WIRE_MSG_SANDBOX_DISABLED)
        return true;
    call->permissions = run_permissions_new(&asked, &why);
    if (call->permissions == NULL) {
        refuse_sandbox(request, why.text);
        return false;
    }
    return hold(request, call, run_permissions_bytes(call->permissions));
}

static bool take_parts(struct run_request *request, struct run_file_call *call,
                       const struct wire_msg_fs *asked)
{
    if (!hold(request, call, texts_bytes(asked)) || !take_sandbox(request, call, asked->sandbox))
        return false;
    if (request->method == WIRE_MSG_METHOD_FS_WRITE_FILE)
        return take_data(request, call, &asked->data);
    if (request->method == WIRE_MSG_METHOD_FS_OPEN)
        return take_new_handle(request, call, asked->handle_id);
    if (request->method == WIRE_MSG_METHOD_FS_READ_BLOCK)
        return take_old_handle(request, call, asked);
    if (request->method == WIRE_MSG_METHOD_FS_WATCH_MISSING)
        return take_watch(request, asked);
    return true;
}

static const char *name_of(enum wire_msg_method method)
{
    static const char *const names[] = {"fs/getMetadata",
                                        "fs/readFile",
                                        "fs/open",
                                        "fs/readBlock",
                                        "fs/close",
                                        "fs/writeFile",
                                        "fs/createDirectory",
                                        "fs/readDirectory",
                                        "fs/canonicalize",
                                        "fs/walk",
                                        "fs/remove",
                                        "fs/copy",
                                        "fs/watchMissing"};
    return names[method - WIRE_MSG_METHOD_FS_GET_METADATA];
}

/* Longer than any path that the system takes: not even kept. */
static bool is_long(const char *path)
{
    return path != NULL && strlen(path) >= RUN_FILES_REAL_PATH_BYTES;
}

static bool has_long_path(const struct wire_msg_fs *asked)
{
    bool is = is_long(asked->path) || is_long(asked->destination) || is_long(asked->present);
    for (size_t i = 0; i < asked->missing.count; i++)
        is = is || is_long(asked->missing.items[i]);
    return is;
}

static void take_call(struct run_request *request, const struct wire_msg_fs *asked)
{
    struct run_conn *conn = request->conn;
    if (has_long_path(asked)) {
        refuse(conn, request->method, request->id, WIRE_RPC_CODE_INTERNAL,
               "File name too long (os error 36)");
        return;
    }
    if (asked->missing.count > RUN_FILES_MISSING_MAX) {
        answer_not_watching(request);
        return;
    }
    if (conn->files.count >= RUN_FILES_WAITING_MAX) {
        refuse_no_room(request, "waiting file requests");
        return;
    }
    struct run_file_call *call = call_new(request, asked);
    if (call == NULL)
        refuse_no_room(request, "memory");
    else if (take_parts(request, call, asked))
        enqueue(conn, call, name_of(request->method));
    else
        call_free(call);
}

void run_files_request(struct run_request *request)
{
    struct wire_msg_fs asked;
    struct run_conn *conn = request->conn;
    if (conn->server->options->no_files) {
        run_reply_text(conn, request->id, WIRE_RPC_TEXT_UNKNOWN_METHOD,
                       wire_span_text(name_of(request->method)));
    } else if (wire_msg_fs_parse(&request->parser, request->method, request->params, &asked) != 0) {
        run_dispatch_refuse_params(request);
        count_call(conn, request->method, WIRE_RPC_CODE_INVALID_PARAMS);
    } else if (request->method == WIRE_MSG_METHOD_FS_CLOSE) {
        close_handle(request, &asked);
    } else {
        take_call(request, &asked);
    }
}

/* ---- The end ---- */

static void drop_waiting(struct run_conn *conn)
{
    struct run_file_call *call = conn->files.first;
    while (call != NULL) {
        struct run_file_call *next = call->next;
        atomic_store(&call->cancelled, true);
        if (!call->running) {
            unlink_call(call);
            call_free(call);
        }
        call = next;
    }
}

void run_files_over(struct run_conn *conn)
{
    if (conn->files.over)
        return;
    conn->files.over = true;
    drop_waiting(conn);
    while (conn->files.handles != NULL)
        run_file_handle_remove(conn->files.handles);
    if (conn->files.watch != NULL)
        run_file_watch_end(conn->files.watch);
}
