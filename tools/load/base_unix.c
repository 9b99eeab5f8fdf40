/*
 * The clock, memory and standard error on Unix. The monotonic clock is used throughout, so that a
 * step of the wall clock cannot spoil a measurement.
 */
#include "tools/load/base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * LOAD_NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t load_now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t load_own_cpu_ns(void)
{
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

uint64_t load_random_seed(void)
{
    uint64_t seed = 0;

    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed) {
        load_say("the system gives no random numbers (getrandom failed)");
        exit(1);
    }
    return seed | 1;
}

void *load_alloc(size_t count, size_t size_bytes)
{
    void *memory = calloc(count == 0 ? 1 : count, size_bytes == 0 ? 1 : size_bytes);

    if (memory == NULL) {
        load_say("out of memory: %zu items of %zu bytes wanted", count, size_bytes);
        exit(1);
    }
    return memory;
}

void *load_realloc(void *memory, size_t size_bytes)
{
    void *moved = realloc(memory, size_bytes == 0 ? 1 : size_bytes);

    if (moved == NULL) {
        load_say("out of memory: %zu bytes wanted", size_bytes);
        exit(1);
    }
    return moved;
}

char *load_copy_text(const char *text)
{
    size_t size_bytes = strlen(text) + 1;

    return memcpy(load_alloc(1, size_bytes), text, size_bytes);
}

int load_say(const char *format, ...)
{
    va_list arguments;

    load_progress("%s", "");
    fputs("execport-load: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return LOAD_FAILED;
}

void load_progress(const char *format, ...)
{
    va_list arguments;

    if (!isatty(STDERR_FILENO))
        return;
    fputs("\r\033[K", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fflush(stderr);
}

uint64_t load_random_next(uint64_t *state)
{
    uint64_t x = *state;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    *state = x;
    return x * 0x2545f4914f6cdd1dull;
}

uint64_t load_raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 1024;
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    return limit.rlim_cur;
}
