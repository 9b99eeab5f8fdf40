/*
 * The table of metrics: one row a family, with its name, type, help, labels and where its numbers
 * stand in a view. metrics_text.c writes by it; docs/metrics.md has the same names (a test compares
 * them). Every name and every value of a label is there from the start. Constant data.
 */
#ifndef RUN_METRICS_TABLE_H
#define RUN_METRICS_TABLE_H

#include <stddef.h>

enum run_metric_type { RUN_METRIC_COUNTER, RUN_METRIC_GAUGE, RUN_METRIC_HISTOGRAM };

struct run_metric_row {
    const char *name; /* behind "execport_" */
    enum run_metric_type type;
    unsigned decimals; /* of the numbers: 3 where they are milliseconds, shown as seconds */
    const char *help;
    const char *const *labels; /* of each sample, as it stands between the braces; NULL: one sample
                                  without */
    size_t count;              /* samples */
    size_t offset;             /* in struct run_metrics_view: of count numbers in a row, or of one
                                  struct run_times_view */
};

/* All rows, in the order of the text. */
extern const struct run_metric_row run_metric_table[];
extern const size_t run_metric_rows;

#endif
