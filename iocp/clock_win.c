/*
 * Time and randomness of a port. They are asked of the port, never of the system directly, so that
 * a simulated backend can give its own. Any thread.
 */
#include "iocp/iocp.h"

#include <windows.h>

#include <bcrypt.h>

uint64_t iocp_now_ns(const struct iocp_port *port)
{
    LARGE_INTEGER ticks, per_second;
    (void)port;
    (void)QueryPerformanceCounter(&ticks); /* neither fails since Windows XP */
    (void)QueryPerformanceFrequency(&per_second);
    uint64_t seconds = (uint64_t)(ticks.QuadPart / per_second.QuadPart);
    uint64_t rest = (uint64_t)(ticks.QuadPart % per_second.QuadPart);
    return seconds * 1000000000 + rest * 1000000000 / (uint64_t)per_second.QuadPart;
}

uint64_t iocp_wall_ms(const struct iocp_port *port)
{
    enum { TICKS_OF_A_MS = 10000 };
    const uint64_t ms_from_1601_to_1970 = UINT64_C(11644473600000);
    FILETIME now;
    (void)port;
    GetSystemTimePreciseAsFileTime(&now);
    uint64_t ticks = ((uint64_t)now.dwHighDateTime << 32) | now.dwLowDateTime;
    return ticks / TICKS_OF_A_MS - ms_from_1601_to_1970;
}

int iocp_random(struct iocp_port *port, void *data, size_t size_bytes)
{
    enum { MOST = 1 << 30 }; /* the call takes 32 bits */
    uint8_t *at = data;
    (void)port;
    while (size_bytes > 0) {
        ULONG part = size_bytes < MOST ? (ULONG)size_bytes : MOST;
        if (BCryptGenRandom(NULL, at, part, BCRYPT_USE_SYSTEM_PREFERRED_RNG) < 0)
            return IOCP_E_OS;
        at += part;
        size_bytes -= part;
    }
    return 0;
}
