/*
 * Working directories: URIs and plain paths of both systems, what is refused and why, and paths
 * turned into URIs and back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/wire/support_random.h"
#include "wire/msg_path.h"

struct path_row {
    const char *text;
    const char *posix; /* NULL: refused with posix_error */
    int posix_error;
    const char *windows; /* NULL: refused with windows_error */
    int windows_error;
};

#define RELATIVE WIRE_MSG_PATH_ERR_RELATIVE
#define HOST     WIRE_MSG_PATH_ERR_HOST
#define PERCENT  WIRE_MSG_PATH_ERR_PERCENT
#define ENCODED  WIRE_MSG_PATH_ERR_ENCODED
#define SUFFIX   WIRE_MSG_PATH_ERR_SUFFIX
#define UTF8     WIRE_MSG_PATH_ERR_UTF8
#define WINDOWS  WIRE_MSG_PATH_ERR_WINDOWS

static const struct path_row rows[] = {
    {"/", "/", 0, NULL, RELATIVE},
    {"/home/x y", "/home/x y", 0, NULL, RELATIVE},
    {"/a%20b", "/a%20b", 0, NULL, RELATIVE},
    {"/a?b#c", "/a?b#c", 0, NULL, RELATIVE},
    {"file:///", "/", 0, NULL, RELATIVE},
    {"file:///home/x", "/home/x", 0, NULL, RELATIVE},
    {"FILE:///home/x", "/home/x", 0, NULL, RELATIVE},
    {"file://localhost/home/x", "/home/x", 0, NULL, RELATIVE},
    {"file://LocalHost/home/x", "/home/x", 0, NULL, RELATIVE},
    {"file:/home/x", "/home/x", 0, NULL, RELATIVE},
    {"file:///a%20b%41%2e%c3%A9", "/a bA.\xc3\xa9", 0, NULL, RELATIVE},
    {"file:///a+b\xc3\xa9", "/a+b\xc3\xa9", 0, NULL, RELATIVE},
    {"file:///a%FFb",
     "/a\xff"
     "b",
     0, NULL, RELATIVE},
    {"file:////a", "//a", 0, NULL, RELATIVE},
    {"file:///C:/x%20y/z", NULL, WINDOWS, "C:\\x y\\z", 0},
    {"file:///c:/", NULL, WINDOWS, "c:\\", 0},
    {"file:/C:/x", NULL, WINDOWS, "C:\\x", 0},
    {"file://localhost/C:/x", NULL, WINDOWS, "C:\\x", 0},
    {"file:///C%3A/x", NULL, WINDOWS, "C:\\x", 0},
    {"file:///C:/a%5Cb", NULL, WINDOWS, NULL, ENCODED},
    {"file:///C:/a%FF", NULL, WINDOWS, NULL, UTF8},
    {"file:///C:", NULL, WINDOWS, NULL, RELATIVE},
    {"/C:/x", "/C:/x", 0, NULL, RELATIVE},
    {"file:///C:x", "/C:x", 0, NULL, RELATIVE},
    {"file:C:/x", NULL, RELATIVE, NULL, RELATIVE},
    {"C:\\x", NULL, WINDOWS, "C:\\x", 0},
    {"z:/x y", NULL, WINDOWS, "z:/x y", 0},
    {"\\\\server\\share", NULL, WINDOWS, "\\\\server\\share", 0},
    {"\\\\", NULL, RELATIVE, NULL, RELATIVE},
    {"\\x", NULL, RELATIVE, NULL, RELATIVE},
    {"C:x", NULL, RELATIVE, NULL, RELATIVE},
    {"C:", NULL, RELATIVE, NULL, RELATIVE},
    {"1:\\x", NULL, RELATIVE, NULL, RELATIVE},
    {"", NULL, RELATIVE, NULL, RELATIVE},
    {".", NULL, RELATIVE, NULL, RELATIVE},
    {"a/b", NULL, RELATIVE, NULL, RELATIVE},
    {"~/x", NULL, RELATIVE, NULL, RELATIVE},
    {"http://a/b", NULL, RELATIVE, NULL, RELATIVE},
    {"file:", NULL, RELATIVE, NULL, RELATIVE},
    {"file:x", NULL, RELATIVE, NULL, RELATIVE},
    {"file://", NULL, RELATIVE, NULL, RELATIVE},
    {"file://localhost", NULL, RELATIVE, NULL, RELATIVE},
    {"file://server", NULL, HOST, NULL, HOST},
    {"file://server/share", NULL, HOST, NULL, HOST},
    {"file://127.0.0.1/x", NULL, HOST, NULL, HOST},
    {"file://C:/x", NULL, HOST, NULL, HOST},
    {"file://user@localhost/x", NULL, HOST, NULL, HOST},
    {"file:///C:/a%", NULL, PERCENT, NULL, PERCENT},
    {"file:///C:/a%4", NULL, PERCENT, NULL, PERCENT},
    {"file:///C:/a%4g", NULL, PERCENT, NULL, PERCENT},
    {"file:///C:/a%g4b", NULL, PERCENT, NULL, PERCENT},
    {"file:///C:/a%00b", NULL, ENCODED, NULL, ENCODED},
    {"file:///C:/a%2Fb", NULL, ENCODED, NULL, ENCODED},
    {"file:///C:/a?b", NULL, SUFFIX, NULL, SUFFIX},
    {"file:///C:/a#b", NULL, SUFFIX, NULL, SUFFIX},
};

static void check(const char *text, enum wire_msg_path_style style, const char *expected, int error)
{
    size_t size = strlen(text);
    uint8_t *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, text, size);
    ptrdiff_t result = wire_msg_path_decode(copy, size, style);
    bool is_good = expected ? result == (ptrdiff_t)strlen(expected) &&
                                  memcmp(copy, expected, strlen(expected)) == 0
                            : result == error;
    if (!is_good) {
        fail_msg("%s (style %d) gives %ld", text, (int)style, (long)result);
    }
    free(copy);
}

static void test_msg_path_decode(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        check(rows[i].text, WIRE_MSG_PATH_POSIX, rows[i].posix, rows[i].posix_error);
        check(rows[i].text, WIRE_MSG_PATH_WINDOWS, rows[i].windows, rows[i].windows_error);
    }
    for (int error = -1; error >= WIRE_MSG_PATH_ERR_CAPACITY; error--) {
        assert_true(strlen(wire_msg_path_error_text(error)) > 0);
    }
}

static void check_uri(const char *path, enum wire_msg_path_style style, const char *expected)
{
    char uri[256];
    struct wire_span span = wire_span_text(path);
    ptrdiff_t size = wire_msg_path_to_uri(span, style, uri, sizeof uri);
    assert_int_equal(size, strlen(expected));
    assert_string_equal(uri, expected);
    for (size_t capacity = 0; capacity <= (size_t)size; capacity++) {
        char *small = malloc(capacity > 0 ? capacity : 1);
        assert_int_equal(wire_msg_path_to_uri(span, style, small, capacity),
                         WIRE_MSG_PATH_ERR_CAPACITY);
        free(small);
    }
}

static void test_msg_path_to_uri(void **state)
{
    char uri[64];
    (void)state;
    check_uri("/", WIRE_MSG_PATH_POSIX, "file:///");
    check_uri("/a b/%#?\xff", WIRE_MSG_PATH_POSIX, "file:///a%20b/%25%23%3F%FF");
    check_uri("/a\\b", WIRE_MSG_PATH_POSIX, "file:///a%5Cb");
    check_uri("C:\\a b/c", WIRE_MSG_PATH_WINDOWS, "file:///C:/a%20b/c");
    assert_int_equal(wire_msg_path_to_uri(wire_span_text("a"), WIRE_MSG_PATH_POSIX, uri, 64),
                     RELATIVE);
    assert_int_equal(
        wire_msg_path_to_uri(wire_span_text("\\\\s\\x"), WIRE_MSG_PATH_WINDOWS, uri, 64), RELATIVE);
    assert_int_equal(wire_msg_path_to_uri(wire_span_of(NULL, 0), WIRE_MSG_PATH_POSIX, uri, 64),
                     RELATIVE);
}

/* Any path of bytes comes back through its URI, unless it looks like one of Windows. */
static void test_msg_path_round_trip(void **state)
{
    struct support_random random = support_random_start();
    (void)state;
    for (int i = 0; i < 2000; i++) {
        uint8_t path[64];
        char uri[WIRE_MSG_PATH_URI_BYTES(sizeof path)];
        size_t size = 1 + support_random_below(&random, sizeof path - 1);
        support_random_fill(&random, path, size);
        path[0] = '/';
        for (size_t k = 1; k < size; k++) {
            path[k] = path[k] ? path[k] : 'n';
        }
        if (size > 2 && path[2] == ':') {
            path[2] = 'n'; /* "/C:" looks like Windows */
        }
        ptrdiff_t uri_size =
            wire_msg_path_to_uri(wire_span_of(path, size), WIRE_MSG_PATH_POSIX, uri, sizeof uri);
        assert_true(uri_size > 0);
        ptrdiff_t back =
            wire_msg_path_decode((uint8_t *)uri, (size_t)uri_size, WIRE_MSG_PATH_POSIX);
        assert_int_equal(back, size);
        assert_memory_equal(uri, path, size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_msg_path_decode),
        cmocka_unit_test(test_msg_path_to_uri),
        cmocka_unit_test(test_msg_path_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
