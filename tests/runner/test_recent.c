/*
 * Names that were used lately: found, forgotten, expired, and the limit.
 */
#include "runner/recent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* after the above */
#include <cmocka.h>

static uint64_t key_of(unsigned number)
{
    char name[16];
    int size = snprintf(name, sizeof(name), "%u", number);
    return run_recent_key(7, wire_span_of(name, (size_t)size));
}

static void test_key_depends_on_seed_and_name(void **state)
{
    (void)state;
    struct wire_span name = wire_span_text("name");
    assert_int_equal(run_recent_key(1, name), run_recent_key(1, name));
    assert_true(run_recent_key(1, name) != run_recent_key(2, name));
    assert_true(run_recent_key(1, name) != run_recent_key(1, wire_span_text("nam")));
    assert_true(run_recent_key(1, wire_span_of(NULL, 0)) != 0);
}

static void test_added_is_found_until_it_is_forgotten(void **state)
{
    struct run_recent recent;
    (void)state;
    run_recent_init(&recent);
    assert_false(run_recent_has(&recent, key_of(1), 0));
    run_recent_add(&recent, key_of(1), 0);
    run_recent_add(&recent, key_of(2), 0);
    assert_true(run_recent_has(&recent, key_of(1), 0));
    run_recent_forget(&recent, key_of(1));
    run_recent_forget(&recent, key_of(3));
    assert_false(run_recent_has(&recent, key_of(1), 0));
    assert_true(run_recent_has(&recent, key_of(2), 0));
    run_recent_deinit(&recent);
}

static void test_what_is_too_old_is_not_found(void **state)
{
    struct run_recent recent;
    (void)state;
    run_recent_init(&recent);
    run_recent_add(&recent, key_of(1), 100);
    assert_true(run_recent_has(&recent, key_of(1), 100));
    assert_false(run_recent_has(&recent, key_of(1), 101));
    run_recent_deinit(&recent);
}

static void test_the_oldest_gives_way_at_the_limit(void **state)
{
    enum { MORE = 10 };
    struct run_recent recent;
    (void)state;
    run_recent_init(&recent);
    for (unsigned i = 0; i < RUN_RECENT_MAX + MORE; i++)
        run_recent_add(&recent, key_of(i), i);
    for (unsigned i = 0; i < RUN_RECENT_MAX + MORE; i++)
        assert_int_equal(run_recent_has(&recent, key_of(i), 0), i >= MORE);
    run_recent_deinit(&recent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key_depends_on_seed_and_name),
        cmocka_unit_test(test_added_is_found_until_it_is_forgotten),
        cmocka_unit_test(test_what_is_too_old_is_not_found),
        cmocka_unit_test(test_the_oldest_gives_way_at_the_limit),
    };
    return cmocka_run_group_tests_name("runner/recent", tests, NULL, NULL);
}
