/*
 * Work about files whose reply cannot be made for want of memory: the client is told that it has
 * failed, and nothing of it is left. In place of what makes messages stands what never can.
 */
#include "runner/conn.h"
#include "runner/files_message.h"
#include "runner/files_watch.h"
#include "tests/runner/support_files.h"

#include <dirent.h>

/* ---- In place of messages ---- */

static unsigned refused;

bool run_file_message_begin(struct run_file_message *message, struct iocp_port *port,
                            enum wire_rpc_framing framing, size_t json_bytes)
{
    (void)message;
    (void)port;
    (void)framing;
    (void)json_bytes;
    refused++;
    return false;
}

struct run_frame *run_file_message_end(struct run_file_message *message)
{
    (void)message;
    fail_msg("a message that has not begun is ended");
    return NULL;
}

void run_file_message_drop(struct run_file_message *message)
{
    (void)message;
    fail_msg("a message that has not begun is given up");
}

/* ---- Steps ---- */

static unsigned open_descriptors(void)
{
    unsigned count = 0;
    DIR *list = opendir("/proc/self/fd");
    assert_non_null(list);
    while (readdir(list) != NULL)
        count++;
    closedir(list);
    return count;
}

static void fail_without_a_trace(struct run_file_call *call)
{
    unsigned before = open_descriptors();
    refused = 0;
    run_file_call_work(&call->help);
    assert_int_equal(refused, 1);
    assert_null(call->reply);
    assert_int_equal(call->work.error.code, -32603);
    assert_string_equal(call->work.error.text, "out of memory");
    assert_int_equal(call->fd, -1);
    assert_null(call->watch);
    assert_int_equal(open_descriptors(), before);
}

static void test_open_keeps_no_descriptor(void **state)
{
    static struct run_conn conn;
    struct support_files *files = *state;
    struct run_file_handle handle = {.conn = &conn, .fd = -1, .id_bytes = 1, .id = "h"};
    struct run_file_call call = {.conn = &conn, .method = WIRE_MSG_METHOD_FS_OPEN, .fd = -1};
    support_files_make(files, "file", "text");
    call.asked = support_files_asked(files, "file");
    call.work = files->work;
    call.handle = &handle;
    fail_without_a_trace(&call);
}

static void test_watch_keeps_no_watch(void **state)
{
    static struct run_conn conn;
    struct support_files *files = *state;
    struct run_file_call call = {
        .conn = &conn, .method = WIRE_MSG_METHOD_FS_WATCH_MISSING, .fd = -1};
    const char *missing = support_files_path(files, "missing");
    call.asked.missing.items = &missing;
    call.asked.missing.count = 1;
    call.work = files->work;
    fail_without_a_trace(&call);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUPPORT_FILES_TEST(test_open_keeps_no_descriptor),
        SUPPORT_FILES_TEST(test_watch_keeps_no_watch),
    };
    return cmocka_run_group_tests_name("runner/files_reply", tests, NULL, NULL);
}
