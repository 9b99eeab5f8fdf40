/* Formats one log line (log_format.h). A line is built in a fixed array with a reserve at its end
 * for the mark of a cut line and the closing bytes, so that finishing always succeeds. A field is
 * written whole or, if it is text, up to the last character that fits; after that nothing more is
 * taken.
 */
#include "runner/log_format.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

/* `,"cut":true}` and the newline; the text form is shorter. */
#define RESERVE_BYTES 16

struct line {
    char *bytes;
    size_t used;
    size_t limit;
    bool json;
    bool cut;
};

static const char *const level_names[] = {"error", "warn", "info", "debug"};

/* Appends all of BYTES or nothing; false once the line is full. */
static bool append(struct line *line, const char *bytes, size_t size)
{
    if (line->cut || size > line->limit - line->used) {
        line->cut = true;
        return false;
    }
    memcpy(line->bytes + line->used, bytes, size);
    line->used += size;
    return true;
}

static bool append_format(struct line *line, const char *format, ...) RUN_PRINTF(2, 3);

static bool append_format(struct line *line, const char *format, ...)
{
    char text[96];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    assert(length >= 0);
    size_t size = (size_t)length < sizeof text ? (size_t)length : sizeof text - 1;
    return append(line, text, size);
}

/* The length of the UTF-8 sequence that TEXT begins with, 0 if it is none (RFC 3629). */
static size_t utf8_sequence(const unsigned char *text)
{
    unsigned char low = 0x80;
    unsigned char high = 0xbf;
    size_t length = text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
    if (text[0] < 0xc2 || text[0] > 0xf4)
        return 0;
    if (text[0] == 0xe0)
        low = 0xa0;
    if (text[0] == 0xed)
        high = 0x9f;
    if (text[0] == 0xf0)
        low = 0x90;
    if (text[0] == 0xf4)
        high = 0x8f;
    if (text[1] < low || text[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++) {
        if (text[i] < 0x80 || text[i] > 0xbf)
            return 0;
    }
    return length;
}

/* Appends the character that TEXT begins with, escaped where it must be. Returns its length. */
static size_t append_character(struct line *line, const unsigned char *text)
{
    unsigned char c = text[0];
    if (c == '"' || c == '\\') {
        (void)append_format(line, "\\%c", c);
        return 1;
    }
    if (c < 0x20 || c == 0x7f) {
        (void)append_format(line, "\\u%04x", c);
        return 1;
    }
    if (c < 0x80) {
        (void)append(line, (const char *)text, 1);
        return 1;
    }
    size_t length = utf8_sequence(text);
    if (length == 0) {
        (void)append(line, "\\ufffd", 6);
        return 1;
    }
    (void)append(line, (const char *)text, length);
    return length;
}

/* Appends a quoted string. The closing quote always fits: one byte is kept back for it. */
static void append_quoted(struct line *line, const char *text)
{
    if (line->limit - line->used < 2) {
        line->cut = true;
        return;
    }
    if (!append(line, "\"", 1))
        return;
    line->limit--;
    const unsigned char *at = (const unsigned char *)text;
    while (*at && !line->cut)
        at += append_character(line, at);
    line->limit++;
    line->bytes[line->used++] = '"';
}

/* In the text form a value goes without quotes if that leaves it unmistakable. */
static bool is_plain(const char *text)
{
    if (*text == '\0')
        return false;
    for (; *text; text++) {
        if (*text <= ' ' || *text > '~' || *text == '"' || *text == '\\' || *text == '=')
            return false;
    }
    return true;
}

static void append_text(struct line *line, const char *text)
{
    if (!text)
        (void)append_format(line, "%s", line->json ? "null" : "-");
    else if (line->json || !is_plain(text) || strlen(text) > line->limit - line->used)
        append_quoted(line, text);
    else
        (void)append(line, text, strlen(text));
}

static void append_value(struct line *line, const struct run_log_field *field)
{
    switch (field->kind) {
    case RUN_LOG_KIND_TEXT:
        append_text(line, field->text);
        break;
    case RUN_LOG_KIND_UNSIGNED:
        (void)append_format(line, "%" PRIu64, field->number);
        break;
    case RUN_LOG_KIND_SIGNED:
        (void)append_format(line, "%" PRId64, (int64_t)field->number);
        break;
    case RUN_LOG_KIND_BOOL:
        (void)append_format(line, "%s", field->number ? "true" : "false");
        break;
    }
}

/* A key without its value would not be JSON: if nothing of the value fits, the key goes too. */
static void append_field(struct line *line, const struct run_log_field *field)
{
    size_t before = line->used;
    if (!append_format(line, line->json ? ",\"%s\":" : " %s=", field->key))
        return;
    size_t value_at = line->used;
    append_value(line, field);
    if (line->used == value_at)
        line->used = before;
}

/* Days since 1970 to a date of the proleptic Gregorian calendar; years begin in March here. */
static void date_of(int64_t days, int64_t *out_year, unsigned *out_month, unsigned *out_day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    unsigned day_of_era = (unsigned)(days - era * 146097);
    unsigned year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned month = (5 * day_of_year + 2) / 153;
    *out_day = day_of_year - (153 * month + 2) / 5 + 1;
    *out_month = month < 10 ? month + 3 : month - 9;
    *out_year = (int64_t)year_of_era + era * 400 + (*out_month <= 2);
}

static void append_wall_time(struct line *line, int64_t wall_ns)
{
    int64_t micros = wall_ns / 1000;
    int64_t day_micros = micros % 86400000000;
    int64_t days = micros / 86400000000;
    if (day_micros < 0) {
        day_micros += 86400000000;
        days--;
    }
    int64_t year;
    unsigned month;
    unsigned day;
    date_of(days, &year, &month, &day);
    unsigned second = (unsigned)(day_micros / 1000000);
    (void)append_format(line, "%04" PRId64 "-%02u-%02uT%02u:%02u:%02u.%06uZ", year, month, day,
                        second / 3600, second / 60 % 60, second % 60,
                        (unsigned)(day_micros % 1000000));
}

static void append_head(struct line *line, const struct run_log_head *head)
{
    const char *level = level_names[head->level];
    uint64_t mono = head->stamp.mono_ns;
    if (line->json)
        (void)append(line, "{\"time\":\"", 9);
    append_wall_time(line, head->stamp.wall_ns);
    if (!line->json) {
        (void)append_format(line, " %" PRIu64 ".%06u %-5s %s", mono / 1000000000,
                            (unsigned)(mono % 1000000000 / 1000), level, head->event);
        return;
    }
    (void)append_format(line, "\",\"mono_ns\":%" PRIu64 ",\"level\":\"%s\",\"event\":", mono,
                        level);
    append_quoted(line, head->event);
}

size_t run_log_format(const struct run_log_head *head, const struct run_log_field *fields,
                      size_t field_count, char out_line[RUN_LOG_LINE_BYTES])
{
    struct line line = {
        .bytes = out_line, .limit = RUN_LOG_LINE_BYTES - RESERVE_BYTES, .json = head->json};
    assert(head->level <= RUN_LOG_DEBUG);
    append_head(&line, head);
    assert(!line.cut);
    for (size_t i = 0; i < field_count && !line.cut; i++)
        append_field(&line, &fields[i]);
    bool cut = line.cut;
    line.cut = false;
    line.limit = RUN_LOG_LINE_BYTES;
    if (cut)
        (void)append_format(&line, "%s", line.json ? ",\"cut\":true" : " cut=true");
    (void)append_format(&line, "%s", line.json ? "}\n" : "\n");
    assert(!line.cut);
    return line.used;
}
