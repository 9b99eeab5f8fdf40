/*
 * The observers of a connection: see observing.h. A list is enough: a name is looked for when a
 * client begins or ends to observe, and when it starts a process.
 */
#include "runner/observing.h"

#include "runner/conn.h"
#include "runner/observer.h"

#include <assert.h>

void run_observing_add(struct run_conn *conn, struct run_observer *observer)
{
    struct run_observings *list = &conn->observings;
    observer->prev = NULL;
    observer->next = list->first;
    if (observer->next != NULL)
        observer->next->prev = observer;
    list->first = observer;
    list->count++;
}

void run_observing_remove(struct run_conn *conn, struct run_observer *observer)
{
    struct run_observings *list = &conn->observings;
    assert(list->count > 0);
    if (observer->prev != NULL)
        observer->prev->next = observer->next;
    else
        list->first = observer->next;
    if (observer->next != NULL)
        observer->next->prev = observer->prev;
    list->count--;
}

struct run_observer *run_observing_find(const struct run_conn *conn, struct wire_span name)
{
    struct run_observer *at = conn->observings.first;
    while (at != NULL && !wire_span_equal(at->name, name))
        at = at->next;
    return at;
}

void run_observing_stop_all(struct run_conn *conn, enum run_observing_end why)
{
    for (struct run_observer *at = conn->observings.first; at != NULL; at = at->next)
        run_observer_stop(at, why); /* it leaves the list by a post */
}
