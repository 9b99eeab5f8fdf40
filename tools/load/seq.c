/*
 * A window of bits behind the highest number: one for each number that was passed over. A bit that
 * leaves the window while it is set is a hole.
 */
#include "tools/load/seq.h"

#include <inttypes.h>

static uint64_t *word_of(struct load_seq *seq, uint64_t number)
{
    return &seq->missing[number % LOAD_SEQ_WINDOW / 64];
}

static uint64_t bit_of(uint64_t number)
{
    return UINT64_C(1) << (number % 64);
}

static void count_hole(uint64_t count, uint64_t number, const char *name,
                       struct load_faults *faults)
{
    load_faults_add(faults, LOAD_FAULT_SEQ_HOLE, count, "%s: event %" PRIu64 " never came", name,
                    number);
}

/* The window moves on by one: whoever had this bit before is out of reach. */
static void advance(struct load_seq *seq, bool has_come, const char *name,
                    struct load_faults *faults)
{
    uint64_t number = ++seq->highest;
    uint64_t *word = word_of(seq, number);

    if (*word & bit_of(number))
        count_hole(1, number - LOAD_SEQ_WINDOW, name, faults);
    *word = has_come ? *word & ~bit_of(number) : *word | bit_of(number);
}

static void take_early(struct load_seq *seq, uint64_t number, const char *name,
                       struct load_faults *faults)
{
    if (number - seq->highest > LOAD_SEQ_WINDOW) {
        uint64_t skipped = number - seq->highest - LOAD_SEQ_WINDOW;

        load_seq_finish(seq, name, faults);
        count_hole(skipped, seq->highest + 1, name, faults);
        seq->highest += skipped;
    }
    while (seq->highest + 1 < number)
        advance(seq, false, name, faults);
    advance(seq, true, name, faults);
}

static void take_late(struct load_seq *seq, uint64_t number, const char *name,
                      struct load_faults *faults)
{
    uint64_t *word = word_of(seq, number);

    if (seq->highest - number < LOAD_SEQ_WINDOW && (*word & bit_of(number)) != 0) {
        *word &= ~bit_of(number);
        load_faults_add(faults, LOAD_FAULT_OUT_OF_TURN, 1,
                        "%s: event %" PRIu64 " came behind event %" PRIu64, name, number,
                        seq->highest);
        return;
    }
    load_faults_add(faults, LOAD_FAULT_SEQ_REPEAT, 1,
                    "%s: event %" PRIu64 " came again, or much too late; %" PRIu64 " was next",
                    name, number, seq->highest + 1);
}

void load_seq_take(struct load_seq *seq, uint64_t number, const char *name,
                   struct load_faults *faults)
{
    if (number == seq->highest + 1)
        advance(seq, true, name, faults);
    else if (number > seq->highest)
        take_early(seq, number, name, faults);
    else
        take_late(seq, number, name, faults);
}

bool load_seq_is_missing_any(const struct load_seq *seq)
{
    uint64_t any = 0;

    for (int i = 0; i < LOAD_SEQ_WINDOW / 64; i++)
        any |= seq->missing[i];
    return any != 0;
}

void load_seq_finish(struct load_seq *seq, const char *name, struct load_faults *faults)
{
    for (uint64_t i = 0; i < LOAD_SEQ_WINDOW && i < seq->highest; i++) {
        uint64_t number = seq->highest - i;

        if (*word_of(seq, number) & bit_of(number)) {
            *word_of(seq, number) &= ~bit_of(number);
            count_hole(1, number, name, faults);
        }
    }
}
