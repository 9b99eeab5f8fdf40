/*
 * Calls about files: what the scenario `files` and the bare loop below it have in common. A tree of
 * files that this program makes for itself, the kinds of calls that are measured on it, and what a
 * right answer to each has in it. One call may be several requests, one after the other.
 *
 * Single-threaded. Nothing here knows connections.
 */
#ifndef EXECPORT_TOOLS_LOAD_FILES_H
#define EXECPORT_TOOLS_LOAD_FILES_H

#include "tools/load/buffer.h"
#include "wire/span.h"

#include <stdbool.h>
#include <stdint.h>

enum files_kind {
    FILES_METADATA,
    FILES_READ_SMALL,
    FILES_READ_LARGE,
    FILES_BLOCK, /* open, one block, close: three requests */
    FILES_WRITE, /* over what is there */
    FILES_LIST,
    FILES_REAL_PATH,
    FILES_WALK,
    FILES_KINDS
};

enum {
    FILES_SMALL_BYTES = 1024,
    FILES_LARGE_BYTES = 65536,
    FILES_LIST_ENTRIES = 100,
    FILES_WALK_DIRECTORIES = 10,
    FILES_WALK_EACH = 100, /* files in each of them */
    FILES_PATH_SIZE = 512,
    FILES_STEPS_MAX = 3,
    FILES_SLOTS_LIMIT = 100 /* calls under way at once; handles of a server are few */
};

/* What a right answer has: how often a member, and the sum of the hashes of its values' texts. */
struct files_expected {
    const char *key; /* NULL: that it is no error is all */
    uint64_t count;
    uint64_t sum;
};

struct files_tree {
    char root[FILES_PATH_SIZE / 2];         /* empty: there is none */
    unsigned char large[FILES_LARGE_BYTES]; /* the small file is its beginning */
    struct files_expected expected[FILES_KINDS];
};

/* The name of a kind: "read-1k". */
const char *files_kind_name(enum files_kind kind);

/* The kind of the name, or FILES_KINDS. */
enum files_kind files_kind_named(const char *name);

/* Makes the tree in $TMPDIR, or /tmp. Returns 0, or LOAD_FAILED, said; deinit in either case. */
int files_tree_init(struct files_tree *tree);

/* Removes it. */
void files_tree_deinit(struct files_tree *tree);

/* The path that a call of the kind is about; each slot writes a file of its own. */
void files_path(const struct files_tree *tree, enum files_kind kind, unsigned slot,
                char out_path[FILES_PATH_SIZE]);

/* Whether the file that a slot wrote is what it was told. */
bool files_is_written(const struct files_tree *tree, unsigned slot);

/* How many requests a call of the kind is. */
unsigned files_steps(enum files_kind kind);

/* Puts the request of a step behind what is in out. */
void files_put_request(const struct files_tree *tree, enum files_kind kind, unsigned step,
                       unsigned slot, int64_t id, struct load_buffer *out);

/* Adds what a value's text is for struct files_expected. */
void files_expect(struct files_expected *expected, const void *text, size_t size_bytes);

struct load_message_reader;

/* Whether the good reply to a step has what it must. Returns NULL, or a static text saying why not.
 */
const char *files_check_reply(const struct files_tree *tree, enum files_kind kind, unsigned step,
                              struct load_message_reader *reader, struct wire_span message);

#endif
