/* The text of --help, made of the table of options so that it cannot differ from what is read:
 * name and value on one line, then what it does, default and bounds, wrapped at 80 columns.
 */
#include "runner/options.h"
#include "runner/options_table.h"
#include "runner/options_value.h"

#include <inttypes.h>
#include <string.h>

#define WIDTH  80
#define INDENT 6

/* Prints TEXT word by word at INDENT, breaking before the word that would pass WIDTH. */
static void print_wrapped(FILE *file, const char *text)
{
    size_t column = 0;
    while (*text) {
        size_t word = strcspn(text, " ");
        if (column > 0 && column + 1 + word > WIDTH) {
            (void)fputc('\n', file);
            column = 0;
        }
        int pad = column == 0 ? INDENT : 1;
        (void)fprintf(file, "%*s%.*s", pad, "", (int)word, text);
        column += (size_t)pad + word;
        text += word;
        text += strspn(text, " ");
    }
    (void)fputc('\n', file);
}

static void describe(const struct run_option_row *row, char *out_text, size_t size)
{
    char standard[RUN_VALUE_BYTES];
    char min[RUN_VALUE_BYTES];
    char max[RUN_VALUE_BYTES];
    enum run_value_unit unit = row->kind == RUN_OPTION_DURATION ? RUN_UNIT_MS
                               : row->kind == RUN_OPTION_SIZE   ? RUN_UNIT_BYTES
                                                                : RUN_UNIT_NONE;
    if (!run_option_has_bounds(row->kind)) {
        (void)snprintf(out_text, size, "%s.", row->about);
        return;
    }
    (void)snprintf(out_text, size, "%s. Default %s; %s to %s (%s).", row->about,
                   run_value_format(row->standard, unit, standard),
                   run_value_format(row->min, unit, min), run_value_format(row->max, unit, max),
                   row->bounds);
}

static void print_row(FILE *file, const struct run_option_row *row)
{
    char text[512];
    describe(row, text, sizeof text);
    (void)fprintf(file, "  --%s%s%s\n", row->name, row->value ? " " : "",
                  row->value ? row->value : "");
    print_wrapped(file, text);
}

void run_options_print_help(FILE *file)
{
    (void)fputs("Usage: execport-runner [OPTION]...\n"
                "Serves command sessions to clients: over standard input and output, WebSockets\n"
                "and Unix sockets. Each listener's URL is printed as one line on standard output\n"
                "(on standard error if stdio:// is among them); logs go to standard error.\n"
                "\n"
                "Options:\n",
                file);
    for (size_t i = 0; i < RUN_OPTION_ROWS; i++)
        print_row(file, &run_option_table[i]);
    (void)fputs("\n"
                "TIME is a number with ms, s, m or h; SIZE a number of bytes or one with KiB, MiB\n"
                "or GiB. SIGTERM and SIGINT end the server gracefully, a second one at once.\n"
                "Exit status: 0 after a shutdown that was asked for, 2 for a bad command line.\n",
                file);
}
