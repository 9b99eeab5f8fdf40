/*
 * The byte queue, the id map and the samples, each against a plain model.
 */
#include "tests/load/support.h"

#include "tools/load/base.h"
#include "tools/load/buffer.h"
#include "tools/load/idmap.h"
#include "tools/load/stats.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { STEPS = 20000, IDS = 500 };

static uint64_t start_random(void)
{
    uint64_t seed = load_random_seed();

    print_message("seed %" PRIu64 "\n", seed);
    return seed;
}

static void test_buffer_is_a_queue(void **state)
{
    struct load_buffer buffer = {0};
    uint64_t random = start_random();
    uint64_t written = 0;
    uint64_t read = 0;

    (void)state;
    for (int step = 0; step < STEPS; step++) {
        size_t count = load_random_next(&random) % 600;

        if (load_random_next(&random) % 2 == 0) {
            unsigned char *room = load_buffer_reserve(&buffer, count);

            for (size_t i = 0; i < count; i++)
                room[i] = (unsigned char)(written++ * 31);
            load_buffer_commit(&buffer, count);
        } else {
            count = count < load_buffer_size(&buffer) ? count : load_buffer_size(&buffer);
            for (size_t i = 0; i < count; i++)
                assert_int_equal(load_buffer_bytes(&buffer)[i], (unsigned char)(read++ * 31));
            load_buffer_consume(&buffer, count);
        }
        assert_int_equal(load_buffer_size(&buffer), written - read);
    }
    load_buffer_deinit(&buffer);
}

static void test_buffer_texts(void **state)
{
    struct load_buffer buffer = {0};

    (void)state;
    assert_string_equal(load_buffer_string(&buffer), "");
    load_buffer_text(&buffer, "one ");
    load_buffer_format(&buffer, "%d %s", 2, "three");
    load_buffer_append(&buffer, NULL, 0);
    assert_string_equal(load_buffer_string(&buffer), "one 2 three");
    load_buffer_clear(&buffer);
    assert_int_equal(load_buffer_size(&buffer), 0);
    load_buffer_deinit(&buffer);
}

static void test_idmap_agrees_with_an_array(void **state)
{
    struct load_idmap map = {0};
    char ids[IDS][16];
    bool is_in[IDS] = {false};
    uint64_t random = start_random();
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < IDS; i++)
        snprintf(ids[i], sizeof ids[i], "session-%zu", i);
    for (int step = 0; step < STEPS; step++) {
        size_t i = load_random_next(&random) % IDS;
        void *found = load_idmap_get(&map, ids[i], strlen(ids[i]));

        assert_ptr_equal(found, is_in[i] ? ids[i] : NULL);
        if (is_in[i])
            load_idmap_remove(&map, ids[i], strlen(ids[i]));
        else
            load_idmap_put(&map, ids[i], strlen(ids[i]), ids[i]);
        is_in[i] = !is_in[i];
        count = is_in[i] ? count + 1 : count - 1;
        assert_int_equal(map.count, count);
    }
    load_idmap_remove(&map, "nobody", 6);
    assert_int_equal(map.count, count);
    load_idmap_deinit(&map);
}

static void test_stats_percentiles_by_nearest_rank(void **state)
{
    struct load_stats stats = {0};

    (void)state;
    assert_int_equal(load_stats_percentile(&stats, 500), 0);
    for (uint64_t i = 100; i >= 1; i--)
        load_stats_add(&stats, i * 10);
    assert_int_equal(load_stats_percentile(&stats, 500), 500);
    assert_int_equal(load_stats_percentile(&stats, 990), 990);
    assert_int_equal(load_stats_percentile(&stats, 1000), 1000);
    assert_int_equal(load_stats_percentile(&stats, 0), 10);
    load_stats_clear(&stats);
    load_stats_add(&stats, 7);
    assert_int_equal(load_stats_percentile(&stats, 1), 7);
    assert_int_equal(load_stats_percentile(&stats, 999), 7);
    load_stats_deinit(&stats);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buffer_is_a_queue),
        cmocka_unit_test(test_buffer_texts),
        cmocka_unit_test(test_idmap_agrees_with_an_array),
        cmocka_unit_test(test_stats_percentiles_by_nearest_rank),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
