/*
 * Requests about files and what their replies must have. See files.h.
 */
#include "tools/load/files.h"

#include "tools/load/base.h"
#include "tools/load/dialect_json.h"
#include "wire/base64.h"
#include "wire/msg_path.h"

#include <stdio.h>
#include <string.h>

enum { BLOCK_OPEN, BLOCK_READ, BLOCK_CLOSE };

static const struct {
    const char *name;
    const char *method;
    const char *place; /* below the root */
} kinds[FILES_KINDS] = {
    [FILES_METADATA] = {"metadata", "fs/getMetadata", "small"},
    [FILES_READ_SMALL] = {"read-1k", "fs/readFile", "small"},
    [FILES_READ_LARGE] = {"read-64k", "fs/readFile", "large"},
    [FILES_BLOCK] = {"block-1k", "fs/readBlock", "small"},
    [FILES_WRITE] = {"write-1k", "fs/writeFile", "written"},
    [FILES_LIST] = {"list-100", "fs/readDirectory", "list"},
    [FILES_REAL_PATH] = {"canonicalize", "fs/canonicalize", "small"},
    [FILES_WALK] = {"walk-1000", "fs/walk", "walk"},
};

const char *files_kind_name(enum files_kind kind)
{
    return kinds[kind].name;
}

enum files_kind files_kind_named(const char *name)
{
    unsigned kind = 0;

    while (kind < FILES_KINDS && strcmp(kinds[kind].name, name) != 0)
        kind++;
    return (enum files_kind)kind;
}

unsigned files_steps(enum files_kind kind)
{
    return kind == FILES_BLOCK ? 3 : 1;
}

void files_path(const struct files_tree *tree, enum files_kind kind, unsigned slot,
                char out_path[FILES_PATH_SIZE])
{
    if (kind == FILES_WRITE)
        snprintf(out_path, FILES_PATH_SIZE, "%s/%s-%u", tree->root, kinds[kind].place, slot);
    else
        snprintf(out_path, FILES_PATH_SIZE, "%s/%s", tree->root, kinds[kind].place);
}

/* ---- Requests ---- */

static void put_path(struct load_request *request, const char *path)
{
    char uri[WIRE_MSG_PATH_URI_BYTES(FILES_PATH_SIZE)];

    if (wire_msg_path_to_uri(wire_span_text(path), WIRE_MSG_PATH_POSIX, uri, sizeof uri) > 0)
        load_request_text(request, "path", uri);
}

static void put_number(struct wire_json_writer *json, const char *name, uint64_t number)
{
    wire_json_writer_key(json, name);
    wire_json_writer_uint64(json, number);
}

static void put_walk_options(struct wire_json_writer *json)
{
    wire_json_writer_key(json, "options");
    wire_json_writer_begin_object(json);
    put_number(json, "maxDepth", 6);
    put_number(json, "maxDirectories", 1000);
    put_number(json, "maxEntries", 10000);
    wire_json_writer_key(json, "followDirectorySymlinks");
    wire_json_writer_bool(json, true);
    wire_json_writer_key(json, "pruneHiddenDirectories");
    wire_json_writer_bool(json, true);
    wire_json_writer_end_object(json);
}

static const char *method_of(enum files_kind kind, unsigned step)
{
    if (kind != FILES_BLOCK)
        return kinds[kind].method;
    return step == BLOCK_OPEN ? "fs/open" : step == BLOCK_READ ? "fs/readBlock" : "fs/close";
}

static void put_handle(struct load_request *request, unsigned slot)
{
    char handle[24];

    snprintf(handle, sizeof handle, "handle-%u", slot);
    load_request_text(request, "handleId", handle);
}

void files_put_request(const struct files_tree *tree, enum files_kind kind, unsigned step,
                       unsigned slot, int64_t id, struct load_buffer *out)
{
    struct load_request request;
    char path[FILES_PATH_SIZE];
    size_t data_bytes = kind == FILES_WRITE ? wire_base64_encoded_size(FILES_SMALL_BYTES) : 0;
    bool is_block = kind == FILES_BLOCK;

    files_path(tree, kind, slot, path);
    load_request_begin(&request, out, id, method_of(kind, step),
                       data_bytes + WIRE_MSG_PATH_URI_BYTES(FILES_PATH_SIZE));
    if (is_block)
        put_handle(&request, slot);
    if (!is_block || step == BLOCK_OPEN)
        put_path(&request, path);
    if (is_block && step == BLOCK_READ) {
        put_number(&request.json, "offset", 0);
        put_number(&request.json, "len", FILES_SMALL_BYTES);
    }
    if (kind == FILES_WRITE) {
        wire_json_writer_key(&request.json, "dataBase64");
        wire_json_writer_base64(&request.json, wire_base64_best(),
                                wire_span_of(tree->large, FILES_SMALL_BYTES));
    }
    if (kind == FILES_WALK)
        put_walk_options(&request.json);
    load_request_end(&request);
}

/* ---- Replies ---- */

const char *files_check_reply(const struct files_tree *tree, enum files_kind kind, unsigned step,
                              struct load_message_reader *reader, struct wire_span message)
{
    const struct files_expected *expected = &tree->expected[kind];
    struct files_expected found = {.key = expected->key};
    struct wire_json_reader json;
    struct wire_json_token token;
    int event;

    if (expected->key == NULL || (kind == FILES_BLOCK && step != BLOCK_READ))
        return NULL;
    wire_json_reader_init(&json, message, &reader->scratch, NULL);
    while ((event = wire_json_reader_next(&json, &token)) > 0 && event != WIRE_JSON_END) {
        if (event != WIRE_JSON_KEY || !wire_json_token_is(&token, expected->key))
            continue;
        event = wire_json_reader_next(&json, &token);
        files_expect(&found, token.text.data, token.text.size);
    }
    if (event < 0)
        return wire_json_error_text(event);
    if (found.count != expected->count)
        return "the answer has too many or too few values";
    return found.sum == expected->sum ? NULL : "the answer has other values";
}
