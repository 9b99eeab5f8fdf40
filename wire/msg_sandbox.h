/*
 * The member `sandbox` of requests: what a program may read, write and reach, in the words of the
 * client. Read strictly: whatever is not known in it, and says more than null or false, is a
 * problem, since a permission that was overheard would be a hole. What it means for real paths is
 * the server's matter; nothing here looks at a file system.
 *
 *    {permissions: {type: "managed", file_system: {type: "restricted", entries: [...]},
 *                   network: "restricted" | "enabled"},
 *     cwd, workspaceRoots: [...], ...}
 */
#ifndef WIRE_MSG_SANDBOX_H
#define WIRE_MSG_SANDBOX_H

#include "wire/compiler.h"
#include "wire/msg_parser.h"

/* Entries and workspace roots: each costs a look at the file system and a mount. Clients send 8. */
#define WIRE_MSG_SANDBOX_ENTRIES_MAX ((size_t)256)
#define WIRE_MSG_SANDBOX_ROOTS_MAX   ((size_t)64)

/* Which paths an entry is about. */
enum wire_msg_sandbox_kind {
    WIRE_MSG_SANDBOX_PATH, /* one path */
    WIRE_MSG_SANDBOX_ROOT,
    WIRE_MSG_SANDBOX_CWD,
    WIRE_MSG_SANDBOX_PROJECT_ROOTS, /* each workspace root */
    WIRE_MSG_SANDBOX_SLASH_TMP,
    WIRE_MSG_SANDBOX_TMPDIR /* of the program's environment */
};

enum wire_msg_sandbox_access {
    WIRE_MSG_SANDBOX_READ,
    WIRE_MSG_SANDBOX_WRITE,
    WIRE_MSG_SANDBOX_DENY /* neither */
};

struct wire_msg_sandbox_entry {
    const char *path;    /* of PATH: absolute, as it was sent; may hold "..". Else NULL */
    const char *subpath; /* of PROJECT_ROOTS: relative, without ".."; NULL: the root itself */
    enum wire_msg_sandbox_kind kind;
    enum wire_msg_sandbox_access access;
};

enum wire_msg_sandbox_type {
    WIRE_MSG_SANDBOX_MANAGED, /* to be enforced as said */
    WIRE_MSG_SANDBOX_DISABLED /* the client wants none, and says so */
};

struct wire_msg_sandbox {
    enum wire_msg_sandbox_type type;
    bool is_unrestricted;                         /* no entries: every file may be written */
    bool has_network;                             /* the whole network may be used */
    const struct wire_msg_sandbox_entry *entries; /* in the order of the message */
    size_t entry_count;
    const char *cwd;               /* absolute, or NULL */
    struct wire_msg_strings roots; /* absolute paths */
};

/*
 * Parses the member's JSON, which may be part of params that the parser has read before: it goes on
 * in the same memory. Returns 0 or a negative enum wire_msg_error; the problem's text is then the
 * reason why it cannot be enforced, without a full stop.
 */
WIRE_MUST_CHECK int wire_msg_sandbox_parse(struct wire_msg_parser *parser, struct wire_span json,
                                           struct wire_msg_sandbox *out);

#endif
