/*
 * Collecting figures, and the JSON lines.
 */
#include "tools/load/report.h"

#include "tools/load/base.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 64 };

void load_report_init(struct load_report *report, FILE *out, enum load_report_style style)
{
    memset(report, 0, sizeof *report);
    report->out = out;
    report->style = style;
}

void load_report_deinit(struct load_report *report)
{
    free(report->figures);
    memset(report, 0, sizeof *report);
}

void load_report_begin(struct load_report *report, const char *server, const char *scenario,
                       const char *case_title, const char *case_json)
{
    report->server = server;
    report->scenario = scenario;
    report->case_start = report->count;
    snprintf(report->title, sizeof report->title, "%s%s%s", scenario,
             case_title[0] == '\0' ? "" : " ", case_title);
    snprintf(report->case_json, sizeof report->case_json, "%s", case_json);
}

void load_report_add(struct load_report *report, const char *name, const char *label, double value)
{
    struct load_figure *figure;

    if (report->count == report->capacity) {
        report->capacity = report->capacity == 0 ? FIRST_CAPACITY : report->capacity * 2;
        report->figures = load_realloc(report->figures, report->capacity * sizeof *report->figures);
    }
    figure = &report->figures[report->count++];
    *figure = (struct load_figure){
        .server = report->server, .name = name, .label = label, .value = value};
    memcpy(figure->title, report->title, sizeof figure->title);
}

void load_report_add_faults(struct load_report *report, const struct load_faults *faults)
{
    for (int kind = 0; kind < LOAD_FAULT_KINDS; kind++) {
        bool is_turn = kind == LOAD_FAULT_OUT_OF_TURN && faults->counts[kind] > 0;

        load_report_add(report, load_fault_name((enum load_fault)kind),
                        is_turn ? "events out of turn" : NULL, (double)faults->counts[kind]);
    }
    load_report_add(report, "faults", "faults", (double)load_faults_total(faults));
}

static void put_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        unsigned char character = (unsigned char)*text;

        if (character == '"' || character == '\\')
            fprintf(out, "\\%c", character);
        else if (character < 0x20)
            fprintf(out, "\\u%04x", character);
        else
            fputc(character, out);
    }
    fputc('"', out);
}

/* Whole numbers as such, others with six significant digits. */
static void put_value(FILE *out, double value)
{
    if (value == (double)(int64_t)value)
        fprintf(out, "%" PRId64, (int64_t)value);
    else
        fprintf(out, "%.6g", value);
}

void load_report_end(struct load_report *report)
{
    if (report->style != LOAD_REPORT_JSON)
        return;
    fputs("{\"server\":", report->out);
    put_string(report->out, report->server);
    fputs(",\"scenario\":", report->out);
    put_string(report->out, report->scenario);
    if (report->case_json[0] != '\0')
        fprintf(report->out, ",%s", report->case_json);
    for (size_t i = report->case_start; i < report->count; i++) {
        fprintf(report->out, ",\"%s\":", report->figures[i].name);
        put_value(report->out, report->figures[i].value);
    }
    fputs("}\n", report->out);
    fflush(report->out);
}
