/*
 * The methods that clients call, by name, and which dialect each belongs to. Both dialects share
 * initialize, initialized and what asks for the environment; a connection becomes exec-server.v0
 * with its first command/exec method. Pure; any thread.
 */
#ifndef WIRE_MSG_METHOD_H
#define WIRE_MSG_METHOD_H

#include "wire/span.h"

enum wire_msg_method {
    WIRE_MSG_METHOD_UNKNOWN,
    WIRE_MSG_METHOD_INITIALIZE,
    WIRE_MSG_METHOD_INITIALIZED, /* the only notification */
    WIRE_MSG_METHOD_COMMAND_EXEC,
    WIRE_MSG_METHOD_COMMAND_WRITE,
    WIRE_MSG_METHOD_COMMAND_TERMINATE,
    WIRE_MSG_METHOD_PROCESS_START,
    WIRE_MSG_METHOD_PROCESS_WRITE,
    WIRE_MSG_METHOD_PROCESS_SIGNAL,
    WIRE_MSG_METHOD_PROCESS_TERMINATE,
    WIRE_MSG_METHOD_PROCESS_CLOSE_STDIN,
    WIRE_MSG_METHOD_PROCESS_RESIZE,
    WIRE_MSG_METHOD_PROCESS_WAIT,
    WIRE_MSG_METHOD_PROCESS_WAIT_ANY,
    WIRE_MSG_METHOD_PROCESS_READ,
    WIRE_MSG_METHOD_PROCESS_SNAPSHOT,
    WIRE_MSG_METHOD_PROCESS_LIST,
    WIRE_MSG_METHOD_FS_GET_METADATA, /* msg_fs.h, down to the last of them */
    WIRE_MSG_METHOD_FS_READ_FILE,
    WIRE_MSG_METHOD_FS_OPEN,
    WIRE_MSG_METHOD_FS_READ_BLOCK,
    WIRE_MSG_METHOD_FS_CLOSE,
    WIRE_MSG_METHOD_FS_WRITE_FILE,
    WIRE_MSG_METHOD_FS_CREATE_DIRECTORY,
    WIRE_MSG_METHOD_FS_READ_DIRECTORY,
    WIRE_MSG_METHOD_FS_CANONICALIZE,
    WIRE_MSG_METHOD_FS_WALK,
    WIRE_MSG_METHOD_FS_REMOVE,
    WIRE_MSG_METHOD_FS_COPY,
    WIRE_MSG_METHOD_FS_WATCH_MISSING,
    WIRE_MSG_METHOD_ENVIRONMENT_INFO,
    WIRE_MSG_METHOD_ENVIRONMENT_STATUS,
    WIRE_MSG_METHOD_COUNT,
};

enum wire_msg_dialect {
    WIRE_MSG_DIALECT_NONE, /* a method of both dialects, or of none */
    WIRE_MSG_DIALECT_V0,
    WIRE_MSG_DIALECT_PROCESS,
};

/* The method called name; WIRE_MSG_METHOD_UNKNOWN if there is none. */
enum wire_msg_method wire_msg_method_find(struct wire_span name);

/*
 * The dialect that a method's name belongs to, whether or not we know the method: command/exec and
 * what lies below it, or what lies below process.
 */
enum wire_msg_dialect wire_msg_method_dialect(struct wire_span name);

/* "exec-server.v0" or "process"; the dialect is one of the two (asserted). */
const char *wire_msg_dialect_name(enum wire_msg_dialect dialect);

#endif
