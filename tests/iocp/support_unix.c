/*
 * Support on Unix: the program's limits and signals, threads, waiting, and what Linux counts in
 * /proc.
 *
 * One lock and one condition serve all tallies; that is enough for tests. They and the saved limit
 * of descriptors are the only state at file scope.
 */
#include "support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t tally_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t tally_changed = PTHREAD_COND_INITIALIZER;
static rlim_t saved_files_limit;

/* ---- The program --------------------------------------------------------------------------- */

static void mask_broken_pipe(int how)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    (void)pthread_sigmask(how, &set, NULL);
}

void sup_let_broken_pipes_kill(void)
{
    (void)signal(SIGPIPE, SIG_DFL);
    mask_broken_pipe(SIG_UNBLOCK);
}

/* ---- Threads and waiting ------------------------------------------------------------------- */

struct sup_thread {
    pthread_t id;
    pid_t number; /* its own */
    void (*run)(void *argument);
    void *argument;
};

static void *thread_main(void *argument)
{
    struct sup_thread *thread = argument;
    thread->number = gettid();
    thread->run(thread->argument);
    return NULL;
}

struct sup_thread *sup_thread_start(void (*run)(void *argument), void *argument)
{
    struct sup_thread *thread = sup_new(sizeof *thread);
    thread->run = run;
    thread->argument = argument;
    assert_int_equal(pthread_create(&thread->id, NULL, thread_main, thread), 0);
    return thread;
}

/* The kernel tells nobody when a joined thread leaves /proc, where threads are counted. */
void sup_thread_join(struct sup_thread *thread)
{
    char path[64];
    assert_int_equal(pthread_join(thread->id, NULL), 0);
    snprintf(path, sizeof path, "/proc/self/task/%d", (int)thread->number);
    while (access(path, F_OK) == 0)
        sup_observe_ms(1);
    free(thread);
}

static void do_nothing(void *argument)
{
    (void)argument;
}

void sup_begin(void)
{
    struct rlimit limit;
    setvbuf(stdout, NULL, _IOLBF, 0);
    mask_broken_pipe(SIG_BLOCK);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    /* The first thread makes ThreadSanitizer start one of its own, which stays. */
    sup_thread_join(sup_thread_start(do_nothing, NULL));
}

uint64_t sup_thread_id(void)
{
    return (uint64_t)gettid();
}

void sup_tally_add(struct sup_tally *tally, uint64_t n)
{
    pthread_mutex_lock(&tally_lock);
    tally->count += n;
    pthread_cond_broadcast(&tally_changed);
    pthread_mutex_unlock(&tally_lock);
}

uint64_t sup_tally_count(struct sup_tally *tally)
{
    pthread_mutex_lock(&tally_lock);
    uint64_t count = tally->count;
    pthread_mutex_unlock(&tally_lock);
    return count;
}

static struct timespec realtime_after(unsigned duration_ms)
{
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    at.tv_sec += duration_ms / 1000;
    at.tv_nsec += (long)(duration_ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

bool sup_tally_wait(struct sup_tally *tally, uint64_t at_least, unsigned timeout_ms)
{
    struct timespec until = realtime_after(timeout_ms);
    int error = 0;
    pthread_mutex_lock(&tally_lock);
    while (tally->count < at_least && error == 0)
        error = pthread_cond_timedwait(&tally_changed, &tally_lock, &until);
    bool reached = tally->count >= at_least;
    pthread_mutex_unlock(&tally_lock);
    return reached;
}

uint64_t sup_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void sup_spin(uint32_t n)
{
    volatile uint32_t sink = 0;
    for (uint32_t i = 0; i < n * 64; i++)
        sink = sink + i;
}

void sup_yield(void)
{
    (void)sched_yield();
}

void sup_observe_ms(unsigned duration_ms)
{
    struct timespec left = {duration_ms / 1000, (long)(duration_ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

/* ---- Counting ------------------------------------------------------------------------------ */

static int count_entries(const char *path)
{
    DIR *directory = opendir(path);
    if (directory == NULL)
        return -1;
    int count = 0;
    for (const struct dirent *entry = readdir(directory); entry; entry = readdir(directory))
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

int sup_handles(void)
{
    int count = count_entries("/proc/self/fd");
    return count < 0 ? -1 : count - 1; /* the directory itself */
}

unsigned sup_handles_room(unsigned wanted)
{
    struct rlimit files;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    rlim_t room = files.rlim_cur > 512 ? files.rlim_cur - 256 : files.rlim_cur / 2;
    return room < wanted ? (unsigned)room : wanted;
}

int sup_threads(void)
{
    return count_entries("/proc/self/task");
}

bool sup_threads_settle(int count)
{
    uint64_t deadline_ms = sup_now_ms() + SUP_DEADLINE_MS;
    while (sup_threads() > count) {
        if (sup_now_ms() > deadline_ms)
            return false;
        sup_observe_ms(1); /* see sup_thread_join */
    }
    return true;
}

/* A limit at the lowest free number leaves none: numbers are given out from below. */
bool sup_handles_exhaust(void)
{
    struct rlimit limit;
    int lowest = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (lowest < 0 || getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return false;
    close(lowest);
    saved_files_limit = limit.rlim_cur;
    limit.rlim_cur = (rlim_t)lowest;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

void sup_handles_restore(void)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = saved_files_limit;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

bool sup_resets_last(void)
{
    return true;
}

bool sup_tells_usage(void)
{
    return true;
}

bool sup_os_error(unsigned index, int *out_os_error, int *out_expected)
{
    static const int known[][2] = {
        {0, IOCP_OK},
        {EMFILE, IOCP_E_NOFILES},
        {ENFILE, IOCP_E_NOFILES},
        {ENOMEM, IOCP_E_NOMEM},
        {EPIPE, IOCP_E_BROKEN},
        {ECONNRESET, IOCP_E_RESET},
        {EADDRINUSE, IOCP_E_IN_USE},
        {EACCES, IOCP_E_ACCESS},
        {EPERM, IOCP_E_ACCESS},
        {ENOENT, IOCP_E_NOT_FOUND},
        {EINVAL, IOCP_E_INVALID},
        {EXDEV, IOCP_E_OS},
    };
    if (index >= sizeof known / sizeof known[0])
        return false;
    *out_os_error = known[index][0];
    *out_expected = known[index][1];
    return true;
}
