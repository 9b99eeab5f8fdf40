/*
 * The bare loop of starts: this very process starts /bin/true, so many at a time, reads its streams
 * to the end and waits for it. No client and no protocol: the floor under the rows of the servers.
 */
#include "tools/load/bare_starts.h"

#include "tools/load/bare_spawn.h"
#include "tools/load/base.h"
#include "tools/load/stats.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SLOTS_LIMIT = 8 };

struct starts;

/* One child at a time. */
struct slot {
    struct starts *starts;
    unsigned open; /* of its three sources */
    int stdin_fd;
    uint64_t start_ns;
    struct load_source sources[3]; /* stdout, stderr, pidfd */
};

struct starts {
    struct load_loop *loop;
    uint64_t until_ns;
    uint64_t done;
    unsigned running;
    bool has_failed;
    struct load_stats ends;
    struct slot slots[SLOTS_LIMIT];
};

static void start(struct slot *slot);

static void close_one(struct slot *slot, struct load_source *source)
{
    struct starts *starts = slot->starts;

    close(load_loop_take(starts->loop, source));
    if (--slot->open > 0)
        return;
    close(slot->stdin_fd);
    starts->running--;
    starts->done++;
    load_stats_add(&starts->ends, load_now_ns() - slot->start_ns);
    if (load_now_ns() < starts->until_ns)
        start(slot);
}

static void on_stream(struct slot *slot, struct load_source *source)
{
    char bytes[4096];

    if (read(source->fd, bytes, sizeof bytes) <= 0)
        close_one(slot, source);
}

static void on_stdout(void *context, unsigned ready)
{
    struct slot *slot = context;

    (void)ready;
    on_stream(slot, &slot->sources[0]);
}

static void on_stderr(void *context, unsigned ready)
{
    struct slot *slot = context;

    (void)ready;
    on_stream(slot, &slot->sources[1]);
}

static void on_exit_ready(void *context, unsigned ready)
{
    struct slot *slot = context;
    siginfo_t info;

    (void)ready;
    waitid(P_PIDFD, (id_t)slot->sources[2].fd, &info, WEXITED);
    close_one(slot, &slot->sources[2]);
}

static void start(struct slot *slot)
{
    char program[] = "/bin/true";
    char locale[] = "LC_ALL=C";
    char *const argv[] = {program, NULL};
    char *const env[] = {locale, NULL};
    struct starts *starts = slot->starts;
    struct load_bare_child child;

    slot->start_ns = load_now_ns();
    if (load_bare_spawn(argv, env, false, &child) != 0) {
        load_say("cannot start /bin/true: %s", strerror(errno));
        starts->has_failed = true;
        return;
    }
    slot->stdin_fd = child.stdin_fd;
    slot->sources[0] = (struct load_source){child.stdout_fd, 0, on_stdout, slot};
    slot->sources[1] = (struct load_source){child.stderr_fd, 0, on_stderr, slot};
    slot->sources[2] = (struct load_source){child.pidfd, 0, on_exit_ready, slot};
    slot->open = 3;
    starts->running++;
    for (int i = 0; i < 3; i++)
        load_loop_add(starts->loop, &slot->sources[i], LOAD_READABLE);
}

static void report(struct load_run *run, struct starts *starts, const struct load_measure *measure,
                   unsigned at_a_time)
{
    char title[32];
    char json[32];

    snprintf(title, sizeof title, "%u at a time", at_a_time);
    snprintf(json, sizeof json, "\"at_a_time\":%u", at_a_time);
    load_report_begin(&run->report, "bare spawn", "starts", title, json);
    load_report_add(&run->report, "starts", NULL, (double)starts->done);
    load_report_add(&run->report, "starts_per_s", "starts/s",
                    (double)starts->done * 1e9 / (double)measure->ns);
    load_report_add(&run->report, "end_p50_us", "closed p50, us",
                    (double)load_stats_percentile(&starts->ends, 500) / 1e3);
    load_report_add(&run->report, "end_p99_us", "closed p99, us",
                    (double)load_stats_percentile(&starts->ends, 990) / 1e3);
    load_report_add(&run->report, "server_cpu_us", "server CPU, us each",
                    (double)measure->client_cpu_ns / 1e3 / (double)starts->done);
    load_report_end(&run->report);
}

int load_bare_starts(struct load_run *run, unsigned at_a_time)
{
    struct starts starts = {.loop = &run->loop};
    struct load_measure measure;

    if (at_a_time > SLOTS_LIMIT)
        return 0;
    load_progress("bare spawn: starts, %u at a time", at_a_time);
    load_measure_begin(run, &measure);
    starts.until_ns = measure.ns + run->options->seconds * LOAD_NS_PER_S;
    for (unsigned i = 0; i < at_a_time; i++) {
        starts.slots[i].starts = &starts;
        start(&starts.slots[i]);
    }
    while (starts.running > 0)
        load_loop_run_once(&run->loop, -1);
    load_measure_end(run, &measure);
    if (starts.done > 0)
        report(run, &starts, &measure, at_a_time);
    load_stats_deinit(&starts.ends);
    return starts.has_failed ? LOAD_FAILED : 0;
}
