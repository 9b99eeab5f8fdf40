/*
 * Checks the bytes of one session's stream against what they must be: either the pattern of a
 * flooding child, or a text that is known in advance and may grow as the session is talked to.
 * Says not only that something is wrong but what: lost, doubled, swapped or changed, and where.
 */
#ifndef EXECPORT_TOOLS_LOAD_CHECK_H
#define EXECPORT_TOOLS_LOAD_CHECK_H

#include "tools/load/buffer.h"
#include "tools/load/faults.h"
#include "tools/load/pattern.h"

#include <stdbool.h>
#include <stdint.h>

enum load_check_kind {
    LOAD_CHECK_TEXT,    /* against what load_check_expect() announced; at first nothing */
    LOAD_CHECK_PATTERN, /* against total_bytes of the pattern */
};

enum { LOAD_CHECK_HOLES = 16 };

/* A part of the stream that did not come when its turn was. */
struct load_hole {
    uint64_t from;
    uint64_t to;
};

struct load_check {
    enum load_check_kind kind;
    const char *name; /* of the session and stream, for descriptions; borrowed */
    struct load_faults *faults;
    uint64_t received; /* bytes that came */
    uint64_t next;     /* offset of the stream that comes next */
    uint64_t expected; /* offset at which the stream must end */
    const struct load_pattern *pattern;
    uint64_t start;          /* the stream's position in the pattern */
    struct load_buffer text; /* LOAD_CHECK_TEXT: what is announced and has not come */
    uint32_t hole_count;     /* PATTERN: holes that may still be filled by late bytes */
    struct load_hole holes[LOAD_CHECK_HOLES];
};

/* A check of text, which expects nothing yet. Borrows name and faults. */
void load_check_init_text(struct load_check *check, const char *name, struct load_faults *faults);

/* A check of total_bytes of the pattern as the seed starts it. Borrows everything. */
void load_check_init_pattern(struct load_check *check, const char *name, struct load_faults *faults,
                             const struct load_pattern *pattern, uint64_t seed,
                             uint64_t total_bytes);

/* Frees what the check holds. */
void load_check_deinit(struct load_check *check);

/* Announces bytes that must come next, behind what was announced before. Copies them. */
void load_check_expect(struct load_check *check, const void *bytes, size_t size_bytes);

/* Takes the next bytes of the stream. */
void load_check_bytes(struct load_check *check, const unsigned char *bytes, size_t size_bytes);

/*
 * Takes the next bytes as base64 without decoding them, if that is possible and they are right.
 * Returns false, and has taken nothing, if they must be decoded and given to load_check_bytes().
 */
bool load_check_base64(struct load_check *check, const char *text, size_t length);

/* Whether all that was expected so far has come. */
static inline bool load_check_is_complete(const struct load_check *check)
{
    return check->next >= check->expected && check->hole_count == 0;
}

/* Ends the check: what has not come is lost. */
void load_check_finish(struct load_check *check);

#endif
