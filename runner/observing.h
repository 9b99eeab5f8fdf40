/*
 * What a connection observes: its observers (observer.h) in a list, by the names that it gave them.
 * Everything on the connection's strand.
 */
#ifndef RUN_OBSERVING_H
#define RUN_OBSERVING_H

#include "wire/span.h"

#include <stdint.h>

struct run_conn;
struct run_observer;

/* Why an observer ended. */
enum run_observing_end {
    RUN_OBSERVING_GOES_ON,
    RUN_OBSERVING_CLOSED,     /* it has seen the close */
    RUN_OBSERVING_UNOBSERVED, /* it asked for the end */
    RUN_OBSERVING_CUT,        /* its connection is over: nobody is told */
    RUN_OBSERVING_RESUMED,    /* another connection took over what its connection owns */
    RUN_OBSERVING_ENDED,      /* nobody owns the process any more */
    RUN_OBSERVING_EXPIRED,    /* the process is closed, and the time is over for which it answers */
};

/* The observers of one connection; all zero: none. */
struct run_observings {
    struct run_observer *first;
    uint32_t count;
};

/* Adds an observer and takes a reference over. */
void run_observing_add(struct run_conn *conn, struct run_observer *observer);

/* Takes it out; the caller gets the list's reference. */
void run_observing_remove(struct run_conn *conn, struct run_observer *observer);

/* The observer of this name, also while it ends; NULL: the name is free. */
struct run_observer *run_observing_find(const struct run_conn *conn, struct wire_span name);

/* Ends all of them. */
void run_observing_stop_all(struct run_conn *conn, enum run_observing_end why);

#endif
