/*
 * Files for clients: what the fs/ methods do to the file system, without connections and messages.
 * Every function here may wait for a disk: call it on a helper, never on a worker.
 *
 * Only regular files and directories are opened. A path is first opened with O_PATH, which neither
 * waits nor acts, whatever it leads to; what it is and where it really lies is asked of that
 * descriptor; the real open goes through it, so nothing can be exchanged in between.
 */
#ifndef RUN_FILES_H
#define RUN_FILES_H

#include "iocp/iocp.h"
#include "runner/options_why.h"
#include "wire/msg_fs.h"
#include "wire/msg_fs_reply.h"

/* Limits, each with its reason. */
enum {
    RUN_FILES_BLOCK_BYTES = 1024 * 1024,    /* fs/readBlock; Codex's server has the same */
    RUN_FILES_PIECE_BYTES = 48 * 1024,      /* read at a time: whole base64 groups, and in cache */
    RUN_FILES_LINKS_MAX = 40,               /* symlinks at the end of a path, as Linux has it */
    RUN_FILES_DIRECTORY_ENTRIES = 100000,   /* of fs/readDirectory */
    RUN_FILES_WALK_DEPTH = 256,             /* whatever the client asks for */
    RUN_FILES_WALK_DIRECTORIES = 100000,    /* the same */
    RUN_FILES_WALK_ENTRIES = 100000,        /* the same: some 10 MB of reply */
    RUN_FILES_LIST_BYTES = 8 * 1024 * 1024, /* of names or paths in one answer */
    RUN_FILES_REPLY_BYTES = 16 * 1000 * 1000, /* a list as JSON: Codex takes 16 MiB in a frame */
    RUN_FILES_WALK_ERRORS = 1000,             /* told; what lies behind them is missing anyway */
    RUN_FILES_WALK_MS = 30 * 1000,            /* then what was found is the answer */
    RUN_FILES_TREE_DEPTH = 256,               /* of remove and copy: each level is a descriptor */
    RUN_FILES_TREE_ENTRIES = 1000 * 1000,     /* the same: some minutes of work */
    RUN_FILES_TREE_MS = 5 * 60 * 1000,        /* the same: a helper is not one client's for ever */
    RUN_FILES_MISSING_MAX = 64,               /* paths of a watch; Codex's server has the same */
    RUN_FILES_REAL_PATH_BYTES = 4096,         /* what the system tells of a descriptor at most */
    RUN_FILES_ERROR_BYTES = 512               /* a text, with a path that is cut to fit */
};
#define RUN_FILES_COPY_BYTES                                                                       \
    (UINT64_C(64) << 30) /* of fs/copy: a disk is not filled by mistake                            \
                          */

/* What the server decides about files. Never changes once it serves; any thread. */
struct run_files {
    struct iocp_port *port;
    int root;              /* the descriptor of --files-root, or -1: there is none */
    const char *root_text; /* as it was given */
    char root_path[RUN_FILES_REAL_PATH_BYTES]; /* where it really lies, without a slash behind */
    uint64_t read_limit_bytes;                 /* of fs/readFile */
    uint32_t tree_depth, tree_entries, tree_ms, walk_ms; /* limits above, less in tests */
    uint64_t copy_bytes;
};

/* Prepares it with the limits above; root_text may be NULL. Returns 0, or -1 with the reason in
 * *out_why. Main thread. */
RUN_MUST_CHECK int run_files_init(struct run_files *files, struct iocp_port *port,
                                  const char *root_text, struct run_why *out_why);
void run_files_deinit(struct run_files *files);

/* Why a call failed: what the error reply says. */
struct run_file_error {
    int code;     /* enum wire_rpc_code; 0: nothing failed */
    int os_error; /* 0: it was not the system */
    char text[RUN_FILES_ERROR_BYTES];
};

/* Whether a sandbox lets a real path be read, or written. */
typedef bool run_file_allows(const void *context, const char *real_path, bool writes);

/* One piece of work, on one helper. */
struct run_file_work {
    const struct run_files *files;
    const _Atomic bool *cancelled; /* nobody wants the answer any more; NULL: cannot be */
    run_file_allows *allows;       /* NULL: everything is allowed */
    const void *context;           /* of allows */
    const char *path;              /* private: what is looked for, for texts */
    struct run_file_error error;
};

/* Set the error and return -1. The first says what the system said, with the number behind it. */
int run_file_fail_os(struct run_file_work *work, int os_error);
int run_file_fail(struct run_file_work *work, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Whether the sandbox lets a real path be read or written. If not the error is what a program in it
 * would see: what may not be read is not there, what may not be written is read-only. */
RUN_MUST_CHECK int run_file_check(struct run_file_work *work, const char *real_path, bool writes);

/* Whether the work was cancelled or is past its deadline (0: none); then the error is set. */
bool run_file_is_over(struct run_file_work *work, uint64_t deadline_ns);

/* ---- Looking ---- */

/* What fs/getMetadata answers. Like all that follow: 0, or -1 with the work's error. */
RUN_MUST_CHECK int run_file_metadata(struct run_file_work *work, const struct wire_msg_fs *asked,
                                     struct wire_msg_fs_metadata *out);

/* The file: URI of where a path really leads, in memory that the caller frees. */
RUN_MUST_CHECK int run_file_canonicalize(struct run_file_work *work,
                                         const struct wire_msg_fs *asked, char **out_uri);

/* Names of a directory, sorted. */
struct run_file_entry {
    size_t name; /* where it begins in names */
    bool is_directory, is_file;
};
struct run_file_list {
    struct run_file_entry *entries;
    size_t count, capacity;
    char *names; /* each with a NUL */
    size_t names_bytes, names_capacity;
};
/* Lists a directory: names, and what symlinks lead to. run_file_list_free by the caller. */
RUN_MUST_CHECK int run_file_read_directory(struct run_file_work *work,
                                           const struct wire_msg_fs *asked,
                                           struct run_file_list *out_list);
/* Adds a name; false: out of memory. */
bool run_file_list_add(struct run_file_list *list, const char *name, bool is_directory,
                       bool is_file);
void run_file_list_sort(struct run_file_list *list);
void run_file_list_free(struct run_file_list *list);

/* ---- Contents ---- */

/* Opens a regular file for reading. */
RUN_MUST_CHECK int run_file_open(struct run_file_work *work, const struct wire_msg_fs *asked,
                                 int *out_fd, uint64_t *out_size_bytes);

/* Reads up to size_bytes at an offset, less only at the end. told_bytes is the file's size if the
 * system told one, else 0: a read that stops there has met the end. Returns how many, or -1. */
RUN_MUST_CHECK ptrdiff_t run_file_read_at(struct run_file_work *work, int fd, uint64_t offset,
                                          uint8_t *data, size_t size_bytes, uint64_t told_bytes);

/* Closes a descriptor that is not needed any more. -1 is taken. */
void run_file_close(int fd);

/* Writes a whole file: a new one appears whole or not at all; one that is there is replaced by a
 * rename where that keeps its owner, mode and links, else written where it is. */
RUN_MUST_CHECK int run_file_write(struct run_file_work *work, const struct wire_msg_fs *asked,
                                  const uint8_t *data, size_t size_bytes);

/* Makes a directory; with `recursive` also those above it, and one that is there is good. */
RUN_MUST_CHECK int run_file_create_directory(struct run_file_work *work,
                                             const struct wire_msg_fs *asked);

/* ---- Trees ---- */

/* What fs/walk found. */
struct run_file_walk {
    struct run_file_list entries; /* whole paths, level by level, sorted in each directory */
    struct run_file_list errors;  /* a path, then what was wrong with it, and so on */
    bool truncated;
};
/* Walks a tree, within the client's limits and ours. run_file_walk_free by the caller. */
RUN_MUST_CHECK int run_file_walk(struct run_file_work *work, const struct wire_msg_fs *asked,
                                 struct run_file_walk *out_walk);
void run_file_walk_free(struct run_file_walk *walk);

/* Removes a file, a symlink, or with `recursive` a tree, in which no symlink is followed. */
RUN_MUST_CHECK int run_file_remove(struct run_file_work *work, const struct wire_msg_fs *asked);

/* Copies a file, a symlink as such, or with `recursive` a tree, whose other kinds of files are left
 * out. What was copied before an error stays. */
RUN_MUST_CHECK int run_file_copy(struct run_file_work *work, const struct wire_msg_fs *asked);

#endif
