/*
 * The pattern and its three base64 texts: bytes that start at a position p of the period are the
 * base64 text number p % 3 from its group p / 3 on.
 */
#include "tools/load/pattern.h"

#include "tools/load/base.h"

#include <nettle/base64.h>
#include <stdlib.h>
#include <string.h>

enum {
    PERIOD = LOAD_PATTERN_PERIOD,
    TEXT_PERIOD = PERIOD / 3 * 4,
    STRIDE = 5077, /* between the starts of neighbouring seeds; shares no factor with the period */
};

struct load_pattern {
    unsigned char bytes[2 * PERIOD];
    char text[3][TEXT_PERIOD + 4]; /* nettle writes whole groups only; 4 spare for safety */
};

struct load_pattern *load_pattern_new(void)
{
    struct load_pattern *pattern = load_alloc(1, sizeof *pattern);
    uint64_t state = 0x9e3779b97f4a7c15ull;

    for (size_t i = 0; i < PERIOD; i++)
        pattern->bytes[i] = (unsigned char)(load_random_next(&state) >> 32);
    memcpy(pattern->bytes + PERIOD, pattern->bytes, PERIOD);
    for (size_t shift = 0; shift < 3; shift++)
        base64_encode_raw(pattern->text[shift], PERIOD, pattern->bytes + shift);
    return pattern;
}

void load_pattern_free(struct load_pattern *pattern)
{
    free(pattern);
}

uint64_t load_pattern_start(uint64_t seed)
{
    return seed % PERIOD * STRIDE % PERIOD;
}

void load_pattern_copy(const struct load_pattern *pattern, uint64_t position, void *out,
                       size_t size_bytes)
{
    unsigned char *to = out;

    while (size_bytes > 0) {
        size_t part = size_bytes < PERIOD ? size_bytes : PERIOD;

        memcpy(to, pattern->bytes + position % PERIOD, part);
        to += part;
        position += part;
        size_bytes -= part;
    }
}

static size_t common_prefix(const unsigned char *a, const unsigned char *b, size_t size_bytes)
{
    size_t same = 0;

    if (memcmp(a, b, size_bytes) == 0)
        return size_bytes;
    while (a[same] == b[same])
        same++;
    return same;
}

size_t load_pattern_match(const struct load_pattern *pattern, uint64_t position,
                          const unsigned char *bytes, size_t size_bytes)
{
    size_t done = 0;

    while (done < size_bytes) {
        size_t part = size_bytes - done < PERIOD ? size_bytes - done : PERIOD;
        size_t same =
            common_prefix(pattern->bytes + (position + done) % PERIOD, bytes + done, part);

        done += same;
        if (same < part)
            break;
    }
    return done;
}

/* The last group of a text, which may be padded: how many bytes it has, or 0 if it is wrong. */
static size_t match_last_group(const struct load_pattern *pattern, uint64_t position,
                               const char *text)
{
    size_t bytes = text[3] != '=' ? 3 : text[2] != '=' ? 2 : 1;
    char expected[BASE64_ENCODE_RAW_LENGTH(3)];

    base64_encode_raw(expected, bytes, pattern->bytes + position % PERIOD);
    return memcmp(expected, text, 4) == 0 ? bytes : 0;
}

/* Compares whole groups with the periodic text. */
static bool match_groups(const struct load_pattern *pattern, uint64_t position, const char *text,
                         size_t length)
{
    const char *expected = pattern->text[position % PERIOD % 3];
    size_t at = position % PERIOD / 3 * 4;

    while (length > 0) {
        size_t part = length < TEXT_PERIOD - at ? length : TEXT_PERIOD - at;

        if (memcmp(expected + at, text, part) != 0)
            return false;
        text += part;
        length -= part;
        at = 0;
    }
    return true;
}

bool load_pattern_match_base64(const struct load_pattern *pattern, uint64_t position,
                               const char *text, size_t length, size_t *out_bytes)
{
    size_t whole_text;
    size_t whole_bytes;
    size_t last_bytes;

    if (length % 4 != 0)
        return false;
    *out_bytes = 0;
    if (length == 0)
        return true;
    whole_text = length - 4;
    whole_bytes = whole_text / 4 * 3;
    last_bytes = match_last_group(pattern, position + whole_bytes, text + whole_text);
    if (last_bytes == 0 || !match_groups(pattern, position, text, whole_text))
        return false;
    *out_bytes = whole_bytes + last_bytes;
    return true;
}

int load_pattern_find(const struct load_pattern *pattern, const unsigned char *window)
{
    const unsigned char *found =
        memmem(pattern->bytes, PERIOD + LOAD_PATTERN_WINDOW - 1, window, LOAD_PATTERN_WINDOW);

    return found == NULL ? -1 : (int)(found - pattern->bytes);
}
