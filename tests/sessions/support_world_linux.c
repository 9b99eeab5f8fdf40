/*
 * A port with a host, and what Linux can tell about leaks. See support.h.
 */
#include "support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

uint64_t sup_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Lets others run between two looks of a wait; the deadline is what ends it. */
static void pause_briefly(void)
{
    (void)poll(NULL, 0, 1);
}

uint64_t sup_open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    uint64_t count = 0;
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
        count += entry->d_name[0] != '.';
    (void)closedir(dir);
    return count - 1;
}

void sup_open_with(struct sup_world *world, const struct iocp_port_options *port_options,
                   const struct sess_host_options *options)
{
    int os_error = 0;
    (void)signal(SIGPIPE, SIG_IGN);
    world->descriptors_before = sup_open_descriptors();
    assert_int_equal(iocp_port_open(port_options, &world->port, &os_error), 0);
    assert_int_equal(sess_host_open(world->port, options, &world->host, &os_error), 0);
}

void sup_open(struct sup_world *world, const struct sess_host_options *options)
{
    const struct iocp_port_options port_options = {.workers = 4};
    sup_open_with(world, &port_options, options);
}

struct sess_host_stats sup_stats(const struct sup_world *world)
{
    struct sess_host_stats stats;
    sess_host_stats(world->host, &stats);
    return stats;
}

void sup_wait_stats(const struct sup_world *world, sup_stats_condition *condition,
                    uint64_t argument)
{
    uint64_t deadline_ms = sup_now_ms() + SUP_DEADLINE_MS;
    for (;;) {
        struct sess_host_stats stats = sup_stats(world);
        if (condition(&stats, argument))
            return;
        if (sup_now_ms() > deadline_ms)
            fail_msg("the host's counters never came true");
        pause_briefly();
    }
}

static bool is_empty(const struct sess_host_stats *stats, uint64_t unused)
{
    (void)unused;
    return stats->objects == 0;
}

struct closing {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool closed;
};

static void on_closed(void *context)
{
    struct closing *closing = context;
    (void)pthread_mutex_lock(&closing->lock);
    closing->closed = true;
    (void)pthread_cond_broadcast(&closing->changed);
    (void)pthread_mutex_unlock(&closing->lock);
}

void sup_close_host(struct sup_world *world)
{
    struct closing closing = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    struct timespec deadline;
    sess_host_close_start(world->host, on_closed, &closing);
    (void)clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += SUP_DEADLINE_MS / 1000;
    (void)pthread_mutex_lock(&closing.lock);
    while (!closing.closed &&
           pthread_cond_timedwait(&closing.changed, &closing.lock, &deadline) == 0)
        continue;
    (void)pthread_mutex_unlock(&closing.lock);
    assert_true(closing.closed);
}

void sup_close(struct sup_world *world)
{
    siginfo_t info;
    sup_wait_stats(world, is_empty, 0);
    struct sess_host_stats stats = sup_stats(world);
    assert_int_equal(stats.sessions, 0);
    assert_int_equal(stats.retained_bytes, 0);
    assert_int_equal(stats.descriptors, stats.orphans);
    sup_close_host(world);
    iocp_port_close(world->port);
    assert_int_equal(sup_open_descriptors(), world->descriptors_before);
    assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT), -1);
    assert_int_equal(errno, ECHILD);
}

bool sup_is_alive(int64_t pid)
{
    char path[64], text[512] = "";
    (void)snprintf(path, sizeof(path), "/proc/%lld/stat", (long long)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t size = read(fd, text, sizeof(text) - 1);
    (void)close(fd);
    const char *end = size > 0 ? strrchr(text, ')') : NULL;
    return end != NULL && end[2] != 'Z' && end[2] != 'X';
}

/* On a machine that is busy with thousands of processes each look at all of them takes seconds, and
 * a kill needs a few: the deadline is a long one. */
void sup_wait_dead(int64_t pid)
{
    enum { DEADLINES = 3 };
    assert_true(pid > 1);
    struct pollfd exit = {.fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0), .events = POLLIN};
    if (exit.fd < 0)
        return; /* it is gone, or reaped at this moment */
    int ready = poll(&exit, 1, DEADLINES * SUP_DEADLINE_MS);
    (void)close(exit.fd);
    if (ready != 1)
        fail_msg("process %lld lives on", (long long)pid);
}

uint64_t sup_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

uint64_t sup_below(uint64_t *state, uint64_t limit)
{
    return sup_random(state) % limit;
}

uint64_t sup_seed(void)
{
    const char *given = getenv("EXECPORT_SEED");
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    uint64_t seed = (uint64_t)now.tv_sec * 1000003 ^ (uint64_t)now.tv_nsec ^ (uint64_t)getpid();
    if (given != NULL)
        seed = strtoull(given, NULL, 0);
    print_message("seed: EXECPORT_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}
