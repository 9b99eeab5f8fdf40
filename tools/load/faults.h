/*
 * What went wrong, counted by kind, with the first few cases in words. Every checker of this
 * program reports here, and a run with any fault at all ends with a non-zero exit code.
 */
#ifndef EXECPORT_TOOLS_LOAD_FAULTS_H
#define EXECPORT_TOOLS_LOAD_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum load_fault {
    LOAD_FAULT_LOST,        /* bytes that never came */
    LOAD_FAULT_DUPLICATED,  /* bytes that came again */
    LOAD_FAULT_REORDERED,   /* bytes that came behind later ones */
    LOAD_FAULT_CHANGED,     /* bytes with another value, or nobody's */
    LOAD_FAULT_SURPLUS,     /* bytes behind the end of what was expected */
    LOAD_FAULT_SEQ_HOLE,    /* sequence numbers left out */
    LOAD_FAULT_SEQ_REPEAT,  /* sequence numbers that came again */
    LOAD_FAULT_OUT_OF_TURN, /* events that overtook others: no loss, and counted apart */
    LOAD_FAULT_STREAM,      /* chunks of a stream that the session does not have */
    LOAD_FAULT_EVENT,       /* exits, closes or replies that are doubled, missing or nobody's */
    LOAD_FAULT_EXIT_CODE,   /* a wrong exit code */
    LOAD_FAULT_MESSAGE,     /* messages or frames that break the protocol */
    LOAD_FAULT_REFUSED,     /* requests that the server refused */
    LOAD_FAULT_STUCK,       /* sessions that were unfinished when the time was up */
    LOAD_FAULT_SERVER,      /* descriptors or zombies left, the server gone, ... */
    LOAD_FAULT_KINDS,
};

enum { LOAD_FAULT_CASES = 5, LOAD_FAULT_TEXT_SIZE = 200 };

struct load_faults {
    uint64_t counts[LOAD_FAULT_KINDS];
    size_t case_count; /* of cases: described ones, at most LOAD_FAULT_CASES */
    char cases[LOAD_FAULT_CASES][LOAD_FAULT_TEXT_SIZE];
};

/* The name of a kind as results show it, such as "lost". */
const char *load_fault_name(enum load_fault kind);

/* Counts `count` faults of the kind; the format describes this case to a person. */
void load_faults_add(struct load_faults *faults, enum load_fault kind, uint64_t count,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Takes back faults that turned out to be of another kind; there must be as many. */
void load_faults_take_back(struct load_faults *faults, enum load_fault kind, uint64_t count);

/* Adds everything in `more` to `faults`. */
void load_faults_merge(struct load_faults *faults, const struct load_faults *more);

/* The sum of all kinds but LOAD_FAULT_OUT_OF_TURN; 0 is what everybody wants. */
uint64_t load_faults_total(const struct load_faults *faults);

/* How many events overtook others, or the reply to their session's start. Clients of `process` must
 * bear it; execport never does it. */
uint64_t load_faults_out_of_turn(const struct load_faults *faults);

/* Says counts and cases on standard error under the title, if there are any. */
void load_faults_say(const struct load_faults *faults, const char *title);

#endif
