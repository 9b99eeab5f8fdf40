/*
 * Time and randomness of a port. They are asked of the port, never of the system directly, so that
 * a simulated backend can give its own. Any thread.
 */
#include "iocp/iocp.h"

#include <errno.h>
#include <sys/random.h>
#include <time.h>

static uint64_t read_clock(clockid_t id)
{
    struct timespec now;
    (void)clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t iocp_now_ns(const struct iocp_port *port)
{
    (void)port;
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t iocp_wall_ms(const struct iocp_port *port)
{
    (void)port;
    return read_clock(CLOCK_REALTIME) / 1000000;
}

int iocp_random(struct iocp_port *port, void *data, size_t size_bytes)
{
    (void)port;
    uint8_t *at = data;
    while (size_bytes > 0) {
        ssize_t got = getrandom(at, size_bytes, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return IOCP_E_OS;
        at += got;
        size_bytes -= (size_t)got;
    }
    return 0;
}
