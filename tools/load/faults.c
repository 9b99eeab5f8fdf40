/*
 * The tally of faults. Cases are kept in the order in which they were found: the first one is
 * nearly always the cause of the others.
 */
#include "tools/load/faults.h"

#include "tools/load/base.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

const char *load_fault_name(enum load_fault kind)
{
    static const char *const names[LOAD_FAULT_KINDS] = {
        [LOAD_FAULT_LOST] = "lost",
        [LOAD_FAULT_DUPLICATED] = "duplicated",
        [LOAD_FAULT_REORDERED] = "reordered",
        [LOAD_FAULT_CHANGED] = "changed",
        [LOAD_FAULT_SURPLUS] = "surplus",
        [LOAD_FAULT_SEQ_HOLE] = "seq_holes",
        [LOAD_FAULT_SEQ_REPEAT] = "seq_repeats",
        [LOAD_FAULT_OUT_OF_TURN] = "out_of_turn",
        [LOAD_FAULT_STREAM] = "wrong_stream",
        [LOAD_FAULT_EVENT] = "wrong_events",
        [LOAD_FAULT_EXIT_CODE] = "wrong_exit_codes",
        [LOAD_FAULT_MESSAGE] = "bad_messages",
        [LOAD_FAULT_REFUSED] = "refused",
        [LOAD_FAULT_STUCK] = "stuck",
        [LOAD_FAULT_SERVER] = "server_failures",
    };

    assert(kind < LOAD_FAULT_KINDS);
    return names[kind];
}

void load_faults_add(struct load_faults *faults, enum load_fault kind, uint64_t count,
                     const char *format, ...)
{
    va_list arguments;

    assert(kind < LOAD_FAULT_KINDS);
    if (count == 0)
        return;
    faults->counts[kind] += count;
    if (faults->case_count == LOAD_FAULT_CASES)
        return;
    va_start(arguments, format);
    vsnprintf(faults->cases[faults->case_count++], LOAD_FAULT_TEXT_SIZE, format, arguments);
    va_end(arguments);
}

void load_faults_take_back(struct load_faults *faults, enum load_fault kind, uint64_t count)
{
    assert(faults->counts[kind] >= count);
    faults->counts[kind] -= count;
}

void load_faults_merge(struct load_faults *faults, const struct load_faults *more)
{
    for (int kind = 0; kind < LOAD_FAULT_KINDS; kind++)
        faults->counts[kind] += more->counts[kind];
    for (size_t i = 0; i < more->case_count && faults->case_count < LOAD_FAULT_CASES; i++)
        snprintf(faults->cases[faults->case_count++], LOAD_FAULT_TEXT_SIZE, "%s", more->cases[i]);
}

uint64_t load_faults_total(const struct load_faults *faults)
{
    uint64_t total = 0;

    for (int kind = 0; kind < LOAD_FAULT_KINDS; kind++)
        total += kind == LOAD_FAULT_OUT_OF_TURN ? 0 : faults->counts[kind];
    return total;
}

uint64_t load_faults_out_of_turn(const struct load_faults *faults)
{
    return faults->counts[LOAD_FAULT_OUT_OF_TURN];
}

void load_faults_say(const struct load_faults *faults, const char *title)
{
    if (load_faults_total(faults) + load_faults_out_of_turn(faults) == 0)
        return;
    load_say("%s: %s", title, load_faults_total(faults) > 0 ? "FAULTS" : "events out of turn");
    for (int kind = 0; kind < LOAD_FAULT_KINDS; kind++)
        if (faults->counts[kind] > 0)
            load_say("  %s %" PRIu64, load_fault_name((enum load_fault)kind), faults->counts[kind]);
    for (size_t i = 0; i < faults->case_count; i++)
        load_say("  %s", faults->cases[i]);
}
