/*
 * The tree of files that calls are about: made, expected, removed. See files.h.
 */
#include "tools/load/files.h"

#include "tools/load/base.h"
#include "wire/base64.h"
#include "wire/msg_path.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { REMOVE_DESCRIPTORS = 16 };

/* ---- Expectations ---- */

void files_expect(struct files_expected *expected, const void *text, size_t size_bytes)
{
    const unsigned char *at = text;
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */

    for (size_t i = 0; i < size_bytes; i++)
        hash = (hash ^ at[i]) * UINT64_C(1099511628211);
    expected->count++;
    expected->sum += hash;
}

static void expect_uri(struct files_expected *expected, const char *path)
{
    char uri[WIRE_MSG_PATH_URI_BYTES(FILES_PATH_SIZE)];
    ptrdiff_t size =
        wire_msg_path_to_uri(wire_span_text(path), WIRE_MSG_PATH_POSIX, uri, sizeof uri);

    files_expect(expected, uri, size < 0 ? 0 : (size_t)size);
}

static void expect_base64(struct files_expected *expected, const void *bytes, size_t size_bytes)
{
    size_t text_bytes = wire_base64_encoded_size(size_bytes);
    char *text = load_alloc(text_bytes, 1);

    wire_base64_encode(wire_base64_best(), wire_span_of(bytes, size_bytes), (uint8_t *)text);
    files_expect(expected, text, text_bytes);
    free(text);
}

static void expect_contents(struct files_tree *tree)
{
    char text[24];

    tree->expected[FILES_METADATA].key = "size";
    files_expect(&tree->expected[FILES_METADATA], text,
                 (size_t)snprintf(text, sizeof text, "%d", FILES_SMALL_BYTES));
    tree->expected[FILES_READ_SMALL].key = "dataBase64";
    expect_base64(&tree->expected[FILES_READ_SMALL], tree->large, FILES_SMALL_BYTES);
    tree->expected[FILES_READ_LARGE].key = "dataBase64";
    expect_base64(&tree->expected[FILES_READ_LARGE], tree->large, FILES_LARGE_BYTES);
    tree->expected[FILES_BLOCK].key = "chunk";
    expect_base64(&tree->expected[FILES_BLOCK], tree->large, FILES_SMALL_BYTES);
    tree->expected[FILES_LIST].key = "fileName";
    tree->expected[FILES_REAL_PATH].key = "path";
    tree->expected[FILES_WALK].key = "path";
}

/* ---- Making ---- */

static int make_file(const char *path, const void *bytes, size_t size_bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0 || write(fd, bytes, size_bytes) != (ssize_t)size_bytes || close(fd) != 0)
        return load_say("%s: %s", path, strerror(errno));
    return 0;
}

static int make_directory(const char *path)
{
    if (mkdir(path, 0700) != 0)
        return load_say("%s: %s", path, strerror(errno));
    return 0;
}

static int make_list(struct files_tree *tree)
{
    char path[FILES_PATH_SIZE];
    char name[24];

    files_path(tree, FILES_LIST, 0, path);
    if (make_directory(path) != 0)
        return LOAD_FAILED;
    for (int i = 0; i < FILES_LIST_ENTRIES; i++) {
        int size = snprintf(name, sizeof name, "entry-%02d.txt", i);

        files_expect(&tree->expected[FILES_LIST], name, (size_t)size);
        snprintf(path, sizeof path, "%s/list/%s", tree->root, name);
        if (make_file(path, "", 0) != 0)
            return LOAD_FAILED;
    }
    return 0;
}

static int make_branch(struct files_tree *tree, int number)
{
    char path[FILES_PATH_SIZE];

    snprintf(path, sizeof path, "%s/walk/directory-%d", tree->root, number);
    expect_uri(&tree->expected[FILES_WALK], path);
    if (make_directory(path) != 0)
        return LOAD_FAILED;
    for (int i = 0; i < FILES_WALK_EACH; i++) {
        snprintf(path, sizeof path, "%s/walk/directory-%d/file-%02d.txt", tree->root, number, i);
        expect_uri(&tree->expected[FILES_WALK], path);
        if (make_file(path, "", 0) != 0)
            return LOAD_FAILED;
    }
    return 0;
}

static int make_all(struct files_tree *tree)
{
    char path[FILES_PATH_SIZE];

    files_path(tree, FILES_READ_SMALL, 0, path);
    expect_uri(&tree->expected[FILES_REAL_PATH], path);
    if (make_file(path, tree->large, FILES_SMALL_BYTES) != 0)
        return LOAD_FAILED;
    files_path(tree, FILES_READ_LARGE, 0, path);
    if (make_file(path, tree->large, FILES_LARGE_BYTES) != 0 || make_list(tree) != 0)
        return LOAD_FAILED;
    files_path(tree, FILES_WALK, 0, path);
    if (make_directory(path) != 0)
        return LOAD_FAILED;
    for (int i = 0; i < FILES_WALK_DIRECTORIES; i++)
        if (make_branch(tree, i) != 0)
            return LOAD_FAILED;
    return 0;
}

int files_tree_init(struct files_tree *tree)
{
    const char *temp = getenv("TMPDIR");
    char made[FILES_PATH_SIZE / 2], real[4096];
    uint64_t random = load_random_seed() | 1;

    memset(tree, 0, sizeof *tree);
    for (size_t i = 0; i < sizeof tree->large; i++)
        tree->large[i] = (unsigned char)load_random_next(&random);
    expect_contents(tree);
    if ((size_t)snprintf(made, sizeof made, "%s/execport-load-XXXXXX",
                         temp != NULL && temp[0] == '/' ? temp : "/tmp") >= sizeof made)
        return load_say("TMPDIR is too long");
    if (mkdtemp(made) == NULL || realpath(made, real) == NULL)
        return load_say("%s: %s", made, strerror(errno));
    if (strlen(real) >= sizeof tree->root)
        return load_say("TMPDIR is too long");
    memcpy(tree->root, real, strlen(real) + 1);
    return make_all(tree);
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *at)
{
    (void)stat;
    (void)at;
    return type == FTW_DP ? rmdir(path) : unlink(path);
}

void files_tree_deinit(struct files_tree *tree)
{
    if (tree->root[0] != '\0' &&
        nftw(tree->root, remove_one, REMOVE_DESCRIPTORS, FTW_DEPTH | FTW_PHYS) != 0)
        load_say("%s could not be removed: %s", tree->root, strerror(errno));
    tree->root[0] = '\0';
}

/* ---- Looking ---- */

bool files_is_written(const struct files_tree *tree, unsigned slot)
{
    char path[FILES_PATH_SIZE];
    unsigned char bytes[FILES_SMALL_BYTES + 1];
    ssize_t size;
    int fd;

    files_path(tree, FILES_WRITE, slot, path);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    size = read(fd, bytes, sizeof bytes);
    close(fd);
    return size == FILES_SMALL_BYTES && memcmp(bytes, tree->large, FILES_SMALL_BYTES) == 0;
}
