/*
 * Standard handles on Unix: see stdio.h. The copying threads block in read(2) and write(2) and know
 * nothing of the engine; the one of standard input is left behind at the end, the one of standard
 * output is waited for.
 */
#include "runner/stdio.h"

#include "runner/fds.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { COPY_BYTES = 64 * 1024 };

struct pump {
    int from, to;
};

/* The thread that feeds standard output, if one is needed. */
static struct {
    bool running;
    pthread_t thread;
} output_pump;

static bool write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t put = write(fd, data, size);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        data += put;
        size -= (size_t)put;
    }
    return true;
}

static void *run_pump(void *argument)
{
    struct pump pump = *(struct pump *)argument;
    char *buffer = argument; /* the block is large enough for both */
    for (;;) {
        ssize_t got = read(pump.from, buffer, COPY_BYTES);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0 || !write_all(pump.to, buffer, (size_t)got))
            break;
    }
    (void)close(pump.from);
    (void)close(pump.to);
    free(buffer);
    return NULL;
}

/* Starts a thread that copies until an end or an error; takes both descriptors. */
static int start_pump(int from, int to, pthread_t *out_thread)
{
    struct pump *pump = malloc(COPY_BYTES);
    if (pump == NULL)
        return ENOMEM;
    *pump = (struct pump){from, to};
    int os_error = pthread_create(out_thread, NULL, run_pump, pump);
    if (os_error != 0)
        free(pump);
    return os_error;
}

/* Puts a pipe and a thread between us and a handle that cannot be polled. */
static int pump_between(struct run_fds_standard *standard, bool input)
{
    int fds[2];
    pthread_t thread;
    if (pipe2(fds, O_CLOEXEC) != 0)
        return errno;
    int os_error = input ? start_pump(standard->fd, fds[1], &thread)
                         : start_pump(fds[0], standard->fd, &thread);
    if (os_error != 0) {
        (void)close(fds[0]);
        (void)close(fds[1]);
        return os_error;
    }
    standard->fd = input ? fds[0] : fds[1];
    standard->kind = RUN_FDS_PIPE;
    if (input) {
        (void)pthread_detach(thread);
    } else {
        output_pump.running = true;
        output_pump.thread = thread;
    }
    return 0;
}

static int take(int fd, struct run_fds_standard *out, struct run_why *out_why)
{
    const char *name = fd == 0 ? "standard input" : "standard output";
    if (run_fds_take(fd, out) != 0)
        return run_why_set(out_why, -1, "cannot use %s: %s", name, strerror(errno));
    if (out->kind != RUN_FDS_OTHER)
        return 0;
    int os_error = pump_between(out, fd == 0);
    if (os_error == 0)
        return 0;
    (void)close(out->fd);
    return run_why_set(out_why, -1, "cannot use %s: %s", name, strerror(os_error));
}

static enum iocp_stream_kind kind_of(const struct run_fds_standard *standard)
{
    return standard->kind == RUN_FDS_SOCKET ? IOCP_STREAM_SOCKET : IOCP_STREAM_PIPE;
}

int run_stdio_take(struct run_conn_handles *out_handles, struct run_why *out_why)
{
    struct run_fds_standard in, out;
    if (take(0, &in, out_why) != 0)
        return -1;
    if (take(1, &out, out_why) != 0) {
        (void)close(in.fd);
        return -1;
    }
    *out_handles = (struct run_conn_handles){
        .in = in.fd, .out = out.fd, .in_kind = kind_of(&in), .out_kind = kind_of(&out)};
    return 0;
}

void run_stdio_finish(unsigned deadline_ms)
{
    struct timespec until;
    if (!output_pump.running)
        return;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += deadline_ms / 1000;
    (void)pthread_timedjoin_np(output_pump.thread, NULL, &until);
    output_pump.running = false;
}
