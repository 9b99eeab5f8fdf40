/*
 * Threads and locks of Windows: slim reader/writer locks taken exclusively, condition variables,
 * and threads of the C runtime. None of the locks can fail.
 */
#include "iocp/thread.h"

#include <windows.h>

#include <process.h>
#include <stdlib.h>

_Static_assert(sizeof(SRWLOCK) <= sizeof(struct iocp_lock), "a lock fits");
_Static_assert(sizeof(CONDITION_VARIABLE) <= sizeof(struct iocp_cond), "a condition fits");
_Static_assert(sizeof(HANDLE) <= sizeof(struct iocp_thread), "a thread fits");

enum { STACK_BYTES = 256 * 1024 }; /* callbacks are shallow; untouched pages cost nothing */

struct start {
    void (*run)(void *argument);
    void *argument;
};

static SRWLOCK *srw(struct iocp_lock *lock)
{
    return (SRWLOCK *)(void *)lock->bytes;
}

static CONDITION_VARIABLE *condition(struct iocp_cond *cond)
{
    return (CONDITION_VARIABLE *)(void *)cond->bytes;
}

void iocp_lock_init(struct iocp_lock *lock)
{
    InitializeSRWLock(srw(lock));
}

void iocp_lock_deinit(struct iocp_lock *lock)
{
    (void)lock; /* holds nothing */
}

void iocp_lock_take(struct iocp_lock *lock)
{
    AcquireSRWLockExclusive(srw(lock));
}

void iocp_lock_give(struct iocp_lock *lock)
{
    ReleaseSRWLockExclusive(srw(lock));
}

void iocp_cond_init(struct iocp_cond *cond)
{
    InitializeConditionVariable(condition(cond));
}

void iocp_cond_deinit(struct iocp_cond *cond)
{
    (void)cond; /* holds nothing */
}

void iocp_cond_wait(struct iocp_cond *cond, struct iocp_lock *lock)
{
    if (!SleepConditionVariableSRW(condition(cond), srw(lock), INFINITE, 0))
        abort(); /* without a time limit it has no reason to fail */
}

void iocp_cond_signal(struct iocp_cond *cond)
{
    WakeConditionVariable(condition(cond));
}

void iocp_cond_broadcast(struct iocp_cond *cond)
{
    WakeAllConditionVariable(condition(cond));
}

static unsigned __stdcall run_start(void *argument)
{
    struct start start = *(struct start *)argument;
    free(argument);
    start.run(start.argument);
    return 0;
}

int iocp_thread_start(struct iocp_thread *thread, void (*run)(void *argument), void *argument)
{
    struct start *start = malloc(sizeof(*start));
    if (start == NULL)
        return ERROR_NOT_ENOUGH_MEMORY;
    *start = (struct start){run, argument};
    uintptr_t handle = _beginthreadex(NULL, STACK_BYTES, run_start, start,
                                      STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
    if (handle == 0) {
        unsigned long os_error = _doserrno;
        free(start);
        return os_error != 0 ? (int)os_error : ERROR_NOT_ENOUGH_MEMORY;
    }
    *(HANDLE *)(void *)thread->bytes = (HANDLE)handle;
    return 0;
}

void iocp_thread_join(struct iocp_thread *thread)
{
    HANDLE handle = *(HANDLE *)(void *)thread->bytes;
    if (WaitForSingleObject(handle, INFINITE) != WAIT_OBJECT_0)
        abort();
    (void)CloseHandle(handle);
}

unsigned iocp_processors(void)
{
    DWORD_PTR ours = 0, all = 0;
    unsigned count = 0;
    if (!GetProcessAffinityMask(GetCurrentProcess(), &ours, &all))
        return 1;
    if (ours == 0) { /* more than one group of processors */
        DWORD active = GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
        return active > 0 ? (unsigned)active : 1;
    }
    for (; ours != 0; ours &= ours - 1)
        count++;
    return count;
}
