/*
 * Calls about files of one connection: the queue in which they wait for a helper, the handles that
 * they have opened, the watch.
 *
 *   WAITING -> RUNNING (on a helper) -> answered, freed
 *      |            | the connection is over: cancelled, its answer goes nowhere
 *      +------------+--> freed
 */

/*
 * Order: at most RUN_FILES_AT_ONCE calls of a connection run at once, so a file system that does
 * not answer holds one helper for each call that asked it, and never all that one client may use
 * by one call. Answers come when they are ready. But a call that changes something and a call that
 * concerns the same path, or one above or below it, take effect in the order of their requests:
 * paths are compared as the client wrote them, so two names of one file are two paths.
 *
 * Threads: everything on the connection's strand, apart from a running call's work, result and
 * reply, which are the helper's until its completion.
 *
 * Life: each call, handle and watch holds a reference to its connection.
 */
#ifndef RUN_FILES_CALL_H
#define RUN_FILES_CALL_H

#include "runner/files.h"

enum {
    RUN_FILES_AT_ONCE = 2,       /* calls of one connection on helpers: one may hang */
    RUN_FILES_WAITING_MAX = 256, /* calls of one connection; a client's burst has a handful */
    RUN_FILES_HANDLES_MAX = 128, /* of one connection; Codex's server has the same */
    RUN_FILES_SANDBOX_BYTES = 256 * 1024,   /* of JSON, for each call; clients send 1 KiB */
    RUN_FILES_SMALL_BYTES = 16 * 1024,      /* a call that holds no more is not counted */
    RUN_FILES_HELD_BYTES = 64 * 1024 * 1024 /* by calls that wait: data, paths; one always may */
};

struct run_conn;
struct run_frame;
struct run_request;
struct run_file_watch;
struct run_permissions;

/* An open file; in the connection's list until it is closed. */
struct run_file_handle {
    struct run_file_handle *next;
    struct run_conn *conn;  /* one reference */
    struct iocp_help close; /* of the descriptor */
    int fd;                 /* -1: not open yet, or it could not be opened */
    uint32_t refs;          /* one of the list, one of each call */
    size_t id_bytes;
    uint8_t id[WIRE_MSG_FS_HANDLE_LIMIT];
};

struct run_file_call {
    struct iocp_help help;
    struct run_file_call *next;
    struct run_conn *conn; /* one reference */
    enum wire_msg_method method;
    bool running;
    _Atomic bool cancelled;
    uint64_t asked_ns;
    struct wire_msg_fs asked; /* its texts lie in the call */
    uint8_t *data;            /* to be written */
    size_t data_bytes;
    size_t held_bytes;                   /* that count for the connection */
    struct run_file_handle *handle;      /* one reference, or NULL */
    struct run_permissions *permissions; /* of the sandbox, or NULL: none; a helper resolves them */
    /* The helper's. */
    struct run_file_work work;
    struct run_frame *reply; /* NULL: the work's error is the reply */
    int fd;                  /* that was opened */
    struct run_file_watch *watch;
    size_t id_bytes;
    uint8_t *id; /* of the request, JSON */
    char text[];
};

/* The files of one connection; all zero: none. */
struct run_file_calls {
    struct run_file_call *first, *last; /* in the order of the requests */
    uint32_t count, running;
    size_t held_bytes;
    struct run_file_handle *handles;
    uint32_t handle_count;
    struct run_file_watch *watch;
    bool over;
};

/* Takes a request about files. On the strand. */
void run_files_request(struct run_request *request);

/* The connection is over, or has lost its tenure: what waits is dropped, what runs is cancelled,
 * handles and the watch are closed. On the strand; more than once is taken. */
void run_files_over(struct run_conn *conn);

/* The client has taken replies: calls that waited for that may go on. On the strand. */
void run_files_go_on(struct run_conn *conn);

/* ---- for files_*.c ---- */

/* Does the call's work and makes its reply; on a helper. files_work.c. */
void run_file_call_work(struct iocp_help *help);

static inline struct wire_span run_file_call_id(const struct run_file_call *call)
{
    return wire_span_of(call->id, call->id_bytes);
}

/* Handles; files_handle.c. The one with this id, or NULL. */
struct run_file_handle *run_file_handle_find(struct run_conn *conn, struct wire_span id);
/* Adds one that is not open yet, with a reference of the list. NULL: out of memory. */
struct run_file_handle *run_file_handle_add(struct run_conn *conn, struct wire_span id);
/* Takes it out of the list, whose reference is given up. */
void run_file_handle_remove(struct run_file_handle *handle);
struct run_file_handle *run_file_handle_ref(struct run_file_handle *handle);
/* The last one closes the descriptor, on a helper. */
void run_file_handle_unref(struct run_file_handle *handle);

/* Whether a call must wait for an earlier one. files_order.c; pure. */
bool run_file_call_must_wait(const struct run_file_call *call, const struct run_file_call *earlier);

#endif
