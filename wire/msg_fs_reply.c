/*
 * Replies to fs/ requests. The order of members is that of the servers that clients know.
 */
#include "wire/msg_fs_reply.h"

#include "wire/base64.h"
#include "wire/rpc_writer.h"

static void write_bool(struct wire_json_writer *writer, const char *name, bool value)
{
    wire_json_writer_key(writer, name);
    wire_json_writer_bool(writer, value);
}

static void write_int(struct wire_json_writer *writer, const char *name, int64_t value)
{
    wire_json_writer_key(writer, name);
    wire_json_writer_int64(writer, value);
}

static void write_text(struct wire_json_writer *writer, const char *name, const char *text)
{
    wire_json_writer_key(writer, name);
    wire_json_writer_text(writer, text);
}

static void begin(struct wire_json_writer *writer, struct wire_span id)
{
    wire_rpc_begin_result(writer, id);
    wire_json_writer_begin_object(writer);
}

static void end(struct wire_json_writer *writer)
{
    wire_json_writer_end_object(writer);
    wire_rpc_end(writer);
}

void wire_msg_fs_metadata_reply(struct wire_json_writer *writer, struct wire_span id,
                                const struct wire_msg_fs_metadata *metadata)
{
    begin(writer, id);
    write_bool(writer, "isDirectory", metadata->is_directory);
    write_bool(writer, "isFile", metadata->is_file);
    write_bool(writer, "isSymlink", metadata->is_symlink);
    wire_json_writer_key(writer, "size");
    wire_json_writer_uint64(writer, metadata->size);
    write_int(writer, "createdAtMs", metadata->created_at_ms);
    write_int(writer, "modifiedAtMs", metadata->modified_at_ms);
    end(writer);
}

void wire_msg_fs_done_reply(struct wire_json_writer *writer, struct wire_span id)
{
    begin(writer, id);
    end(writer);
}

void wire_msg_fs_open_reply(struct wire_json_writer *writer, struct wire_span id,
                            struct wire_span handle_id)
{
    begin(writer, id);
    wire_json_writer_key(writer, "handleId");
    wire_json_writer_string(writer, handle_id);
    end(writer);
}

void wire_msg_fs_watch_reply(struct wire_json_writer *writer, struct wire_span id, bool watching)
{
    begin(writer, id);
    write_bool(writer, "watching", watching);
    end(writer);
}

void wire_msg_fs_path_reply(struct wire_json_writer *writer, struct wire_span id, const char *uri)
{
    begin(writer, id);
    write_text(writer, "path", uri);
    end(writer);
}

void wire_msg_fs_missing_changed(struct wire_json_writer *writer, uint64_t watch_id)
{
    wire_rpc_begin_notification(writer, "fs/missingChanged");
    wire_json_writer_begin_object(writer);
    wire_json_writer_key(writer, "watchId");
    wire_json_writer_uint64(writer, watch_id);
    end(writer);
}

/* ---- Bytes ---- */

static void begin_bytes(struct wire_json_writer *writer, struct wire_span id, const char *name,
                        struct wire_json_base64 *base64)
{
    begin(writer, id);
    wire_json_writer_key(writer, name);
    wire_json_writer_begin_base64(writer, base64, wire_base64_best());
}

void wire_msg_fs_read_begin(struct wire_json_writer *writer, struct wire_span id,
                            struct wire_json_base64 *base64)
{
    begin_bytes(writer, id, "dataBase64", base64);
}

void wire_msg_fs_read_end(struct wire_json_writer *writer, struct wire_json_base64 *base64)
{
    wire_json_base64_end(base64);
    end(writer);
}

void wire_msg_fs_block_begin(struct wire_json_writer *writer, struct wire_span id,
                             struct wire_json_base64 *base64)
{
    begin_bytes(writer, id, "chunk", base64);
}

void wire_msg_fs_block_end(struct wire_json_writer *writer, struct wire_json_base64 *base64,
                           bool eof)
{
    wire_json_base64_end(base64);
    write_bool(writer, "eof", eof);
    end(writer);
}

/* ---- Lists ---- */

void wire_msg_fs_entries_begin(struct wire_json_writer *writer, struct wire_span id)
{
    begin(writer, id);
    wire_json_writer_key(writer, "entries");
    wire_json_writer_begin_array(writer);
}

void wire_msg_fs_directory_entry(struct wire_json_writer *writer, struct wire_span name,
                                 bool is_directory, bool is_file)
{
    wire_json_writer_begin_object(writer);
    wire_json_writer_key(writer, "fileName");
    wire_json_writer_string_lossy(writer, name);
    write_bool(writer, "isDirectory", is_directory);
    write_bool(writer, "isFile", is_file);
    wire_json_writer_end_object(writer);
}

void wire_msg_fs_directory_end(struct wire_json_writer *writer)
{
    wire_json_writer_end_array(writer);
    end(writer);
}

void wire_msg_fs_walk_entry(struct wire_json_writer *writer, const char *uri, bool is_directory)
{
    wire_json_writer_begin_object(writer);
    write_text(writer, "path", uri);
    write_text(writer, "kind", is_directory ? "directory" : "file");
    wire_json_writer_end_object(writer);
}

void wire_msg_fs_walk_errors(struct wire_json_writer *writer)
{
    wire_json_writer_end_array(writer);
    wire_json_writer_key(writer, "errors");
    wire_json_writer_begin_array(writer);
}

void wire_msg_fs_walk_error(struct wire_json_writer *writer, const char *uri, const char *text)
{
    wire_json_writer_begin_object(writer);
    write_text(writer, "path", uri);
    wire_json_writer_key(writer, "message");
    wire_json_writer_string_lossy(writer, wire_span_text(text));
    wire_json_writer_end_object(writer);
}

void wire_msg_fs_walk_end(struct wire_json_writer *writer, bool truncated)
{
    wire_json_writer_end_array(writer);
    write_bool(writer, "truncated", truncated);
    end(writer);
}
