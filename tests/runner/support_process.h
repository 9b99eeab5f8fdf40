/* Waiting with a deadline for tests that start real processes: for bytes and ends of pipes, and for
 * the end of a child. Nothing here asserts: a result says whether it happened in time, and the
 * test's own thread judges it.
 */
#ifndef TESTS_RUNNER_SUPPORT_PROCESS_H
#define TESTS_RUNNER_SUPPORT_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Long enough for a loaded machine and instrumented builds; a test that needs it has failed. */
#define DEADLINE_MS 60000

/* Reads exactly SIZE bytes from FD before the deadline. */
bool support_read(int fd, void *bytes, size_t size);

/* Reads and discards until the end of FD comes; false if the deadline comes first. */
bool support_wait_end(int fd);

/* Waits for the end of the child PID and reaps it. */
bool support_wait_child(pid_t pid, int *out_status);

/* Waits until PID, of whatever parent, is dead; its parent may still have to reap it. */
bool support_wait_dead(pid_t pid);

/* True once no process has the number PID any more, not even a dead one. */
bool support_wait_reaped(pid_t pid);

/* Monotonic time in milliseconds. */
long long support_now_ms(void);

#endif
