/*
 * fs/ requests: members and defaults of each method, what is refused and what is said; replies and
 * the notification as text. Whole conversations are in test_msg_captures.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/wire/support_msg.h"
#include "wire/base64.h"
#include "wire/msg_fs.h"
#include "wire/msg_fs_reply.h"

static void parse(struct support_msg *msg, enum wire_msg_method method, const char *params,
                  struct wire_msg_fs *fs)
{
    support_msg_start(msg, params, strlen(params));
    if (wire_msg_fs_parse(&msg->parser, method, msg->span, fs) != 0) {
        fail_msg("%s: %s", params, msg->parser.problem.text);
    }
}

static void test_msg_fs_defaults(void **state)
{
    struct support_msg msg;
    struct wire_msg_fs fs;
    (void)state;
    parse(&msg, WIRE_MSG_METHOD_FS_REMOVE, "{\"path\":\"/x\",\"sandbox\":null,\"new\":1}", &fs);
    assert_string_equal(fs.path, "/x");
    assert_true(fs.recursive && fs.force && fs.follow_symlinks);
    assert_null(fs.sandbox.data);
    support_msg_stop(&msg);
    parse(&msg, WIRE_MSG_METHOD_FS_REMOVE,
          "{\"path\":\"file:///a%20b\",\"recursive\":false,\"force\":false,"
          "\"followSymlinks\":false,\"sandbox\":{}}",
          &fs);
    assert_string_equal(fs.path, "/a b");
    assert_false(fs.recursive || fs.force || fs.follow_symlinks);
    assert_int_equal(fs.sandbox.size, 2);
    support_msg_stop(&msg);
}

static void test_msg_fs_members(void **state)
{
    struct support_msg msg;
    struct wire_msg_fs fs;
    (void)state;
    parse(&msg, WIRE_MSG_METHOD_FS_WALK,
          "{\"path\":\"/x\",\"options\":{\"maxDepth\":0,\"maxDirectories\":2,\"maxEntries\":3,"
          "\"followDirectorySymlinks\":true,\"pruneHiddenDirectories\":false}}",
          &fs);
    assert_int_equal(fs.options.max_depth, 0);
    assert_int_equal(fs.options.max_directories, 2);
    assert_int_equal(fs.options.max_entries, 3);
    assert_true(fs.options.follow_directory_symlinks && !fs.options.prune_hidden_directories);
    support_msg_stop(&msg);
    parse(&msg, WIRE_MSG_METHOD_FS_COPY,
          "{\"sourcePath\":\"/a\",\"destinationPath\":\"/b\",\"recursive\":true}", &fs);
    assert_string_equal(fs.path, "/a");
    assert_string_equal(fs.destination, "/b");
    support_msg_stop(&msg);
    parse(&msg, WIRE_MSG_METHOD_FS_WATCH_MISSING,
          "{\"watchId\":18446744073709551615,\"missing\":[\"file:///a%2eb\",\"/c\"],"
          "\"present\":\"file:///d\"}",
          &fs);
    assert_true(fs.watch_id == UINT64_MAX);
    assert_int_equal(fs.missing.count, 2);
    assert_string_equal(fs.missing.items[0], "/a.b");
    assert_string_equal(fs.missing.items[1], "/c");
    assert_string_equal(fs.present, "/d");
    support_msg_stop(&msg);
    parse(&msg, WIRE_MSG_METHOD_FS_OPEN, "{\"handleId\":\"\",\"path\":\"/a\",\"mode\":\"read\"}",
          &fs);
    assert_int_equal(fs.handle_id.size, 0);
    support_msg_stop(&msg);
}

#define PARSE(name, method)                                                                        \
    static int name(struct wire_msg_parser *parser, struct wire_span params)                       \
    {                                                                                              \
        struct wire_msg_fs fs;                                                                     \
        return wire_msg_fs_parse(parser, method, params, &fs);                                     \
    }

PARSE(metadata, WIRE_MSG_METHOD_FS_GET_METADATA)
PARSE(open_file, WIRE_MSG_METHOD_FS_OPEN)
PARSE(block, WIRE_MSG_METHOD_FS_READ_BLOCK)
PARSE(write_file, WIRE_MSG_METHOD_FS_WRITE_FILE)
PARSE(walk, WIRE_MSG_METHOD_FS_WALK)
PARSE(copy, WIRE_MSG_METHOD_FS_COPY)
PARSE(watch, WIRE_MSG_METHOD_FS_WATCH_MISSING)

static void test_msg_fs_refusals(void **state)
{
    static const struct support_refusal rows[] = {
        {metadata, NULL, "missing field `path`"},
        {metadata, "{}", "missing field `path`"},
        {metadata, "{\"path\":null}", "invalid type for `path`: expected a string"},
        {metadata, "{\"path\":5}", "invalid type for `path`: expected a string"},
        {metadata, "{\"path\":\"x\"}", "`path` must be an absolute path or a file: URI"},
        {metadata, "{\"path\":\"file:///%zz\"}",
         "`path` holds a percent sign without two hex digits"},
        {metadata, "{\"path\":\"C:\\\\x\"}",
         "`path` is a Windows path, and this server runs on another system"},
        {metadata, "{\"path\":\"file:///C:/x\"}",
         "`path` is a Windows path, and this server runs on another system"},
        {metadata, "{\"path\":\"file://other/x\"}", "`path` must not name another host"},
        {metadata, "{\"path\":\"/x\",\"followSymlinks\":1}",
         "invalid type for `followSymlinks`: expected a boolean"},
        {open_file, "{\"path\":\"/x\"}", "missing field `handleId`"},
        {open_file, "{\"path\":\"/x\",\"handleId\":\"123456789012345678901234567890123\"}",
         "`handleId` must not exceed 32 bytes"},
        {open_file, "{\"path\":\"/x\",\"handleId\":\"h\",\"mode\":\"replace\"}",
         "unknown value for `mode`: expected `read`"},
        {block, "{\"handleId\":\"h\",\"len\":1}", "missing field `offset`"},
        {block, "{\"handleId\":\"h\",\"offset\":-1,\"len\":1}", "invalid type for `offset`: "},
        {write_file, "{\"path\":\"/x\"}", "missing field `dataBase64`"},
        {walk, "{\"path\":\"/x\"}", "missing field `options`"},
        {walk, "{\"path\":\"/x\",\"options\":{}}", "missing field `options.maxDepth`"},
        {copy, "{\"sourcePath\":\"/x\",\"recursive\":true}", "missing field `destinationPath`"},
        {copy, "{\"sourcePath\":\"/x\",\"destinationPath\":\"/y\"}", "missing field `recursive`"},
        {watch, "{\"watchId\":\"1\",\"missing\":[]}", "invalid type for `watchId`: "},
        {watch, "{\"watchId\":1,\"missing\":[\"/a\",\"b\"]}",
         "`missing[1]` must be an absolute path or a file: URI"},
        {watch, "{\"watchId\":1,\"missing\":[],\"present\":\"b\"}",
         "`present` must be an absolute path or a file: URI"},
    };
    (void)state;
    support_msg_refusals(rows, sizeof rows / sizeof rows[0]);
}

static void test_msg_fs_replies(void **state)
{
    struct support_writer out;
    struct wire_json_base64 base64;
    struct wire_span id = wire_span_text("7");
    (void)state;
    wire_msg_fs_open_reply(support_writer_start(&out), id, wire_span_text("h\"1"));
    assert_string_equal(support_writer_text(&out),
                        "{\"id\":7,\"result\":{\"handleId\":\"h\\\"1\"}}");
    wire_msg_fs_watch_reply(support_writer_start(&out), id, true);
    assert_string_equal(support_writer_text(&out), "{\"id\":7,\"result\":{\"watching\":true}}");
    wire_msg_fs_missing_changed(support_writer_start(&out), UINT64_MAX);
    assert_string_equal(support_writer_text(&out), "{\"method\":\"fs/missingChanged\",\"params\":"
                                                   "{\"watchId\":18446744073709551615}}");
    wire_msg_fs_block_begin(support_writer_start(&out), id, &base64);
    wire_json_base64_push(&base64, wire_span_text("hel"));
    wire_json_base64_push(&base64, wire_span_text("lo"));
    wire_msg_fs_block_end(&out.writer, &base64, true);
    assert_string_equal(support_writer_text(&out),
                        "{\"id\":7,\"result\":{\"chunk\":\"aGVsbG8=\",\"eof\":true}}");
    wire_msg_fs_entries_begin(support_writer_start(&out), id);
    wire_msg_fs_directory_entry(&out.writer, wire_span_text("a\xff"), false, true);
    wire_msg_fs_directory_end(&out.writer);
    assert_string_equal(support_writer_text(&out),
                        "{\"id\":7,\"result\":{\"entries\":[{\"fileName\":\"a\xef\xbf\xbd\","
                        "\"isDirectory\":false,\"isFile\":true}]}}");
    wire_msg_fs_entries_begin(support_writer_start(&out), id);
    wire_msg_fs_walk_errors(&out.writer);
    wire_msg_fs_walk_error(&out.writer, "file:///a", "no\xc3");
    wire_msg_fs_walk_end(&out.writer, true);
    assert_string_equal(support_writer_text(&out),
                        "{\"id\":7,\"result\":{\"entries\":[],\"errors\":[{\"path\":\"file:///a\","
                        "\"message\":\"no\xef\xbf\xbd\"}],\"truncated\":true}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_msg_fs_defaults),
        cmocka_unit_test(test_msg_fs_members),
        cmocka_unit_test(test_msg_fs_refusals),
        cmocka_unit_test(test_msg_fs_replies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
