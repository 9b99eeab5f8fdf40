/*
 * The command line: what is read, and what is refused.
 */
#include "tests/load/support.h"

#include "tools/load/base.h"
#include "tools/load/options.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS = 16 };

/* Reads the words of a line as a command line. The texts stay in *out_line; free() it. */
static int read_line(const char *line, struct load_options *options, char **out_line)
{
    char *argv[WORDS + 1] = {NULL};
    char *rest = load_copy_text(line);
    int argc = 0;

    *out_line = rest;
    while (argc < WORDS && (argv[argc] = strsep(&rest, " ")) != NULL)
        argc++;
    optind = 0; /* getopt's own state belongs to the process: 0 starts it anew */
    return load_options_read(argc, argv, options);
}

static void assert_refused(const char *line)
{
    struct load_options options;
    char *texts;

    if (read_line(line, &options, &texts) == 0)
        fail_msg("`%s` was accepted", line);
    load_options_deinit(&options);
    free(texts);
}

static void test_options_defaults(void **state)
{
    struct load_options options;
    char *texts;

    (void)state;
    assert_int_equal(read_line("load starts", &options, &texts), 0);
    assert_string_equal(options.subcommand, "starts");
    assert_ptr_equal(options.dialect, &load_dialect_process);
    assert_int_equal(options.connections, 0);
    assert_int_equal(options.storms, 5);
    assert_int_equal(options.let_go_seconds, 0);
    assert_int_equal(options.in_flight, 16);
    assert_int_equal(options.seconds, 3);
    assert_int_equal(options.sessions_count, 0);
    assert_int_equal(options.style, LOAD_REPORT_TABLE);
    free(texts);
}

static void test_options_are_read_in_any_place(void **state)
{
    struct load_options options;
    char *texts;

    (void)state;
    assert_int_equal(read_line("load --dialect v0 echo --sessions 1,100 --tty half --json "
                               "--ack-quick --serve a.b-c=cmd=1 --serve /x/y",
                               &options, &texts),
                     0);
    assert_string_equal(options.subcommand, "echo");
    assert_ptr_equal(options.dialect, &load_dialect_v0);
    assert_int_equal(options.sessions_count, 2);
    assert_int_equal(options.sessions[1], 100);
    assert_int_equal(options.tty, LOAD_TTY_HALF);
    assert_int_equal(options.style, LOAD_REPORT_JSON);
    assert_true(options.wants_quick_ack);
    assert_int_equal(options.serve_count, 2);
    assert_string_equal(options.serves[0].name, "a.b-c");
    assert_string_equal(options.serves[0].command, "cmd=1");
    assert_string_equal(options.serves[1].name, "server");
    assert_string_equal(options.serves[1].command, "/x/y");
    free(texts);
}

static void test_options_mistakes_are_refused(void **state)
{
    (void)state;
    assert_refused("load starts --seconds 0");
    assert_refused("load starts --seconds -1");
    assert_refused("load starts --seconds 3s");
    assert_refused("load starts --seconds 99999999999999999999");
    assert_refused("load starts --sessions 1,,2");
    assert_refused("load starts --sessions 1,2,3,4,5,6,7,8,9");
    assert_refused("load starts --dialect v1");
    assert_refused("load starts --tty some");
    assert_refused("load starts --token-file /nonexistent");
    assert_refused("load starts --nonsense");
    assert_refused("load starts echo");
    assert_refused("load starts --serve 1 --serve 2 --serve 3 --serve 4 --serve 5 --serve 6 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options_defaults),
        cmocka_unit_test(test_options_are_read_in_any_place),
        cmocka_unit_test(test_options_mistakes_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
