/*
 * Tables of system calls and a memory whose n-th call fails. See test_failures.c.
 */
#ifndef TESTS_SESSIONS_SUPPORT_FAULTS_H
#define TESTS_SESSIONS_SUPPORT_FAULTS_H

#include "iocp/sys_linux.h"
#include "sessions/memory.h"
#include "sessions/sys_linux.h"

/* The calls that can be made to fail, by name. */
#define FAULTS_OF_SESSIONS(X)                                                                      \
    X(open)                                                                                        \
    X(read) X(dup_from) X(dup_cloexec) X(ioctl) X(clone) X(kill) X(pidfd_open)                     \
        X(pidfd_send_signal) X(wait_pidfd) X(close_range) X(setsid) X(set_death_signal)            \
            X(child_dup_from) X(dup2) X(child_ioctl) X(chdir) X(set_nofile) X(empty_mask)          \
                X(execve)
#define FAULTS_OF_IOCP(X)                                                                          \
    X(io_read) X(writev) X(pipe2) X(fcntl_setfl) X(epoll_ctl) X(waitid) X(alloc) X(map_pages)
#define FAULTS_OF_MEMORY(X) X(resize)

#define FAULT_NAME(name) FAULT_##name,
enum fault {
    FAULTS_OF_SESSIONS(FAULT_NAME) FAULTS_OF_IOCP(FAULT_NAME) FAULTS_OF_MEMORY(FAULT_NAME) FAULTS
};

extern const struct sess_sys faults_sess_sys;
extern const struct iocp_sys faults_iocp_sys;
extern const struct sess_memory faults_memory;

/* From now on call number n (from 1) of this kind fails; 0: none does. */
void faults_set(enum fault fault, unsigned n);

/* Calls of this kind since faults_set. */
unsigned faults_count(enum fault fault);

/* Whether the one that was to fail was made. */
bool faults_hit(void);

const char *faults_name(enum fault fault);

#endif
