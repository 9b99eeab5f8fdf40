/* The command line: defaults, every option, every refusal with its text, and the help. */
#include "runner/options.h"
#include "runner/options_table.h"
#include "runner/options_value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ARGS_MAX 160

#define DIGEST "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"

struct parsed {
    int result;
    struct run_options options;
    struct run_why why;
};

/* Parses NULL-terminated ARGS after the program's name. */
static struct parsed parse_list(const char *const *args)
{
    static char program[] = "execport-runner";
    static char copies[ARGS_MAX][256];
    char *argv[ARGS_MAX + 2] = {program};
    int argc = 1;
    struct parsed parsed = {.why = {""}};
    for (; args[argc - 1]; argc++) {
        assert_true(argc < ARGS_MAX);
        (void)snprintf(copies[argc], sizeof copies[argc], "%s", args[argc - 1]);
        argv[argc] = copies[argc];
    }
    parsed.result = run_options_parse(argc, argv, &parsed.options, &parsed.why);
    return parsed;
}

#define parse(...) parse_list((const char *const[]){__VA_ARGS__, NULL})

static void assert_bad(struct parsed parsed, const char *wanted)
{
    assert_int_equal(parsed.result, RUN_OPTIONS_BAD);
    assert_string_equal(parsed.why.text, wanted);
}

static void test_options_defaults(void **state)
{
    (void)state;
    struct parsed p = parse_list((const char *const[]){NULL});
    const struct run_options *o = &p.options;
    assert_int_equal(p.result, RUN_OPTIONS_RUN);
    assert_int_equal(o->listen_count, 1);
    assert_int_equal(o->listen[0].kind, RUN_LISTEN_WS);
    assert_int_equal(o->listen[0].port, 0);
    assert_true(run_listen_url_is_local(&o->listen[0]));
    assert_null(o->ws_token_file);
    assert_false(o->ws_token_digest_given || o->allow_any_local_user || o->log_json ||
                 o->no_metrics);
    assert_int_equal(o->log_level, RUN_LOG_INFO);
    assert_int_equal(o->workers, 0);
    assert_int_equal(o->helpers, 4);
    assert_int_equal(o->shutdown_grace_ms, 5000);
    assert_int_equal(o->drain_quiet_ms, 200);
    assert_int_equal(o->drain_max_ms, 2000);
    assert_int_equal(o->stdin_queue_bytes, 1 << 20);
    assert_int_equal(o->window_bytes, 1 << 20);
    assert_int_equal(o->resume_ring_bytes, 1 << 20);
    assert_int_equal(o->retain_bytes, 1 << 20);
    assert_int_equal(o->retain_total_bytes, 256 << 20);
    assert_int_equal(o->max_sessions, 0);
    assert_int_equal(o->max_sessions_per_client, 0);
    assert_int_equal(o->max_tenures, 65536);
    assert_int_equal(o->max_observers, 32);
    assert_int_equal(o->max_observed, 256);
    assert_int_equal(o->observer_queue_bytes, 256 << 10);
    assert_int_equal(o->max_message_bytes, 64 << 20);
    assert_int_equal(o->ping_interval_ms, 30000);
    assert_int_equal(o->send_timeout_ms, 60000);
}

static void test_options_takes_each(void **state)
{
    (void)state;
    struct parsed p = parse(
        "--listen", "stdio://", "--listen=unix:///tmp/x", "--listen", "ws://[::1]:9",
        "--ws-token-file=/t", "--allow-host", "build.example", "--allow-host=b",
        "--allow-any-local-user", "--no-metrics", "--log-level", "debug", "--log-json",
        "--workers=3", "--helpers=9", "--shutdown-grace=0", "--drain-quiet=1ms", "--drain-max=2m",
        "--stdin-queue=4096", "--window=64KiB", "--resume-ring=65536", "--retain=0",
        "--retain-total=2GiB", "--max-sessions=17", "--max-sessions-per-client=18",
        "--max-tenures=1", "--max-observers=0", "--max-observed=7", "--observer-queue=4KiB",
        "--max-message=1MiB", "--ping-interval=1h", "--send-timeout=5s");
    const struct run_options *o = &p.options;
    assert_string_equal(p.why.text, "");
    assert_int_equal(p.result, RUN_OPTIONS_RUN);
    assert_int_equal(o->listen_count, 3);
    assert_int_equal(o->listen[0].kind, RUN_LISTEN_STDIO);
    assert_string_equal(o->listen[1].path, "/tmp/x");
    assert_int_equal(o->listen[2].port, 9);
    assert_string_equal(o->ws_token_file, "/t");
    assert_int_equal(o->allow_host_count, 2);
    assert_string_equal(o->allow_host[0], "build.example");
    assert_true(o->allow_any_local_user && o->log_json && o->no_metrics);
    assert_int_equal(o->log_level, RUN_LOG_DEBUG);
    assert_int_equal(o->workers, 3);
    assert_int_equal(o->helpers, 9);
    assert_int_equal(o->shutdown_grace_ms, 0);
    assert_int_equal(o->drain_quiet_ms, 1);
    assert_int_equal(o->drain_max_ms, 120000);
    assert_int_equal(o->stdin_queue_bytes, 4096);
    assert_int_equal(o->window_bytes, 65536);
    assert_int_equal(o->resume_ring_bytes, 65536);
    assert_int_equal(o->retain_bytes, 0);
    assert_true(o->retain_total_bytes == 2ULL << 30);
    assert_int_equal(o->max_sessions, 17);
    assert_int_equal(o->max_sessions_per_client, 18);
    assert_int_equal(o->max_tenures, 1);
    assert_int_equal(o->max_observers, 0);
    assert_int_equal(o->max_observed, 7);
    assert_int_equal(o->observer_queue_bytes, 4096);
    assert_int_equal(o->max_message_bytes, 1 << 20);
    assert_int_equal(o->ping_interval_ms, 3600000);
    assert_int_equal(o->send_timeout_ms, 5000);
}

static void test_options_digest(void **state)
{
    (void)state;
    struct parsed p = parse("--ws-token-sha256", DIGEST);
    assert_int_equal(p.result, RUN_OPTIONS_RUN);
    assert_true(p.options.ws_token_digest_given);
    for (int i = 0; i < RUN_SHA256_BYTES; i++)
        assert_int_equal(p.options.ws_token_sha256[i], (i % 16) * 0x11);
    static const char *const bad[] = {
        "", "abc", DIGEST "0", "0x112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        "g0112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        p = parse("--ws-token-sha256", bad[i]);
        assert_int_equal(p.result, RUN_OPTIONS_BAD);
        assert_non_null(strstr(p.why.text, "--ws-token-sha256: the value is not a SHA-256 digest"));
        if (bad[i][0])
            assert_null(strstr(p.why.text, bad[i]));
    }
}

static void test_options_help_and_version(void **state)
{
    (void)state;
    assert_int_equal(parse("--help").result, RUN_OPTIONS_HELP);
    assert_int_equal(parse("--version", "--listen", "nonsense").result, RUN_OPTIONS_VERSION);
}

static void test_options_refuses_syntax(void **state)
{
    (void)state;
    assert_bad(parse("--nonsense"),
               "unknown or ambiguous option `--nonsense`; see `execport-runner --help`");
    assert_bad(parse("--drain"),
               "unknown or ambiguous option `--drain`; see `execport-runner --help`");
    assert_bad(parse("-x"), "unknown option `-x`; see `execport-runner --help`");
    assert_bad(parse("--workers"), "--workers: needs a value; see `execport-runner --help`");
    assert_bad(parse("--log-json=1"), "--log-json: takes no value; see `execport-runner --help`");
    assert_bad(parse("serve"), "unexpected argument `serve`; see `execport-runner --help`");
    assert_bad(parse("--log-json", "--", "--log-json"),
               "unexpected argument `--log-json`; see `execport-runner --help`");
}

static void test_options_refuses_values(void **state)
{
    (void)state;
    assert_bad(parse("--workers=x"),
               "--workers: `x` is not a number; write a plain decimal number");
    assert_bad(parse("--drain-max=5"),
               "--drain-max: `5` lacks a unit; write a duration like 200ms, 5s, 2m or 1h");
    assert_bad(parse("--window=1KB"),
               "--window: `1KB` is not a size; write one like 65536, 64KiB, 1MiB or 2GiB");
    assert_bad(parse("--window=1KiB"), "--window: `1KiB` is too small; give 64KiB to 1GiB (one "
                                       "chunk of 64KiB must fit)");
    assert_bad(parse("--helpers=65"),
               "--helpers: `65` is too large; give 1 to 64 (one hung call occupies one helper)");
    assert_bad(parse("--log-level=loud"),
               "--log-level: `loud` is not a level; write error, warn, info or debug");
    assert_bad(parse("--allow-host=a:80"),
               "--allow-host: `a:80` is not a host name; write the name "
               "alone, without scheme, port or path");
    assert_bad(parse("--ws-token-file="), "--ws-token-file: `` is empty; give the path of a file");
    assert_bad(parse("--listen=ftp://x"),
               "unsupported --listen URL `ftp://x`; expected `stdio://` or `ws://IP:PORT` or "
               "`unix://PATH`");
}

static void test_options_bounds_hold_for_each_number(void **state)
{
    (void)state;
    for (size_t i = 0; i < RUN_OPTION_ROWS; i++) {
        const struct run_option_row *row = &run_option_table[i];
        char text[128];
        if (!run_option_has_bounds(row->kind))
            continue;
        const char *unit = row->kind == RUN_OPTION_DURATION ? "ms" : "";
        assert_true(row->min <= row->standard && row->standard <= row->max);
        assert_non_null(row->bounds);
        (void)snprintf(text, sizeof text, "--%s=%llu%s", row->name, (unsigned long long)row->max,
                       unit);
        struct parsed p = parse(text, "--retain-total=1024GiB");
        assert_string_equal(p.why.text, "");
        (void)snprintf(text, sizeof text, "--%s=%llu%s", row->name,
                       (unsigned long long)row->max + 1, unit);
        p = parse(text);
        assert_int_equal(p.result, RUN_OPTIONS_BAD);
        assert_non_null(strstr(p.why.text, "too large"));
        if (row->min == 0)
            continue;
        (void)snprintf(text, sizeof text, "--%s=%llu%s", row->name,
                       (unsigned long long)row->min - 1, unit);
        p = parse(text);
        assert_int_equal(p.result, RUN_OPTIONS_BAD);
        assert_non_null(strstr(p.why.text, "too small"));
    }
}

static void test_options_refuses_off_loopback_without_token(void **state)
{
    (void)state;
    static const char *const urls[] = {"ws://0.0.0.0:80", "ws://[::]:80", "ws://10.0.0.1:80"};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        struct parsed p = parse("--listen", "ws://127.0.0.1:0", "--listen", urls[i]);
        assert_int_equal(p.result, RUN_OPTIONS_BAD);
        assert_non_null(strstr(p.why.text, urls[i]));
        assert_non_null(strstr(p.why.text, "add --ws-token-file PATH"));
        assert_int_equal(parse("--listen", urls[i], "--ws-token-file=/t").result, RUN_OPTIONS_RUN);
        assert_int_equal(parse("--listen", urls[i], "--ws-token-sha256", DIGEST).result,
                         RUN_OPTIONS_RUN);
    }
}

static void test_options_refuses_contradictions(void **state)
{
    (void)state;
    assert_bad(parse("--ws-token-file=/t", "--ws-token-sha256", DIGEST),
               "--ws-token-file and --ws-token-sha256 exclude each other; give one");
    assert_bad(parse("--listen=stdio://", "--listen=stdio://"),
               "--listen: `stdio://` is given twice; there is one standard input");
    assert_bad(parse("--retain=1GiB"),
               "--retain: 1GiB for one session is more than --retain-total allows for all "
               "(256MiB); raise --retain-total or lower --retain");
}

static void test_options_lists_have_limits(void **state)
{
    (void)state;
    const char *args[ARGS_MAX];
    size_t count = 0;
    while (count < RUN_LISTEN_MAX)
        args[count++] = "--listen=ws://127.0.0.1:0";
    args[count] = NULL;
    struct parsed p = parse_list(args);
    assert_int_equal(p.options.listen_count, RUN_LISTEN_MAX);
    args[count++] = "--listen=ws://127.0.0.1:0";
    args[count] = NULL;
    assert_bad(parse_list(args), "--listen: `ws://127.0.0.1:0` is one too many; at most 16 "
                                 "listeners can be given");
    for (count = 0; count < RUN_ALLOW_HOST_MAX;)
        args[count++] = "--allow-host=a";
    args[count] = NULL;
    assert_int_equal(parse_list(args).result, RUN_OPTIONS_RUN);
    args[count++] = "--allow-host=b";
    args[count] = NULL;
    assert_bad(parse_list(args),
               "--allow-host: `b` is one too many; at most 64 names can be given");
}

static void test_options_host_names(void **state)
{
    (void)state;
    char name[RUN_HOST_NAME_MAX + 2];
    memset(name, 'a', sizeof name);
    name[RUN_HOST_NAME_MAX] = '\0';
    assert_null(run_value_host_name(name));
    name[RUN_HOST_NAME_MAX] = 'a';
    name[RUN_HOST_NAME_MAX + 1] = '\0';
    assert_non_null(run_value_host_name(name));
    assert_non_null(run_value_host_name(""));
    assert_non_null(run_value_host_name("http://a"));
    assert_non_null(run_value_host_name("a b"));
    assert_non_null(run_value_host_name("*"));
    assert_null(run_value_host_name("a_b-c.D9"));
}

struct number_case {
    const char *text;
    bool taken;
    uint64_t value;
};

static void test_options_durations(void **state)
{
    (void)state;
    static const struct number_case cases[] = {
        {"0", true, 0},
        {"0s", true, 0},
        {"1ms", true, 1},
        {"1s", true, 1000},
        {"2m", true, 120000},
        {"1h", true, 3600000},
        {"007s", true, 7000},
        {"", false, 0},
        {"s", false, 0},
        {"1", false, 0},
        {"1 s", false, 0},
        {" 1s", false, 0},
        {"1s ", false, 0},
        {"-1s", false, 0},
        {"+1s", false, 0},
        {"1.5s", false, 0},
        {"1S", false, 0},
        {"1d", false, 0},
        {"1sec", false, 0},
        {"0x1s", false, 0},
        {"18446744073709551615ms", true, UINT64_MAX},
        {"18446744073709551616ms", false, 0},
        {"18446744073709551615s", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t value = 99;
        const char *wrong = run_value_duration(cases[i].text, &value);
        if (!wrong != cases[i].taken || value != (cases[i].taken ? cases[i].value : 99))
            fail_msg("`%s`", cases[i].text);
    }
}

static void test_options_sizes(void **state)
{
    (void)state;
    static const struct number_case cases[] = {
        {"0", true, 0},
        {"4096", true, 4096},
        {"1KiB", true, 1024},
        {"3MiB", true, 3 << 20},
        {"2GiB", true, 2ULL << 30},
        {"", false, 0},
        {"KiB", false, 0},
        {"1K", false, 0},
        {"1kib", false, 0},
        {"1 MiB", false, 0},
        {"1MB", false, 0},
        {"-1", false, 0},
        {"1.5MiB", false, 0},
        {"17179869184GiB", false, 0},
        {"17179869183GiB", true, 17179869183ULL << 30},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t value = 99;
        const char *wrong = run_value_size(cases[i].text, &value);
        if (!wrong != cases[i].taken || value != (cases[i].taken ? cases[i].value : 99))
            fail_msg("`%s`", cases[i].text);
    }
}

/* What is printed can be read again and gives the same number. */
static void test_options_values_print_as_they_are_read(void **state)
{
    (void)state;
    static const uint64_t values[] = {0,     1,     200,     1000,    1024,    1536,
                                      60000, 65536, 5400000, 3600000, 1 << 20, UINT64_MAX};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char text[RUN_VALUE_BYTES];
        uint64_t value = 0;
        assert_null(run_value_duration(run_value_format(values[i], RUN_UNIT_MS, text), &value));
        assert_true(value == values[i]);
        assert_null(run_value_size(run_value_format(values[i], RUN_UNIT_BYTES, text), &value));
        assert_true(value == values[i]);
        assert_null(run_value_count(run_value_format(values[i], RUN_UNIT_NONE, text), &value));
        assert_true(value == values[i]);
    }
}

static void test_options_help_names_all_and_fits_the_screen(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    assert_non_null(file);
    run_options_print_help(file);
    assert_int_equal(fclose(file), 0);
    for (size_t i = 0; i < RUN_OPTION_ROWS; i++) {
        char wanted[64];
        (void)snprintf(wanted, sizeof wanted, "\n  --%s%s%s\n", run_option_table[i].name,
                       run_option_table[i].value ? " " : "",
                       run_option_table[i].value ? run_option_table[i].value : "");
        assert_non_null(strstr(text, wanted));
    }
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") <= 80);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options_defaults),
        cmocka_unit_test(test_options_takes_each),
        cmocka_unit_test(test_options_digest),
        cmocka_unit_test(test_options_help_and_version),
        cmocka_unit_test(test_options_refuses_syntax),
        cmocka_unit_test(test_options_refuses_values),
        cmocka_unit_test(test_options_bounds_hold_for_each_number),
        cmocka_unit_test(test_options_refuses_off_loopback_without_token),
        cmocka_unit_test(test_options_refuses_contradictions),
        cmocka_unit_test(test_options_lists_have_limits),
        cmocka_unit_test(test_options_host_names),
        cmocka_unit_test(test_options_durations),
        cmocka_unit_test(test_options_sizes),
        cmocka_unit_test(test_options_values_print_as_they_are_read),
        cmocka_unit_test(test_options_help_names_all_and_fits_the_screen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
