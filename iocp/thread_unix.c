/*
 * Threads and locks by pthreads. Threads start with every signal blocked: signals are for the
 * thread that the program chose, never for a worker in the middle of a callback.
 */
#include "iocp/thread.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>

_Static_assert(sizeof(pthread_mutex_t) <= sizeof(struct iocp_lock), "a mutex fits");
_Static_assert(sizeof(pthread_cond_t) <= sizeof(struct iocp_cond), "a condition fits");
_Static_assert(sizeof(pthread_t) <= sizeof(struct iocp_thread), "a thread fits");

enum { STACK_BYTES = 256 * 1024 }; /* callbacks are shallow; untouched pages cost nothing */

struct start {
    void (*run)(void *argument);
    void *argument;
};

static pthread_mutex_t *mutex(struct iocp_lock *lock)
{
    return (pthread_mutex_t *)(void *)lock->bytes;
}

static pthread_cond_t *condition(struct iocp_cond *cond)
{
    return (pthread_cond_t *)(void *)cond->bytes;
}

static void must(int os_error)
{
    if (os_error != 0)
        abort();
}

void iocp_lock_init(struct iocp_lock *lock)
{
    must(pthread_mutex_init(mutex(lock), NULL));
}

void iocp_lock_deinit(struct iocp_lock *lock)
{
    must(pthread_mutex_destroy(mutex(lock)));
}

void iocp_lock_take(struct iocp_lock *lock)
{
    must(pthread_mutex_lock(mutex(lock)));
}

void iocp_lock_give(struct iocp_lock *lock)
{
    must(pthread_mutex_unlock(mutex(lock)));
}

void iocp_cond_init(struct iocp_cond *cond)
{
    must(pthread_cond_init(condition(cond), NULL));
}

void iocp_cond_deinit(struct iocp_cond *cond)
{
    must(pthread_cond_destroy(condition(cond)));
}

void iocp_cond_wait(struct iocp_cond *cond, struct iocp_lock *lock)
{
    must(pthread_cond_wait(condition(cond), mutex(lock)));
}

void iocp_cond_signal(struct iocp_cond *cond)
{
    must(pthread_cond_signal(condition(cond)));
}

void iocp_cond_broadcast(struct iocp_cond *cond)
{
    must(pthread_cond_broadcast(condition(cond)));
}

static void *run_start(void *argument)
{
    struct start start = *(struct start *)argument;
    free(argument);
    start.run(start.argument);
    return NULL;
}

int iocp_thread_start(struct iocp_thread *thread, void (*run)(void *argument), void *argument)
{
    struct start *start = malloc(sizeof(*start));
    if (start == NULL)
        return ENOMEM;
    *start = (struct start){run, argument};
    sigset_t all, before;
    sigfillset(&all);
    must(pthread_sigmask(SIG_SETMASK, &all, &before));
    pthread_attr_t attributes;
    must(pthread_attr_init(&attributes));
    must(pthread_attr_setstacksize(&attributes, STACK_BYTES));
    int os_error =
        pthread_create((pthread_t *)(void *)thread->bytes, &attributes, run_start, start);
    must(pthread_attr_destroy(&attributes));
    must(pthread_sigmask(SIG_SETMASK, &before, NULL));
    if (os_error != 0)
        free(start);
    return os_error;
}

void iocp_thread_join(struct iocp_thread *thread)
{
    must(pthread_join(*(pthread_t *)(void *)thread->bytes, NULL));
}

unsigned iocp_processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) != 0)
        return 1;
    int count = CPU_COUNT(&set);
    return count > 0 ? (unsigned)count : 1;
}
