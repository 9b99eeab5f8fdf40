/*
 * The bare loop of calls about files. What a call must ask of the system is asked, in the shortest
 * way: no sandbox, no other root, nothing replaced as a whole. No client and no protocol: the floor
 * under the rows of the servers.
 */
#include "tools/load/bare_files.h"

#include "tools/load/base.h"
#include "tools/load/stats.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool look_at(const char *path)
{
    struct statx stat;

    return statx(AT_FDCWD, path, 0, STATX_BASIC_STATS | STATX_BTIME, &stat) == 0;
}

static bool read_all(const char *path, size_t size_bytes)
{
    unsigned char bytes[FILES_LARGE_BYTES + 1];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat stat;
    bool is_right = fd >= 0 && fstat(fd, &stat) == 0 &&
                    read(fd, bytes, (size_t)stat.st_size + 1) == (ssize_t)size_bytes;

    return close(fd) == 0 && is_right;
}

static bool write_all(const struct files_tree *tree, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool is_right = fd >= 0 && write(fd, tree->large, FILES_SMALL_BYTES) == FILES_SMALL_BYTES;

    return close(fd) == 0 && is_right;
}

/* Lists a directory, and so many levels below it. Returns how many names there are. */
static unsigned list(const char *path, unsigned levels)
{
    char below[FILES_PATH_SIZE + NAME_MAX + 2];
    DIR *directory = opendir(path);
    const struct dirent *entry;
    unsigned count = 0;

    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        count++;
        if (levels == 0 || entry->d_type != DT_DIR)
            continue;
        snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
        count += list(below, levels - 1);
    }
    if (directory != NULL)
        closedir(directory);
    return count;
}

static bool find_real_path(const char *path)
{
    char link[32], real[4096];
    int fd = open(path, O_PATH | O_CLOEXEC);
    bool is_right;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    is_right = readlink(link, real, sizeof real) == (ssize_t)strlen(path);
    return close(fd) == 0 && is_right;
}

static bool call(const struct files_tree *tree, enum files_kind kind)
{
    char path[FILES_PATH_SIZE];

    files_path(tree, kind, 0, path);
    switch (kind) {
    case FILES_METADATA:
        return look_at(path);
    case FILES_READ_SMALL:
    case FILES_BLOCK:
        return read_all(path, FILES_SMALL_BYTES);
    case FILES_READ_LARGE:
        return read_all(path, FILES_LARGE_BYTES);
    case FILES_WRITE:
        return write_all(tree, path);
    case FILES_LIST:
        return list(path, 0) == FILES_LIST_ENTRIES;
    case FILES_REAL_PATH:
        return find_real_path(path);
    case FILES_WALK:
        return list(path, 1) == FILES_WALK_DIRECTORIES * (1 + FILES_WALK_EACH);
    case FILES_KINDS:
        break;
    }
    return false;
}

static void report(struct load_run *run, enum files_kind kind, const struct load_measure *measure,
                   struct load_stats *times)
{
    char title[48];
    char json[64];
    double calls = (double)times->count;

    snprintf(title, sizeof title, "%s, 1 in flight", files_kind_name(kind));
    snprintf(json, sizeof json, "\"call\":\"%s\",\"in_flight\":1", files_kind_name(kind));
    load_report_begin(&run->report, "bare calls", "files", title, json);
    load_report_add(&run->report, "calls", NULL, calls);
    load_report_add(&run->report, "calls_per_s", "calls/s", calls * 1e9 / (double)measure->ns);
    load_report_add(&run->report, "p50_us", "p50, us",
                    (double)load_stats_percentile(times, 500) / 1e3);
    load_report_add(&run->report, "p99_us", "p99, us",
                    (double)load_stats_percentile(times, 990) / 1e3);
    load_report_add(&run->report, "server_cpu_us", "server CPU, us each",
                    (double)measure->client_cpu_ns / 1e3 / calls);
    load_report_end(&run->report);
}

static int run_kind(struct load_run *run, const struct files_tree *tree, enum files_kind kind)
{
    struct load_measure measure;
    struct load_stats times = {0};
    uint64_t now_ns, until_ns;
    bool is_right = true;

    load_progress("bare calls: files %s", files_kind_name(kind));
    load_measure_begin(run, &measure);
    now_ns = measure.ns;
    until_ns = now_ns + run->options->seconds * LOAD_NS_PER_S;
    while (is_right && now_ns < until_ns) {
        uint64_t begin_ns = now_ns;

        is_right = call(tree, kind);
        now_ns = load_now_ns();
        load_stats_add(&times, now_ns - begin_ns);
    }
    load_measure_end(run, &measure);
    if (is_right)
        report(run, kind, &measure, &times);
    load_stats_deinit(&times);
    return is_right ? 0 : load_say("bare calls: %s failed", files_kind_name(kind));
}

int load_bare_files(struct load_run *run)
{
    struct files_tree *tree = load_alloc(1, sizeof *tree);
    bool wanted[FILES_KINDS];
    int result = load_files_wanted(run->options, wanted);

    if (result == 0)
        result = files_tree_init(tree);
    for (unsigned kind = 0; result == 0 && kind < FILES_KINDS; kind++)
        if (wanted[kind])
            result = run_kind(run, tree, (enum files_kind)kind);
    files_tree_deinit(tree);
    free(tree);
    return result;
}
