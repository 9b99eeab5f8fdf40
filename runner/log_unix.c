/* The log's queue and writer thread (log.h). Two buffers: callers fill one under a lock that is
 * held for a copy, the writer swaps them and writes the other out with no lock held. It never
 * starts a write that could wait: a pipe is written through a non-blocking description of its own,
 * a socket with MSG_DONTWAIT, anything else only after poll says that there is room. Should a
 * write wait all the same (somebody else filled the room first) only this thread hangs, and
 * closing gives it up after its deadline.
 */
#include "runner/fds.h"
#include "runner/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Small, for a thread with one line on its stack, yet enough for instrumented builds. */
#define STACK_BYTES (256 * 1024)

#define NS_PER_S  1000000000
#define NS_PER_MS 1000000

struct run_log {
    pthread_mutex_t lock; /* all members below up to the thread's own */
    pthread_cond_t changed;
    size_t queued;
    uint64_t dropped;
    uint64_t dropped_reported;
    bool stopping;
    bool finished;
    bool given_up; /* closing did not wait: the writer frees everything when it ends */
    char *filling;
    /* the writer thread's own */
    char *writing;
    int fd;
    bool is_socket;
    bool broken;
    /* constant after opening */
    pthread_t thread;
    enum run_log_level level;
    bool json;
    char buffers[2][RUN_LOG_QUEUE_BYTES];
};

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    int result = clock_gettime(clock, &now);
    assert(result == 0);
    (void)result;
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static size_t format_line(const struct run_log *log, enum run_log_level level, const char *event,
                          const struct run_log_field *fields, size_t field_count,
                          char out_line[RUN_LOG_LINE_BYTES])
{
    struct run_log_head head = {
        .stamp = {.wall_ns = (int64_t)clock_ns(CLOCK_REALTIME),
                  .mono_ns = clock_ns(CLOCK_MONOTONIC)},
        .level = level,
        .json = log->json,
        .event = event,
    };
    return run_log_format(&head, fields, field_count, out_line);
}

/* Waits until the descriptor takes bytes. False, with errno set, if it never will again. */
static bool wait_for_room(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
    if (poll(&poll_fd, 1, -1) < 0)
        return false;
    errno = EPIPE;
    return !(poll_fd.revents & (POLLERR | POLLNVAL)) && (poll_fd.revents & POLLOUT);
}

/* Whole lines where possible, so that other writers of the same pipe do not land inside one; at
 * most PIPE_BUF bytes, the room that POLLOUT promises of a pipe that could not be reopened.
 */
static size_t one_write(const char *bytes, size_t size)
{
    if (size <= PIPE_BUF)
        return size;
    const char *newline = memrchr(bytes, '\n', PIPE_BUF);
    return newline ? (size_t)(newline - bytes) + 1 : PIPE_BUF;
}

static ssize_t write_some(const struct run_log *log, const char *bytes, size_t size)
{
    if (log->is_socket)
        return send(log->fd, bytes, one_write(bytes, size), MSG_DONTWAIT | MSG_NOSIGNAL);
    return write(log->fd, bytes, one_write(bytes, size));
}

static uint64_t count_lines(const char *bytes, size_t size)
{
    uint64_t lines = 0;
    for (size_t i = 0; i < size; i++)
        lines += bytes[i] == '\n';
    return lines;
}

/* Returns the number of lines that could not be written. A full disk loses these lines only;
 * every other error is taken as the end of the reader.
 */
static uint64_t write_all(struct run_log *log, const char *bytes, size_t size)
{
    while (size > 0 && !log->broken) {
        ssize_t count = wait_for_room(log->fd) ? write_some(log, bytes, size) : -1;
        if (count >= 0) {
            bytes += count;
            size -= (size_t)count;
        } else if (errno == ENOSPC) {
            break;
        } else if (errno != EINTR && errno != EAGAIN) {
            log->broken = true;
        }
    }
    return count_lines(bytes, size);
}

static void write_drop_count(struct run_log *log, uint64_t count)
{
    char text[64];
    char line[RUN_LOG_LINE_BYTES];
    (void)snprintf(text, sizeof text, "%llu log lines dropped", (unsigned long long)count);
    const struct run_log_field fields[] = {RUN_LOG_TEXT("text", text),
                                           RUN_LOG_UNSIGNED("count", count)};
    size_t size = format_line(log, RUN_LOG_WARN, "log_dropped", fields, 2, line);
    (void)write_all(log, line, size);
}

/* One turn with the lock held at entry and exit: takes what is queued and writes it. */
static void write_queued(struct run_log *log)
{
    size_t size = log->queued;
    uint64_t dropped = log->dropped - log->dropped_reported;
    char *full = log->filling;
    log->filling = log->writing;
    log->writing = full;
    log->queued = 0;
    log->dropped_reported = log->dropped;
    pthread_mutex_unlock(&log->lock);
    uint64_t lost = write_all(log, full, size);
    /* The dropped lines are younger than those that were queued. */
    if (dropped > 0)
        write_drop_count(log, dropped);
    pthread_mutex_lock(&log->lock);
    log->dropped += lost;
    log->dropped_reported += lost;
}

static void free_log(struct run_log *log)
{
    pthread_cond_destroy(&log->changed);
    pthread_mutex_destroy(&log->lock);
    if (log->fd >= 0)
        (void)close(log->fd);
    free(log);
}

static void *writer(void *context)
{
    struct run_log *log = context;
    pthread_mutex_lock(&log->lock);
    for (;;) {
        while (log->queued == 0 && log->dropped == log->dropped_reported && !log->stopping)
            pthread_cond_wait(&log->changed, &log->lock);
        if (log->queued == 0 && log->dropped == log->dropped_reported)
            break;
        write_queued(log);
    }
    log->finished = true;
    bool given_up = log->given_up;
    pthread_cond_broadcast(&log->changed);
    pthread_mutex_unlock(&log->lock);
    if (given_up)
        free_log(log);
    return NULL;
}

/* A descriptor of our own, so that the caller's number can go when the log is given up. */
static void choose_descriptor(struct run_log *log, int fd)
{
    struct stat status;
    log->fd = run_fds_reopen_pipe(fd);
    if (log->fd < 0)
        log->fd = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    log->broken = log->fd < 0;
    log->is_socket = fstat(log->fd, &status) == 0 && S_ISSOCK(status.st_mode);
}

static int start_writer(struct run_log *log)
{
    pthread_attr_t attributes;
    sigset_t all;
    sigset_t before;
    if (pthread_attr_init(&attributes) != 0)
        return -1;
    sigfillset(&all);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int result = pthread_create(&log->thread, &attributes, writer, log);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return result == 0 ? 0 : -1;
}

static void init_sync(struct run_log *log)
{
    pthread_condattr_t attributes;
    pthread_mutex_init(&log->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&log->changed, &attributes);
    pthread_condattr_destroy(&attributes);
}

int run_log_open(const struct run_log_options *options, struct run_log **out_log)
{
    /* Not calloc: the buffers are to cost memory only as far as they are used. */
    struct run_log *log = malloc(sizeof *log);
    if (!log)
        return -1;
    memset(log, 0, offsetof(struct run_log, buffers));
    log->filling = log->buffers[0];
    log->writing = log->buffers[1];
    log->level = options->level;
    log->json = options->json;
    init_sync(log);
    choose_descriptor(log, options->fd);
    if (start_writer(log) != 0) {
        free_log(log);
        return -1;
    }
    *out_log = log;
    return 0;
}

bool run_log_wants(const struct run_log *log, enum run_log_level level)
{
    return log && level <= log->level;
}

void run_log_write(struct run_log *log, enum run_log_level level, const char *event,
                   const struct run_log_field *fields, size_t field_count)
{
    char line[RUN_LOG_LINE_BYTES];
    if (!run_log_wants(log, level))
        return;
    size_t size = format_line(log, level, event, fields, field_count, line);
    pthread_mutex_lock(&log->lock);
    assert(!log->stopping);
    if (size > RUN_LOG_QUEUE_BYTES - log->queued) {
        log->dropped++;
    } else {
        memcpy(log->filling + log->queued, line, size);
        log->queued += size;
        pthread_cond_signal(&log->changed);
    }
    pthread_mutex_unlock(&log->lock);
}

uint64_t run_log_dropped(struct run_log *log)
{
    pthread_mutex_lock(&log->lock);
    uint64_t dropped = log->dropped;
    pthread_mutex_unlock(&log->lock);
    return dropped;
}

int run_log_close(struct run_log *log, unsigned deadline_ms)
{
    if (!log)
        return 0;
    uint64_t end_ns = clock_ns(CLOCK_MONOTONIC) + (uint64_t)deadline_ms * NS_PER_MS;
    struct timespec end = {.tv_sec = (time_t)(end_ns / NS_PER_S),
                           .tv_nsec = (long)(end_ns % NS_PER_S)};
    int waited = 0;
    pthread_mutex_lock(&log->lock);
    log->stopping = true;
    pthread_cond_broadcast(&log->changed);
    while (!log->finished && waited == 0)
        waited = pthread_cond_timedwait(&log->changed, &log->lock, &end);
    bool finished = log->finished;
    if (!finished) {
        log->given_up = true;
        pthread_detach(log->thread);
    }
    pthread_mutex_unlock(&log->lock);
    if (!finished)
        return -1;
    pthread_join(log->thread, NULL);
    free_log(log);
    return 0;
}
