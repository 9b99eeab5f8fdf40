/*
 * What this Linux has for sessions: descriptors, pseudoterminals, processes.
 *
 * Read once, when the host opens; what cannot be read is no limit. Sources: getrlimit(2), proc(5)
 * (sys/kernel/pid_max, threads-max, pty), and the pids controller of the cgroup that we are in.
 */
#include "sessions/platform_linux.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

ssize_t sess_platform_read_file(const struct sess_sys *sys, const char *path, char *out_text,
                                size_t size_bytes)
{
    int fd = sys->open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    size_t used = 0;
    ssize_t got;
    do {
        got = sys->read(fd, out_text + used, size_bytes - 1 - used);
        if (got > 0)
            used += (size_t)got;
    } while (used < size_bytes - 1 && (got > 0 || (got < 0 && errno == EINTR)));
    int error = errno;
    (void)sys->close(fd);
    errno = error;
    if (got < 0)
        return -1;
    out_text[used] = '\0';
    return (ssize_t)used;
}

/* The number in a file; "max", or a file that cannot be read, is none. */
static uint64_t read_number(const struct sess_sys *sys, const char *path)
{
    char text[64], *end;
    if (sess_platform_read_file(sys, path, text, sizeof(text)) <= 0)
        return UINT64_MAX;
    unsigned long long number = strtoull(text, &end, 10);
    return end != text ? number : UINT64_MAX;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t less(uint64_t limit, uint64_t taken)
{
    if (limit == UINT64_MAX)
        return limit;
    return limit > taken ? limit - taken : 0;
}

static uint64_t count_open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    if (dir == NULL)
        return 0;
    uint64_t count = 0;
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
        count += entry->d_name[0] != '.';
    (void)closedir(dir);
    return count - 1; /* the directory's own */
}

static uint64_t descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return UINT64_MAX;
    return less(limit.rlim_cur, count_open_descriptors() + SESS_CONTROL_DESCRIPTORS);
}

static uint64_t ttys(const struct sess_sys *sys)
{
    uint64_t most = read_number(sys, "/proc/sys/kernel/pty/max");
    uint64_t open_now = read_number(sys, "/proc/sys/kernel/pty/nr");
    return less(most, open_now == UINT64_MAX ? 0 : open_now);
}

/* The line's cgroup if it is of the pids controller or of version 2: "8:pids:/a", "0::/a". */
static uint64_t pids_of_cgroup(const struct sess_sys *sys, char *line)
{
    char *controllers = strchr(line, ':');
    char *path = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
    if (path == NULL)
        return UINT64_MAX;
    *path++ = '\0';
    bool unified = controllers[1] == '\0';
    if (!unified && strcmp(controllers + 1, "pids") != 0)
        return UINT64_MAX;
    char name[512];
    (void)snprintf(name, sizeof(name), "/sys/fs/cgroup%s%s/pids.max", unified ? "" : "/pids",
                   strcmp(path, "/") != 0 ? path : "");
    return read_number(sys, name);
}

static uint64_t pids_of_cgroups(const struct sess_sys *sys)
{
    char text[4096], *rest = NULL;
    uint64_t pids = UINT64_MAX;
    if (sess_platform_read_file(sys, "/proc/self/cgroup", text, sizeof(text)) <= 0)
        return pids;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
        pids = least(pids, pids_of_cgroup(sys, line));
    return pids;
}

static uint64_t processes(const struct sess_sys *sys)
{
    uint64_t most = least(read_number(sys, "/proc/sys/kernel/pid_max"),
                          read_number(sys, "/proc/sys/kernel/threads-max"));
    most = least(most, pids_of_cgroups(sys));
    struct rlimit limit;
    bool limited = geteuid() != 0 && getrlimit(RLIMIT_NPROC, &limit) == 0;
    if (limited && limit.rlim_cur != RLIM_INFINITY)
        most = least(most, limit.rlim_cur);
    return less(most, SESS_CONTROL_PROCESSES);
}

void sess_platform_limits(const struct sess_platform *platform, struct sess_capacity *capacity)
{
    capacity->limits[SESS_RESOURCE_DESCRIPTORS] = descriptors();
    capacity->limits[SESS_RESOURCE_TTYS] = ttys(platform->sys);
    capacity->limits[SESS_RESOURCE_PROCESSES] = processes(platform->sys);
}
