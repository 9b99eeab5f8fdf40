/*
 * Processes that sessions of a test left behind; see support_strays_linux.c.
 */
#ifndef TESTS_SESSIONS_SUPPORT_STRAYS_H
#define TESTS_SESSIONS_SUPPORT_STRAYS_H

/* Calls run in a child of this process, then kills whatever the child left behind. Returns what run
 * returned. From main, before any thread. */
int sup_run_and_clear(int (*run)(void));

#endif
