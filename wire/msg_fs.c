/*
 * fs/ requests: one struct, and a table of members for each method.
 */
#include "wire/msg_fs.h"

#include "wire/msg_fields.h"

#include <assert.h>

/* ---- Members of their own ---- */

static int read_handle(struct wire_msg_parser *parser, const char *name,
                       const struct wire_json_token *token, void *target)
{
    struct wire_span id;
    int error = wire_msg_read_id(parser, name, token, &id);
    if (error) {
        return error;
    }
    if (id.size > WIRE_MSG_FS_HANDLE_LIMIT) {
        return wire_msg_refuse(parser, "`%s` must not exceed %lu bytes", name,
                               (unsigned long)WIRE_MSG_FS_HANDLE_LIMIT);
    }
    *(struct wire_span *)target = id;
    return 0;
}

/* Files are opened for reading only; null and absent are that, too. */
static int read_mode(struct wire_msg_parser *parser, const char *name,
                     const struct wire_json_token *token, void *target)
{
    static const char *const words[] = {"read"};
    size_t index;
    (void)target;
    return wire_msg_read_word(parser, name, token, words, 1, &index);
}

static int read_paths(struct wire_msg_parser *parser, const char *name,
                      const struct wire_json_token *token, void *target)
{
    struct wire_msg_strings *paths = target;
    int error = wire_msg_read_strings(parser, name, token, paths);
    for (size_t i = 0; !error && i < paths->count; i++) {
        char *text = (char *)(uintptr_t)paths->items[i]; /* ours: it lies in the arena */
        ptrdiff_t size = wire_msg_path_decode((uint8_t *)text, strlen(text), parser->path_style);
        if (size < 0) {
            return wire_msg_refuse(parser, "`%s[%lu]` %s", name, (unsigned long)i,
                                   wire_msg_path_error_text((int)size));
        }
        text[size] = 0;
    }
    return error;
}

static int read_options(struct wire_msg_parser *parser, const char *name,
                        const struct wire_json_token *token, void *target)
{
    static const struct wire_msg_field fields[] = {
        WIRE_MSG_REQUIRED(struct wire_msg_fs_walk, max_depth, "maxDepth", wire_msg_read_uint64),
        WIRE_MSG_REQUIRED(struct wire_msg_fs_walk, max_directories, "maxDirectories",
                          wire_msg_read_uint64),
        WIRE_MSG_REQUIRED(struct wire_msg_fs_walk, max_entries, "maxEntries", wire_msg_read_uint64),
        WIRE_MSG_REQUIRED(struct wire_msg_fs_walk, follow_directory_symlinks,
                          "followDirectorySymlinks", wire_msg_read_bool),
        WIRE_MSG_REQUIRED(struct wire_msg_fs_walk, prune_hidden_directories,
                          "pruneHiddenDirectories", wire_msg_read_bool),
    };
    return wire_msg_read_object(parser, name, token, WIRE_MSG_TABLE(fields, "options."), target);
}

/* ---- Tables ---- */

#define REQUIRED(member, name, read) WIRE_MSG_REQUIRED(struct wire_msg_fs, member, name, read)
#define OPTIONAL(member, name, read) WIRE_MSG_OPTIONAL(struct wire_msg_fs, member, name, read)
#define PATH                         REQUIRED(path, "path", wire_msg_read_cwd)
#define SANDBOX                      OPTIONAL(sandbox, "sandbox", wire_msg_read_raw)
#define FOLLOW                       OPTIONAL(follow_symlinks, "followSymlinks", wire_msg_read_bool)
#define HANDLE                       REQUIRED(handle_id, "handleId", read_handle)

static const struct wire_msg_field path_fields[] = {PATH, SANDBOX};
static const struct wire_msg_field metadata_fields[] = {PATH, SANDBOX, FOLLOW};
static const struct wire_msg_field read_fields[] = {
    PATH, SANDBOX, FOLLOW, OPTIONAL(max_bytes, "maxBytes", wire_msg_read_number)};
static const struct wire_msg_field open_fields[] = {
    HANDLE, PATH, SANDBOX, {"mode", read_mode, 0, false}};
static const struct wire_msg_field block_fields[] = {
    HANDLE, REQUIRED(offset, "offset", wire_msg_read_uint64),
    REQUIRED(len, "len", wire_msg_read_uint64)};
static const struct wire_msg_field close_fields[] = {HANDLE};
static const struct wire_msg_field write_fields[] = {
    PATH, REQUIRED(data, "dataBase64", wire_msg_read_chunk), SANDBOX, FOLLOW};
static const struct wire_msg_field create_fields[] = {
    PATH, OPTIONAL(recursive, "recursive", wire_msg_read_bool), SANDBOX, FOLLOW};
static const struct wire_msg_field walk_fields[] = {
    PATH, {"options", read_options, offsetof(struct wire_msg_fs, options), true}, SANDBOX};
static const struct wire_msg_field remove_fields[] = {
    PATH, OPTIONAL(recursive, "recursive", wire_msg_read_bool),
    OPTIONAL(force, "force", wire_msg_read_bool), SANDBOX, FOLLOW};
static const struct wire_msg_field copy_fields[] = {
    REQUIRED(path, "sourcePath", wire_msg_read_cwd),
    REQUIRED(destination, "destinationPath", wire_msg_read_cwd),
    REQUIRED(recursive, "recursive", wire_msg_read_bool), SANDBOX};
static const struct wire_msg_field watch_fields[] = {
    REQUIRED(watch_id, "watchId", wire_msg_read_uint64), REQUIRED(missing, "missing", read_paths),
    OPTIONAL(present, "present", wire_msg_read_cwd), SANDBOX};

#define FIRST     WIRE_MSG_METHOD_FS_GET_METADATA
#define LAST      WIRE_MSG_METHOD_FS_WATCH_MISSING
#define ROW(rows) WIRE_MSG_TABLE(rows, "")

bool wire_msg_fs_is_method(enum wire_msg_method method)
{
    return method >= FIRST && method <= LAST;
}

int wire_msg_fs_parse(struct wire_msg_parser *parser, enum wire_msg_method method,
                      struct wire_span params, struct wire_msg_fs *out)
{
    const struct wire_msg_table tables[] = {
        [WIRE_MSG_METHOD_FS_GET_METADATA - FIRST] = ROW(metadata_fields),
        [WIRE_MSG_METHOD_FS_READ_FILE - FIRST] = ROW(read_fields),
        [WIRE_MSG_METHOD_FS_OPEN - FIRST] = ROW(open_fields),
        [WIRE_MSG_METHOD_FS_READ_BLOCK - FIRST] = ROW(block_fields),
        [WIRE_MSG_METHOD_FS_CLOSE - FIRST] = ROW(close_fields),
        [WIRE_MSG_METHOD_FS_WRITE_FILE - FIRST] = ROW(write_fields),
        [WIRE_MSG_METHOD_FS_CREATE_DIRECTORY - FIRST] = ROW(create_fields),
        [WIRE_MSG_METHOD_FS_READ_DIRECTORY - FIRST] = ROW(path_fields),
        [WIRE_MSG_METHOD_FS_CANONICALIZE - FIRST] = ROW(path_fields),
        [WIRE_MSG_METHOD_FS_WALK - FIRST] = ROW(walk_fields),
        [WIRE_MSG_METHOD_FS_REMOVE - FIRST] = ROW(remove_fields),
        [WIRE_MSG_METHOD_FS_COPY - FIRST] = ROW(copy_fields),
        [WIRE_MSG_METHOD_FS_WATCH_MISSING - FIRST] = ROW(watch_fields),
    };
    assert(wire_msg_fs_is_method(method));
    memset(out, 0, sizeof *out);
    out->recursive = out->force = out->follow_symlinks = true;
    return wire_msg_read_params(parser, params, tables[method - FIRST], out);
}
