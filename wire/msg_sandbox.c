/*
 * Reading the member `sandbox`: each of its objects is a strict table. Lists grow downwards in the
 * parser's arena, last element first, and are turned around when they are whole.
 */
#include "wire/msg_sandbox.h"

#include "wire/msg_fields.h"

#include <stdio.h>

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

struct permissions {
    enum wire_msg_sandbox_type type;
    struct wire_msg_sandbox *out;
    bool has_files, has_network;
};

/* The top: what of it does not matter on this system is only read. */
struct top {
    struct permissions permissions;
    const char *cwd;
    struct wire_msg_strings roots;
    struct wire_span windows_level, windows_proxy;
    bool legacy_landlock;
};

/* A path in an entry, in all its forms. */
struct place {
    size_t type; /* index into place_words */
    const char *path;
    bool has_value;
    struct {
        enum wire_msg_sandbox_kind kind;
        const char *subpath;
    } value;
};

struct entry {
    struct place place;
    enum wire_msg_sandbox_access access;
    size_t missing;
};

struct files {
    struct wire_msg_sandbox *out;
    size_t type; /* 0: restricted */
    bool has_entries;
};

/* ---- Words ---- */

static int read_index(struct wire_msg_parser *parser, const char *name,
                      const struct wire_json_token *token, const char *const *words, size_t count,
                      void *target)
{
    return wire_msg_read_word(parser, name, token, words, count, target);
}

static int read_place_type(struct wire_msg_parser *parser, const char *name,
                           const struct wire_json_token *token, void *target)
{
    static const char *const words[] = {"path", "special"};
    return read_index(parser, name, token, words, COUNT(words), target);
}

static int read_kind(struct wire_msg_parser *parser, const char *name,
                     const struct wire_json_token *token, void *target)
{
    static const char *const words[] = {"root", "current_working_directory", "project_roots",
                                        "slash_tmp", "tmpdir"};
    static const enum wire_msg_sandbox_kind kinds[] = {
        WIRE_MSG_SANDBOX_ROOT, WIRE_MSG_SANDBOX_CWD, WIRE_MSG_SANDBOX_PROJECT_ROOTS,
        WIRE_MSG_SANDBOX_SLASH_TMP, WIRE_MSG_SANDBOX_TMPDIR};
    size_t index;
    int error = wire_msg_read_word(parser, name, token, words, COUNT(words), &index);
    if (!error) {
        *(enum wire_msg_sandbox_kind *)target = kinds[index];
    }
    return error;
}

static int read_access(struct wire_msg_parser *parser, const char *name,
                       const struct wire_json_token *token, void *target)
{
    static const char *const words[] = {"read", "write", "deny", "none"};
    static const enum wire_msg_sandbox_access values[] = {
        WIRE_MSG_SANDBOX_READ, WIRE_MSG_SANDBOX_WRITE, WIRE_MSG_SANDBOX_DENY,
        WIRE_MSG_SANDBOX_DENY};
    size_t index;
    int error = wire_msg_read_word(parser, name, token, words, COUNT(words), &index);
    if (!error) {
        *(enum wire_msg_sandbox_access *)target = values[index];
    }
    return error;
}

static int read_missing(struct wire_msg_parser *parser, const char *name,
                        const struct wire_json_token *token, void *target)
{
    static const char *const words[] = {"skip"};
    return read_index(parser, name, token, words, COUNT(words), target);
}

static int read_files_type(struct wire_msg_parser *parser, const char *name,
                           const struct wire_json_token *token, void *target)
{
    static const char *const words[] = {"restricted", "unrestricted"};
    return read_index(parser, name, token, words, COUNT(words), target);
}

static int read_network(struct wire_msg_parser *parser, const char *name,
                        const struct wire_json_token *token, void *target)
{
    static const char *const words[] = {"restricted", "enabled"};
    struct permissions *permissions = target;
    size_t index = 0;
    int error = wire_msg_read_word(parser, name, token, words, COUNT(words), &index);
    permissions->has_network = true;
    permissions->out->has_network = index == 1;
    return error;
}

static int read_type(struct wire_msg_parser *parser, const char *name,
                     const struct wire_json_token *token, void *target)
{
    static const char *const words[] = {"managed", "disabled"};
    size_t index;
    int error = wire_msg_read_word(parser, name, token, words, COUNT(words), &index);
    if (!error) {
        *(enum wire_msg_sandbox_type *)target =
            index == 0 ? WIRE_MSG_SANDBOX_MANAGED : WIRE_MSG_SANDBOX_DISABLED;
    }
    return error;
}

/* ---- Entries ---- */

static int read_value(struct wire_msg_parser *parser, const char *name,
                      const struct wire_json_token *token, void *target)
{
    static const struct wire_msg_field fields[] = {
        WIRE_MSG_REQUIRED(struct place, value.kind, "kind", read_kind),
        WIRE_MSG_OPTIONAL(struct place, value.subpath, "subpath", wire_msg_read_text),
    };
    struct place *place = target;
    place->has_value = true;
    return wire_msg_read_object(parser, name, token,
                                WIRE_MSG_STRICT_TABLE(fields, "entries.path.value."), place);
}

/* Offset 0: the reader of value needs the whole place. */
#define WHOLE(json_name, read)                                                                     \
    {                                                                                              \
        json_name, read, 0, false                                                                  \
    }

static int read_place(struct wire_msg_parser *parser, const char *name,
                      const struct wire_json_token *token, void *target)
{
    static const struct wire_msg_field fields[] = {
        WIRE_MSG_REQUIRED(struct place, type, "type", read_place_type),
        WIRE_MSG_OPTIONAL(struct place, path, "path", wire_msg_read_cwd),
        WHOLE("value", read_value),
    };
    return wire_msg_read_object(parser, name, token, WIRE_MSG_STRICT_TABLE(fields, "entries.path."),
                                target);
}

/* Relative, and inside of what it is relative to. */
static bool is_subpath(const char *path)
{
    if (path[0] == '\0' || path[0] == '/') {
        return false;
    }
    while (*path != '\0') {
        size_t size = strcspn(path, "/");
        if (size == 2 && path[0] == '.' && path[1] == '.') {
            return false;
        }
        path += size;
        path += *path == '/';
    }
    return true;
}

/* The members that are there must be those of the form, or it would mean something else. */
static int check_place(struct wire_msg_parser *parser, const struct place *place)
{
    bool is_path = place->type == 0;
    const char *subpath = place->value.subpath;
    if (is_path && (!place->path || place->has_value)) {
        return wire_msg_refuse(parser, "an entry for a path must have `path` and no `value`");
    }
    if (!is_path && (!place->has_value || place->path)) {
        return wire_msg_refuse(parser, "an entry for a special path must have `value` alone");
    }
    if (subpath && place->value.kind != WIRE_MSG_SANDBOX_PROJECT_ROOTS) {
        return wire_msg_refuse(parser, "`subpath` is for project roots only");
    }
    if (subpath && !is_subpath(subpath)) {
        return wire_msg_refuse(parser, "`subpath` must lie inside of the project root");
    }
    return 0;
}

static int read_entry(struct wire_msg_parser *parser, const char *name,
                      const struct wire_json_token *token, struct wire_msg_sandbox_entry *out)
{
    static const struct wire_msg_field fields[] = {
        WIRE_MSG_REQUIRED(struct entry, place, "path", read_place),
        WIRE_MSG_REQUIRED(struct entry, access, "access", read_access),
        WIRE_MSG_OPTIONAL(struct entry, missing, "missing_path_behavior", read_missing),
    };
    struct entry entry = {0};
    int error = wire_msg_read_object(parser, name, token, WIRE_MSG_STRICT_TABLE(fields, "entries."),
                                     &entry);
    if (!error) {
        error = check_place(parser, &entry.place);
    }
    if (error) {
        return error;
    }
    bool is_path = entry.place.type == 0;
    *out = (struct wire_msg_sandbox_entry){
        .path = entry.place.path,
        .subpath = entry.place.value.subpath,
        .kind = is_path ? WIRE_MSG_SANDBOX_PATH : entry.place.value.kind,
        .access = entry.access,
    };
    return 0;
}

static void reverse_entries(struct wire_msg_sandbox_entry *items, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        struct wire_msg_sandbox_entry item = items[i];
        items[i] = items[count - 1 - i];
        items[count - 1 - i] = item;
    }
}

static int push_entry(struct wire_msg_parser *parser, const char *name, size_t index,
                      const struct wire_json_token *token)
{
    struct wire_msg_sandbox_entry entry;
    if (index == WIRE_MSG_SANDBOX_ENTRIES_MAX) {
        return wire_msg_refuse(parser, "`%s%s` has more than %lu elements", parser->scope, name,
                               (unsigned long)WIRE_MSG_SANDBOX_ENTRIES_MAX);
    }
    int error = read_entry(parser, name, token, &entry);
    if (error) {
        return error;
    }
    struct wire_msg_sandbox_entry *slot = wire_msg_arena_push(&parser->arena, sizeof *slot);
    if (!slot) {
        return wire_msg_refuse_capacity(parser);
    }
    *slot = entry;
    return 0;
}

static int read_entries(struct wire_msg_parser *parser, const char *name,
                        const struct wire_json_token *token, void *target)
{
    struct files *files = target;
    size_t count = 0;
    if (token->event != WIRE_JSON_ARRAY_BEGIN) {
        return wire_msg_refuse_type(parser, name, "an array");
    }
    int error = wire_msg_read_array(parser, name, push_entry, &count);
    if (error) {
        return error;
    }
    struct wire_msg_sandbox_entry *entries = wire_msg_arena_push(&parser->arena, 0);
    reverse_entries(entries, count);
    files->out->entries = entries;
    files->out->entry_count = count;
    files->has_entries = true;
    return 0;
}

/* ---- The whole ---- */

static int read_files(struct wire_msg_parser *parser, const char *name,
                      const struct wire_json_token *token, void *target)
{
    static const struct wire_msg_field fields[] = {
        WIRE_MSG_REQUIRED(struct files, type, "type", read_files_type),
        WHOLE("entries", read_entries),
    };
    struct permissions *permissions = target;
    struct files files = {.out = permissions->out};
    permissions->has_files = true;
    int error = wire_msg_read_object(parser, name, token,
                                     WIRE_MSG_STRICT_TABLE(fields, "file_system."), &files);
    if (error) {
        return error;
    }
    permissions->out->is_unrestricted = files.type == 1;
    if (files.has_entries != (files.type == 0)) {
        return wire_msg_refuse(parser, "`file_system` must have `entries` if it is restricted, and "
                                       "none otherwise");
    }
    return 0;
}

static int read_permissions(struct wire_msg_parser *parser, const char *name,
                            const struct wire_json_token *token, void *target)
{
    static const struct wire_msg_field fields[] = {
        WIRE_MSG_REQUIRED(struct permissions, type, "type", read_type),
        WHOLE("file_system", read_files),
        WHOLE("network", read_network),
    };
    struct permissions *permissions = target;
    int error = wire_msg_read_object(parser, name, token,
                                     WIRE_MSG_STRICT_TABLE(fields, "permissions."), permissions);
    if (error) {
        return error;
    }
    permissions->out->type = permissions->type;
    if (permissions->type == WIRE_MSG_SANDBOX_MANAGED &&
        !(permissions->has_files && permissions->has_network)) {
        return wire_msg_refuse(parser, "managed permissions must have `file_system` and `network`");
    }
    if (permissions->type == WIRE_MSG_SANDBOX_DISABLED &&
        (permissions->has_files || permissions->has_network)) {
        return wire_msg_refuse(parser, "disabled permissions must have nothing but their type");
    }
    return 0;
}

static int push_root(struct wire_msg_parser *parser, const char *name, size_t index,
                     const struct wire_json_token *token)
{
    char element[32];
    const char *path;
    if (index == WIRE_MSG_SANDBOX_ROOTS_MAX) {
        return wire_msg_refuse(parser, "`%s%s` has more than %lu elements", parser->scope, name,
                               (unsigned long)WIRE_MSG_SANDBOX_ROOTS_MAX);
    }
    (void)snprintf(element, sizeof element, "workspaceRoots[%lu]", (unsigned long)index);
    int error = wire_msg_read_cwd(parser, element, token, &path);
    if (error) {
        return error;
    }
    const char **slot = wire_msg_arena_push(&parser->arena, sizeof *slot);
    if (!slot) {
        return wire_msg_refuse_capacity(parser);
    }
    *slot = path;
    return 0;
}

/* Their order does not matter, so it stays turned around. */
static int read_roots(struct wire_msg_parser *parser, const char *name,
                      const struct wire_json_token *token, void *target)
{
    struct wire_msg_strings *roots = target;
    struct wire_json_token element;
    if (token->event != WIRE_JSON_ARRAY_BEGIN) {
        return wire_msg_refuse_type(parser, name, "an array of paths");
    }
    const char **end = wire_msg_arena_push(&parser->arena, sizeof *end);
    if (!end) {
        return wire_msg_refuse_capacity(parser);
    }
    *end = NULL;
    int event = wire_json_reader_next(&parser->reader, &element);
    for (; event > 0 && event != WIRE_JSON_ARRAY_END; roots->count++) {
        int error = push_root(parser, name, roots->count, &element);
        if (error) {
            return error;
        }
        event = wire_json_reader_next(&parser->reader, &element);
    }
    if (event < 0) {
        return wire_msg_refuse_json(parser);
    }
    roots->items = end - roots->count;
    return 0;
}

int wire_msg_sandbox_parse(struct wire_msg_parser *parser, struct wire_span json,
                           struct wire_msg_sandbox *out)
{
    static const struct wire_msg_field fields[] = {
        WIRE_MSG_REQUIRED(struct top, permissions, "permissions", read_permissions),
        WIRE_MSG_OPTIONAL(struct top, cwd, "cwd", wire_msg_read_cwd),
        WIRE_MSG_OPTIONAL(struct top, roots, "workspaceRoots", read_roots),
        WIRE_MSG_OPTIONAL(struct top, windows_level, "windowsSandboxLevel", wire_msg_read_raw),
        WIRE_MSG_OPTIONAL(struct top, windows_proxy, "windowsSandboxProxySettingsMode",
                          wire_msg_read_raw),
        WIRE_MSG_OPTIONAL(struct top, legacy_landlock, "useLegacyLandlock", wire_msg_read_bool),
    };
    struct wire_msg_sandbox sandbox = {0};
    struct top top = {.permissions.out = &sandbox};
    if (json.size == 0 || json.data[0] != '{') {
        return wire_msg_refuse(parser, "it is no object");
    }
    int error = wire_msg_read_params(parser, json, WIRE_MSG_STRICT_TABLE(fields, ""), &top);
    if (!error && top.legacy_landlock) {
        error = wire_msg_refuse(parser, "`useLegacyLandlock` is not supported");
    }
    if (error) {
        return error;
    }
    sandbox.cwd = top.cwd;
    sandbox.roots = top.roots;
    *out = sandbox;
    return 0;
}
