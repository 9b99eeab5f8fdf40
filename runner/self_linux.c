/*
 * The server's own process on Linux: proc(5) for memory and descriptors, getrusage(2) for processor
 * time. On a helper, or on the main thread at start.
 */
#include "runner/self.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* The second number of statm: pages in memory. */
static uint64_t resident_bytes(void)
{
    unsigned long long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL)
        return RUN_SELF_UNKNOWN;
    int fields = fscanf(file, "%llu %llu", &size, &resident);
    (void)fclose(file);
    return fields == 2 ? resident * (uint64_t)sysconf(_SC_PAGESIZE) : RUN_SELF_UNKNOWN;
}

static uint64_t descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    if (dir == NULL)
        return RUN_SELF_UNKNOWN;
    uint64_t count = 0;
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
        count += entry->d_name[0] != '.';
    (void)closedir(dir);
    return count - 1; /* the directory's own */
}

static uint64_t descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return RUN_SELF_UNKNOWN;
    return limit.rlim_cur == RLIM_INFINITY ? RUN_SELF_NO_LIMIT : limit.rlim_cur;
}

static uint64_t microseconds(struct timeval time)
{
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_usec;
}

void run_self_read(uint64_t out_numbers[RUN_SELF_NUMBERS])
{
    struct rusage usage;
    int result = getrusage(RUSAGE_SELF, &usage);
    out_numbers[RUN_SELF_RESIDENT_BYTES] = resident_bytes();
    out_numbers[RUN_SELF_USER_US] = result == 0 ? microseconds(usage.ru_utime) : RUN_SELF_UNKNOWN;
    out_numbers[RUN_SELF_SYSTEM_US] = result == 0 ? microseconds(usage.ru_stime) : RUN_SELF_UNKNOWN;
    out_numbers[RUN_SELF_DESCRIPTORS] = descriptors();
    out_numbers[RUN_SELF_DESCRIPTOR_LIMIT] = descriptor_limit();
}
