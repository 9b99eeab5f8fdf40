/*
 * Results: figures by server, scenario and case. Each case can go out at once as a line of JSON; a
 * table of all, a column for each server, is printed at the end. Results go to standard output.
 */
#ifndef EXECPORT_TOOLS_LOAD_REPORT_H
#define EXECPORT_TOOLS_LOAD_REPORT_H

#include "tools/load/faults.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum load_report_style {
    LOAD_REPORT_TABLE,    /* for a terminal */
    LOAD_REPORT_MARKDOWN, /* a table for a document */
    LOAD_REPORT_JSON,     /* a line for each case, no table */
};

/* One figure of one case of one server. */
struct load_figure {
    const char *server; /* borrowed, as the names below */
    char title[48];     /* scenario and case: "throughput pipe, 16 sessions" */
    const char *name;   /* for JSON: "mb_per_s" */
    const char *label;  /* for tables: "MB/s"; NULL: not shown in tables */
    double value;
};

struct load_report {
    FILE *out;
    enum load_report_style style;
    struct load_figure *figures;
    size_t count;
    size_t capacity;
    size_t case_start; /* first figure of the case that is being reported */
    const char *server;
    const char *scenario;
    char title[48];
    char case_json[160]; /* members that name the case: "\"tty\":true,\"sessions\":16" */
};

/* An empty report that writes to out, borrowed. */
void load_report_init(struct load_report *report, FILE *out, enum load_report_style style);
void load_report_deinit(struct load_report *report);

/*
 * Begins a case. Borrows server and scenario for the report's life. case_title is for people, such
 * as "pipe, 16 sessions"; case_json is JSON members without braces that name it, may be empty.
 */
void load_report_begin(struct load_report *report, const char *server, const char *scenario,
                       const char *case_title, const char *case_json);

/* Adds a figure to the case; borrows name and label. A NULL label keeps it out of tables. */
void load_report_add(struct load_report *report, const char *name, const char *label, double value);

/* Adds the faults of the case, one figure for each kind in JSON and their sum in tables. */
void load_report_add_faults(struct load_report *report, const struct load_faults *faults);

/* Ends the case; in JSON style its line is written now. */
void load_report_end(struct load_report *report);

/* Writes the table of everything, unless the style is JSON. */
void load_report_print(const struct load_report *report);

/* Writes the value into text with as many digits as make sense: 0.53, 12.4, 1,637. */
void load_report_number(double value, char *text, size_t size_bytes);

#endif
