/*
 * Results as JSON lines, as a table and as markdown.
 */
#include "tests/load/support.h"

#include "tools/load/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Reports the same three cases in this style and returns what was written; free() it. */
static char *report_in(enum load_report_style style)
{
    struct load_report report;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    load_report_init(&report, out, style);
    load_report_begin(&report, "ours", "echo", "cat", "\"tty\":false");
    load_report_add(&report, "p50_us", "p50, us", 26.04);
    load_report_add(&report, "echoes", NULL, 123456);
    load_report_end(&report);
    load_report_begin(&report, "peer \"x\"", "echo", "cat", "\"tty\":false");
    load_report_add(&report, "p50_us", "p50, us", 44000);
    load_report_end(&report);
    load_report_begin(&report, "ours", "starts", "", "");
    load_report_add(&report, "starts_per_s", "starts/s", 0.5);
    load_report_end(&report);
    load_report_print(&report);
    load_report_deinit(&report);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void test_report_json_is_a_line_for_each_case(void **state)
{
    char *text = report_in(LOAD_REPORT_JSON);

    (void)state;
    assert_string_equal(text, "{\"server\":\"ours\",\"scenario\":\"echo\",\"tty\":false,"
                              "\"p50_us\":26.04,\"echoes\":123456}\n"
                              "{\"server\":\"peer \\\"x\\\"\",\"scenario\":\"echo\",\"tty\":false,"
                              "\"p50_us\":44000}\n"
                              "{\"server\":\"ours\",\"scenario\":\"starts\","
                              "\"starts_per_s\":0.5}\n");
    free(text);
}

static void test_report_markdown_has_a_column_for_each_server(void **state)
{
    char *text = report_in(LOAD_REPORT_MARKDOWN);

    (void)state;
    assert_string_equal(text, "| what | ours | peer \"x\" |\n"
                              "| --- | ---: | ---: |\n"
                              "| echo cat, p50, us | 26.0 | 44,000 |\n"
                              "| starts, starts/s | 0.50 | - |\n");
    free(text);
}

static void test_report_table_groups_by_title(void **state)
{
    char *text = report_in(LOAD_REPORT_TABLE);
    const char *echo = strstr(text, "echo cat\n  p50, us ");
    const char *starts = strstr(text, "\nstarts\n  starts/s ");

    (void)state;
    assert_non_null(echo);
    assert_non_null(starts);
    assert_true(echo < starts);
    assert_null(strstr(text, "123456"));
    free(text);
}

static void test_report_numbers(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {5, "5"},
        {0.534, "0.53"},
        {9.996, "10.0"},
        {12.34, "12.3"},
        {99.94, "99.9"},
        {99.96, "100"},
        {1637.2, "1,637"},
        {999999.4, "999,999"},
        {1000000, "1,000,000"},
        {-3.25, "-3.25"},
    };
    char text[48];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        load_report_number(cases[i].value, text, sizeof text);
        assert_string_equal(text, cases[i].text);
    }
}

static void test_report_faults_by_kind(void **state)
{
    struct load_faults faults = {0};
    struct load_faults more = {0};

    (void)state;
    load_faults_add(&faults, LOAD_FAULT_LOST, 3, "three %s", "bytes");
    load_faults_add(&faults, LOAD_FAULT_LOST, 0, "not even described");
    load_faults_add(&faults, LOAD_FAULT_OUT_OF_TURN, 2, "two");
    assert_int_equal(faults.case_count, 2);
    assert_string_equal(faults.cases[0], "three bytes");
    for (int i = 0; i < 10; i++)
        load_faults_add(&more, LOAD_FAULT_CHANGED, 1, "%d", i);
    load_faults_merge(&faults, &more);
    assert_int_equal(faults.case_count, LOAD_FAULT_CASES);
    assert_int_equal(load_faults_total(&faults), 13);
    assert_int_equal(load_faults_out_of_turn(&faults), 2);
    load_faults_take_back(&faults, LOAD_FAULT_LOST, 3);
    assert_int_equal(load_faults_total(&faults), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_report_json_is_a_line_for_each_case),
        cmocka_unit_test(test_report_markdown_has_a_column_for_each_server),
        cmocka_unit_test(test_report_table_groups_by_title),
        cmocka_unit_test(test_report_numbers),
        cmocka_unit_test(test_report_faults_by_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
