/*
 * Names that were used lately: found, forgotten, and the limit; at random beside a plain list.
 */
#include "runner/recent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
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
    assert_false(run_recent_has(&recent, key_of(1)));
    run_recent_add(&recent, key_of(1));
    run_recent_add(&recent, key_of(2));
    assert_true(run_recent_has(&recent, key_of(1)));
    run_recent_forget(&recent, key_of(1));
    run_recent_forget(&recent, key_of(3));
    assert_false(run_recent_has(&recent, key_of(1)));
    assert_true(run_recent_has(&recent, key_of(2)));
    run_recent_deinit(&recent);
}

static void test_the_oldest_gives_way_at_the_limit(void **state)
{
    enum { MORE = 10 };
    struct run_recent recent;
    (void)state;
    run_recent_init(&recent);
    for (unsigned i = 0; i < RUN_RECENT_MAX + MORE; i++)
        run_recent_add(&recent, key_of(i));
    for (unsigned i = 0; i < RUN_RECENT_MAX + MORE; i++)
        assert_int_equal(run_recent_has(&recent, key_of(i)), i >= MORE);
    run_recent_deinit(&recent);
}

/* A plain list of what was added and not forgotten, the oldest first, to compare with. */
struct model {
    unsigned numbers[RUN_RECENT_MAX + 1]; /* FORGOTTEN ones take a place, too */
    unsigned count;
};

#define FORGOTTEN UINT32_MAX

static unsigned model_find(const struct model *model, unsigned number)
{
    unsigned i = model->count;
    while (i > 0 && model->numbers[i - 1] != number)
        i--;
    return i; /* one more than the index of the newest; 0: none */
}

static void model_add(struct model *model, unsigned number)
{
    model->numbers[model->count++] = number;
    if (model->count > RUN_RECENT_MAX) {
        model->count--;
        memmove(model->numbers, model->numbers + 1, model->count * sizeof(model->numbers[0]));
    }
}

static uint32_t draw(uint64_t *seed, uint32_t below)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*seed >> 33) % below;
}

static void test_names_at_random(void **state)
{
    enum { STEPS = 12000, NAMES = 6000 };
    static struct model model;
    static uint64_t keys[NAMES];
    struct run_recent recent;
    uint64_t seed = (uint64_t)time(NULL), first_seed = seed;
    unsigned wrong = 0;
    (void)state;
    run_recent_init(&recent);
    for (unsigned i = 0; i < NAMES; i++)
        keys[i] = key_of(i);
    for (unsigned step = 0; step < STEPS && wrong == 0; step++) {
        unsigned number = draw(&seed, NAMES), found = model_find(&model, number);
        wrong += run_recent_has(&recent, keys[number]) != (found > 0);
        if (draw(&seed, 8) == 0) {
            run_recent_forget(&recent, keys[number]);
            if (found > 0)
                model.numbers[found - 1] = FORGOTTEN;
        } else {
            run_recent_add(&recent, keys[number]);
            model_add(&model, number);
        }
    }
    for (unsigned i = 0; i < NAMES; i++)
        wrong += run_recent_has(&recent, keys[i]) != (model_find(&model, i) > 0);
    run_recent_deinit(&recent);
    if (wrong > 0)
        fail_msg("with the seed %llu", (unsigned long long)first_seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key_depends_on_seed_and_name),
        cmocka_unit_test(test_added_is_found_until_it_is_forgotten),
        cmocka_unit_test(test_the_oldest_gives_way_at_the_limit),
        cmocka_unit_test(test_names_at_random),
    };
    return cmocka_run_group_tests_name("runner/recent", tests, NULL, NULL);
}
