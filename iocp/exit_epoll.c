/*
 * Process exits on epoll: a pidfd is readable when its process has exited (pidfd_open(2)).
 *
 * submit    registers the pidfd and parks
 * complete  waitid(2) with WNOWAIT tells code and signal and leaves the process a zombie, so its id
 *           and its group's stay taken until the owner reaps it
 * cancel    unparks and asks a last time
 * close     with completion the pidfd leaves epoll; iocp_exit_reap closes it
 */
#include "iocp/port_epoll.h"
#include "iocp/sys_linux.h"

#include <errno.h>
#include <string.h>

void iocp_exit_start(struct iocp_exit *exit, struct iocp_strand *strand, iocp_handle handle,
                     iocp_callback *on_exit)
{
    assert(handle >= 0 && on_exit != NULL);
    struct iocp_op *op = &exit->op;
    int os_error = 0;
    *exit = (struct iocp_exit){.handle = handle};
    iocp_op_prepare(op, strand, IOCP_OP_EXIT, on_exit);
    iocp_op_begin(op);
    int result = iocp_slot_open(strand->port, (int)handle, EPOLLIN, true, &exit->slot, &os_error);
    if (result != 0)
        iocp_op_finish(op, result, os_error);
    else if (!iocp_slot_park(strand->port, exit->slot, IOCP_IN, op))
        iocp_strand_push(op);
}

void iocp_exit_cancel(struct iocp_exit *exit)
{
    struct iocp_op *op = &exit->op;
    if (!iocp_pending(op))
        return;
    op->flags |= IOCP_F_CANCEL;
    if (exit->slot != IOCP_NO_SLOT && iocp_slot_unpark(op->strand->port, exit->slot, IOCP_IN))
        iocp_strand_push(op);
}

/* Asks for the exit without reaping. 1: it has exited; 0: not yet; else -errno. */
static int ask(const struct iocp_port *port, struct iocp_exit *exit)
{
    siginfo_t info;
    memset(&info, 0, sizeof(info));
    int options = WEXITED | WNOHANG | WNOWAIT;
    if (port->sys->waitid((int)exit->handle, &info, options, NULL) != 0)
        return -errno;
    if (info.si_pid == 0)
        return 0;
    exit->code = info.si_code == CLD_EXITED ? info.si_status : 0;
    exit->signal = info.si_code == CLD_EXITED ? 0 : info.si_status;
    return 1;
}

bool iocp_exit_step(struct iocp_worker *worker, struct iocp_op *op)
{
    struct iocp_exit *exit = IOCP_OWNER(op, struct iocp_exit, op);
    struct iocp_port *port = worker->port;
    int answer;
    for (;;) {
        iocp_slot_try(port, exit->slot, IOCP_IN);
        answer = ask(port, exit);
        if (answer != 0 || (op->flags & IOCP_F_CANCEL))
            break;
        iocp_slot_forget_gone(port, exit->slot, IOCP_IN);
        if (iocp_slot_park(port, exit->slot, IOCP_IN, op))
            return false;
    }
    op->os_error = answer < 0 ? -answer : 0;
    op->result = answer == 0 ? IOCP_E_CANCELLED : iocp_error_from_os(op->os_error);
    iocp_slot_close(port, exit->slot, (int)exit->handle);
    exit->slot = IOCP_NO_SLOT;
    return true;
}

static uint64_t microseconds(const struct timeval *time)
{
    return (uint64_t)time->tv_sec * 1000000 + (uint64_t)time->tv_usec;
}

void iocp_exit_reap(struct iocp_exit *exit, struct iocp_usage *out_usage)
{
    assert(!iocp_pending(&exit->op) && exit->handle != IOCP_NO_HANDLE);
    const struct iocp_port *port = exit->op.strand->port;
    struct rusage usage;
    siginfo_t info;
    memset(&usage, 0, sizeof(usage));
    memset(&info, 0, sizeof(info));
    (void)port->sys->waitid((int)exit->handle, &info, WEXITED | WNOHANG, &usage);
    (void)port->sys->close((int)exit->handle);
    exit->handle = IOCP_NO_HANDLE;
    if (out_usage == NULL)
        return;
    out_usage->user_us = microseconds(&usage.ru_utime);
    out_usage->system_us = microseconds(&usage.ru_stime);
    out_usage->peak_rss_bytes = (uint64_t)usage.ru_maxrss * 1024;
}
