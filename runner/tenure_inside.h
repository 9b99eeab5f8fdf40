/*
 * What tenure.c and tenure_resume.c know of one another. Everything on the tenure's strand.
 */
#ifndef RUN_TENURE_INSIDE_H
#define RUN_TENURE_INSIDE_H

#include "runner/tenure.h"

/* Moves a deadline; 0: there is none. Each timer that runs holds a reference. */
void run_tenure_set_timer(struct run_tenure *tenure, struct iocp_timer *timer, uint64_t *deadline,
                          uint64_t new_deadline_ns);

/* Makes the operations of resuming. */
void run_tenure_resume_init(struct run_tenure *tenure);

/* Gives a detached tenure to who asked for it. */
void run_tenure_give(struct run_tenure *tenure, struct run_resume *resume);

/* Answers who waits, if somebody does. */
void run_tenure_refuse_waiter(struct run_tenure *tenure, enum run_resume_outcome outcome);

/* The holder is silent, or has to go: it drops its connection, or gives the tenure up. */
void run_tenure_cut_holder(struct run_tenure *tenure);

#endif
