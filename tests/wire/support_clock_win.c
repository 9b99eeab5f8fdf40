/* The clock of a Windows build: the performance counter, whose frequency is fixed while the system
 * runs. Any thread.
 */
#include "tests/wire/support_clock.h"

#include <windows.h>

uint64_t support_clock_ns(void)
{
    LARGE_INTEGER frequency;
    LARGE_INTEGER now;
    (void)QueryPerformanceFrequency(&frequency);
    (void)QueryPerformanceCounter(&now);
    uint64_t per_second = (uint64_t)frequency.QuadPart;
    uint64_t ticks = (uint64_t)now.QuadPart;
    /* Whole seconds apart: ticks times a billion would overflow within half an hour at 10 MHz. */
    return ticks / per_second * 1000000000u + ticks % per_second * 1000000000u / per_second;
}
