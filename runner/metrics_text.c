/*
 * The metrics as text: the exposition format 0.0.4 of Prometheus. Pure. What does not fit is
 * counted on, so that the caller learns the size; nothing depends on a locale.
 */
#include "runner/metrics.h"
#include "runner/metrics_table.h"

#include <assert.h>
#include <string.h>

struct sink {
    char *text;
    size_t capacity, size; /* size goes on beyond the capacity */
};

static void put(struct sink *sink, const char *bytes, size_t size)
{
    if (sink->size < sink->capacity) {
        size_t room = sink->capacity - sink->size;
        memcpy(sink->text + sink->size, bytes, size < room ? size : room);
    }
    sink->size += size;
}

static void put_text(struct sink *sink, const char *text)
{
    put(sink, text, strlen(text));
}

/* number / 10^decimals, without zeros at the end. */
static void put_number(struct sink *sink, uint64_t number, unsigned decimals)
{
    char digits[32];
    size_t at = sizeof(digits);
    bool begun = false;
    for (unsigned i = 0; i < decimals; i++) {
        unsigned digit = (unsigned)(number % 10);
        begun = begun || digit != 0;
        if (begun)
            digits[--at] = (char)('0' + digit);
        number /= 10;
    }
    if (begun)
        digits[--at] = '.';
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    put(sink, digits + at, sizeof(digits) - at);
}

static void put_value(struct sink *sink, uint64_t number, unsigned decimals)
{
    put_text(sink, " ");
    if (number == RUN_SELF_NO_LIMIT)
        put_text(sink, "+Inf");
    else if (number == RUN_SELF_UNKNOWN)
        put_text(sink, "NaN");
    else
        put_number(sink, number, decimals);
    put_text(sink, "\n");
}

static void put_name(struct sink *sink, const struct run_metric_row *row)
{
    put_text(sink, "execport_");
    put_text(sink, row->name);
}

static void put_head(struct sink *sink, const struct run_metric_row *row)
{
    static const char *const types[] = {[RUN_METRIC_COUNTER] = " counter\n",
                                        [RUN_METRIC_GAUGE] = " gauge\n",
                                        [RUN_METRIC_HISTOGRAM] = " histogram\n"};
    put_text(sink, "# HELP ");
    put_name(sink, row);
    put_text(sink, " ");
    put_text(sink, row->help);
    put_text(sink, "\n# TYPE ");
    put_name(sink, row);
    put_text(sink, types[row->type]);
}

static void put_samples(struct sink *sink, const struct run_metric_row *row,
                        const uint64_t *numbers)
{
    for (size_t i = 0; i < row->count; i++) {
        put_name(sink, row);
        if (row->labels != NULL) {
            put_text(sink, "{");
            put_text(sink, row->labels[i]);
            put_text(sink, "}");
        }
        put_value(sink, numbers[i], row->decimals);
    }
}

static void put_histogram(struct sink *sink, const struct run_metric_row *row,
                          const struct run_times_view *times)
{
    uint64_t count = 0;
    for (unsigned i = 0; i <= RUN_BUCKETS; i++) {
        count += times->buckets[i];
        put_name(sink, row);
        put_text(sink, "_bucket{le=\"");
        if (i < RUN_BUCKETS)
            put_number(sink, UINT64_C(1) << (RUN_BUCKET_FIRST_BITS + i), row->decimals);
        else
            put_text(sink, "+Inf");
        put_text(sink, "\"}");
        put_value(sink, count, 0);
    }
    put_name(sink, row);
    put_text(sink, "_sum");
    put_value(sink, times->sum_ns, row->decimals);
    put_name(sink, row);
    put_text(sink, "_count");
    put_value(sink, count, 0);
}

size_t run_metrics_write(const struct run_metrics_view *view, char *text, size_t capacity)
{
    struct sink sink = {.text = text, .capacity = capacity};
    for (size_t i = 0; i < run_metric_rows; i++) {
        const struct run_metric_row *row = &run_metric_table[i];
        const void *numbers = (const char *)view + row->offset;
        put_head(&sink, row);
        if (row->type == RUN_METRIC_HISTOGRAM)
            put_histogram(&sink, row, numbers);
        else
            put_samples(&sink, row, numbers);
    }
    return sink.size;
}
