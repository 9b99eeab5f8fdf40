/*
 * Calls about files: what is asked, and that a wrong answer is told from a right one.
 */
#include "tests/load/support.h"

#include "tools/load/base.h"
#include "tools/load/files.h"
#include "tools/load/message.h"
#include "wire/base64.h"
#include "wire/msg_path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ANSWER_BYTES = 262144 };

static struct files_tree tree;
static struct load_message_reader reader;

static int setup(void **state)
{
    (void)state;
    load_message_reader_init(&reader);
    return files_tree_init(&tree);
}

static int teardown(void **state)
{
    (void)state;
    files_tree_deinit(&tree);
    load_message_reader_deinit(&reader);
    return 0;
}

static const char *check(enum files_kind kind, unsigned step, const struct load_buffer *answer)
{
    return files_check_reply(&tree, kind, step, &reader,
                             wire_span_of(load_buffer_bytes(answer), load_buffer_size(answer)));
}

/* {"id":1,"result":{...: values of one member, the last one changed or left out. */
enum damage { NONE, CHANGED, LEFT_OUT };

static void put_values(struct load_buffer *answer, const char *key, const char *const *values,
                       size_t count, enum damage damage)
{
    load_buffer_text(answer, "{\"id\":1,\"result\":[");
    for (size_t i = 0; i < count - (damage == LEFT_OUT); i++)
        load_buffer_format(answer, "%s{\"%s\":\"%s%s\"}", i == 0 ? "" : ",", key, values[i],
                           damage == CHANGED && i == count - 1 ? "x" : "");
    load_buffer_text(answer, "]}");
}

static void check_values(enum files_kind kind, unsigned step, const char *key,
                         const char *const *values, size_t count)
{
    for (enum damage damage = NONE; damage <= LEFT_OUT; damage++) {
        struct load_buffer answer = {0};

        put_values(&answer, key, values, count, damage);
        if ((check(kind, step, &answer) == NULL) != (damage == NONE))
            fail_msg("%s with damage %d", files_kind_name(kind), damage);
        load_buffer_deinit(&answer);
    }
}

static void test_files_contents_are_checked(void **state)
{
    char *text = load_alloc(1, ANSWER_BYTES);
    const char *values[1] = {text};

    (void)state;
    wire_base64_encode(wire_base64_best(), wire_span_of(tree.large, FILES_SMALL_BYTES),
                       (uint8_t *)text);
    check_values(FILES_READ_SMALL, 0, "dataBase64", values, 1);
    check_values(FILES_BLOCK, 1, "chunk", values, 1);
    wire_base64_encode(wire_base64_best(), wire_span_of(tree.large, FILES_LARGE_BYTES),
                       (uint8_t *)text);
    check_values(FILES_READ_LARGE, 0, "dataBase64", values, 1);
    free(text);
}

static void test_files_lists_are_checked(void **state)
{
    static char names[FILES_LIST_ENTRIES][24];
    const char *values[FILES_LIST_ENTRIES];

    (void)state;
    for (int i = 0; i < FILES_LIST_ENTRIES; i++) {
        int number = (i * 37) % FILES_LIST_ENTRIES; /* any order is right */
        snprintf(names[i], sizeof names[i], "entry-%02d.txt", number);
        values[i] = names[i];
    }
    check_values(FILES_LIST, 0, "fileName", values, FILES_LIST_ENTRIES);
}

static void test_files_real_path_is_checked(void **state)
{
    char path[FILES_PATH_SIZE], uri[WIRE_MSG_PATH_URI_BYTES(FILES_PATH_SIZE)];
    const char *values[1] = {uri};

    (void)state;
    files_path(&tree, FILES_REAL_PATH, 0, path);
    assert_true(wire_msg_path_to_uri(wire_span_text(path), WIRE_MSG_PATH_POSIX, uri, sizeof uri) >
                0);
    check_values(FILES_REAL_PATH, 0, "path", values, 1);
}

static void test_files_size_is_checked(void **state)
{
    struct load_buffer answer = {0};

    (void)state;
    load_buffer_text(&answer, "{\"id\":1,\"result\":{\"isFile\":true,\"size\":1024}}");
    assert_null(check(FILES_METADATA, 0, &answer));
    load_buffer_clear(&answer);
    load_buffer_text(&answer, "{\"id\":1,\"result\":{\"isFile\":true,\"size\":1025}}");
    assert_non_null(check(FILES_METADATA, 0, &answer));
    load_buffer_deinit(&answer);
}

static void test_files_requests_name_what_they_are_about(void **state)
{
    static const char *const parts[FILES_KINDS][2] = {
        [FILES_METADATA] = {"fs/getMetadata", "/small\""},
        [FILES_READ_SMALL] = {"fs/readFile", "/small\""},
        [FILES_READ_LARGE] = {"fs/readFile", "/large\""},
        [FILES_BLOCK] = {"fs/open", "\"handleId\":\"handle-7\""},
        [FILES_WRITE] = {"fs/writeFile", "/written-7\""},
        [FILES_LIST] = {"fs/readDirectory", "/list\""},
        [FILES_REAL_PATH] = {"fs/canonicalize", "/small\""},
        [FILES_WALK] = {"fs/walk", "\"maxEntries\":10000"},
    };

    (void)state;
    for (unsigned kind = 0; kind < FILES_KINDS; kind++) {
        struct load_buffer request = {0};

        files_put_request(&tree, (enum files_kind)kind, 0, 7, 8, &request);
        assert_non_null(strstr(load_buffer_string(&request), "{\"id\":8,"));
        assert_non_null(strstr(load_buffer_string(&request), parts[kind][0]));
        assert_non_null(strstr(load_buffer_string(&request), parts[kind][1]));
        assert_int_equal(files_kind_named(files_kind_name((enum files_kind)kind)), kind);
        load_buffer_deinit(&request);
    }
    assert_int_equal(files_kind_named("nonsense"), FILES_KINDS);
}

static void test_files_tree_is_removed(void **state)
{
    struct files_tree *other = load_alloc(1, sizeof *other);
    char root[sizeof other->root];

    (void)state;
    assert_int_equal(files_tree_init(other), 0);
    memcpy(root, other->root, sizeof root);
    assert_int_equal(access(root, F_OK), 0);
    assert_false(files_is_written(other, 0));
    files_tree_deinit(other);
    assert_int_not_equal(access(root, F_OK), 0);
    free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_contents_are_checked),
        cmocka_unit_test(test_files_lists_are_checked),
        cmocka_unit_test(test_files_real_path_is_checked),
        cmocka_unit_test(test_files_size_is_checked),
        cmocka_unit_test(test_files_requests_name_what_they_are_about),
        cmocka_unit_test(test_files_tree_is_removed),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
