/*
 * The table of methods. It is searched by comparing: some dozens of names, each told from the
 * others by its size or its first characters.
 */
#include "wire/msg_method.h"

#include <assert.h>

struct method_row {
    const char *name;
    enum wire_msg_method method;
};

static const struct method_row rows[] = {
    {"initialize", WIRE_MSG_METHOD_INITIALIZE},
    {"initialized", WIRE_MSG_METHOD_INITIALIZED},
    {"command/exec", WIRE_MSG_METHOD_COMMAND_EXEC},
    {"command/exec/write", WIRE_MSG_METHOD_COMMAND_WRITE},
    {"command/exec/terminate", WIRE_MSG_METHOD_COMMAND_TERMINATE},
    {"process/start", WIRE_MSG_METHOD_PROCESS_START},
    {"process/write", WIRE_MSG_METHOD_PROCESS_WRITE},
    {"process/signal", WIRE_MSG_METHOD_PROCESS_SIGNAL},
    {"process/terminate", WIRE_MSG_METHOD_PROCESS_TERMINATE},
    {"process/closeStdin", WIRE_MSG_METHOD_PROCESS_CLOSE_STDIN},
    {"process/resize", WIRE_MSG_METHOD_PROCESS_RESIZE},
    {"process/wait", WIRE_MSG_METHOD_PROCESS_WAIT},
    {"process/waitAny", WIRE_MSG_METHOD_PROCESS_WAIT_ANY},
    {"process/read", WIRE_MSG_METHOD_PROCESS_READ},
    {"process/snapshot", WIRE_MSG_METHOD_PROCESS_SNAPSHOT},
    {"process/list", WIRE_MSG_METHOD_PROCESS_LIST},
    {"fs/getMetadata", WIRE_MSG_METHOD_FS_GET_METADATA},
    {"fs/readFile", WIRE_MSG_METHOD_FS_READ_FILE},
    {"fs/open", WIRE_MSG_METHOD_FS_OPEN},
    {"fs/readBlock", WIRE_MSG_METHOD_FS_READ_BLOCK},
    {"fs/close", WIRE_MSG_METHOD_FS_CLOSE},
    {"fs/writeFile", WIRE_MSG_METHOD_FS_WRITE_FILE},
    {"fs/createDirectory", WIRE_MSG_METHOD_FS_CREATE_DIRECTORY},
    {"fs/readDirectory", WIRE_MSG_METHOD_FS_READ_DIRECTORY},
    {"fs/canonicalize", WIRE_MSG_METHOD_FS_CANONICALIZE},
    {"fs/walk", WIRE_MSG_METHOD_FS_WALK},
    {"fs/remove", WIRE_MSG_METHOD_FS_REMOVE},
    {"fs/copy", WIRE_MSG_METHOD_FS_COPY},
    {"fs/watchMissing", WIRE_MSG_METHOD_FS_WATCH_MISSING},
    {"environment/info", WIRE_MSG_METHOD_ENVIRONMENT_INFO},
    {"environment/status", WIRE_MSG_METHOD_ENVIRONMENT_STATUS},
};

enum wire_msg_method wire_msg_method_find(struct wire_span name)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (wire_span_equal(name, wire_span_text(rows[i].name))) {
            return rows[i].method;
        }
    }
    return WIRE_MSG_METHOD_UNKNOWN;
}

static bool starts_with(struct wire_span name, const char *prefix)
{
    size_t size = strlen(prefix);
    return name.size >= size && memcmp(name.data, prefix, size) == 0;
}

enum wire_msg_dialect wire_msg_method_dialect(struct wire_span name)
{
    if (wire_span_equal(name, wire_span_text("command/exec")) ||
        starts_with(name, "command/exec/")) {
        return WIRE_MSG_DIALECT_V0;
    }
    return starts_with(name, "process/") ? WIRE_MSG_DIALECT_PROCESS : WIRE_MSG_DIALECT_NONE;
}

const char *wire_msg_dialect_name(enum wire_msg_dialect dialect)
{
    assert(dialect != WIRE_MSG_DIALECT_NONE);
    return dialect == WIRE_MSG_DIALECT_V0 ? "exec-server.v0" : "process";
}
