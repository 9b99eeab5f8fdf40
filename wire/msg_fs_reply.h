/*
 * Replies to requests about files, and the notification of a watch. Short ones are whole; lists and
 * bytes of files are written in pieces with the caller's writer. Any thread. Knows no file system:
 * paths are given as they are, and go out as file: URIs.
 */
#ifndef WIRE_MSG_FS_REPLY_H
#define WIRE_MSG_FS_REPLY_H

#include "wire/json_writer.h"
#include "wire/msg_path.h"

/* What fs/getMetadata answers. */
struct wire_msg_fs_metadata {
    bool is_directory, is_file; /* of what a symlink leads to */
    bool is_symlink;            /* the path itself is one */
    uint64_t size;
    int64_t created_at_ms; /* since 1970; 0: the file system does not know */
    int64_t modified_at_ms;
};

/* Whole replies. */
void wire_msg_fs_metadata_reply(struct wire_json_writer *writer, struct wire_span id,
                                const struct wire_msg_fs_metadata *metadata);
void wire_msg_fs_done_reply(struct wire_json_writer *writer, struct wire_span id); /* {} */
void wire_msg_fs_open_reply(struct wire_json_writer *writer, struct wire_span id,
                            struct wire_span handle_id);
void wire_msg_fs_watch_reply(struct wire_json_writer *writer, struct wire_span id, bool watching);

/* {"path": URI}; uri is one already. */
void wire_msg_fs_path_reply(struct wire_json_writer *writer, struct wire_span id, const char *uri);

/* The notification fs/missingChanged. */
void wire_msg_fs_missing_changed(struct wire_json_writer *writer, uint64_t watch_id);

/* The bytes of a file: begin, pieces by wire_json_base64_push, end. */
void wire_msg_fs_read_begin(struct wire_json_writer *writer, struct wire_span id,
                            struct wire_json_base64 *base64);
void wire_msg_fs_read_end(struct wire_json_writer *writer, struct wire_json_base64 *base64);

/* A block of a file: the same, with what stands behind it. */
void wire_msg_fs_block_begin(struct wire_json_writer *writer, struct wire_span id,
                             struct wire_json_base64 *base64);
void wire_msg_fs_block_end(struct wire_json_writer *writer, struct wire_json_base64 *base64,
                           bool eof);

/* {"entries":[ - then entries, then one of the two ends. */
void wire_msg_fs_entries_begin(struct wire_json_writer *writer, struct wire_span id);
/* An entry of fs/readDirectory. What in name is not UTF-8 becomes U+FFFD. */
void wire_msg_fs_directory_entry(struct wire_json_writer *writer, struct wire_span name,
                                 bool is_directory, bool is_file);
void wire_msg_fs_directory_end(struct wire_json_writer *writer);
/* An entry of fs/walk. */
void wire_msg_fs_walk_entry(struct wire_json_writer *writer, const char *uri, bool is_directory);
/* Between the entries of fs/walk and its errors. */
void wire_msg_fs_walk_errors(struct wire_json_writer *writer);
/* An error of fs/walk; what in text is not UTF-8 becomes U+FFFD. */
void wire_msg_fs_walk_error(struct wire_json_writer *writer, const char *uri, const char *text);
void wire_msg_fs_walk_end(struct wire_json_writer *writer, bool truncated);

#endif
