/*
 * Handles of open files: see files_call.h. On the connection's strand; a descriptor is closed on a
 * helper, since a file system may make that wait.
 */
#include "runner/conn.h"
#include "runner/server.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct run_file_handle *run_file_handle_find(struct run_conn *conn, struct wire_span id)
{
    struct run_file_handle *handle = conn->files.handles;
    while (handle != NULL && !wire_span_equal(id, wire_span_of(handle->id, handle->id_bytes)))
        handle = handle->next;
    return handle;
}

struct run_file_handle *run_file_handle_add(struct run_conn *conn, struct wire_span id)
{
    struct run_file_handle *handle = calloc(1, sizeof(*handle));
    if (handle == NULL)
        return NULL;
    assert(id.size <= sizeof(handle->id));
    handle->conn = run_conn_ref(conn);
    handle->fd = -1;
    handle->refs = 1;
    handle->id_bytes = id.size;
    memcpy(handle->id, id.data, id.size);
    handle->next = conn->files.handles;
    conn->files.handles = handle;
    conn->files.handle_count++;
    return handle;
}

void run_file_handle_remove(struct run_file_handle *handle)
{
    struct run_file_calls *files = &handle->conn->files;
    struct run_file_handle **at = &files->handles;
    while (*at != handle)
        at = &(*at)->next;
    *at = handle->next;
    files->handle_count--;
    run_file_handle_unref(handle);
}

struct run_file_handle *run_file_handle_ref(struct run_file_handle *handle)
{
    handle->refs++;
    return handle;
}

static void free_handle(struct run_file_handle *handle)
{
    struct run_conn *conn = handle->conn;
    free(handle);
    run_conn_unref(conn);
}

static void close_work(struct iocp_help *help)
{
    run_file_close(IOCP_OWNER(help, struct run_file_handle, close)->fd);
}

static void on_close_done(struct iocp_op *op)
{
    struct run_file_handle *handle = IOCP_OWNER(op, struct run_file_handle, close.op);
    if (op->result != 0)
        run_file_close(handle->fd); /* no helper takes it; it was opened for reading only */
    sess_host_note_descriptors(run_conn_host(handle->conn), -1);
    free_handle(handle);
}

void run_file_handle_unref(struct run_file_handle *handle)
{
    assert(handle->refs > 0);
    if (--handle->refs > 0)
        return;
    if (handle->fd < 0) {
        free_handle(handle);
        return;
    }
    handle->close.what = "fs/close";
    iocp_help_start(&handle->close, &handle->conn->strand, IOCP_POOL_FILES, close_work,
                    on_close_done);
}
