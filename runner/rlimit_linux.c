/* Measuring resources on Linux (rlimit.h): RLIMIT_NOFILE and /proc/self/fd, kernel.pty, and for
 * processes the tightest of RLIMIT_NPROC, kernel.pid_max, kernel.threads-max and the pids.max of
 * our cgroup and all above it, of version 1 or 2. The host's processes are counted as threads, as
 * the kernel counts them against these limits. RLIMIT_NPROC does not bind root, and what the user
 * already has is not known without reading every process: none is assumed.
 */
#include "runner/rlimit.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define PATH_BYTES 1024

static const char default_proc[] = "/proc";
static const char default_cgroup[] = "/sys/fs/cgroup";

int run_rlimit_raise(struct run_rlimit *out_rlimit)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return -1;
    out_rlimit->original_soft = limit.rlim_cur;
    out_rlimit->original_hard = limit.rlim_max;
    out_rlimit->soft = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
        out_rlimit->soft = limit.rlim_cur;
    return 0;
}

/* Reads a file of one number; `max` and what cannot be read are UINT64_MAX. */
static uint64_t read_number(const char *path)
{
    char line[64];
    uint64_t value = UINT64_MAX;
    FILE *file = fopen(path, "re");
    if (!file)
        return value;
    if (fgets(line, sizeof line, file) && line[0] >= '0' && line[0] <= '9')
        value = strtoull(line, NULL, 10);
    (void)fclose(file);
    return value;
}

static uint64_t read_proc_number(const char *proc, const char *name)
{
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s", proc, name);
    return read_number(path);
}

static uint64_t zero_if_unknown(uint64_t value)
{
    return value == UINT64_MAX ? 0 : value;
}

static uint64_t count_open_descriptors(const char *proc)
{
    char path[PATH_BYTES];
    uint64_t count = 0;
    (void)snprintf(path, sizeof path, "%s/self/fd", proc);
    DIR *directory = opendir(path);
    if (!directory)
        return 0;
    while (readdir(directory))
        count++;
    (void)closedir(directory);
    return count > 3 ? count - 3 : 0; /* `.`, `..` and the directory itself */
}

static void measure_descriptors(const char *proc, struct run_resource *out)
{
    struct rlimit limit;
    out->name = "descriptors";
    out->limit = UINT64_MAX;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        out->limit = limit.rlim_cur;
    out->used = count_open_descriptors(proc);
}

static void measure_ptys(const char *proc, struct run_resource *out)
{
    out->name = "ptys";
    out->limit = read_proc_number(proc, "sys/kernel/pty/max");
    out->used = zero_if_unknown(read_proc_number(proc, "sys/kernel/pty/nr"));
}

/* Takes the limit that leaves less. */
static void tighten(struct run_resource *out, const char *name, uint64_t limit, uint64_t used)
{
    uint64_t room = limit > used ? limit - used : 0;
    uint64_t room_before = out->limit > out->used ? out->limit - out->used : 0;
    if (limit == UINT64_MAX || (out->limit != UINT64_MAX && room >= room_before))
        return;
    out->name = name;
    out->limit = limit;
    out->used = used;
}

/* /proc/loadavg: three loads, then `running/all` threads of the host. */
static uint64_t count_host_threads(const char *proc)
{
    char path[PATH_BYTES];
    uint64_t threads = 0;
    (void)snprintf(path, sizeof path, "%s/loadavg", proc);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    if (fscanf(file, "%*s %*s %*s %*u/%" SCNu64, &threads) != 1)
        threads = 0;
    (void)fclose(file);
    return threads;
}

static void tighten_by_rlimit(struct run_resource *out)
{
    struct rlimit limit;
    if (geteuid() == 0 || getrlimit(RLIMIT_NPROC, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return;
    tighten(out, "processes of the user (RLIMIT_NPROC)", limit.rlim_cur, 0);
}

/* Goes from the cgroup at BASE/GROUP upwards to BASE: each has its own limit and count. */
static void tighten_by_group(struct run_resource *out, const char *base, const char *group)
{
    char path[PATH_BYTES];
    char file[PATH_BYTES + 16];
    size_t base_length = strlen(base);
    if ((size_t)snprintf(path, sizeof path, "%s%s", base, group) >= sizeof path)
        return;
    for (;;) {
        (void)snprintf(file, sizeof file, "%s/pids.max", path);
        uint64_t max = read_number(file);
        (void)snprintf(file, sizeof file, "%s/pids.current", path);
        tighten(out, "processes of the cgroup (pids.max)", max, zero_if_unknown(read_number(file)));
        char *slash = strrchr(path, '/');
        if (!slash || (size_t)(slash - path) < base_length)
            return;
        *slash = '\0';
    }
}

/* A line is `ID:CONTROLLERS:PATH`; version 2 has ID 0 and no controllers (cgroups(7)). */
static void tighten_by_line(struct run_resource *out, const char *cgroup, char *line)
{
    char base[PATH_BYTES];
    line[strcspn(line, "\n")] = '\0';
    char *controllers = strchr(line, ':');
    char *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group)
        return;
    *group++ = '\0';
    controllers++;
    if (strcmp(controllers, "pids") == 0) {
        (void)snprintf(base, sizeof base, "%s/pids", cgroup);
        tighten_by_group(out, base, group);
    } else if (controllers[0] == '\0') {
        tighten_by_group(out, cgroup, group);
        (void)snprintf(base, sizeof base, "%s/unified", cgroup);
        tighten_by_group(out, base, group);
    }
}

static void tighten_by_cgroups(struct run_resource *out, const char *proc, const char *cgroup)
{
    char path[PATH_BYTES];
    char line[PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/self/cgroup", proc);
    FILE *file = fopen(path, "re");
    if (!file)
        return;
    while (fgets(line, sizeof line, file))
        tighten_by_line(out, cgroup, line);
    (void)fclose(file);
}

static void measure_pids(const char *proc, const char *cgroup, struct run_resource *out)
{
    uint64_t threads = count_host_threads(proc);
    *out = (struct run_resource){.name = "processes", .limit = UINT64_MAX, .used = 0};
    tighten(out, "processes of the host (kernel.pid_max)",
            read_proc_number(proc, "sys/kernel/pid_max"), threads);
    tighten(out, "threads of the host (kernel.threads-max)",
            read_proc_number(proc, "sys/kernel/threads-max"), threads);
    tighten_by_rlimit(out);
    tighten_by_cgroups(out, proc, cgroup);
}

void run_resources_measure(const struct run_resource_roots *roots,
                           struct run_resources *out_resources)
{
    const char *proc = roots->proc ? roots->proc : default_proc;
    const char *cgroup = roots->cgroup ? roots->cgroup : default_cgroup;
    measure_descriptors(proc, &out_resources->descriptors);
    measure_ptys(proc, &out_resources->ptys);
    measure_pids(proc, cgroup, &out_resources->pids);
}
