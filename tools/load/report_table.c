/*
 * The table: a row for each figure, a column for each server, in the order in which they came.
 */
#include "tools/load/report.h"

#include <stdbool.h>
#include <string.h>

enum { SERVERS_LIMIT = 12, LABEL_WIDTH = 30, COLUMN_WIDTH = 14 };

struct columns {
    const char *names[SERVERS_LIMIT];
    size_t count;
};

/* Puts a comma between the thousands of a text of digits. */
static void group_thousands(const char *digits, char *text, size_t size_bytes)
{
    size_t length = strlen(digits);
    size_t used = 0;

    for (size_t i = 0; i < length && used + 2 < size_bytes; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            text[used++] = ',';
        text[used++] = digits[i];
    }
    text[used] = '\0';
}

void load_report_number(double value, char *text, size_t size_bytes)
{
    double size = value < 0 ? -value : value;
    char digits[40];

    if (value < 0 || size < 99.95) {
        int decimals = size == (double)(int)size ? 0 : size < 9.995 ? 2 : 1;

        snprintf(text, size_bytes, "%.*f", decimals, value);
        return;
    }
    snprintf(digits, sizeof digits, "%.0f", value);
    group_thousands(digits, text, size_bytes);
}

static void add_column(struct columns *columns, const char *server)
{
    for (size_t i = 0; i < columns->count; i++)
        if (strcmp(columns->names[i], server) == 0)
            return;
    if (columns->count < SERVERS_LIMIT)
        columns->names[columns->count++] = server;
}

static bool is_same_row(const struct load_figure *a, const struct load_figure *b)
{
    return strcmp(a->title, b->title) == 0 && strcmp(a->name, b->name) == 0;
}

/* Whether no figure before this one has its row, or at least its title. */
static bool is_first(const struct load_report *report, size_t index, bool of_title)
{
    const struct load_figure *figure = &report->figures[index];

    for (size_t i = 0; i < index; i++)
        if (of_title ? strcmp(report->figures[i].title, figure->title) == 0
                     : is_same_row(&report->figures[i], figure))
            return false;
    return true;
}

/* The cell of a row for a server: its number, or a dash. */
static void cell_text(const struct load_report *report, const struct load_figure *row,
                      const char *server, char *text, size_t size_bytes)
{
    snprintf(text, size_bytes, "-");
    for (size_t i = 0; i < report->count; i++) {
        const struct load_figure *figure = &report->figures[i];

        if (is_same_row(figure, row) && strcmp(figure->server, server) == 0)
            load_report_number(figure->value, text, size_bytes);
    }
}

static void print_markdown_row(const struct load_report *report, const struct columns *columns,
                               const struct load_figure *row)
{
    char text[48];

    fprintf(report->out, "| %s, %s |", row->title, row->label);
    for (size_t i = 0; i < columns->count; i++) {
        cell_text(report, row, columns->names[i], text, sizeof text);
        fprintf(report->out, " %s |", text);
    }
    fputc('\n', report->out);
}

static void print_row(const struct load_report *report, const struct columns *columns,
                      const struct load_figure *row)
{
    char text[48];

    fprintf(report->out, "  %-*s", LABEL_WIDTH, row->label);
    for (size_t i = 0; i < columns->count; i++) {
        cell_text(report, row, columns->names[i], text, sizeof text);
        fprintf(report->out, " %*s", COLUMN_WIDTH, text);
    }
    fputc('\n', report->out);
}

static void print_head(const struct load_report *report, const struct columns *columns)
{
    bool is_markdown = report->style == LOAD_REPORT_MARKDOWN;

    fprintf(report->out, is_markdown ? "| what |" : "%-*s", is_markdown ? 0 : LABEL_WIDTH + 2, "");
    for (size_t i = 0; i < columns->count; i++)
        fprintf(report->out, is_markdown ? " %*s |" : " %*s", is_markdown ? 0 : COLUMN_WIDTH,
                columns->names[i]);
    fputc('\n', report->out);
    if (!is_markdown)
        return;
    fputs("| --- |", report->out);
    for (size_t i = 0; i < columns->count; i++)
        fputs(" ---: |", report->out);
    fputc('\n', report->out);
}

/* All rows of one title, whichever server had them first. */
static void print_title(const struct load_report *report, const struct columns *columns,
                        const char *title)
{
    if (report->style == LOAD_REPORT_TABLE)
        fprintf(report->out, "%s\n", title);
    for (size_t i = 0; i < report->count; i++) {
        const struct load_figure *figure = &report->figures[i];

        if (figure->label == NULL || strcmp(figure->title, title) != 0 ||
            !is_first(report, i, false))
            continue;
        if (report->style == LOAD_REPORT_MARKDOWN)
            print_markdown_row(report, columns, figure);
        else
            print_row(report, columns, figure);
    }
}

void load_report_print(const struct load_report *report)
{
    struct columns columns = {0};

    if (report->style == LOAD_REPORT_JSON || report->count == 0)
        return;
    for (size_t i = 0; i < report->count; i++)
        add_column(&columns, report->figures[i].server);
    print_head(report, &columns);
    for (size_t i = 0; i < report->count; i++)
        if (is_first(report, i, true))
            print_title(report, &columns, report->figures[i].title);
}
