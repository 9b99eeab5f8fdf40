/* Listener URLs and IP addresses: what is taken, what is refused, with the texts that clients
 * compare letter by letter.
 */
#include "runner/listen_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct run_listen_url parse(const char *text)
{
    struct run_listen_url url;
    struct run_why why = {""};
    if (run_listen_url_parse(text, &url, &why) != 0)
        fail_msg("%s", why.text);
    return url;
}

static void assert_refused(const char *text, const char *wanted)
{
    struct run_listen_url url;
    struct run_why why;
    assert_int_equal(run_listen_url_parse(text, &url, &why), -1);
    assert_string_equal(why.text, wanted);
}

static void test_listen_url_takes_stdio(void **state)
{
    (void)state;
    assert_int_equal(parse("stdio://").kind, RUN_LISTEN_STDIO);
}

static void test_listen_url_takes_ws_with_literal_ip(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "ws://127.0.0.1:0",       "ws://0.0.0.0:65535", "ws://255.255.255.255:1",
        "ws://[::1]:8080",        "ws://[::]:0",        "ws://[2001:db8::8:800:200c:417a]:80",
        "ws://[::ffff:1.2.3.4]:5"};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        char text[RUN_LISTEN_URL_BYTES];
        struct run_listen_url url = parse(urls[i]);
        assert_int_equal(url.kind, RUN_LISTEN_WS);
        assert_int_equal(run_listen_url_format(&url, url.port, text), strlen(urls[i]));
        assert_string_equal(text, urls[i]);
    }
}

static void test_listen_url_prints_the_bound_port(void **state)
{
    (void)state;
    char text[RUN_LISTEN_URL_BYTES];
    struct run_listen_url url = parse("ws://[0:0:0:0:0:0:0:1]:0");
    run_listen_url_format(&url, 65535, text);
    assert_string_equal(text, "ws://[::1]:65535");
}

static void test_listen_url_refuses_other_ws_with_the_exact_text(void **state)
{
    (void)state;
    static const char *const urls[] = {"ws://",
                                       "ws://127.0.0.1",
                                       "ws://127.0.0.1:",
                                       "ws://localhost:80",
                                       "ws://127.0.0.1:80/",
                                       "ws://127.0.0.1:65536",
                                       "ws://127.0.0.1:-1",
                                       "ws://127.0.0.1:+1",
                                       "ws://127.0.0.1:000080",
                                       "ws://127.0.0.01:80",
                                       "ws://127.1:80",
                                       "ws://256.0.0.1:80",
                                       "ws://::1:80",
                                       "ws://[::1]",
                                       "ws://[::1]80",
                                       "ws://[::1:80",
                                       "ws://[127.0.0.1]:80",
                                       "ws://[::1%lo]:80",
                                       "ws://[]:80",
                                       "ws://:80",
                                       "ws:// 127.0.0.1:80",
                                       "ws://127.0.0.1:80 ",
                                       "ws://1.2.3.4.5:80",
                                       "ws://user@127.0.0.1:80"};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        char wanted[256];
        (void)snprintf(wanted, sizeof wanted,
                       "invalid websocket --listen URL `%s`; expected `ws://IP:PORT`", urls[i]);
        assert_refused(urls[i], wanted);
    }
}

static void test_listen_url_refuses_other_schemes_with_the_exact_text(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "",         "stdio",        "stdio:", "stdio://x", "wss://[::1]:1", "WS://127.0.0.1:1",
        "http://x", "127.0.0.1:80", "unix:/x"};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        char wanted[256];
        (void)snprintf(wanted, sizeof wanted,
                       "unsupported --listen URL `%s`; expected `stdio://` or `ws://IP:PORT` or "
                       "`unix://PATH`",
                       urls[i]);
        assert_refused(urls[i], wanted);
    }
}

static void test_listen_url_takes_unix_paths_that_fit(void **state)
{
    (void)state;
    char text[256] = "unix:///";
    memset(text + strlen("unix:///"), 'p', RUN_UNIX_PATH_MAX - 1);
    text[strlen("unix://") + RUN_UNIX_PATH_MAX] = '\0';
    struct run_listen_url url = parse(text);
    char printed[RUN_LISTEN_URL_BYTES];
    assert_int_equal(url.kind, RUN_LISTEN_UNIX);
    assert_string_equal(url.path, text + strlen("unix://"));
    run_listen_url_format(&url, 0, printed);
    assert_string_equal(printed, text);
}

static void test_listen_url_refuses_a_unix_path_that_is_too_long(void **state)
{
    (void)state;
    struct run_listen_url url;
    struct run_why why;
    char text[256] = "unix:///";
    memset(text + strlen("unix:///"), 'p', RUN_UNIX_PATH_MAX);
    text[strlen("unix://") + RUN_UNIX_PATH_MAX + 1] = '\0';
    assert_int_equal(run_listen_url_parse(text, &url, &why), -1);
    assert_non_null(strstr(why.text, "108 bytes"));
    assert_non_null(strstr(why.text, "at most 107"));
}

static void test_listen_url_refuses_unix_paths_that_are_none(void **state)
{
    (void)state;
    static const char *const urls[] = {"unix://", "unix://x", "unix://./x", "unix:///",
                                       "unix:///tmp/"};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        struct run_listen_url url;
        struct run_why why;
        assert_int_equal(run_listen_url_parse(urls[i], &url, &why), -1);
        assert_non_null(strstr(why.text, "invalid unix --listen URL"));
    }
}

static void test_listen_url_knows_what_is_local(void **state)
{
    (void)state;
    static const char *const local[] = {"stdio://", "unix:///x", "ws://127.9.9.9:1", "ws://[::1]:1",
                                        "ws://[::ffff:127.0.0.1]:1"};
    static const char *const remote[] = {"ws://0.0.0.0:1",           "ws://[::]:1",
                                         "ws://128.0.0.1:1",         "ws://[::2]:1",
                                         "ws://[::ffff:10.0.0.1]:1", "ws://[::127.0.0.1]:1"};
    for (size_t i = 0; i < sizeof local / sizeof *local; i++) {
        struct run_listen_url url = parse(local[i]);
        assert_true(run_listen_url_is_local(&url));
    }
    for (size_t i = 0; i < sizeof remote / sizeof *remote; i++) {
        struct run_listen_url url = parse(remote[i]);
        assert_false(run_listen_url_is_local(&url));
    }
}

struct ip_case {
    const char *text;
    const char *printed; /* NULL: refused */
};

static void test_listen_ip_v6_forms(void **state)
{
    (void)state;
    static const struct ip_case cases[] = {
        {"::", "::"},
        {"1::", "1::"},
        {"::8", "::8"},
        {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
        {"1:0:0:4:5:0:0:8", "1::4:5:0:0:8"},
        {"1:0:0:4:0:0:0:8", "1:0:0:4::8"},
        {"1:2:3:0:5:6:7:8", "1:2:3:0:5:6:7:8"},
        {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
        {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
        {"ABCD:Ef::", "abcd:ef::"},
        {"::ffff:1.2.3.4", "::ffff:1.2.3.4"},
        {"::1.2.3.4", "::102:304"},
        {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"", NULL},
        {":", NULL},
        {":::", NULL},
        {"1:", NULL},
        {":1", NULL},
        {"1", NULL},
        {"1.2.3.4", NULL},
        {"1::2::3", NULL},
        {"1:2:3:4:5:6:7", NULL},
        {"1:2:3:4:5:6:7:8:9", NULL},
        {"1:2:3:4:5:6:7:8::", NULL},
        {"::1:2:3:4:5:6:7:8", NULL},
        {"1:2:3:4::5:6:7:8", NULL},
        {"12345::", NULL},
        {"g::", NULL},
        {"::1%1", NULL},
        {"::1.2.3", NULL},
        {"::1.2.3.4:5", NULL},
        {"1:2:3:4:5:6:7:1.2.3.4", NULL},
        {"::1 ", NULL},
        {"[::1]", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct run_ip ip;
        char text[RUN_IP_TEXT_BYTES];
        int result = run_ip_parse_v6(cases[i].text, strlen(cases[i].text), &ip);
        if (result != (cases[i].printed ? 0 : -1))
            fail_msg("`%s`", cases[i].text);
        if (result != 0)
            continue;
        assert_int_equal(run_ip_format(&ip, text), strlen(cases[i].printed));
        assert_string_equal(text, cases[i].printed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listen_url_takes_stdio),
        cmocka_unit_test(test_listen_url_takes_ws_with_literal_ip),
        cmocka_unit_test(test_listen_url_prints_the_bound_port),
        cmocka_unit_test(test_listen_url_refuses_other_ws_with_the_exact_text),
        cmocka_unit_test(test_listen_url_refuses_other_schemes_with_the_exact_text),
        cmocka_unit_test(test_listen_url_takes_unix_paths_that_fit),
        cmocka_unit_test(test_listen_url_refuses_a_unix_path_that_is_too_long),
        cmocka_unit_test(test_listen_url_refuses_unix_paths_that_are_none),
        cmocka_unit_test(test_listen_url_knows_what_is_local),
        cmocka_unit_test(test_listen_ip_v6_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
