/* The log: one line per event on a descriptor (standard error), as text or as JSON, with wall time,
 * monotonic time, level, event name and key=value fields. Callers format on their own stack and
 * copy the line into a bounded queue; a thread of the log's own writes it out. A caller therefore
 * never waits for the reader of the log: when the queue is full the line is dropped and counted,
 * and the count is written as one line once there is room again. Nobody waits for a dead reader at
 * the end either: closing has a deadline. Payloads, tokens and environments are never logged; that
 * is for the callers to keep. Any thread may write; opening and closing are for the main thread,
 * after the keeper has forked.
 */
#ifndef RUN_LOG_H
#define RUN_LOG_H

#include "runner/log_format.h"
#include "runner/options.h"

/* Lines that wait for the writer, in bytes: a burst of some hundred lines. */
#define RUN_LOG_QUEUE_BYTES (64 * 1024)

struct run_log;

struct run_log_options {
    enum run_log_level level; /* what is less severe is not written */
    bool json;
    int fd; /* duplicated; may be closed, broken or full: then lines are dropped */
};

/* Opens a log and starts its thread (all signals blocked in it). Returns 0, or -1 if memory or
 * threads are short. Main thread.
 */
RUN_MUST_CHECK int run_log_open(const struct run_log_options *options, struct run_log **out_log);

/* True if a line of LEVEL would be written; for callers whose fields cost something. LOG may be
 * NULL (nothing is written then). Any thread.
 */
bool run_log_wants(const struct run_log *log, enum run_log_level level);

/* Queues one line, or drops and counts it. EVENT is a word like `listener_opened`. Everything is
 * copied before the return. LOG may be NULL. Any thread; never waits for the descriptor.
 */
void run_log_write(struct run_log *log, enum run_log_level level, const char *event,
                   const struct run_log_field *fields, size_t field_count);

/* Lines dropped since the log was opened, because the queue was full or the reader gone. */
uint64_t run_log_dropped(struct run_log *log);

/* Takes LOG: writes what is queued for at most DEADLINE_MS and ends the thread. Returns 0, or -1
 * if the reader took too long: thread and memory then stay until the process ends, and nothing
 * waits for them. No thread may use LOG any more. LOG may be NULL. Main thread.
 */
int run_log_close(struct run_log *log, unsigned deadline_ms);

/* run_log_event(log, RUN_LOG_INFO, "listener_opened", RUN_LOG_TEXT("url", url)): at least one
 * field. */
#define run_log_event(log, level, event, ...)                                                      \
    run_log_write((log), (level), (event), (const struct run_log_field[]){__VA_ARGS__},            \
                  sizeof((const struct run_log_field[]){__VA_ARGS__}) /                            \
                      sizeof(struct run_log_field))

#endif
