/*
 * Threads and locks for the engine's own use, the same on every system. Locks guard only short
 * list work inside the engine; none is ever held over a callback or a call that can wait.
 */
#ifndef IOCP_THREAD_H
#define IOCP_THREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Opaque room for the system's own types; thread_unix.c and thread_win.c assert that they fit. */
struct iocp_lock {
    _Alignas(8) unsigned char bytes[40];
};
struct iocp_cond {
    _Alignas(8) unsigned char bytes[48];
};
struct iocp_thread {
    _Alignas(8) unsigned char bytes[8];
};

/* A lock that one thread has at a time; not recursive. */
void iocp_lock_init(struct iocp_lock *lock);
void iocp_lock_deinit(struct iocp_lock *lock);
void iocp_lock_take(struct iocp_lock *lock);
void iocp_lock_give(struct iocp_lock *lock);

/* What threads wait for with a lock held. */
void iocp_cond_init(struct iocp_cond *cond);
void iocp_cond_deinit(struct iocp_cond *cond);
/* Waits with the lock held on entry and on return; may return without a reason. */
void iocp_cond_wait(struct iocp_cond *cond, struct iocp_lock *lock);
void iocp_cond_signal(struct iocp_cond *cond);
void iocp_cond_broadcast(struct iocp_cond *cond);

/* Starts a thread with all signals blocked. Returns 0 or the OS error. */
int iocp_thread_start(struct iocp_thread *thread, void (*run)(void *argument), void *argument);
void iocp_thread_join(struct iocp_thread *thread);

/* Processors that this process may use, at least 1. */
unsigned iocp_processors(void);

#endif
