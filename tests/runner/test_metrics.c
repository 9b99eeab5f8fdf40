/*
 * Metrics: buckets and their ends, parts of many threads, words, the table's names, the longest
 * text, a text that does not fit, the process's own numbers.
 */
#include "runner/metrics.h"
#include "runner/metrics_table.h"

#include <ctype.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the above */
#include <cmocka.h>

enum { THREADS = 4, ADDS = 20000, OPS = 8 };

static struct iocp_port *port;
static struct sess_host *host;
static struct run_metrics *metrics;

static int open_all(void **state)
{
    int os_error;
    (void)state;
    metrics = calloc(1, sizeof(*metrics));
    if (metrics == NULL || iocp_port_open(NULL, &port, &os_error) != 0 ||
        sess_host_open(port, NULL, &host, &os_error) != 0)
        return -1;
    run_metrics_init(metrics, port);
    return 0;
}

static void on_closed(void *context)
{
    iocp_port_stop(context);
}

static int close_all(void **state)
{
    (void)state;
    sess_host_close_start(host, on_closed, port);
    iocp_port_wait(port);
    iocp_port_close(port);
    free(metrics);
    return 0;
}

static struct run_metrics_view view(void)
{
    struct run_metrics_view all;
    run_metrics_view(metrics, host, NULL, &all);
    return all;
}

/* ---- Counting ---- */

static void test_metrics_bucket_ends_belong_to_their_bucket(void **state)
{
    (void)state;
    assert_int_equal(run_metrics_bucket(0), 0);
    for (unsigned i = 0; i < RUN_BUCKETS; i++) {
        uint64_t end_ns = UINT64_C(1) << (RUN_BUCKET_FIRST_BITS + i);
        assert_int_equal(run_metrics_bucket(end_ns), i);
        assert_int_equal(run_metrics_bucket(end_ns + 1), i + 1);
    }
    assert_int_equal(run_metrics_bucket(UINT64_MAX), RUN_BUCKETS);
}

static void count_some(void)
{
    for (unsigned i = 0; i < ADDS; i++) {
        run_metrics_add(metrics, RUN_COUNT_CLOSED, 2);
        run_metrics_queue(metrics, RUN_FRAME_OUTPUT, 10);
        run_metrics_observe(metrics, RUN_HISTOGRAM_START, 1000);
    }
}

static void *count_on_a_thread(void *argument)
{
    (void)argument;
    count_some();
    return NULL;
}

struct strand_work {
    struct iocp_strand strand;
    struct iocp_op work, end;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned ended;
} crowd = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0};

static void on_strand_end(struct iocp_op *op)
{
    (void)op;
    pthread_mutex_lock(&crowd.lock);
    crowd.ended++;
    pthread_cond_broadcast(&crowd.changed);
    pthread_mutex_unlock(&crowd.lock);
}

static void on_work(struct iocp_op *op)
{
    struct strand_work *work = IOCP_OWNER(op, struct strand_work, work);
    count_some();
    iocp_strand_end(&work->strand, &work->end, on_strand_end);
}

static void test_metrics_lose_nothing_of_many_threads(void **state)
{
    pthread_t threads[THREADS];
    struct strand_work works[OPS];
    struct run_metrics_view before = view();
    (void)state;
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_on_a_thread, NULL), 0);
    for (unsigned i = 0; i < OPS; i++) {
        iocp_strand_init(&works[i].strand, port);
        iocp_op_init(&works[i].work, &works[i].strand, on_work);
        iocp_post(&works[i].work);
    }
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    pthread_mutex_lock(&crowd.lock);
    while (crowd.ended < OPS)
        pthread_cond_wait(&crowd.changed, &crowd.lock);
    pthread_mutex_unlock(&crowd.lock);
    struct run_metrics_view after = view();
    uint64_t times = (uint64_t)(THREADS + OPS) * ADDS;
    assert_int_equal(after.counts[RUN_COUNT_CLOSED] - before.counts[RUN_COUNT_CLOSED], 2 * times);
    assert_int_equal(after.counts[RUN_COUNT_QUEUED_BYTES + RUN_FRAME_OUTPUT], 10 * times);
    assert_int_equal(after.counts[RUN_COUNT_QUEUED_FRAMES + RUN_FRAME_OUTPUT], times);
    assert_int_equal(after.counts[RUN_COUNT_QUEUED_FRAMES + RUN_FRAME_REPLY], 0);
    assert_int_equal(after.times[RUN_HISTOGRAM_START].buckets[0], times);
    assert_int_equal(after.times[RUN_HISTOGRAM_START].sum_ns, 1000 * times);
}

static void test_metrics_gauge_goes_down_elsewhere(void **state)
{
    (void)state;
    run_metrics_add(metrics, RUN_COUNT_WRITING, 1);
    assert_int_equal(view().counts[RUN_COUNT_WRITING], 1);
    iocp_tally_add(&metrics->parts[0].counts[RUN_COUNT_WRITING], 0, UINT64_MAX);
    assert_int_equal(view().counts[RUN_COUNT_WRITING], 0);
    iocp_tally_add(&metrics->parts[0].counts[RUN_COUNT_WRITING], 0, UINT64_MAX);
    assert_int_equal(view().counts[RUN_COUNT_WRITING], 0); /* never 2^64 - 1 */
    run_metrics_add(metrics, RUN_COUNT_WRITING, 1);
}

static void test_metrics_words(void **state)
{
    struct sess_shortage shortage = {.resource = "pseudoterminals"};
    (void)state;
    run_metrics_shortage(metrics, &shortage);
    shortage.resource = NULL;
    run_metrics_shortage(metrics, &shortage);
    shortage.resource = "sessions of this connection";
    run_metrics_shortage(metrics, &shortage);
    shortage.resource = "something new";
    run_metrics_shortage(metrics, &shortage);
    run_metrics_start(metrics, 0);
    run_metrics_start(metrics, SESS_E_CWD);
    run_metrics_start(metrics, SESS_E_TOO_LARGE);
    run_metrics_start(metrics, SESS_E_CLOSING);
    struct run_metrics_view all = view();
    const uint64_t *shortages = &all.counts[RUN_COUNT_NO_CAPACITY];
    const uint64_t *starts = &all.counts[RUN_COUNT_STARTS];
    assert_int_equal(shortages[RUN_RESOURCE_TTYS], 1);
    assert_int_equal(shortages[RUN_RESOURCE_MEMORY], 1);
    assert_int_equal(shortages[RUN_RESOURCE_CLIENT_SESSIONS], 1);
    assert_int_equal(shortages[RUN_RESOURCE_OTHER], 1);
    assert_int_equal(starts[RUN_START_OK], 1);
    assert_int_equal(starts[RUN_START_CWD], 1);
    assert_int_equal(starts[RUN_START_INVALID], 1);
    assert_int_equal(starts[RUN_START_OTHER], 1);
}

/* ---- The process ---- */

static void test_metrics_know_the_process(void **state)
{
    (void)state;
    struct run_metrics_view all = view();
    assert_true(all.self[RUN_SELF_RESIDENT_BYTES] > 100 * 1024);
    assert_true(all.self[RUN_SELF_RESIDENT_BYTES] < RUN_SELF_UNKNOWN);
    assert_true(all.self[RUN_SELF_DESCRIPTORS] > 2);
    assert_true(all.self[RUN_SELF_DESCRIPTORS] <= all.self[RUN_SELF_DESCRIPTOR_LIMIT]);
    assert_true(all.self[RUN_SELF_USER_US] < UINT64_C(3600) * 1000000);
    assert_true(all.self[RUN_SELF_READ_WALL_MS] >= all.started_wall_ms);
}

static void test_metrics_one_look_at_a_time(void **state)
{
    (void)state;
    assert_true(run_metrics_self_begin(metrics));
    assert_false(run_metrics_self_begin(metrics));
    run_metrics_self_done(metrics);
    assert_true(run_metrics_self_begin(metrics));
    run_metrics_self_done(metrics);
}

/* ---- The text ---- */

static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

static void test_metrics_table_is_well_formed(void **state)
{
    (void)state;
    for (size_t i = 0; i < run_metric_rows; i++) {
        const struct run_metric_row *row = &run_metric_table[i];
        size_t each = row->type == RUN_METRIC_HISTOGRAM ? sizeof(struct run_times_view)
                                                        : row->count * sizeof(uint64_t);
        for (const char *at = row->name; *at != '\0'; at++)
            assert_true(islower((unsigned char)*at) || *at == '_');
        assert_int_equal(row->type == RUN_METRIC_COUNTER, ends_with(row->name, "_total"));
        assert_true(strlen(row->help) > 0 && strchr(row->help, '\n') == NULL);
        assert_true(row->offset + each <= sizeof(struct run_metrics_view));
        assert_true(row->count > 0 && (row->labels != NULL || row->count == 1));
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(row->name, run_metric_table[j].name);
        for (size_t j = 0; row->labels != NULL && j < row->count; j++) {
            for (size_t k = 0; k < j; k++)
                assert_string_not_equal(row->labels[j], row->labels[k]);
        }
    }
}

/* Each number as long as it can be. */
static struct run_metrics_view longest(void)
{
    struct run_metrics_view all;
    uint64_t *numbers = (uint64_t *)(void *)&all;
    for (size_t i = 0; i < sizeof(all) / sizeof(*numbers); i++)
        numbers[i] = UINT64_MAX - 2; /* the two above are words */
    for (unsigned i = 0; i < RUN_HISTOGRAMS; i++)
        memset(all.times[i].buckets, 0, sizeof(all.times[i].buckets)); /* they are summed up */
    for (unsigned i = 0; i < RUN_HISTOGRAMS; i++)
        all.times[i].buckets[0] = UINT64_MAX - 2;
    return all;
}

static void test_metrics_longest_text_fits(void **state)
{
    static char text[RUN_METRICS_TEXT_BYTES];
    struct run_metrics_view all = longest();
    (void)state;
    size_t size = run_metrics_write(&all, text, sizeof(text));
    assert_true(size > 10000 && size <= sizeof(text));
    assert_int_equal(text[size - 1], '\n');
    text[size - 1] = '\0';
    assert_non_null(strstr(text, "\nexecport_connections_closed_total 18446744073709551613\n"));
    assert_non_null(strstr(text, "\nexecport_start_seconds_sum 18446744073.709551613\n"));
    assert_non_null(strstr(text, "{le=\"0.000016384\"} 18446744073709551613\n"));
    assert_non_null(strstr(text, "{le=\"17.179869184\"} 18446744073709551613\n"));
}

static void test_metrics_words_for_numbers(void **state)
{
    static char text[RUN_METRICS_TEXT_BYTES];
    struct run_metrics_view all = view();
    (void)state;
    all.self[RUN_SELF_RESIDENT_BYTES] = RUN_SELF_UNKNOWN;
    all.self[RUN_SELF_DESCRIPTOR_LIMIT] = RUN_SELF_NO_LIMIT;
    all.self[RUN_SELF_USER_US] = 1500000;
    all.self[RUN_SELF_SYSTEM_US] = 7;
    all.started_wall_ms = 2000;
    size_t size = run_metrics_write(&all, text, sizeof(text) - 1);
    text[size] = '\0';
    assert_non_null(strstr(text, "\nexecport_process_resident_memory_bytes NaN\n"));
    assert_non_null(strstr(text, "\nexecport_process_descriptor_limit +Inf\n"));
    assert_non_null(strstr(text, "\nexecport_process_cpu_seconds_total{mode=\"user\"} 1.5\n"));
    assert_non_null(strstr(text, "{mode=\"system\"} 0.000007\n"));
    assert_non_null(strstr(text, "\nexecport_start_time_seconds 2\n"));
}

static void test_metrics_text_is_cut_where_room_ends(void **state)
{
    static char whole[RUN_METRICS_TEXT_BYTES];
    struct run_metrics_view all = longest();
    size_t size = run_metrics_write(&all, whole, sizeof(whole));
    (void)state;
    for (size_t capacity = 0; capacity < size; capacity += 97) {
        char *part = malloc(capacity + 1);
        assert_non_null(part);
        part[capacity] = '#';
        assert_int_equal(run_metrics_write(&all, part, capacity), size);
        assert_memory_equal(part, whole, capacity);
        assert_int_equal(part[capacity], '#');
        free(part);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_metrics_bucket_ends_belong_to_their_bucket),
        cmocka_unit_test(test_metrics_lose_nothing_of_many_threads),
        cmocka_unit_test(test_metrics_gauge_goes_down_elsewhere),
        cmocka_unit_test(test_metrics_words),
        cmocka_unit_test(test_metrics_know_the_process),
        cmocka_unit_test(test_metrics_one_look_at_a_time),
        cmocka_unit_test(test_metrics_table_is_well_formed),
        cmocka_unit_test(test_metrics_longest_text_fits),
        cmocka_unit_test(test_metrics_words_for_numbers),
        cmocka_unit_test(test_metrics_text_is_cut_where_room_ends),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
