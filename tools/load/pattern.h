/*
 * The byte stream of flooding children, made to be checked for almost nothing: one fixed period of
 * random bytes, over and over, that each seed starts at a place of its own. The period is odd and a
 * multiple of three: no usual chunk size divides it, so a chunk that is lost, doubled or swapped
 * shows at once; and its base64 has a period too, so a base64 chunk is checked by comparing texts,
 * without decoding it.
 *
 * A position is an offset into the endless pattern. A pattern is read-only once made.
 */
#ifndef EXECPORT_TOOLS_LOAD_PATTERN_H
#define EXECPORT_TOOLS_LOAD_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LOAD_PATTERN_PERIOD = 196611, /* 3 * 65537; half of it is more than any usual chunk */
    LOAD_PATTERN_WINDOW = 12,     /* bytes that name one place within the period */
};

struct load_pattern;

/* A new pattern, always the same one; load_pattern_free() ends it. */
struct load_pattern *load_pattern_new(void);
void load_pattern_free(struct load_pattern *pattern);

/* The position at which the stream of this seed starts. */
uint64_t load_pattern_start(uint64_t seed);

/* Copies size_bytes from the position on. */
void load_pattern_copy(const struct load_pattern *pattern, uint64_t position, void *out,
                       size_t size_bytes);

/* How many of the bytes are as the pattern has them at the position, counted to the first that
 * is not. */
size_t load_pattern_match(const struct load_pattern *pattern, uint64_t position,
                          const unsigned char *bytes, size_t size_bytes);

/*
 * Whether the text is the base64, with padding, of what the pattern has at the position. If so,
 * *out_bytes is the number of bytes that it stands for.
 */
bool load_pattern_match_base64(const struct load_pattern *pattern, uint64_t position,
                               const char *text, size_t length, size_t *out_bytes);

/*
 * Looks for a window of LOAD_PATTERN_WINDOW bytes. Returns its place within the period, 0 to
 * LOAD_PATTERN_PERIOD - 1, or -1 if the pattern has it nowhere.
 */
int load_pattern_find(const struct load_pattern *pattern, const unsigned char *window);

#endif
