/*
 * Tables of system calls and a memory whose n-th call fails. See test_failures.c.
 */
#ifndef TESTS_SESSIONS_SUPPORT_FAULTS_H
#define TESTS_SESSIONS_SUPPORT_FAULTS_H

#include "iocp/sys_linux.h"
#include "sessions/memory.h"
#include "sessions/sys_linux.h"

/* The calls that can be made to fail. */
enum fault {
    /* of sessions/ */
    FAULT_open,
    FAULT_read,
    FAULT_dup_from,
    FAULT_dup_cloexec,
    FAULT_ioctl,
    FAULT_clone,
    FAULT_kill,
    FAULT_pidfd_open,
    FAULT_pidfd_send_signal,
    FAULT_wait_pidfd,
    FAULT_close_range,
    FAULT_setsid,
    FAULT_set_death_signal,
    FAULT_child_dup_from,
    FAULT_dup2,
    FAULT_child_ioctl,
    FAULT_chdir,
    FAULT_set_nofile,
    FAULT_empty_mask,
    FAULT_execve,
    /* of iocp/ */
    FAULT_io_read,
    FAULT_writev,
    FAULT_pipe2,
    FAULT_fcntl_setfl,
    FAULT_epoll_ctl,
    FAULT_waitid,
    FAULT_alloc,
    FAULT_map_pages,
    FAULT_resize, /* memory */
    FAULTS
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

#endif
