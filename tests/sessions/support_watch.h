/*
 * Watches that a test's thread waits for, and a child that says what it is told to say. See
 * support.h.
 */
#ifndef TESTS_SESSIONS_SUPPORT_WATCH_H
#define TESTS_SESSIONS_SUPPORT_WATCH_H

#include "support.h"

#include "sessions/watch.h"

struct sup_waiter {
    struct sess_watch watch;
    struct sup_ask ask; /* its lock, and whether it was answered */
    _Atomic int answers;
};

/* Prepares; fill waiter->watch between begin and post. */
void sup_watch_begin(struct sup_waiter *waiter);
void sup_watch_begin_match(struct sup_waiter *waiter, const char *match);
void sup_watch_post(struct sup_waiter *waiter, struct sup_tap *tap);

/* Waits for the answer and returns its result; asserts that there was one only. */
int sup_watch_end(struct sup_waiter *waiter);

/* The same; asserts that the result is 0 and returns the reason. */
enum sess_watch_reason sup_watch_reason(struct sup_waiter *waiter);

/* Posts without waiting for anything to happen; the same. */
enum sess_watch_reason sup_watch_look(struct sup_waiter *waiter, struct sup_tap *tap);

/* Starts the child; lets it say something and waits until it was heard; ends and frees it. */
struct sup_tap *sup_start_echo(struct sup_world *world);
void sup_say(struct sup_world *world, struct sup_tap *tap, const char *text);
void sup_end_echo(struct sup_tap *tap);

#endif
