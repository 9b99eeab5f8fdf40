/*
 * Requests about files: fs/getMetadata, readFile, open, readBlock, close, writeFile,
 * createDirectory, readDirectory, canonicalize, walk, remove, copy and watchMissing. They share
 * their members, so one struct serves all; a table for each method says which of them it has.
 * Parsing uses the caller's parser; any thread. Knows no file system. Replies: msg_fs_reply.h.
 */
#ifndef WIRE_MSG_FS_H
#define WIRE_MSG_FS_H

#include "wire/msg_chunk.h"
#include "wire/msg_method.h"

/* A handle's name, once decoded: what Codex takes, too. */
#define WIRE_MSG_FS_HANDLE_LIMIT ((size_t)32)

/* What a client wants to know of a tree. */
struct wire_msg_fs_walk {
    uint64_t max_depth; /* 0: the children of the path alone */
    uint64_t max_directories, max_entries;
    bool follow_directory_symlinks;
    bool prune_hidden_directories; /* they are told, but not what is in them */
};

/* A request; what its method does not have is zero, what was not sent is its default. */
struct wire_msg_fs {
    const char *path;           /* in the parser's path_style, with a NUL; fs/copy: the source */
    const char *destination;    /* fs/copy */
    struct wire_span sandbox;   /* data NULL: none; JSON as it stands */
    struct wire_span handle_id; /* open, readBlock, close */
    struct wire_msg_chunk data; /* writeFile */
    struct wire_msg_number max_bytes; /* readFile */
    uint64_t offset;                  /* readBlock */
    uint64_t len;                     /* readBlock */
    uint64_t watch_id;                /* watchMissing */
    struct wire_msg_strings missing;  /* watchMissing: paths */
    const char *present;              /* watchMissing: a path, or NULL */
    struct wire_msg_fs_walk options;  /* walk */
    bool recursive;       /* createDirectory, remove: true unless told; copy: required */
    bool force;           /* remove: true unless told */
    bool follow_symlinks; /* getMetadata, readFile, writeFile, createDirectory, remove: true */
};

/* Whether a method is about files. */
bool wire_msg_fs_is_method(enum wire_msg_method method);

/*
 * Parses the params of a method that is about files (asserted). Returns 0, or a negative enum
 * wire_msg_error and the parser's problem. A path of another system than the parser's path_style
 * is a problem of its own.
 */
WIRE_MUST_CHECK int wire_msg_fs_parse(struct wire_msg_parser *parser, enum wire_msg_method method,
                                      struct wire_span params, struct wire_msg_fs *out);

#endif
