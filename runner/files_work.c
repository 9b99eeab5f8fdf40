/*
 * What a helper does for a call about files: the work (files.h) and the reply, written straight
 * into its frame. Nothing here touches the connection but for what never changes.
 */
#include "runner/conn.h"
#include "runner/files_message.h"
#include "runner/files_watch.h"
#include "runner/look_up.h"
#include "runner/server.h"
#include "wire/rpc_errors.h"

#include <stdlib.h>
#include <string.h>

enum {
    SHORT_REPLY_BYTES = 512, /* beside the request's id and what has a size of its own */
    READ_TRIES_MAX = 8,      /* of a file that grows while it is read */
    ENTRY_BYTES = 64,        /* of a list, without what the system named */
    ESCAPED_BYTES = 6,       /* that one byte of a name becomes at most */
    ONE_PASS_BYTES = 1 << 20 /* a list that needs no more is not measured before it is written */
};

static int fail_memory(struct run_file_call *call)
{
    return run_file_fail(&call->work, WIRE_RPC_CODE_INTERNAL, "out of memory");
}

static bool begin(struct run_file_call *call, struct run_file_message *message, size_t bytes)
{
    enum wire_rpc_framing framing =
        call->conn->framing == RUN_FRAMING_WS ? WIRE_RPC_WEBSOCKET : WIRE_RPC_LINE;
    if (run_file_message_begin(message, call->conn->strand.port, framing,
                               bytes + call->id_bytes + SHORT_REPLY_BYTES))
        return true;
    (void)fail_memory(call);
    return false;
}

static void end(struct run_file_call *call, struct run_file_message *message)
{
    call->reply = run_file_message_end(message);
}

/* ---- Short replies ---- */

static void work_metadata(struct run_file_call *call)
{
    struct wire_msg_fs_metadata metadata;
    struct run_file_message message;
    if (run_file_metadata(&call->work, &call->asked, &metadata) != 0 || !begin(call, &message, 0))
        return;
    wire_msg_fs_metadata_reply(&message.writer, run_file_call_id(call), &metadata);
    end(call, &message);
}

static void work_canonicalize(struct run_file_call *call)
{
    struct run_file_message message;
    char *uri;
    if (run_file_canonicalize(&call->work, &call->asked, &uri) != 0)
        return;
    if (begin(call, &message, strlen(uri))) {
        wire_msg_fs_path_reply(&message.writer, run_file_call_id(call), uri);
        end(call, &message);
    }
    free(uri);
}

/* The reply of what changes something. */
static void reply_done(struct run_file_call *call, int result)
{
    struct run_file_message message;
    if (result != 0 || !begin(call, &message, 0))
        return;
    wire_msg_fs_done_reply(&message.writer, run_file_call_id(call));
    end(call, &message);
}

static void work_write(struct run_file_call *call)
{
    reply_done(call, run_file_write(&call->work, &call->asked, call->data, call->data_bytes));
}

static void work_remove(struct run_file_call *call)
{
    reply_done(call, run_file_remove(&call->work, &call->asked));
}

static void work_copy(struct run_file_call *call)
{
    reply_done(call, run_file_copy(&call->work, &call->asked));
}

static void work_watch(struct run_file_call *call)
{
    struct run_file_message message;
    if (run_file_watch_make(&call->work, &call->asked, &call->watch) != 0)
        return;
    if (!begin(call, &message, 0)) { /* nothing is left of what the client is told has failed */
        if (call->watch != NULL)
            run_file_watch_drop(call->watch);
        call->watch = NULL;
        return;
    }
    wire_msg_fs_watch_reply(&message.writer, run_file_call_id(call), call->watch != NULL);
    end(call, &message);
}

static void work_create_directory(struct run_file_call *call)
{
    reply_done(call, run_file_create_directory(&call->work, &call->asked));
}

/* ---- Contents ---- */

/* Reads size_bytes from offset on, or up to the end, into the base64 of a reply. Returns how many,
 * or -1 with the work's error. */
static ptrdiff_t read_into(struct run_file_call *call, int fd, uint64_t offset, size_t size_bytes,
                           struct wire_json_base64 *base64)
{
    uint8_t piece[RUN_FILES_PIECE_BYTES];
    size_t done = 0;
    while (done < size_bytes) {
        size_t wanted = size_bytes - done < sizeof(piece) ? size_bytes - done : sizeof(piece);
        ptrdiff_t got = run_file_read_at(&call->work, fd, offset + done, piece, wanted, 0);
        if (got < 0 || run_file_is_over(&call->work, 0))
            return -1;
        wire_json_base64_push(base64, wire_span_of(piece, (size_t)got));
        done += (size_t)got;
        if ((size_t)got < wanted)
            break;
    }
    return (ptrdiff_t)done;
}

static int fail_large(struct run_file_call *call, uint64_t limit_bytes)
{
    return run_file_fail(&call->work, WIRE_RPC_CODE_INVALID_REQUEST,
                         "file is too large to read: limit is %llu bytes; read it in blocks with "
                         "fs/open and fs/readBlock",
                         (unsigned long long)limit_bytes);
}

/* What was read of a file, and what it must not exceed. */
struct whole {
    int fd;
    uint64_t told_bytes; /* by the system; 0: nothing */
    size_t limit_bytes;
};

/* Reads to the end into base64, with room for one byte more in each piece, which shows a file that
 * is larger. Returns 0, 1 if it is larger than the limit, -1 on an error. */
static int read_pieces(struct run_file_call *call, const struct whole *whole,
                       struct wire_json_base64 *base64)
{
    uint8_t piece[RUN_FILES_PIECE_BYTES];
    size_t done = 0;
    for (;;) {
        size_t left = whole->limit_bytes - done;
        size_t wanted = left < sizeof(piece) ? left + 1 : sizeof(piece);
        ptrdiff_t got =
            run_file_read_at(&call->work, whole->fd, done, piece, wanted, whole->told_bytes);
        if (got < 0 || run_file_is_over(&call->work, 0))
            return -1;
        if ((size_t)got > left)
            return 1;
        wire_json_base64_push(base64, wire_span_of(piece, (size_t)got));
        done += (size_t)got;
        if ((size_t)got < wanted)
            return 0;
    }
}

/* Reads a file whole; returns as read_pieces. */
static int read_whole(struct run_file_call *call, const struct whole *whole)
{
    struct run_file_message message;
    struct wire_json_base64 base64;
    if (!begin(call, &message, wire_base64_encoded_size(whole->limit_bytes)))
        return -1;
    wire_msg_fs_read_begin(&message.writer, run_file_call_id(call), &base64);
    int result = read_pieces(call, whole, &base64);
    wire_msg_fs_read_end(&message.writer, &base64);
    if (result == 0)
        end(call, &message);
    else
        run_file_message_drop(&message);
    return result;
}

/* Sizes are what the system says at first, then larger: some files are larger than they say. */
static void read_file(struct run_file_call *call, int fd, uint64_t size_bytes)
{
    struct whole whole = {.fd = fd, .told_bytes = size_bytes};
    const struct wire_msg_number *asked = &call->asked.max_bytes;
    uint64_t limit_bytes = call->work.files->read_limit_bytes;
    if (asked->is_present && asked->value < limit_bytes)
        limit_bytes = asked->value;
    if (size_bytes == 0)
        size_bytes = RUN_FILES_PIECE_BYTES; /* it may have no size, but contents */
    for (unsigned tries = 0; tries < READ_TRIES_MAX; tries++) {
        bool is_most = size_bytes >= limit_bytes;
        whole.limit_bytes = (size_t)(is_most ? limit_bytes : size_bytes);
        int result = read_whole(call, &whole);
        if (result == 1 && is_most)
            result = fail_large(call, limit_bytes);
        if (result != 1)
            return;
        size_bytes = size_bytes < RUN_FILES_PIECE_BYTES ? RUN_FILES_PIECE_BYTES : size_bytes * 4;
    }
    (void)run_file_fail(&call->work, WIRE_RPC_CODE_INTERNAL, "the file grows while it is read");
}

static void work_read(struct run_file_call *call)
{
    uint64_t size_bytes = 0, limit_bytes = call->work.files->read_limit_bytes;
    int fd = -1;
    if (call->asked.max_bytes.is_present && call->asked.max_bytes.value < limit_bytes)
        limit_bytes = call->asked.max_bytes.value;
    if (run_file_open(&call->work, &call->asked, &fd, &size_bytes) != 0)
        return;
    if (size_bytes > limit_bytes)
        (void)fail_large(call, limit_bytes);
    else
        read_file(call, fd, size_bytes);
    run_file_close(fd);
}

static void work_open(struct run_file_call *call)
{
    const struct run_file_handle *handle = call->handle;
    struct run_file_message message;
    uint64_t size_bytes;
    int fd = -1;
    if (run_file_open(&call->work, &call->asked, &fd, &size_bytes) != 0)
        return;
    if (!begin(call, &message, 6 * WIRE_MSG_FS_HANDLE_LIMIT)) {
        run_file_close(fd);
        return;
    }
    call->fd = fd;
    wire_msg_fs_open_reply(&message.writer, run_file_call_id(call),
                           wire_span_of(handle->id, handle->id_bytes));
    end(call, &message);
}

static void work_read_block(struct run_file_call *call)
{
    const struct run_file_handle *handle = call->handle;
    struct run_file_message message;
    struct wire_json_base64 base64;
    size_t wanted = (size_t)call->asked.len;
    if (handle->fd < 0) {
        (void)run_file_fail(&call->work, WIRE_RPC_CODE_NOT_FOUND, "unknown file handle `%.*s`",
                            (int)handle->id_bytes, (const char *)handle->id);
        return;
    }
    if (!begin(call, &message, wire_base64_encoded_size(wanted)))
        return;
    wire_msg_fs_block_begin(&message.writer, run_file_call_id(call), &base64);
    ptrdiff_t got = read_into(call, handle->fd, call->asked.offset, wanted, &base64);
    wire_msg_fs_block_end(&message.writer, &base64, got < (ptrdiff_t)wanted);
    if (got >= 0)
        end(call, &message);
    else
        run_file_message_drop(&message);
}

/* ---- Lists ---- */

static void write_directory(struct wire_json_writer *writer, struct wire_span id,
                            const struct run_file_list *list)
{
    wire_msg_fs_entries_begin(writer, id);
    for (size_t i = 0; i < list->count; i++) {
        const struct run_file_entry *entry = &list->entries[i];
        wire_msg_fs_directory_entry(writer, wire_span_text(list->names + entry->name),
                                    entry->is_directory, entry->is_file);
    }
    wire_msg_fs_directory_end(writer);
}

/* What the list takes at most, if that is little; else what it takes, by writing it nowhere. */
static size_t directory_bytes(const struct run_file_call *call, const struct run_file_list *list)
{
    struct wire_json_writer counter;
    size_t most = list->count * ENTRY_BYTES + list->names_bytes * ESCAPED_BYTES;
    if (most <= ONE_PASS_BYTES)
        return most;
    wire_json_writer_init(&counter, NULL, 0);
    write_directory(&counter, run_file_call_id(call), list);
    return counter.needed_bytes;
}

static void work_read_directory(struct run_file_call *call)
{
    struct run_file_message message;
    struct run_file_list list;
    if (run_file_read_directory(&call->work, &call->asked, &list) != 0)
        return;
    size_t bytes = directory_bytes(call, &list);
    if (bytes > RUN_FILES_REPLY_BYTES) {
        (void)run_file_fail(&call->work, WIRE_RPC_CODE_INVALID_REQUEST,
                            "the list of the directory does not fit in a message");
    } else if (begin(call, &message, bytes)) {
        write_directory(&message.writer, run_file_call_id(call), &list);
        end(call, &message);
    }
    run_file_list_free(&list);
}

static void write_uri(struct wire_json_writer *writer, const char *path, const char *error,
                      bool is_directory)
{
    char uri[WIRE_MSG_PATH_URI_BYTES(2 * RUN_FILES_REAL_PATH_BYTES)];
    if (wire_msg_path_to_uri(wire_span_text(path), WIRE_MSG_PATH_POSIX, uri, sizeof(uri)) < 0)
        return; /* longer than any path that the system takes */
    if (error != NULL)
        wire_msg_fs_walk_error(writer, uri, error);
    else
        wire_msg_fs_walk_entry(writer, uri, is_directory);
}

static void write_walk(struct wire_json_writer *writer, struct wire_span id,
                       const struct run_file_walk *walk)
{
    const struct run_file_list *entries = &walk->entries, *errors = &walk->errors;
    wire_msg_fs_entries_begin(writer, id);
    for (size_t i = 0; i < entries->count; i++)
        write_uri(writer, entries->names + entries->entries[i].name, NULL,
                  entries->entries[i].is_directory);
    wire_msg_fs_walk_errors(writer);
    for (size_t i = 0; i + 1 < errors->count; i += 2)
        write_uri(writer, errors->names + errors->entries[i].name,
                  errors->names + errors->entries[i + 1].name, false);
    wire_msg_fs_walk_end(writer, walk->truncated);
}

/* As directory_bytes. */
static size_t walk_bytes(const struct run_file_call *call, const struct run_file_walk *walk)
{
    const struct run_file_list *entries = &walk->entries, *errors = &walk->errors;
    struct wire_json_writer counter;
    size_t most = (entries->count + errors->count) * ENTRY_BYTES +
                  (entries->names_bytes + errors->names_bytes) * ESCAPED_BYTES;
    if (most <= ONE_PASS_BYTES)
        return most;
    wire_json_writer_init(&counter, NULL, 0);
    write_walk(&counter, run_file_call_id(call), walk);
    return counter.needed_bytes;
}

static void work_walk(struct run_file_call *call)
{
    struct run_file_message message;
    struct run_file_walk walk;
    if (run_file_walk(&call->work, &call->asked, &walk) != 0)
        return;
    size_t bytes = walk_bytes(call, &walk);
    while (bytes > RUN_FILES_REPLY_BYTES && walk.entries.count > 0) {
        walk.entries.count /= 2; /* what is nearest to the top is kept */
        walk.truncated = true;
        bytes = walk_bytes(call, &walk);
    }
    if (begin(call, &message, bytes)) {
        write_walk(&message.writer, run_file_call_id(call), &walk);
        end(call, &message);
    }
    run_file_walk_free(&walk);
}

/* ---- The call ---- */

/* What is outside is not for a program in a sandbox, which sees its own: environments, memory. */
static bool is_of_process(const char *path)
{
    static const char table[] = "/proc/";
    size_t size = sizeof(table) - 1;
    return strncmp(path, table, size) == 0 && path[size] >= '0' && path[size] <= '9';
}

static bool allows(const void *context, const char *real_path, bool writes)
{
    if (is_of_process(real_path))
        return false;
    return run_permissions_access(context, real_path) >=
           (writes ? RUN_ACCESS_WRITE : RUN_ACCESS_READ);
}

/* The sandbox's paths are looked up for each call, as they would be for each program. */
static int take_permissions(struct run_file_call *call)
{
    char text[WIRE_RPC_TEXT_LIMIT];
    struct run_why why;
    if (call->permissions == NULL)
        return 0;
    if (run_permissions_resolve(call->permissions, run_look_up_path, &why) == 0) {
        call->work.allows = allows;
        call->work.context = call->permissions;
        return 0;
    }
    size_t size = wire_rpc_text_format(WIRE_RPC_TEXT_SANDBOX, wire_span_text(why.text), text);
    return run_file_fail(&call->work, wire_rpc_text_code(WIRE_RPC_TEXT_SANDBOX), "%.*s", (int)size,
                         text);
}

void run_file_call_work(struct iocp_help *help)
{
    typedef void work(struct run_file_call * call);
    static work *const works[WIRE_MSG_METHOD_COUNT] = {
        [WIRE_MSG_METHOD_FS_GET_METADATA] = work_metadata,
        [WIRE_MSG_METHOD_FS_READ_FILE] = work_read,
        [WIRE_MSG_METHOD_FS_OPEN] = work_open,
        [WIRE_MSG_METHOD_FS_READ_BLOCK] = work_read_block,
        [WIRE_MSG_METHOD_FS_WRITE_FILE] = work_write,
        [WIRE_MSG_METHOD_FS_CREATE_DIRECTORY] = work_create_directory,
        [WIRE_MSG_METHOD_FS_READ_DIRECTORY] = work_read_directory,
        [WIRE_MSG_METHOD_FS_CANONICALIZE] = work_canonicalize,
        [WIRE_MSG_METHOD_FS_WALK] = work_walk,
        [WIRE_MSG_METHOD_FS_REMOVE] = work_remove,
        [WIRE_MSG_METHOD_FS_COPY] = work_copy,
        [WIRE_MSG_METHOD_FS_WATCH_MISSING] = work_watch,
    };
    struct run_file_call *call = IOCP_OWNER(help, struct run_file_call, help);
    if (take_permissions(call) == 0)
        works[call->method](call);
}
