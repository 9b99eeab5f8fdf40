/*
 * The two checks. A pattern stream is searched for its place again after every mismatch, so that
 * one lost chunk is one fault and not a million: twelve bytes name a place within the period, and
 * the nearest such place to where the stream stands is taken.
 */
#include "tools/load/check.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

void load_check_init_text(struct load_check *check, const char *name, struct load_faults *faults)
{
    memset(check, 0, sizeof *check);
    check->kind = LOAD_CHECK_TEXT;
    check->name = name;
    check->faults = faults;
}

void load_check_init_pattern(struct load_check *check, const char *name, struct load_faults *faults,
                             const struct load_pattern *pattern, uint64_t seed,
                             uint64_t total_bytes)
{
    load_check_init_text(check, name, faults);
    check->kind = LOAD_CHECK_PATTERN;
    check->pattern = pattern;
    check->start = load_pattern_start(seed);
    check->expected = total_bytes;
}

void load_check_deinit(struct load_check *check)
{
    load_buffer_deinit(&check->text);
}

void load_check_expect(struct load_check *check, const void *bytes, size_t size_bytes)
{
    assert(check->kind == LOAD_CHECK_TEXT);
    load_buffer_append(&check->text, bytes, size_bytes);
    check->expected += size_bytes;
}

static void check_text(struct load_check *check, const unsigned char *bytes, size_t size_bytes)
{
    size_t waiting = load_buffer_size(&check->text);
    size_t part = size_bytes < waiting ? size_bytes : waiting;
    const unsigned char *wanted = load_buffer_bytes(&check->text);
    uint64_t changed = 0;
    size_t first = 0;

    if (part > 0 && memcmp(wanted, bytes, part) != 0) {
        for (size_t i = part; i-- > 0;)
            if (wanted[i] != bytes[i]) {
                changed++;
                first = i;
            }
        load_faults_add(check->faults, LOAD_FAULT_CHANGED, changed,
                        "%s: byte %" PRIu64 " is 0x%02x instead of 0x%02x", check->name,
                        check->next + first, bytes[first], wanted[first]);
    }
    load_buffer_consume(&check->text, part);
    check->next += part;
    load_faults_add(check->faults, LOAD_FAULT_SURPLUS, size_bytes - part,
                    "%s: %zu bytes more than the %" PRIu64 " that were expected", check->name,
                    size_bytes - part, check->expected);
}

static void open_hole(struct load_check *check, uint64_t from, uint64_t to)
{
    load_faults_add(check->faults, LOAD_FAULT_LOST, to - from,
                    "%s: bytes %" PRIu64 " to %" PRIu64 " left out", check->name, from, to);
    if (check->hole_count < LOAD_CHECK_HOLES)
        check->holes[check->hole_count++] = (struct load_hole){from, to};
}

/* Late bytes fill a hole from its start on or not at all; returns how many of them do. */
static uint64_t fill_hole(struct load_check *check, uint64_t from, uint64_t size_bytes)
{
    for (uint32_t i = 0; i < check->hole_count; i++) {
        struct load_hole *hole = &check->holes[i];
        uint64_t filled = hole->to - hole->from < size_bytes ? hole->to - hole->from : size_bytes;

        if (hole->from != from)
            continue;
        hole->from += filled;
        if (hole->from == hole->to)
            *hole = check->holes[--check->hole_count];
        return filled;
    }
    return 0;
}

/* Bytes that are right, but for an offset that has been passed already. */
static void take_late(struct load_check *check, uint64_t from, uint64_t size_bytes)
{
    uint64_t filled = fill_hole(check, from, size_bytes);

    load_faults_take_back(check->faults, LOAD_FAULT_LOST, filled);
    load_faults_add(check->faults, LOAD_FAULT_REORDERED, filled,
                    "%s: %" PRIu64 " bytes of offset %" PRIu64 " came late", check->name, filled,
                    from);
    load_faults_add(check->faults, LOAD_FAULT_DUPLICATED, size_bytes - filled,
                    "%s: %" PRIu64 " bytes of offset %" PRIu64 " came again", check->name,
                    size_bytes - filled, from);
}

static size_t match_at(const struct load_check *check, uint64_t offset, const unsigned char *bytes,
                       size_t size_bytes)
{
    return load_pattern_match(check->pattern, check->start + offset, bytes, size_bytes);
}

/* The offset nearest to `next` at which the stream has the window; false if nowhere. */
static bool locate_nearest(const struct load_check *check, const unsigned char *window,
                           uint64_t *out_offset)
{
    const uint64_t period = LOAD_PATTERN_PERIOD;
    int place = load_pattern_find(check->pattern, window);
    uint64_t ahead;

    if (place < 0)
        return false;
    ahead = ((uint64_t)place + period - (check->start + check->next) % period) % period;
    if (ahead > period / 2 && check->next + ahead >= period)
        *out_offset = check->next + ahead - period;
    else
        *out_offset = check->next + ahead;
    return true;
}

/* Where the window belongs: into a hole if it fits there, else to the nearest place. */
static bool locate(const struct load_check *check, const unsigned char *window,
                   uint64_t *out_offset)
{
    for (uint32_t i = 0; i < check->hole_count; i++) {
        uint64_t from = check->holes[i].from;

        if (match_at(check, from, window, LOAD_PATTERN_WINDOW) == LOAD_PATTERN_WINDOW) {
            *out_offset = from;
            return true;
        }
    }
    return locate_nearest(check, window, out_offset);
}

/* The bytes do not go on where the stream stands: finds out where they do. Returns those taken. */
static size_t resynchronise(struct load_check *check, const unsigned char *bytes, size_t size_bytes)
{
    uint64_t offset;
    size_t same;

    if (size_bytes < LOAD_PATTERN_WINDOW || !locate(check, bytes, &offset)) {
        load_faults_add(check->faults, LOAD_FAULT_CHANGED, 1,
                        "%s: the byte at %" PRIu64 " is 0x%02x, and what follows is no other part",
                        check->name, check->next, bytes[0]);
        check->next++;
        return 1;
    }
    same = match_at(check, offset, bytes, size_bytes);
    if (offset < check->next) {
        if (same > check->next - offset)
            same = (size_t)(check->next - offset);
        take_late(check, offset, same);
    } else {
        open_hole(check, check->next, offset);
        check->next = offset + same;
    }
    return same;
}

static void check_pattern(struct load_check *check, const unsigned char *bytes, size_t size_bytes)
{
    size_t done = 0;

    while (done < size_bytes) {
        size_t same = match_at(check, check->next, bytes + done, size_bytes - done);

        check->next += same;
        done += same;
        if (done < size_bytes)
            done += resynchronise(check, bytes + done, size_bytes - done);
    }
}

void load_check_bytes(struct load_check *check, const unsigned char *bytes, size_t size_bytes)
{
    check->received += size_bytes;
    if (check->kind == LOAD_CHECK_TEXT)
        check_text(check, bytes, size_bytes);
    else
        check_pattern(check, bytes, size_bytes);
}

bool load_check_base64(struct load_check *check, const char *text, size_t length)
{
    size_t size_bytes;

    if (check->kind != LOAD_CHECK_PATTERN)
        return false;
    if (!load_pattern_match_base64(check->pattern, check->start + check->next, text, length,
                                   &size_bytes))
        return false;
    check->received += size_bytes;
    check->next += size_bytes;
    return true;
}

void load_check_finish(struct load_check *check)
{
    if (check->next < check->expected)
        load_faults_add(check->faults, LOAD_FAULT_LOST, check->expected - check->next,
                        "%s: ended at byte %" PRIu64 " of %" PRIu64, check->name, check->next,
                        check->expected);
    if (check->kind == LOAD_CHECK_PATTERN && check->next > check->expected)
        load_faults_add(check->faults, LOAD_FAULT_SURPLUS, check->next - check->expected,
                        "%s: went on to byte %" PRIu64 " behind its end at %" PRIu64, check->name,
                        check->next, check->expected);
    check->hole_count = 0;
}
