/*
 * Which calls about files wait for which: by their paths and by what they change.
 */
#include "runner/files_call.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GET    WIRE_MSG_METHOD_FS_GET_METADATA
#define READ   WIRE_MSG_METHOD_FS_READ_FILE
#define WRITE  WIRE_MSG_METHOD_FS_WRITE_FILE
#define MAKE   WIRE_MSG_METHOD_FS_CREATE_DIRECTORY
#define REMOVE WIRE_MSG_METHOD_FS_REMOVE
#define COPY   WIRE_MSG_METHOD_FS_COPY

struct asked {
    enum wire_msg_method method;
    const char *path, *destination;
};

static const struct order_row {
    struct asked earlier, later;
    bool waits;
} rows[] = {
    {{WRITE, "/a", NULL}, {WRITE, "/a", NULL}, true},
    {{WRITE, "/a", NULL}, {READ, "/a", NULL}, true},
    {{READ, "/a", NULL}, {WRITE, "/a", NULL}, true},
    {{READ, "/a", NULL}, {READ, "/a", NULL}, false},
    {{WRITE, "/a", NULL}, {WRITE, "/b", NULL}, false},
    {{WRITE, "/a", NULL}, {WRITE, "/ab", NULL}, false},
    {{MAKE, "/a", NULL}, {WRITE, "/a/b/c", NULL}, true},
    {{WRITE, "/a/b/c", NULL}, {REMOVE, "/a", NULL}, true},
    {{WRITE, "/a/b", NULL}, {WRITE, "/a/c", NULL}, false},
    {{WRITE, "//a/./b", NULL}, {WRITE, "/a//b/", NULL}, true},
    {{WRITE, "/x/../a", NULL}, {READ, "/b", NULL}, true},
    {{GET, "/x/../a", NULL}, {READ, "/b", NULL}, false},
    {{WRITE, "/", NULL}, {READ, "/b", NULL}, true},
    {{COPY, "/a", "/b"}, {READ, "/a", NULL}, false},
    {{COPY, "/a", "/b"}, {WRITE, "/a", NULL}, true},
    {{COPY, "/a", "/b"}, {READ, "/b/c", NULL}, true},
    {{READ, "/b", NULL}, {COPY, "/a", "/b"}, true},
    {{COPY, "/a", "/b"}, {COPY, "/a", "/c"}, false},
    {{COPY, "/a", "/b"}, {COPY, "/b", "/c"}, true},
};

static void fill(struct run_file_call *call, const struct asked *asked)
{
    memset(call, 0, sizeof(*call));
    call->method = asked->method;
    call->asked.path = asked->path;
    call->asked.destination = asked->destination;
}

static void test_order_of_paths(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct run_file_call earlier, later;
        fill(&earlier, &rows[i].earlier);
        fill(&later, &rows[i].later);
        if (run_file_call_must_wait(&later, &earlier) != rows[i].waits)
            fail_msg("row %zu: %s, then %s", i, rows[i].earlier.path, rows[i].later.path);
    }
}

static void test_order_of_handles(void **state)
{
    const struct asked file = {WIRE_MSG_METHOD_FS_OPEN, "/a", NULL};
    const struct asked none = {WIRE_MSG_METHOD_FS_READ_BLOCK, NULL, NULL};
    struct run_file_handle handle = {0}, other = {0};
    struct run_file_call opens, reads, reads_too;
    (void)state;
    fill(&opens, &file);
    fill(&reads, &none);
    fill(&reads_too, &none);
    opens.handle = reads.handle = reads_too.handle = &handle;
    assert_true(run_file_call_must_wait(&reads, &opens));
    assert_false(run_file_call_must_wait(&reads_too, &reads));
    reads.handle = &other;
    assert_false(run_file_call_must_wait(&reads, &opens));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_of_paths),
        cmocka_unit_test(test_order_of_handles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
