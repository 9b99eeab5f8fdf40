/* The log: the form of its lines, whatever the fields hold, and its manners towards readers that
 * are slow, gone or never there.
 */
#include "runner/log.h"
#include "tests/runner/support_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define FLUSH_MS     10000
#define SHORT_MS     100
#define WRITERS      4
#define LINES_EACH   2000
#define PAST_WALL_NS 951827696123456789 /* 2000-02-29T12:34:56.123456789Z */

/* ---- the form ---- */

static const char *format_one(bool json, const struct run_log_field *fields, size_t count)
{
    static char line[RUN_LOG_LINE_BYTES + 1];
    const struct run_log_head head = {.stamp = {.wall_ns = PAST_WALL_NS, .mono_ns = 5000001999},
                                      .level = RUN_LOG_WARN,
                                      .json = json,
                                      .event = "thing_happened"};
    size_t size = run_log_format(&head, fields, count, line);
    assert_true(size > 0 && size <= RUN_LOG_LINE_BYTES && line[size - 1] == '\n');
    assert_null(memchr(line, '\n', size - 1));
    line[size] = '\0';
    return line;
}

#define TEXT_HEAD "2000-02-29T12:34:56.123456Z 5.000001 warn  thing_happened"
#define JSON_HEAD                                                                                  \
    "{\"time\":\"2000-02-29T12:34:56.123456Z\",\"mono_ns\":5000001999,\"level\":\"warn\","         \
    "\"event\":\"thing_happened\""

static void test_log_line_as_text(void **state)
{
    (void)state;
    const struct run_log_field fields[] = {
        RUN_LOG_TEXT("url", "ws://[::1]:80"), RUN_LOG_UNSIGNED("n", UINT64_MAX),
        RUN_LOG_SIGNED("code", -7),           RUN_LOG_BOOL("ok", true),
        RUN_LOG_TEXT("quoted", "a b\"\\\n"),  RUN_LOG_TEXT("empty", ""),
        RUN_LOG_TEXT("none", NULL),           RUN_LOG_TEXT("sum", "a=b")};
    assert_string_equal(format_one(false, NULL, 0), TEXT_HEAD "\n");
    assert_string_equal(format_one(false, fields, 8),
                        TEXT_HEAD " url=ws://[::1]:80 n=18446744073709551615 code=-7 ok=true "
                                  "quoted=\"a b\\\"\\\\\\u000a\" empty=\"\" none=- sum=\"a=b\"\n");
}

static void test_log_line_as_json(void **state)
{
    (void)state;
    const struct run_log_field fields[] = {
        RUN_LOG_TEXT("url", "ws://[::1]:80"),    RUN_LOG_UNSIGNED("n", 1),
        RUN_LOG_SIGNED("code", INT64_MIN),       RUN_LOG_BOOL("ok", false),
        RUN_LOG_TEXT("quoted", "a b\"\\\n\x7f"), RUN_LOG_TEXT("none", NULL)};
    assert_string_equal(format_one(true, NULL, 0), JSON_HEAD "}\n");
    assert_string_equal(
        format_one(true, fields, 6),
        JSON_HEAD ",\"url\":\"ws://[::1]:80\",\"n\":1,\"code\":-9223372036854775808,\"ok\":false,"
                  "\"quoted\":\"a b\\\"\\\\\\u000a\\u007f\",\"none\":null}\n");
}

static void test_log_line_replaces_what_is_no_utf8(void **state)
{
    (void)state;
    const struct run_log_field good = RUN_LOG_TEXT("t", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    assert_string_equal(format_one(true, &good, 1),
                        JSON_HEAD ",\"t\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"}\n");
    static const char *const bad[] = {"\x80",     "\xc3",         "\xc0\x80",     "\xe0\x9f\xbf",
                                      "\xe2\x82", "\xf0\x8f\xbf", "\xf5\x80\x80", "\xff"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char wanted[256] = JSON_HEAD ",\"t\":\"";
        const struct run_log_field field = RUN_LOG_TEXT("t", bad[i]);
        for (size_t j = 0; j < strlen(bad[i]); j++)
            (void)strcat(wanted, "\\ufffd");
        (void)strcat(wanted, "\"}\n");
        assert_string_equal(format_one(true, &field, 1), wanted);
    }
    const struct run_log_field surrogate = RUN_LOG_TEXT("t", "\xed\xa0\x80");
    assert_string_equal(format_one(true, &surrogate, 1),
                        JSON_HEAD ",\"t\":\"\\ufffd\\ufffd\\ufffd\"}\n");
}

static void fill(char *text, size_t length, const char *pattern)
{
    for (size_t i = 0; i < length; i++)
        text[i] = pattern[i % strlen(pattern)];
    text[length] = '\0';
}

static bool ends_with(const char *line, const char *end)
{
    size_t length = strlen(line);
    return length >= strlen(end) && strcmp(line + length - strlen(end), end) == 0;
}

/* At every length around the limit the line keeps its form: closed quotes, whole escapes. */
static void test_log_line_is_cut_in_form(void **state)
{
    (void)state;
    static const char *const patterns[] = {"x", "\x01", "\"", "\xe2\x82\xac", "\xff"};
    for (size_t p = 0; p < sizeof patterns / sizeof *patterns; p++) {
        for (size_t length = 0; length < RUN_LOG_LINE_BYTES + 8; length++) {
            char text[RUN_LOG_LINE_BYTES + 16];
            fill(text, length, patterns[p]);
            const struct run_log_field fields[] = {RUN_LOG_TEXT("t", text),
                                                   RUN_LOG_UNSIGNED("after", 12345)};
            const char *line = format_one(true, fields, 2);
            bool cut = ends_with(line, "\",\"cut\":true}\n");
            bool whole = ends_with(line, "\",\"after\":12345}\n");
            assert_true(cut != whole);
            assert_true(whole || length > 100);
            line = format_one(false, fields, 2);
            assert_true(ends_with(line, " cut=true\n") != ends_with(line, " after=12345\n"));
        }
    }
}

static void test_log_line_dates(void **state)
{
    (void)state;
    struct date_case {
        int64_t wall_s;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000000Z"},          {-1, "1969-12-31T23:59:59.000000Z"},
        {68169599, "1972-02-28T23:59:59.000000Z"},   {68169600, "1972-02-29T00:00:00.000000Z"},
        {4107542399, "2100-02-28T23:59:59.000000Z"}, {4107542400, "2100-03-01T00:00:00.000000Z"},
        {1763694127, "2025-11-21T03:02:07.000000Z"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char line[RUN_LOG_LINE_BYTES];
        const struct run_log_head head = {.stamp = {.wall_ns = cases[i].wall_s * 1000000000},
                                          .level = RUN_LOG_INFO,
                                          .event = "x"};
        (void)run_log_format(&head, NULL, 0, line);
        assert_memory_equal(line, cases[i].text, strlen(cases[i].text));
    }
}

/* ---- the manners ---- */

static struct run_log *open_log(int fd, enum run_log_level level)
{
    struct run_log *log = NULL;
    const struct run_log_options options = {.level = level, .json = false, .fd = fd};
    assert_int_equal(run_log_open(&options, &log), 0);
    return log;
}

static size_t read_all(int fd, char *bytes, size_t size)
{
    size_t used = 0;
    ssize_t count;
    while (used < size && (count = read(fd, bytes + used, size - used)) > 0)
        used += (size_t)count;
    return used;
}

static size_t count_text(const char *bytes, size_t size, const char *text)
{
    size_t count = 0;
    const char *at = bytes;
    while ((at = memmem(at, size - (size_t)(at - bytes), text, strlen(text))) != NULL) {
        count++;
        at += strlen(text);
    }
    return count;
}

static void test_log_writes_what_its_level_lets_through(void **state)
{
    (void)state;
    char bytes[4096];
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    struct run_log *log = open_log(ends[1], RUN_LOG_WARN);
    assert_true(run_log_wants(log, RUN_LOG_ERROR));
    assert_false(run_log_wants(log, RUN_LOG_INFO));
    run_log_write(log, RUN_LOG_INFO, "too_much", NULL, 0);
    run_log_event(log, RUN_LOG_WARN, "just_right", RUN_LOG_UNSIGNED("n", 4), RUN_LOG_BOOL("b", 1));
    run_log_write(log, RUN_LOG_ERROR, "bad", NULL, 0);
    assert_int_equal(run_log_close(log, FLUSH_MS), 0);
    (void)close(ends[1]);
    size_t size = read_all(ends[0], bytes, sizeof bytes);
    assert_int_equal(count_text(bytes, size, "\n"), 2);
    assert_int_equal(count_text(bytes, size, " warn  just_right n=4 b=true\n"), 1);
    assert_int_equal(count_text(bytes, size, " error bad\n"), 1);
    (void)close(ends[0]);
}

static void test_log_of_null_is_silent(void **state)
{
    (void)state;
    assert_false(run_log_wants(NULL, RUN_LOG_ERROR));
    run_log_write(NULL, RUN_LOG_ERROR, "x", NULL, 0);
    assert_int_equal(run_log_close(NULL, 0), 0);
}

static void set_pipe_size(int fd, int bytes)
{
    assert_true(fcntl(fd, F_SETPIPE_SZ, bytes) >= 0);
}

/* Nobody reads: callers go on, closing ends in time, and nothing is said to have been written. */
static void test_log_never_waits_for_a_reader(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    set_pipe_size(ends[1], 4096);
    struct run_log *log = open_log(ends[1], RUN_LOG_INFO);
    long long begin_ms = support_now_ms();
    for (int i = 0; i < 10000; i++)
        run_log_event(log, RUN_LOG_INFO, "flood", RUN_LOG_SIGNED("i", i));
    assert_true(run_log_dropped(log) > 5000);
    assert_int_equal(run_log_close(log, SHORT_MS), -1);
    assert_true(support_now_ms() - begin_ms < DEADLINE_MS); /* who waited would wait for ever */
    assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
    /* The reader's end ends the writer thread too, which nobody waits for. */
    (void)close(ends[0]);
    (void)close(ends[1]);
}

struct reader {
    int fd;
    char *bytes;
    size_t size;
};

static void *read_lines(void *context)
{
    struct reader *reader = context;
    reader->size = read_all(reader->fd, reader->bytes, reader->size);
    return NULL;
}

/* Each report is a line of its own: `N log lines dropped`. */
static uint64_t sum_of_reported(const char *bytes, size_t size)
{
    static const char text[] = " warn  log_dropped text=\"";
    uint64_t sum = 0;
    const char *at = bytes;
    while ((at = memmem(at, size - (size_t)(at - bytes), text, strlen(text))) != NULL) {
        char *end;
        at += strlen(text);
        sum += strtoull(at, &end, 10);
        assert_memory_equal(end, " log lines dropped\" count=", 26);
    }
    return sum;
}

/* A reader that comes late is told how many lines it missed; every other line is there. */
static void test_log_counts_what_it_dropped(void **state)
{
    (void)state;
    enum { LINES = 5000 };
    static char bytes[1 << 20];
    pthread_t reader_thread;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    set_pipe_size(ends[1], 4096);
    struct reader reader = {.fd = ends[0], .bytes = bytes, .size = sizeof bytes};
    struct run_log *log = open_log(ends[1], RUN_LOG_INFO);
    for (int i = 0; i < LINES; i++)
        run_log_event(log, RUN_LOG_INFO, "flood", RUN_LOG_SIGNED("i", i));
    uint64_t dropped = run_log_dropped(log);
    assert_true(dropped > 0);
    assert_int_equal(pthread_create(&reader_thread, NULL, read_lines, &reader), 0);
    assert_int_equal(run_log_close(log, FLUSH_MS), 0);
    (void)close(ends[1]);
    assert_int_equal(pthread_join(reader_thread, NULL), 0);
    assert_int_equal(sum_of_reported(bytes, reader.size), dropped);
    assert_int_equal(count_text(bytes, reader.size, " flood i=") + dropped, LINES);
    (void)close(ends[0]);
}

/* What could not be written counts as dropped, sooner or later. */
static void assert_dropped(struct run_log *log, uint64_t wanted)
{
    long long end_ms = support_now_ms() + DEADLINE_MS;
    while (run_log_dropped(log) != wanted && support_now_ms() < end_ms)
        (void)poll(NULL, 0, 1);
    assert_int_equal(run_log_dropped(log), wanted);
}

static void test_log_survives_a_closed_reader(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    struct run_log *log = open_log(ends[1], RUN_LOG_INFO);
    (void)close(ends[0]);
    for (int i = 0; i < 100; i++)
        run_log_write(log, RUN_LOG_INFO, "unheard", NULL, 0);
    assert_dropped(log, 100);
    assert_int_equal(run_log_close(log, FLUSH_MS), 0);
    (void)close(ends[1]);
}

static void test_log_survives_a_closed_descriptor(void **state)
{
    (void)state;
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    (void)close(fd);
    struct run_log *log = open_log(fd, RUN_LOG_INFO);
    run_log_write(log, RUN_LOG_INFO, "unheard", NULL, 0);
    assert_dropped(log, 1);
    assert_int_equal(run_log_close(log, FLUSH_MS), 0);
}

static void test_log_survives_a_full_disk(void **state)
{
    (void)state;
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    struct run_log *log = open_log(fd, RUN_LOG_INFO);
    run_log_write(log, RUN_LOG_INFO, "lost", NULL, 0);
    assert_dropped(log, 1);
    assert_int_equal(run_log_close(log, FLUSH_MS), 0);
    (void)close(fd);
}

/* A socket shares its description with others; it stays blocking and is not waited for. */
static void test_log_never_waits_for_a_socket(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    struct run_log *log = open_log(ends[1], RUN_LOG_INFO);
    for (int i = 0; i < 20000; i++)
        run_log_event(log, RUN_LOG_INFO, "flood", RUN_LOG_SIGNED("i", i));
    assert_int_equal(run_log_close(log, SHORT_MS), -1);
    assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void *write_lines(void *context)
{
    for (int i = 0; i < LINES_EACH; i++)
        run_log_event(context, RUN_LOG_INFO, "together", RUN_LOG_SIGNED("i", i),
                      RUN_LOG_TEXT("text", "some words of a line"));
    return NULL;
}

/* Lines of many threads stay whole; each is written or counted as dropped. */
static void test_log_takes_lines_of_many_threads(void **state)
{
    (void)state;
    static char bytes[4 << 20];
    pthread_t writers[WRITERS];
    pthread_t reader_thread;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    struct reader reader = {.fd = ends[0], .bytes = bytes, .size = sizeof bytes};
    struct run_log *log = open_log(ends[1], RUN_LOG_INFO);
    assert_int_equal(pthread_create(&reader_thread, NULL, read_lines, &reader), 0);
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&writers[i], NULL, write_lines, log), 0);
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_join(writers[i], NULL), 0);
    uint64_t dropped = run_log_dropped(log);
    assert_int_equal(run_log_close(log, FLUSH_MS), 0);
    (void)close(ends[1]);
    assert_int_equal(pthread_join(reader_thread, NULL), 0);
    size_t whole = count_text(bytes, reader.size, " text=\"some words of a line\"\n");
    assert_int_equal(whole + dropped, WRITERS * LINES_EACH);
    assert_int_equal(count_text(bytes, reader.size, " together i="), whole);
    (void)close(ends[0]);
}

/* A process whose log hangs ends all the same. */
static void test_log_does_not_keep_a_process_from_ending(void **state)
{
    (void)state;
    int ends[2];
    int status = 0;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct run_log *log = NULL;
        const struct run_log_options options = {.level = RUN_LOG_INFO, .fd = ends[1]};
        if (run_log_open(&options, &log) != 0)
            _exit(1);
        for (int i = 0; i < 10000; i++)
            run_log_write(log, RUN_LOG_INFO, "flood", NULL, 0);
        _exit(run_log_close(log, SHORT_MS) == -1 ? 3 : 2);
    }
    assert_true(support_wait_child(pid, &status));
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 3);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log_line_as_text),
        cmocka_unit_test(test_log_line_as_json),
        cmocka_unit_test(test_log_line_replaces_what_is_no_utf8),
        cmocka_unit_test(test_log_line_is_cut_in_form),
        cmocka_unit_test(test_log_line_dates),
        cmocka_unit_test(test_log_writes_what_its_level_lets_through),
        cmocka_unit_test(test_log_of_null_is_silent),
        cmocka_unit_test(test_log_never_waits_for_a_reader),
        cmocka_unit_test(test_log_counts_what_it_dropped),
        cmocka_unit_test(test_log_survives_a_closed_reader),
        cmocka_unit_test(test_log_survives_a_closed_descriptor),
        cmocka_unit_test(test_log_survives_a_full_disk),
        cmocka_unit_test(test_log_never_waits_for_a_socket),
        cmocka_unit_test(test_log_takes_lines_of_many_threads),
        cmocka_unit_test(test_log_does_not_keep_a_process_from_ending),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
